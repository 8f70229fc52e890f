"""AsyncAPI documents as dispatch and verdicts: this project's own, and one that has nothing to do with it."""

import copy
import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from specbus.contract.commands import Refusal, WebSocketContract
from specbus.contract.decoding import Verbatim
from specbus.spec import ContractError
from specbus.spec.bundle import bundle
from tests.support.documents import COMMANDS, SPECS
from tests.support.messages import UUID, publication

CONTRACT = WebSocketContract(SPECS / "asyncapi.yaml", {name: name.upper() for name in COMMANDS})


def refused(contract: WebSocketContract[Any], data: Any) -> tuple[str, Any]:
    """What `contract` says of a bad frame, and to which request."""
    text = data if isinstance(data, str) else json.dumps(data)
    with pytest.raises(Refusal) as refusal:
        contract.dispatch(text.encode())
    return str(refusal.value), refusal.value.request_id


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "subscribe", "topic": "orders", "client_id": "s1"},
        {"type": "subscribe", "topic": "orders", "client_id": "s1", "last_n": 5, "request_id": "r"},
        {"type": "subscribe", "topic": "orders", "client_id": "s1", "last_n": 5.0},
        {"type": "unsubscribe", "topic": "orders", "client_id": "s1", "request_id": ""},
        {"type": "ping"},
        {"type": "ping", "request_id": "ä€😀"},
    ],
)
def test_a_good_frame_goes_to_the_handler_of_its_operation(frame: dict[str, Any]) -> None:
    assert CONTRACT.dispatch(json.dumps(frame).encode()) == (frame["type"].upper(), frame)


def test_a_published_message_comes_with_its_own_text() -> None:
    message = f'{{ "payload" : 99.50, "id":"{UUID}" }}'
    handler, frame = CONTRACT.dispatch(f'{{"message":{message},"type":"publish","topic":"orders"}}'.encode())
    assert handler == "PUBLISH"
    assert frame == {"type": "publish", "topic": "orders", "message": {"id": UUID, "payload": None}}
    assert isinstance(frame["message"], Verbatim)
    assert frame["message"].text == message.encode()


def test_the_document_and_the_path_of_the_handshake_are_at_hand() -> None:
    assert CONTRACT.address == "/ws"
    assert CONTRACT.document == bundle(SPECS / "asyncapi.yaml")


EXPECTED = "expected one of ping, publish, subscribe, unsubscribe"
PATTERN = "^[A-Za-z0-9_][A-Za-z0-9._-]*$"
SUBSCRIBE = {"type": "subscribe", "topic": "orders", "client_id": "s1"}
PUBLISH = publication("orders", {"a": 1})


def with_message(**fields: Any) -> dict[str, Any]:
    return {**PUBLISH, "message": {**PUBLISH["message"], **fields}}


BAD_FRAMES = [
    # Not JSON.
    ("", "the frame is not valid JSON: a value is expected (line 1, column 1)", None),
    (
        '{"type":"ping"',
        "the frame is not valid JSON: a comma or a closing bracket is expected (line 1, column 15)",
        None,
    ),
    ('{"type":"ping"}}', "the frame is not valid JSON: something follows the value (line 1, column 16)", None),
    (
        '{"type":"ping",}',
        "the frame is not valid JSON: a field's name in double quotes is expected (line 1, column 16)",
        None,
    ),
    ('{"type":"ping","request_id":NaN}', "the frame is not valid JSON: NaN is not a JSON value", None),
    ("[" * 129 + "]" * 129, "the frame is nested more than 128 levels deep", None),
    # No object.
    ([], "the frame must be a JSON object, not an array", None),
    ("ping", "the frame is not valid JSON: a value is expected (line 1, column 1)", None),
    ('"ping"', "the frame must be a JSON object, not a string", None),
    (5, "the frame must be a JSON object, not a number", None),
    (True, "the frame must be a JSON object, not a boolean", None),
    (None, "the frame must be a JSON object, not null", None),
    # No known type.
    ({}, f"type is required: {EXPECTED}", None),
    ({"request_id": "r", "topic": "orders"}, f"type is required: {EXPECTED}", "r"),
    ({"type": "publsh", "request_id": "r"}, f'unknown type "publsh": {EXPECTED}', "r"),
    ({"type": "Ping", "request_id": 5}, f'unknown type "Ping": {EXPECTED}', None),
    ({"type": "ack", "request_id": "x" * 257}, f'unknown type "ack": {EXPECTED}', None),
    ({"type": "x" * 65}, f'unknown type "{"x" * 61}...": {EXPECTED}', None),
    ({"type": "\ud800\n", "request_id": "r"}, rf'unknown type "\ud800\n": {EXPECTED}', "r"),
    ({"type": 5, "request_id": "r"}, f"type must be a string, not a number: {EXPECTED}", "r"),
    ({"type": None}, f"type must be a string, not null: {EXPECTED}", None),
    ({"type": ["ping"]}, f"type must be a string, not an array: {EXPECTED}", None),
    ({"type": {"ping": 1}}, f"type must be a string, not an object: {EXPECTED}", None),
    ({"type": False}, f"type must be a string, not a boolean: {EXPECTED}", None),
    # Fields that are missing or unknown.
    ({"type": "subscribe", "request_id": "r"}, "topic is required; client_id is required", "r"),
    ({"type": "unsubscribe", "topic": "orders", "request_id": "r"}, "client_id is required", "r"),
    ({"type": "publish", "topic": "orders"}, "message is required", None),
    ({**PUBLISH, "message": {"id": UUID}}, "message.payload is required", None),
    ({**PUBLISH, "message": {"payload": 1}}, "message.id is required", None),
    ({"type": "ping", "topic": "orders", "request_id": "r"}, "unknown field topic", "r"),
    ({**SUBSCRIBE, "last": 5, "a b": 1}, 'unknown fields last, "a b"', None),
    (with_message(ttl=5), "unknown field message.ttl", None),
    ({**SUBSCRIBE, "message": PUBLISH["message"]}, "unknown field message", None),
    # Wrong types.
    ({**SUBSCRIBE, "topic": 5, "request_id": "r"}, "topic must be a string, not 5", "r"),
    ({**SUBSCRIBE, "client_id": None}, "client_id must be a string, not null", None),
    ({**SUBSCRIBE, "last_n": "5", "request_id": "r"}, "last_n must be an integer, not a string", "r"),
    ({**SUBSCRIBE, "last_n": 1.5}, "last_n must be an integer, not 1.5", None),
    ({**SUBSCRIBE, "last_n": True}, "last_n must be an integer, not true or false", None),
    ({**PUBLISH, "message": [1]}, "message must be an object, not an array", None),
    ({**PUBLISH, "message": None, "request_id": "r"}, "message must be an object, not null", "r"),
    ({"type": "ping", "request_id": 5}, "request_id must be a string, not 5", None),
    # Values out of bounds.
    ({**SUBSCRIBE, "last_n": -1, "request_id": "r"}, "last_n must be 0 or more", "r"),
    ({**SUBSCRIBE, "topic": "a b"}, f"topic must match the pattern {PATTERN}", None),
    ({**SUBSCRIBE, "topic": "orders\n"}, f"topic must match the pattern {PATTERN}", None),
    ({**SUBSCRIBE, "topic": ""}, f"topic must not be empty; topic must match the pattern {PATTERN}", None),
    ({**SUBSCRIBE, "topic": "x" * 129}, "topic must have at most 128 characters", None),
    ({**SUBSCRIBE, "client_id": ""}, "client_id must not be empty", None),
    ({**SUBSCRIBE, "client_id": "x" * 257, "request_id": "r"}, "client_id must have at most 256 characters", "r"),
    ({"type": "ping", "request_id": "x" * 257}, "request_id must have at most 256 characters", None),
    (with_message(id="1"), "message.id must be a valid UUID", None),
    ({**with_message(id=UUID.replace("-", "")), "request_id": "r"}, "message.id must be a valid UUID", "r"),
    # What is beyond what can be held.
    (
        r'{"type":"ping","topic":"\ud800"}',
        "the frame is not valid JSON: an escape is half a character (a lone surrogate)",
        None,
    ),
    ('{"type":"subscribe","last_n":1e400}', "the frame is not usable: a number is too large", None),
    (f'{{"type":"subscribe","last_n":{"9" * 5000}}}', "the frame is not usable: a number is too large", None),
    # Several things at once.
    (
        {"type": "unsubscribe", "topic": 5, "client_id": "", "last_n": 1, "x": 2, "request_id": "r"},
        "topic must be a string, not 5; client_id must not be empty; unknown fields last_n, x",
        "r",
    ),
    (
        {"type": "subscribe", "topic": 5, "last_n": -1, "x": 2, "request_id": []},
        "client_id is required; topic must be a string, not 5; last_n must be 0 or more; and 2 more",
        None,
    ),
]


@pytest.mark.parametrize(("frame", "sentence", "request_id"), BAD_FRAMES)
def test_a_bad_frame_is_refused_in_words(frame: Any, sentence: str, request_id: str | None) -> None:
    assert refused(CONTRACT, frame) == (sentence, request_id)


@pytest.mark.parametrize("frame", [r'{"type":"publsh","request_id":"\ud800"}', r'{"request_id":"a\udfff"}'])
def test_a_request_id_that_is_no_text_is_not_echoed(frame: str) -> None:
    assert refused(CONTRACT, frame)[1] is None


@pytest.mark.parametrize("value", [r'"\ud800"', "1e400", "9" * 5000])
def test_a_value_that_cannot_be_held_does_not_cost_the_request_id(value: str) -> None:
    frame = f'{{"type":"subscribe","topic":"orders","request_id":"r","client_id":{value}}}'
    assert refused(CONTRACT, frame)[1] == "r"


def test_a_number_of_any_size_is_a_payload_in_a_frame_that_is_wrong_elsewhere() -> None:
    frame = f'{{"type":"publish","topic":"a b","message":{{"id":"{UUID}","payload":{"9" * 5000}}}}}'
    assert refused(CONTRACT, frame) == (f"topic must match the pattern {PATTERN}", None)


@pytest.mark.parametrize("data", [b"\xff", b'{"type":"ping","request_id":"\xff"}', b'{"type":"\xed\xa0\x80"}'])
def test_a_frame_that_is_not_utf_8_is_no_refusal(data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        CONTRACT.dispatch(data)


FIELDS = ("type", "topic", "client_id", "last_n", "message", "request_id", "id", "payload", "x")
SCALARS = st.one_of(
    st.sampled_from([*COMMANDS, UUID, "\ud800", None, True, 1e300, 2**70]),
    st.integers(),
    st.text(st.characters(codec=None, exclude_categories=()), max_size=3),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=2), inner),
    max_leaves=5,
)
FRAMES = st.builds(
    lambda typed, fields: json.dumps({**typed, **fields}).encode(),
    st.sampled_from([{}, *({"type": name} for name in COMMANDS)]),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
)


@settings(max_examples=500)
@given(st.one_of(FRAMES, VALUES.map(lambda value: json.dumps(value).encode()), st.text(max_size=9).map(str.encode)))
def test_whatever_comes_is_dispatched_or_refused_in_one_line(data: bytes) -> None:
    try:
        handler, frame = CONTRACT.dispatch(data)
    except Refusal as refusal:
        line = str(refusal).encode().decode()
        assert line
        assert line.isprintable()
    else:
        assert handler == frame["type"].upper()


TS = "2025-08-25T10:00:00Z"
TS_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$"
CODES = '"BAD_REQUEST" or "TOPIC_NOT_FOUND" or "SLOW_CONSUMER" or "UNAUTHORIZED" or "LIMIT_EXCEEDED" or "INTERNAL"'
EVENT = {"type": "event", "topic": "orders", "message": {"id": UUID, "payload": 1}, "offset": 1, "ts": TS}


def event(payload: str) -> str:
    """The text of an event."""
    return json.dumps(EVENT).replace('"payload": 1', f'"payload": {payload}')


@pytest.mark.parametrize(
    ("frame", "problems"),
    [
        ({"type": "pong", "ts": TS}, []),
        ({"type": "pong", "request_id": "r", "ts": TS, "added": "later"}, []),
        (EVENT, []),
        ({"type": "error", "error": {"code": "INTERNAL", "message": "m"}, "ts": TS}, []),
        ({"type": "pong"}, ["ts is required"]),
        ({"type": "pong", "ts": TS, "request_id": None}, ["request_id must be a string, not null"]),
        ({"type": "info", "msg": "pong", "ts": TS}, ['msg must be "ping" or "topic_deleted"']),
        ({**EVENT, "message": {"id": "1", "payload": 1}}, ["message.id must be a valid UUID"]),
        (
            {**EVENT, "ts": TS[:-1]},
            [f"ts must match the pattern {TS_PATTERN}", "ts must be a date and time (RFC 3339)"],
        ),
        (
            {"type": "error", "error": {"code": "OOPS", "message": "", "dropped": 0}, "ts": TS},
            [f"error.code must be {CODES}", "error.message must not be empty", "error.dropped must be 1 or more"],
        ),
        ({"type": "ping"}, ["asyncapi.yaml has no such message to send"]),
        ({"type": "hello"}, ["asyncapi.yaml has no such message to send"]),
        ({"ts": TS}, ["asyncapi.yaml has no such message to send"]),
        ([], ["asyncapi.yaml has no such message to send"]),
        ("{", ["the frame is not valid JSON: a field's name in double quotes is expected (line 1, column 2)"]),
        (event("1e400"), []),
        (event("9" * 5000), []),
        (event("[" * 126 + "]" * 126), []),
        (event("[" * 128 + "]" * 128), []),
        (event("[" * 200 + "]" * 200), ["the frame is nested more than 136 levels deep"]),
    ],
)
def test_what_the_service_is_about_to_send_is_judged(frame: Any, problems: list[str]) -> None:
    text = frame if isinstance(frame, str) else json.dumps(frame)
    assert CONTRACT.problems_of_sent(text.encode()) == problems


def test_bytes_that_are_not_utf_8_are_no_frame_to_send() -> None:
    (problem,) = CONTRACT.problems_of_sent(b'{"type":"pong","ts":"\xff"}')
    assert problem.startswith("the frame is ")


CHAT = """
asyncapi: 3.0.0
info: {title: Chat, version: 1.0.0}
channels:
  room:
    address: /chat
    messages:
      Say: {$ref: '#/components/messages/Say'}
      Leave: {$ref: '#/components/messages/Leave'}
      Said: {$ref: '#/components/messages/Said'}
operations:
  say:
    action: receive
    channel: {$ref: '#/channels/room'}
    messages: [{$ref: '#/channels/room/messages/Say'}]
    reply:
      messages: [{$ref: '#/channels/room/messages/Said'}]
  leave:
    action: receive
    channel: {$ref: '#/channels/room'}
    messages: [{$ref: '#/channels/room/messages/Leave'}]
  tell:
    action: send
    channel: {$ref: '#/channels/room'}
    messages: [{$ref: '#/channels/room/messages/Said'}]
components:
  messages:
    Say:
      name: Say
      correlationId: {location: $message.payload#/seq}
      payload:
        type: object
        required: [op, text]
        properties:
          v: {const: 1}
          op: {const: say}
          seq: {type: string, maxLength: 3}
          text: {$ref: text.yaml}
    Leave:
      name: Leave
      payload:
        type: object
        required: [op]
        properties:
          op: {const: leave}
          seq: {type: string, maxLength: 3}
    Said:
      name: Said
      payload:
        type: object
        required: [op, text]
        additionalProperties: false
        properties:
          op: {const: said}
          text: {$ref: text.yaml}
"""
CHAT_HANDLERS = {"say": 1, "leave": 2}


@pytest.fixture
def chat() -> Any:
    """Another AsyncAPI document."""
    return yaml.safe_load(CHAT)


def load(folder: Path, document: Any, handlers: dict[str, int] = CHAT_HANDLERS) -> WebSocketContract[int]:
    folder.joinpath("text.yaml").write_text("title: Text\ntype: string\nmaxLength: 20\n")
    path = folder / "chat.yaml"
    path.write_text(json.dumps(document))
    return WebSocketContract(path, handlers)


def check_chat(contract: WebSocketContract[int]) -> None:
    """Check that `contract` does what the chat document says."""
    assert contract.address == "/chat"
    say = {"op": "say", "seq": "1", "text": "hi", "to": "anyone"}
    assert contract.dispatch(json.dumps(say).encode()) == (1, say)
    assert contract.dispatch(b'{"op":"leave"}') == (2, {"op": "leave"})
    expected = "expected one of leave, say"
    assert refused(contract, {"type": "say"}) == (f"op is required: {expected}", None)
    assert refused(contract, {"op": "shout", "seq": "1"}) == (f'unknown op "shout": {expected}', "1")
    assert refused(contract, {"op": "said", "text": "hi"}) == (f'unknown op "said": {expected}', None)
    assert refused(contract, {"op": "say", "seq": "22"}) == ("text is required", "22")
    assert refused(contract, {"op": "say", "seq": "4444", "text": "hi"}) == ("seq must have at most 3 characters", None)
    assert refused(contract, {"op": "say", "text": "x" * 21}) == ("text must have at most 20 characters", None)
    assert contract.problems_of_sent(b'{"op":"said","text":"hi"}') == []
    assert contract.problems_of_sent(b'{"op":"said","text":"hi","by":1}') == ["unknown field by"]
    assert contract.problems_of_sent(b'{"op":"say","text":"hi"}') == ["chat.yaml has no such message to send"]


def test_another_document_works_with_nothing_changed(tmp_path: Path, chat: Any) -> None:
    check_chat(load(tmp_path, chat))


def test_messages_may_stand_in_the_channel(tmp_path: Path, chat: Any) -> None:
    chat["channels"]["room"]["messages"] = chat.pop("components")["messages"]
    check_chat(load(tmp_path, chat))


def test_a_document_may_have_one_operation(tmp_path: Path, chat: Any) -> None:
    del chat["operations"]["leave"]
    contract = load(tmp_path, chat, {"say": 1})
    assert contract.dispatch(b'{"op":"say","text":"hi"}') == (1, {"op": "say", "text": "hi"})
    assert refused(contract, {"text": "hi", "seq": "1"}) == ("op is required: expected one of say", "1")


def test_an_operation_may_have_several_messages(tmp_path: Path, chat: Any) -> None:
    chat["operations"]["say"]["messages"] += chat["operations"].pop("leave")["messages"]
    contract = load(tmp_path, chat, {"say": 1})
    assert contract.dispatch(b'{"op":"say","text":"hi"}')[0] == 1
    assert contract.dispatch(b'{"op":"leave"}')[0] == 1


def test_without_correlation_ids_nothing_is_echoed(tmp_path: Path, chat: Any) -> None:
    del chat["components"]["messages"]["Say"]["correlationId"]
    assert refused(load(tmp_path, chat), {"op": "say", "seq": "1"}) == ("text is required", None)


DROP = object()


def changed(document: Any, place: str, value: Any) -> Any:
    """A copy of `document` with `value` at `place` (`a/b/0`), or nothing."""
    document = copy.deepcopy(document)
    *steps, last = [int(step) if step.isdecimal() else step for step in place.split("/")]
    owner = document
    for step in steps:
        owner = owner[step]
    if value is DROP:
        del owner[last]
    else:
        owner[last] = value
    return document


SAY = "components/messages/Say"
LEAVE = "components/messages/Leave"
NO_FIELD = "must be a field of the payload"
DISCRIMINATOR = "the received messages need one field that is a required constant in each, such as type"

BROKEN = [
    ("asyncapi", DROP, "asyncapi must be 3.0.x or 3.1.x"),
    ("asyncapi", "2.6.0", "asyncapi must be 3.0.x or 3.1.x"),
    ("asyncapi", "3.2.0", "asyncapi must be 3.0.x or 3.1.x"),
    ("asyncapi", "3", "asyncapi must be 3.0.x or 3.1.x"),
    ("channels/room/address", DROP, "the channel's address must be a path, such as /ws"),
    ("channels/room/address", None, "the channel's address must be a path, such as /ws"),
    ("channels/room/address", "chat", "the channel's address must be a path, such as /ws"),
    ("channels/room", DROP, "$ref #/channels/room points at nothing"),
    ("operations/leave/channel", {"address": "/chat"}, "#/operations/leave/channel must be a $ref"),
    ("operations/leave", [], "#/operations/leave must be a mapping"),
    ("operations/leave/action", "recieve", "operations.leave.action must be send or receive"),
    ("operations/leave/action", DROP, "operations.leave.action must be send or receive"),
    ("operations/leave/action", "send", 'operation "leave" is missing, which the service cannot leave out'),
    ("operations/leave/messages", DROP, "operations.leave: its op must be a constant of its own"),
    ("operations/leave/messages", [], "#/operations/leave: needs messages"),
    ("operations/say/reply/messages", [], "#/operations/say/reply: needs messages"),
    ("operations/leave/messages/0/$ref", "#/channels/None", "$ref #/channels/None points at nothing"),
    (f"{LEAVE}/payload", DROP, "#/operations/leave: a message needs a payload"),
    (f"{LEAVE}/payload/properties/op", DROP, DISCRIMINATOR),
    (f"{LEAVE}/payload/properties/op", {"enum": ["leave", "exit"]}, DISCRIMINATOR),
    (f"{LEAVE}/payload/properties/op", {"const": 5}, DISCRIMINATOR),
    (f"{LEAVE}/payload/required", DROP, DISCRIMINATOR),
    (f"{LEAVE}/payload/properties/op/const", "say", "operations.leave: its op must be a constant of its own"),
    ("components/messages/Said/payload/properties/op", {}, "message Said: op must be a constant"),
    (f"{SAY}/correlationId/location", DROP, f"#/components/messages/Say: correlationId location None {NO_FIELD}"),
    (
        f"{SAY}/correlationId/location",
        "$message.header#/seq",
        f"#/components/messages/Say: correlationId location $message.header#/seq {NO_FIELD}",
    ),
    (
        f"{SAY}/correlationId/location",
        "$message.payload#/a/b",
        f"#/components/messages/Say: correlationId location $message.payload#/a/b {NO_FIELD}",
    ),
    (f"{LEAVE}/payload/required", "op", 'message Leave: not a JSON Schema: required: "op" is not of type "array"'),
    (
        f"{LEAVE}/payload/minProperties",
        -1,
        "message Leave: not a JSON Schema: minProperties: -1 is less than the minimum of 0",
    ),
]


@pytest.mark.parametrize(("place", "value", "problem"), BROKEN)
def test_a_broken_document_gives_one_clear_line(
    tmp_path: Path, chat: Any, place: str, value: Any, problem: str
) -> None:
    with pytest.raises(ContractError) as failure:
        load(tmp_path, changed(chat, place, value))
    assert str(failure.value).removeprefix(f"{tmp_path.resolve()}/") == f"chat.yaml: {problem}"


def test_operations_on_two_channels_are_refused(tmp_path: Path, chat: Any) -> None:
    chat["channels"]["hall"] = {**chat["channels"]["room"], "address": "/hall"}
    with pytest.raises(ContractError) as failure:
        load(tmp_path, changed(chat, "operations/leave/channel/$ref", "#/channels/hall"))
    assert str(failure.value) == "chat.yaml: all operations must be on one channel"


def test_a_file_that_is_missing_or_broken_gives_one_clear_line(tmp_path: Path, chat: Any) -> None:
    with pytest.raises(ContractError) as failure:
        load(tmp_path, changed(chat, "components/messages/Said/payload/properties/text/$ref", "none.yaml"))
    assert str(failure.value) == f"{tmp_path.resolve()}/chat.yaml: $ref to none.yaml, which is not there"
    with pytest.raises(ContractError) as failure:
        WebSocketContract(tmp_path / "none.yaml", {})
    assert str(failure.value) == f"{tmp_path.resolve()}/none.yaml: No such file or directory"


@pytest.mark.parametrize(
    ("handlers", "problem"),
    [
        ({"say": 1}, 'operation "leave" has no handler'),
        ({}, 'operation "leave" has no handler'),
        ({**CHAT_HANDLERS, "shout": 3}, 'operation "shout" is missing, which the service cannot leave out'),
        ({**CHAT_HANDLERS, "tell": 3}, 'operation "tell" is missing, which the service cannot leave out'),
        ({"say": 1, "Leave": 2}, 'operation "leave" has no handler'),
    ],
)
def test_operations_and_handlers_must_match(tmp_path: Path, chat: Any, handlers: dict[str, int], problem: str) -> None:
    with pytest.raises(ContractError) as failure:
        load(tmp_path, chat, handlers)
    assert str(failure.value) == f"chat.yaml: {problem}"


def test_a_document_that_receives_nothing_gives_one_clear_line(tmp_path: Path, chat: Any) -> None:
    del chat["operations"]["say"], chat["operations"]["leave"]
    with pytest.raises(ContractError) as failure:
        load(tmp_path, chat, {})
    assert str(failure.value).startswith("chat.yaml: ")


def _places(node: Any, place: tuple[str, ...] = ()) -> Iterator[str]:
    if place:
        yield "/".join(place)
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _places(value, (*place, str(key)))


@pytest.mark.parametrize("value", [DROP, None, [], "x"], ids=["nothing", "null", "array", "string"])
def test_whatever_is_wrong_in_a_document_costs_one_line_that_names_it(tmp_path: Path, chat: Any, value: Any) -> None:
    lines = {}
    for place in _places(chat):
        try:
            load(tmp_path, changed(chat, place, value))
        except ContractError as error:
            lines[place] = str(error).removeprefix(f"{tmp_path.resolve()}/")
        except Exception as error:
            lines[place] = repr(error)
    assert len(lines) > 20
    assert {place: line for place, line in lines.items() if not line.startswith("chat.yaml: ") or "\n" in line} == {}


@pytest.mark.parametrize("version", ["3.0.0", "3.0.1", "3.1.0"])
def test_every_version_that_says_the_same_is_read_alike(tmp_path: Path, chat: Any, version: str) -> None:
    check_chat(load(tmp_path, changed(chat, "asyncapi", version)))


def test_an_operation_without_messages_has_those_of_its_channel(tmp_path: Path, chat: Any) -> None:
    del chat["operations"]["leave"], chat["operations"]["tell"], chat["operations"]["say"]["reply"]
    del chat["operations"]["say"]["messages"], chat["channels"]["room"]["messages"]["Said"]
    contract = load(tmp_path, chat, {"say": 1})
    assert contract.dispatch(b'{"op":"say","text":"hi"}') == (1, {"op": "say", "text": "hi"})
    assert contract.dispatch(b'{"op":"leave"}') == (1, {"op": "leave"})


def test_traits_are_part_of_a_message(tmp_path: Path, chat: Any) -> None:
    say = chat["components"]["messages"]["Say"]
    say["traits"] = [{"$ref": "#/components/messageTraits/Numbered"}]
    chat["components"]["messageTraits"] = {"Numbered": {"correlationId": say.pop("correlationId"), "name": "No"}}
    check_chat(load(tmp_path, chat))


@pytest.mark.parametrize(
    "form",
    [
        "application/vnd.aai.asyncapi;version=3.0.0",
        "application/vnd.aai.asyncapi+json;version=3.0.0",
        "application/schema+yaml;version=draft-07",
    ],
)
def test_a_payload_may_name_its_format(tmp_path: Path, chat: Any, form: str) -> None:
    for message in chat["components"]["messages"].values():
        message["payload"] = {"schemaFormat": form, "schema": message["payload"]}
    check_chat(load(tmp_path, chat))


def test_a_format_that_is_no_json_schema_is_named(tmp_path: Path, chat: Any) -> None:
    avro = {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {"type": "record"}}
    with pytest.raises(ContractError) as failure:
        load(tmp_path, changed(chat, f"{SAY}/payload", avro))
    assert str(failure.value) == (
        f"chat.yaml: #/{SAY}: schemaFormat {avro['schemaFormat']} is none that can be read: it must be JSON Schema"
    )


def test_a_payload_may_be_put_together(tmp_path: Path, chat: Any) -> None:
    for message in chat["components"]["messages"].values():
        payload = message["payload"]
        whole = {key: payload.pop(key) for key in ("additionalProperties",) if key in payload}
        message["payload"] = {
            "allOf": [{"type": "object"}, payload],
            **({"unevaluatedProperties": False} if whole else {}),
        }
    check_chat(load(tmp_path, chat))


def test_a_payload_may_contain_itself(tmp_path: Path, chat: Any) -> None:
    said = chat["components"]["messages"]["Say"]["payload"]
    said["properties"]["answers"] = {"type": "array", "items": {"$ref": f"#/{SAY}/payload"}}
    contract = load(tmp_path, chat)
    say = {"op": "say", "text": "hi", "answers": [{"op": "say", "text": "ho", "answers": []}]}
    assert contract.dispatch(json.dumps(say).encode()) == (1, say)
    say["answers"] = [{"op": "say", "text": "ho", "answers": [{"op": "say"}]}]
    assert refused(contract, say) == ("answers[0].answers[0].text is required", None)


def test_the_code_that_is_made_for_a_frame_is_shown_in_tracebacks(
    tmp_path: Path, chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = load(tmp_path, chat)
    (convert,) = (convert for tag, convert in contract._decoder._converters.values() if tag == "say")
    with pytest.raises(AttributeError) as failure:
        convert(5)
    shown = "".join(traceback.format_exception(failure.value))
    assert "convert_say" in shown
    assert "value = {'op': 'say', 'text': instance.f" in shown
