"""Limits that the server says it has: what is just at one is taken, what is over it is refused."""

import contextlib
import itertools
import re
from collections.abc import Iterator

from specbus.spec import ContractError
from specbus.verify.checks import RISKY, WAITING, check_for_each
from specbus.verify.failures import Broken, Skipped
from specbus.verify.listener import LONGEST, Listener
from specbus.verify.raw import request, told
from specbus.verify.rest.cases import check_cases
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import PROBLEM_TYPE, HttpOperation, RestDocument, place
from specbus.verify.target import Target


@check_cases(
    place("info", "x-limits"),
    lambda document: itertools.product(document.with_body(), (False, True)),
    order=RISKY,
)
def a_body_may_be_as_large_as_the_server_says_and_no_larger(client: Client, case: tuple[HttpOperation, bool]) -> None:
    operation, chunked = case
    most = client.target.limits.max_frame_bytes
    if most is None:
        raise Skipped("the server does not say how large a body may be")
    how = "chunked" if chunked else "with its length"
    for size in (most, most + 1):
        body = client.body(operation) or b""
        # JSON may have blanks behind it (RFC 8259, 2).
        response = client.ask_for(operation, client.path(operation), body.ljust(size), chunked=chunked)
        if size == most and not response.is_success:
            problem = f"{operation} with a body of {size} bytes, {how}, is answered with {response.status_code}"
            raise Broken(f"{problem}, though the server says that it takes as many")
        statuses = (413,) if "413" in operation.responses else range(400, 500)
        if size > most and response.status_code not in statuses:
            problem = f"{operation} with a body of {size} bytes, {how}, is answered with {response.status_code}"
            raise Broken(f"{problem}, not refused, though the server says that it takes {most}")


def _said(document: RestDocument, pattern: str) -> re.Match[str] | None:
    """What the description of the whole says in words that `pattern` has."""
    return re.search(pattern, " ".join(str((document.bundled.get("info") or {}).get("description")).split()))


@check_cases(place("info", "description"), lambda document: document.reads()[:1], order=RISKY)
def a_head_may_be_as_large_as_the_document_says_and_no_larger(client: Client, operation: HttpOperation) -> None:
    """Proxies take less and answer in their own ways: of refusals, only problem documents are looked at."""
    said = _said(client.document, r"head of a request is at most ([0-9]+) KiB \(([0-9]{3})\)")
    if not said:
        raise Skipped("the document does not say how large the head of a request may be")
    most, status = int(said[1]) * 1024, int(said[2])
    # How the bytes of a head are counted is not said: well below the bound, and well over it.
    for size in (most // 4, most * 7 // 8, most + most // 8, most * 2):
        fields = [f"X-Padding-{at}: {'x' * 4000}" for at in range(size // 4000)]
        with client.raw(request(client.target, operation.method, client.path(operation), *fields)) as exchange:
            answer = exchange.answer()
        what = f"{operation} with a head of about {size} bytes is {told(answer)}"
        is_own = answer is not None and answer.fields.get_content_type() == PROBLEM_TYPE
        if answer and size < most and is_own and answer.status == status:
            raise Broken(f"{what}, though the document says that it may have {most}")
        if answer and size > most and (answer.status < 400 or (is_own and answer.status != status)):
            raise Broken(f"{what}, not {status}, though the document says that it may have at most {most}")


def _seconds(target: Target) -> int | None:
    """In how many seconds the head of a request must come; None if that is not said, or too long for a run."""
    said = _said(target.rest, r"head of a request [^.]*comes within ([0-9]+) seconds")
    return int(said[1]) if said and int(said[1]) < LONGEST else None


def _unfinished(target: Target) -> Iterator[Listener | None]:
    """A connection on which half a head was sent."""
    # Checks of each run are made at its begin; those of a document that is missing say so themselves.
    with contextlib.suppress(OSError, ValueError, ContractError, Skipped, IndexError):
        if target.options.profile.has_rest and _seconds(target):
            operation = target.rest.reads()[0]
            head = request(target, operation.method, operation.path_of(""))
            yield Listener(target, head.removesuffix(b"\r\n"))
            return
    yield None


@check_for_each(
    "rest",
    _unfinished,
    name=lambda _: "the head of a request may take as long as the document says and no longer",
    rule=lambda _: place("info", "description"),
    order=WAITING,
)
def _heads_take_their_time(target: Target, listener: Listener | None) -> None:
    """A check of its own, to be left out: a proxy between has times of its own."""
    seconds = _seconds(target)
    if listener is None or seconds is None:
        raise Skipped("the document does not say that the head of a request must come in so short a time")
    target.cases += 1
    listener.wait_until(seconds + target.timeout())
    listener.note()
    ended = listener.first_byte_at or listener.ended_at
    what = "a connection on which half a head came"
    if ended is None:
        problem = f"{what} is still open after {listener.age:.1f} s"
        raise Broken(f"{problem}, though the document says that a head comes within {seconds}")
    after = ended - listener.opened_at
    if after < seconds * 0.9 - 0.2:
        how = "answered" if listener.first_byte_at else "closed"
        raise Broken(f"{what} is {how} after {after:.1f} s, though the document says that a head may take {seconds}")
