"""What can be told of a schema without judging a value: its fields, and which of them are constants."""

from collections.abc import Iterator, Sequence

from specbus.spec import Json


def fields(schema: Json) -> dict[str, Json]:
    """The schemas of the fields that `schema`, which is self-contained, lists, by itself or in `allOf`."""
    found: dict[str, Json] = {}
    for part in _parts(schema):
        properties = part.get("properties")
        if isinstance(properties, dict):
            found = {**properties, **found}
    return found


def field(schema: Json, name: str) -> Json:
    """The schema of the field `name` of `schema`, self-contained as `schema` is; None if it lists no such field."""
    found = fields(schema).get(name)
    definitions = schema.get("$defs") if isinstance(schema, dict) else None
    return {**found, "$defs": definitions} if isinstance(found, dict) and definitions else found


def required(schema: Json) -> list[str]:
    """The names of the fields that `schema` requires, by itself or in `allOf`."""
    names: dict[str, None] = {}
    for part in _parts(schema):
        listed = part.get("required")
        if isinstance(listed, list):
            names |= dict.fromkeys(name for name in listed if isinstance(name, str))
    return list(names)


def declared_type(schema: Json) -> Json:
    """The type that `schema` says its values have, by itself or in `allOf`; None if it does not say."""
    return next((part["type"] for part in _parts(schema) if "type" in part), None)


def constant(schema: Json) -> list[Json]:
    """The one value that `schema` allows, if it is so, in a list."""
    if not isinstance(schema, dict):
        return []
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) and len(values) == 1 else []


def constants(schema: Json) -> dict[str, Json]:
    """The required fields of `schema` that have but one value."""
    found = fields(schema)
    return {name: value for name in required(schema) for value in constant(found.get(name))}


def tag_field(schemas: Sequence[Json]) -> str | None:
    """The field that tells values of `schemas` apart: a required text that is a constant of its own in each."""
    found = [constants(schema) for schema in schemas]
    for name in fields(schemas[0]) if schemas else ():
        values = [each.get(name) for each in found]
        if all(isinstance(value, str) for value in values) and len({*values}) == len(values):
            return name
    return None


def _parts(schema: Json) -> Iterator[dict[str, Json]]:
    """`schema` and those that it adds by `allOf`."""
    if isinstance(schema, dict):
        yield schema
        added = schema.get("allOf")
        for part in added if isinstance(added, list) else ():
            yield from _parts(part)
