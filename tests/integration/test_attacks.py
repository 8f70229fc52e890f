"""What one client can do to the others and to the process, with bytes that come in good order or not at all."""

import asyncio
import contextlib
import gc
import itertools
import os
import signal
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
import msgspec
import pytest

from tests.support.messages import publication
from tests.support.program import Program, program, resident_bytes, until
from tests.support.raw import CLOSE, HANDSHAKE, PING, TEXT, frame, opened, ping, raw, reset
from tests.support.server import Reachable, Server, connected, create
from tests.support.stalling import frames_to_the_end

pytestmark = pytest.mark.slow

MIB = 1_048_576
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = (
    b"POST /topics/orders/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n"
)
SUBSCRIBE = frame(TEXT, b'{"type":"subscribe","topic":"orders","client_id":"c"}')


# The event loop


class Flood(NamedTuple):
    """What one connection sends as fast as it is taken."""

    opening: bytes
    again: bytes
    """Sent again and again."""
    times: int
    last: bytes
    """Has the service end the connection."""
    rounds: int
    """How often another client must have been served by then."""


CLOSING = frame(CLOSE, b"\x03\xe8")
FLOODS = {
    "WebSocket pings": Flood(HANDSHAKE, frame(PING) * 2_000, 50, CLOSING, 20),
    "commands": Flood(HANDSHAKE, frame(TEXT, ping("r")) * 1_000, 100, CLOSING, 20),
    "frames with a request_id of 200,000 arrays": Flood(
        HANDSHAKE, frame(TEXT, b'{"type":"ping","request_id":[' + b"[[]]," * 200_000 + b"0]}"), 60, CLOSING, 8
    ),
    "frames with 80,000 unknown fields": Flood(
        HANDSHAKE,
        frame(TEXT, msgspec.json.encode({"type": "ping"} | {f"{number}": 1 for number in range(80_000)})),
        60,
        CLOSING,
        8,
    ),
    "requests that do not wait for answers": Flood(
        b"", GET * 100, 30, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), 20
    ),
}
floods = pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)


async def attack(service: Program, flood: Flood, times: int | None) -> None:
    """Send `flood` so many times, or without an end, and read what comes until the service ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)

    async def read() -> None:
        while await reader.read(65_536):
            pass

    reading = asyncio.create_task(read())
    writer.write(flood.opening)
    with contextlib.suppress(ConnectionError):
        for _ in itertools.count() if times is None else range(times):
            writer.write(flood.again)
            await writer.drain()
            await asyncio.sleep(0)  # `drain` alone would not let others run
        writer.write(flood.last)
    with contextlib.suppress(ConnectionError):
        await reading
    writer.close()


@floods
async def test_others_are_served_while_one_connection_floods(flood: Flood) -> None:
    with program(PUBSUB_DEBUG="false") as service:
        async with connected(service) as other, httpx.AsyncClient(base_url=service.url) as rest:
            rounds = 0
            flooding = asyncio.create_task(attack(service, flood, flood.times))
            while not flooding.done():
                await other.nothing_more()
                assert (await rest.get("/health")).status_code == 200
                rounds += 1
            await flooding
        assert "Traceback" not in "\n".join(await asyncio.to_thread(service.stop))
    assert rounds >= flood.rounds


@floods
async def test_a_stop_ends_while_one_connection_floods(flood: Flood) -> None:
    with program(PUBSUB_DEBUG="false", PUBSUB_SHUTDOWN_DEADLINE="1") as service:
        async with connected(service) as other:
            flooding = asyncio.create_task(attack(service, flood, None))
            for _ in range(10):
                await other.nothing_more()
            service.signal(signal.SIGTERM)
            assert await frames_to_the_end(other) == ([], 1001, "the service is stopping")
            await flooding
        assert "Traceback" not in "\n".join(await asyncio.to_thread(service.end))


# What is left behind


def connect(service: Reachable, data: bytes = b"") -> socket.socket:
    raw_ = socket.create_connection(("127.0.0.1", service.port), timeout=10)
    raw_.sendall(data)
    return raw_


def connect_and_close(service: Reachable) -> None:
    connect(service).close()


def half_a_head(service: Reachable) -> None:
    connect(service, GET[:30]).close()


def half_a_body(service: Reachable) -> None:
    connect(service, POST + b"x" * 500).close()


def requests_without_reading_answers(service: Reachable) -> None:
    connect(service, GET * 20).close()


def a_refused_handshake(service: Reachable) -> None:
    with connect(service, HANDSHAKE.replace(b"Version: 13", b"Version: 8")) as raw_:
        assert raw_.recv(100).startswith(b"HTTP/1.1 400 ")


def a_handshake_and_a_reset(service: Reachable) -> None:
    reset(opened(service))


def a_subscription_and_a_reset(service: Reachable) -> None:
    raw_ = opened(service)
    raw_.sendall(SUBSCRIBE)
    assert b'"ack"' in raw_.recv(1_000)
    reset(raw_)


def events_unread(service: Reachable) -> None:
    raw_ = opened(service)
    raw_.sendall(SUBSCRIBE + frame(TEXT, msgspec.json.encode(publication("orders", "x" * 1_000))) * 20)
    raw_.recv(1)
    raw_.close()


def half_a_frame(service: Reachable) -> None:
    raw_ = opened(service)
    raw_.sendall(SUBSCRIBE + SUBSCRIBE[:20])
    raw_.close()


def a_close_frame_without_waiting(service: Reachable) -> None:
    raw_ = opened(service)
    raw_.sendall(SUBSCRIBE + CLOSING)
    raw_.close()


DROPS: list[Callable[[Reachable], None]] = [
    connect_and_close,
    half_a_head,
    half_a_body,
    requests_without_reading_answers,
    a_refused_handshake,
    a_handshake_and_a_reset,
    a_subscription_and_a_reset,
    events_unread,
    half_a_frame,
    a_close_frame_without_waiting,
]


@contextmanager
def logged(service: Program) -> Iterator[list[str]]:
    """The lines of the log, read as they come: the pipe holds few. At the end, which must come, there are all."""
    lines: list[str] = []
    assert service.process.stderr
    reading = threading.Thread(target=lines.extend, args=(service.process.stderr,))
    reading.start()
    yield lines
    reading.join(10)
    assert not reading.is_alive()


def test_10_000_connections_dropped_in_ten_ways_leave_nothing_behind() -> None:
    with program(PUBSUB_DEBUG="false") as service:
        create(service, "orders")

        def drop(times: int) -> None:
            for _ in range(times):
                for each in DROPS:
                    each(service)

        def left() -> tuple[int, int, int]:
            with httpx.Client(base_url=service.url) as rest:
                health = rest.get("/health").json()
                return health["connections"], health["subscribers"], len(os.listdir(f"/proc/{service.process.pid}/fd"))

        with logged(service) as lines:
            before = left()
            # What is made once is made by then.
            drop(100)
            until(lambda: left() == before)
            resident = resident_bytes(service)
            drop(1_000)
            until(lambda: left() == before)
            grown = resident_bytes(service) - resident
            # Half a kilobyte for each would be as much. What is less is seen by the test below.
            assert grown < 5_000_000
            with opened(service) as raw_:
                raw_.sendall(frame(TEXT, ping("r")))
                assert b'"pong"' in raw_.recv(1_000)
            service.signal(signal.SIGTERM)
        assert service.wait() == 0
    assert [line for line in lines if " ERROR " in line or "Traceback" in line] == []


def test_of_connections_dropped_in_ten_ways_no_object_stays(serve: Callable[..., Server]) -> None:
    server = serve(debug=False)
    create(server, "orders")

    def drop(times: int) -> tracemalloc.Snapshot:
        for _ in range(times):
            for each in DROPS:
                each(server)
        assert httpx.get(f"{server.url}/health").status_code == 200  # so those before it were accepted
        until(lambda: not server.service._server.server_state.connections)
        gc.collect()
        return tracemalloc.take_snapshot()

    tracemalloc.start()
    try:
        before = drop(100)
        grown = sum(each.size_diff for each in drop(100).compare_to(before, "filename"))
    finally:
        tracemalloc.stop()
    # 100 bytes for each, or a kilobyte for each of one kind, would be as much.
    assert grown < 100_000


async def test_2_000_publications_of_1_mib_take_no_more_memory_than_the_settings_say() -> None:
    topics = [f"t{number}" for number in range(20)]
    with program(PUBSUB_DEBUG="false", PUBSUB_TOTAL_HISTORY_BYTES=str(MIB * 128)) as service:
        create(service, *topics)
        before = resident_bytes(service)
        empty = len(msgspec.json.encode(publication("t00", "")))
        frames = [frame(TEXT, msgspec.json.encode(publication(topic, "x" * (MIB - empty)))) for topic in topics]
        async with raw(service) as publisher:
            most = 0
            for _ in range(100):
                for each in frames:
                    publisher.writer.write(each)
                    await publisher.writer.drain()
                for _ in frames:
                    assert b'"ack"' in (await publisher.frame())[1]
                most = max(most, resident_bytes(service) - before)
        # The history, and a little for what is on its way.
        assert most < 160 * MIB
        numbers = [httpx.get(f"{service.url}/topics/{topic}").json() for topic in topics]
        assert {each["messages"] for each in numbers} == {100}
        assert sum(each["retained"] for each in numbers) <= 128
        assert sum(each["evicted"] for each in numbers) == 2_000 - sum(each["retained"] for each in numbers)
