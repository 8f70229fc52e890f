"""A JSON Schema, compiled."""

import jsonschema_rs

from specbus.contract.phrasing import quoted, sentence
from specbus.spec import ContractError, Json, schemas

__all__ = ["Schema", "quoted"]

MAX_PROBLEMS = 3
"""How many problems of a value are told; the others are counted."""


class Schema:
    """A JSON Schema that judges decoded JSON. Formats count.

    Judged as draft 2019-09: the newest that reads all of draft-07's keywords (AsyncAPI 3.0, "Schema Object") and has
    the format `uuid`. What OpenAPI 3.0 spells otherwise (`nullable`, a boolean `exclusiveMinimum`) is translated.
    """

    def __init__(self, schema: Json, place: str) -> None:
        """Compile `schema`, which is self-contained; `place` names it in a ContractError."""
        self.place = place
        self._schema = _modern(schema)
        try:
            self._validator = jsonschema_rs.Draft201909Validator(self._schema, validate_formats=True)
        except (jsonschema_rs.ValidationError, ValueError, TypeError) as error:
            reason = " ".join(str(getattr(error, "message", error)).split())
            steps = ".".join(map(str, getattr(error, "instance_path", ())))
            raise ContractError(f"{place}: not a JSON Schema: {steps and f'{steps}: '}{reason}") from None
        self.accepts = self._validator.is_valid
        """Whether a value fulfils the schema, the fast way."""

    def promises(self, field: str, type_: str) -> bool:
        """Whether it says in so many words that a value is an object with a field `field` of JSON type `type_`."""
        if not isinstance(self._schema, dict) or self._schema.get("type") != "object":
            return False
        subschema = schemas.fields(self._schema).get(field)
        required = field in schemas.required(self._schema)
        return required and isinstance(subschema, dict) and subschema.get("type") == type_

    def problems(self, value: Json, name: str = "", whole: str = "the value") -> list[str]:
        """What is wrong with `value`, a few sentences without a full stop; empty when nothing is.

        Fields are named by their path, which starts with `name` ("last_n"); without one, the value itself is `whole`.
        """
        errors = self._validator.iter_errors(value)
        unique = list(dict.fromkeys(sentence(error, value, name, whole) for error in errors))
        if len(unique) > MAX_PROBLEMS:
            unique[MAX_PROBLEMS:] = [f"and {len(unique) - MAX_PROBLEMS} more"]
        return unique


_SCHEMA_MAPS = {"properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas"}
_VALUES = {"enum", "const", "default", "example", "examples"}


def _modern(schema: Json) -> Json:
    """`schema` with the spellings that only OpenAPI 3.0 has turned into JSON Schema's."""
    if isinstance(schema, list):
        return [_modern(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    new: dict[str, Json] = {}
    for key, value in schema.items():
        if key in _SCHEMA_MAPS and isinstance(value, dict):
            new[key] = {name: _modern(subschema) for name, subschema in value.items()}
        else:
            new[key] = value if key in _VALUES else _modern(value)
    if new.get("additionalProperties") is False:
        # Without properties, the validator would not say which field is too many.
        new.setdefault("properties", {})
    if new.pop("nullable", None) is True and isinstance(new.get("type"), str):
        new["type"] = [new["type"], "null"]
    for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(new.get(exclusive), bool) and new.pop(exclusive):
            new[exclusive] = new.pop(plain, None)
    return new
