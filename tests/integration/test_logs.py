"""What the service logs: one line an event, in either form, and no more than that."""

import asyncio
import io
import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import websockets

from specbus.log import JsonFormatter, TextFormatter, log_event
from tests.support.program import Program, program
from tests.support.server import Server, Socket, connected
from tests.support.stalling import BULK, ENOUGH, frames_to_the_end, stalling

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ADDRESS = r"127\.0\.0\.1:\d+"
STOPPING = "1001 the service is stopping"

Line = dict[str, Any]
Serve = Callable[..., Server]


async def publish_until(publisher: Socket, rest: httpx.Client, number: str, value: int) -> None:
    """Publish until that number of the topic has that value, which it has once somebody stalls."""
    for _ in range(ENOUGH):
        if rest.get("/topics/orders").json()[number] == value:
            return
        await publisher.publish("orders", BULK)
    pytest.fail("nobody stalled")


async def live(service: Program) -> None:
    """All that is logged, each once, and much that is not."""
    with httpx.Client(base_url=service.url) as rest:
        assert rest.post("/topics", json={"name": "orders"}).status_code == 201
        assert rest.post("/topics", json={"name": "orders"}).status_code == 409
        assert rest.post("/topics", json={"name": "other"}).status_code == 201
        assert rest.post("/topics", json={"name": "third"}).status_code == 409
        for request in ("/none", "/topics/none", "/stats?a=b", "/openapi.json"):
            rest.get(request)
        rest.post("/topics", content=b'{"name')

        async with connected(service) as busy, stalling(service) as slow:
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(service.ws_url, proxy=None)
            await slow.subscribe("orders")
            await publish_until(busy, rest, "dropped", 3)
            while (await slow.receive())["type"] != "error":
                pass
            assert rest.delete("/topics/orders").status_code == 200

            assert (await busy.subscribe("other"))["type"] == "ack"
            assert rest.post("/topics", json={"name": "orders"}).status_code == 201
            assert (await busy.subscribe("orders"))["error"]["code"] == "LIMIT_EXCEEDED"
            for frame in ('{"type":"ping"}', "{", '{"type":"publish"}', b"\0"):
                for _ in range(500):
                    await busy.ask(frame)
            await busy.raw.close(4000, 'line 1\nline 2 "quoted"')
        while rest.get("/health").json()["connections"]:
            pass


@pytest.fixture(scope="module")
def log() -> list[Line]:
    """The log of a service's life."""
    limits: dict[str, Any] = {"PUBSUB_MAX_TOPICS": "2", "PUBSUB_MAX_CONNECTIONS": "2", "PUBSUB_MAX_SUBSCRIPTIONS": "1"}
    with program(PUBSUB_LOG_FORMAT="json", PUBSUB_MAX_QUEUE_SIZE="5", **limits) as service:
        asyncio.run(live(service))
        return [json.loads(line) for line in (service.start_line, *service.stop())]


def named(log: list[Line], name: str) -> list[Line]:
    """The events `name` of `log`, without their time."""
    return [
        {key: value for key, value in line.items() if key not in ("event", "ts")}
        for line in log
        if line["event"] == name
    ]


def test_every_line_has_a_time_a_level_and_an_event_and_times_do_not_run_back(log: list[Line]) -> None:
    assert all(list(line)[:3] == ["ts", "level", "event"] for line in log)
    times = [line["ts"] for line in log]
    assert all(re.fullmatch(STAMP, time) for time in times)
    assert times == sorted(times)


def test_nothing_is_logged_but_events_however_much_goes_on(log: list[Line]) -> None:
    assert Counter(line["event"] for line in log) == {
        "started": 1,
        "topic created": 3,
        "topic deleted": 1,
        "connection opened": 2,
        "connection closed": 2,
        "slow consumer falling behind": 1,
        "slow consumer": 1,
        "limit reached": 3,
        "stopped": 1,
    }


def test_start_and_stop_are_the_first_line_and_the_last(log: list[Line]) -> None:
    assert [line["event"] for line in (log[0], log[-1])] == ["started", "stopped"]


def test_topics_are_logged_when_they_come_and_go(log: list[Line]) -> None:
    created, deleted = named(log, "topic created"), named(log, "topic deleted")
    assert [(line["level"], line["topic"]) for line in created] == [
        ("INFO", "orders"),
        ("INFO", "other"),
        ("INFO", "orders"),
    ]
    assert [(line["level"], line["topic"]) for line in deleted] == [("INFO", "orders")]


def test_connections_are_logged_with_their_address_when_they_open_and_with_the_reason_when_they_close(
    log: list[Line],
) -> None:
    opened, closed = named(log, "connection opened"), named(log, "connection closed")
    assert all(re.fullmatch(ADDRESS, line["peer"]) for line in opened)
    busy, slow = (line["peer"] for line in opened)
    assert opened == [{"level": "INFO", "peer": busy}, {"level": "INFO", "peer": slow}]
    assert closed[0] == {
        "level": "INFO",
        "peer": busy,
        "client_id": "test",
        "reason": 'by the client, 4000 line 1\nline 2 "quoted"',
    }
    assert {key: closed[1][key] for key in ("level", "peer")} == {"level": "INFO", "peer": slow}
    assert closed[1]["reason"].startswith("connection lost")


def test_a_slow_consumer_is_a_warning_that_says_who_and_how_many(log: list[Line]) -> None:
    slow = named(log, "connection opened")[1]["peer"]
    said = {"level": "WARNING", "peer": slow, "client_id": "test", "topic": "orders"}
    assert named(log, "slow consumer falling behind") == [said]
    assert named(log, "slow consumer") == [{**said, "dropped": 3}]


def test_a_limit_that_is_reached_is_a_warning_that_says_which(log: list[Line]) -> None:
    reached = named(log, "limit reached")
    assert {line["level"] for line in reached} == {"WARNING"}
    assert [line["limit"] for line in reached] == ["max_topics", "max_connections", "max_subscriptions"]
    assert reached[-1]["peer"] == named(log, "connection opened")[0]["peer"]
    assert re.fullmatch(ADDRESS, reached[-2]["peer"])


async def test_the_text_form_is_one_line_an_event_too_whatever_a_client_says() -> None:
    with program() as service:
        async with connected(service) as client:
            await client.raw.close(4000, "bye\n2025-08-25T10:00:00.000Z INFO stopped")
        async with connected(service) as client:
            assert (await client.ask({"type": "ping"}))["type"] == "pong"
            lines = await asyncio.to_thread(service.stop)
    assert [re.sub(f"^{STAMP} INFO |{ADDRESS}", "", line) for line in lines] == [
        "connection opened peer=",
        r'connection closed peer= reason="by the client, 4000 bye\n2025-08-25T10:00:00.000Z INFO stopped"',
        "connection opened peer=",
        f'connection closed peer= reason="{STOPPING}"',
        "stopped",
    ]


async def test_under_disconnect_a_slow_consumer_is_logged_with_the_reason_of_the_close(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "specbus")
    server = serve(max_queue_size=1, overflow_policy="disconnect")
    with httpx.Client(base_url=server.url) as rest:
        assert rest.post("/topics", json={"name": "orders"}).status_code == 201
        async with connected(server) as busy, stalling(server) as slow:
            await slow.subscribe("orders")
            await publish_until(busy, rest, "subscribers", 0)
            assert (await frames_to_the_end(slow))[1:] == (1013, "slow consumer")
            while rest.get("/health").json()["connections"] == 2:
                pass
            peer = ":".join(map(str, slow.raw.local_address))
    who = {"peer": peer, "client_id": "test"}
    logged = [(record.levelname, record.getMessage(), vars(record).get("fields", {})) for record in caplog.records]
    assert [line for line in logged if line[2].get("peer") == peer] == [
        ("INFO", "connection opened", {"peer": peer}),
        ("WARNING", "slow consumer disconnected", {**who, "topic": "orders", "dropped": 2}),
        ("INFO", "connection closed", {**who, "reason": "1013 slow consumer"}),
    ]


DEFECTS = [
    "specbus.http.routing:other_method",
    "specbus.http.operations:RestOperations.get_health",
    "specbus.websocket.commands:Commands.ping",
]
BROKEN = f"""
import functools, pkgutil, re
from specbus.cli.main import main

for place in {DEFECTS}:
    owner, name = re.split("[.:](?=[^.:]+$)", place)

    def fail(*_, place=place, **__):
        raise RuntimeError(place)

    owner = pkgutil.resolve_name(owner)
    setattr(owner, name, functools.wraps(getattr(owner, name))(fail))
main()
"""


async def test_a_defect_wherever_it_is_leaves_its_traceback_in_the_log() -> None:
    with program(command=(sys.executable, "-c", BROKEN, "serve")) as service:
        assert httpx.options(f"{service.url}/topics").status_code == 500
        assert httpx.get(f"{service.url}/health").status_code == 500
        async with connected(service) as client:
            assert (await client.ask({"type": "ping"}))["error"]["code"] == "INTERNAL"
        lines = await asyncio.to_thread(service.stop)
    log = "\n".join([*lines, ""])
    tracebacks = re.findall(rf"^{STAMP} ERROR .*\n((?:(?!{STAMP}).*\n)+)", log, re.MULTILINE)
    assert [text.splitlines()[-1] for text in tracebacks] == [f"RuntimeError: {place}" for place in DEFECTS]
    assert all(text.startswith("Traceback (most recent call last):\n") for text in tracebacks)


@pytest.fixture
def logger() -> logging.Logger:
    """A logger of which no other knows."""
    return logging.Logger("test")


def formatted(logger: logging.Logger, formatter: logging.Formatter) -> io.StringIO:
    """What `logger` will have written with `formatter`."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    return stream


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain-1.5/ü", "plain-1.5/ü"),
        (7, "7"),
        (None, "None"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('"', r'"\""'),
        ("\\", r'"\\"'),
        ("a\nb\r\tc", r'"a\nb\r\tc"'),
        ("\x1b[31m", r'"\u001b[31m"'),
        ("a\u2028b\x85c", r'"a\u2028b\u0085c"'),
    ],
    ids=repr,
)
def test_no_value_can_end_a_line_or_pass_for_another_field(logger: logging.Logger, value: object, text: str) -> None:
    plain, structured = formatted(logger, TextFormatter()), formatted(logger, JsonFormatter())
    log_event(logger, logging.WARNING, "something happened", value=value, last=1)
    assert re.fullmatch(STAMP, plain.getvalue().partition(" ")[0])
    assert plain.getvalue().partition(" ")[2] == f"WARNING something happened value={text} last=1\n"
    assert len(structured.getvalue().splitlines()) == 1
    line = json.loads(structured.getvalue())
    assert re.fullmatch(STAMP, line.pop("ts"))
    assert line == {"level": "WARNING", "event": "something happened", "value": value, "last": 1}


def test_a_traceback_follows_the_line_in_text_and_is_a_field_of_it_in_json(logger: logging.Logger) -> None:
    plain, structured = formatted(logger, TextFormatter()), formatted(logger, JsonFormatter())
    try:
        raise RuntimeError("of ours")
    except RuntimeError:
        logger.exception("a command failed")
    first, _, traceback = plain.getvalue().partition("\n")
    assert first.endswith(" ERROR a command failed")
    assert re.fullmatch(r"Traceback \(most .*:\n(  .*\n)+RuntimeError: of ours\n", traceback)
    assert len(structured.getvalue().splitlines()) == 1
    line = json.loads(structured.getvalue())
    assert (line["level"], line["event"], line["traceback"]) == ("ERROR", "a command failed", traceback.rstrip("\n"))


def test_what_libraries_say_in_several_lines_is_one_line_too(logger: logging.Logger) -> None:
    plain, structured = formatted(logger, TextFormatter()), formatted(logger, JsonFormatter())
    logger.error("Task exception was never retrieved\nfuture: %s", "<Task>")
    assert len(plain.getvalue().splitlines()) == 1
    assert json.loads(structured.getvalue())["event"] == "Task exception was never retrieved\nfuture: <Task>"


def test_an_event_below_the_level_is_left_out(logger: logging.Logger) -> None:
    written = formatted(logger, TextFormatter())
    logger.setLevel(logging.WARNING)
    log_event(logger, logging.INFO, "left out")
    log_event(logger, logging.WARNING, "logged")
    assert written.getvalue().endswith(" WARNING logged\n")
    assert written.getvalue().count("\n") == 1
