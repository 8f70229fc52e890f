"""The service put together: one process, one port, one event loop."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service import __version__
from service.broker import Broker
from service.contract.rest import RestContract
from service.gateway.connection import Connection
from service.gateway.hub import Hub
from service.logs import event
from service.rest import app as rest
from service.rest.operations import Operations
from service.rest.problems import ProblemError
from service.settings import Settings

_log = logging.getLogger(__name__)


class Service:
    """Specbus, on one event loop."""

    def __init__(self, settings: Settings) -> None:
        """Put the service together, inside a running loop. Raises ContractError."""
        self._settings = settings
        api_key = settings.api_key.get_secret_value() if settings.api_key else None
        # Not bound to one loop's call_soon before it is needed: uvicorn runs us on the loop that is running now.
        self.broker = Broker(
            asyncio.get_running_loop().call_soon,
            history_size=settings.history_size,
            max_queue_size=settings.max_queue_size,
            max_topics=settings.max_topics,
            max_subscriptions=settings.max_subscriptions,
            overflow_policy=settings.overflow_policy,
        )
        self._hub = hub = Hub(
            settings.specs / "asyncapi.yaml",
            self.broker,
            api_key=api_key,
            max_frame_bytes=settings.max_frame_bytes,
            max_connections=settings.max_connections,
            heartbeat_interval=settings.heartbeat_interval,
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            shutdown_deadline=settings.shutdown_deadline,
            debug=settings.debug,
        )
        contract = RestContract(settings.specs / "openapi.yaml")
        operations = Operations(
            self.broker,
            contract.document,
            hub.contract.document,
            hub.contract.address,
            lambda: len(hub.connections),
        )
        self.asgi = rest.build(
            contract,
            operations.by_id(),
            hub.contract.address,
            api_key=api_key,
            max_body_bytes=settings.max_frame_bytes,
            debug=settings.debug,
        )

        def connection(config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]) -> Connection:
            return Connection(hub, server_state.connections)

        self._server = _Server(
            uvicorn.Config(
                cast("Any", self.asgi),
                ws=cast("Any", connection),
                http=_Http,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=int(settings.shutdown_deadline) + 1,
            )
        )

    async def run(self, listening: socket.socket, started: Callable[[], None] = lambda: None) -> None:
        """Serve on `listening` until `stop` is called or a signal comes; call `started` once connections are taken."""
        host, port = listening.getsockname()[:2]

        def on_start() -> None:
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            event(_log, logging.INFO, "started", version=__version__, url=url, pid=os.getpid())
            started()

        self._server.on_start = on_start
        try:
            await self._server.serve(sockets=[listening])
        finally:
            event(_log, logging.INFO, "stopped")

    def stop(self) -> None:
        """Stop gracefully: flush what is queued, close with 1001."""
        self._server.should_exit = True


class _Http(HttpToolsProtocol):
    """uvicorn's HTTP protocol; what is not HTTP gets a problem document too."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP/1.1 (RFC 9112, 2.2) and close."""
        response = ProblemError(HTTPStatus.BAD_REQUEST, "the request is not valid HTTP/1.1").response()
        fields = [*response.raw_headers, (b"connection", b"close")]
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (head, bytes(response.body)))
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn's server with the signals' meaning changed: the first stops gracefully, the second at once."""

    on_start: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_start()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM meanwhile. Unlike uvicorn's, a graceful stop does not end in the signal itself."""
        try:
            before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not the main thread: whoever runs us there calls `stop`
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully; at once if that is under way."""
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on `host` and `port`. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=4096, reuse_port=False)
