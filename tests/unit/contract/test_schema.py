"""Verdicts on values, and the words for what is wrong with them."""

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft201909Validator
from referencing import Registry
from referencing.jsonschema import DRAFT201909

from specbus.contract.phrasing import quoted
from specbus.contract.schema import Schema
from specbus.spec import ContractError
from specbus.spec.bundle import bundle
from specbus.spec.references import resolved
from tests.support.documents import SPECS
from tests.support.messages import UUID

LONG = "x" * 65

SENTENCES = [
    # A value of another type.
    ({"type": "string"}, 1, "the value must be a string, not 1"),
    ({"type": "string"}, 1.5, "the value must be a string, not 1.5"),
    ({"type": "string"}, True, "the value must be a string, not true or false"),
    ({"type": "string"}, None, "the value must be a string, not null"),
    ({"type": "integer"}, "1", "the value must be an integer, not a string"),
    ({"type": "integer"}, 1.5, "the value must be an integer, not 1.5"),
    ({"type": "integer"}, [], "the value must be an integer, not an array"),
    ({"type": "number"}, {}, "the value must be a number, not an object"),
    ({"type": "boolean"}, 0, "the value must be true or false, not 0"),
    ({"type": "object"}, [], "the value must be an object, not an array"),
    ({"type": "array"}, {}, "the value must be an array, not an object"),
    ({"type": "null"}, "", "the value must be null, not a string"),
    ({"type": ["string", "null"]}, [], "the value must be null or a string, not an array"),
    # Strings.
    ({"minLength": 1}, "", "the value must not be empty"),
    ({"minLength": 2}, "a", "the value must have at least 2 characters"),
    ({"maxLength": 1}, "ab", "the value must have at most 1 character"),
    ({"maxLength": 2}, "abc", "the value must have at most 2 characters"),
    ({"pattern": "^[a-z]+$"}, "A", "the value must match the pattern ^[a-z]+$"),
    ({"pattern": "^abc$"}, "abc\n", "the value must match the pattern ^abc$"),
    ({"format": "uuid"}, "x", "the value must be a valid UUID"),
    ({"format": "date-time"}, "x", "the value must be a date and time (RFC 3339)"),
    ({"format": "date"}, "x", "the value must be a date (RFC 3339)"),
    ({"format": "time"}, "x", "the value must be a time (RFC 3339)"),
    ({"format": "email"}, "x", "the value must be an email address"),
    ({"format": "uri"}, "x y", "the value must be a URI"),
    ({"format": "ipv4"}, "x", "the value must be a valid ipv4"),
    # Numbers.
    ({"minimum": 0}, -1, "the value must be 0 or more"),
    ({"minimum": 0.5}, 0, "the value must be 0.5 or more"),
    ({"maximum": 5}, 6, "the value must be 5 or less"),
    ({"exclusiveMinimum": 0}, 0, "the value must be more than 0"),
    ({"exclusiveMaximum": 5}, 5, "the value must be less than 5"),
    ({"multipleOf": 5}, 3, "the value must be a multiple of 5"),
    # One of a few.
    ({"enum": ["a"]}, "b", 'the value must be "a"'),
    ({"enum": ["a", "b", 3]}, "c", 'the value must be "a" or "b" or 3'),
    ({"enum": [None, True, {"a": [False]}]}, 1, 'the value must be null or true or {"a": [false]}'),
    ({"const": "a"}, "b", 'the value must be "a"'),
    ({"const": True}, 1, "the value must be true"),
    # Arrays.
    ({"minItems": 1}, [], "the value must have at least 1 item"),
    ({"minItems": 2}, [1], "the value must have at least 2 items"),
    ({"maxItems": 1}, [1, 2], "the value must have at most 1 item"),
    ({"uniqueItems": True}, [1, 1], "the value must not have the same item twice"),
    # Objects.
    ({"required": ["a"]}, {}, "a is required"),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "b is required"),
    ({"properties": {"b": {}}, "additionalProperties": False}, {"a": 1, "b": 2}, "unknown field a"),
    ({"properties": {"b": {}}, "additionalProperties": False}, {"a": 1, "c": 2}, "unknown fields a, c"),
    ({"additionalProperties": False}, {"a": 1}, "unknown field a"),
    ({"unevaluatedProperties": False}, {"a": 1}, "unknown field a"),
    ({"properties": {"a": False}}, {"a": 1}, "a is not allowed"),
    ({"minProperties": 1}, {}, "the value must have at least 1 field"),
    ({"maxProperties": 2}, {"a": 1, "b": 2, "c": 3}, "the value must have at most 2 fields"),
    # Whole schemas.
    (False, 1, "the value is not allowed"),
    ({"not": {"type": "string"}}, "x", "the value is of a form that the contract excludes"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, "the value has none of the forms that the contract allows"),
    ({"oneOf": [{"type": "string"}, {"type": "null"}]}, 1, "the value has none of the forms that the contract allows"),
    ({"contains": {"type": "string"}}, [1], 'the value breaks the contract\'s rule "contains"'),
    # What OpenAPI 3.0 spells otherwise.
    ({"type": "string", "nullable": True}, 1, "the value must be null or a string, not 1"),
    ({"type": "string", "nullable": False}, None, "the value must be a string, not null"),
    ({"minimum": 0, "exclusiveMinimum": True}, 0, "the value must be more than 0"),
    ({"minimum": 0, "exclusiveMinimum": True}, -1, "the value must be more than 0"),
    ({"maximum": 5, "exclusiveMaximum": True}, 5, "the value must be less than 5"),
    ({"maximum": 5, "exclusiveMaximum": True}, 6, "the value must be less than 5"),
    ({"properties": {"nullable": {"type": "boolean"}}}, {"nullable": 1}, "nullable must be true or false, not 1"),
    ({"minimum": 0, "exclusiveMinimum": False}, -1, "the value must be 0 or more"),
    ({"maximum": 5, "exclusiveMaximum": False}, 6, "the value must be 5 or less"),
]


@pytest.mark.parametrize(("schema", "value", "sentence"), SENTENCES)
def test_a_broken_rule_is_said_in_one_sentence(schema: Any, value: Any, sentence: str) -> None:
    judge = Schema(schema, "test")
    assert judge.problems(value) == [sentence]
    assert not judge.accepts(value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 5.0),
        ({"type": "integer"}, 10**40),
        ({"type": "string", "nullable": True}, None),
        ({"minimum": 0, "exclusiveMinimum": False}, 0),
        ({"maximum": 5, "exclusiveMaximum": False}, 5),
        ({"items": {"type": "string", "nullable": True}}, [None, "a"]),
        ({"properties": {"a": {"minimum": 0, "exclusiveMinimum": False}}}, {"a": 0}),
        ({"properties": {"enum": {"type": "string", "nullable": True}}}, {"enum": None}),
        ({"anyOf": [{"type": "string", "nullable": True}]}, None),
        ({"enum": [{"nullable": True}]}, {"nullable": True}),
        ({"const": {"type": "a", "nullable": True}}, {"type": "a", "nullable": True}),
        ({"maxLength": 1}, "😀"),
        ({"format": "uuid"}, UUID),
        ({"format": "uuid"}, UUID.upper()),
        ({"format": "date-time"}, "1998-12-31T23:59:60Z"),
        ({"format": "int32"}, 2**40),
        ({"x-verbatim": True, "example": 5}, "anything"),
        (True, None),
        ({}, None),
    ],
)
def test_a_value_that_keeps_the_rules_has_no_problems(schema: Any, value: Any) -> None:
    judge = Schema(schema, "test")
    assert judge.problems(value) == []
    assert judge.accepts(value)


@pytest.mark.parametrize(
    ("format_", "value"),
    [
        ("uuid", UUID.replace("-", "")),
        ("uuid", f"{{{UUID}}}"),
        ("uuid", f"urn:uuid:{UUID}"),
        ("uuid", UUID[:-1]),
        ("uuid", UUID + "\n"),
        ("uuid", "g" + UUID[1:]),
        ("uuid", "\u0665" + UUID[1:]),
        ("date-time", "2025-08-25 10:00:00Z"),
        ("date-time", "2025-08-25T10:00:00"),
        ("date-time", "2025-02-30T10:00:00Z"),
        ("date-time", "2025-08-25T24:00:00Z"),
        ("date-time", "2025-08-25T10:00:00Z\n"),
        ("date", "2025-02-29"),
        ("time", "25:00:00Z"),
        ("email", "a@"),
        ("uri", "/relative"),
    ],
)
def test_formats_count(format_: str, value: str) -> None:
    assert not Schema({"format": format_}, "test").accepts(value)


NESTED = {
    "properties": {
        "message": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
        "items": {"items": {"properties": {"size": {"type": "integer"}}, "additionalProperties": False}},
        "grid": {"items": {"items": {"type": "integer"}}},
    },
    "additionalProperties": {"type": "string"},
}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"message": {}}, "message.id is required"),
        ({"message": {"id": 5}}, "message.id must be a string, not 5"),
        ({"message": []}, "message must be an object, not an array"),
        ({"items": [{}, {"size": "L"}]}, "items[1].size must be an integer, not a string"),
        ({"items": [{"a": 1, "b c": 2}]}, 'unknown fields items[0].a, items[0]."b c"'),
        ({"items": [{"": 1}]}, 'unknown field items[0].""'),
        ({"grid": [[1], [2, None]]}, "grid[1][1] must be an integer, not null"),
        ({"größe": 1}, "größe must be a string, not 1"),
        ({"a b": 1}, '"a b" must be a string, not 1'),
        ({"a.b": 1}, '"a.b" must be a string, not 1'),
        ({"a/b~c": 1}, '"a/b~c" must be a string, not 1'),
        ({"a\nb": 1}, r'"a\nb" must be a string, not 1'),
        *(({name: 1}, f'"{name}" must be a string, not 1') for name in ("0", "00", "+0", "-0", "+", "٠", "1\u0663")),
        ({LONG: 1}, f'"{LONG[:61]}..." must be a string, not 1'),
    ],
)
def test_a_field_is_named_by_its_path(value: Any, sentence: str) -> None:
    assert Schema(NESTED, "test").problems(value) == [sentence]


ODD_NAMES = st.one_of(st.text(max_size=3), st.from_regex(r"[+-]?[0-9]{1,3}"), st.just("0" * 5000 + "1"))


@given(
    st.recursive(st.just(1), lambda inner: st.one_of(st.lists(inner), st.dictionaries(ODD_NAMES, inner)), max_leaves=4)
)
def test_no_name_of_a_field_is_too_odd_to_be_told(value: Any) -> None:
    anything_but_1 = {"not": {"const": 1}, "items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}}
    judge = Schema(anything_but_1, "test")
    assert bool(judge.problems(value)) == (not judge.accepts(value))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("x", "last_n must be an object, not a string"),
        ({}, "last_n.a is required"),
        ({"a": "x"}, "last_n.a must be an integer, not a string"),
        ({"a": 1, "b": 2}, "unknown field last_n.b"),
    ],
)
def test_the_value_itself_may_have_a_name(value: Any, sentence: str) -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "integer"}},
        "additionalProperties": False,
    }
    assert Schema(schema, "test").problems(value, "last_n") == [sentence]


@pytest.mark.parametrize(
    ("missing", "sentences"),
    [
        ("a", ["a is required"]),
        ("abc", ["a is required", "b is required", "c is required"]),
        ("abcd", ["a is required", "b is required", "c is required", "and 1 more"]),
        ("abcdef", ["a is required", "b is required", "c is required", "and 3 more"]),
    ],
)
def test_three_problems_are_told_and_the_others_counted(missing: str, sentences: list[str]) -> None:
    assert Schema({"required": list(missing)}, "test").problems({}) == sentences


def test_a_problem_found_twice_is_told_once() -> None:
    assert Schema({"allOf": [{"minLength": 2}, {"minLength": 2}]}, "test").problems("a") == [
        "the value must have at least 2 characters"
    ]


NODE = {"$ref": "#/$defs/n"}
NODES = [
    {"oneOf": [NODE, NODE]},
    {"anyOf": [NODE, {"allOf": [NODE]}]},
    {"allOf": [NODE, NODE]},
    {"if": NODE, "then": NODE, "else": NODE},
    {"not": {"not": NODE}, "allOf": [NODE]},
]


@pytest.mark.parametrize("node", NODES, ids=lambda node: next(iter(node)))
def test_a_schema_that_contains_itself_twice_takes_no_longer(node: Any) -> None:
    judge = Schema({**NODE, "$defs": {"n": {"type": "object", "properties": {"n": node}}}}, "test")
    value: Any = 1
    for _ in range(100):
        value = {"n": value}
    start = time.process_time()
    assert judge.problems(value)
    assert not judge.accepts(value)
    assert time.process_time() - start < 1


def test_what_is_wrong_is_found_behind_references() -> None:
    node = {
        "type": "object",
        "properties": {"size": {"type": "integer"}, "items": {"items": NODE}},
        "additionalProperties": False,
    }
    judge = Schema({**NODE, "$defs": {"n": node}}, "test")
    value = {"items": [{"size": 1}, {"size": "L", "items": [{"z": 1}]}]}
    assert sorted(judge.problems(value)) == [
        "items[1].size must be an integer, not a string",
        "unknown field items[1].items[0].z",
    ]


def test_an_alternative_too_many_is_told() -> None:
    judge = Schema({"oneOf": [{"type": "string"}, {"minLength": 2}]}, "test")
    assert judge.problems("ab") == ["the value has several of the forms of which the contract allows one"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"type": "string"}}, [0] * 300_000),
        ({"items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, [0] * 300_000),
        ({"items": {"enum": [{"a": number} for number in range(100)]}}, [{"a": -1}] * 100_000),
        ({"uniqueItems": True}, [2**70 + number for number in range(30_000)]),
        ({"uniqueItems": True}, [number * (2**61 - 1) for number in range(30_000)]),
        ({"pattern": "(a+)+$"}, "a" * 1_000_000 + "!"),
        ({"pattern": "^(.*)*=.*x$"}, "a" * 1_000_000),
        ({"pattern": r"^(?=.*\d)(?!.*--)(a|aa)+$"}, "a" * 1_000_000 + "!"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_large_value_is_judged_in_a_time_that_grows_as_it_does(schema: Any, value: Any) -> None:
    judge = Schema(schema, "test")
    start = time.process_time()
    judge.accepts(value)
    judge.problems(value)
    assert time.process_time() - start < 2  # the other way, it is from six seconds to hours


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (2**70, float(2**70), True),
        (2**70, 2**70 + 1, False),
        ({"a": 2**70, "b": True}, {"b": True, "a": 2**70}, True),
        ([2**70, 1], [2**70, True], False),
        ([2**70, "1"], [2**70, 1], False),
        ({"a": {"b": 2**70}}, {"a": {"b": 2.0**70}}, True),
    ],
)
def test_large_integers_are_the_same_item_where_they_are_equal(one: Any, other: Any, same: bool) -> None:
    assert Schema({"uniqueItems": True}, "test").accepts([one, other]) is not same


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {}, "additionalProperties": False},
        {"additionalProperties": {"type": "string"}},
    ],
)
def test_what_is_said_does_not_grow_with_the_value(schema: Any) -> None:
    value = {f"field_{number}": 10**4000 for number in range(5)} | {f"other_{number}": 1 for number in range(5000)}
    assert len("; ".join(Schema(schema, "test").problems(value))) < 1000


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"minLength": -1}, "minLength: -1 is less than the minimum of 0"),
        ({"pattern": "("}, 'pattern: "(" is not a "regex"'),
        ({"required": "a"}, 'required: "a" is not of type "array"'),
        ({"exclusiveMinimum": True}, 'exclusiveMinimum: null is not of type "number"'),
        ({"properties": []}, 'properties: [] is not of type "object"'),
        ({"$ref": "#/nowhere"}, "Pointer '/nowhere' does not exist"),
        (None, 'null is not of types "boolean", "object"'),
    ],
)
def test_a_schema_that_is_none_gives_one_line_with_its_place(schema: Any, reason: str) -> None:
    with pytest.raises(ContractError) as failure:
        Schema(schema, "a.yaml: body")
    assert str(failure.value) == f"a.yaml: body: not a JSON Schema: {reason}"


def test_translation_leaves_the_schema_as_it_was() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "nullable": True, "minimum": 0}}}
    before = copy.deepcopy(schema)
    Schema(schema, "test")
    assert schema == before


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("publsh", '"publsh"'),
        ("", '""'),
        ("x" * 64, f'"{"x" * 64}"'),
        (LONG, f'"{"x" * 61}..."'),
        ("a\nb\x00", r'"a\nb\x00"'),
        ("\ud800", r'"\ud800"'),
        ("größe", '"größe"'),
    ],
)
def test_quoted_text_is_short_and_printable(text: str, shown: str) -> None:
    assert quoted(text) == shown


def _files() -> dict[str, Any]:
    return {file.name: yaml.safe_load(file.read_text()) for file in sorted(SPECS.glob("schemas/*.yaml"))}


def _anchored(schema: Any) -> Any:
    """`schema` with patterns as the reference must have them: Python's `$` also matches before a last line break."""
    if isinstance(schema, dict):
        return {
            key: value.removesuffix("$") + r"\Z" if key == "pattern" else _anchored(value)
            for key, value in schema.items()
        }
    return [_anchored(item) for item in schema] if isinstance(schema, list) else schema


def _ours(name: str) -> Schema:
    document = bundle(SPECS / "schemas" / name)
    return Schema(resolved(document, {key: value for key, value in document.items() if key != "components"}), name)


FILES = _files()
REGISTRY = Registry().with_resources(
    (name, DRAFT201909.create_resource(_anchored(schema))) for name, schema in FILES.items()
)
REFERENCE = {
    name: Draft201909Validator(
        {"$ref": name}, registry=REGISTRY, format_checker=Draft201909Validator.FORMAT_CHECKER
    )
    for name in FILES
}  # fmt: skip
OURS = {name: _ours(name) for name in FILES}
EXAMPLES = {name: schema.get("example", (schema.get("enum") or [None])[0]) for name, schema in FILES.items()}

VALUES = st.sampled_from(
    [
        *(None, True, False, [], {}, [None], {"a": 1}),
        *(-1, 0, 1, 5, 399, 400, 599, 600, 10**30, -0.0, 0.5, 1.0, 5.0, 404.0, 1e300),
        *("", "a", "a b", "-a", ".a", "_", "ä", "a\n", "5", *("x" * size for size in (127, 128, 129, 255, 256, 257))),
        *(UUID, UUID.upper(), UUID[:-1], UUID.replace("-", ""), f"{{{UUID}}}", "g" + UUID[1:], UUID + "\n"),
        *(f"2025-08-25T10:00:00{tail}" for tail in ("Z", "z", "", "+00:00", "Z\n", ".5Z", ".Z", f".{'1' * 10}Z")),
        *("2025-02-29T10:00:00Z", "2024-02-29T10:00:00Z", "2025-08-25T24:00:00Z", "2025-08-25 10:00:00Z", "2025-08-25"),
        *("ping", "event", "info", "error", "ack", "ok", "created", "specbus", "about:blank", "BAD_REQUEST"),
        *(schema["example"] for schema in FILES.values() if isinstance(schema.get("example"), dict)),
    ]
)


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inner, (*place, key))


@st.composite
def near_valid(draw: st.DrawFn) -> tuple[str, Any]:
    """A schema file's name and its example, changed in up to three places."""
    name = draw(st.sampled_from(sorted(FILES)))
    root = {"": copy.deepcopy(EXAMPLES[name])}
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from([place for place in _places(root) if place]))
        owner: Any = root
        for step in place[:-1]:
            owner = owner[step]
        change = draw(st.sampled_from(["replace", "drop", "add"]))
        if change == "drop" and len(place) > 1:
            del owner[place[-1]]
        elif change == "add" and isinstance(owner[place[-1]], dict):
            new = draw(st.sampled_from(["extra", "topic", "request_id", "dropped", "last_n", "a b", ""]))
            owner[place[-1]][new] = copy.deepcopy(draw(VALUES))
        elif change == "add" and isinstance(owner[place[-1]], list):
            owner[place[-1]].append(copy.deepcopy(draw(VALUES)))
        else:
            owner[place[-1]] = copy.deepcopy(draw(VALUES))
    return name, root[""]


@settings(max_examples=2000)
@given(near_valid())
def test_verdicts_are_those_of_the_reference(case: tuple[str, Any]) -> None:
    name, value = case
    expected = REFERENCE[name].is_valid(value)
    assert OURS[name].accepts(value) == expected
    assert (OURS[name].problems(value) == []) == expected


@settings(max_examples=300)
@given(near_valid())
def test_sentences_are_one_line_without_a_full_stop(case: tuple[str, Any]) -> None:
    name, value = case
    problems = OURS[name].problems(value)
    assume(problems)
    assert len(problems) <= 4
    for sentence in problems:
        assert sentence.isprintable()
        assert not sentence.endswith((".", " "))


def test_judging_leaves_the_value_as_it_was() -> None:
    value = copy.deepcopy(EXAMPLES["publish.yaml"])
    OURS["publish.yaml"].problems(value)
    assert json.dumps(value) == json.dumps(EXAMPLES["publish.yaml"])
