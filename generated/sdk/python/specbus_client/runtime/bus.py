"""Commands with their replies, and streams of events, over one connection."""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

from pydantic_core import to_json, to_jsonable_python

from .backoff import Backoff
from .connection import Connection
from .deadline import Deadline
from .encoding import decode_object, encode
from .errors import (
    AlreadySubscribed,
    ClientClosed,
    ClientError,
    InvalidReply,
    ReplyError,
    ReplyTimeout,
    SubscriptionEnded,
    UnknownOutcome,
)
from .notices import Dropped, Notice, Refused, Resubscribed, ResubscribeRefused, StateChanged
from .protocol import Command, Frame, Kind, Protocol, Reply, StreamKind, find, put
from .route import Route
from .subscription import Inbox, Subscription, read

_LOG = logging.getLogger((__package__ or "").removesuffix(".runtime"))
_MAX_LOGGED = 200
"""Characters of a frame in a log line."""
_MAX_STRAYS = 1_000
_TOO_BIG = 1009
_REFUSALS = {1003: "no such data", 1007: "no text", 1008: "against the policy", _TOO_BIG: "too big"}
"""Codes with which a server closes because of a message that it did not take (RFC 6455, 7.4.1), and what each says.

With all others, a command may have been carried out before.
"""


@dataclass(slots=True, eq=False)
class _Pending:
    """A command whose reply has not come yet."""

    id: Any
    request: Frame
    data: bytes
    replies: frozenset[str]
    done: Callable[[Kind | None, Frame], None]
    failed: Callable[[ClientError], None]
    is_sent: bool = False
    is_given_up: bool = False
    """Only without correlation, where replies come in order: nobody waits for it, but its reply is still to come."""
    timer: Deadline | None = None


@dataclass(slots=True, eq=False)
class _Started:
    """A subscription to a stream of events, as long as it is wanted."""

    stream: StreamKind
    key: Any
    frame: Frame
    inbox: Inbox
    raw: bool
    retry: bool
    timeout: float | None
    state: Literal["idle", "asked", "active"] = "idle"
    """Only while it is active are events delivered: what comes before the reply belongs to an earlier subscription."""
    was_accepted: bool = False
    attempt: int = 0
    pending: _Pending | None = None
    timer: asyncio.TimerHandle | Deadline | None = None


@dataclass(slots=True, eq=False)
class _Feed:
    """A subscription to frames that the server sends unasked."""

    kinds: frozenset[str]
    inbox: Inbox
    raw: bool


class Bus:
    """The WebSocket side of a client."""

    def __init__(
        self,
        protocol: Protocol,
        url: str,
        route: Route,
        headers: dict[str, str],
        *,
        timeout: float,
        backoff: Backoff,
        heartbeat: float | None,
    ) -> None:
        """The arguments are those of Connection; `timeout` is for commands, too."""
        self._protocol = protocol
        self._timeout = timeout
        self._backoff = backoff
        self.connection = Connection(url, route, headers, self, timeout=timeout, backoff=backoff, heartbeat=heartbeat)
        self._callbacks: dict[object, Callable[[Notice], object]] = {}
        self._kinds = {kind.constants[protocol.tag]: kind for kind in protocol.kinds} if protocol.tag else {}
        self._by_name = {kind.name: kind for kind in protocol.kinds}
        self._events = frozenset(stream.event for stream in protocol.streams)
        self._heads = [pattern for stream in protocol.streams for pattern in self._head(stream)]
        self._count = 0
        self._pending: dict[Any, _Pending] = {}
        self._strays: dict[Any, int] = {}
        """Sizes of frames sent on this connection that may yet be refused, though nobody waits for that: the newest."""
        self._started: dict[tuple[str, Any], _Started] = {}
        self._feeds: dict[_Feed, None] = {}

    def on_notice(self, callback: Callable[[Notice], object]) -> Callable[[], None]:
        """Call `callback` with each notice from now on. Returns a function that stops that."""
        token = object()
        self._callbacks[token] = callback

        def end() -> None:
            self._callbacks.pop(token, None)

        return end

    async def request(self, command: Command[Reply], frame: Frame, timeout: float | None) -> Reply:
        """Send a command, and return its reply as a model; None, once it is sent, if the command has no reply.

        Raises:
            ReplyError: The server refused it.
            ReplyTimeout, UnknownOutcome, ClientClosed, InvalidReply: There is no reply, or not a valid one.
        """
        answer: asyncio.Future[tuple[Kind | None, Frame]] = asyncio.get_running_loop().create_future()

        def done(kind: Kind | None, reply: Frame) -> None:
            if not answer.done():
                answer.set_result((kind, reply))

        def failed(error: ClientError) -> None:
            if not answer.done():
                answer.set_exception(error)

        pending = self._ask(command, frame, timeout, done, failed)
        try:
            kind, reply = await answer
        finally:
            self._give_up(pending)
        return cast("Reply", read(kind.model, reply) if kind else None)

    def subscribe(
        self, stream: StreamKind, frame: Frame, *, queue_size: int, raw: bool, retry: bool, timeout: float | None
    ) -> Subscription[Any]:
        """Subscribe with `frame`.

        Raises:
            AlreadySubscribed: This client has that subscription.
            ClientClosed: The client is not connected.
        """
        key = to_jsonable_python(frame[stream.key])
        earlier = self._started.get((stream.event, key))
        if earlier and earlier.inbox.is_abandoned:
            self._leave(earlier)
        elif earlier:
            raise AlreadySubscribed(f"this client is subscribed to {key} already")
        inbox = Inbox(queue_size, lambda count: self._tell(Dropped(key, count, "client")))
        started = _Started(stream, key, frame, inbox, raw, retry, timeout)
        self._start(started)
        self._started[stream.event, key] = started
        return Subscription(inbox, partial(self._leave, started), self.connection.heard, raw=raw)

    def feed(self, kinds: tuple[str, ...], *, queue_size: int, raw: bool) -> Subscription[Any]:
        """Subscribe to frames of those kinds, which come unasked."""
        inbox = Inbox(queue_size, lambda count: self._tell(Dropped(" or ".join(kinds), count, "client")))
        feed = _Feed(frozenset(kinds), inbox, raw)
        self._feeds[feed] = None
        inbox.accept()

        def leave() -> None:
            self._feeds.pop(feed, None)
            inbox.end()

        return Subscription(inbox, leave, self.connection.heard, raw=raw)

    # Commands

    def _ask(
        self,
        command: Command[Any],
        frame: Frame,
        timeout: float | None,
        done: Callable[[Kind | None, Frame], None],
        failed: Callable[[ClientError], None],
    ) -> _Pending:
        """Send a command once there is a connection. `done` or `failed` is called within `timeout` seconds."""
        if self.connection.state == "closed":
            raise ClientClosed("the client is not connected")
        self._count += 1
        id_: Any = self._count
        if self._protocol.correlation and command.replies:
            id_ = self._protocol.correlation_id(id_)
            put(frame, self._protocol.correlation, id_)
        pending = _Pending(id_, frame, encode(frame).encode(), command.replies, done, failed)
        seconds = self._timeout if timeout is None else timeout
        pending.timer = Deadline(seconds, self.connection.heard, self._time_out, pending, seconds)
        self._pending[id_] = pending
        if self.connection.state == "connected":
            self._send(pending)
        return pending

    def _send(self, pending: _Pending) -> None:
        pending.is_sent = True
        self.connection.send(pending.data)
        if not pending.replies:
            self._settle(pending)
            self._stray(pending)
            pending.done(None, {})

    def _settle(self, pending: _Pending) -> None:
        if pending.timer:
            pending.timer.cancel()
        self._pending.pop(pending.id, None)

    def _give_up(self, pending: _Pending) -> None:
        """Forget a command for whose reply nobody waits any more."""
        if pending.is_sent and not self._protocol.correlation and pending.id in self._pending:
            # Its reply is still to come, and must not be taken for that of the next command.
            if pending.timer:
                pending.timer.cancel()
            pending.is_given_up = True
        else:
            if pending.is_sent and pending.id in self._pending:
                self._stray(pending)
            self._settle(pending)

    def _stray(self, pending: _Pending) -> None:
        """Remember that a refusal may yet come of what nobody waits for."""
        self._strays[pending.id] = len(pending.data)
        if len(self._strays) > _MAX_STRAYS:
            del self._strays[next(iter(self._strays))]

    def _fail(self, pending: _Pending, error: ClientError) -> None:
        self._give_up(pending)
        pending.failed(error)

    def _time_out(self, pending: _Pending, seconds: float) -> None:
        self._fail(pending, ReplyTimeout(seconds, pending.request, sent=pending.is_sent))

    # Streams

    def _start(self, started: _Started) -> None:
        started.state = "asked"
        started.pending = self._ask(
            started.stream.command,
            started.frame,
            started.timeout,
            lambda _kind, _reply: self._accepted(started),
            lambda error: self._not_accepted(started, error),
        )

    def _accepted(self, started: _Started) -> None:
        started.state, started.pending, started.attempt = "active", None, 0
        for name in started.stream.once:
            started.frame.pop(name, None)
        if started.was_accepted:
            self._tell(Resubscribed(started.key))
        started.was_accepted = True
        started.inbox.accept()

    def _not_accepted(self, started: _Started, error: ClientError) -> None:
        started.state, started.pending = "idle", None
        if not self._is_wanted(started):
            return
        if isinstance(error, UnknownOutcome):
            # It is resent on the next connection. Who waits for its first reply must not do so for ever.
            if not started.was_accepted:
                seconds = self._timeout if started.timeout is None else started.timeout
                timeout = ReplyTimeout(seconds, error.request, sent=True)
                started.timer = Deadline(seconds, self.connection.heard, self._end, started, timeout)
            return
        if not started.was_accepted:
            self._end(started, error, stop=isinstance(error, ReplyTimeout) and error.sent)
        elif isinstance(error, ReplyTimeout):
            # The timeout counts from the new connection, not from the loss of the old one.
            if error.sent:
                self.connection.restart("a subscription was not answered")
        elif isinstance(error, ReplyError):
            delay = None
            # One that costs the connection each time is not tried again.
            if started.retry and error.code not in map(str, _REFUSALS):
                started.attempt += 1
                delay = self._backoff.delay(started.attempt)
                started.timer = asyncio.get_running_loop().call_later(delay, self._start_again, started)
            self._tell(ResubscribeRefused(started.key, error, delay))
            if delay is None:
                self._end(started, error)
        else:
            self._end(started, error)

    def _start_again(self, started: _Started) -> None:
        if self.connection.state == "connected" and started.state == "idle":
            self._start(started)

    def _is_wanted(self, started: _Started) -> bool:
        return self._started.get((started.stream.event, started.key)) is started

    def _end(self, started: _Started, error: Exception | None, *, stop: bool = False) -> "asyncio.Future[None] | None":
        """End a subscription. The future that is returned is done once the server has confirmed the `stop`."""
        if self._is_wanted(started):
            del self._started[started.stream.event, started.key]
        if started.timer:
            started.timer.cancel()
        if started.pending:
            self._give_up(started.pending)
        if error is not None and not started.inbox.is_watched:
            _LOG.warning("the subscription to %s ended: %s", started.key, error)
        started.inbox.end(error)
        order = started.stream.stop
        if not stop or order is None or self.connection.state != "connected":
            return None
        stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def answered(*_: object) -> None:
            if not stopped.done():
                stopped.set_result(None)  # the subscription is over for us whatever the answer

        frame = {**order.fixed, **{name: started.frame[name] for name in order.copied if name in started.frame}}
        self._ask(order.command, frame, started.timeout, answered, answered)
        return stopped

    def _leave(self, started: _Started) -> "asyncio.Future[None] | None":
        if not self._is_wanted(started):
            return None
        was_asked = started.state == "active" or (started.pending is not None and started.pending.is_sent)
        return self._end(started, None, stop=was_asked)

    # What the connection calls

    def opened(self) -> None:
        """The connection is open: frames can be sent."""
        self._strays.clear()
        # Subscriptions first, so that they get what the commands after them publish.
        for started in list(self._started.values()):
            if started.state == "idle":
                if started.timer:
                    started.timer.cancel()
                self._start(started)
            elif started.pending and not started.pending.is_sent:
                self._send(started.pending)
        for pending in list(self._pending.values()):
            if not pending.is_sent:
                self._send(pending)

    def broken(self, reason: str, code: int | None) -> None:
        """The WebSocket is lost, with what was in flight; `code` is that of the server's close frame, if one came."""
        for started in self._started.values():
            if started.state == "active":
                started.state = "idle"
        sent = [pending for pending in self._pending.values() if pending.is_sent]
        refused = self._refused(sent, code)
        for pending in sent:
            self._settle(pending)
            if pending.is_given_up:
                continue
            if code in _REFUSALS and pending in refused:
                message = f"the frame was refused: {_REFUSALS[code]} ({reason})"
                reply = {"code": code, "reason": reason}
                pending.failed(ReplyError(str(code), message, pending.request, reply))
            else:
                pending.failed(UnknownOutcome(pending.request, reason))

    def _refused(self, sent: list[_Pending], code: int | None) -> list[_Pending]:
        """Which of the commands in flight were certainly not carried out, where the server closed with `code`."""
        if code == _TOO_BIG:
            # The largest of all is no smaller than the one that was too big, and so was not taken either.
            largest = max([len(each.data) for each in sent] + list(self._strays.values()), default=0)
            return [each for each in sent if len(each.data) == largest]
        return sent if code in _REFUSALS and len(sent) + len(self._strays) == 1 else []

    def changed(self, change: StateChanged) -> None:
        """The connection's state has changed."""
        if change.state == "closed":
            for started in list(self._started.values()):
                self._end(started, None)
            for feed in list(self._feeds):
                feed.inbox.end()
            self._feeds.clear()
            for pending in list(self._pending.values()):
                self._settle(pending)
                if pending.is_sent and not pending.is_given_up:
                    pending.failed(UnknownOutcome(pending.request, "the client was closed"))
                elif not pending.is_sent:
                    pending.failed(ClientClosed("the client was closed, and nothing was sent"))
        self._tell(change)

    def received(self, data: bytes) -> None:
        """A message was received."""
        try:
            text = data.decode()
            if self._heads and not self._feeds and self._taken_by_head(text):
                return
            frame = decode_object(text)
        except ValueError as error:
            _LOG.warning("a frame that cannot be read came (%s): %s", error, data[:_MAX_LOGGED])
            return
        kind = self._kind(frame) if frame is not None else None
        if frame is None or kind is None:
            _LOG.warning("a frame that is not in the document came: %s", text[:_MAX_LOGGED])
            return
        is_taken = self._answered(kind, frame) or self._taken(kind, frame, text)
        if not is_taken and kind.name in self._protocol.refusals:
            self._tell(Refused(*self._refusal(kind, frame)))

    # Frames

    def _head(self, stream: StreamKind) -> list[tuple[str, "re.Pattern[str]"]]:
        """Patterns for events that begin with their kind and a string key: these can be dispatched without decoding."""
        tag = self._protocol.tag
        if tag is None or stream.key == tag:
            return []
        value = self._by_name[stream.event].constants[tag]
        members = [f"{re.escape(encode(name))}\\s*:\\s*" for name in (tag, stream.key)]
        # A key with escapes is left to the decoder.
        pattern = rf'\s*{{\s*{members[0]}{re.escape(encode(value))}\s*,\s*{members[1]}"([^"\\]*)"'
        return [(stream.event, re.compile(pattern))]

    def _taken_by_head(self, text: str) -> bool:
        for event, pattern in self._heads:
            head = pattern.match(text)
            if head:
                started = self._started.get((event, head[1]))
                if started and started.state == "active":
                    started.inbox.push(text if started.raw else (self._by_name[event].model, text))
                    return True
        return False

    def _kind(self, frame: Frame) -> Kind | None:
        if self._protocol.tag:
            value = frame.get(self._protocol.tag)
            return self._kinds.get(value) if isinstance(value, str) else None
        name = self._protocol.untagged(frame)
        return self._by_name[name] if name else None

    def _answered(self, kind: Kind, frame: Frame) -> bool:
        """Hand `frame` to the command that it answers. Returns whether there is one."""
        refusals = self._protocol.refusals
        if self._protocol.correlation:
            id_ = find(frame, self._protocol.correlation)
            pending = self._only(kind, frame) if id_ is None else None
            if isinstance(id_, str | int):
                pending = self._pending.get(id_)
                self._strays.pop(id_, None)
            if pending is None or not pending.is_sent:
                return False
            if kind.name not in pending.replies and kind.name not in refusals:
                if kind.name in self._events:
                    return False
                self._settle(pending)
                pending.failed(InvalidReply(f"{kind.name} is no answer to this command"))
                return True
        else:
            due = (each for each in self._pending.values() if each.is_sent)
            pending = next((each for each in due if kind.name in each.replies or kind.name in refusals), None)
            if pending is None or (kind.name in refusals and self._is_news(kind, frame)):
                return False
        self._settle(pending)
        if pending.is_given_up:
            return True
        if kind.name in refusals:
            pending.failed(ReplyError(*self._refusal(kind, frame), pending.request, frame))
        else:
            pending.done(kind, frame)
        return True

    def _only(self, kind: Kind, frame: Frame) -> _Pending | None:
        """The command that a refusal without its correlation id is for: the only one in flight; None if it is not sure.

        A server cannot repeat what it could not read.
        """
        refusal = self._protocol.refusals.get(kind.name)
        if refusal is None or refusal.unasked or self._is_news(kind, frame):
            return None
        sent = [pending for pending in self._pending.values() if pending.is_sent]
        return sent[0] if sent and len(sent) + len(self._strays) == 1 else None

    def _is_news(self, kind: Kind, frame: Frame) -> bool:
        """Whether `frame` tells of what became of a stream, and so answers nothing."""
        told = (match for each in self._protocol.streams for match in (each.dropped, each.ended))
        return any(match is not None and match.matches(kind.name, frame) for match in told)

    def _taken(self, kind: Kind, frame: Frame, text: str) -> bool:
        """Hand `frame` to the subscriptions that it is for. Returns whether there are any."""
        is_taken = False
        for stream in self._protocol.streams:
            key = frame.get(stream.key)
            started = self._started.get((stream.event, key)) if isinstance(key, str | int | float) else None
            if started is None or started.state != "active":
                continue
            if kind.name == stream.event:
                started.inbox.push(text if started.raw else (kind.model, frame))
            elif stream.ended and stream.ended.matches(kind.name, frame):
                self._end(started, SubscriptionEnded(started.key, frame))
            elif stream.dropped and stream.dropped.matches(kind.name, frame):
                told = find(frame, stream.count) if stream.count else None
                count = told if isinstance(told, int) else 1
                started.inbox.dropped["server"] += count
                self._tell(Dropped(started.key, count, "server"))
            else:
                continue
            is_taken = True
        for feed in list(self._feeds):
            if kind.name in feed.kinds:
                feed.inbox.push(text if feed.raw else (kind.model, frame))
                is_taken = True
        return is_taken

    def _refusal(self, kind: Kind, frame: Frame) -> tuple[str, str]:
        """Code and message of a refusal."""
        where = self._protocol.refusals[kind.name]
        code = find(frame, where.code) if where.code else None
        text = find(frame, where.text) if where.text else None
        return str(kind.name if code is None else code), to_json(frame).decode() if text is None else str(text)

    def _tell(self, notice: Notice) -> None:
        """Hand a notice to the callbacks; log it if there are none."""
        if not self._callbacks:
            is_expected = isinstance(notice, StateChanged) and notice.state != "reconnecting"
            _LOG.log(logging.INFO if is_expected else logging.WARNING, "%s", notice)
        for callback in list(self._callbacks.values()):
            try:
                callback(notice)
            except Exception:
                _LOG.exception("a callback for notices failed")
