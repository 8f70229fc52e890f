"""What web pages may ask for, and which may read the answers (the Fetch standard's CORS protocol)."""

from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from specbus.auth.origins import WebRules
from specbus.http.problems import ProblemError

_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Methods that change nothing (RFC 9110, 9.2.1)."""


class WebGuard:
    """ASGI middleware that refuses what a page may not do."""

    def __init__(self, app: ASGIApp, *, rules: WebRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. Raises ProblemError."""
        fields = Headers(scope=scope).getlist
        problem = self._rules.wrong_host(fields)
        if problem is None and scope["method"] not in _SAFE:
            problem = self._rules.wrong_origin(fields)
        if problem:
            raise ProblemError(HTTPStatus.FORBIDDEN, problem)
        await self._app(scope, receive, send)


def shared_with(app: ASGIApp, rules: WebRules) -> ASGIApp:
    """`app`, whose answers pages of the listed origins may read."""
    if not rules.origins:
        return app
    cors = CORSMiddleware(
        app,
        allow_origins=["*"] if "*" in rules.origins else sorted(rules.origins),
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Content-Type", "X-API-Key"],
        expose_headers=["Location", "Retry-After"],
    )

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if rules.lists(Headers(scope=scope).get("origin", "")):
            await cors(scope, receive, send)
            return

        async def varied(message: Message) -> None:
            # Else a cache would give this answer, which no page may read, to a page that may.
            if message["type"] == "http.response.start" and "*" not in rules.origins:
                MutableHeaders(scope=message).add_vary_header("Origin")
            await send(message)

        await app(scope, receive, varied)

    return answered
