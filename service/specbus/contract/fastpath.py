"""The quick way through a text: a msgspec type made from a schema, and code that is made for its fields.

The code is made at run time, since code for the fields that there are takes a third of the time of a loop over them,
and every frame comes here. It has a name, and stands where tracebacks and debuggers look for lines.
"""

import itertools
import linecache
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from specbus.contract.shape import Shape, Verbatim
from specbus.spec import Json

Convert: TypeAlias = Callable[[Any], Any]
_numbers = itertools.count(1)


class NotQuick(Exception):
    """A shape has no msgspec type."""


def compiled(
    shape: Shape, tag: tuple[str, str] | None = None, make: type[dict[str, Json]] = dict
) -> tuple[Any, Convert]:
    """A msgspec type for the plain `shape`, and what turns its instances into what `shape.select` would return.

    Args:
        shape: An object with fields.
        tag: A field's name and its value, which make the type one of a tagged union.
        make: The type of dict to return.

    Raises:
        NotQuick: Some part of the shape has no type.

    """
    names = [name for name in shape.fields if tag is None or name != tag[0]]
    attributes = [f"f{index}" for index in range(len(names))]
    members = [_member(shape.fields[name]) for name in names]
    struct = msgspec.defstruct(
        "Shaped",
        [(attribute, type_, msgspec.UNSET) for attribute, (type_, _) in zip(attributes, members, strict=True)],
        tag_field=tag[0] if tag else None,
        tag=tag[1] if tag else None,
        rename=dict(zip(attributes, names, strict=True)),
        forbid_unknown_fields=True,
    )
    # Names from the document are literals in the code.
    lines = [f"    fields = make({{{tag[0]!r}: {tag[1]!r}}})" if tag else "    fields = make()"]
    scope: dict[str, Any] = {"make": make, "unset": msgspec.UNSET}
    for attribute, name, (_, convert) in zip(attributes, names, members, strict=True):
        value = f"convert_{attribute}(value)" if convert else "value"
        lines.append(f"    if (value := instance.{attribute}) is not unset: fields[{name!r}] = {value}")
        scope[f"convert_{attribute}"] = convert
    return struct, _function(tag[1] if tag else "value", [*lines, "    return fields"], scope)


def _function(what: str, lines: list[str], scope: dict[str, Any]) -> Convert:
    """The function of one argument `instance` with the body `lines`, which sees `scope`."""
    name = "convert_" + re.sub("[^A-Za-z0-9_]", "_", what)
    source = "\n".join([f"def {name}(instance):", *lines, ""])
    filename = f"<specbus.contract.fastpath {name} {next(_numbers)}>"
    exec(compile(source, filename, "exec"), scope)  # noqa: S102 - see `compiled`
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    function: Convert = scope[name]
    return function


def _member(shape: Shape) -> tuple[Any, Convert | None]:
    """The type of a field of `shape`, and its conversion if it needs one."""
    if shape.opaque:
        return msgspec.Raw, lambda _raw: None
    if not shape.special:
        return Any, None
    if not shape.plain:
        raise NotQuick
    if not shape.verbatim:
        return compiled(shape)
    struct, convert = compiled(shape, make=Verbatim)
    decode = msgspec.json.Decoder(struct).decode

    def convert_verbatim(raw: msgspec.Raw) -> Json:
        value = convert(decode(raw))
        value.text = bytes(raw)
        return value

    return msgspec.Raw, convert_verbatim
