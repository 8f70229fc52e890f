"""Values made from schemas: each is one that the schema takes, and none comes twice."""

import itertools
import json
from typing import Any

import jsonschema_rs
import pytest

from specbus.verify.failures import Skipped
from specbus.verify.messages import Messages
from specbus.verify.values import one, several, texts

ENDLESS: dict[str, dict[str, Any]] = {
    "any text": {"type": "string"},
    "short": {"type": "string", "maxLength": 8},
    "long": {"type": "string", "minLength": 40},
    "a few letters": {"type": "string", "pattern": "^[a-z]+$"},
    "capitals": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "with a beginning": {"type": "string", "pattern": "^orders\\.[a-z]{2,9}$"},
    "of three parts": {"type": "string", "pattern": "^[a-z]+/[a-z]+\\.[0-9]+$"},
    "UUIDs": {"type": "string", "format": "uuid"},
    "email addresses": {"type": "string", "format": "email"},
    "text or nothing": {"type": ["string", "null"]},
    "one of two": {"oneOf": [{"type": "string", "maxLength": 3}, {"type": "integer"}]},
    "integers": {"type": "integer", "minimum": 5},
}


@pytest.mark.parametrize("schema", ENDLESS.values(), ids=ENDLESS)
def test_there_are_as_many_texts_as_one_wants(schema: dict[str, Any]) -> None:
    made = list(itertools.islice(texts(schema, "verify-1a2b3c4d-", 1), 600))
    assert len(made) == len(set(made)) == 600
    is_valid = jsonschema_rs.Draft201909Validator(schema, validate_formats=True).is_valid
    assert [each for each in made if not is_valid(each)] == []


@pytest.mark.parametrize(
    ("schema", "most"),
    [
        ({"enum": ["b", "a", "b"]}, 2),
        ({"type": "string", "enum": ["b", 1]}, 1),
        ({"type": "integer", "minimum": 5, "maximum": 9}, 10),
        ({"type": "string", "minLength": 2, "maxLength": 1}, 0),
        (False, 0),
    ],
)
def test_there_is_an_end_to_texts_where_a_schema_takes_few(schema: Any, most: int) -> None:
    made = list(texts(schema, "verify-", 1))
    assert len(made) == len({*map(repr, made)}) <= most
    assert made or not most


@pytest.mark.parametrize("longest", [10, 11, 12, 13])
def test_texts_go_on_where_those_with_the_prefix_become_too_long(longest: int) -> None:
    schema = {"type": "string", "maxLength": longest}
    made = list(itertools.islice(texts(schema, "verify-1-", 1), 1500))
    assert len(set(made)) == 1500
    assert max(map(len, made)) <= longest
    assert made[0].startswith("verify-1-" if longest > 9 else "")


def test_a_prefix_tells_whose_a_text_is() -> None:
    assert list(itertools.islice(texts({"type": "string"}, "verify-1-", 1), 2)) == ["verify-1-6", "verify-1-7"]


PLAIN: list[dict[str, Any]] = [
    {"type": "integer", "minimum": 3},
    {"type": "number", "multipleOf": 0.5, "exclusiveMinimum": 1},
    {"type": "string", "pattern": "^[A-F]{4}-[0-9]+$"},
    {"type": "string", "format": "date-time"},
    {"enum": ["red", "green"]},
    {"type": "array", "minItems": 2, "items": {"type": "string", "minLength": 3}},
]
NESTED: list[dict[str, Any]] = [
    *({"type": "object", "required": ["a"], "properties": {"a": inner}} for inner in PLAIN),
    *({"type": "array", "minItems": 1, "items": {"allOf": [inner]}} for inner in PLAIN),
    *({"oneOf": [{"type": "boolean"}, inner]} for inner in PLAIN),
    *({"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": inner}}]} for inner in PLAIN),
    {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number"}},
    {"if": {"type": "string"}, "then": {"pattern": "^x+$"}, "else": {"type": "integer", "maximum": -5}},
    {"type": "object", "required": ["b"], "patternProperties": {"^b$": {"type": "string", "minLength": 7}}},
]


@pytest.mark.parametrize("schema", PLAIN + NESTED, ids=str)
def test_a_value_is_one_that_its_schema_takes(schema: dict[str, Any]) -> None:
    is_valid = jsonschema_rs.Draft201909Validator(schema, validate_formats=True).is_valid
    assert is_valid(one(schema, "here"))
    assert [value for value in several(schema) if not is_valid(value)] == []


def test_where_nothing_is_taken_there_is_no_value() -> None:
    with pytest.raises(Skipped, match="no value is known that here takes"):
        one({"type": "string", "minLength": 2, "maxLength": 1}, "here")


# Messages

MESSAGE = {
    "type": "object",
    "required": ["no", "text", "mood"],
    "properties": {"no": {"type": "integer", "minimum": 1}, "text": {"maxLength": 3}, "mood": {"enum": ["grave"]}},
}


def messages(**fields: Any) -> Messages:
    schema = {**MESSAGE, "properties": {**MESSAGE["properties"], **fields}}  # type: ignore[dict-item]
    return Messages(schema, "here", {"id": "no", "payload": "text"}, 1)


def test_a_message_has_an_id_of_its_own_and_all_that_it_must_have() -> None:
    made = messages()
    (first, one_id), (second, other_id) = made.new("a"), made.new("b")
    assert first == {"no": one_id, "text": "a", "mood": "grave"}
    assert second == {"no": other_id, "text": "b", "mood": "grave"}
    assert one_id != other_id


def test_a_payload_that_is_not_allowed_becomes_one_that_is() -> None:
    assert messages().new("too long")[0]["text"] != "too long"


def test_ids_that_are_few_do_for_few_messages() -> None:
    made = messages(no={"enum": [1, 2]})
    assert [made.new()[1] for _ in range(2)] == [1, 2]
    with pytest.raises(Skipped, match="here allows too few ids"):
        made.new()
    made.start_check()
    assert made.new()[1] == 1
    with pytest.raises(Skipped, match="here allows too few ids"):
        made.require(3)
    made.require(2)


@pytest.mark.parametrize(
    ("payload", "taken"), [(float("inf"), True), ("\ud800", True), ("abc", True), ("abcd", False), ([1] * 9, True)]
)
def test_what_the_validator_cannot_read_is_allowed_where_anything_of_its_kind_is(payload: Any, taken: bool) -> None:
    assert messages().takes(payload) is taken


@pytest.mark.parametrize(
    "text", [{}, {"maxLength": 3}, {"type": "object", "additionalProperties": True}, {"type": "array"}]
)
def test_a_message_can_be_made_large(text: dict[str, Any]) -> None:
    made = messages(text=text)
    message, _ = made.new()
    large = made.enlarged(message, 5000)
    assert len(large) >= 5000
    jsonschema_rs.validate({**MESSAGE, "properties": {**MESSAGE["properties"], "text": text}}, json.loads(large))  # type: ignore[dict-item]
