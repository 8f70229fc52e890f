"""One WebSocket connection: the protocol class that uvicorn hands an upgraded connection to.

# Theory of operation

A connection is in one of three states.

    handshake   The request's bytes come next. They are answered, and the connection opens or is closed.
    open        What comes is taken apart by the `FrameReader`, and each text message carried out by the `Session`.
    closing     A close frame was sent. Nothing more is carried out or delivered. When both have come, or a timeout has
                passed, the transport is closed.

Beside that, these may be set while it is open:

    reader.paused   The transport's buffer is full: the client does not read. The hub has everything wait. Commands that
                    come are held by the reader, as each has an answer; then the transport reads no more either.
    reader.held     Commands are held, for that or because a turn is over. `_read_on` gets on with them; once the
                    connection closes, it looks among them for the client's close frame.
    stopping        The service stops. What waits is sent first; then the connection closes with 1001.

`pause_writing` and `resume_writing`, which asyncio calls, change `paused`. `resume_writing` first lets the hub deliver,
which may pause the connection again, and only then goes on with commands that are held: so an answer never overtakes
an event that was there before it.

Answers to commands that came in one read are sent in one write, before anything else is sent and at the end of the
read. So `Session.send_answers` is called wherever other bytes go out.
"""

import asyncio
import enum
import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from websockets.frames import CloseCode

from specbus.log import log_event
from specbus.timers import after_reading
from specbus.websocket import handshake
from specbus.websocket.endpoint import Endpoint
from specbus.websocket.session import Session
from specbus.wire.websocket import HELD, OUTPUT, PING, FrameReader, Signal

_log = logging.getLogger(__name__)

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to complete the closing handshake, once it has read our close frame."""
UNREAD_TIMEOUT = 60.0
"""Seconds that it has to read it, and all before it: it may have been told only now that it is too slow."""


class _State(enum.Enum):
    """Where a connection is in its life."""

    HANDSHAKE = enum.auto()
    OPEN = enum.auto()
    CLOSING = enum.auto()


# Module-level aliases: attribute access on an Enum class is about 3x slower on Python 3.11.
_HANDSHAKE, _OPEN, _CLOSING = _State


class Connection(Session, asyncio.Protocol):
    """A WebSocket connection over a transport."""

    __slots__ = (
        "_close_reason",
        "_closer",
        "_endpoint",
        "_reader",
        "_reading_on",
        "_state",
        "_stopping",
        "_transport",
        "_untold",
        "_uvicorn_connections",
        "alive",
    )

    def __init__(self, endpoint: Endpoint, uvicorn_connections: set[Any]) -> None:
        """`uvicorn_connections` is where uvicorn keeps those that it tells of a shutdown."""
        super().__init__(endpoint.contract, "?")
        self._endpoint = endpoint
        self._uvicorn_connections = uvicorn_connections
        self._state = _HANDSHAKE
        self._reader = FrameReader(endpoint.limits.max_frame_bytes)
        self._transport: asyncio.Transport
        self._stopping = False
        self._close_reason = ""
        self._closer: asyncio.TimerHandle | None = None
        self._reading_on = False
        """Whether `_read_on` is to be called: once in a turn of the event loop, or it would be more than a turn."""
        self._untold = 0
        """Publications that were dropped, of which the client was not told in time."""
        self.alive = True
        """Whether something came from the client, or went to it, since it was last pinged."""

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection whose first request is an upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self.deliver = self._checked_write if self._endpoint.debug else self._transport.write
        address = transport.get_extra_info("peername")
        if isinstance(address, tuple):
            self.peer = f"{address[0]}:{address[1]}"
        self._uvicorn_connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        self.alive = True
        if self._state is _HANDSHAKE:
            self._handshake(data)
        else:
            self._answers = []
            self._reader.read(data, self)
            self.end_read()

    def pause_writing(self) -> None:
        """Have the hub queue: the client does not read as fast as we write."""
        self._reader.paused = True
        self._endpoint.hub.pause(self)

    def resume_writing(self) -> None:
        """Send what waited, and get on with the commands that were held."""
        reader = self._reader
        reader.paused = False
        self.alive = True
        self._endpoint.hub.resume(self)
        self._read_on_soon()
        if self._stopping:
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._uvicorn_connections.discard(self)
        if self._closer:
            self._closer.cancel()
        if self in self._endpoint.registry:
            self._endpoint.registry.remove(self)
            self._untold += self._endpoint.hub.forget(self)
            reason = self._close_reason or (f"connection lost ({exc})" if exc else "connection lost")
            self.log_closed(reason, self._untold)

    def eof_received(self) -> None:
        """Let the transport close: a client that will send no more cannot take part in a WebSocket."""

    # What uvicorn and the registry call

    def shutdown(self) -> None:
        """Close with 1001 once what waits for the client is sent; within the deadline in any case."""
        if self._state is _HANDSHAKE:
            self._transport.close()
            return
        if not self._stopping:
            self._stopping = True
            self._endpoint.hub.flush()
            self._abort_after(self._endpoint.close_deadline)
        if self._state is _OPEN and not self._endpoint.hub.is_waiting(self):
            self.close(CloseCode.GOING_AWAY, "the service is stopping")

    def ping(self) -> None:
        """Send a ping (RFC 6455, 5.5.2); an answer, or anything else, sets `alive`."""
        if self._state is _OPEN:
            self.alive = False
            self._transport.write(PING)

    def give_up(self) -> None:
        """Close a connection whose client is silent."""
        self.close(CloseCode.INTERNAL_ERROR, "no answer to a ping in time")

    def send_heartbeat(self, message: bytes) -> None:
        """Send `message`, unless the client has more to read than it reads."""
        if not self._reader.paused and self._state is _OPEN:
            self.send(message)

    # What the reader calls; it calls `receive` too

    def hear(self, signal: Signal) -> None:
        """Act on a signal of the reader's."""
        if signal is OUTPUT:
            self._write_out()
        elif signal is HELD:
            self._transport.pause_reading()
        else:
            # Else the event loop would read on, for this connection alone, as long as there is something to read.
            self._transport.pause_reading()
            self._read_on_soon()

    # What the session calls

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake (RFC 6455, 7.1.2)."""
        if self._state is _OPEN:
            self._reader.close(code, reason)
            self._close_reason = f"{code} {reason}"
            self._write_out()

    def fail(self, code: CloseCode, reason: str) -> None:
        """Fail the connection (RFC 6455, 7.1.7)."""
        self._reader.fail(code, reason)
        self._write_out()

    def _checked_write(self, data: bytes) -> None:
        self.log_violations(data)
        self._transport.write(data)

    # Inside

    def _handshake(self, data: bytes) -> None:
        response = handshake.respond(data, lambda path, fields: self._endpoint.check(path, fields, self.peer))
        self._transport.write(response.serialize())
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._transport.close()
            return
        self._state = _OPEN
        self._endpoint.registry.add(self)
        log_event(_log, logging.INFO, "connection opened", peer=self.peer)

    def _read_on_soon(self) -> None:
        """Have the frames that are held be read, after a turn of the others."""
        if not self._reading_on:
            self._reading_on = True
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        self._reading_on = False
        reader = self._reader
        if self._transport.is_closing() or (self._state is _OPEN and (reader.paused or self._stopping)):
            return
        if reader.held:
            self._answers = []
            reader.resume(self)
            self.end_read()
        if not reader.held and not self._transport.is_closing():
            self._transport.resume_reading()

    def _write_out(self) -> None:
        """Send what the reader wants sent, and follow its state."""
        self.send_answers()
        reader = self._reader
        for chunk in reader.data_to_send():
            if chunk:
                self._transport.write(chunk)
            elif not self._transport.is_closing():
                # End of stream, not close: to close with bytes unread would reset the connection and lose our frame.
                self._transport.write_eof()
        if not reader.closing:
            return
        if self._state is _OPEN:
            self._state = _CLOSING
            self._read_on_soon()
            self._untold = self._endpoint.hub.forget(self)
            self._close_reason = self._close_reason or reader.close_reason
            if not self._stopping:
                deadline = asyncio.get_running_loop().time() + UNREAD_TIMEOUT
                self._abort_after(CLOSE_TIMEOUT, partial(self._end_closing, deadline))
        if reader.close_complete:
            self._transport.close()

    def _end_closing(self, deadline: float) -> None:
        """Abort the connection; but until `deadline`, not while the client is still to read our close frame."""
        now = asyncio.get_running_loop().time()
        if self._stopping or now >= deadline or not self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._closer = None
            self._abort_after(min(CLOSE_TIMEOUT, deadline - now), partial(self._end_closing, deadline))

    def _abort_after(self, seconds: float, abort: Callable[[], None] | None = None) -> None:
        """Abort the connection after `seconds`, or when it was to be aborted before, whichever is sooner."""
        loop = asyncio.get_running_loop()
        if self._closer is not None:
            if self._closer.when() <= loop.time() + seconds:
                return
            self._closer.cancel()
        self._closer = loop.call_later(seconds, after_reading, abort or self._transport.abort)
