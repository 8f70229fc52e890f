"""Paths and methods that there are and that there are not, HEAD, OPTIONS and the Allow header (RFC 9110, 9)."""

import functools
from collections.abc import Iterator

import httpx

from specbus.verify.failures import Broken
from specbus.verify.raw import escaped, request, told
from specbus.verify.rest.cases import Mistake, check_cases, mistakes
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import HttpOperation, RestDocument


@mistakes("RFC 9110, 15.5.5")
def a_path_that_does_not_exist_is_a_404(document: RestDocument) -> Iterator[Mistake]:
    del document
    for path in ("/no-such-path", "/no-such-path/at/all", "/NO%20SUCH%0APATH"):
        send = functools.partial(_ask, path=path)
        yield Mistake(f"GET {path}", send, "RFC 9110, 15.5.5", frozenset([404]))


@check_cases(
    "RFC 3986, 6.2.2.2",
    lambda document: [each for each in document.operations if escaped(each.path) != each.path],
)
def an_escaped_letter_in_a_path_is_that_letter(client: Client, operation: HttpOperation) -> None:
    path = escaped(client.path(operation))
    response = client.ask_for(operation, path, client.body(operation))
    if not response.is_success:
        raise Broken(f"{operation} as {path} is answered with {response.status_code}, though it is the same path")


def _ask(client: Client, path: str) -> httpx.Response:
    return client.ask("GET", path)


def undeclared_method(operations: list[HttpOperation]) -> str:
    """A method that a path does not have."""
    methods = {operation.method for operation in operations}
    return next(method for method in ("PUT", "PATCH", "TRACE") if method not in methods)


@mistakes("RFC 9110, 15.5.6")
def a_method_that_a_path_does_not_have_is_a_405(document: RestDocument) -> Iterator[Mistake]:
    def send(client: Client, operations: list[HttpOperation]) -> httpx.Response:
        return client.ask(undeclared_method(operations), client.path(operations[0]))

    for path, operations in document.paths.items():
        rule = operations[0].place("responses", "405")
        sender = functools.partial(send, operations=operations)
        yield Mistake(f"{undeclared_method(operations)} {path}", sender, rule, frozenset([405]))


def _check_allow(response: httpx.Response, operations: list[HttpOperation], refused: str) -> None:
    """Whether Allow says what a path has."""
    what = f"a {response.status_code} to {response.request.method} {operations[0].path}"
    if "allow" not in response.headers:
        raise Broken(f"{what} has no Allow")
    allowed = {method.strip() for method in response.headers["allow"].split(",")}
    if missing := {operation.method for operation in operations} - allowed:
        raise Broken(f"{what} has Allow: {response.headers['allow']}, without {', '.join(sorted(missing))}")
    if refused in allowed:
        raise Broken(f"{what} has {refused} in Allow, which it refuses")


@check_cases("RFC 9110, 10.2.1", lambda document: document.paths.values())
def Allow_of_a_405_has_all_methods_of_the_path(client: Client, operations: list[HttpOperation]) -> None:
    method = undeclared_method(operations)
    response = client.ask(method, client.path(operations[0]))
    if response.status_code == 405:
        _check_allow(response, operations, method)


@check_cases("RFC 9110, 9.3.7", lambda document: document.paths.values())
def OPTIONS_if_it_is_offered_has_Allow(client: Client, operations: list[HttpOperation]) -> None:
    response = client.ask("OPTIONS", client.path(operations[0]))
    if response.is_success:
        _check_allow(response, operations, "")


@check_cases("RFC 9110, 9.3.2", lambda document: [each for each in document.operations if each.method == "GET"])
def HEAD_is_like_GET_without_a_body(client: Client, operation: HttpOperation) -> None:
    path = client.path(operation)
    got = client.ask("GET", path)
    with client.raw(request(client.target, "HEAD", path, "Connection: close")) as exchange:
        answer = exchange.answer("HEAD")
        body = exchange.rest()
    if answer is None or answer.status != got.status_code:
        raise Broken(f"HEAD {operation.path} is {told(answer)}, GET answered with {got.status_code}")
    if body:
        raise Broken(f"HEAD {operation.path} is answered with a body, of {len(body)} bytes")
    types = answer.fields.get_all("content-type", [])
    if types != got.headers.get_list("content-type"):
        raise Broken(f"HEAD {operation.path} has Content-Type {', '.join(types) or 'none'}, not that of GET")
