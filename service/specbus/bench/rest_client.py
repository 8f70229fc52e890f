"""A REST client, and the topics of a run."""

import contextlib
import http.client
import json
import secrets
from collections.abc import Iterator

from specbus.bench.connections import Endpoint
from specbus.bench.errors import CannotRun


class RestClient:
    """A connection for requests, one after the other."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=endpoint.deadline)
        self._headers = {"Content-Type": "application/json"}
        if endpoint.api_key:
            self._headers["X-API-Key"] = endpoint.api_key

    def call(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        """Status and body of the answer; `body` is JSON. Raises OSError, HTTPException."""
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextlib.contextmanager
def topics(endpoint: Endpoint, number: int, *, base: str, delete: bool) -> Iterator[list[str]]:
    """The names of new topics, which are deleted in the end if `delete`. Raises CannotRun.

    `base` is what stands before the paths.
    """
    prefix = f"bench-{secrets.token_hex(4)}-"
    names = [f"{prefix}{one:06}" for one in range(number)]
    created: list[str] = []
    try:
        _create(endpoint, f"{base}/topics", names, created)
        yield names
    finally:
        # A new connection: the old one may have been closed meanwhile. A server that is gone has no topics.
        with contextlib.closing(RestClient(endpoint)) as rest, contextlib.suppress(OSError, http.client.HTTPException):
            for name in created if delete else ():
                rest.call("DELETE", f"{base}/topics/{name}")


def _create(endpoint: Endpoint, path: str, names: list[str], created: list[str]) -> None:
    with contextlib.closing(RestClient(endpoint)) as rest:
        for name in names:
            try:
                status, text = rest.call("POST", path, json.dumps({"name": name}))
            except (OSError, http.client.HTTPException) as error:
                raise CannotRun(f"POST {path} was not answered: {error or type(error).__name__}") from None
            if status != http.HTTPStatus.CREATED:
                raise CannotRun(f"POST {path} was answered with {status}: {' '.join(text.split())[:200]}")
            created.append(name)
