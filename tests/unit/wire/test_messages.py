"""What the service says: JSON, contract, time."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from specbus.bus.publication import Position, Publication
from specbus.contract.commands import Refusal, WebSocketContract
from specbus.wire import messages as wire
from tests.support.documents import COMMANDS, SPECS
from tests.support.messages import UUID

CONTRACT = WebSocketContract(SPECS / "asyncapi.yaml", {name: name for name in COMMANDS})
CODES = get_args(wire.ErrorCode)


def decoded(text: bytes) -> dict[str, Any]:
    """The JSON object in `text`."""
    value: dict[str, Any] = json.loads(text)
    return value


def event(topic: str, message: bytes, offset: int, ts: float) -> bytes:
    """The event for one message."""
    return wire.event_writer(topic)(Publication(topic, offset, ts, message))


def without_ts(frame: bytes) -> dict[str, Any]:
    """The JSON object in `frame`, which keeps the contract, but for its time."""
    assert CONTRACT.problems_of_sent(frame) == []
    value = decoded(frame)
    del value["ts"]
    return value


# Frames

TIME = 1_756_116_000.75
TS = "2025-08-25T10:00:00Z"
MESSAGE = b'{"id":"%b","payload":{"amount":"99.5"}}' % UUID.encode()

FRAMES: list[tuple[Callable[[], bytes], dict[str, Any]]] = [
    (
        lambda: event("orders", MESSAGE, 42, vars(wire)["time"].time()),
        {
            "type": "event",
            "topic": "orders",
            "message": {"id": UUID, "payload": {"amount": "99.5"}},
            "offset": 42,
            "ts": TS,
        },
    ),
    (
        lambda: wire.ack("orders", "r1", Position("e", 42)),
        {
            "type": "ack",
            "request_id": "r1",
            "topic": "orders",
            "status": "ok",
            "position": {"epoch": "e", "offset": 42},
            "ts": TS,
        },
    ),
    (
        lambda: wire.ack("orders", None, Position("e", 0)),
        {"type": "ack", "topic": "orders", "status": "ok", "position": {"epoch": "e", "offset": 0}, "ts": TS},
    ),
    (
        lambda: wire.ack("orders", "r1"),
        {"type": "ack", "request_id": "r1", "topic": "orders", "status": "ok", "ts": TS},
    ),
    (lambda: wire.ack("orders", None), {"type": "ack", "topic": "orders", "status": "ok", "ts": TS}),
    (lambda: wire.ack("orders", ""), {"type": "ack", "request_id": "", "topic": "orders", "status": "ok", "ts": TS}),
    (lambda: wire.pong("r1"), {"type": "pong", "request_id": "r1", "ts": TS}),
    (lambda: wire.pong(None), {"type": "pong", "ts": TS}),
    (lambda: wire.pong(""), {"type": "pong", "request_id": "", "ts": TS}),
    (
        lambda: wire.error("BAD_REQUEST", "topic is required", request_id="r1"),
        {
            "type": "error",
            "request_id": "r1",
            "error": {"code": "BAD_REQUEST", "message": "topic is required"},
            "ts": TS,
        },
    ),
    (
        lambda: wire.error("SLOW_CONSUMER", "3 messages were dropped", topic="orders", dropped=3),
        {
            "type": "error",
            "topic": "orders",
            "error": {"code": "SLOW_CONSUMER", "message": "3 messages were dropped", "dropped": 3},
            "ts": TS,
        },
    ),
    (lambda: wire.info("ping"), {"type": "info", "msg": "ping", "ts": TS}),
    (
        lambda: wire.info("topic_deleted", "orders"),
        {"type": "info", "topic": "orders", "msg": "topic_deleted", "ts": TS},
    ),
]
MAKERS = [make for make, _ in FRAMES]


class Clock:
    """The time as `specbus.wire.messages` sees it."""

    now = TIME

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = self
        monkeypatch.setattr(wire, "time", SimpleNamespace(**{**vars(time), "time": lambda: clock.now}))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("make", "fields"), FRAMES, ids=[fields["type"] for _, fields in FRAMES])
def test_each_frame_has_the_fields_it_should_in_the_protocols_order_and_keeps_the_contract(
    make: Callable[[], bytes], fields: dict[str, Any]
) -> None:
    payload = make()
    assert payload == json.dumps(fields, separators=(",", ":")).encode()
    assert CONTRACT.problems_of_sent(payload) == []
    assert CONTRACT.problems_of_sent(payload.replace(b'"ts"', b'"tz"')) != []


def test_the_error_codes_are_those_of_the_contract() -> None:
    documented = yaml.safe_load((SPECS / "schemas" / "error_code.yaml").read_text())["enum"]
    assert sorted(CODES) == sorted(documented)


@pytest.mark.parametrize("make", MAKERS, ids=[fields["type"] for _, fields in FRAMES])
def test_ts_is_the_second_in_utc_whichever_way_the_clock_goes(make: Callable[[], bytes], clock: Clock) -> None:
    for now in (TIME, TIME, TIME + 0.125, TIME + 0.249_9, TIME + 0.25, TIME + 31_536_000, TIME - 1, 0.0, 951_782_399.5):
        clock.now = now
        shown = decoded(make())["ts"]
        assert shown == datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# Text that needs care

ODD = ['"', "\\", '"}\\"', "\x00\x1f\n\r\t\x7f", "é€😀", "\u2028\u2029", "</script>", "%b%d{}", " ", "x" * 256]


def examples(values: list[str]) -> Callable[[Any], Any]:
    """Have Hypothesis try `values` too, each time."""

    def decorate(test: Any) -> Any:
        for value in values:
            test = example(value)(test)
        return test

    return decorate


@examples(ODD)
@given(st.text(max_size=256))
def test_a_request_id_comes_back_as_it_was_sent(request_id: str) -> None:
    sent = json.dumps({"type": "ping", "request_id": request_id}).encode()
    handler, frame = CONTRACT.dispatch(sent)
    assert (handler, frame) == ("ping", {"type": "ping", "request_id": request_id})
    echoed = frame["request_id"]
    assert without_ts(wire.pong(echoed)) == {"type": "pong", "request_id": request_id}
    assert without_ts(wire.ack("t", echoed)) == {
        "type": "ack",
        "request_id": request_id,
        "topic": "t",
        "status": "ok",
    }
    assert without_ts(wire.error("INTERNAL", "no", request_id=echoed)) == {
        "type": "error",
        "request_id": request_id,
        "error": {"code": "INTERNAL", "message": "no"},
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"ping","request_id":"\\ud800"}',
        '{"type":"nonsense","request_id":"\\ud800"}',
        '{"request_id":"\\ud800"}',
    ],
)
def test_a_request_id_with_half_a_character_is_refused_and_not_echoed(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        CONTRACT.dispatch(text.encode())
    assert refused.value.request_id is None


@examples(ODD)
@given(st.text())
def test_a_topic_in_a_frame_is_the_topic_whatever_its_name(topic: str) -> None:
    frames = [
        wire.ack(topic, None),
        event(topic, MESSAGE, 1, TIME),
        wire.ack(topic, "r", Position("e", 1)),
        wire.info("topic_deleted", topic),
        wire.error("SLOW_CONSUMER", "slow", topic=topic, dropped=1),
    ]
    assert [decoded(frame)["topic"] for frame in frames] == [topic] * 5


@examples(ODD)
@given(st.text(min_size=1))
def test_the_text_of_an_error_is_kept(message: str) -> None:
    for code in CODES:
        assert without_ts(wire.error(code, message)) == {"type": "error", "error": {"code": code, "message": message}}


# Messages

spaces = st.text(" \t\n\r", max_size=3)
strings = st.one_of(
    st.sampled_from(['"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\/"', '"é😀"', '""', '"]}"', '"\\""']),
    st.text().map(json.dumps),
    st.text().map(lambda text: json.dumps(text, ensure_ascii=False)),
)
scalars = strings | st.sampled_from(
    ["null", "true", "false", "0", "-0", "99.50", "1E+2", "1e400", "-1e-400", "12345678901234567890123", "1.0"]
)


def values_of(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.lists(st.tuples(spaces, strings, spaces, spaces, inner, spaces), max_size=4)
    items = st.lists(st.tuples(spaces, inner, spaces).map("".join), max_size=4)
    return items.map(lambda parts: f"[{','.join(parts)}]") | members.map(
        lambda parts: "{" + ",".join(f"{a}{key}{b}:{c}{value}{d}" for a, key, b, c, value, d in parts) + "}"
    )


@given(payload=st.recursive(scalars, values_of, max_leaves=8), around=st.tuples(*[spaces] * 6), id_first=st.booleans())
@example(payload='{"a":1,"a" : 2.50}', around=("",) * 6, id_first=False)
@example(payload=f'"{"x" * 65_536}"', around=("",) * 6, id_first=True)
def test_a_message_goes_from_the_publishers_frame_to_the_event_byte_for_byte(
    payload: str, around: tuple[str, ...], id_first: bool
) -> None:
    a, b, c, d, e, f = around
    fields = [f'{a}"id"{b}:{c}"{UUID}"', f'{d}"payload"{e}:{payload}{f}']
    message = "{" + ",".join(fields if id_first else reversed(fields)) + "}"
    sent = f'{{"topic":"t","message":{a}{message}{b},"type":"publish"}}'
    handler, frame = CONTRACT.dispatch(sent.encode())
    assert (handler, frame["topic"]) == ("publish", "t")
    text = event(frame["topic"], frame["message"].text, 7, TIME)
    start, end = b'{"type":"event","topic":"t","message":', b',"offset":7,"ts":"2025-08-25T10:00:00Z"}'
    assert text[: len(start)] == start
    assert text[len(start) : -len(end)] == message.encode()
    assert CONTRACT.problems_of_sent(text) == []
