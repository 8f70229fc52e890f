"""Values that a schema takes, and whether what is made of them keeps another schema.

A service that repeats what it was given, or adds what it always says, can be found out by its documents before it
starts: one value that it would take, and an answer made of it that its own document excludes. Where no such value can
be made (a pattern, without an example), a mark stands for it, and nothing is said of what the mark is in.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from specbus.contract.phrasing import path_of, sentence
from specbus.contract.schema import Schema
from specbus.spec import Json, schemas
from specbus.spec.samples import sample, smallest

UNKNOWN = "\0unknown"
"""Stands for a value that a schema takes, but none is known."""
_COMMON: list[Json] = [
    *("text", 1, None, {}, [], True, 1.5),
    *("a", "A", "0", "orders", "550e8400-e29b-41d4-a716-446655440000", "2025-08-25T10:00:00Z", 0, -1),
    *(["text"], {"text": 1}),
]
"""Values of which most schemas take one."""
_MAX_VALUES = 32
"""How many values are made of one schema."""
_MAX_PLAIN = 8
"""How many, if they are no objects."""
_MAX_LENGTH = 1_024
"""Characters of a text that is made because of a limit."""
_MAX_DEPTH = 3
"""How deep in each other schemas are looked into."""
_MAX_SHOWN = 100
"""Characters of what the service sends in a line about it."""
_Kind = jsonschema_rs.ValidationErrorKind


def values(schema: Json, place: str) -> list[Json]:
    """Values that `schema`, which is self-contained, takes; `UNKNOWN` alone if none is found.

    Raises ContractError, with `place`, for what is no schema.
    """
    definitions = schema.get("$defs", {}) if isinstance(schema, dict) else {}
    return _values(schema, definitions, f"{place} (samples)", 0) or [UNKNOWN]


def _values(schema: Json, definitions: Mapping[str, Json], place: str, depth: int) -> list[Json]:
    if isinstance(schema, dict) and definitions:
        schema = {**schema, "$defs": definitions}
    judge = Schema(schema, place)
    found: list[Json] = []
    for value in itertools.chain(_objects(schema, definitions, place, depth), _candidates(schema, definitions)):
        if value not in found and (judge.accepts(value) or (_has_mark(value) and breach(judge, value) is None)):
            found.append(value)
            if len(found) == (_MAX_VALUES if isinstance(value, dict) else _MAX_PLAIN):
                break
    return found


def _candidates(schema: Json, definitions: Mapping[str, Json]) -> Iterator[Json]:
    """Values that `schema` may take."""
    yield sample(schema)
    yield smallest(schema)
    for part in _parts(schema, definitions, 0):
        for keyword in ("const", "default", "example", "minimum", "maximum"):
            if keyword in part:
                yield part[keyword]
        for keyword in ("enum", "examples"):
            listed = part.get(keyword)
            yield from listed if isinstance(listed, list) else ()
        for keyword in ("minLength", "maxLength"):
            length = part.get(keyword)
            if isinstance(length, int) and length <= _MAX_LENGTH:
                yield "x" * length
    yield from _COMMON


def _parts(schema: Json, definitions: Mapping[str, Json], depth: int) -> Iterator[dict[str, Json]]:
    """`schema` and those that it consists of."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return
    yield schema
    inner = [definitions.get(str(schema["$ref"]).rpartition("/")[2])] if "$ref" in schema else []
    for keyword in ("allOf", "anyOf", "oneOf"):
        inner += schema[keyword] if isinstance(schema.get(keyword), list) else []
    for each in inner:
        yield from _parts(each, definitions, depth + 1)


def _objects(schema: Json, definitions: Mapping[str, Json], place: str, depth: int) -> Iterator[Json]:
    """Objects with what `schema` requires, each of whose fields has each of its values once."""
    listed = schemas.fields(schema)
    required = schemas.required(schema)
    if depth == _MAX_DEPTH or not (listed or required):
        return
    of_field = {name: _values(each, definitions, place, depth + 1) or [UNKNOWN] for name, each in listed.items()}
    base = {name: of_field.get(name, [None])[0] for name in required}
    yield base
    yield {**base, "unlisted": "text"}
    # In turns: that of one field there are many does not keep the others out.
    varied = ([{**base, name: value} for value in each] for name, each in of_field.items())
    for row in itertools.zip_longest(*varied):
        yield from (value for value in row if value is not None)


def breach(schema: Schema, value: Json) -> str | None:
    """What of `value`, which the service says, `schema` excludes, in words; None if it takes it all.

    What is only wrong with the place of an `UNKNOWN`, or with something that has one in it, is not counted.
    """
    if schema.accepts(value):
        return None
    for error in schema.errors(value):
        kind: Any = error.kind
        said = sentence(error, value, "", "the whole")
        match kind:
            case _Kind.Required():
                if not _has_mark(kind.property):
                    return f"{said}, but the service sends no such field: make it optional"
            case _Kind.AdditionalProperties() | _Kind.UnevaluatedProperties():
                if not any(map(_has_mark, kind.unexpected)):
                    return f"{said}, which the service sends: allow it"
            case _:
                _, there = path_of(error, value, "")
                if not _has_mark(there):
                    return f"{said}, but the service may send {_shown(there)}: allow that"
    return None


def _has_mark(value: Json) -> bool:
    """Whether an `UNKNOWN` is in `value`, as a name or a value."""
    match value:
        case str():
            return value == UNKNOWN
        case dict():
            return any(map(_has_mark, (*value, *value.values())))
        case list():
            return any(map(_has_mark, value))
    return False


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
