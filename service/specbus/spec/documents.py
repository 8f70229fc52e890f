"""Reading the documents: YAML, references across files, one bundled document with its names kept."""

import copy
from collections.abc import Hashable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

Json = Any
"""A JSON value: what YAML and JSON documents are made of."""


class ContractError(Exception):
    """A document that the program cannot run from. The text is one line that names file and place."""


class _Loader(yaml.SafeLoader):
    """YAML restricted to what JSON has: keys are strings and unique, dates stay text."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Json:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # `!!int x`
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            # As written: an unquoted status such as 200 is the key "200".
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key in mapping:
                problem = "a key must be plain text" if key is None else f'the key "{key}" stands twice'
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_mapping)
_JSON_TYPES = ("map", "seq", "str", "int", "float", "bool", "null")
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in _Loader.yaml_constructors.items()
    if tag is None or tag.rpartition(":")[2] in _JSON_TYPES
}


def read(path: Path) -> Json:
    """The YAML (or JSON) file at `path`, a mapping. Raises ContractError."""
    try:
        content = yaml.load(path.read_bytes().decode(), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ContractError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ContractError(f"{path}: not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" line {mark.line + 1}" if mark else ""
        raise ContractError(f"{path}:{place} {error.problem or 'not YAML'}") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ContractError(f"{path}: must be a mapping")
    return content


def bundle(path: Path) -> dict[str, Json]:
    """The document at `path` in one piece: each file it refers to becomes `components.schemas.<title>`.

    Every `$ref` of the result points into the result. Raises ContractError.
    """
    files: dict[Path, str] = {}
    schemas: dict[str, Json] = {}

    def hoist(file: Path, user: Path) -> str:
        if file not in files:
            if not file.is_file():
                raise ContractError(f"{user}: $ref to {file.name}, which is not there")
            content = read(file)
            title = content.get("title")
            if not isinstance(title, str) or not title.isidentifier():
                raise ContractError(f"{file}: needs a title that can serve as its name")
            if title in schemas:
                raise ContractError(f'{file}: the title "{title}" is taken by another file')
            files[file] = title
            schemas[title] = None  # holds the name while the file's own references are followed
            schemas[title] = walk(content, file)
        return files[file]

    def walk(node: Json, file: Path) -> Json:
        if isinstance(node, list):
            return [walk(item, file) for item in node]
        if not isinstance(node, dict):
            return node
        ref = node.get("$ref")
        if not isinstance(ref, str):
            return {key: walk(value, file) for key, value in node.items()}
        if ref.startswith("#"):
            if file != path:
                raise ContractError(f"{file}: $ref {ref}: a shared file may refer to whole files only")
            return node
        if "#" in ref or "://" in ref:
            raise ContractError(f"{file}: $ref {ref}: only whole files beside it can be referred to")
        return {"$ref": "#/components/schemas/" + hoist((file.parent / ref).resolve(), file)}

    path = path.resolve()
    document: dict[str, Json] = walk(read(path), path)
    components = document.setdefault("components", {})
    if not isinstance(components, dict):
        raise ContractError(f"{path}: components must be a mapping")
    own = components.setdefault("schemas", {})
    if not isinstance(own, dict):
        raise ContractError(f"{path}: components.schemas must be a mapping")
    if taken := own.keys() & schemas.keys():
        raise ContractError(f'{path}: components.schemas has "{min(taken)}", the title of a file it refers to')
    document["components"]["schemas"] = dict(sorted({**own, **schemas}.items()))
    if not document["components"]["schemas"]:
        del document["components"]["schemas"]
    try:
        check_references(document)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from None
    return document


def check_references(document: dict[str, Json]) -> None:
    """Raise ContractError if a `$ref` in `document` points at nothing, or only at itself."""

    def check(node: Json) -> None:
        if isinstance(node, dict):
            target, passed = node, set[str]()
            while isinstance(target, dict) and isinstance(ref := target.get("$ref"), str):
                if ref in passed:
                    raise ContractError(f"$ref {ref} refers to itself")
                passed.add(ref)
                target = at(document, ref)
            node = list(node.values())
        if isinstance(node, list):
            for item in node:
                check(item)

    check(document)


def at(document: dict[str, Json], pointer: str) -> Json:
    """What `pointer` (a fragment, `#/a/b`; RFC 6901) points at in `document`. Raises ContractError."""
    node: Json = document
    if pointer != "#":
        for raw in unquote(pointer).removeprefix("#/").split("/"):
            step = raw.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and step in node:
                node = node[step]
            elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node = node[int(step)]
            else:
                raise ContractError(f"$ref {pointer} points at nothing")
    return node


def resolved(document: dict[str, Json], node: Json, _inside: tuple[str, ...] = ()) -> Json:
    """A copy of `node` with every reference into `document` replaced by what it points at. Raises ContractError."""
    if isinstance(node, list):
        return [resolved(document, item, _inside) for item in node]
    if not isinstance(node, dict):
        return copy.copy(node)
    ref = node.get("$ref")
    if isinstance(ref, str):
        if ref in _inside:
            raise ContractError(f"$ref {ref} refers to itself")
        return resolved(document, at(document, ref), (*_inside, ref))
    return {key: resolved(document, value, _inside) for key, value in node.items()}
