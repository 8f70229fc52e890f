"""Limits that the server says it has: what is just at one is taken, what is over it is refused."""

import itertools

from specbus.verify.checks import RISKY
from specbus.verify.failures import Broken, Skipped
from specbus.verify.rest.cases import check_cases
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import HttpOperation, place


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
