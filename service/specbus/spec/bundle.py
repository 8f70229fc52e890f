"""A document of many files, in one piece that any tool reads.

What a `$ref` to another file points at is moved to `components`, under a name that people recognise: its title, or
else what the reference or the file calls it. References that stay point into the result. Where OpenAPI or AsyncAPI
have no place for such an object in `components` (a path item), it is copied to where it is referred to.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from specbus.spec import ContractError, Json
from specbus.spec.files import MAX_BYTES, read
from specbus.spec.grammar import (
    SCHEMA,
    Kind,
    Table,
    components_of,
    fields,
    grammar,
    is_reference,
    references,
    transform,
)
from specbus.spec.names import Taken, pascal
from specbus.spec.pointer import at, steps
from specbus.spec.references import MAX_HOPS, check_references, size
from specbus.spec.yaml import MAX_VALUES

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
"""How a reference begins that is more than a path (RFC 3986, 4.2)."""
_NOT_MOVED = frozenset({"$defs", "definitions", "$id", "$schema"})
"""Fields of schemas in other files. What is referred to in `$defs` is moved by itself; `$id` would change where
references lead, which here are relative to their file."""


def bundle(path: Path) -> dict[str, Json]:
    """The document at `path` in one piece.

    Each part of another file that it refers to becomes `components.schemas.<title>`, or stands in the fitting other
    field of `components`; every `$ref` of the result points into the result. Other files must be in the document's
    folder or below it. Raises ContractError.
    """
    try:
        return _Bundle(path).document()
    except RecursionError:
        raise ContractError(f"{path}: nested too deeply once the files that it refers to are put together") from None


@dataclass(eq=False, slots=True)
class _Part:
    """A part of another file that something refers to."""

    file: Path
    steps: tuple[str, ...]
    """Its pointer; () for the whole file."""
    kind: Kind
    section: str
    """The field of `components` that it goes to; "" if it is copied to where it is referred to."""
    content: Json
    name: str = ""
    owner: Json = None
    """The object of the document's own `components` that it is, or the reference there whose place it takes."""


class _Bundle:
    """A document and the parts of other files that it needs."""

    def __init__(self, path: Path) -> None:
        # Links are followed to see where a file is, not to find what lies beside it: the document may be a link.
        self._folder = path.parent.resolve()
        self._path = self._folder / path.name
        self._identity = self._path.resolve()
        self._bytes = 0
        """How large the files are that were read."""
        self._values = 0
        """How many values are in them, and in what is copied."""
        self._main: dict[str, Json] = self._read(self._path)
        self._files: dict[Path, dict[str, Json]] = {}
        self._table: Table = grammar(self._main)
        self._parts: dict[tuple[Path, tuple[str, ...], str], _Part] = {}
        self._copying: list[_Part] = []

    def document(self) -> dict[str, Json]:
        """The document in one piece. Raises ContractError."""
        self._collect()
        self._check_components()
        self._name_by_components()
        self._name()
        document: dict[str, Json] = self._moved(self._main, "Document", self._path)
        components = document.setdefault("components", {})
        for part in self._parts.values():
            if part.section and part.owner is None:
                components.setdefault(part.section, {})[part.name] = self._moved(part.content, part.kind, part.file)
        if "schemas" in components:
            components["schemas"] = dict(sorted(components["schemas"].items()))
        if components.get("schemas") == {}:
            del components["schemas"]
        try:
            check_references(document)
        except ContractError as error:
            raise ContractError(f"{self._path}: {error}") from None
        return document

    def _read(self, file: Path) -> dict[str, Json]:
        """The mapping in `file`. Raises ContractError, also where all the files are too large together."""
        content: dict[str, Json] = read(file, MAX_BYTES - self._bytes)
        self._bytes += file.stat().st_size
        self._count(content, file)
        return content

    def _count(self, content: Json, file: Path) -> None:
        self._values += size(content)
        if self._values > MAX_VALUES:
            raise ContractError(f"{file}: the document has more than {MAX_VALUES} values with all that it refers to")

    def _collect(self) -> None:
        """Find the parts of other files that are needed."""
        waiting: list[tuple[Path, Kind, Json]] = [(self._path, "Document", self._main)]
        while waiting:
            file, kind, content = waiting.pop(0)
            for ref, expected in references(self._table, kind, content):
                known = len(self._parts)
                part = self._part(ref, expected, file)
                if part is not None and len(self._parts) > known:
                    waiting.append((part.file, part.kind, part.content))

    def _part(self, ref: str, kind: Kind, user: Path) -> _Part | None:
        """What `ref`, which stands in the file `user`, points at; None if it is in the document itself."""
        before, _, fragment = ref.partition("#")
        if user == self._path and not before:
            return None
        file = self._file(before, ref, user) if before else user
        if file == self._path:
            if not fragment:
                raise ContractError(f"{user}: $ref {ref} points at the whole document, of which it is a part")
            return None
        found = steps(f"#{fragment}")
        if found is None:
            raise ContractError(f"{user}: $ref {ref} points at nothing")
        section = components_of(self._table, kind)
        key = file, tuple(found), section or kind
        if key not in self._parts:
            if file not in self._files:
                self._files[file] = self._read(file)
            try:
                content = at(self._files[file], f"#{fragment}")
            except ContractError:
                raise ContractError(f"{user}: $ref {ref} points at nothing") from None
            if not isinstance(content, dict) and not (isinstance(content, bool) and section == "schemas"):
                raise ContractError(f"{user}: $ref {ref} points at no object")
            self._parts[key] = _Part(file, tuple(found), SCHEMA if section == "schemas" else kind, section, content)
        return self._parts[key]

    def _file(self, relative: str, ref: str, user: Path) -> Path:
        """The file that `relative`, the part of `ref` before its fragment, names."""
        if _URI.match(relative):
            raise ContractError(f"{user}: $ref {ref}: only files beside the document can be referred to, no URL")
        try:
            file = Path(os.path.normpath(user.parent / unquote(relative, errors="strict")))
            real = file.resolve()
            if real == self._identity:
                return self._path
            if not real.is_relative_to(self._folder):
                raise ContractError(f"{user}: $ref {ref}: the file is outside {self._folder}, the document's folder")
            if not file.is_file():
                raise ContractError(f"{user}: $ref to {relative}, which is not there")
        except (ValueError, OSError, RuntimeError):  # a zero byte, a name too long, a link to itself
            raise ContractError(f"{user}: $ref to {relative!r}, which is no file") from None
        return file

    def _check_components(self) -> None:
        """Raise ContractError if parts cannot be put into the document's components."""
        components, file, _ = self._followed(self._main.get("components", {}), "Components", self._path)
        if not isinstance(components, dict):
            raise ContractError(f"{self._path}: components must be a mapping")
        for section in {"schemas", *(part.section for part in self._parts.values() if part.section)}:
            own, _, _ = self._followed(components.get(section, {}), f"{SCHEMA}{{}}", file)
            if not isinstance(own, dict):
                raise ContractError(f"{self._path}: components.{section} must be a mapping")

    def _components(self) -> Iterator[tuple[str, Kind, str, Json, Path, tuple[str, ...]]]:
        """The document's own components: section, kind, name, object, and the file and place that it stands in."""
        components, file, place = self._followed(self._main.get("components", {}), "Components", self._path)
        for section, own, kind in fields(self._table, "Components", components):
            if kind is not None:
                own, there, at_ = self._followed(own, kind, file, (*place, str(section)))
                if isinstance(own, dict):
                    for name, node in own.items():
                        yield str(section), kind.removesuffix("{}"), name, node, there, (*at_, name)

    def _followed(
        self, node: Json, kind: Kind, file: Path, place: tuple[str, ...] = ()
    ) -> tuple[Json, Path, tuple[str, ...]]:
        """What `node`, at `place` in `file`, is once references to other files are followed, and where that is."""
        passed: list[_Part] = []
        while is_reference(node) and (part := self._part(node["$ref"], kind, file)):
            if part in passed:
                raise ContractError(f"{file}: $ref {node['$ref']} refers to itself")
            if len(passed) == MAX_HOPS:
                raise ContractError(f"{file}: $ref {node['$ref']} leads on over more than {MAX_HOPS} references")
            passed.append(part)
            node, file, place = part.content, part.file, part.steps
        return node, file, place

    def _name_by_components(self) -> None:
        """Give parts that are components of the document's own, or that such a one consists of, its name and place."""
        for section, kind, name, node, file, place in self._components():
            part = self._part(node["$ref"], kind, file) if is_reference(node) else None
            part = part or self._parts.get((file, place, section))
            # A title goes before: it is what the schema is called wherever it is used.
            if part is not None and part.section and not part.name and _title(part) in ("", name):
                part.name, part.owner = name, node

    def _name(self) -> None:
        """Name the other parts: by their titles first, so that the name of no file takes that of a title."""
        own: defaultdict[str, Taken] = defaultdict(Taken)
        for section, _, name, *_ in self._components():
            own[section].add(name)
        titles: set[str] = set()
        nameless = [part for part in self._parts.values() if part.section and not part.name]
        for part in nameless:
            if name := _title(part):
                if name in titles:
                    raise ContractError(f'{part.file}: the title "{name}" is taken by another file')
                if name in own["schemas"]:
                    raise ContractError(
                        f'{self._path}: components.schemas has "{name}", the title of a file it refers to'
                    )
                titles.add(name)
                part.name = name
        for title in titles:
            own["schemas"].add(title)
        for part in nameless:
            if not part.name:
                plain = _identifier(part.steps[-1] if part.steps else part.file.stem) or part.kind
                part.name = own[part.section].free(plain, 2)

    def _moved(self, node: Json, kind: Kind, file: Path) -> Json:
        """A copy of `node`, from `file`, whose references point into the document."""

        def replace(reference: dict[str, Json], expected: Kind) -> Json:
            ref = reference["$ref"]
            part = self._part(ref, expected, file)
            if part is None:
                return {**reference, "$ref": "#" + ref.partition("#")[2]}
            if part.owner is reference:
                return self._moved(part.content, part.kind, part.file)
            if part.section:
                return {"$ref": f"#/components/{part.section}/{part.name}"}
            if part in self._copying:
                raise ContractError(f"{file}: $ref {ref} refers to itself")
            self._count(part.content, file)  # copies in copies double with each step
            self._copying.append(part)
            content = self._moved(part.content, part.kind, part.file)
            self._copying.pop()
            # A path item may have fields beside its reference (OpenAPI 3.0.3, "Path Item Object").
            beside = {name: value for name, value in reference.items() if name != "$ref"}
            return {**content, **self._moved(beside, expected, file)} if expected == "PathItem" else content

        return transform(self._table, kind, node, replace, frozenset() if file == self._path else _NOT_MOVED)


def _title(part: _Part) -> str:
    """The title of a schema as the name of a type; "" if it has none that could be one."""
    title = part.content.get("title") if part.kind == SCHEMA and isinstance(part.content, dict) else None
    if not isinstance(title, str):
        return ""
    return title if title.isidentifier() else _identifier(title)


def _identifier(text: str) -> str:
    """`text` as the name of a type; "" if there is nothing in it to make one of."""
    name = pascal(text)
    return name if name.isidentifier() else f"Schema{name}" if name else ""
