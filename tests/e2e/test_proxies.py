"""The service behind nginx, HAProxy and Caddy, configured as docs/proxies.md says."""

import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from specbus.client import SyncClient
from tests.support.chaos import Chaos
from tests.support.http import JSON
from tests.support.messages import publication
from tests.support.proxies import NAME, PROXIES, in_front
from tests.support.server import Server

pytestmark = pytest.mark.slow

OWN, OTHER, EVIL = f"http://{NAME}", "https://app.example.org", "https://evil.example"
HTTP2 = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
"""How a client asks whether HTTP/2 is spoken: Java's does with its first request."""
CLIENTS, TURNS = 8, 60
"""How many clients there are at a time, and how often each sends two requests, and every second time a third."""


@pytest.mark.parametrize("below", [False, True], ids=["whole", "below"])
@pytest.mark.parametrize("name", PROXIES)
def test_the_documented_configuration_carries_rest_and_websockets(
    serve: Callable[..., Server], name: str, below: bool, tmp_path: Path
) -> None:
    server = serve(allowed_hosts=NAME, allowed_origins=OTHER)
    with (
        in_front(name, server.port, tmp_path, below=below) as front,
        httpx.Client(base_url=front.url, headers={"Host": NAME}) as client,
    ):

        def websocket(origin: str) -> ClientConnection:
            there = socket.create_connection(("127.0.0.1", front.port), timeout=10)
            return connect(f"ws://{NAME}{front.prefix}/ws", sock=there, origin=Origin(origin), proxy=None)

        created = client.post("/topics", json={"name": "orders"}, headers={"Origin": OWN})
        assert (created.status_code, created.headers["location"]) == (201, f"{front.prefix}/topics/orders")
        (place,) = client.get("/asyncapi.json").json()["servers"].values()
        assert (place["host"], place["protocol"]) == (NAME, "ws")
        assert place.get("pathname", "") == front.prefix
        for origin in (OWN, OTHER):
            with websocket(origin) as peer:
                peer.send('{"type": "subscribe", "topic": "orders", "client_id": "test"}')
                assert json.loads(peer.recv(10))["type"] == "ack"
                peer.send(json.dumps(publication("orders", origin)))
                message = {"id": str(uuid4()), "payload": "over REST"}
                answer = client.post("/topics/orders/messages", json=message, headers={"Origin": origin})
                assert answer.status_code == 202
                came = [json.loads(peer.recv(10)) for _ in range(3)]
                events = [frame["message"]["payload"] for frame in came if frame["type"] == "event"]
                assert sorted(events) == sorted([origin, "over REST"])
        assert client.delete("/topics/orders", headers={"Origin": EVIL}).status_code == 403
        with pytest.raises(InvalidStatus, match="403"):
            websocket(EVIL)
        assert client.post("/topics", content=b" " * 1_048_577, headers=JSON).json()["status"] == 413
        assert client.delete("/topics/orders").json() == {"status": "deleted", "topic": "orders"}


@pytest.mark.parametrize("name", PROXIES)
def test_who_shares_the_pool_gets_the_own_answers(
    server: Server, proxy: Callable[[Server], Chaos], name: str, tmp_path: Path
) -> None:
    """Bodies that look like requests, of requests that ask for an upgrade, are bodies: each request has one answer."""
    behind = proxy(server)
    with in_front(name, behind.port, tmp_path) as front, SyncClient(front.url) as watching:
        watching.topics.create("victim")
        events = iter(watching.subscribe("victim"))

        def talk(number: int) -> None:
            topic = f"topic-{number}"
            smuggled = (
                f"DELETE /topics/victim HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /topics/{topic}?{number} HTTP/1.1\r\n"
            )
            with httpx.Client(base_url=front.url) as client:
                assert client.post("/topics", json={"name": topic}).status_code == 201
                for turn in range(TURNS):
                    if turn % 2:
                        answer = client.post(f"/topics/{topic}/messages", content=smuggled, headers={**JSON, **HTTP2})
                        assert (answer.status_code, "JSON" in answer.json()["detail"]) == (400, True)
                    message = {"id": str(uuid4()), "payload": turn}
                    answer = client.post(f"/topics/{topic}/messages", json=message)
                    assert (answer.status_code, answer.json()["id"]) == (202, message["id"])
                    assert client.get(f"/topics/{topic}").json()["messages"] == turn + 1

        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in pool.map(talk, range(CLIENTS)):
                pass
        watching.publish("victim", "the last")
        assert next(events).message.payload == "the last"
    # Caddy does not keep one on which an upgrade was asked for.
    assert behind.accepted < CLIENTS * TURNS, "the proxy keeps no connections"
