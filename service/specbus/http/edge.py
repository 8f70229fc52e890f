"""What stands between the server and connexion: paths, methods and keys by the contract, and a look at what leaves.

Connexion, and Starlette below it, know one route a method: neither can list a path's methods. What they answer by
themselves (redirects, plain texts) the contract does not have. And they read paths and content types in ways of their
own. So all by which they choose a route and a validator is judged here.
"""

import logging
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from specbus.auth import keys as credentials
from specbus.contract.requests import InvalidRequest, Operation, RestContract
from specbus.contract.schema import quoted
from specbus.http.problems import ProblemError
from specbus.http.validation import check_content_type
from specbus.log import log_event
from specbus.site.responses import prefers_html, respond

_log = logging.getLogger(__name__)


class Edge:
    """ASGI middleware around the REST application."""

    def __init__(
        self, app: ASGIApp, contract: RestContract, websocket_path: str, *, api_key: str | None, site: bool, debug: bool
    ) -> None:
        """With `site`, the pages are where the contract has nothing, and at "/" for a browser.

        With `debug`, every response is checked against `contract`, and a violation logged.
        """
        self._app = app
        self._contract = contract
        self._websocket_path = websocket_path
        self._api_key = api_key
        self._site = site
        self._debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        operation: Operation | None = None
        operations = self._contract.at_path(_encoded_path(scope))
        app: ASGIApp
        try:
            page = self._page(scope, operations) if self._site else None
            operation = self._operation(scope, operations) if page is None else None
            app = page or (_options(operations) if operation is None else self._app)
        except ProblemError as problem:
            app = problem.response()
        if self._debug and operation is not None:
            send = self._checked(send, operation, scope["method"])
        await app(scope, receive, send)

    def _page(self, scope: Scope, operations: list[Operation]) -> Response | None:
        """The page or asset asked for, if it is one. They are for everybody: what needs the key, they ask for."""
        path, method, headers = scope["path"], scope["method"], Headers(scope=scope)
        # The contract goes first; both have something at "/".
        if path == self._websocket_path or (
            operations and not (path == "/" and method in ("GET", "HEAD") and prefers_html(headers))
        ):
            return None
        page = respond(path, headers)
        if page is None or method in ("GET", "HEAD"):
            return page
        allowed = "GET, HEAD, OPTIONS"
        if method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allowed})
        raise ProblemError(
            HTTPStatus.METHOD_NOT_ALLOWED, f"{path} has no {method}, but {allowed}", headers={"Allow": allowed}
        )

    def _operation(self, scope: Scope, operations: list[Operation]) -> Operation | None:
        """The operation asked for; None for OPTIONS. Raises ProblemError."""
        path, method = scope["path"], scope["method"]
        if not operations:
            if path == self._websocket_path:
                raise ProblemError(
                    HTTPStatus.UPGRADE_REQUIRED,
                    "this is the WebSocket; it wants an upgrade",
                    headers={"Upgrade": "websocket", "Connection": "upgrade"},
                )
            raise ProblemError(HTTPStatus.NOT_FOUND, f"there is nothing at {quoted(path)}")
        # HEAD is answered wherever GET is (RFC 9110, 9.3.2).
        wanted = "get" if method == "HEAD" else method.lower()
        for operation in operations:
            if operation.method == wanted:
                self._check(operation, scope)
                return operation
        if method == "OPTIONS":
            return None
        allowed = _allow(operations)
        raise ProblemError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"{path} has no {method}, but {allowed}",
            headers={"Allow": allowed},
        )

    def _check(self, operation: Operation, scope: Scope) -> None:
        """Raise ProblemError unless key, path and content type are right; connexion gets these two as it knows them."""
        headers = Headers(scope=scope)
        if operation.secured:
            self._check_key(headers)
        try:
            values = operation.path_values(_encoded_path(scope)) or {}
            operation.check_path(values)
        except InvalidRequest as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from None
        # Values stay encoded until connexion has found its route: to it, a slash in a name parts the path.
        scope["path"] = operation.path_with(values)
        if operation.body is not None:
            check_content_type(headers.getlist("content-type"))
            scope["headers"] = [
                (name, b"application/json" if name == b"content-type" else value) for name, value in scope["headers"]
            ]

    def _check_key(self, headers: Headers) -> None:
        """Raise ProblemError unless the request has the API key, where one is wanted."""
        if not credentials.accepts(self._api_key, headers.getlist("x-api-key")):
            raise ProblemError(HTTPStatus.UNAUTHORIZED, credentials.REFUSAL, headers=credentials.CHALLENGE)

    @staticmethod
    def _checked(send: Send, operation: Operation, method: str) -> Send:
        """A `send` that also checks the response of `operation`."""
        start: Message = {}
        body = bytearray()

        async def checked(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    headers = {
                        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]
                    }
                    for problem in operation.problems_of_response(start["status"], headers, bytes(body)):
                        log_event(_log, logging.ERROR, "contract violation", operation=operation.id, problem=problem)
            await send(message)

        return checked


def _encoded_path(scope: Scope) -> str:
    return str(scope["raw_path"], "latin-1")


def _options(operations: list[Operation]) -> Response:
    """The answer to OPTIONS (RFC 9110, 9.3.7) for a path that has `operations`."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": _allow(operations)})


def _allow(operations: list[Operation]) -> str:
    """The value of `Allow` for a path that has `operations`."""
    methods = {operation.method.upper() for operation in operations} | {"OPTIONS"}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
