"""The server: uvicorn, with signals and a stop of our own."""

import asyncio
import contextlib
import logging
import math
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from specbus import __version__
from specbus.http.admission import Admission
from specbus.http.connection import HttpConnection
from specbus.http.limits import HttpLimits
from specbus.log import log_event
from specbus.timers import after_reading
from specbus.websocket.connection import Connection
from specbus.websocket.endpoint import Endpoint

_log = logging.getLogger(__name__)

_OTHER_DESCRIPTORS = 64
"""Descriptors that are no connections: the socket that listens, the event loop's, files, what is turned away."""


class Server(uvicorn.Server):
    """uvicorn's server with the signals' meaning changed: the first stops gracefully, the second at once."""

    def __init__(self, asgi: ASGIApp, endpoint: Endpoint, http_limits: HttpLimits, shutdown_deadline: float) -> None:
        """Serve `asgi`, and `endpoint` to requests that upgrade. `shutdown_deadline` is in seconds."""

        def connection(config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]) -> Connection:
            return Connection(endpoint, server_state.connections)

        admission = Admission(http_limits.max_http_connections, self._room_for_connections)
        super().__init__(
            uvicorn.Config(
                cast("Any", asgi),
                ws=cast("Any", connection),
                http=cast("Any", partial(HttpConnection, limits=http_limits, admission=admission)),
                timeout_keep_alive=cast("int", http_limits.keep_alive),
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                # A last resort, after our own deadline: uvicorn logs it as an error.
                timeout_graceful_shutdown=math.ceil(shutdown_deadline) + 1,
            )
        )
        self._on_start: Callable[[], None] = lambda: None
        self._shutdown_deadline = shutdown_deadline
        self._asked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve_on(self, listening: socket.socket, started: Callable[[], None] = lambda: None) -> None:
        """Serve on `listening` until `ask_to_stop` is called or a signal comes.

        `started` is called once connections are taken.
        """
        url = _url(listening)

        def on_start() -> None:
            log_event(_log, logging.INFO, "started", version=__version__, url=url, pid=os.getpid())
            started()

        self._on_start = on_start
        try:
            await self.serve(sockets=[listening])
        finally:
            log_event(_log, logging.INFO, "stopped")

    def ask_to_stop(self) -> None:
        """Stop gracefully. May be called from a signal handler."""
        self.should_exit = True
        if self._loop:
            self._loop.call_soon_threadsafe(self._asked.set)

    async def main_loop(self) -> None:
        """Wait until it is to stop. uvicorn's looks ten times a second."""
        self._loop = asyncio.get_running_loop()
        # Once a second, for the Date of responses; uvicorn takes 0 for a full second.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), 1)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking connections and end those that there are: HTTP's by force at the deadline, as WebSocket's are."""
        deadline = asyncio.get_running_loop().call_later(self._shutdown_deadline, after_reading, self._abort_http)
        await super().shutdown(sockets)
        deadline.cancel()

    def _room_for_connections(self) -> int:
        """How many more connections the process's descriptors allow."""
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most == resource.RLIM_INFINITY:
            return sys.maxsize
        return most - _OTHER_DESCRIPTORS - len(self.server_state.connections)

    def _abort_http(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpConnection):
                connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT, SIGTERM and SIGHUP meanwhile.

        Unlike uvicorn's, a graceful stop does not end in the signal itself.
        """
        handlers = {signal.SIGINT: self.handle_exit, signal.SIGTERM: self.handle_exit}
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as with `nohup`
            handlers[signal.SIGHUP] = self._note_hangup
        try:
            before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        except ValueError:  # not the main thread: whoever runs us there calls `stop`
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note_hangup(self, sig: int, frame: FrameType | None) -> None:
        """Go on: by default SIGHUP kills at once, with all that is queued."""
        if self._loop:
            self._loop.call_soon_threadsafe(partial(log_event, _log, logging.INFO, "signal ignored", signal="SIGHUP"))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully; at once if that is under way."""
        if self.should_exit:
            os._exit(128 + sig)
        self.ask_to_stop()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on `host` and `port`: for `::` on all addresses, those of IPv4 too. Raises OSError."""
    if host == "::":
        # Whether such a socket takes IPv4 is the system's choice, unless it is told (RFC 3493, 5.3).
        if socket.has_dualstack_ipv6():
            return _listening(host, port, socket.AF_INET6, both=True)
        if not _has_ipv6():
            host = "0.0.0.0"  # noqa: S104 - all addresses were asked for, and the system has no others
    return _listening(host, port, socket.AF_INET6 if ":" in host else socket.AF_INET)


def _listening(host: str, port: int, family: socket.AddressFamily, both: bool = False) -> socket.socket:
    return socket.create_server((host, port), family=family, backlog=4096, reuse_port=False, dualstack_ipv6=both)


def _has_ipv6() -> bool:
    """Whether the system has IPv6, which may be turned off though Python has it."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _url(listening: socket.socket) -> str:
    """A URL at which this machine's programs reach what listens."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - no address to connect to
    # A zone, as of fe80::1%eth0, is percent-encoded (RFC 6874).
    return f"http://[{host.replace('%', '%25')}]:{port}" if ":" in host else f"http://{host}:{port}"
