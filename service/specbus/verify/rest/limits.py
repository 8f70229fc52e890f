"""Limits that the server says it has: what is just at one is taken, what is over it is refused."""

import itertools
import re
from collections.abc import Iterable

from specbus.verify.checks import RISKY
from specbus.verify.failures import Broken, Skipped
from specbus.verify.raw import request, told
from specbus.verify.rest.cases import check_cases
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import HttpOperation, RestDocument, place


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


def _reads(document: RestDocument) -> Iterable[HttpOperation]:
    return itertools.islice((each for each in document.operations if each.method == "GET"), 1)


@check_cases(place("info", "description"), _reads, order=RISKY)
def a_head_may_be_as_large_as_the_document_says_and_no_larger(client: Client, operation: HttpOperation) -> None:
    """Proxies take less and answer in their own ways: of refusals, only problem documents are looked at."""
    description = str((client.document.bundled.get("info") or {}).get("description"))
    said = re.search(r"head of a request is at most ([0-9]+) KiB \(([0-9]{3})\)", " ".join(description.split()))
    if not said:
        raise Skipped("the document does not say how large the head of a request may be")
    most, status = int(said[1]) * 1024, int(said[2])
    # How the bytes of a head are counted is not said: well below the bound, and well over it.
    for size in (most // 4, most * 7 // 8, most + most // 8, most * 2):
        fields = [f"X-Padding-{at}: {'x' * 4000}" for at in range(size // 4000)]
        with client.raw(request(client.target, operation.method, client.path(operation), *fields)) as exchange:
            answer = exchange.answer()
        what = f"{operation} with a head of about {size} bytes is {told(answer)}"
        is_own = answer is not None and answer.fields.get_content_type() == "application/problem+json"
        if answer and size < most and is_own and answer.status == status:
            raise Broken(f"{what}, though the document says that it may have {most}")
        if answer and size > most and (answer.status < 400 or (is_own and answer.status != status)):
            raise Broken(f"{what}, not {status}, though the document says that it may have at most {most}")
