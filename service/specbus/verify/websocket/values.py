"""Values with one thing wrong, made without a search."""

import json
from collections.abc import Iterator
from typing import Any

from specbus.spec.samples import smallest

_WRONG: list[Any] = [None, True, -1, 1.5, "", " ", "1", "\x00", "x" * 5000, "a\n", "urn:x", [], {}]


def variations(schema: Any, value: Any) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """`value`, which keeps `schema`, with one thing changed: where, what, and the whole. Some of them are valid too."""
    rules = schema if isinstance(schema, dict) else {}
    match value:
        case dict():
            for name in value:
                yield (name,), "missing", {key: kept for key, kept in value.items() if key != name}
            for name, inner in {**{name: {} for name in value}, **rules.get("properties", {})}.items():
                for where, what, wrong in _changed(inner, value.get(name, smallest(inner))):
                    yield (name, *where), what, {**value, name: wrong}
            yield (), "unknown field", {**value, "unknown-field": 1}
        case list():
            inner = rules.get("items", {})
            item = value[0] if value else smallest(inner)
            for length in (rules.get("maxItems", 0) + 1, max(rules.get("minItems", 0), 1) - 1):
                yield (), f"has {counted(length, 'item', 'items')}", [item] * length
            for where, what, wrong in _changed(inner, item):
                yield ("0", *where), what, [wrong]
        case str():
            for more in ("x", "\n"):
                yield (), f"ends with {json.dumps(more)}", value + more
                yield (), f"begins with {json.dumps(more)}", more + value
            for length in (rules.get("maxLength", 0) + 1, max(rules.get("minLength", 0), 1) - 1):
                yield (), f"has {counted(length, 'character', 'characters')}", ((value or "x") * length)[:length]
        case int() | float():
            for bound, step in (("minimum", -1), ("maximum", 1)):
                if bound in rules:
                    yield (), f"is {rules[bound] + step}", rules[bound] + step


def _changed(schema: Any, value: Any) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    for wrong in _WRONG:
        yield (), f"is {json.dumps(wrong)[:20]}", wrong
    yield from variations(schema, value)


def counted(number: int, one: str, many: str) -> str:
    """`number` of something, in words."""
    return f"no {one}" if number == 0 else f"{number} {one if number == 1 else many}"
