"""Commands sent one by one over one connection, with the replies to each."""

import functools
import itertools
import json
import uuid

from specbus.spec.samples import smallest
from specbus.verify.asyncapi import Message, WebSocketDocument
from specbus.verify.failures import Broken, TimedOut
from specbus.verify.peer import Frame, Peer
from specbus.verify.target import Target


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

    def good(self) -> tuple[Frame, Message]:
        """A frame that must be taken, with a correlation id of its own, and what it is."""
        frame, message = self._good
        return with_id(self._document, message, frame, "good", next(self._numbers)), message

    def _replies_until(self, good: Frame, message: Message) -> list[Frame]:
        """All replies up to that to `good`."""
        field = self._document.correlation
        known = field is not None and field in good
        replies: list[Frame] = []
        until = self.target.deadline()
        # Without correlation ids, the second reply is taken for that to `good`, unless there are more.
        while not (replies and replies[-1].get(field) == good[field] if known and field else len(replies) == 2):
            try:
                frame = self.peer.receive(until)
            except TimedOut:
                its = f" with its {field}" if known else ""
                raise Broken(f"after it, a valid {message.name} is not answered{its}") from None
            if self._is_reply(frame):
                replies.append(frame)
        if not known:
            self.peer.raw.ping().wait(self.target.timeout())
            replies += filter(self._is_reply, self.peer.arrived())
        return replies

    @functools.cached_property
    def _good(self) -> tuple[Frame, Message]:
        document = self._document
        accepted = [
            (message.ours(example, self.target.prefix), message)
            for operation in document.operations
            for message in operation.messages
            for example in [smallest(message.schema), *message.examples]
            if message.rules.accepts(example)
        ]
        if not accepted:
            raise Broken(f"{document.place} has no message with an example that it allows", rule=document.place)
        # Its reply can be told from others if it has an id; the shortest asks for least.
        field = document.correlation
        return min(
            accepted,
            key=lambda pair: (field not in with_id(document, pair[1], pair[0], "good", 0), len(json.dumps(pair[0]))),
        )

    def _is_reply(self, frame: Frame) -> bool:
        return self._document.sent_as(frame) in self._document.replies


def with_id(document: WebSocketDocument, message: Message, frame: Frame, word: str, number: int) -> Frame:
    """`frame` with a correlation id that no other pair of `word` and `number` gets; as it is, if it may have none."""
    field = document.correlation
    if field is None:
        return frame
    whole = 2 * number + (word == "good")
    for value in (f"{word}-{number}", f"{whole:x}", str(uuid.UUID(int=whole, version=4)), whole):
        if message.rules.accepts({**frame, field: value}):
            return {**frame, field: value}
    return frame
