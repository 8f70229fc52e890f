"""A real server for the tests: on uvloop, in a thread of its own, checking all it sends against the contract."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import httpx
import msgspec
import uvloop
import websockets

from specbus.app import Service
from specbus.server import listen
from specbus.settings import Settings, load
from tests.support.messages import publication


class Reachable(Protocol):
    """A service, whether it runs in a thread or as a process."""

    @property
    def port(self) -> int: ...

    @property
    def url(self) -> str: ...

    @property
    def ws_url(self) -> str: ...


class Server:
    """A running service and how to reach it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="service")
        self.service: Service
        self.loop: asyncio.AbstractEventLoop
        self.port = 0

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(60), "the service did not start"
        if self._failure:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Stop gracefully, as a signal would."""
        self.loop.call_soon_threadsafe(self.service.stop)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the service did not stop"

    def call(self, function: Callable[[], Any]) -> Any:
        """Run `function` on the service's loop and return what it returns."""

        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def _run(self) -> None:
        async def main() -> None:
            self.loop = asyncio.get_running_loop()
            self.service = Service(self._settings)
            listening = listen("127.0.0.1", 0)
            self.port = listening.getsockname()[1]
            await self.service.run(listening, self._ready.set)

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main())
        except BaseException as failure:
            self._failure = failure
            self._ready.set()


@contextmanager
def running(**settings: Any) -> Iterator[Server]:
    """A server with `settings`; quiet (no heartbeats) and checked (`debug`) unless they say otherwise."""
    server = Server(load({"debug": True, "heartbeat_interval": 0, "shutdown_deadline": 2, **settings}))
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Socket:
    """A WebSocket client that speaks frames as dicts."""

    def __init__(self, raw: websockets.ClientConnection) -> None:
        self.raw = raw

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        """Send a frame; a text or bytes as it is."""
        await self.raw.send(msgspec.json.encode(frame).decode() if isinstance(frame, dict) else frame)

    async def receive_text(self) -> str:
        """The next frame's text. A silent server fails the test."""
        data = await asyncio.wait_for(self.raw.recv(), 10)
        assert isinstance(data, str)
        return data

    async def receive(self) -> dict[str, Any]:
        """The next frame."""
        frame: dict[str, Any] = msgspec.json.decode(await self.receive_text())
        return frame

    async def ask(self, frame: dict[str, Any] | str | bytes) -> dict[str, Any]:
        """Send a frame and return the next one that comes."""
        await self.send(frame)
        return await self.receive()

    async def subscribe(self, topic: str, **fields: Any) -> dict[str, Any]:
        """Subscribe and return the answer."""
        return await self.ask({"type": "subscribe", "topic": topic, "client_id": "test", **fields})

    async def publish(self, topic: str, payload: Any = None, **fields: Any) -> dict[str, Any]:
        """Publish and return the answer."""
        return await self.ask(publication(topic, payload, **fields))

    async def nothing_more(self, request_id: str = "request_id") -> None:
        """Check that nothing is on its way: the answer to a ping is next. The id's field has the name `request_id`."""
        assert (await self.ask({"type": "ping", request_id: "sentinel"}))[request_id] == "sentinel"


def create(server: Reachable, *names: str) -> None:
    """Create topics."""
    with httpx.Client(base_url=server.url) as client:
        for name in names:
            assert client.post("/topics", json={"name": name}).status_code == 201


@asynccontextmanager
async def connected(server: Reachable, **options: Any) -> AsyncIterator[Socket]:
    """A WebSocket connection to `server`; `options` are those of `websockets.connect`."""
    async with websockets.connect(server.ws_url, **{"proxy": None, **options}) as raw:
        yield Socket(raw)
