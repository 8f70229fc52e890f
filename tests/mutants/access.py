"""Defects of who may use the service: keys, paths of the handshake, Origin and Host."""

import asyncio
import hmac
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from specbus.auth import keys, origins
from specbus.auth.origins import Fields, WebRules
from specbus.http import validation
from specbus.http.dispatch import Call
from specbus.http.web import WebGuard
from specbus.websocket import handshake
from specbus.websocket.connection import Connection
from specbus.websocket.endpoint import Endpoint
from specbus.websocket.handshake import Refused
from tests.mutants.registry import Patch, mutant, wrap

KEY = "Correct-Horse-Battery"


def edit_key(patch: Patch, edit: Any) -> None:
    """Have `edit` judge requests where a key is wanted: it gets the key, and the only value of X-API-Key."""

    def accepts(original: Any, key: str | None, given: Sequence[str]) -> bool:
        return bool(original(key, given) or (key is not None and len(given) == 1 and edit(key, given[0])))

    wrap(patch, keys, "accepts", accepts)


def edit_path(patch: Patch, edit: Any) -> None:
    """Have `edit` change the paths of handshakes before they are compared with that of the WebSocket."""

    def check(original: Any, self: Endpoint, path: str, fields: Fields, peer: str) -> None:
        original(self, edit(path), fields, peer)

    wrap(patch, Endpoint, "check", check)


def secure(patch: Patch, operation: str, secured: bool) -> None:
    """Have an operation want the key, or not."""

    def init(original: Any, self: Call, judged: Any, *args: Any, **options: Any) -> None:
        wanted: tuple[dict[str, Any], ...] = ({"apiKey": []},) if secured else ()
        original(self, replace(judged, security=wanted) if judged.id == operation else judged, *args, **options)

    wrap(patch, Call, "__init__", init)


# The key. asyncapi.yaml and openapi.yaml, securitySchemes: "Needed where the service was started with PUBSUB_API_KEY,
# on everything but /health; not looked at elsewhere." 401: "the request has none or a wrong one".


@mutant("behaviour", "the beginning of the API key will do", api_key=KEY)
def beginning_of_key_will_do(patch: Patch) -> None:
    edit_key(patch, lambda key, given: given and key.startswith(given))


@mutant("behaviour", "an API key is compared without regard to case", api_key=KEY)
def key_in_any_case(patch: Patch) -> None:
    edit_key(patch, lambda key, given: hmac.compare_digest(key.lower(), given.lower()))


@mutant("behaviour", "what follows the API key is not looked at", api_key=KEY)
def key_with_more_behind_it(patch: Patch) -> None:
    edit_key(patch, lambda key, given: given[: len(key)] == key)


@mutant("behaviour", "an API key in quotes will do", api_key=KEY)
def key_in_quotes(patch: Patch) -> None:
    edit_key(patch, lambda key, given: given.strip('"') == key)


@mutant("behaviour", "of a list of API keys one need be right", api_key=KEY)
def key_in_a_list(patch: Patch) -> None:
    edit_key(patch, lambda key, given: key in given.replace(" ", "").split(","))


@mutant("behaviour", "any API key of the right length will do", api_key=KEY)
def key_of_right_length(patch: Patch) -> None:
    edit_key(patch, lambda key, given: len(given) == len(key))


@mutant("behaviour", "an empty X-API-Key will do", api_key=KEY)
def empty_key_will_do(patch: Patch) -> None:
    edit_key(patch, lambda _key, given: given == "")


@mutant("websocket", "the API key counts in the query of a handshake, where logs have it", api_key=KEY)
def key_in_query_of_handshake(patch: Patch) -> None:
    def respond(original: Any, data: bytes, check: Any) -> Any:
        line = data.partition(b"\r\n")[0].split(b" ")
        if f"api_key={KEY}".encode() not in line[1]:
            return original(data, check)
        head, _, tail = data.partition(b"\r\n")
        return original(b"%b\r\nX-API-Key: %b\r\n%b" % (head, KEY.encode(), tail), check)

    wrap(patch, handshake, "respond", respond)


@mutant("rest", "the API key counts as a Bearer token too", api_key=KEY)
def key_as_bearer(patch: Patch) -> None:
    def check_key(original: Any, api_key: str | None, headers: Any, peer: str) -> None:
        if headers.get("authorization") != f"Bearer {api_key}":
            original(api_key, headers, peer)

    wrap(patch, validation, "check_key", check_key)


@mutant("rest", "/health wants the API key", api_key=KEY)
def health_wants_key(patch: Patch) -> None:
    secure(patch, "getHealth", True)


@mutant("rest", "/health refuses a wrong API key", api_key=KEY)
def health_refuses_wrong_key(patch: Patch) -> None:
    async def judged(original: Any, self: Call, request: Request) -> Any:
        if "x-api-key" in request.headers:
            validation.check_key(self._api_key, request.headers, "?")
        return await original(self, request)

    wrap(patch, Call, "_judged", judged)


@mutant("rest", "retained messages are read without the API key", api_key=KEY)
def messages_need_no_key(patch: Patch) -> None:
    secure(patch, "getMessages", False)


@mutant("rest", "the AsyncAPI document is read without the API key", api_key=KEY)
def asyncapi_needs_no_key(patch: Patch) -> None:
    secure(patch, "getAsyncapi", False)


@mutant("rest", "the list of links is read without the API key", api_key=KEY)
def index_needs_no_key(patch: Patch) -> None:
    secure(patch, "getIndex", False)


@mutant("rest", "HEAD needs no API key", api_key=KEY)
def head_needs_no_key(patch: Patch) -> None:
    async def judged(original: Any, self: Call, request: Request) -> Any:
        key = self._api_key
        self._api_key = None if request.method == "HEAD" else key
        try:
            return await original(self, request)
        finally:
            self._api_key = key

    wrap(patch, Call, "_judged", judged)


@mutant("rest", "a body is read and judged before the API key", api_key=KEY)
def body_before_key(patch: Patch) -> None:
    async def judged(original: Any, self: Call, request: Request) -> Any:
        if self._operation.body is not None:
            body = await request.body()
            validation.parse_body(self._operation.body.parse, body)
        return await original(self, request)

    wrap(patch, Call, "_judged", judged)


@mutant("behaviour", "a service without an API key refuses who sends one")
def key_refused_where_none_is_wanted(patch: Patch) -> None:
    wrap(patch, keys, "accepts", lambda original, key, given: original(key, given) and (key is not None or not given))


@mutant("websocket", "a handshake refused with 401 has no WWW-Authenticate (RFC 9110, 15.5.2)", api_key=KEY)
def handshake_401_without_challenge(patch: Patch) -> None:
    def check(original: Any, *args: Any) -> None:
        try:
            original(*args)
        except Refused as refused:
            raise Refused(refused.status, str(refused)) from None

    wrap(patch, Endpoint, "check", check)


@mutant("websocket", "a handshake without the API key is accepted, then closed with 1008", api_key=KEY)
def wrong_key_accepted_then_closed(patch: Patch) -> None:
    refused = []

    def check(original: Any, *args: Any) -> None:
        try:
            original(*args)
        except Refused as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
            refused.append(error)

    def respond(original: Any, self: Connection, data: bytes) -> None:
        original(self, data)
        if refused:
            refused.clear()
            asyncio.get_running_loop().call_soon(self.close, 1008, "unauthorized")

    wrap(patch, Endpoint, "check", check)
    wrap(patch, Connection, "_handshake", respond)


# The path of the handshake. asyncapi.yaml, channels.bus.address: /ws


@mutant("websocket", "every path is the WebSocket's")
def every_path_is_the_websocket(patch: Patch) -> None:
    edit_path(patch, lambda path: "/ws")


@mutant("websocket", "/ws/ is the WebSocket too")
def handshake_with_trailing_slash(patch: Patch) -> None:
    edit_path(patch, lambda path: path.rstrip("/"))


@mutant("websocket", "/WS is the WebSocket too")
def handshake_path_in_any_case(patch: Patch) -> None:
    edit_path(patch, lambda path: path.lower())


@mutant("websocket", "what begins with /ws is the WebSocket's path")
def handshake_path_by_prefix(patch: Patch) -> None:
    edit_path(patch, lambda path: path[:3])


# Pages. openapi.yaml, "Web pages"


@mutant("rest", "a page of another port of the same host may change something")
def origin_without_port(patch: Patch) -> None:
    def own(original: Any, origin: str, fields: Fields) -> bool:
        host = origins._authority(origin.partition("://")[2], 80)[0]
        return bool(original(origin, fields) or host in [origins._authority(value, 80)[0] for value in fields("host")])

    wrap(patch, origins, "_is_own", own)


@mutant("behaviour", "the Origin null, of sandboxed pages, may use the service")
def origin_null_is_taken(patch: Patch) -> None:
    wrap(patch, WebRules, "lists", lambda original, self, origin: origin == "null" or original(self, origin))


@mutant("behaviour", "an Origin that begins with an allowed one is taken", allowed_origins="https://app.example.org")
def origin_by_prefix(patch: Patch) -> None:
    wrap(
        patch,
        WebRules,
        "lists",
        lambda original, self, origin: original(self, origin) or any(map(origin.startswith, self.origins)),
    )


@mutant("behaviour", "the scheme of an allowed Origin is not looked at", allowed_origins="https://app.example.org")
def origin_without_scheme(patch: Patch) -> None:
    wrap(
        patch,
        WebRules,
        "lists",
        lambda original, self, origin: original(self, origin.replace("http://", "https://")),
    )


@mutant("rest", "the Origin of a DELETE is not looked at")
def origin_of_delete_ignored(patch: Patch) -> None:
    patch.setattr("specbus.http.web._SAFE", ("GET", "HEAD", "OPTIONS", "TRACE", "DELETE"))


@mutant("rest", "a GET of another site's page is refused")
def origin_of_get_refused(patch: Patch) -> None:
    patch.setattr("specbus.http.web._SAFE", ())


@mutant("behaviour", "a Host that ends with an allowed name is taken, evillocalhost too")
def host_by_suffix(patch: Patch) -> None:
    wrap(
        patch,
        origins,
        "_matches",
        lambda original, name, pattern: original(name, pattern) or name.endswith(pattern.removeprefix("*.")),
    )


@mutant("behaviour", "a Host that begins with an allowed name is taken, localhost.evil.example too")
def host_by_prefix(patch: Patch) -> None:
    wrap(
        patch,
        origins,
        "_matches",
        lambda original, name, pattern: original(name, pattern) or name.startswith(pattern),
    )


@mutant("rest", "the Host of a request that changes nothing is not looked at")
def host_of_get_ignored(patch: Patch) -> None:
    reading: list[bool] = []

    async def judged(original: Any, self: Any, scope: Any, receive: Any, send: Any) -> None:
        reading[:] = [scope["method"] in ("GET", "HEAD")]
        await original(self, scope, receive, send)

    def wrong_host(original: Any, self: WebRules, fields: Fields) -> Any:
        return None if reading == [True] else original(self, fields)

    wrap(patch, WebRules, "wrong_host", wrong_host)
    wrap(patch, WebGuard, "__call__", judged)


@mutant("websocket", "the Host of a handshake is not looked at")
def host_of_handshake_ignored(patch: Patch) -> None:
    def check(original: Any, self: Endpoint, path: str, fields: Fields, peer: str) -> None:
        original(
            self, path, lambda name: ["localhost"] if name == "host" and not fields("origin") else fields(name), peer
        )

    wrap(patch, Endpoint, "check", check)


@mutant("behaviour", "who has the API key is not asked for Origin", api_key=KEY)
def origin_not_asked_with_key(patch: Patch) -> None:
    def wrong_origin(original: Any, self: WebRules, fields: Fields) -> Any:
        return None if fields("x-api-key") == [KEY] else original(self, fields)

    wrap(patch, WebRules, "wrong_origin", wrong_origin)
