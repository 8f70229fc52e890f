"""A JSON Schema, compiled."""

from collections.abc import Iterator

import jsonschema_rs

from specbus.contract.phrasing import path_of, sentence
from specbus.contract.telling import judged, telling
from specbus.spec import Json, schemas
from specbus.spec.pointer import at
from specbus.spec.references import is_larger
from specbus.spec.validators import compiled, modern

MAX_PROBLEMS = 3
"""How many problems of a value are told; the others are counted."""
_MAX_LISTED = 1_000
"""Of how many values something may consist whose problems are all found: finding one takes some 10 us."""
_OF_TYPES: list[tuple[str, Json]] = [
    *(("null", None), ("boolean", True), ("boolean", False), ("array", []), ("object", {})),
    *(("number", 0.5), ("number", 2.5), ("number", -1.5), ("integer", 0), ("integer", 1), ("integer", -1)),
    *(("string", ""), ("string", "text"), ("string", "5"), ("string", "a-text-of-some-length")),
]
"""Values of each type."""
_MAX_REFERENCES = 8
"""How many references, one within the other, are followed to what is wrong."""


class Schema:
    """A JSON Schema that judges decoded JSON, and says in words what is wrong with it."""

    def __init__(self, schema: Json, place: str) -> None:
        """Compile `schema`, which is self-contained; `place` names it in a ContractError."""
        self.place = place
        self._schema = modern(schema)
        self.accepts = compiled(self._schema, place).is_valid
        """Whether a value fulfils the schema, the fast way."""
        self._telling: dict[str, jsonschema_rs.Draft201909Validator] = {}
        """By reference: what finds the rules that a value of it breaks. Made when it is needed."""

    def promises(self, field: str, type_: str) -> bool:
        """Whether a value that is an object has the field `field`, of JSON type `type_`."""
        subschema = schemas.field(self._schema, field)
        if field not in schemas.required(self._schema) or subschema is None:
            return False
        return Schema(subschema, f"{self.place}: {field}").excludes_others(type_)

    def excludes_others(self, type_: str) -> bool:
        """Whether it takes no value of another JSON type than `type_`, however it says so."""
        return not any(self.accepts(value) for each, value in _OF_TYPES if each != type_)

    def problems(self, value: Json, name: str = "", whole: str = "the value") -> list[str]:
        """What is wrong with `value`, a few sentences without a full stop; empty when nothing is.

        Fields are named by their path, which starts with `name` ("last_n"); without one, the value itself is `whole`.
        Of a large value the first problem is told.
        """
        if self.accepts(value):
            return []
        unique = list(dict.fromkeys(self._sentences(value, name, whole, "#", set())))
        if len(unique) > MAX_PROBLEMS:
            unique[MAX_PROBLEMS:] = [f"and {len(unique) - MAX_PROBLEMS} more"]
        return unique or [f"{name or whole} breaks the contract"]

    def errors(self, value: Json) -> list[jsonschema_rs.ValidationError]:
        """All rules that `value`, which is small, breaks."""
        return list(compiled(self._schema, self.place).iter_errors(value))

    def _sentences(self, value: Json, name: str, whole: str, ref: str, seen: set[tuple[str, str]]) -> Iterator[str]:
        """A sentence for each rule of the schema at `ref` that `value` breaks; `seen` has what was looked at."""
        for error in self._errors(value, ref):
            words, inner = judged(error) or ("", None)
            path, found = path_of(error, value, name)
            if inner is None or len(seen) > _MAX_REFERENCES:
                yield f"{path or whole} {words}" if words else sentence(error, value, name, whole)
            elif (path, inner) not in seen:
                seen.add((path, inner))
                yield from self._sentences(found, path, whole, inner, seen)

    def _errors(self, value: Json, ref: str) -> list[jsonschema_rs.ValidationError]:
        """The rules of the schema at `ref` that `value` breaks; the first only if it is large."""
        validator = self._telling.get(ref)
        if validator is None:
            schema = at(self._schema, ref)
            if isinstance(schema, dict) and "$defs" in self._schema:
                schema = {**schema, "$defs": self._schema["$defs"]}
            validator = self._telling[ref] = compiled(telling(schema), self.place)
        if not is_larger(value, _MAX_LISTED):
            return list(validator.iter_errors(value))
        try:
            validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return [error]
        return []
