"""`specbus bench`: that its figures are there, and that no fault of a server escapes it."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import uvicorn
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from specbus.bench.event_scan import MARKER, Tally, events, last_event, message, pings, time_at
from specbus.bench.latency import bucket, percentiles
from specbus.bench.sdk_cost import WAYS
from specbus.cli.bench import bench
from tests.support.messages import UUID
from tests.support.program import program
from tests.support.server import Server

pytestmark = pytest.mark.slow

SHORT = ("--duration=0.5", "--warm-up=0.1")
LABELS = (
    "deliveries/s",
    "publishes/s",
    "latency p50",
    "latency p99",
    "latency p99.9",
    "latency max",
    "server CPU per delivery",
    "server CPU per publish",
    "memory per connection",
    "lost",
)


def run(*arguments: str) -> tuple[int, str]:
    """What the command does: exit status and output."""
    result = CliRunner().invoke(bench, arguments)
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def websocket(url: str) -> str:
    return url.replace("http", "ws", 1)


# What a run says


@pytest.mark.parametrize(
    "arguments",
    [
        ("fanout", "--subscribers=20", "--in-flight=8", "--size=300"),
        ("fanout", "--subscribers=7", "--publishers=3", "--in-flight=4", "--stalled=1"),
        ("pairs", "--publishers=4", "--topics=10"),
        ("pairs", "--publishers=4", "--topics=10", "--subscribers=3"),
        ("latency", "--subscribers=5", "--publishers=2"),
        ("connections", "--subscribers=50", "--rate=20"),
    ],
    ids=" ".join,
)
def test_a_run_has_a_table_and_its_figures(server: Server, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "figures.json"
    status, output = run(*arguments, *SHORT, f"--url={websocket(server.url)}", f"--json={file}")
    assert status == 0, output
    assert all(label in output for label in LABELS)
    figures = json.loads(file.read_text())
    assert figures["work"] == arguments[0]
    assert figures["deliveries"] > 0
    assert figures["published"] > 0
    assert figures["max_us"] >= figures["p99_us"] >= figures["p50_us"] > 0
    assert [figures[name] for name in ("lost", "late", "repeated", "unacknowledged", "stalled")] == [0, 0, 0, 0, False]
    # Found by the port that it listens at.
    assert figures["cpu_per_delivery_us"] is not None
    assert httpx.get(f"{server.url}/topics").json() == {"topics": []}


@pytest.mark.slow
def test_without_a_url_a_server_is_started_and_ended_with_the_key_if_there_is_one(tmp_path: Path) -> None:
    drawing, figures = tmp_path / "drawing.svg", tmp_path / "figures.json"
    status, output = run(
        "fanout", "--subscribers=10", *SHORT, "--api-key=secret", f"--plot={drawing}", f"--json={figures}"
    )
    assert status == 0, output
    assert json.loads(figures.read_text())["memory_per_connection"] is not None
    assert "</svg>" in drawing.read_text()
    assert psutil.Process().children(recursive=True) == []


def test_the_rate_is_kept(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    arguments = ("--rate=50", "--subscribers=3", "--duration=1", "--warm-up=0", f"--json={file}")
    assert run("latency", f"--url={websocket(server.url)}", *arguments)[0] == 0
    assert json.loads(file.read_text())["published"] == pytest.approx(50, abs=2)


def test_the_command_line_leads_to_it() -> None:
    done = subprocess.run([sys.executable, "-P", "-m", "specbus", "bench", "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(
        name in done.stdout for name in ("fanout", "pairs", "latency", "connections", "compare", "growth", "sdk")
    )


# What cannot run


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("ws://127.0.0.1:9", "nothing answers at ws://127.0.0.1:9/ws: [Errno 111] Connection refused"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9 is not a URL of the form ws://HOST[:PORT][/PATH]"),
        ("ws://127.0.0.1:none", "ws://127.0.0.1:none is not a URL: Port could not be cast to integer value as 'none'"),
        ("127.0.0.1", "127.0.0.1 is not a URL of the form ws://HOST[:PORT][/PATH]"),
    ],
)
def test_what_leads_nowhere_is_one_line(url: str, line: str) -> None:
    assert run("fanout", f"--url={url}") == (2, f"specbus bench: {line}\n")


def test_a_server_that_makes_no_topics_cannot_be_measured() -> None:
    with faulty(lambda _: None, topics=403) as url:
        status, output = run("fanout", f"--url={url}")
    assert (status, output.splitlines()[-1]) == (2, "specbus bench: POST /topics was answered with 403: no")


def test_an_unknown_work_is_told() -> None:
    status, output = run("compare", "--only=fanout1000,soap")
    assert (status, "no such load: soap" in output) == (2, True)


# Servers that fail

Send = Callable[[bytes], Awaitable[None]]


class Connection:
    """What a faulty server knows of one."""

    def __init__(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._send = send
        self.held: list[str] = []
        self.count = 0

    async def send(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def close(self) -> None:
        await self._send({"type": "websocket.close"})


Deliver = Callable[[Connection, int, str], Awaitable[None]]


@contextmanager
def faulty(deliver: Any, topics: int = 201, acknowledge: bool = True) -> Iterator[str]:
    """A server whose `deliver` is given each subscriber, the number of the event, and the event; its URL."""
    subscribers: list[Connection] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            while (await receive()).get("more_body"):
                pass
            headers = [(b"content-length", b"2")]
            await send({"type": "http.response.start", "status": topics, "headers": headers})
            await send({"type": "http.response.body", "body": b"no"})
            return
        await receive()
        await send({"type": "websocket.accept"})
        connection = Connection(send)
        while (received := await receive())["type"] == "websocket.receive":
            frame = json.loads(received["text"])
            if frame["type"] == "subscribe":
                subscribers.append(connection)
            else:
                event = json.dumps({"type": "event", "topic": frame["topic"], "message": frame["message"], "ts": ""})
                for subscriber in subscribers:
                    subscriber.count += 1
                    await deliver(subscriber, subscriber.count, event)
            if acknowledge or frame["type"] == "subscribe":
                await connection.send('{"type":"ack"}')

    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", loop="asyncio", ws="websockets-sansio")
    program = uvicorn.Server(config)
    thread = threading.Thread(target=program.run)
    thread.start()
    while not program.started:
        time.sleep(0.01)
    try:
        yield f"ws://127.0.0.1:{program.servers[0].sockets[0].getsockname()[1]}"
    finally:
        program.should_exit = program.force_exit = True
        thread.join(10)


async def faithful(subscriber: Connection, _: int, event: str) -> None:
    await subscriber.send(event)


async def losing(subscriber: Connection, number: int, event: str) -> None:
    if number != 5:
        await subscriber.send(event)


async def duplicating(subscriber: Connection, number: int, event: str) -> None:
    await subscriber.send(event)
    if number == 5:
        await asyncio.sleep(0.05)
        await subscriber.send(event)


async def reordering(subscriber: Connection, number: int, event: str) -> None:
    if number == 5:
        subscriber.held.append(event)
        return
    await subscriber.send(event)
    if subscriber.held:
        await asyncio.sleep(0.05)
        await subscriber.send(subscriber.held.pop())


async def stalling(subscriber: Connection, number: int, event: str) -> None:
    if number < 5:
        await subscriber.send(event)


async def closing(subscriber: Connection, number: int, event: str) -> None:
    await (subscriber.send(event) if number < 5 else subscriber.close())


def faults(deliver: Deliver, **options: Any) -> tuple[int, str]:
    arguments = ("--subscribers=2", "--in-flight=3", "--duration=0.4", "--warm-up=0", "--deadline=0.5")
    with faulty(deliver, **options) as url:
        return run("fanout", f"--url={url}", *arguments)


@pytest.mark.parametrize(
    ("deliver", "line"),
    [
        (losing, "FAULT: 2 events were lost."),
        (duplicating, "FAULT: 2 events were delivered more than once."),
        (reordering, "FAULT: 2 events were out of order."),
        (stalling, "FAULT: events stopped coming, and the run was aborted."),
        (closing, "specbus bench: the server closed a connection"),
    ],
)
def test_a_fault_is_found(deliver: Deliver, line: str) -> None:
    status, output = faults(deliver)
    assert (status, line in output) == (1, True), output


def test_no_fault_is_found_in_a_server_without() -> None:
    status, output = faults(faithful)
    assert (status, "FAULT" in output) == (0, False), output


def test_missing_acknowledgements_are_found() -> None:
    status, output = faults(faithful, acknowledge=False)
    assert (status, "FAULT: publications without an answer: " in output) == (1, True), output


@pytest.mark.slow
def test_a_server_that_dies_is_told() -> None:
    with program() as service:
        threading.Timer(1.0, service.process.kill).start()
        status, output = run("fanout", "--subscribers=5", "--duration=30", f"--url={websocket(service.url)}")
    assert (status, output.splitlines()[-1]) == (1, "specbus bench: the server has ended")


# Counting, wherever the reads are cut


def text_frame(payload: bytes) -> bytes:
    size = len(payload)
    return b"\x81" + (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2)) + payload


def ping_frame(payload: bytes) -> bytes:
    return b"\x89" + bytes([len(payload)]) + payload


def event_frame(number: int, size: int) -> bytes:
    return text_frame(
        b'{"type":"event","topic":"t","message":%b,"ts":"2025-08-25T10:01:00Z"}' % message(3, number, 10 * number, size)
    )


ROOM = 512


@given(
    sizes=st.lists(st.integers(33, 400) | st.just(0), max_size=12),
    ping=st.binary(max_size=8).filter(lambda payload: b"\x89" not in payload),
    cuts=st.lists(st.integers(1, 120), min_size=1, max_size=60),
)
def test_every_event_is_counted_once_however_the_reads_are_cut(sizes: list[int], ping: bytes, cuts: list[int]) -> None:
    """A size of 0 stands for a ping."""
    frames = [event_frame(number, size) if size else ping_frame(ping) for number, size in enumerate(sizes)]
    numbers = [number for number, size in enumerate(sizes) if size]
    stream = b"".join(frames)
    carry, found, answered, begin = bytearray(), list[int](), list[bytes](), 0
    turn = 0
    while begin < len(stream):
        data = stream[begin : begin + cuts[turn % len(cuts)]]
        begin, turn = begin + len(data), turn + 1
        start = ROOM - len(carry)
        buffer = bytearray(start) + carry + data
        marker, stamp, kept = last_event(buffer, start, len(buffer))
        payloads, cut = pings(buffer, start, len(buffer))
        answered += payloads
        kept = min(kept, cut) if cut > marker else kept
        carry = buffer[kept:]
        assert len(carry) < ROOM
        if marker >= 0:
            found += [number for _, number in events(buffer, start, marker)]
            assert time_at(buffer, stamp) == 10 * found[-1]
            assert buffer.count(MARKER, start, marker + len(MARKER)) == len(list(events(buffer, start, marker)))
    assert found == numbers
    # A length that is cut before this byte is taken for a ping, and what follows for its payload.
    if not any(b"\x89" in frame[:4] for frame in frames if frame[0] == 0x81):
        # One that is carried over with the beginning of an event is answered twice, which does no harm.
        assert len(answered) >= sizes.count(0)
        assert set(answered) <= {ping}


@given(st.lists(st.integers(1, 20), max_size=40))
def test_a_tally_tells_what_was_lost_and_repeated(numbers: list[int]) -> None:
    tally = Tally(3)
    for number in numbers:
        tally.record(number)
    assert tally.seen == max(numbers, default=0)
    in_sequence = numbers == list(range(1, len(numbers) + 1))
    assert in_sequence == (not (tally.lost or tally.late or tally.repeated))


@given(st.lists(st.integers(0, 2**40), min_size=1))
def test_percentiles_are_right_within_the_width_of_a_bucket(latencies: list[int]) -> None:
    counts: dict[int, int] = {}
    for latency in latencies:
        counts[bucket(latency)] = counts.get(bucket(latency), 0) + 1
    assert percentiles(counts, [1.0])[0] == pytest.approx(max(latencies) / 1000, rel=0.01, abs=0.001)


# Several servers


@pytest.mark.slow
def test_compare(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    works = ["fanout1000", "pairs50", "topics10000", "stalled", "rest-health", "rest-publish"]
    options = ("--rounds=1", "--duration=1", "--scale=0.02", f"--only={','.join(works)}")
    status, output = run("compare", *options, f"--json={file}")
    assert status == 0, output
    rows = json.loads(file.read_text())["rows"]
    assert [row["work"] for row in rows] == works
    assert set(rows[0]["medians"]) == {"Specbus", "NATS", "FastAPI"}
    assert set(rows[5]["medians"]) == {"Specbus", "connexion"}
    # What "stalled" stands beside was not asked for.
    assert [len(row["ratios"]) for row in rows] == [1, 1, 1, 0, 1, 1]
    assert [row["failures"] for row in rows] == [[]] * 6


def test_compare_goes_on_without_a_server_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specbus.bench.servers._MODULES", {"connexion": ("specbus.bench.connexion_server", "gone")})
    status, output = run("compare", "--rounds=1", "--duration=0.1", "--only=rest-health")
    assert status == 0, output
    assert "rest-health, connexion: connexion needs gone" in output
    row = next(line for line in output.splitlines() if "µs/request" in line)
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert float(cells[2].replace(",", "")) > 0
    assert cells[3:8] == ["-", "-", "-", "-", "≤ 1.1 x connexion"]


@pytest.mark.slow
def test_growth(tmp_path: Path) -> None:
    drawing, file = tmp_path / "drawing.svg", tmp_path / "figures.json"
    status, output = run("growth", "--most=10", "--duration=0.3", f"--plot={drawing}", f"--json={file}")
    assert status == 0, output
    figures = json.loads(file.read_text())
    assert [number for number, _ in figures["by_subscribers"]] == [1, 10]
    assert [number for number, _ in figures["by_topics"]] == [1, 10]
    assert "</svg>" in drawing.read_text()


# The Python SDK


def test_the_cost_of_the_sdk(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    status, output = run("sdk", "--messages=500", "--rounds=2", f"--json={file}")
    assert status == 0, output
    assert all(label in output for label in ("messages/s", "CPU per message", *WAYS.values()))
    figures = json.loads(file.read_text())
    for way in WAYS:
        assert [reading["messages"] for reading in figures[way]] == [500, 500]
        assert all(reading["cpu"] > 0 < reading["seconds"] for reading in figures[way])


@pytest.mark.parametrize("way", WAYS)
def test_a_message_that_the_sdk_does_not_hand_out_is_found(way: str, server: Server) -> None:
    with httpx.Client(base_url=server.url) as rest:
        rest.post("/topics", json={"name": "orders"})
        for number in (0, 1, 3, 2):
            rest.post("/topics/orders/messages", json={"id": UUID, "payload": {"n": number}})
    done = subprocess.run(
        [sys.executable, "-P", "-m", "specbus.bench.sdk_subscriber", way, websocket(server.url), "orders", "4"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "message 3 came as the one numbered 2\n"
