"""What of a schema matters for decoding: which parts are opaque, and which must keep their text."""

from collections.abc import Mapping

from specbus.contract.jsontext import holds, parts
from specbus.spec import Json

_ANNOTATIONS = {
    "title",
    "description",
    "example",
    "examples",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$defs",
}
"""Keywords that say nothing of a value by themselves."""
_PLAIN_OBJECT = {"type", "properties", "required", "additionalProperties", *_ANNOTATIONS}
_LISTING = {*_PLAIN_OBJECT, "items", "minItems", "maxItems", "minProperties", "maxProperties"}
"""Keywords that look at no field or item but by its own schema."""


class Verbatim(dict[str, Json]):
    """A decoded object that also has its own text: `text`, UTF-8 bytes, as the client wrote it."""

    __slots__ = ("text",)
    text: bytes


def verbatim(fields: Mapping[str, Json], text: bytes) -> Verbatim:
    """An object with `fields` whose own text is `text`."""
    value = Verbatim(fields)
    value.text = text
    return value


class Shape:
    """What of a schema matters for decoding: which parts are opaque, which verbatim."""

    def __init__(self, schema: Json, unseen: bool = True) -> None:
        """Read `schema`, which is self-contained.

        `unseen` is whether no schema around this one looks at the value too: only then may it be opaque.
        """
        constraints = {key for key in schema if not key.startswith("x-")} if isinstance(schema, dict) else {"schema"}
        self.opaque = unseen and constraints <= _ANNOTATIONS
        unseen = unseen and constraints <= _LISTING
        self.verbatim = isinstance(schema, dict) and schema.get("x-verbatim") is True
        self.plain = constraints <= _PLAIN_OBJECT and schema.get("type") == "object" and "properties" in schema
        """Whether the schema is of an object and says nothing but what fields it has."""
        declared = schema.get("type") if isinstance(schema, dict) else None
        self.types = frozenset(declared if isinstance(declared, list) else [declared] if declared else [])
        """The types that it allows; empty if it does not say."""
        self.lists_all = self.plain and isinstance(schema, dict) and schema.get("additionalProperties") is False
        """Whether it allows no fields but those that it lists."""
        self.fields: dict[str, Shape] = {}
        """The fields that it lists."""
        if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
            self.fields = {name: Shape(subschema, unseen) for name, subschema in schema["properties"].items()}
        required = schema.get("required") if isinstance(schema, dict) else None
        self.required = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
        """The fields that it must have."""
        items = schema.get("items") if isinstance(schema, dict) else None
        self.items = Shape(items, unseen) if isinstance(items, dict) else None
        inner = [*self.fields.values(), *([self.items] if self.items else [])]
        self.special: bool = self.opaque or self.verbatim or any(shape.special for shape in inner)
        """Whether plain decoding would lose something."""
        self.open = unseen and "properties" in constraints and schema.get("additionalProperties", True) is True
        """Whether nobody looks at fields that it does not list."""
        self.selective: bool = self.special or self.open or any(shape.selective for shape in inner)
        """Whether `select` has something to do."""

    def select(self, value: Json, text: str) -> Json:
        """What `value`, decoded from `text` the plain way, is under this shape."""
        if self.opaque:
            return None
        if self.items and self.items.selective and isinstance(value, list):
            texts = parts(text)
            return [self.items.select(item, texts[index]) for index, item in enumerate(value)]
        if not self.selective or not isinstance(value, dict):
            return value
        texts = parts(text)
        fields = {name: field.select(value[name], texts[name]) for name, field in self.fields.items() if name in value}
        if self.open:
            value = {name: item if name in self.fields or holds(item) else None for name, item in value.items()}
        value = {**value, **fields}
        return verbatim(value, text.encode()) if self.verbatim else value
