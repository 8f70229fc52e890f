"""JSON text to what a schema judges, with the parts that must keep their bytes left alone.

Two marks in a schema decide what is decoded:

- `x-verbatim: true` on an object: the program hands its text on as it came. It decodes to a `Verbatim`.
- a schema without any constraint (a payload that may be any JSON value): its text is checked to be JSON and otherwise
  not looked at; it decodes to None. So no number is too large for us and no escape too odd.

There are two ways through, which agree: `msgspec` with types made from the schema, for nearly all that comes, and the
standard library's `json`, for what the first refuses. The second is the judge of what is JSON.
"""

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from specbus.contract import fastpath
from specbus.contract.jsontext import SPACE, NotJson, check_depth, check_scalars, decode
from specbus.contract.outline import Outliner
from specbus.contract.shape import Shape, Verbatim, verbatim
from specbus.spec import Json

__all__ = ["MAX_BODY_DEPTH", "MAX_DEPTH", "MAX_SENT_DEPTH", "Decoder", "NotJson", "Verbatim"]

MAX_DEPTH = 128
"""How deep arrays and objects may be nested in a frame."""
MAX_BODY_DEPTH = MAX_DEPTH - 1
"""How deep in a body: a message that comes in one stands a level deeper in the frame that takes it on."""
MAX_SENT_DEPTH = MAX_DEPTH + 8
"""How deep in what the service sends, where a message may stand some levels deep."""


class Decoder:
    """Decodes the texts of one schema, or of several told apart by a field that is a constant in each."""

    def __init__(self, schemas: Mapping[str, Json], tag_field: str | None = None, max_depth: int = MAX_DEPTH) -> None:
        """Decode by `schemas`: the only one, or each under its value of `tag_field`.

        `max_depth` is how deep arrays and objects may be nested in a text.
        """
        self._max_depth = max_depth
        self._min_deep = 2 * max_depth
        """A text of fewer bytes is not nested too deep."""
        self._shapes = {tag: Shape(schema) for tag, schema in schemas.items()}
        self._tag_field = tag_field
        self.outline = Outliner(self._shapes, tag_field).outline
        """What of a large text that has been through `quick` is enough to see what is wrong with it, mostly."""
        self._converters: dict[Any, tuple[str, Callable[[Any], Json]]] = {}
        self._decode: Callable[[bytes], Any] | None = None
        self._root_verbatim = {tag for tag, shape in self._shapes.items() if shape.verbatim}
        # A schema with more to it than fields goes the slow way, and takes the rest of its union along.
        with contextlib.suppress(fastpath.NotQuick):
            union: Any = None
            for tag, shape in self._shapes.items():
                if not shape.plain:
                    raise fastpath.NotQuick
                struct, convert = fastpath.compiled(shape, (tag_field, tag) if tag_field else None)
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
        if len(data) > self._min_deep and data.count(b"[") + data.count(b"{") > self._max_depth:
            check_depth(data, self._max_depth)
        if self._decode is None:
            return None
        try:
            instance = self._decode(data)
            tag, convert = self._converters[type(instance)]
            value = convert(instance)
        except (msgspec.DecodeError, RecursionError, KeyError):
            return None
        if self._root_verbatim and tag in self._root_verbatim:
            value = verbatim(value, data.strip(b" \t\n\r"))
        return tag, value

    def thorough(self, data: bytes) -> tuple[str | None, Json]:
        """The tag (None if there is none that is known) and value of `data`. Raises NotJson.

        `data` has been through `quick`.
        """
        with _no_collection():
            return self._thorough(data)

    def _thorough(self, data: bytes) -> tuple[str | None, Json]:
        text = data.decode()
        value = decode(text)
        tag: str | None
        if self._tag_field is None:
            tag = next(iter(self._shapes))
        else:
            tag = value.get(self._tag_field) if isinstance(value, dict) else None
            if not isinstance(tag, str) or tag not in self._shapes:
                return None, value
        value = self._shapes[tag].select(value, text.strip(SPACE))
        check_scalars(value)
        return tag, value


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Have the garbage collector rest meanwhile: it would look at each of thousands of new lists several times."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
