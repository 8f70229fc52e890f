"""JSON text decoded by what a schema marks: opaque and verbatim parts keep their bytes, and both ways through agree."""

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specbus.contract.decoding import MAX_DEPTH, Decoder, NotJson, Verbatim
from specbus.contract.schema import Schema
from specbus.spec.bundle import bundle
from specbus.spec.references import resolved
from tests.support.documents import SPECS
from tests.support.messages import UUID

ASYNCAPI = bundle(SPECS / "asyncapi.yaml")
COMMANDS = {
    name.lower(): resolved(ASYNCAPI, ASYNCAPI["components"]["schemas"][name])
    for name in ("Subscribe", "Unsubscribe", "Publish", "Ping")
}
MESSAGE = COMMANDS["publish"]["properties"]["message"]

INNER = {"type": "object", "x-verbatim": True, "properties": {"any": {}}}
OUTER = {"type": "object", "x-verbatim": True, "properties": {"inner": INNER, "n": {"type": "integer"}}}
TREE = {
    "type": "object",
    "properties": {
        "tag": {"enum": ["tree"]},
        "verbatim": OUTER,
        "opaque": {"description": "Anything."},
        "plain": {"type": "object", "properties": {"opaque": {}}},
    },
}
ROOT = {"type": "object", "x-verbatim": True, "properties": {"tag": {"enum": ["root"]}, "any": {}}}
LEAF = {"type": "object", "properties": {"tag": {"enum": ["leaf"]}, "id": {"type": "string"}}}
LIST = {"type": "object", "properties": {"tag": {"enum": ["list"]}, "items": {"type": "array", "items": MESSAGE}}}

SCHEMAS: dict[str, tuple[dict[str, Any], str | None]] = {
    "commands": (COMMANDS, "type"),
    "one command": ({"ping": COMMANDS["ping"]}, "type"),
    "verbatim within": ({"tree": TREE, "leaf": LEAF}, "tag"),
    "arrays": ({"list": LIST, "leaf": LEAF}, "tag"),
    "one of two is verbatim": ({"leaf": LEAF, "root": ROOT}, "tag"),
    "a message": ({"": MESSAGE}, None),
}
"""By tag, and the field that holds the tag."""
DECODERS = {name: Decoder(schemas, tag_field) for name, (schemas, tag_field) in SCHEMAS.items()}


def plainly(text: str) -> Any:
    """`text` as the standard library reads it; ValueError if it is not JSON."""

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    # Decimal, as Python's integers have a limit that JSON's have not.
    return json.loads(text, parse_constant=refuse, parse_int=Decimal)


def exact(value: Any) -> Any:
    """`value` in a form that compares exactly: 1, 1.0 and true differ, and so do the texts of verbatim objects."""
    if isinstance(value, dict):
        text = value.text if isinstance(value, Verbatim) else None
        return "object", text, sorted((name, exact(inner)) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return "array", [exact(item) for item in value]
    return type(value).__name__, repr(value)


def decode(name: str, data: bytes) -> tuple[str | None, Any]:
    """What both ways of the decoder called `name` make of `data`; they must agree where both take it."""
    decoder = DECODERS[name]
    found = decoder.quick(data)
    thorough = decoder.thorough(data)
    assert found is None or exact(found) == exact(thorough)
    return thorough


NAMES = [
    *("type", "tag", "topic", "client_id", "last_n", "request_id", "message", "id", "payload"),
    *("verbatim", "opaque", "plain", "items", "inner", "any", "n", "extra", "a b", "ä", ""),
]
SPACE = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n  "])


def string(text: str, escape: str) -> str:
    """The JSON of `text`, with what is in `escape` escaped, and what must be."""

    def shown(character: str) -> str:
        if character in escape or character in '"\\' or character < " " or 0xD800 <= ord(character) < 0xE000:
            return "".join(f"\\u{unit:04x}" for unit in _utf_16(character))
        return character

    return f'"{"".join(map(shown, text))}"'


def _utf_16(character: str) -> Iterator[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))


NUMBERS = st.builds(
    "{}{}{}".format,
    st.one_of(st.integers(-9, 9), st.integers(-(10**40), 10**40), st.sampled_from([2**64, -(2**63) - 1, 10**4299])),
    st.sampled_from(["", "", ".0", ".50", ".1234567890123456789012345"]),
    st.sampled_from(["", "", "e0", "E5", "e-7", "e+300", "e-400", "e400"]),
)
SCALARS = st.one_of(
    NUMBERS,
    st.builds(
        string, st.text(st.characters(codec=None, exclude_categories=()), max_size=6), st.sampled_from(["", "ae/😀"])
    ),
    st.sampled_from(["null", "true", "false", f'"{UUID}"']),
)


def container(items: list[tuple[str, str]], space: str, is_array: bool) -> str:
    """The JSON of an array or object of `items`; keys may repeat."""
    if is_array:
        return f"[{','.join(f'{space}{value}' for _, value in items)}{space}]"
    return f"{{{','.join(f'{space}{name}{space}:{value}{space}' for name, value in items)}}}"


KEYS = st.builds(string, st.sampled_from(NAMES), st.sampled_from(["", "", "", "aeiot"]))


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(container, st.lists(st.tuples(KEYS, inner), max_size=3), SPACE, st.booleans())


VALUES = st.recursive(SCALARS, containers, max_leaves=5)

MESSAGES = st.builds(
    container,
    st.lists(st.tuples(st.sampled_from(['"id"', '"payload"', '"any"']), VALUES), max_size=3),
    SPACE,
    st.just(False),
)


@st.composite
def frames(draw: st.DrawFn) -> tuple[str, str]:
    """A decoder's name and a text for it: of the form it wants, or half the time a wilder one."""
    name = draw(st.sampled_from(sorted(DECODERS)))
    schemas, tag_field = SCHEMAS[name]
    wild = draw(st.booleans())
    tag = draw(st.sampled_from(sorted(schemas)))
    names = [*schemas[tag]["properties"], *(NAMES if wild else [])]
    keys = st.builds(string, st.sampled_from(names), st.sampled_from(["", "", "aeiot"]))
    fields = draw(st.lists(st.tuples(keys, st.one_of(SCALARS, VALUES, MESSAGES)), max_size=4))
    if tag_field:
        fields = [field for field in fields if wild or field[0] != f'"{tag_field}"']
        tags = st.sampled_from(["unknown", *schemas]) if wild else st.just(tag)
        fields += draw(
            st.lists(st.tuples(st.just(f'"{tag_field}"'), tags.map(json.dumps)), min_size=not wild, max_size=1 + wild)
        )
    space = draw(SPACE)
    text = space + container(draw(st.permutations(fields)), space, False)
    for _ in range(draw(st.integers(0, 2)) if wild else 0):
        start = draw(st.integers(0, len(text)))
        new = draw(st.sampled_from([*'{}[]:,"\\ 019.eE-+tnu\x00\x0b\xa0\ufeff', "NaN", "-Infinity", ""]))
        text = text[:start] + new + text[start + draw(st.integers(0, 2)) :]
    return name, text


@settings(max_examples=800)
@given(frames())
def test_both_ways_through_agree_and_take_only_what_is_json(case: tuple[str, str]) -> None:
    name, text = case
    schemas, tag_field = SCHEMAS[name]
    decoder = DECODERS[name]
    data = text.encode()
    found = decoder.quick(data)
    try:
        value = plainly(text)
    except ValueError:
        assert found is None
        with pytest.raises(NotJson) as refusal:
            decoder.thorough(data)
        assert "a mistake" not in str(refusal.value)
        return
    try:
        thorough = decoder.thorough(data)
    except NotJson:
        assert found is None
        return
    assert found is None or exact(found) == exact(thorough)
    if tag_field:
        tag = value.get(tag_field) if isinstance(value, dict) else None
        assert thorough[0] == (tag if isinstance(tag, str) and tag in schemas else None)


@settings(max_examples=400)
@given(VALUES, SPACE, st.booleans())
def test_a_verbatim_object_has_its_very_text(payload: str, space: str, first: bool) -> None:
    fields = [f'"payload":{space}{payload}', f'{space}"id":"{UUID}"']
    message = f"{{{','.join(fields if first else reversed(fields))}{space}}}"
    text = f'{{"message":{space}{message}{space},"topic":"orders","type":"publish"}}'
    tag, frame = decode("commands", text.encode())
    assert tag == "publish"
    assert frame == {"type": "publish", "topic": "orders", "message": {"id": UUID, "payload": None}}
    assert frame["message"].text == message.encode()


PAYLOADS = [
    "99.50",
    "1e400",
    "-0.0",
    "1E+2",
    "123456789012345678901234567890",
    "9" * 5000,
    '{"b":1,"a":2}',
    '{"a":1,"a":2}',
    '{ "a" :\t[ 1 ,\r\n2 ] }',
    r'"\u0061\/\ud83d\ude00"',
    r'"\ud800"',
    r'{"\udfff":"\ud800\u0041"}',
    '"ä€😀\x7f"',
    "null",
    "[]",
    '""',
    r'"}]\",{["',
]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("shape", ['{"id":"","payload":%s}', '{"payload":%s,"id":""}', '{\t"id":"","payload" :\n%s }'])
def test_a_message_in_a_frame_keeps_its_bytes(payload: str, shape: str) -> None:
    message = shape.replace("%s", payload)
    _, frame = decode("commands", f'{{"type":"publish","topic":"a","message": {message} }}'.encode())
    assert frame == {"type": "publish", "topic": "a", "message": {"id": "", "payload": None}}
    assert frame["message"].text == message.encode()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_message_that_is_the_whole_body_keeps_its_bytes(payload: str) -> None:
    body = f'{{"id":"{UUID}","payload":{payload}}}'.encode()
    _, value = decode("a message", b" \r\n\t" + body + b"\n")
    assert value == {"id": UUID, "payload": None}
    assert value.text == body


def test_of_a_field_given_twice_the_last_counts() -> None:
    text = b'{"type":"publish","message":{"id":1,"payload":2},"message":{"id":2,"payload":3,"id":4}}'
    tag, value = decode("commands", text)
    assert (tag, value) == ("publish", {"type": "publish", "message": {"id": 4, "payload": None}})
    assert value["message"].text == b'{"id":2,"payload":3,"id":4}'


def test_of_a_tag_given_twice_the_last_counts() -> None:
    assert decode("commands", b'{"type":"publish","type":"ping"}') == ("ping", {"type": "ping"})


def test_verbatim_objects_may_be_items_of_an_array() -> None:
    tag, value = decode("arrays", b'{"tag":"list","items":[ {"id":1, "payload":[] } , 5,{"payload":"\\u005d"}]}')
    assert (tag, value) == ("list", {"tag": "list", "items": [{"id": 1, "payload": None}, 5, {"payload": None}]})
    assert value["items"][0].text == b'{"id":1, "payload":[] }'
    assert value["items"][2].text == b'{"payload":"\\u005d"}'


def test_verbatim_objects_may_be_nested() -> None:
    data = b'{"tag":"tree","verbatim":{"n":1,"inner": { "any" :1.0} },"plain":{"opaque":[]}}'
    tag, value = decode("verbatim within", data)
    outer = {"n": 1, "inner": {"any": None}}
    assert (tag, value) == ("tree", {"tag": "tree", "verbatim": outer, "plain": {"opaque": None}})
    assert value["verbatim"].text == b'{"n":1,"inner": { "any" :1.0} }'
    assert value["verbatim"]["inner"].text == b'{ "any" :1.0}'


@pytest.mark.parametrize(
    ("name", "data", "tag"),
    [
        ("commands", b'{"type":"ping"}', "ping"),
        ("commands", b'{"request_id":"a"}', None),
        ("commands", b'{"type":"pong"}', None),
        ("commands", b'{"type":5}', None),
        ("commands", b'{"type":null}', None),
        ("commands", b'{"type":["ping"]}', None),
        ("commands", b'"ping"', None),
        ("commands", b'["ping"]', None),
        ("one command", b'{"type":"\\u0070ing"}', "ping"),
        ("one command", b'{"request_id":"a"}', None),
        ("one command", b'{"type":"pong"}', None),
    ],
)
def test_the_tag_tells_the_schema(name: str, data: bytes, tag: str | None) -> None:
    assert decode(name, data) == (tag, json.loads(data))


@pytest.mark.parametrize(
    "frame", ['{"type":"ping","request_id":%s}', '{"type":"publish","message":{"payload":%s}}', "%s"]
)
@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_does_not_have_are_refused(frame: str, constant: str) -> None:
    decoder, data = DECODERS["commands"], frame.replace("%s", constant).encode()
    assert decoder.quick(data) is None
    with pytest.raises(NotJson) as refusal:
        decoder.thorough(data)
    assert str(refusal.value) == f"not valid JSON: {constant} is not a JSON value"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON: a value is expected (line 1, column 1)"),
        ('{"type":"ping"', "not valid JSON: a comma or a closing bracket is expected (line 1, column 15)"),
        ('{"type":\n"ping"}}', "not valid JSON: something follows the value (line 2, column 8)"),
        ('{"type":"ping",}', "not valid JSON: a field's name in double quotes is expected (line 1, column 16)"),
        ('{"type" "ping"}', "not valid JSON: a colon is expected (line 1, column 9)"),
        ('{"type":"pi', "not valid JSON: a string has no end (line 1, column 9)"),
        ('\ufeff{"type":"ping"}', "not valid JSON: a byte order mark comes first (line 1, column 1)"),
        (
            '{"type":"ping","request_id":"\x01"}',
            "not valid JSON: a control character must be escaped (line 1, column 30)",
        ),
        (r'{"type":"ping","request_id":"\x"}', "not valid JSON: there is no such escape (line 1, column 30)"),
        (
            r'{"type":"ping","request_id":"\u00g0"}',
            "not valid JSON: an escape needs four hexadecimal digits (line 1, column 31)",
        ),
        (r'{"type":"ping","request_id":"\ud800"}', "not valid JSON: an escape is half a character (a lone surrogate)"),
        (r'{"type":"ping","\udc00":1}', "not valid JSON: an escape is half a character (a lone surrogate)"),
        ('{"type":"subscribe","last_n":1e400}', "not usable: a number is too large"),
        (f'{{"type":"subscribe","last_n":{"9" * 5000}}}', "not usable: a number is too large"),
    ],
)
def test_what_cannot_be_decoded_is_said_in_words(text: str, reason: str) -> None:
    decoder = DECODERS["commands"]
    assert decoder.quick(text.encode()) is None
    with pytest.raises(NotJson) as refusal:
        decoder.thorough(text.encode())
    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    "data",
    [b"\xff", b'{"type":"publish","message":{"payload":"\xff"}}', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xe2\x82"'],
)
@pytest.mark.parametrize("name", ["commands", "arrays", "a message"])
def test_what_is_not_utf_8_is_told_apart(name: str, data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        DECODERS[name].quick(data)


def nest(kind: str, depth: int) -> str:
    """A value nested `depth` deep."""
    match kind:
        case "arrays":
            return "[" * depth + "]" * depth
        case "objects":
            return '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)
    return '{"a":' + nest("arrays", depth - 1) + "}"


@pytest.mark.parametrize("most", [MAX_DEPTH, 3])
@pytest.mark.parametrize("kind", ["arrays", "objects", "both"])
def test_nesting_is_limited_to_just_the_maximum(kind: str, most: int) -> None:
    decoder = Decoder({"": {"type": ["object", "array"]}}, max_depth=most)
    deepest = nest(kind, most)
    assert decoder.quick(deepest.encode()) is None
    assert decoder.thorough(deepest.encode()) == ("", json.loads(deepest))
    with pytest.raises(NotJson) as refusal:
        decoder.quick(nest(kind, most + 1).encode())
    assert str(refusal.value) == f"nested more than {most} levels deep"


STRINGS = {
    "brackets": '"%s"',
    "a quote": r'"\"%s"',
    "a backslash and a quote": r'"\\\"%s"',
    "two backslashes and a quote": r'"\\\\\"%s"',
    "backslashes at the end": r'["%s\\","%s\\\\"]',
    "a key": r'{"%s\\":1}',
    "closing brackets": '"]}]}"',
}


@pytest.mark.parametrize("name", STRINGS)
def test_brackets_in_strings_do_not_count(name: str) -> None:
    def message(depth: int) -> bytes:
        text = STRINGS[name].replace("%s", "[{" * 500)
        return f'{{"payload":[{text},{nest("arrays", depth - 2)}]}}'.encode()

    assert decode("a message", message(MAX_DEPTH))[1].text == message(MAX_DEPTH)
    with pytest.raises(NotJson):
        DECODERS["a message"].quick(message(MAX_DEPTH + 1))


def test_many_brackets_beside_each_other_are_not_deep() -> None:
    value = f'{{"id":[{",".join(["[[]]", "{}"] * 1000)}]}}'.encode()
    assert decode("a message", value)[1] == {"id": [[[]], {}] * 1000}


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b'{"type":"ping","a":' + b"[" * 100_000])
def test_bottomless_nesting_is_refused(data: bytes) -> None:
    with pytest.raises(NotJson, match=r"^nested more than 128 levels deep$"):
        DECODERS["commands"].quick(data)


ORDER = {"type": "object", "required": ["order_id"], "properties": {"order_id": {"type": "string", "maxLength": 5}}}


@pytest.mark.parametrize(
    ("payload", "more"),
    [
        (ORDER, {}),
        ({}, {"allOf": [{"properties": {"payload": ORDER}}]}),
        ({}, {"if": {"required": ["id"]}, "then": {"properties": {"payload": ORDER}}}),
        ({}, {"patternProperties": {"^pay": ORDER}}),
    ],
    ids=["in its place", "by allOf", "by if", "by patternProperties"],
)
def test_a_payload_with_constraints_is_judged(payload: dict[str, Any], more: dict[str, Any]) -> None:
    schema = copy.deepcopy(COMMANDS["publish"])
    schema["properties"]["message"] |= more
    schema["properties"]["message"]["properties"]["payload"] = payload
    decoder, judge = Decoder({"publish": schema}, "type"), Schema(schema, "test")

    def judged(payload: str) -> list[str]:
        message = f'{{"id": "{UUID}", "payload": {payload}}}'
        data = f'{{"type":"publish","topic":"a","message":{message}}}'.encode()
        found, (_, frame) = decoder.quick(data), decoder.thorough(data)
        assert found is None or exact(found[1]) == exact(frame)
        assert frame["message"].text == message.encode()
        return judge.problems(frame)

    assert judged('{"order_id":"A1","amount":99.50}') == []
    assert judged("{}") == ["message.payload.order_id is required"]
    assert judged("null") == ["message.payload must be an object, not null"]
    assert judged('{"order_id":"A12345"}') == ["message.payload.order_id must have at most 5 characters"]


def test_items_that_may_be_anything_are_still_counted_and_compared() -> None:
    schema = {"type": "array", "maxItems": 2, "uniqueItems": True, "items": {}}
    decoder, judge = Decoder({"": schema}), Schema(schema, "test")
    assert judge.problems(decoder.thorough(b"[1,2]")[1]) == []
    assert judge.problems(decoder.thorough(b"[1,1]")[1]) == ["the value must not have the same item twice"]
    assert judge.problems(decoder.thorough(b"[1,2,3]")[1]) == ["the value must have at most 2 items"]
