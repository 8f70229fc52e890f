"""Schemas with nothing in them but what is known of JSON Schema, each thing in the form that it must have.

A document may come from a server that nobody vouches for, and what is read of it is handed on to programs that write
code. Each of them has keywords of its own which stand in that code as they are (`tsType`, `customTypePath`,
`x-python-import`), and follows references to files and to other servers. So a schema is not searched for what is
harmful, but made anew of what is known.
"""

import re
from collections.abc import Callable, Container
from typing import Any

from specbus.spec import ContractError, Json
from specbus.spec.patterns import check_pattern

SCHEMAS = "#/components/schemas/"
NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
"""What a type can be called in any language. Look-alikes of other alphabets are not among it."""
TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})

_ONE = frozenset(
    {
        *("additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"),
        *("unevaluatedItems", "unevaluatedProperties"),
    }
)
"""Keywords whose value is a schema."""
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPPINGS = frozenset({"dependentSchemas", "patternProperties", "properties"})
_EXAMPLES = frozenset({"default", "example", "examples"})
_TOKEN = re.compile("[A-Za-z0-9][A-Za-z0-9._+/-]*")
_TOKENS = frozenset({"contentEncoding", "contentMediaType", "format"})
"""Names from registries. One that is none says nothing, and is left out."""
_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("description", "pattern"), (lambda value: isinstance(value, str), "a text")),
    **dict.fromkeys(
        ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
        (lambda value: isinstance(value, int | float), "a number"),
    ),
    **dict.fromkeys(
        (
            *("maxContains", "maxItems", "maxLength", "maxProperties"),
            *("minContains", "minItems", "minLength", "minProperties"),
        ),
        (lambda value: isinstance(value, int | float), "a number"),
    ),
    **dict.fromkeys(
        ("deprecated", "nullable", "readOnly", "uniqueItems", "writeOnly", "x-flatten"),
        (lambda value: isinstance(value, bool), "true or false"),
    ),
    "required": (lambda value: _is_texts(value), "a list of texts"),
    "dependentRequired": (
        lambda value: isinstance(value, dict) and all(map(_is_texts, value.values())),
        "lists of texts by name",
    ),
    "enum": (lambda value: isinstance(value, list) and bool(value), "a list of values"),
    "x-default": (lambda value: isinstance(value, str), "client or uuid"),
}


def known(schema: Json, names: Container[str]) -> Json:
    """A copy of `schema` of what is known, in which references are to schemas among `names`.

    Raises ContractError for a keyword that has not the form that it must have, and for other references.
    """
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict):
        raise TypeError(f"{schema!r} where a schema is expected")
    made: dict[str, Json] = {}
    for keyword, value in schema.items():
        if keyword in _ONE:
            made[keyword] = [known(each, names) for each in value] if isinstance(value, list) else known(value, names)
        elif keyword in _LISTS and isinstance(value, list):
            made[keyword] = [known(each, names) for each in value]
        elif keyword in _MAPPINGS and isinstance(value, dict):
            if keyword == "patternProperties":
                for pattern in value:
                    check_pattern(pattern)
            made[keyword] = {name: known(each, names) for name, each in value.items()}
        elif keyword in _LISTS | _MAPPINGS:
            raise ContractError(f'"{keyword}" in a schema must hold schemas, not {value!r}')
        elif keyword == "$ref" and isinstance(value, str):
            made[keyword] = SCHEMAS + referred(value, names)
        elif keyword == "type":
            made[keyword] = _types(value)
        elif keyword == "title":
            if isinstance(value, str) and NAME.fullmatch(value):
                made[keyword] = value
        elif keyword in _TOKENS:
            if isinstance(value, str) and _TOKEN.fullmatch(value):
                made[keyword] = value
        elif keyword in ("enum", "const") and _has_reference(value):
            raise ContractError(f'a value in "{keyword}" has a field "$ref", which is taken for a reference')
        elif keyword == "const" or (keyword in _EXAMPLES and not _has_reference(value)):
            made[keyword] = value
        elif keyword == "discriminator":
            made[keyword] = _discriminator(value, names)
        elif keyword in _FORMS:
            has_form, form = _FORMS[keyword]
            if not has_form(value):
                raise ContractError(f'"{keyword}" in a schema must be {form}, not {value!r}')
            if keyword == "pattern":
                check_pattern(value)
            made[keyword] = readable(value) if keyword == "description" else value
    return made


def referred(ref: str, names: Container[str] | None = None) -> str:
    """The name of the schema that `ref` points at. Raises ContractError for one that is none of `names`, if given."""
    name = ref.removeprefix(SCHEMAS)
    if name == ref or "/" in name:
        raise ContractError(f"$ref {ref}: a client is made of what stands in components.schemas, and of no part of it")
    if names is not None and name not in names:
        raise ContractError(f"$ref {ref} names no schema")
    return name


def inner(schema: dict[str, Json], change: Callable[[Json], Json]) -> dict[str, Json]:
    """A copy of `schema`, which is `known`, with `change` made to each schema that stands in it."""
    made: dict[str, Json] = {}
    for keyword, value in schema.items():
        if keyword in _MAPPINGS:
            made[keyword] = {name: change(each) for name, each in value.items()}
        elif keyword in _ONE | _LISTS:
            made[keyword] = [change(each) for each in value] if isinstance(value, list) else change(value)
        else:
            made[keyword] = value
    return made


def check_values(node: Json) -> None:
    """Raise ContractError for what no program's text can hold: half a character, and numbers without an end."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, float) and each - each != 0:
            raise ContractError(f"a document has the number {each}, which is no JSON")
        elif isinstance(each, str) and re.search("[\ud800-\udfff]", each):
            raise ContractError(f"a document has half of a surrogate pair in {each[:80]!r}")


def _types(value: Json) -> Json:
    kinds = value if isinstance(value, list) else [value]
    if not kinds or not all(isinstance(kind, str) and kind in TYPES for kind in kinds):
        raise ContractError(f'"type" in a schema must be one of {", ".join(sorted(TYPES))}, not {value!r}')
    return value


def _discriminator(value: Json, names: Container[str]) -> Json:
    mapping = value.get("mapping", {}) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(mapping, dict) or not isinstance(value.get("propertyName"), str):
        raise ContractError(f'"discriminator" in a schema must have a "propertyName", not {value!r}')
    made: dict[str, Json] = {"propertyName": value["propertyName"]}
    if "mapping" in value:
        # A bare name is one of a schema too (OpenAPI 3.0.3, "Discriminator Object").
        refs = {name: ref if "/" in str(ref) else f"{SCHEMAS}{ref}" for name, ref in mapping.items()}
        made["mapping"] = {name: SCHEMAS + referred(str(ref), names) for name, ref in refs.items()}
    return made


def _is_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _has_reference(value: Json) -> bool:
    """Whether programs that look for references everywhere would find one in `value`, which is data."""
    if isinstance(value, dict):
        return "$ref" in value or any(map(_has_reference, value.values()))
    return isinstance(value, list) and any(map(_has_reference, value))


def readable(text: str) -> str:
    """`text` for a person, without the control characters that no source code can have in a comment."""
    return re.sub("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", "\ufffd", text.replace("\r\n", "\n"))
