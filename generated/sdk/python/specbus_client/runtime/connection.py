"""One WebSocket at a time (RFC 6455), reconnected when it is lost."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from .backoff import Backoff
from .deadline import Deadline, within
from .errors import ClientClosed, ClientError, ConnectError, ProblemError
from .notices import State, StateChanged
from .rest import problem, unreachable
from .route import Route

_LOG = logging.getLogger((__package__ or "").removesuffix(".runtime"))
_BATCH = 100
"""Messages that are handed on before other tasks get a turn."""
_CLOSE_TIMEOUT = 2.0
"""Seconds that a close waits for the server's close frame, at most."""
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class Owner(Protocol):
    """What a connection calls."""

    def opened(self) -> None:
        """The connection is open: frames can be sent."""

    def received(self, data: bytes) -> None:
        """A message was received."""

    def broken(self, reason: str, code: int | None) -> None:
        """The WebSocket is lost, with what was in flight; `code` is that of the server's close frame, if one came."""

    def changed(self, change: StateChanged) -> None:
        """The state has changed."""


class _Link(ClientConnection):
    """A WebSocket that hands on messages without a reading task, and writes the messages of one tick together."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.progress = 0
        """Grows whenever bytes come or messages are handed on."""
        self._received: Callable[[bytes], None] | None = None
        self._lost: Callable[[str, int | None], None] | None = None
        self._messages: deque[bytes] = deque()
        self._parts: list[bytes] = []
        self._is_draining = False
        self._unsent: list[bytes] = []
        self._heartbeat: float | None = None
        self._ping_timeout = 0.0
        self._last_data = 0.0
        self._is_pinged = False
        self._timer: Deadline | None = None

    def attach(
        self,
        received: Callable[[bytes], None],
        lost: Callable[[str, int | None], None],
        heartbeat: float | None,
        ping_timeout: float,
    ) -> None:
        """Call `received` with each message from now on, and `lost` once: with the reason, and the server's close code.

        After `heartbeat` seconds without data the server is pinged; after `ping_timeout` more it counts as lost.
        """
        self._received, self._lost = received, lost
        self._heartbeat, self._ping_timeout = heartbeat, ping_timeout
        self._last_data = self.loop.time()
        if heartbeat:
            self._watch_in(heartbeat)
        if self._messages:
            self._drain_soon()
        if self.protocol.close_expected() or self.transport.is_closing():
            self.loop.call_soon(self._fail_unless_open)

    def post(self, data: bytes) -> None:
        """Send a text frame."""
        if not self._unsent:
            self.loop.call_soon(self._flush)
        self._unsent.append(data)

    def abandon(self, reason: str) -> None:
        """Abort the connection without waiting for the server."""
        self.transport.abort()
        self._end(reason)

    def discard(self) -> None:
        """Abort the connection, and tell nobody."""
        self._received = self._lost = None
        self._stop_watching()
        self.transport.abort()

    async def finish(self, timeout: float) -> None:
        """Close with a closing handshake (RFC 6455, 7.1.2), or without if the server does not answer in time."""
        self._flush()
        self._received, self._lost = _ignore, None
        self._stop_watching()
        if not self.transport.is_closing():
            self.transport.resume_reading()
        try:
            with suppress(TimeoutError):
                async with within(timeout, lambda: self.progress):
                    await self.close()
        finally:
            self.transport.abort()

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._lost is None or self.protocol.close_expected():
            return
        for data in unsent:
            self.protocol.send_text(data)
        self.transport.write(b"".join(self.protocol.data_to_send()))

    # What websockets calls

    def data_received(self, data: bytes) -> None:
        """Bytes were received."""
        self.progress += 1
        self._last_data, self._is_pinged = self.loop.time(), False
        super().data_received(data)
        self._fail_unless_open()

    def process_event(self, event: Event) -> None:
        """The handshake's response or a frame was received."""
        if self.response is None or not isinstance(event, Frame) or event.opcode not in _DATA:
            super().process_event(event)
            return
        data = bytes(event.data)
        if self._parts or not event.fin:
            self._parts.append(data)
            if not event.fin:
                return
            data = b"".join(self._parts)
            self._parts.clear()
        self._messages.append(data)
        if self._received and not self._is_draining:
            self._drain_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is lost."""
        super().connection_lost(exc)
        self._end(self._why(exc))

    # Messages in batches, so that a burst does not overflow queues whose readers got no turn

    def _drain_soon(self) -> None:
        self._is_draining = True
        self.loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._is_draining = False
        self.progress += 1
        try:
            for _ in range(min(_BATCH, len(self._messages))):
                if self._received is None:
                    return
                self._received(self._messages.popleft())
        finally:
            if self._messages:
                self.transport.pause_reading()
                self._drain_soon()
            elif not self.transport.is_closing():
                self.transport.resume_reading()

    # The end

    def _fail_unless_open(self) -> None:
        if self._lost and (self.protocol.close_expected() or self.transport.is_closing()):
            self.transport.close()
            self._end(self._why(None))

    def _end(self, reason: str) -> None:
        lost, self._lost = self._lost, None
        if lost is None:
            return
        self._stop_watching()
        # What was received before the loss is delivered.
        while self._messages and self._received:
            self._received(self._messages.popleft())
        self._received = None
        close = self.protocol.close_rcvd
        lost(reason, close.code if close else None)

    def _why(self, error: Exception | None) -> str:
        if (close := self.protocol.close_rcvd) is not None:
            return f"the server closed it with {close.code}{f', {close.reason}' if close.reason else ''}"
        if self.protocol.parser_exc is not None and not isinstance(self.protocol.parser_exc, EOFError):
            return str(self.protocol.parser_exc)
        return (getattr(error, "strerror", None) or str(error)) if error else "it was cut"

    # Heartbeat

    def _watch(self) -> None:
        now = self.loop.time()
        if self._heartbeat is None:
            return
        if self._is_pinged:
            self.abandon(f"the server was silent for {now - self._last_data:.1f} s")
            return
        wait = self._last_data + self._heartbeat - now
        if wait <= 0:
            wait, self._is_pinged = self._ping_timeout, True
            self.protocol.send_ping(b"")
            self.send_data()
        self._watch_in(wait)

    def _watch_in(self, seconds: float) -> None:
        self._timer = Deadline(seconds, lambda: self.progress, self._watch)

    def _stop_watching(self) -> None:
        if self._timer:
            self._timer.cancel()


def _ignore(_: bytes) -> None:
    """Discard a message."""


class _Connect(connect):
    """Does not follow redirects, which would send the API key to another server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the exception: no redirect."""
        return exc


class Connection:
    """A WebSocket to `url`, by `route`, reconnected when it is lost."""

    def __init__(
        self,
        url: str,
        route: Route,
        headers: dict[str, str],
        owner: Owner,
        *,
        timeout: float,
        backoff: Backoff,
        heartbeat: float | None,
    ) -> None:
        self.state: State = "closed"
        self._url = url
        self._route = route
        self._shown = route.shown
        self._headers = headers
        self._owner = owner
        self._timeout = timeout
        self._backoff = backoff
        self._heartbeat = heartbeat
        self._link: _Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._attempt = 0
        self._opened = 0.0

    async def connect(self) -> None:
        """Open the connection. Only after it was open once does it reconnect by itself.

        Raises:
            ConnectError: The server cannot be reached.
            ProblemError: It refused the handshake.
        """
        if self._task:
            raise ClientError(f"connect() was called before; the client is {self.state}")
        self._attempt = 0
        self._change(StateChanged("connecting"))
        self._task = opening = asyncio.create_task(self._open())
        try:
            await opening
        except BaseException:
            if self._task is opening:
                await self.close()  # it may have been opened by the time that this is cancelled
            elif opening.cancelled() and not _is_cancelled():
                raise ClientClosed("the client was closed while it connected") from None
            raise

    def heard(self) -> object:
        """Another value whenever something was read from the server."""
        return self._link and (self._link, self._link.progress)

    def send(self, data: bytes) -> None:
        """Send a text frame. The connection must be open."""
        if self._link:
            self._link.post(data)

    def restart(self, reason: str) -> None:
        """Abort the WebSocket, and reconnect."""
        if self._link:
            self._link.abandon(reason)

    async def close(self) -> None:
        """Close it for good. Returns when the server has confirmed that, or failed to in time."""
        task, self._task = self._task, None
        link, self._link = self._link, None
        if self.state != "closed":
            self._change(StateChanged("closed"))
        try:
            if task and not task.done():
                task.cancel()
                await asyncio.wait([task])
        finally:
            if link:
                await link.finish(min(self._timeout, _CLOSE_TIMEOUT))

    async def _open(self) -> None:
        try:
            async with within(self._timeout, self.heard):
                link = await _Connect(
                    self._url,
                    additional_headers=self._headers,
                    proxy=self._route.proxy,
                    ssl=self._route.tls if self._route.is_secure else None,
                    compression=None,
                    open_timeout=None,
                    close_timeout=None,
                    ping_interval=None,
                    max_size=None,
                    create_connection=_Link,
                )
        except InvalidStatus as error:
            response = error.response
            fields = httpx.Headers(list(response.headers.raw_items()))
            raise problem(response.status_code, response.body, fields) from None
        except TimeoutError:
            raise ConnectError(f"nothing answers at {self._shown} (no answer within {self._timeout:g} s)") from None
        except (OSError, UnicodeError) as error:  # a host's name may be one that cannot be looked up (RFC 3490)
            raise unreachable(self._shown, error) from error
        except (InvalidHandshake, WebSocketException, EOFError) as error:
            raise ConnectError(f"nothing answers at {self._shown} as a WebSocket should ({error})") from error
        assert isinstance(link, _Link)  # noqa: S101 - it was asked for
        self._link, self._opened = link, link.loop.time()
        try:
            link.attach(self._owner.received, self._lost, self._heartbeat, self._timeout)
            self._change(StateChanged("connected", attempt=self._attempt))
            self._owner.opened()
        except BaseException:
            self._link = None
            link.discard()
            raise

    def _lost(self, reason: str, code: int | None) -> None:
        self._link = None
        loop = asyncio.get_running_loop()
        if loop.time() - self._opened >= self._backoff.stable:
            self._attempt = 0
        self._owner.broken(reason, code)
        self._task = loop.create_task(self._reconnect(self._plan(reason)))

    def _plan(self, reason: str, asked: float | None = None) -> float:
        """Announce the next attempt, and return the seconds until then; the server has `asked` for so many."""
        self._attempt += 1
        delay = self._backoff.delay(self._attempt, asked)
        self._change(StateChanged("reconnecting", reason, self._attempt, delay))
        return delay

    async def _reconnect(self, delay: float) -> None:
        while True:
            await asyncio.sleep(delay)
            try:
                await self._open()
                return
            except ProblemError as error:
                delay = self._plan(str(error), error.retry_after)
            except ClientError as error:
                delay = self._plan(str(error))
            except Exception as error:
                # Whatever it was, nobody else would try again.
                _LOG.exception("an attempt to reconnect failed unexpectedly")
                delay = self._plan(f"{type(error).__name__}: {error}")

    def _change(self, change: StateChanged) -> None:
        self.state = change.state
        self._owner.changed(change)


def _is_cancelled() -> bool:
    """Whether the running task was cancelled, and not the one that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
