"""Samples of schemas keep them, whatever the schemas are made of."""

import copy
from typing import Any

import pytest

from specbus.contract.schema import Schema
from specbus.spec.bundle import bundle
from specbus.spec.references import self_contained
from specbus.spec.samples import sample, smallest
from tests.support.documents import SPECS

ASYNCAPI = bundle(SPECS / "asyncapi.yaml")
TREE = {
    "type": "object",
    "required": ["id", "children"],
    "properties": {"id": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
}


@pytest.mark.parametrize("make", [sample, smallest])
@pytest.mark.parametrize(
    "schema",
    [
        *({"type": type_} for type_ in ("string", "integer", "number", "boolean", "null", "array", "object")),
        *({"type": "string", "format": form} for form in ("uuid", "date-time", "date", "time", "email", "uri")),
        {"type": ["string", "null"]},
        {"type": "string", "minLength": 7},
        {"type": "string", "maxLength": 2},
        {"type": "string", "maxLength": 0},
        {"type": "integer", "minimum": 5},
        {"type": "integer", "maximum": -5},
        {"type": "integer", "exclusiveMinimum": 5, "maximum": 6},
        {"type": "integer", "minimum": 5, "exclusiveMinimum": True},
        {"type": "integer", "minimum": 3, "multipleOf": 5},
        {"type": "integer", "exclusiveMaximum": -3, "multipleOf": 5},
        {"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 2}},
        {"type": "array", "maxItems": 0, "items": {"type": "integer"}},
        {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "minItems": 2},
        {"const": {"a": 1}},
        {"enum": [None, 1]},
        {"oneOf": [{"type": "integer"}, {"type": "string"}]},
        {"anyOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"type": "integer"}}},
        {"allOf": [{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}, {"required": ["b"]}]},  # noqa: E501
        {"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"type": "integer"}}},
        {"type": "object", "required": ["a"], "properties": {"a": {"const": 5}, "b": False}},
        {"properties": {"example": {"type": "integer"}}, "required": ["example"], "type": "object"},
        {**TREE, "$defs": {"Tree": TREE}},
        {"$ref": "#/$defs/Tree", "$defs": {"Tree": TREE}},
        {},
    ],
)  # fmt: skip
def test_a_sample_keeps_its_schema(make: Any, schema: dict[str, Any]) -> None:
    before = copy.deepcopy(schema)
    assert Schema(schema, "test").problems(make(schema)) == []
    assert schema == before


@pytest.mark.parametrize("name", ASYNCAPI["components"]["schemas"])
def test_the_own_schemas_have_samples(name: str) -> None:
    schema = self_contained(ASYNCAPI, {"$ref": f"#/components/schemas/{name}"})
    assert Schema(schema, name).problems(sample(schema)) == []
    assert sample({"$ref": f"#/components/schemas/{name}"}, ASYNCAPI["components"]["schemas"]) == sample(schema)


def test_examples_go_first_but_the_smallest_has_what_is_required_alone() -> None:
    schema = {
        "type": "object",
        "example": {"a": 7, "b": 8},
        "required": ["a"],
        "properties": {"a": {"type": "integer", "example": 5}, "b": {}},
    }
    assert sample(schema) == {"a": 7, "b": 8}
    assert smallest(schema) == {"a": 5}
    assert sample({"type": "array", "items": {"type": "integer", "default": 3}}) == [3]
    assert smallest({"type": "array", "items": {"type": "integer"}}) == []
    assert sample({"type": "integer", "examples": [4]}) == 4


def test_a_schema_that_cannot_be_without_itself_has_no_sample() -> None:
    endless = {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/E"}}}
    assert sample({"$ref": "#/$defs/E", "$defs": {"E": endless}}) is None
    assert sample({"anyOf": [{"$ref": "#/$defs/E"}, {"type": "integer"}], "$defs": {"E": endless}}) == 1
