"""JSON Schemas made ready to judge by."""

import json
import re
from typing import Any

import jsonschema_rs

from specbus.spec import ContractError, Json
from specbus.spec.patterns import check_patterns

_SCHEMA_MAPS = {"properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas"}
_VALUES = {"enum", "const", "default", "example", "examples"}
_MANY_DIGITS = re.compile("[0-9]{19}")
_UNIQUE_ITEMS = jsonschema_rs.Draft201909Validator({"uniqueItems": True})


def compiled(schema: Json, place: str) -> jsonschema_rs.Draft201909Validator:
    """The validator of `schema`, which is self-contained and `modern`. Formats count.

    Draft 2019-09 is the newest that reads all of draft-07's keywords (AsyncAPI 3.0, "Schema Object") and has the
    format `uuid`. Raises ContractError for what is no schema; its text begins with `place`.
    """
    try:
        # With keywords of one's own, each verdict takes half as long again, whether it needs them or not.
        keywords: dict[str, Any] | None = {"uniqueItems": _UniqueItems} if _has(schema, "uniqueItems") else None
        validator = jsonschema_rs.Draft201909Validator(schema, validate_formats=True, keywords=keywords, offline=True)
    except (jsonschema_rs.ValidationError, ValueError, TypeError) as error:
        reason = " ".join(str(getattr(error, "message", error)).split())
        steps = ".".join(map(str, getattr(error, "instance_path", ())))
        raise ContractError(f"{place}: not a JSON Schema: {steps and f'{steps}: '}{reason}") from None
    check_patterns(schema, place)
    return validator


def _has(node: Json, name: str) -> bool:
    """Whether a mapping in `node` has the field `name`."""
    if isinstance(node, dict):
        return name in node or any(_has(item, name) for item in node.values())
    return isinstance(node, list) and any(_has(item, name) for item in node)


class _UniqueItems:
    """The keyword `uniqueItems`, for which the validator compares each item with each if integers exceed 64 bits."""

    def __init__(self, schema: dict[str, Json], unique: Json, path: list[str | int]) -> None:
        """`unique` is the keyword's value in `schema`."""
        self._unique = unique is True

    def validate(self, value: Json) -> None:
        """Raise ValueError if `value` is a list that has an item twice."""
        if not self._unique or not isinstance(value, list):
            return
        if _MANY_DIGITS.search(json.dumps(value)):
            unique = len({_text(item) for item in value}) == len(value)
        else:
            unique = _UNIQUE_ITEMS.is_valid(value)
        if not unique:
            raise ValueError


def _text(value: Json) -> str:
    """A text that is the same for what JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    match value:
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{_text(value[name])}" for name in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(_text, value)) + "]"
        case float() if value.is_integer():
            return str(int(value))
    return json.dumps(value)


def modern(schema: Json) -> Json:
    """`schema` in the words of JSON Schema, where OpenAPI 3.0 has its own: `nullable`, a boolean `exclusiveMinimum`."""
    if isinstance(schema, list):
        return [modern(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    new: dict[str, Json] = {}
    for key, value in schema.items():
        if key in _SCHEMA_MAPS and isinstance(value, dict):
            new[key] = {name: modern(subschema) for name, subschema in value.items()}
        else:
            new[key] = value if key in _VALUES else modern(value)
    if new.get("additionalProperties") is False:
        # Without properties, the validator would not say which field is too many.
        new.setdefault("properties", {})
    if new.pop("nullable", None) is True and isinstance(new.get("type"), str):
        new["type"] = [new["type"], "null"]
    for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(new.get(exclusive), bool) and new.pop(exclusive):
            new[exclusive] = new.pop(plain, None)
    return new
