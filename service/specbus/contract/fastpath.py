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

Convert: TypeAlias = Callable[[Any], Any]
_numbers = itertools.count(1)
_TYPES = {"string": str, "boolean": bool}
"""Types that leave nothing to decide: what is of another is not decoded first, which for 1 MiB takes long."""
_UNKNOWN_TO_MSGSPEC = re.compile(r'["\\\x00-\x1f]')
"""What no name may have that msgspec is to find: it looks for it as it stands in the text, where these are escaped."""
_MAX_INDENT = 4 * 50
"""Python takes 100 levels, which fields that may be missing need."""


class NotQuick(Exception):
    """A shape has no msgspec type."""


def compiled(shape: Shape, tag: tuple[str, str] | None = None) -> tuple[Any, Convert]:
    """A msgspec type for the plain `shape`, and what turns its instances into what `shape.select` would return.

    A text without a field that the shape requires is not of the type: the slow way says so in words.

    Args:
        shape: An object with fields.
        tag: A field's name and its value, which make the type one of a tagged union.

    Raises:
        NotQuick: Some part of the shape has no type.

    """
    code = _Code()
    struct = code.object(shape, "instance", "value", tag)
    return struct, code.function(tag[1] if tag else "value")


class _Code:
    """The lines of one conversion, nested objects within it: a call for each would take as long as all else of it."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._scope: dict[str, Any] = {"unset": msgspec.UNSET, "Verbatim": Verbatim}
        self._names = itertools.count()

    def object(
        self, shape: Shape, instance: str, value: str, tag: tuple[str, str] | None = None, indent: str = "    "
    ) -> Any:
        """Write what makes of the struct in the variable `instance` the dict `value`. Gives the struct's type."""
        names = [name for name in shape.fields if tag is None or name != tag[0]]
        if len(indent) > _MAX_INDENT or any(map(_UNKNOWN_TO_MSGSPEC.search, [*names, *(tag[:1] if tag else ())])):
            raise NotQuick
        attributes = {name: f"f{index}" for index, name in enumerate(names)}
        # Names from the document are literals in the code.
        given = [(repr(tag[0]), repr(tag[1]))] if tag else []
        optional: list[str] = []
        types: list[tuple[Any, ...]] = []
        for name, attribute in attributes.items():
            field, source = shape.fields[name], f"{instance}.{attribute}"
            if name in shape.required:
                type_, text = self._field(field, source, indent)
                given.append((repr(name), text))
                types.append((attribute, type_))
            else:
                optional.append(f"{indent}if {source} is not unset:")
                outer, self._lines = self._lines, []
                type_, text = self._field(field, source, indent + "    ")
                optional += [*self._lines, f"{indent}    {value}[{name!r}] = {text}"]
                self._lines = outer
                types.append((attribute, type_, msgspec.UNSET))
        if shape.verbatim and not tag:
            # Filled afterwards, as a dict to copy takes half as long again.
            self._lines += [
                f"{indent}{value} = Verbatim()",
                *(f"{indent}{value}[{name}] = {text}" for name, text in given),
            ]
        else:
            self._lines.append(f"{indent}{value} = {{{', '.join(f'{name}: {text}' for name, text in given)}}}")
        self._lines += optional
        return msgspec.defstruct(
            "Shaped",
            types,
            tag_field=tag[0] if tag else None,
            tag=tag[1] if tag else None,
            rename={attribute: name for name, attribute in attributes.items()},
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,
        )

    def _field(self, shape: Shape, source: str, indent: str) -> tuple[Any, str]:
        """The type of a field of `shape`, and the expression for its value, which is in the struct at `source`."""
        if shape.opaque:
            return msgspec.Raw, "None"
        if not shape.special:
            return (_TYPES.get(next(iter(shape.types)), Any) if len(shape.types) == 1 else Any), source
        if not shape.plain:
            raise NotQuick
        number = next(self._names)
        value = f"value{number}"
        if not shape.verbatim:
            return self.object(shape, source, value, indent=indent), value
        self._lines.append(f"{indent}instance{number} = decode{number}({source})")
        struct = self.object(shape, f"instance{number}", value, indent=indent)
        self._lines.append(f"{indent}{value}.text = bytes({source})")
        self._scope[f"decode{number}"] = msgspec.json.Decoder(struct).decode
        return msgspec.Raw, value

    def function(self, what: str) -> Convert:
        """The function of the lines written: of `instance`, it returns `value`."""
        name = "convert_" + re.sub("[^A-Za-z0-9_]", "_", what)
        source = "\n".join([f"def {name}(instance):", *self._lines, "    return value", ""])
        filename = f"<specbus.contract.fastpath {name} {next(_numbers)}>"
        exec(compile(source, filename, "exec"), self._scope)  # noqa: S102 - see `object`
        linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
        function: Convert = self._scope[name]
        return function
