"""The service put together: settings in, one bus and its transports out."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict

from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from specbus.auth import origins
from specbus.auth.origins import WebRules
from specbus.bus.hub import Hub
from specbus.bus.memory import MemoryEngine
from specbus.bus.operations import Operations
from specbus.contract.requests import RestContract
from specbus.http import app as rest
from specbus.http.answers import Answers
from specbus.http.documents import Documents
from specbus.http.operations import RestOperations
from specbus.http.routing import sent_path
from specbus.log import log_event
from specbus.server import Server
from specbus.settings import Settings
from specbus.site.assets import AssetsMissing, viewers_are_installed
from specbus.websocket import extensions
from specbus.websocket.asgi import AsgiEndpoint
from specbus.websocket.endpoint import Endpoint
from specbus.websocket.speech import Speech

_log = logging.getLogger(__name__)


class App:
    """Specbus as an ASGI application, all of it: REST, pages and WebSocket.

    It needs no start. It belongs to the event loop in which the first request comes.
    """

    def __init__(self, settings: Settings, default_hosts: frozenset[str] | None = None) -> None:
        """Put the service together. Raises ContractError.

        Args:
            settings: The settings.
            default_hosts: The names by which it may be reached if the settings have none; None for any.

        """
        api_key = settings.auth.api_key.get_secret_value() if settings.auth.api_key else None
        limits = settings.limits
        hosts = settings.auth.allowed_hosts
        web = WebRules(
            origins.origins(settings.auth.allowed_origins or ""),
            origins.hosts(hosts) if hosts else default_hosts,
        )
        self.engine = MemoryEngine(limits)
        self.hub = Hub(self.engine, lambda flush: asyncio.get_running_loop().call_soon(flush), limits)
        self.operations = Operations(self.engine, self.hub)
        self.endpoint = Endpoint(
            settings.specs / "asyncapi.yaml",
            self.operations,
            self.hub,
            limits,
            settings.keepalive,
            api_key=api_key,
            web=web,
            close_deadline=settings.server.shutdown_deadline,
            debug=settings.debug,
        )
        self._websocket = AsgiEndpoint(self.endpoint)
        contract = RestContract(settings.specs / "openapi.yaml")
        documents = Documents(
            contract.document,
            self.endpoint.contract.document,
            {**asdict(limits), **asdict(settings.http), **asdict(settings.keepalive)},
        )
        rest_operations = RestOperations(
            self.operations,
            contract,
            documents,
            self.endpoint.path,
            lambda: len(self.endpoint.registry),
            root_path=settings.server.root_path or "",
        )
        self.asgi = rest.build(
            contract,
            rest_operations.by_id(),
            self.endpoint.path,
            api_key=api_key,
            web=web,
            max_body_bytes=limits.max_frame_bytes,
            site=settings.docs and _has_pages(),
            debug=settings.debug,
        )
        answers = Answers(contract)
        speech = Speech(self.endpoint.contract, answers.can_exist)
        speech.check(answers.published)
        extensions.check(self.endpoint.contract, speech)
        answers.check(speech.published, secured=api_key is not None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what an ASGI server, or the application that this one is mounted in, passes on."""
        if scope["type"] == "http":
            await self.asgi(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket.serve(sent_path(scope), scope, receive, send)
        else:
            await Router(lifespan=self.lifespan)(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncIterator[None]:
        """Close the WebSocket connections at the end: for the lifespan of the application that this is mounted in."""
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Send what waits for WebSocket connections that an ASGI server carries, and close them with 1001."""
        await self._websocket.close()


def create_app(settings: Settings | None = None) -> App:
    """Specbus as an ASGI application, to be mounted in another or run by any ASGI server.

    Args:
        settings: The settings; the defaults if None. Those of a server of its own (address, log) have no effect. The
            environment is not read: `specbus.settings.load` does that.

    Raises:
        specbus.spec.ContractError: The documents are not ones to run from.
    """
    return App(settings or Settings())


class Service(App):
    """Specbus with a server of its own: one process, one port, one event loop."""

    def __init__(self, settings: Settings) -> None:
        """Put the service together, inside a running loop. Raises ContractError."""
        super().__init__(settings, origins.hosts_on(settings.server.host))
        self._server = Server(self.asgi, self.endpoint, settings.http, settings.server.shutdown_deadline)

    async def run(self, listening: socket.socket, started: Callable[[], None] = lambda: None) -> None:
        """Serve on `listening` until `stop` is called or a signal comes; call `started` once connections are taken."""
        await self._server.serve_on(listening, started)

    def stop(self) -> None:
        """Stop gracefully: flush what is queued, close with 1001."""
        self._server.ask_to_stop()


def _has_pages() -> bool:
    """Whether the pages can be served; if not, the log says what they need, and all else is served without them."""
    if viewers_are_installed():
        return True
    log_event(_log, logging.WARNING, "pages not served", reason=str(AssetsMissing()))
    return False
