"""JSON text to what a schema judges, with the parts that must keep their bytes left alone.

Two marks in a schema decide what is decoded:

- `x-verbatim: true` on an object: the program hands its text on as it came. It decodes to a `Verbatim`.
- a schema without any constraint (a payload that may be any JSON value): its text is checked to be JSON and otherwise
  not looked at; it decodes to None. So no number is too large for us and no escape too odd.

There are two ways through, which agree: `msgspec` with types made from the schema, for nearly all that comes, and the
standard library's `json`, for what the first refuses. The second is the judge of what is JSON.
"""

import contextlib
import itertools
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec

from specbus.spec.documents import Json

MAX_DEPTH = 128
"""How deep arrays and objects may be nested in a frame."""
MAX_BODY_DEPTH = MAX_DEPTH - 1
"""How deep in a body: a message that comes in one stands a level deeper in the frame that takes it on."""
MAX_SENT_DEPTH = MAX_DEPTH + 8
"""How deep in what the service sends, where a message may stand some levels deep."""

_PROBLEMS = {
    "Expecting value": "a value is expected",
    "Expecting property name enclosed in double quotes": "a field's name in double quotes is expected",
    "Expecting ':' delimiter": "a colon is expected",
    "Expecting ',' delimiter": "a comma or a closing bracket is expected",
    "Illegal trailing comma before end of object": "a comma stands before a closing bracket",
    "Illegal trailing comma before end of array": "a comma stands before a closing bracket",
    "Unterminated string starting at": "a string has no end",
    "Invalid control character at": "a control character must be escaped",
    "Invalid \\escape": "there is no such escape",
    "Invalid \\uXXXX escape": "an escape needs four hexadecimal digits",
    "Extra data": "something follows the value",
    "Unexpected UTF-8 BOM (decode using utf-8-sig)": "a byte order mark comes first",
}
"""What `json` says of a mistake, and what we say."""

_ANNOTATIONS = {
    "title",
    "description",
    "example",
    "examples",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
}
_PLAIN_OBJECT = {"type", "properties", "required", "additionalProperties", *_ANNOTATIONS}
_LISTING = {*_PLAIN_OBJECT, "items", "minItems", "maxItems", "minProperties", "maxProperties"}
"""Keywords that look at no field or item but by its own schema."""
_SPACE = " \t\n\r"


class NotJson(ValueError):
    """A text that is not JSON as we take it. The text of the exception is a sentence for a person."""

    def __init__(self, problem: str, value: Json = None) -> None:
        super().__init__(problem)
        self.value = value
        """What was decoded all the same, where only a part of it cannot be held."""


class _NotQuick(Exception):
    """A schema has no msgspec type."""


class Verbatim(dict[str, Json]):
    """A decoded object that also has its own text: `text`, UTF-8 bytes, as the client wrote it."""

    __slots__ = ("text",)
    text: bytes


def _verbatim(fields: Mapping[str, Json], text: bytes) -> Verbatim:
    value = Verbatim(fields)
    value.text = text
    return value


class Shape:
    """What of a schema matters for decoding: which parts are opaque, which verbatim."""

    def __init__(self, schema: Json, unseen: bool = True) -> None:
        """Read `schema`, which has no references left.

        `unseen` is whether no schema around this one looks at the value too: only then may it be opaque.
        """
        constraints = {key for key in schema if not key.startswith("x-")} if isinstance(schema, dict) else {"schema"}
        self.opaque = unseen and constraints <= _ANNOTATIONS
        unseen = unseen and constraints <= _LISTING
        self.verbatim = isinstance(schema, dict) and schema.get("x-verbatim") is True
        self.plain = constraints <= _PLAIN_OBJECT and schema.get("type") == "object" and "properties" in schema
        """Whether the schema is of an object and says nothing but what fields it has."""
        self.fields: dict[str, Shape] = {}
        """The fields that it lists."""
        if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
            self.fields = {name: Shape(subschema, unseen) for name, subschema in schema["properties"].items()}
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
            texts = _parts(text)
            return [self.items.select(item, texts[index]) for index, item in enumerate(value)]
        if not self.selective or not isinstance(value, dict):
            return value
        texts = _parts(text)
        fields = {name: field.select(value[name], texts[name]) for name, field in self.fields.items() if name in value}
        if self.open:
            value = {name: item if name in self.fields or _holds(item) else None for name, item in value.items()}
        value = {**value, **fields}
        return _verbatim(value, text.encode()) if self.verbatim else value

    def struct(
        self, tag: tuple[str, str] | None = None, make: type[dict[str, Json]] = dict
    ) -> tuple[Any, Callable[[Any], Any]]:
        """A msgspec type for this shape, and what turns its instances into what `select` would return.

        `tag`, a field's name and its value, makes the type one of a tagged union. `make` is the type of dict to return.
        """
        names = [name for name in self.fields if tag is None or name != tag[0]]
        attributes = [f"f{index}" for index in range(len(names))]
        members = {name: self.fields[name]._member() for name in names}
        struct = msgspec.defstruct(
            "Shaped",
            [(attribute, members[name][0], msgspec.UNSET) for attribute, name in zip(attributes, names, strict=True)],
            tag_field=tag[0] if tag else None,
            tag=tag[1] if tag else None,
            rename=dict(zip(attributes, names, strict=True)),
            forbid_unknown_fields=True,
        )
        # Every frame comes here, some twice: code made for the fields takes a third of the time of a loop over them.
        lines = [
            "def convert(instance):",
            f"    fields = make({{{tag[0]!r}: {tag[1]!r}}})" if tag else "    fields = make()",
        ]
        for attribute, (name, (_, convert)) in zip(attributes, members.items(), strict=True):
            value = f"convert_{attribute}(value)" if convert else "value"
            lines.append(f"    if (value := instance.{attribute}) is not unset: fields[{name!r}] = {value}")
        scope: dict[str, Any] = {"make": make, "unset": msgspec.UNSET}
        scope |= {f"convert_{attribute}": members[name][1] for attribute, name in zip(attributes, names, strict=True)}
        exec("\n".join([*lines, "    return fields"]), scope)  # noqa: S102 - names from the document are literals in it
        return struct, scope["convert"]

    def _member(self) -> tuple[Any, Callable[[Any], Json] | None]:
        """The type of a field of this shape, and its conversion if it needs one."""
        if self.opaque:
            return msgspec.Raw, lambda _raw: None
        if not self.special:
            return Any, None
        if not self.plain:
            raise _NotQuick
        if not self.verbatim:
            return self.struct()
        struct, convert = self.struct(make=Verbatim)
        decode = msgspec.json.Decoder(struct).decode

        def convert_verbatim(raw: msgspec.Raw) -> Json:
            value = convert(decode(raw))
            value.text = bytes(raw)
            return value

        return msgspec.Raw, convert_verbatim


class Decoder:
    """Decodes the texts of one schema, or of several told apart by a field that is a constant in each."""

    def __init__(self, schemas: Mapping[str, Json], tag_field: str | None = None, max_depth: int = MAX_DEPTH) -> None:
        """Decode by `schemas`: the only one, or each under its value of `tag_field`.

        `max_depth` is how deep arrays and objects may be nested in a text.
        """
        self._max_depth = max_depth
        self._shapes = {tag: Shape(schema) for tag, schema in schemas.items()}
        self._tag_field = tag_field
        self._converters: dict[Any, tuple[str, Callable[[Any], Json]]] = {}
        self._decode: Callable[[bytes], Any] | None = None
        self._root_verbatim = {tag for tag, shape in self._shapes.items() if shape.verbatim}
        # A schema with more to it than fields goes the slow way, and takes the rest of its union along.
        with contextlib.suppress(_NotQuick):
            union: Any = None
            for tag, shape in self._shapes.items():
                if not shape.plain:
                    raise _NotQuick
                struct, convert = shape.struct((tag_field, tag) if tag_field else None)
                self._converters[struct] = (tag, convert)
                union = struct if union is None else union | struct
            if tag_field and len(self._shapes) == 1:
                # A struct that is alone may lack its tag.
                union |= msgspec.defstruct("Other", [], tag_field=tag_field, tag="\0")
            self._decode = msgspec.json.Decoder(union).decode

    def keeps_text(self, tag: str, field: str | None = None) -> bool:
        """Whether what decodes under `tag`, or its field `field`, is a `Verbatim`."""
        shape = self._shapes[tag] if field is None else self._shapes[tag].fields.get(field)
        return shape is not None and shape.verbatim

    def quick(self, data: bytes) -> tuple[str, Json] | None:
        """The tag and value of `data`, or None where only `thorough` can tell. Raises UnicodeDecodeError, NotJson."""
        if not data.isascii():
            data.decode()
        # Whatever is nested so deep has as many brackets, twice.
        if len(data) > 2 * self._max_depth and data.count(b"[") + data.count(b"{") > self._max_depth:
            _check_depth(data, self._max_depth)
        if self._decode is None:
            return None
        try:
            instance = self._decode(data)
            tag, convert = self._converters[type(instance)]
            value = convert(instance)
        except (msgspec.DecodeError, RecursionError, KeyError):
            return None
        if tag in self._root_verbatim:
            value = _verbatim(value, data.strip(b" \t\n\r"))
        return tag, value

    def thorough(self, data: bytes) -> tuple[str | None, Json]:
        """The tag (None if there is none that is known) and value of `data`. Raises NotJson.

        `data` has been through `quick`.
        """
        text = data.decode()
        value = _plain(text)
        tag: str | None
        if self._tag_field is None:
            tag = next(iter(self._shapes))
        else:
            tag = value.get(self._tag_field) if isinstance(value, dict) else None
            if not isinstance(tag, str) or tag not in self._shapes:
                return None, value
        value = self._shapes[tag].select(value, text.strip(_SPACE))
        _check_scalars(value)
        return tag, value


def _plain(text: str) -> Json:
    """`text` decoded by the standard library, strictly. Raises NotJson."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_int=_integer)
    except json.JSONDecodeError as error:
        problem = _PROBLEMS.get(error.msg, "a mistake")
        raise NotJson(f"not valid JSON: {problem} (line {error.lineno}, column {error.colno})") from None


def _check_scalars(value: Json) -> None:
    """Raise NotJson if a part of `value` that will be looked at is beyond what we can hold."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise NotJson("not valid JSON: an escape is half a character (a lone surrogate)", value) from None
    except ValueError:
        raise NotJson("not usable: a number is too large", value) from None


def _holds(value: Json) -> bool:
    """Whether `value` is all there: neither infinite nor half a character."""
    try:
        _check_scalars(value)
    except NotJson:
        return False
    return True


def _integer(text: str) -> int | float:
    """The integer `text`; infinity, as for a float too large, where Python refuses (more than 4,300 digits)."""
    try:
        return int(text)
    except ValueError:
        return math.inf


def _refuse(constant: str) -> NoReturn:
    raise NotJson(f"not valid JSON: {constant} is not a JSON value")


def _parts(text: str) -> dict[str | int, str]:
    """The own text of each field of an object, or item of an array. `text` is known to be one of the two."""
    scan = json.JSONDecoder(parse_int=_integer).raw_decode
    parts: dict[str | int, str] = {}
    at = _skip(text, 1)
    while text[at] not in "}]":
        name: str | int = len(parts)
        if text[0] == "{":
            name, at = scan(text, at)
            at = _skip(text, _skip(text, at) + 1)  # over the colon
        _, end = scan(text, at)
        parts[name] = text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return parts


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


_STEP = {b: 1 if b in b"[{" else -1 for b in b"[]{}"}


def _check_depth(data: bytes, most: int) -> None:
    """Raise NotJson if `data` is nested more than `most` levels deep."""
    inside = False
    brackets = bytearray()
    # Between quotes nothing counts; a backslash takes the next character along.
    for part in data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"'):
        if not inside:
            brackets += part.translate(None, _NOT_BRACKETS)
        inside = not inside
    if max(itertools.accumulate(_STEP[bracket] for bracket in brackets), default=0) > most:
        raise NotJson(f"nested more than {most} levels deep")


_NOT_BRACKETS = bytes(b for b in range(256) if b not in b"[]{}")
