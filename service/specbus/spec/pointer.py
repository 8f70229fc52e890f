"""JSON Pointers (RFC 6901), as the fragments of references have them."""

import re
from urllib.parse import unquote

from specbus.spec import ContractError, Json

_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")
_BAD_ESCAPE = re.compile(r"~(?![01])")


def steps(fragment: str) -> list[str] | None:
    """The names and indexes in `fragment` (`#/a/b`, percent-encoded; RFC 6901, 6); None if it is no pointer."""
    try:
        pointer = unquote(fragment.removeprefix("#"), errors="strict")
    except UnicodeDecodeError:
        return None
    if (pointer and not pointer.startswith("/")) or _BAD_ESCAPE.search(pointer):
        return None
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def pointer(*steps: str) -> str:
    """The pointer with the names `steps`, not percent-encoded: `/paths/~1topics`."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def at(document: Json, fragment: str) -> Json:
    """What `fragment` (`#/a/b`) points at in `document`. Raises ContractError."""
    node = document
    found = steps(fragment) if fragment.startswith("#") else None
    if found is None:
        raise ContractError(f"$ref {fragment} points at nothing")
    for step in found:
        if isinstance(node, dict) and step in node:
            node = node[step]
        elif isinstance(node, list) and _INDEX.fullmatch(step) and int(step) < len(node):
            node = node[int(step)]
        else:
            raise ContractError(f"$ref {fragment} points at nothing")
    return node
