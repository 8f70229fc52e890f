"""The service put together: settings in, one bus and its transports out."""

import asyncio
import logging
import socket
from collections.abc import Callable

from specbus.bus.hub import Hub
from specbus.bus.memory import MemoryEngine
from specbus.bus.operations import Operations
from specbus.contract.requests import RestContract
from specbus.http import app as rest
from specbus.http.operations import RestOperations
from specbus.log import log_event
from specbus.server import Server
from specbus.settings import Settings
from specbus.site.assets import AssetsMissing, viewers_are_installed
from specbus.websocket.endpoint import Endpoint

_log = logging.getLogger(__name__)


class Service:
    """Specbus, on one event loop."""

    def __init__(self, settings: Settings) -> None:
        """Put the service together, inside a running loop. Raises ContractError."""
        api_key = settings.auth.api_key.get_secret_value() if settings.auth.api_key else None
        limits = settings.limits
        self.engine = MemoryEngine(limits)
        self.hub = Hub(self.engine, asyncio.get_running_loop().call_soon, limits)
        self.operations = Operations(self.engine, self.hub)
        self.endpoint = Endpoint(
            settings.specs / "asyncapi.yaml",
            self.operations,
            self.hub,
            limits,
            settings.keepalive,
            api_key=api_key,
            close_deadline=settings.server.shutdown_deadline,
            debug=settings.debug,
        )
        contract = RestContract(settings.specs / "openapi.yaml")
        rest_operations = RestOperations(
            self.operations,
            contract,
            self.endpoint.contract.document,
            self.endpoint.path,
            lambda: len(self.endpoint.registry),
            root_path=settings.server.root_path or "",
        )
        self.asgi = rest.build(
            contract,
            rest_operations.by_id(),
            self.endpoint.path,
            api_key=api_key,
            max_body_bytes=limits.max_frame_bytes,
            site=settings.docs and _has_pages(),
            debug=settings.debug,
        )
        self._server = Server(self.asgi, self.endpoint, settings.server.shutdown_deadline)

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
