"""A JSON Schema, compiled."""

from specbus.contract.phrasing import sentence
from specbus.spec import Json, schemas
from specbus.spec.validators import compiled, modern

MAX_PROBLEMS = 3
"""How many problems of a value are told; the others are counted."""


class Schema:
    """A JSON Schema that judges decoded JSON, and says in words what is wrong with it."""

    def __init__(self, schema: Json, place: str) -> None:
        """Compile `schema`, which is self-contained; `place` names it in a ContractError."""
        self.place = place
        self._schema = modern(schema)
        self._validator = compiled(self._schema, place)
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
