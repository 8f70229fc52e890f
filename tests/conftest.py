"""A real server for the tests: on uvloop, in a thread of its own, checking all it sends against the contract."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import msgspec
import pytest
import uvloop
import websockets

from service.app import Service, listen
from service.settings import Settings
from tests.chaos import Chaos, proxied

# Programs that the tests start inherit it, and whoever runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing on a shared machine.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

ROOT = Path(__file__).parent.parent
SPECS = ROOT / "specs"
UUID = "550e8400-e29b-41d4-a716-446655440000"


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
        assert self._ready.wait(10), "the service did not start"
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


class _Errors(logging.Handler):
    """What the service logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {getattr(record, 'fields', '')}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of mutants, each with the check that found it."""
    found = [
        str(value).split("|")
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "mutant" and report.when == "call"
    ]
    if found:
        terminalreporter.section("mutants, and the check that found each")
        for name, defect, check in sorted(found):
            terminalreporter.write_line(f"{name:36}  {defect}\n{'':36}  -> {check}")


@pytest.fixture
def logged_errors() -> Iterator[list[str]]:
    """What the service logs as an error, contract violations among it. A test that expects some empties the list."""
    handler = _Errors()
    logger = logging.getLogger("service")
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)
    assert not handler.lines


@contextmanager
def running(**settings: Any) -> Iterator[Server]:
    """A server with `settings`; quiet (no heartbeats) and checked (`debug`) unless they say otherwise."""
    server = Server(Settings(**{"debug": True, "heartbeat_interval": 0, "shutdown_deadline": 2, **settings}))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def serve(logged_errors: list[str]) -> Iterator[Callable[..., Server]]:
    """Start servers, each with settings of its own; they are stopped at the end."""
    servers: list[Any] = []

    def start(**settings: Any) -> Server:
        context = running(**settings)
        servers.append(context)
        return context.__enter__()

    yield start
    for context in reversed(servers):
        context.__exit__(None, None, None)


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """A server with the default settings."""
    return serve()


@pytest.fixture
def proxy() -> Iterator[Callable[[Server], Chaos]]:
    """Put proxies in front of servers; they are stopped at the end."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(proxied(server.port))


@pytest.fixture
def unused_url() -> Iterator[str]:
    """A URL where nothing listens, nor will as long as the test lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """An HTTP client of `server`."""
    with httpx.Client(base_url=server.url) as client:
        yield client


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

    async def nothing_more(self) -> None:
        """Check that nothing is on its way: the answer to a ping is next."""
        assert (await self.ask({"type": "ping", "request_id": "sentinel"}))["request_id"] == "sentinel"


def create(server: Server, *names: str) -> None:
    """Create topics."""
    with httpx.Client(base_url=server.url) as client:
        for name in names:
            assert client.post("/topics", json={"name": name}).status_code == 201


def missing(line: str) -> None:
    """Skip the test, saying what it wants; fail it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(line)
    pytest.skip(line)


def publication(topic: str, payload: Any = None, **fields: Any) -> dict[str, Any]:
    """A publish frame."""
    return {"type": "publish", "topic": topic, "message": {"id": UUID, "payload": payload}, **fields}


@asynccontextmanager
async def connected(server: Server, **options: Any) -> AsyncIterator[Socket]:
    """A WebSocket connection to `server`; `options` are those of `websockets.connect`."""
    async with websockets.connect(server.ws_url, **{"proxy": None, **options}) as raw:
        yield Socket(raw)
