"""Specbus inside another application: mounted beside FastAPI's routes, under a plain uvicorn."""

import asyncio
import gc
import json
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin

import httpx
import pytest
import uvicorn
import websockets
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import Message
from websockets.frames import Close

from specbus import create_app
from specbus.app import App
from specbus.bus.limits import Limits, OverflowPolicy
from specbus.settings import Auth, Settings
from specbus.settings import Server as ServerSettings
from specbus.spec import ContractError
from specbus.websocket.asgi import AsgiConnection
from specbus.websocket.limits import Keepalive
from tests.support.documents import LIMITS, ROOT
from tests.support.http import check_problem
from tests.support.messages import UUID
from tests.support.server import Server, Socket, connected
from tests.support.stalling import BULK, ENOUGH, frames_to_the_end, shown, stalling

QUIET = Keepalive(heartbeat_interval=0)


class Embedding:
    """A FastAPI application with Specbus in it, and how to reach it."""

    def __init__(self, bus: App, port: int) -> None:
        self.bus = bus
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.ws_url = f"ws://127.0.0.1:{port}/bus/ws"
        self.rest = httpx.AsyncClient(base_url=f"{self.url}/bus")

    def connected(self, **options: Any) -> AbstractAsyncContextManager[Socket]:
        """A WebSocket connection."""
        return connected(cast("Server", self), **options)

    def stalling(self) -> AbstractAsyncContextManager[Socket]:
        """A WebSocket connection that reads only while `receive` is called."""
        return stalling(cast("Server", self))


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """An ASGI application under uvicorn; its port."""
    # Compressed, the messages of these tests would fill no buffer.
    config = uvicorn.Config(app, port=0, log_config=None, ws_per_message_deflate=False, lifespan="on")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.wait([task], timeout=0.01)
        assert not task.done()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def embedded(**settings: Any) -> AsyncIterator[Embedding]:
    """A FastAPI application under uvicorn, with Specbus at /bus."""
    bus = create_app(Settings(**{"debug": True, "keepalive": QUIET, **settings}))
    app = FastAPI(lifespan=bus.lifespan)

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    app.mount("/bus", bus)
    async with serving(app) as port:
        embedding = Embedding(bus, port)
        async with embedding.rest:
            yield embedding


@pytest.fixture(autouse=True)
def no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nobody logs an error. (uvicorn does for each handshake that is refused with an answer.)"""
    yield
    logged = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert set(logged) <= {"ASGI callable returned without completing handshake."}


@pytest.fixture
async def embedding() -> AsyncIterator[Embedding]:
    async with embedded() as embedding:
        yield embedding


async def test_both_applications_answer(embedding: Embedding) -> None:
    async with httpx.AsyncClient(base_url=embedding.url) as client:
        assert (await client.get("/hello")).json() == {"hello": "world"}
        check_problem(await client.get("/bus/nowhere"), 404, 'there is nothing at "/bus/nowhere"')
        assert (await client.get("/nowhere")).json() == {"detail": "Not Found"}
    created = await embedding.rest.post("/topics", json={"name": "orders"})
    assert (created.status_code, created.headers["location"]) == (201, "/bus/topics/orders")
    assert (await embedding.rest.get(f"{embedding.url}/bus/topics/orders")).json()["name"] == "orders"
    assert (await embedding.rest.get("/topics/%6Frders/messages")).json() == {"topic": "orders", "events": []}
    assert (await embedding.rest.get("/topics/a%2Fb")).status_code == 400
    refused = await embedding.rest.put("/topics/orders")
    check_problem(refused, 405, "/bus/topics/orders has no PUT, but DELETE, GET, HEAD, OPTIONS")
    check_problem(await embedding.rest.get("/ws"), 426, "this is the WebSocket; it wants an upgrade")


async def test_what_clients_are_told_is_below_the_mount(embedding: Embedding) -> None:
    links = (await embedding.rest.get("/")).json()["links"]
    assert links["websocket"] == "/bus/ws"
    assert all(link.startswith("/bus/") for link in links.values())
    openapi = (await embedding.rest.get("/openapi.json")).json()
    assert openapi["servers"][0]["url"] == "/bus"
    assert openapi["info"]["x-limits"] == LIMITS
    server = (await embedding.rest.get("/asyncapi.json")).json()["servers"]["this"]
    assert (server["host"], server["pathname"]) == (embedding.url.removeprefix("http://"), "/bus")


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/websocket", "/console"])
async def test_the_pages_load_what_they_need(embedding: Embedding, path: str) -> None:
    browser = {"Accept": "text/html"}
    page = await embedding.rest.get(path, headers=browser)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    addresses = set(re.findall(r'(?:href|src)="(\.[^"]*)"', page.text))
    assert len(addresses) > 4
    for address in addresses:
        assert (await embedding.rest.get(urljoin(str(page.url), address), headers=browser)).status_code == 200, address


async def test_a_websocket_publishes_subscribes_and_replays(embedding: Embedding) -> None:
    await embedding.rest.post("/topics", json={"name": "orders"})
    async with embedding.connected() as publisher, embedding.connected() as subscriber:
        assert (await publisher.publish("orders", 1))["type"] == "ack"
        assert (await subscriber.subscribe("orders", last_n=5))["type"] == "ack"
        assert (await subscriber.receive())["message"]["payload"] == 1
        assert (await publisher.publish("orders", "é", request_id="r"))["request_id"] == "r"
        assert (await subscriber.receive())["message"]["payload"] == "é"
        body = {"id": UUID, "payload": [2]}
        assert (await embedding.rest.post("/topics/orders/messages", json=body)).status_code == 202
        assert (await subscriber.receive())["message"] == body
        assert (await embedding.rest.get("/health")).json()["connections"] == 2
        await embedding.rest.delete("/topics/orders")
        assert (await subscriber.receive())["msg"] == "topic_deleted"
        for wrong in ("{", b"{}", '{"type":"shout"}'):
            assert (await publisher.ask(wrong))["error"]["code"] == "BAD_REQUEST"
        assert (await publisher.publish("orders"))["error"]["code"] == "TOPIC_NOT_FOUND"
        await subscriber.nothing_more()


async def test_a_connection_that_ends_is_forgotten(embedding: Embedding) -> None:
    await embedding.rest.post("/topics", json={"name": "orders"})
    async with embedding.connected() as subscriber:
        await subscriber.subscribe("orders")
        subscriber.raw.transport.abort()
    while (await embedding.rest.get("/health")).json()["connections"]:
        pass
    assert (await embedding.rest.get("/topics/orders")).json()["subscribers"] == 0


async def refusal(embedding: Embedding, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any], Any]:
    """Status, problem document and headers of a refused handshake."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"ws://127.0.0.1:{embedding.port}/bus{path}", additional_headers=headers, proxy=None)
    response = refused.value.response
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, json.loads(response.body or b""), response.headers


async def test_a_handshake_is_refused_with_a_problem_document() -> None:
    secret = {"X-API-Key": "secret"}
    async with embedded(auth=Auth(api_key=SecretStr("secret")), limits=Limits(max_connections=1)) as embedding:
        status, problem, headers = await refusal(embedding, "/ws", {})
        assert (status, problem["status"], headers["www-authenticate"]) == (401, 401, 'ApiKey realm="specbus"')
        status, problem, _ = await refusal(embedding, "/socket", secret)
        assert (status, problem["detail"]) == (404, 'there is no WebSocket at "/socket"; it is at /ws')
        async with embedding.connected(additional_headers=secret) as first:
            status, problem, _ = await refusal(embedding, "/ws", secret)
            assert (status, problem["detail"]) == (503, "the service may have at most 1 connections")
            await first.nothing_more()


async def test_a_frame_over_the_limit_ends_the_connection() -> None:
    async with embedded(limits=Limits(max_frame_bytes=1_000)) as embedding, embedding.connected() as socket:
        await socket.send("é" * 501)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.receive_text()
    assert closed.value.rcvd == Close(1009, "a frame of 1002 bytes is over the limit of 1000")


async def publish_until(embedding: Embedding, field: str, value: int) -> int:
    """Publish on the topic until its numbers have `value` for `field`; returns how many that were."""
    async with embedding.connected() as publisher:
        for count in range(ENOUGH):
            if (await embedding.rest.get("/topics/orders")).json()[field] == value:
                return count
            await publisher.publish("orders", [count, BULK])
    raise AssertionError(f"{field} is never {value}")


async def test_a_slow_consumer_is_told_what_it_lost_and_goes_on() -> None:
    async with embedded(limits=Limits(max_queue_size=2)) as embedding, embedding.stalling() as slow:
        await embedding.rest.post("/topics", json={"name": "orders"})
        await slow.subscribe("orders")
        count = await publish_until(embedding, "dropped", 3)
        frames = [await slow.receive() for _ in range(count - 2)]
        assert [shown(frame) for frame in frames if frame["type"] == "event"] == [
            *(("orders", number) for number in range(count - 5)),
            ("orders", count - 2),
            ("orders", count - 1),
        ]
        assert frames[-3]["error"]["dropped"] == 3
        await slow.nothing_more()


async def test_a_slow_consumer_is_disconnected_where_the_policy_says_so() -> None:
    limits = Limits(max_queue_size=2, overflow_policy=OverflowPolicy.DISCONNECT)
    async with embedded(limits=limits) as embedding, embedding.stalling() as slow:
        await embedding.rest.post("/topics", json={"name": "orders"})
        await slow.subscribe("orders")
        await publish_until(embedding, "subscribers", 0)
        frames, code, reason = await frames_to_the_end(slow)
    assert frames[-1]["error"]["code"] == "SLOW_CONSUMER"
    assert (code, reason) == (1013, "slow consumer")


async def test_a_stop_sends_what_waits_and_closes() -> None:
    async with embedded(limits=Limits(max_queue_size=3)) as embedding, embedding.stalling() as slow:
        await embedding.rest.post("/topics", json={"name": "orders"})
        await slow.subscribe("orders")
        await publish_until(embedding, "dropped", 1)
        closing = asyncio.create_task(embedding.bus.close())
        frames, code, reason = await frames_to_the_end(slow)
        await closing
    assert [frame["type"] for frame in frames[-4:]] == ["error", "event", "event", "event"]
    assert (code, reason) == (1001, "the service is stopping")


async def test_a_stop_does_not_wait_for_ever_for_who_does_not_read() -> None:
    async with embedded(server=ServerSettings(shutdown_deadline=0.1)) as embedding, embedding.stalling() as slow:
        await embedding.rest.post("/topics", json={"name": "orders"})
        await slow.subscribe("orders")
        await publish_until(embedding, "dropped", 1)
        await embedding.bus.close()
        assert not embedding.bus.endpoint.registry


async def test_a_connection_that_was_closed_is_not_kept_until_the_time_for_that_is_over() -> None:
    def kept() -> bool:
        gc.collect()
        return any(isinstance(each, AsgiConnection) for each in gc.get_objects())

    async with embedded() as embedding, embedding.connected() as client:
        await client.nothing_more()
        assert kept()
        await embedding.bus.close()
        assert await frames_to_the_end(client) == ([], 1001, "the service is stopping")
        async with asyncio.timeout(10):
            while kept():
                await asyncio.sleep(0)


async def test_the_example_in_the_readme_works() -> None:
    (example,) = re.findall(r"```python\n(from fastapi .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    async with serving(names["app"]) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/hello")).json() == "world"
        assert (await client.get("/bus/openapi.json")).json()["info"]["x-limits"]["history_size"] == 1_000
        async with websockets.connect(f"ws://127.0.0.1:{port}/bus/ws", proxy=None) as raw:
            await Socket(raw).nothing_more()


async def test_it_runs_alone_under_any_asgi_server() -> None:
    heartbeats = Keepalive(heartbeat_interval=0.01, ping_interval=0.01, ping_timeout=0.01)
    bus = create_app(Settings(debug=True, keepalive=heartbeats))
    async with serving(bus) as port, websockets.connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as raw:
        assert [(await Socket(raw).receive())["msg"] for _ in range(5)] == ["ping"] * 5


async def test_a_server_that_cannot_send_an_answer_is_told_to_refuse() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await create_app()({"type": "websocket", "path": "/nowhere", "headers": []}, receive, send)
    reason = 'there is no WebSocket at "/nowhere"; it is at /ws'
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": reason}]


def test_broken_documents_are_told_when_the_application_is_made(tmp_path: Path) -> None:
    with pytest.raises(ContractError):
        create_app(Settings(specs=tmp_path))


def test_the_package_alone_imports_nothing_of_the_service() -> None:
    script = "import sys, specbus; print([name for name in sys.modules if name.startswith('specbus.')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30).stdout == "[]\n"
