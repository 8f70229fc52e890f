"""The REST side, past any SDK: requests, and what is to be seen in the answers."""

import re
import socket
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx

from specbus.spec.bundle import bundle
from tests.support.documents import SPECS
from tests.support.messages import UUID
from tests.support.server import Reachable

MISSING = ("topic-not-found", "Topic not found")
OPENAPI = bundle(SPECS / "openapi.yaml")
OPERATIONS = [
    (method.upper(), path.replace("{name}", "orders"))
    for path, item in OPENAPI["paths"].items()
    for method in item
    if method != "parameters"
]
JSON = {"Content-Type": "application/json"}
WRONG_NAME = "must match the pattern ^[A-Za-z0-9_][A-Za-z0-9._-]*$"
PAGES = ("/", "/docs", "/docs/websocket", "/console")
HTTP = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
"""Looks at servers past the SDK. It keeps no connection, which a server would count."""


def check_problem(
    response: httpx.Response, status: int, detail: str, kind: str | None = None, title: str | None = None
) -> None:
    """Check that `response` is the problem document with these members and no other."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.json() == {
        "type": f"urn:specbus:problem:{kind}" if kind else "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }


def exchange(server: Reachable, data: bytes) -> bytes:
    """All that the server answers to `data` until it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(data)
        return b"".join(iter(lambda: raw.recv(65_536), b""))


def post_text(client: httpx.Client, path: str, body: str) -> httpx.Response:
    return client.post(path, content=body.encode(), headers=JSON)


def without_ts(event: str) -> str:
    return re.sub(r'"offset":\d+,"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}$', '"ts":TS}', event)


def stats(server: Reachable, topic: str) -> dict[str, int]:
    found: dict[str, int] = HTTP.get(f"{server.url}/topics/{topic}").json()
    return found


def publish(server: Reachable, topic: str, payload: Any) -> None:
    body = {"id": UUID, "payload": payload}
    assert HTTP.post(f"{server.url}/topics/{topic}/messages", json=body).status_code == 202


def publish_text(server: Reachable, *payloads: str, topic: str = "orders") -> None:
    for payload in payloads:
        answer = httpx.post(
            f"{server.url}/topics/{topic}/messages",
            content=f'{{"id": "{uuid4()}", "payload": {payload}}}',
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 202


def payloads_of(server: Reachable, topic: str) -> list[Any]:
    """The payloads that the topic retains."""
    events = httpx.get(f"{server.url}/topics/{topic}/messages").json()["events"]
    return [event["message"]["payload"] for event in events]
