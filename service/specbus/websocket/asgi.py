"""WebSocket connections that an ASGI server carries, where the service is mounted in another application.

The ASGI server takes frames apart, answers pings and sends its own. The client is a `Session` here as it is behind
`specbus serve`: with the same commands, limits and words.

# Theory of operation

Two tasks serve a connection: one receives messages and has them carried out, the other sends what is queued. The queue
is what the buffer of a transport is elsewhere: all that is delivered goes into it at once.

    paused     More than `_HIGH` bytes are queued: the client does not read. The hub has everything wait, and messages
               are not carried out, as each has an answer. This ends when `_LOW` bytes are left.
    stopping   The service stops. Nothing more is carried out. What waits in the hub is sent, then it closes with 1001.
    closing    Nothing more is queued. The close message is sent after what is queued, or after `UNREAD_TIMEOUT` not at
               all. With it the connection has ended for us: the ASGI server completes the closing handshake.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from websockets.frames import CloseCode

from specbus.log import log_event
from specbus.timers import after_reading
from specbus.websocket.connection import UNREAD_TIMEOUT
from specbus.websocket.endpoint import Endpoint
from specbus.websocket.handshake import Refused
from specbus.websocket.session import Session
from specbus.wire import problem
from specbus.wire.websocket import TURN, payloads

_log = logging.getLogger(__name__)

_HIGH = 65_536
_LOW = 16_384
"""Bytes queued with which a client is paused, and goes on: as asyncio has them for the buffer of a transport."""


class AsgiEndpoint:
    """The WebSocket of the service as an ASGI application."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._connections: set[AsgiConnection] = set()

    async def serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection to its end; `path` is what it asks for, below where the service is mounted."""
        await receive()  # websocket.connect
        host, port = scope.get("client") or ("?", 0)
        try:
            self._endpoint.check(path, Headers(scope=scope).getlist, f"{host}:{port}")
        except Refused as refused:
            await _refuse(refused, scope, receive, send)
            return
        connection = AsgiConnection(self._endpoint, f"{host}:{port}", receive, send)
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)

    async def close(self) -> None:
        """Close all connections with 1001, once what waits for each is sent; within the deadline in any case."""
        connections = list(self._connections)
        for connection in connections:
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._endpoint.close_deadline):
                for connection in connections:
                    await connection.ended.wait()
        for connection in connections:
            connection.abort()
            await connection.ended.wait()


class AsgiConnection(Session):
    """One connection."""

    __slots__ = (
        "_close",
        "_close_reason",
        "_closer",
        "_endpoint",
        "_paused",
        "_queue",
        "_queued",
        "_queued_bytes",
        "_receive",
        "_send",
        "_sending",
        "_stopping",
        "_untold",
        "_writable",
        "ended",
    )

    alive = True
    """Whether the client has shown life, for the registry: here the ASGI server sees to that."""

    def __init__(self, endpoint: Endpoint, peer: str, receive: Receive, send: Send) -> None:
        """Begin before the connection is accepted.

        Args:
            endpoint: What all connections share.
            peer: The client's address, for the log.
            receive: Of ASGI; `websocket.connect` has been received.
            send: Of ASGI.

        """
        super().__init__(endpoint.contract, peer)
        self._endpoint = endpoint
        self._receive = receive
        self._send = send
        self.deliver = self._checked_put if endpoint.debug else self._put
        self._queue: deque[bytes] = deque()
        """Frames, joined as they were delivered."""
        self._queued_bytes = 0
        self._queued = asyncio.Event()
        """Set when there is something to send."""
        self._paused = False
        self._writable = asyncio.Event()
        """Set unless paused."""
        self._writable.set()
        self._stopping = False
        self._close: tuple[int, str] | None = None
        """What is to be sent last, once it is known."""
        self._close_reason = "connection lost"
        self._closer: asyncio.TimerHandle | None = None
        self._untold = 0
        """Publications that were dropped, of which the client was not told in time."""
        self._sending: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()
        """Set when the connection is over."""

    async def serve(self) -> None:
        """Accept the connection and serve it to its end."""
        self._endpoint.registry.add(self)
        try:
            await self._send({"type": "websocket.accept"})
            log_event(_log, logging.INFO, "connection opened", peer=self.peer)
            await self._converse()
        finally:
            self._endpoint.registry.remove(self)
            if self._closer:
                self._closer.cancel()
            self._untold += self._endpoint.hub.forget(self)
            self.log_closed(self._close_reason, self._untold)
            self.ended.set()

    def shutdown(self) -> None:
        """Close with 1001 once what waits for the client is sent."""
        if not self._stopping:
            self._stopping = True
            self._endpoint.hub.flush()
        if not self._endpoint.hub.is_waiting(self):
            self.close(CloseCode.GOING_AWAY, "the service is stopping")

    def abort(self) -> None:
        """End the connection, whatever waits."""
        if self._sending:
            self._sending.cancel()

    # What the registry calls

    def ping(self) -> None:
        """Leave pings to the ASGI server."""

    def give_up(self) -> None:
        """Leave silent clients to the ASGI server."""

    def send_heartbeat(self, message: bytes) -> None:
        """Send `message`, unless the client has more to read than it reads."""
        if not self._paused and self._close is None:
            self.send(message)

    # What the session calls

    def close(self, code: int, reason: str) -> None:
        """Have the close message sent after what is queued."""
        if self._close is None:
            self._close = code, reason
            self._close_reason = f"{code} {reason}"
            self._untold = self._endpoint.hub.forget(self)
            self._queued.set()
            self._closer = asyncio.get_running_loop().call_later(UNREAD_TIMEOUT, after_reading, self.abort)

    def fail(self, code: CloseCode, reason: str) -> None:
        """Close likewise: from now on nothing that the client sends has an effect."""
        self.close(code, reason)

    # Inside

    def _put(self, frames: bytes) -> None:
        if self._close is not None:
            return
        self._queue.append(frames)
        self._queued_bytes += len(frames)
        self._queued.set()
        if self._queued_bytes > _HIGH and not self._paused:
            self._paused = True
            self._writable.clear()
            self._endpoint.hub.pause(self)

    def _checked_put(self, frames: bytes) -> None:
        self.log_violations(frames)
        self._put(frames)

    async def _converse(self) -> None:
        """Receive and send, until the client or we have closed."""
        self._sending = asyncio.ensure_future(self._send_all())
        tasks = [self._sending, asyncio.ensure_future(self._receive_all())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                # To send to a client that is gone is an OSError (ASGI, "Send - send event").
                if isinstance(result, Exception) and not isinstance(result, OSError):
                    _log.error("a connection failed", exc_info=result)

    async def _send_all(self) -> None:
        """Send what is queued, until the close message is sent."""
        while True:
            await self._queued.wait()
            self._queued.clear()
            while self._queue:
                frames = self._queue.popleft()
                for payload in payloads(frames):
                    await self._send({"type": "websocket.send", "text": payload.decode()})
                self._queued_bytes -= len(frames)
                if self._paused and self._queued_bytes <= _LOW:
                    self._resume()
            if self._close is not None:
                code, reason = self._close
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
                return

    def _resume(self) -> None:
        self._paused = False
        # The hub may deliver so much that it pauses again.
        self._endpoint.hub.resume(self)
        if not self._paused:
            self._writable.set()
        if self._stopping:
            self.shutdown()

    async def _receive_all(self) -> None:
        """Have carried out what the client sends, until it has closed."""
        limit = self._endpoint.limits.max_frame_bytes
        turn_ends = time.perf_counter() + TURN
        while (message := await self._receive())["type"] == "websocket.receive":
            if time.perf_counter() > turn_ends:  # what has come already, a server may give without a pause
                await asyncio.sleep(0)
                turn_ends = time.perf_counter() + TURN
            await self._writable.wait()
            if self._stopping or self._close is not None:
                continue
            binary = message.get("bytes")
            data = (message.get("text") or "").encode() if binary is None else binary
            if len(data) > limit:
                self.fail(CloseCode.MESSAGE_TOO_BIG, f"a frame of {len(data)} bytes is over the limit of {limit}")
            elif binary is None:
                self.receive(data)
            else:
                self.receive_binary(data)
        if self._close is None:
            self._close_reason = f"by the client, {message.get('code', 1005)} {message.get('reason') or ''}".rstrip()


async def _refuse(refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a handshake with a problem document, if the ASGI server can send one; else it answers with a bare 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        body = problem.encode(refused.status, str(refused))
        headers = {"Cache-Control": "no-store", **refused.headers}
        response = Response(body, refused.status, headers=headers, media_type=problem.MEDIA_TYPE)
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": CloseCode.POLICY_VIOLATION, "reason": str(refused)})
