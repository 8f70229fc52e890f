"""Where a request begins and ends, and what its head must have (RFC 9112): requests that no client library sends."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator

from specbus.verify.checks import RISKY
from specbus.verify.failures import Broken
from specbus.verify.raw import WRONG_HOSTS, Answer, handshake, request, told, told_hosts
from specbus.verify.rest.cases import CLIENT_ERRORS, check_cases
from specbus.verify.rest.client import Client, json_of
from specbus.verify.rest.document import JSON_TYPE, PROBLEM_TYPE, HttpOperation, RestDocument, place
from specbus.verify.topics import DELETE

_LAST = "Connection: close"
_NOWHERE = "/no-such-path"
"""What answers it, a 404, no other request gets."""
_JSON = f"Content-Type: {JSON_TYPE}"
_UPGRADES = {
    "h2c": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    "no-such-protocol": ("Connection: Upgrade", "Upgrade: no-such-protocol"),
}
"""Header fields that ask for an upgrade, by the protocol."""


def _read(document: RestDocument) -> Iterable[HttpOperation]:
    """An operation that only reads, if there is one."""
    return document.reads()[:1]


def _malformed(document: RestDocument) -> Iterator[tuple[str, Callable[[Client], bytes]]]:
    """What is not HTTP: how it is called, and what makes it."""

    def head(client: Client, operation: HttpOperation, fields: Iterable[str]) -> bytes:
        return request(client.target, operation.method, client.path(operation), *fields)

    yield "'this is not HTTP'", lambda _: b"this is not HTTP\r\n\r\n"
    for operation in _read(document):
        for line in ("no colon in this line", "A-Blank-Before-The-Colon : 1"):
            yield f"{operation} with the line {line!r}", functools.partial(head, operation=operation, fields=[line])
    for operation in document.with_body():
        line = "Content-Length: many"
        yield f"{operation} with {line}", functools.partial(head, operation=operation, fields=[_JSON, line])


@check_cases("RFC 9112, 2.2", _malformed, order=RISKY)
def a_request_that_is_not_HTTP_is_a_400(client: Client, case: tuple[str, Callable[[Client], bytes]]) -> None:
    what, make = case
    with client.raw(make(client)) as exchange:
        answer = exchange.answer()
    if answer is None or answer.status != 400:
        raise Broken(f"{what} is {told(answer)}, not 400")
    # A proxy may have a page of its own for that; none has nothing to say.
    if not answer.body:
        raise Broken(f"{what} is answered with a 400 that has no body, so no problem document", rule="RFC 9457, 3")
    _check_problem(answer, what)


def _check_problem(answer: Answer, what: str) -> None:
    """Raise Broken if the answer is JSON, but no problem document with its status."""
    media_type = answer.fields.get_content_type()
    if "json" not in media_type and not answer.body.lstrip().startswith(b"{"):
        return
    problem = json_of(answer)
    if media_type != PROBLEM_TYPE or not isinstance(problem, dict) or problem.get("status") != answer.status:
        raise Broken(f"{what} is {told(answer)}, which is no problem document with its status", rule="RFC 9457, 3")


@check_cases("RFC 9112, 3.2", lambda document: itertools.product(_read(document), WRONG_HOSTS))
def a_request_without_exactly_one_valid_Host_is_a_400(
    client: Client, case: tuple[HttpOperation, tuple[str, ...]]
) -> None:
    operation, hosts = case
    data = request(client.target, operation.method, client.path(operation), _LAST, hosts=hosts)
    with client.raw(data) as exchange:
        answer = exchange.answer()
    if answer is None or answer.status != 400:
        raise Broken(f"{operation} with {told_hosts(hosts)} is {told(answer)}, not 400")


@check_cases(
    "RFC 9112, 6.1",
    lambda document: itertools.product(
        document.with_body(), ("gzip, chunked", "deflate, chunked", "no-such-coding, chunked", "gzip", "chunked, gzip")
    ),
)
def a_body_in_a_transfer_coding_that_it_does_not_have_is_refused(
    client: Client, case: tuple[HttpOperation, str]
) -> None:
    operation, coding = case
    head = request(
        client.target, operation.method, client.path(operation), _JSON, f"Transfer-Encoding: {coding}", _LAST
    )
    body = client.body(operation) or b""
    with client.raw(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)) as exchange:
        answer = exchange.answer(operation.method)
    # 501 is for a coding that is not known. One that is known, the body turns out not to have; and proxies differ.
    if answer is None or answer.status not in CLIENT_ERRORS | {501}:
        raise Broken(f"{operation} with Transfer-Encoding: {coding} is {told(answer)}, not 501 or 4xx")
    # A problem document is the service's own word, no proxy's. Where chunked is not the last, RFC 9112, 6.3, has 400.
    if coding.endswith("chunked") and answer.status != 501 and answer.fields.get_content_type() == PROBLEM_TYPE:
        problem = f"{operation} with Transfer-Encoding: {coding} is {told(answer)}, not 501"
        raise Broken(problem, rule=place("info", "description"))


_IN_CHUNKS = {
    "Chunked": ("Chunked", b"%x\r\n%b\r\n", b""),
    "CHUNKED": ("CHUNKED", b"%x\r\n%b\r\n", b""),
    "chunked, with sizes in capitals": ("chunked", b"00%X\r\n%b\r\n", b""),
    "chunked, with extensions": ("chunked", b"%x;name=value;other\r\n%b\r\n", b""),
    "chunked, with a trailer": ("chunked", b"%x\r\n%b\r\n", b"No-Such-Field: 1\r\n"),
}
"""Ways to send a body in chunks: the name of the coding, how a chunk is written, and the trailer."""


@check_cases("RFC 9112, 7.1", lambda document: itertools.product(document.with_body(), _IN_CHUNKS))
def a_body_in_chunks_is_taken_however_they_are_written(client: Client, case: tuple[HttpOperation, str]) -> None:
    operation, what = case
    coding, chunk, trailer = _IN_CHUNKS[what]
    body = client.body(operation) or b""
    parts = [part for part in (body[:10], body[10:]) if part]
    fields = (_JSON, f"Transfer-Encoding: {coding}", _LAST)
    data = request(client.target, operation.method, client.path(operation), *fields)
    data += b"".join(chunk % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"
    with client.raw(data) as exchange:
        answer = exchange.answer(operation.method)
    if answer is None or not 200 <= answer.status < 300:
        raise Broken(f"{operation} with Transfer-Encoding: {what}, is {told(answer)}")


def _with_body(client: Client, operation: HttpOperation, body: bytes, fields: Iterable[str] = ()) -> bytes:
    """A request with that body, and another behind it that is answered with 404."""
    head = request(
        client.target, operation.method, client.path(operation), _JSON, f"Content-Length: {len(body)}", *fields
    )
    return head + body + request(client.target, "GET", _NOWHERE, _LAST)


@check_cases("RFC 9110, 7.8", lambda document: itertools.product(document.with_body(), _UPGRADES))
def a_request_that_asks_for_another_protocol_is_carried_out(client: Client, case: tuple[HttpOperation, str]) -> None:
    operation, protocol = case
    data = _with_body(client, operation, client.body(operation) or b"", _UPGRADES[protocol])
    with client.raw(data) as exchange:
        answer = exchange.answer(operation.method)
        if answer and answer.status == 101 and protocol == "h2c":
            return  # It is carried out in HTTP/2.
        if answer is None or not 200 <= answer.status < 300:
            raise Broken(f"{operation} with Upgrade: {protocol} is {told(answer)}, not carried out")
        # The server may close instead (RFC 9112, 9.6), but not mix up the two.
        behind = exchange.answer()
    if behind and behind.status != 404:
        raise Broken(f"GET {_NOWHERE}, behind {operation} with Upgrade: {protocol}, is {told(behind)}, not 404")


def _bearers(document: RestDocument) -> Iterator[tuple[HttpOperation, str | None]]:
    """Requests that may have a body: with the protocol that they ask for, if any."""
    for operation in itertools.chain(_read(document), document.with_body()):
        yield operation, None
        yield from ((operation, protocol) for protocol in _UPGRADES)


@check_cases("RFC 9112, 6", _bearers)
def a_body_is_not_taken_for_a_request(client: Client, case: tuple[HttpOperation, str | None]) -> None:
    operation, protocol = case
    topic = client.topic()
    deletion = client.target.topics.operation(DELETE)
    body = request(client.target, deletion.method, deletion.path_of(topic))
    fields = _UPGRADES[protocol] if protocol else ()
    what = f"{operation} with Upgrade: {protocol}" if protocol else str(operation)
    with client.raw(_with_body(client, operation, body, fields)) as exchange:
        answer = exchange.answer(operation.method)
        behind = exchange.answer() if answer and answer.status != 101 else None
    if topic not in client.listed():
        raise Broken(f"a DELETE that is the body of {what} is carried out as a request")
    if behind and behind.status != 404:
        raise Broken(f"GET {_NOWHERE}, behind {what} with a body, is {told(behind)}, not 404")


@check_cases("RFC 9112, 9.3.2", _read)
def requests_before_a_handshake_are_answered_before_it(client: Client, operation: HttpOperation) -> None:
    target = client.target
    requests = [
        request(target, operation.method, client.path(operation)),
        request(target, "GET", _NOWHERE),
        handshake(target),
    ]
    answers: list[int] = []
    with client.raw(b"".join(requests)) as exchange:
        # The server may close before it has answered all (RFC 9112, 9.6).
        while len(answers) < len(requests) and (answer := exchange.answer()):
            answers.append(answer.status)
            if answer.status == 101:
                break
    before = answers[:2]
    if 101 in before:
        raise Broken(
            f"a handshake behind two requests is answered when {answers.index(101)} of them have their answers"
        )
    if not before or not 200 <= before[0] < 300 or before[1:] not in ([], [404]):
        got = " and ".join(map(str, before)) or "nothing"
        raise Broken(f"{operation} and GET {_NOWHERE}, before a handshake, are answered with {got}, not 2xx and 404")
