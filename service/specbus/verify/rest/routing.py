"""Paths and methods that there are and that there are not, HEAD, OPTIONS and the Allow header (RFC 9110, 9)."""

import functools
from collections.abc import Callable, Iterator

import httpx

from specbus.verify.failures import Broken
from specbus.verify.raw import Answer, escaped, request, told
from specbus.verify.rest.cases import Mistake, check_cases, mistakes
from specbus.verify.rest.client import Client, asked
from specbus.verify.rest.document import HttpOperation, RestDocument, place, with_query

_TRIES = 3
"""How often HEAD is compared with GET: what they tell may change between the two."""


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


def _allowed(response: httpx.Response) -> set[str]:
    """The methods that Allow lists. Raises Broken if there is none."""
    if "allow" not in response.headers:
        raise Broken(f"a {response.status_code} to {asked(response)} has no Allow")
    return {method.strip() for method in response.headers["allow"].split(",")}


def _check_allow(client: Client, response: httpx.Response, operations: list[HttpOperation], path: str) -> None:
    """Whether Allow says what a path has: what the document has there, and HEAD and OPTIONS if they are answered."""
    declared = {operation.method: operation for operation in operations}
    fields = declared["GET"].headers() if "GET" in declared else {}
    others = {
        method: client.ask(method, path, headers=fields).status_code
        for method in ("HEAD", "OPTIONS")
        if method == "OPTIONS" or "GET" in declared
    }
    offered = {method for method, status in others.items() if 200 <= status < 300}
    refused = {method for method, status in others.items() if status in (405, 501)}
    allowed = _allowed(response)
    answer = f"a {response.status_code} to {response.request.method} {operations[0].path}"
    what = f"{answer} has Allow: {', '.join(sorted(allowed))}"
    if missing := (declared.keys() | offered) - allowed:
        raise Broken(f"{what}, without {', '.join(sorted(missing))}")
    if more := allowed - declared.keys() - (others.keys() - refused) - {"TRACE"}:
        raise Broken(f"{what}, though the path has no {', '.join(sorted(more))}")


@check_cases("RFC 9110, 10.2.1", lambda document: document.paths.values())
def Allow_of_a_405_has_all_methods_of_the_path(client: Client, operations: list[HttpOperation]) -> None:
    method = undeclared_method(operations)
    path = client.path(operations[0])
    response = client.ask(method, path)
    if response.status_code == 405:
        _check_allow(client, response, operations, path)
        if method in _allowed(response):
            raise Broken(f"a 405 to {method} {operations[0].path} has {method} in Allow, which it refuses")


@check_cases("RFC 9110, 9.3.7", lambda document: document.paths.values())
def OPTIONS_if_it_is_offered_has_Allow(client: Client, operations: list[HttpOperation]) -> None:
    path = client.path(operations[0])
    response = client.ask("OPTIONS", path)
    if response.is_success:
        _check_allow(client, response, operations, path)


_OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
"""Header fields by which some programs take one method for another."""


def _reads_and_changes(document: RestDocument) -> Iterator[tuple[HttpOperation, HttpOperation]]:
    """Two operations of a path: one that only reads, and another."""
    for operations in document.paths.values():
        for read in operations:
            yield from ((read, other) for other in operations if read.method == "GET" and other is not read)


@check_cases(place("paths"), _reads_and_changes)
def a_request_is_for_the_method_that_its_first_line_has(
    client: Client, case: tuple[HttpOperation, HttpOperation]
) -> None:
    read, other = case
    path = client.path(read)
    for field in _OVERRIDES:
        response = client.ask("GET", path, headers={**read.headers(), field: other.method})
        again = client.ask_for(read, path)
        if not (response.is_success and again.is_success):
            what = f"{read} with {field}: {other.method} is answered with {response.status_code}"
            raise Broken(f"{what}, and {read} behind it with {again.status_code}: it is not read as GET")


def _heads(document: RestDocument) -> Iterator[tuple[str, Callable[[Client], str]]]:
    """What may be asked with HEAD: what there is, what there is not, and what is wrong; and what makes the path."""
    for operation in document.operations:
        if operation.method == "GET":
            yield str(operation), functools.partial(_path, operation=operation)
            query = "?unknown-parameter=1"
            yield f"{operation}{query}", functools.partial(_path, operation=operation, query=query)
            if operation.names_topic:
                what = f"{operation} for a topic that does not exist"
                yield what, functools.partial(_path_to_nothing, operation=operation)
    yield "GET /no-such-path", lambda _: "/no-such-path"


def _path(client: Client, operation: HttpOperation, query: str = "") -> str:
    return with_query(client.path(operation), query)


def _path_to_nothing(client: Client, operation: HttpOperation) -> str:
    return operation.path_of(client.name())


@check_cases("RFC 9110, 9.3.2", _heads)
def HEAD_is_like_GET_without_a_body(client: Client, case: tuple[str, Callable[[Client], str]]) -> None:
    what, make = case
    path = make(client)
    for _ in range(_TRIES):
        before, head, after = (_answer(client, method, path) for method in ("GET", "HEAD", "GET"))
        if head.status not in (before.status, after.status):
            raise Broken(f"HEAD is answered with {head.status}, {what} with {before.status}")
        types, wanted = (answer.fields.get_all("content-type", []) for answer in (head, after))
        if types != wanted:
            raise Broken(f"HEAD has Content-Type {', '.join(types) or 'none'}, {what} {', '.join(wanted) or 'none'}")
        length = head.fields["content-length"]
        if length is None or length in {str(len(answer.body)) for answer in (before, after)}:
            return  # What has changed meanwhile, as counts do, may have had any length between.
    raise Broken(f"HEAD has Content-Length: {length}, and the answer to {what} has {len(after.body)} bytes")


def _answer(client: Client, method: str, path: str) -> Answer:
    """The answer to a request without a body, over a connection of its own. Raises Broken."""
    with client.raw(request(client.target, method, path, "Connection: close")) as exchange:
        answer = exchange.answer(method)
        behind = exchange.rest()
    if answer is None:
        raise Broken(f"{method} {path} is {told(answer)}")
    if behind:
        raise Broken(f"behind the answer to {method} {path} come {len(behind)} bytes more")
    return answer
