"""Web pages: those of other sites may neither change anything nor open a WebSocket (`Origin`, RFC 6454, 7)."""

import contextlib
import itertools
from collections.abc import Iterator

import httpx

from specbus.verify.failures import Broken
from specbus.verify.raw import Answer, handshake, told
from specbus.verify.rest.cases import check_case, check_cases
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import JSON_TYPE, HttpOperation, RestDocument, place
from specbus.verify.target import Target

_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Methods that change nothing (RFC 9110, 9.2.1)."""
_HANDSHAKE = "asyncapi.yaml#/info/description"


_OWN = "{scheme}://{netloc}"
_OTHERS = (
    *("https://other-site.invalid", "{scheme}://{host}.other-site.invalid", "{scheme}://other-{host}"),
    *("{scheme}://{host}:1", "null"),
)
"""Origins of pages of others, one that has none among them; whatever they begin or end with."""


def _filled(origin: str, target: Target) -> str:
    """`origin` with what is of the server's URL in it."""
    url = httpx.URL(target.options.url)
    return origin.format(
        scheme=url.scheme, host=url.netloc.decode().removesuffix(f":{url.port}"), netloc=url.netloc.decode()
    )


def _is_allowed(target: Target, origin: str) -> bool:
    """Whether the server says that pages of `origin` may use it (CORS)."""
    path = next((each.path for each in target.rest.operations if each.method == "GET"), "/")
    response = target.call("GET", path, headers={"Origin": origin})
    return response.headers.get("access-control-allow-origin") in ("*", origin)


def _all_are_allowed(target: Target) -> str | None:
    with contextlib.suppress(Broken):
        if _is_allowed(target, _OTHERS[0]):
            return "the server says that pages of any site may use it"
    return None


def _changes(document: RestDocument) -> Iterator[HttpOperation]:
    """The operations that change something and are not for the pages of others."""
    return (each for each in document.operations if each.method not in _SAFE and "403" in each.responses)


def _with_origin(client: Client, operation: HttpOperation, origin: str) -> httpx.Response:
    declared = {} if operation.body_schema is None else {"Content-Type": JSON_TYPE}
    return client.perform(operation, headers={**declared, "Origin": origin})


@check_cases(
    place("info", "description"),
    lambda document: itertools.product(_changes(document), _OTHERS),
    when=_all_are_allowed,
)
def a_change_by_a_page_of_another_site_is_a_403(client: Client, case: tuple[HttpOperation, str]) -> None:
    operation, origin = case[0], _filled(case[1], client.target)
    status = _with_origin(client, operation, origin).status_code
    if status != 403 and not _is_allowed(client.target, origin):
        problem = f"{operation} with Origin: {origin} is answered with {status}, not 403"
        raise Broken(problem, rule=operation.place("responses", "403"))


@check_cases(place("info", "description"), lambda document: document.reads())
def a_read_by_a_page_of_any_site_is_answered_as_any_other(client: Client, operation: HttpOperation) -> None:
    """It changes nothing, and what the page sees of the answer is the browser's affair."""
    path = client.path(operation)
    usual = client.ask_for(operation, path).status_code
    for origin in (_filled(each, client.target) for each in _OTHERS):
        status = client.ask_for(operation, path, headers={"Origin": origin}).status_code
        if status != usual == 200:
            raise Broken(f"{operation} with Origin: {origin} is answered with {status}, without it with {usual}")


@check_cases(place("info", "description"), _changes)
def a_change_by_a_page_of_the_service_itself_is_carried_out(client: Client, operation: HttpOperation) -> None:
    origin = _filled(_OWN, client.target)
    response = _with_origin(client, operation, origin)
    if not response.is_success:
        raise Broken(f"{operation} with Origin: {origin}, its own, is answered with {response.status_code}")


def _handshake(client: Client, origin: str) -> Answer | None:
    with client.raw(handshake(client.target, {"Origin": origin})) as exchange:
        return exchange.answer()


@check_cases(_HANDSHAKE, lambda _: _OTHERS, when=_all_are_allowed)
def a_handshake_of_a_page_of_another_site_is_a_403(client: Client, origin: str) -> None:
    origin = _filled(origin, client.target)
    answer = _handshake(client, origin)
    if (answer is None or answer.status != 403) and not _is_allowed(client.target, origin):
        raise Broken(f"a handshake with Origin: {origin} is {told(answer)}, not 403")


@check_case(_HANDSHAKE)
def a_handshake_of_a_page_of_the_service_itself_is_accepted(client: Client) -> None:
    origin = _filled(_OWN, client.target)
    answer = _handshake(client, origin)
    if answer is None or answer.status != 101:
        raise Broken(f"a handshake with Origin: {origin}, the service's own, is {told(answer)}, not 101")
