"""A schema for finding out what is wrong with a value, which takes no longer than it does to find that something is.

The validator finds in no time that a value breaks a schema: it stops at the first broken rule, and remembers what it
has found of a schema that contains itself. Asked for all broken rules it does neither: with two alternatives on each
level of a value, it goes through each a hundred times over on the seventh. So it is asked with a schema of the same
meaning, in which `anyOf`, `oneOf` and `$ref` are only judged.
"""

from typing import Any

import jsonschema_rs

from specbus.spec import Json
from specbus.spec.grammar import PLAIN, SCHEMA, Kind, fields

_MARK = "\0judged"
_LEFT = frozenset({"$defs", "contains", "definitions", "if", "not"})
"""Fields whose schemas are only judged by themselves, or only referred to."""
NONE_OF_THE_FORMS = "has none of the forms that the contract allows"
_SEVERAL_FORMS = "has several of the forms of which the contract allows one"


def telling(schema: Json) -> Json:
    """A schema that accepts what `schema` does, and with which the first broken rules are found soon.

    What is only judged in it is one `enum`, of which `judged` can say more.
    """
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Json] = {}
    judged: list[Json] = []
    for key, item, kind in fields(PLAIN, SCHEMA, schema):
        match key:
            case "$ref":
                judged.append({"if": {key: item}, "else": {"enum": [_MARK, NONE_OF_THE_FORMS, item]}})
            case "anyOf":
                judged.append({"if": {key: item}, "else": {"enum": [_MARK, NONE_OF_THE_FORMS]}})
            case "oneOf":
                none, several = {"enum": [_MARK, NONE_OF_THE_FORMS]}, {"enum": [_MARK, _SEVERAL_FORMS]}
                judged.append({"if": {key: item}, "else": {"if": {"anyOf": item}, "then": several, "else": none}})
            case _:
                made[str(key)] = item if key in _LEFT else _inner(item, kind)
    if judged:
        made["allOf"] = [*made.get("allOf", []), *judged]
    return made


def _inner(item: Json, kind: Kind | None) -> Json:
    """A field's value of that kind, with the schemas in it made telling."""
    if kind == f"{SCHEMA}{{}}" and isinstance(item, dict):
        return {name: telling(each) for name, each in item.items()}
    if kind in (SCHEMA, f"{SCHEMA}[]"):
        return [telling(each) for each in item] if isinstance(item, list) else telling(item)
    return item


def judged(error: jsonschema_rs.ValidationError) -> tuple[str, str | None] | None:
    """Of a rule that was only judged: what is wrong, and the reference where it was one; None of any other rule."""
    kind: Any = error.kind
    match kind:
        case jsonschema_rs.ValidationErrorKind.Enum(options=[mark, words, *ref]) if mark == _MARK:
            return str(words), str(ref[0]) if ref else None
    return None
