"""Commands sent one by one over one connection, with the replies to each."""

import functools
import itertools
import json
import uuid
from typing import Any

from specbus.spec import schemas
from specbus.spec.samples import smallest
from specbus.verify.asyncapi import Frame, Message
from specbus.verify.failures import Broken, TimedOut
from specbus.verify.peer import Peer
from specbus.verify.target import Target
from specbus.verify.values import one, texts
from specbus.verify.websocket.values import counted

_MANY = 500
"""Correlation ids that do for one conversation."""


class Conversation:
    """A connection on which frames are sent one by one, each followed by one that is known to be good."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._document = target.document
        self._peer: Peer | None = None
        self._numbers = itertools.count()

    @property
    def peer(self) -> Peer:
        """The connection; a new one after it was lost."""
        if self._peer is None:
            self._peer = self.target.peer()
        return self._peer

    def lose(self) -> None:
        """Give the connection up: what is on it belongs to a case that is over."""
        if self._peer:
            self._peer.close()
        self._peer = None

    def replies_to(self, data: str | bytes | tuple[str, ...], *, text: bool = True) -> list[Frame]:
        """What answers the frame `data`: all replies that come before the one to a good frame sent after it."""
        good, message = self.good()
        try:
            self.peer.send(data, text=text)
            self.peer.send(good)
            replies = self._replies_until(good, message)
            if self._document.is_refusal(replies[-1]):
                raise Broken(f"after it, a valid {message.name} is refused")
            return replies[:-1]
        except Broken:
            self.lose()
            raise

    def reply_to(self, data: str, what: str) -> Frame:
        """The one reply to the frame `data`, which is called `what`. Raises Broken if there is none, or more."""
        replies = self.replies_to(data)
        if len(replies) != 1:
            raise Broken(f"{what} gets {counted(len(replies), 'reply', 'replies')} instead of one")
        return replies[0]

    def good(self) -> tuple[Frame, Message]:
        """A frame that must be taken, with a correlation id of its own, and what it is."""
        frame, message = self._good
        return with_id(message, frame, "good", next(self._numbers)), message

    def _replies_until(self, good: Frame, message: Message) -> list[Frame]:
        """All replies up to that to `good`."""
        field = message.correlation
        known = field is not None and field in good
        replies: list[Frame] = []
        until = self.target.deadline()
        # Without correlation ids, the second reply is taken for that to `good`, unless there are more.
        while not (replies and self._is_of(replies[-1], good, message) if known else len(replies) == 2):
            try:
                frame = self.peer.receive(until)
            except TimedOut:
                its = f" with its {field}" if known else ""
                raise Broken(f"after it, a valid {message.name} is not answered{its}") from None
            if self._document.is_reply(frame):
                replies.append(frame)
        if not known:
            self.peer.raw.ping().wait(self.target.timeout())
            replies += filter(self._document.is_reply, self.peer.arrived())
        return replies

    def _is_of(self, reply: Frame, good: Frame, message: Message) -> bool:
        """Whether `reply` has the correlation id of `good`."""
        id_ = good[message.correlation] if message.correlation else None
        return bool(self._document.correlation_of(reply, message) == id_)

    @functools.cached_property
    def _good(self) -> tuple[Frame, Message]:
        document = self._document
        accepted = [
            (message.ours(frame, self.target.prefix), message)
            for message in document.received
            for frame in [smallest(message.schema), *message.examples]
            if message.rules.accepts(frame)
        ]
        if not accepted:
            accepted = [(one(message.schema, message.place), message) for message in document.received[:1]]
        # Its reply can be told from others if it has an id; the shortest asks for least.
        return min(accepted, key=lambda pair: (not _may_have_id(*pair), len(json.dumps(pair[0]))))


def _may_have_id(frame: Frame, message: Message) -> bool:
    return message.correlation in with_id(message, frame, "good", 0)


def with_id(message: Message, frame: Frame, word: str, number: int) -> Frame:
    """`frame` with a correlation id that no other pair of `word` and `number` gets; as it is, if it may have none."""
    field = message.correlation
    if field is None:
        return frame
    whole = 2 * number + (word == "good")
    known = (f"{word}-{number}", f"{whole:x}", str(uuid.UUID(int=whole, version=4)), whole)
    ids = _ids(json.dumps(schemas.field(message.schema, field)))
    # Where there are few, one is the same as another's sooner or later.
    candidates = known if len(ids) == _MANY else ids[whole : whole + 1]
    for value in (*candidates, *ids[whole % _MANY :][:1]):
        if message.rules.accepts({**frame, field: value}):
            return {**frame, field: value}
    return frame


@functools.lru_cache
def _ids(schema: str) -> list[Any]:
    """Correlation ids that a schema, given as JSON, takes: many, or all that are known."""
    return list(itertools.islice(texts(json.loads(schema), "id-", 0), _MANY))
