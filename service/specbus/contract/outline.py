"""A large text that breaks its schema, cut down to what the verdict needs.

To say what is wrong takes decoded values, which cost a hundred times as much as their text does on the quick way: three
seconds for 1 MiB of brackets. But what is wrong is nearly always told by a few fields. So a large text is judged by its
outline first: the same JSON without what its schema says nothing of (an opaque payload, what is inside of a value of
the wrong type, all but the first of the unknown fields). Each problem of the outline is one of the text. An outline
without a problem proves nothing.
"""

import itertools
from collections.abc import Iterator, Mapping

import msgspec

from specbus.contract.shape import Shape

_Fields = dict[str, msgspec.Raw]

SMALL = 16_384
"""Bytes of a text that is not worth an outline."""
_SHORT = 1_024
"""Bytes of a value that is taken over as it is."""
_MAX_UNKNOWN = 64
"""How many fields are taken over that a schema does not list."""

_fields = msgspec.json.Decoder(_Fields).decode
_name = msgspec.json.encode
_EMPTY = {"{": ("object", b"{}"), "[": ("array", b"[]")}


class Outliner:
    """Makes outlines of texts of one schema, or of several told apart by a field."""

    def __init__(self, shapes: Mapping[str, Shape], tag_field: str | None) -> None:
        """`shapes` has the only one, or each under its value of `tag_field`."""
        self._shapes = shapes
        self._tag_field = tag_field
        names = {tag_field, *itertools.chain.from_iterable(shape.fields for shape in shapes.values())} - {None}
        properties = {name: {"type": "string"} for name in names}
        self._untold = Shape({"type": "object", "properties": properties, "additionalProperties": False})
        """For a text whose tag is none: it is wrong, and only what may name it is looked at."""

    def outline(self, data: bytes) -> bytes | None:
        """The outline of `data`, which may be any text; None if it is small, or has none."""
        if len(data) <= SMALL or (fields := _decoded(data)) is None:
            return None
        shape = self._shape_of(fields)
        return _joined(fields, shape) if shape.plain else None

    def _shape_of(self, fields: _Fields) -> Shape:
        if self._tag_field is None:
            (shape,) = self._shapes.values()
            return shape
        try:
            tag = msgspec.json.decode(fields[self._tag_field], type=str)
        except (KeyError, msgspec.DecodeError):
            return self._untold
        return self._shapes.get(tag, self._untold)


def _decoded(data: bytes) -> _Fields | None:
    """The fields of `data`; None if it is no object."""
    try:
        return _fields(data)
    except (msgspec.DecodeError, RecursionError):
        return None


def _joined(fields: _Fields, shape: Shape) -> bytes:
    return b"{%b}" % b",".join(_outlined(fields, shape))


def _outlined(fields: _Fields, shape: Shape) -> Iterator[bytes]:
    unknown = 0
    for name, raw in fields.items():
        value = bytes(raw)
        known = shape.fields.get(name)
        if known is None and shape.lists_all:
            unknown += 1
            if unknown > _MAX_UNKNOWN:
                continue
            value = value if len(value) <= _SHORT else b"null"
        elif known is not None and len(value) > _SHORT:
            value = _cut(value, known)
        yield b"%b:%b" % (_name(name), value)


def _cut(value: bytes, shape: Shape) -> bytes:
    """`value`, of which `shape` need not see more."""
    if shape.opaque:
        return b"null"
    type_, empty = _EMPTY.get(chr(value[0]), ("", b""))
    if not type_:
        return value
    if shape.types and type_ not in shape.types:
        return empty
    fields = _decoded(value) if shape.plain else None
    return value if fields is None else _joined(fields, shape)
