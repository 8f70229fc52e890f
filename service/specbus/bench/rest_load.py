"""What a REST request costs the server: one connection, one request after the other."""

import contextlib
import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from specbus.bench.connections import Endpoint
from specbus.bench.errors import CannotRun, Failed
from specbus.bench.rest_client import RestClient, topics
from specbus.bench.servers import SPECBUS, Running

_WARM_UP = 0.5
"""Seconds of requests before they are measured."""
_MESSAGE = {"id": "550e8400-e29b-41d4-a716-446655440000", "payload": {"order_id": "ORD-123", "amount": 99.5}}


@dataclass(frozen=True, slots=True)
class RestLoad:
    """A load of one kind of request."""

    method: str
    path: str
    """`{topic}` stands for an existing topic."""
    status: int
    """The expected status."""
    body: object = None
    duration: float = 4.0
    """Seconds that are measured."""


GET_HEALTH = RestLoad("GET", "/health", 200)
PUBLISH = RestLoad("POST", "/topics/{topic}/messages", 202, _MESSAGE)


@dataclass(frozen=True, slots=True)
class RestResult:
    """The result of a REST run."""

    requests: int
    seconds: float
    cpu_per_request_us: float

    @property
    def faultless(self) -> bool:
        """Always true: an unexpected answer fails the run."""
        return True


def measure_rest(running: Running, to: Endpoint, work: RestLoad) -> RestResult:
    """Put the load on a local server. Raises CannotRun, Failed."""
    server = running.process
    if server is None:
        raise CannotRun("the CPU of a request can be measured of a local server only")
    base = urlsplit(to.url).path.rstrip("/").removesuffix(SPECBUS.dialect.path)
    with contextlib.ExitStack() as stack:
        names = ["any"]
        if running.kind.topics:
            names = stack.enter_context(topics(to, 1, base=base, delete=not running.own))
        rest = stack.enter_context(contextlib.closing(RestClient(to)))
        path = base + work.path.format(topic=names[0])
        body = None if work.body is None else json.dumps(work.body)

        def send_for(seconds: float) -> int:
            number, end = 0, time.monotonic() + seconds
            while time.monotonic() < end:
                status, text = rest.call(work.method, path, body)
                if status != work.status:
                    raise Failed(f"{work.method} {path} was answered with {status}: {' '.join(text.split())[:200]}")
                number += 1
            return number

        try:
            send_for(_WARM_UP)
            begin, before = time.monotonic(), server.usage().cpu
            number = send_for(work.duration)
            seconds, cpu = time.monotonic() - begin, server.usage().cpu - before
            return RestResult(number, seconds, cpu * 1e6 / number)
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{work.method} {path} was not answered: {error or type(error).__name__}") from None
