"""Web pages: those of other sites may neither change anything nor open a WebSocket (`Origin`, RFC 6454, 7)."""

import contextlib
from collections.abc import Iterator

import httpx

from specbus.verify.failures import Broken
from specbus.verify.raw import handshake, own_host, told
from specbus.verify.rest.cases import check_case, check_cases
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import JSON_TYPE, HttpOperation, RestDocument, place
from specbus.verify.target import Target

_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Methods that change nothing (RFC 9110, 9.2.1)."""
_HANDSHAKE = "asyncapi.yaml#/info/description"


def _own_origin(target: Target) -> str:
    return f"{httpx.URL(target.options.url).scheme}://{own_host(target)}"


def _other_origins(target: Target) -> Iterator[str]:
    """Origins that are not the service's own, whatever they begin or end with; and that of a page without one."""
    yield "https://other-site.invalid"
    yield f"{_own_origin(target)}.other-site.invalid"
    yield f"https://other-site.invalid.{httpx.URL(target.options.url).host}"
    yield "null"


def _is_allowed(target: Target, origin: str) -> bool:
    """Whether the server says that pages of `origin` may use it (CORS)."""
    path = next((each.path for each in target.rest.operations if each.method == "GET"), "/")
    response = target.call("GET", path, headers={"Origin": origin})
    return response.headers.get("access-control-allow-origin") in ("*", origin)


def _all_are_allowed(target: Target) -> str | None:
    with contextlib.suppress(Broken):
        if _is_allowed(target, next(_other_origins(target))):
            return "the server says that pages of any site may use it"
    return None


def _changes(document: RestDocument) -> Iterator[HttpOperation]:
    """The operations that change something and are not for the pages of others."""
    return (each for each in document.operations if each.method not in _SAFE and "403" in each.responses)


def _with_origin(client: Client, operation: HttpOperation, origin: str) -> httpx.Response:
    declared = {} if operation.body_schema is None else {"Content-Type": JSON_TYPE}
    return client.perform(operation, headers={**declared, "Origin": origin})


@check_cases(place("info", "description"), _changes, when=_all_are_allowed)
def a_change_by_a_page_of_another_site_is_a_403(client: Client, operation: HttpOperation) -> None:
    for origin in _other_origins(client.target):
        response = _with_origin(client, operation, origin)
        if response.status_code != 403 and not _is_allowed(client.target, origin):
            problem = f"{operation} with Origin: {origin} is answered with {response.status_code}, not 403"
            raise Broken(problem, rule=operation.place("responses", "403"))


@check_cases(place("info", "description"), _changes)
def a_change_by_a_page_of_the_service_itself_is_carried_out(client: Client, operation: HttpOperation) -> None:
    origin = _own_origin(client.target)
    response = _with_origin(client, operation, origin)
    if not response.is_success:
        raise Broken(f"{operation} with Origin: {origin}, its own, is answered with {response.status_code}")


@check_case(_HANDSHAKE, when=_all_are_allowed)
def a_handshake_of_a_page_of_another_site_is_a_403(client: Client) -> None:
    for origin in _other_origins(client.target):
        with client.raw(handshake(client.target, {"Origin": origin})) as exchange:
            answer = exchange.answer()
        if (answer is None or answer.status != 403) and not _is_allowed(client.target, origin):
            raise Broken(f"a handshake with Origin: {origin} is {told(answer)}, not 403")


@check_case(_HANDSHAKE)
def a_handshake_of_a_page_of_the_service_itself_is_accepted(client: Client) -> None:
    origin = _own_origin(client.target)
    with client.raw(handshake(client.target, {"Origin": origin})) as exchange:
        answer = exchange.answer()
    if answer is None or answer.status != 101:
        raise Broken(f"a handshake with Origin: {origin}, the service's own, is {told(answer)}, not 101")
