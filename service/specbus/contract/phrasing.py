"""A validator's finding in a person's words: the field, then the rule that its value broke."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jsonschema_rs

from specbus.spec import Json
from specbus.spec.text import printable

_Kind = jsonschema_rs.ValidationErrorKind

_TYPES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
_FORMATS = {
    "uuid": "a valid UUID",
    "date-time": "a date and time (RFC 3339)",
    "date": "a date (RFC 3339)",
    "time": "a time (RFC 3339)",
    "email": "an email address",
    "uri": "a URI",
}
MAX_NAMED = 3
"""How many fields a sentence names; the others are counted."""
MAX_COUNTED = 50
"""How many are counted; more are many."""


def _steps(path: Sequence[str | int], value: Json) -> Iterator[str | int]:
    """`path` into `value`, in which the validator gives a field named "0", "00" or "+0" as the index 0, and "" not."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, int):
            step = next((key for key in value if re.fullmatch(rf"\+?0*{step}", key)), str(step))
        yield step
        try:
            value = value[step]
        except (LookupError, TypeError):  # below a field named ""
            value = None


def path_of(error: jsonschema_rs.ValidationError, value: Json, name: str) -> tuple[str, Json]:
    """The path of what a finding in `value`, which is called `name`, is about, and what is there."""
    steps = list(_steps(error.instance_path, value))
    for step in steps:
        value = value[step]
    return _join(name, steps), value


def sentence(error: jsonschema_rs.ValidationError, value: Json, name: str, whole: str) -> str:
    """The one sentence for a validator's finding in `value`: the field, then the rule."""
    path = _join(name, _steps(error.instance_path, value))
    kind = error.kind
    match kind:
        case _Kind.Required():
            return f"{_join(path, [kind.property])} is required"
        case _Kind.AdditionalProperties() | _Kind.UnevaluatedProperties():
            fields = ", ".join(_join(path, [field]) for field in kind.unexpected[:MAX_NAMED])
            if left := max(len(kind.unexpected) - MAX_NAMED, 0):
                # Of so many the outline has not all.
                fields += f" and {left if left < MAX_COUNTED else 'many'} more"
            return f"unknown field{'s' if len(kind.unexpected) > 1 else ''} {fields}"
    return f"{path or whole} {_rule(error)}"


def _rule(error: jsonschema_rs.ValidationError) -> str:
    """The rule that a value broke, as what it must do."""
    kind: Any = error.kind
    match kind:
        case _Kind.Type():
            wanted = " or ".join(_TYPES.get(kind_, kind_) for kind_ in kind.types)
            got = type_name(error.instance)
            return f"must be {wanted}, not {str(error.instance)[:40] if got == 'number' else _TYPES[got]}"
        case _Kind.Format():
            return f"must be {_FORMATS.get(kind.format, 'a valid ' + kind.format)}"
        case _Kind.Pattern():
            return f"must match the pattern {kind.pattern}"
        case _Kind.MinLength():
            return "must not be empty" if kind.limit == 1 else f"must have at least {kind.limit} characters"
        case _Kind.MaxLength():
            return f"must have at most {_plural(kind.limit, 'character')}"
        case _Kind.Minimum():
            return f"must be {kind.limit} or more"
        case _Kind.Maximum():
            return f"must be {kind.limit} or less"
        case _Kind.ExclusiveMinimum():
            return f"must be more than {kind.limit}"
        case _Kind.ExclusiveMaximum():
            return f"must be less than {kind.limit}"
        case _Kind.MultipleOf():
            return f"must be a multiple of {kind.multiple_of}"
        case _Kind.Enum():
            return f"must be {' or '.join(_shown(option) for option in kind.options)}"
        case _Kind.Constant():
            return f"must be {_shown(kind.expected_value)}"
        case _Kind.MinItems():
            return f"must have at least {_plural(kind.limit, 'item')}"
        case _Kind.MaxItems():
            return f"must have at most {_plural(kind.limit, 'item')}"
        case _Kind.UniqueItems():
            return "must not have the same item twice"
        case _Kind.Custom(keyword="uniqueItems"):
            return "must not have the same item twice"
        case _Kind.MinProperties():
            return f"must have at least {_plural(kind.limit, 'field')}"
        case _Kind.MaxProperties():
            return f"must have at most {_plural(kind.limit, 'field')}"
        case _Kind.FalseSchema():
            return "is not allowed"
        case _Kind.Not():
            return "is of a form that the contract excludes"
        case _Kind.AnyOf() | _Kind.OneOfNotValid():
            return "has none of the forms that the contract allows"
    return f"breaks the contract's rule {quoted(kind.name)}"


def type_name(value: Json) -> str:
    """JSON's name for the type of `value`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _join(name: str, steps: Iterable[str | int]) -> str:
    """The path of a field as a person writes it: `message.id`, `items[0]`."""
    for step in steps:
        if isinstance(step, int):
            name += f"[{step}]"
        else:
            plain = step if step.isidentifier() and len(step) <= 64 else quoted(step)
            name = f"{name}.{plain}" if name else plain
    return name


def _shown(value: Json) -> str:
    return quoted(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def quoted(value: str, most: int = 64) -> str:
    """`value` in quotes, cut to `most` characters, for use in a sentence."""
    shown = value if len(value) <= most else value[: most - 3] + "..."
    return f'"{printable(shown)}"'
