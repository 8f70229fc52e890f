"""JSON Schemas made ready to judge by."""

import jsonschema_rs

from specbus.spec import ContractError, Json

_SCHEMA_MAPS = {"properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas"}
_VALUES = {"enum", "const", "default", "example", "examples"}


def compiled(schema: Json, place: str) -> jsonschema_rs.Draft201909Validator:
    """The validator of `schema`, which is self-contained and `modern`. Formats count.

    Draft 2019-09 is the newest that reads all of draft-07's keywords (AsyncAPI 3.0, "Schema Object") and has the
    format `uuid`. Raises ContractError for what is no schema; its text begins with `place`.
    """
    try:
        return jsonschema_rs.Draft201909Validator(schema, validate_formats=True)
    except (jsonschema_rs.ValidationError, ValueError, TypeError) as error:
        reason = " ".join(str(getattr(error, "message", error)).split())
        steps = ".".join(map(str, getattr(error, "instance_path", ())))
        raise ContractError(f"{place}: not a JSON Schema: {steps and f'{steps}: '}{reason}") from None


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
