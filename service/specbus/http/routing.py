"""Which operation a request is for: connexion's router, on the path as it was sent."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from connexion.middleware.routing import RoutingMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from specbus.http.problems import ProblemError
from specbus.wire.paths import decoded


class Routing(RoutingMiddleware):  # type: ignore[misc] # connexion has no types
    """connexion's routing, with what else HTTP and OpenAPI ask for.

    connexion has a route for each operation, and Starlette's router tries them one after the other. Here each path has
    one more, for the methods that are not in the contract; paths without parameters go before those with (OpenAPI
    3.0.3, "Paths Object"); and a path with a slash too many is another path, not redirected.
    """

    router: Any

    def add_api(self, specification: object, **options: Any) -> None:
        """Route by `specification`."""
        super().add_api(specification, **options)
        # connexion mounts the router of an API, of which there is one here, on another.
        (mount,) = self.router.routes
        router = mount.app
        methods: dict[str, set[str]] = {}
        for route in router.routes:
            methods.setdefault(route.path, set()).update(route.methods)
        for path, own in methods.items():
            router.add_route(path, _OtherMethods(own))
        router.routes.sort(key=lambda route: "{" in route.path)
        router.redirect_slashes = False
        self.router = _on_sent_path(router)


def sent_path(scope: Scope) -> str:
    """The path below `root_path`, as `wire.paths` decodes it: in the scope's `path`, "/" and "%2F" look alike."""
    raw: str = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    path = decoded(raw)
    root = decoded(quote(scope.get("root_path", "")))
    return path[len(root) :] if path.startswith(f"{root}/") else path


def _on_sent_path(router: ASGIApp) -> ASGIApp:
    """`router`, which gets a scope of its own: what it routes to gets the server's."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        await router({**scope, "path": scope.get("root_path", "") + sent_path(scope)}, receive, send)

    return routed


class _OtherMethods:
    """A route for all methods that a path does not have."""

    def __init__(self, methods: Iterable[str]) -> None:
        """`methods` are those that it has."""
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises ProblemError."""
        response = other_method(scope["method"], unquote(scope["path"]), self._methods)
        await response(scope, receive, send)


def other_method(method: str, path: str, methods: Iterable[str]) -> Response:
    """The answer to OPTIONS (RFC 9110, 9.3.7), where `path` has just `methods`. Raises ProblemError for others."""
    allow = ", ".join(sorted({*methods, "OPTIONS"}))
    if method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allow})
    raise ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} has no {method}, but {allow}", headers={"Allow": allow})
