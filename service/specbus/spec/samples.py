"""Values made from schemas: what an example shows, and what a test sends first."""

import math
from collections.abc import Mapping
from typing import Any

from specbus.spec import Json
from specbus.spec.schemas import fields, required

_TEXTS = {
    "uuid": "550e8400-e29b-41d4-a716-446655440000",
    "date-time": "2025-08-25T10:00:00Z",
    "date": "2025-08-25",
    "time": "10:00:00Z",
    "email": "someone@example.org",
    "uri": "https://example.org",
}
"""By format."""


class _Endless(Exception):
    """A schema that cannot be without itself."""


def sample(schema: Json, schemas: Mapping[str, Json] | None = None) -> Json:
    """A value that `schema` describes: its own example, or one made of what it requires.

    References are looked up by their last names, in `schemas` or the `$defs` of `schema`. None for a schema that
    requires a value of itself.
    """
    return _made(schema, schemas, examples=True)


def smallest(schema: Json, schemas: Mapping[str, Json] | None = None) -> Json:
    """As `sample`, but objects have nothing that is not required, whatever their examples have."""
    return _made(schema, schemas, examples=False)


def _made(schema: Json, schemas: Mapping[str, Json] | None, examples: bool) -> Json:
    if schemas is None:
        schemas = schema.get("$defs", {}) if isinstance(schema, dict) else {}
    try:
        return _Maker(schemas, examples).of(schema, ())
    except _Endless:
        return None


class _Maker:
    def __init__(self, schemas: Mapping[str, Json], examples: bool) -> None:
        self._schemas = schemas
        self._examples = examples

    def of(self, schema: Json, inside: tuple[str, ...]) -> Json:
        """A value of `schema`, which stands inside the schemas of those names."""
        if not isinstance(schema, dict):
            return None
        if "const" in schema:
            return schema["const"]
        is_object = "properties" in schema or schema.get("type") == "object"
        if self._examples or not is_object:
            for known in ("example", "default"):
                if known in schema:
                    return schema[known]
            if isinstance(schema.get("examples"), list) and schema["examples"]:
                return schema["examples"][0]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return schema["enum"][0]
        if isinstance(schema.get("$ref"), str):
            name = schema["$ref"].rpartition("/")[2]
            if name in inside or name not in self._schemas:
                raise _Endless
            return self.of(self._schemas[name], (*inside, name))
        for keyword in ("oneOf", "anyOf"):
            if isinstance(schema.get(keyword), list) and not is_object:
                return self._first(schema[keyword], inside)
        if is_object or "allOf" in schema:
            return self._object(schema, inside, is_object)
        type_ = schema.get("type")
        if isinstance(type_, list):
            type_ = next(iter(type_), None)
        match type_:
            case "array":
                return self._array(schema, inside)
            case "string":
                return _text(schema)
            case "integer" | "number":
                return _number(schema, type_)
            case "boolean":
                return True
            case "null":
                return None
        return "text"

    def _first(self, alternatives: list[Json], inside: tuple[str, ...]) -> Json:
        for alternative in alternatives:
            try:
                return self.of(alternative, inside)
            except _Endless:
                continue
        raise _Endless

    def _object(self, schema: dict[str, Any], inside: tuple[str, ...], is_object: bool) -> Json:
        """An object, or where `allOf` is of no objects, a value of its first part."""
        parts = [self._target(part) for part in schema.get("allOf", [])]
        if not is_object and not any(fields(part) or part.get("type") == "object" for part in parts):
            return self.of(parts[0], inside) if parts else "text"
        whole = {**schema, "allOf": parts}
        listed = fields(whole)
        return {name: self.of(listed.get(name, {}), inside) for name in required(whole)}

    def _target(self, part: Json) -> dict[str, Any]:
        passed = set[str]()
        while isinstance(part, dict) and isinstance(part.get("$ref"), str):
            name = part["$ref"].rpartition("/")[2]
            if name in passed or name not in self._schemas:
                raise _Endless
            passed.add(name)
            part = self._schemas[name]
        return part if isinstance(part, dict) else {}

    def _array(self, schema: dict[str, Any], inside: tuple[str, ...]) -> list[Json]:
        least = schema.get("minItems", 0)
        items = schema.get("items", {})
        if isinstance(items, list):  # one for each place
            return [self.of(item, inside) for item in items[: max(least, len(items))]]
        if schema.get("maxItems") == 0 or ("items" not in schema and not least):
            return []
        try:
            item = self.of(items, inside)
        except _Endless:
            if least:
                raise
            return []
        return [item] * (max(1, least) if self._examples else least)


def _text(schema: dict[str, Any]) -> str:
    known = _TEXTS.get(str(schema.get("format")))
    if known is not None:
        return known
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    return "text" if least <= 4 <= most else "x" * max(1 if most else 0, least)


def _number(schema: dict[str, Any], type_: str) -> int | float:
    """The smallest allowed number that is not below 1, or else the nearest."""
    least: int | float = schema.get("minimum", -math.inf)
    above = schema.get("exclusiveMinimum")
    if above is True:
        above, least = least, -math.inf
    if isinstance(above, int | float) and not isinstance(above, bool):
        least = max(least, math.floor(above) + 1)
    most: int | float = schema.get("maximum", math.inf)
    below = schema.get("exclusiveMaximum")
    if below is True:
        below, most = most, math.inf
    if isinstance(below, int | float) and not isinstance(below, bool):
        most = min(most, math.ceil(below) - 1)
    if "minimum" in schema and least == schema["minimum"] and not schema.get("multipleOf"):
        return least
    value = min(max(1, least), most)
    step = schema.get("multipleOf")
    if step:
        value = math.ceil(value / step) * step
        value = value if value <= most else math.floor(most / step) * step
    return math.ceil(value) if type_ == "integer" and not isinstance(value, int) else value
