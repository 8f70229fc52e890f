"""Large texts that are refused: by a small part of them, and with the words that the whole would have got."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbus.contract import outline
from specbus.contract.commands import Refusal, WebSocketContract
from specbus.contract.outline import Outliner
from specbus.contract.shape import Shape
from tests.support.documents import COMMANDS, SPECS
from tests.support.messages import UUID

CONTRACT = WebSocketContract(SPECS / "asyncapi.yaml", {name: name.upper() for name in COMMANDS})
BRACKETS = "[" + ",".join(["[[]]"] * 150_000) + "]"
MANY = ",".join(f'"f{number}":1' for number in range(80_000))


def refused(data: str) -> tuple[str, Any]:
    with pytest.raises(Refusal) as refusal:
        CONTRACT.dispatch(data.encode())
    return str(refusal.value), refusal.value.request_id


def publish(more: str = "", payload: str = "1") -> str:
    message = f'{{"id":"{UUID}","payload":{payload}}}'
    return f'{{"type":"publish","topic":"orders","request_id":"r","message":{message}{more}}}'


LARGE = {
    "a field of the wrong type": (publish(f',"request_id":{BRACKETS}'), "request_id must be a string, not an array"),
    "a message of the wrong type": (publish(f',"message":{BRACKETS}'), "message must be an object, not an array"),
    "an unknown field": (publish(f',"mesage":{BRACKETS}'), "unknown field mesage"),
    "unknown fields": (publish(f",{MANY}"), "unknown fields f0, f1, f2 and many more"),
    "unknown fields within": (
        publish(f',"message":{{"id":"{UUID}","payload":1,{MANY}}}'),
        "unknown fields message.f0, message.f1, message.f2 and many more",
    ),
    "a wrong id beside a large payload": (
        publish(payload=BRACKETS).replace(UUID, "x"),
        "message.id must be a valid UUID",
    ),
    "a tag of the wrong type": (
        publish(f',"type":{BRACKETS}'),
        "type must be a string, not an array: expected one of ping, publish, subscribe, unsubscribe",
    ),
    "an unknown tag": (
        publish(f',"x":{BRACKETS},"type":"publsh"'),
        'unknown type "publsh": expected one of ping, publish, subscribe, unsubscribe',
    ),
    "a long name": (publish(f',"topic":"{"x" * 500_000}"'), "topic must have at most 128 characters"),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_wrong_with_a_large_frame_is_said_and_little_of_it_decoded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, problem = LARGE[name]
    looked_at: list[int] = []
    thorough = CONTRACT._decoder.thorough

    def counted(data: bytes) -> Any:
        looked_at.append(data.count(b",") + data.count(b"["))
        return thorough(data)

    monkeypatch.setattr(CONTRACT._decoder, "thorough", counted)
    said, request_id = refused(data)
    assert said.startswith(problem)
    assert request_id == (None if '"request_id":[' in data else "r")
    assert sum(looked_at) < 1_000


# The outline's verdict is the whole's

VALUES = st.recursive(
    st.sampled_from([None, True, 1, -1, 2.5, 10**30, "", "orders", "ä" * 130, UUID, "x" * 2_000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["type", "topic", "client_id", "message", "request_id", "last_n", "other", "id", "payload"]
FRAMES = st.dictionaries(
    st.sampled_from(NAMES),
    VALUES
    | st.sampled_from(["publish", "subscribe", "ping", "unsubscribe"])
    | st.fixed_dictionaries({"id": st.sampled_from([UUID, "x", 5]), "payload": VALUES}),
)


@given(FRAMES)
def test_an_outline_says_what_the_whole_says(frame: dict[str, Any]) -> None:
    data = json.dumps(frame).encode()
    verdicts: list[object] = []
    for small in (1_000_000, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outline, "SMALL", small)
            patch.setattr(outline, "_SHORT", 4)
            try:
                verdicts.append(str(CONTRACT.dispatch(data)))
            except Refusal as refusal:
                verdicts.append((str(refusal), refusal.request_id))
    assert verdicts[0] == verdicts[1]


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "array", "minItems": 1}}},
        {"properties": {"a": {"maxItems": 3}}},
        {"properties": {"a": {"type": ["array", "null"], "items": {"type": "integer"}}}},
        {"properties": {"a": {"type": "object", "minProperties": 1}}},
        {"properties": {"a": True}, "additionalProperties": {"minItems": 1}},
        {"properties": {}, "minProperties": 100},
    ],
)
def test_what_a_schema_looks_into_is_not_cut(schema: dict[str, Any]) -> None:
    shape = Shape({"type": "object", **schema})
    items: object = list(range(10_000))
    value = {"b": items} if "minProperties" in str(schema["properties"]) else items
    data = json.dumps({"a" if "a" in schema["properties"] else "b": value}).encode()
    cut = Outliner({"": shape}, None).outline(data)
    assert cut is None or json.loads(cut) == json.loads(data)


# The correlation id of what cannot be decoded


@pytest.mark.parametrize(
    ("data", "request_id"),
    [
        ('{"type":"ping","request_id":"r","x":' + "[" * 200 + "]" * 200 + "}", "r"),
        ('{"x":' + "[" * 200 + "]" * 200 + ',"request_id" : "r"}', "r"),
        ('{"x":{"request_id":"no"},"y":' + "[" * 200 + "]" * 200 + ',"request_id":"r"}', "r"),
        ('{"x":{"request_id":"no"},"y":' + "[" * 200 + "]" * 200 + "}", None),
        ('{"x":"\\"request_id\\":\\"no\\"","y":' + "[" * 200 + "]" * 200 + "}", None),
        ('{"request_id":"a\\u0062\\"c","y":' + "[" * 200 + "]" * 200 + "}", 'ab"c'),
        ('{"request_id":5,"y":' + "[" * 200 + "]" * 200 + "}", None),
        ('{"request_id":"%s","y":' % ("x" * 257) + "[" * 200 + "]" * 200 + "}", None),
        ('{"request_id":"r","type":"ping"', "r"),
        ('{"request_id":"r","type":ping}', "r"),
        ('[{"request_id":"no"},', None),
        ('{"request_id":"unclosed', None),
        ('{"request_id":"\\ud800","y":' + "[" * 200 + "]" * 200 + "}", None),
    ],
)
def test_a_refusal_has_the_correlation_id_of_a_frame_that_cannot_be_decoded(data: str, request_id: str | None) -> None:
    assert refused(data)[1] == request_id


def test_the_search_for_a_correlation_id_ends() -> None:
    data = '{"x":[' + '"request_id":"no",' * 50_000 + "[" * 200
    assert refused(data)[1] is None
