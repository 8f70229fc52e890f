"""What is beside the contract's operations: the pages, and what is said where there is nothing.

Pages are for everybody: what needs the API key, a page asks for.
"""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from specbus.contract.phrasing import quoted
from specbus.http.problems import ProblemError
from specbus.http.routing import other_method, sent_path
from specbus.site.responses import prefers_html, respond

_READ = ("GET", "HEAD")


class FrontPage:
    """ASGI middleware: at "/" the contract has a list of links, which a browser would rather have as a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the page, or have the application answer."""
        app = self._app
        if scope["path"].endswith("/") and scope["method"] in _READ and sent_path(scope) == "/":
            headers = Headers(scope=scope)
            app = (respond("/", headers) if prefers_html(headers) else None) or app
        await app(scope, receive, send)


class Elsewhere:
    """ASGI application for the paths that the contract does not have."""

    def __init__(self, websocket_path: str, methods: Iterable[str], *, site: bool) -> None:
        """Serve what else there is.

        Args:
            websocket_path: Where the WebSocket is.
            methods: Those that the contract has at any path.
            site: Whether the pages are here, and their assets.

        """
        self._websocket_path = websocket_path
        self._methods = {*methods, *_READ}
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises ProblemError."""
        path, method = sent_path(scope), scope["method"]
        if path == self._websocket_path:
            raise ProblemError(
                HTTPStatus.UPGRADE_REQUIRED,
                "this is the WebSocket; it wants an upgrade",
                headers={"Upgrade": "websocket", "Connection": "upgrade"},
            )
        if path == "*":  # the service as a whole (RFC 9110, 9.3.7)
            await other_method(method, path, self._methods)(scope, receive, send)
            return
        page = respond(path, Headers(scope=scope)) if self._site else None
        if page is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"there is nothing at {quoted(scope['path'])}")
        await (page if method in _READ else other_method(method, scope["path"], _READ))(scope, receive, send)
