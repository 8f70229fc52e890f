"""References (`$ref`) within one document in one piece: checked, followed, replaced."""

import itertools
import re
from collections import deque

from specbus.spec import ContractError, Json
from specbus.spec.grammar import SCHEMA, Kind, grammar, is_reference, kind_of, references, transform
from specbus.spec.pointer import at, steps

_MAX_VALUES = 200_000
"""How many values `resolved` may make: references to references double with each step."""
_MAX_INLINED = 20_000
"""How many values of a schema `self_contained` copies to where they are referred to."""
_MAX_NESTED = 50
"""How deep references to references are replaced there."""
_NOT_IN_A_COPY = frozenset({"$defs", "definitions", "$id", "$schema"})
"""What only helps to follow references, and would mislead a validator where they have been replaced."""


def check_references(document: dict[str, Json]) -> None:
    """Raise ContractError if a `$ref` in `document` points at nothing, or only at itself."""
    for ref, _ in references(grammar(document), "Document", document):
        follow(document, {"$ref": ref})


def follow(document: dict[str, Json], node: Json) -> Json:
    """What `node` is once the references that it consists of are followed. Raises ContractError."""
    return followed(document, node)[0]


def followed(document: dict[str, Json], node: Json) -> tuple[Json, str]:
    """What `node` is once the references that it consists of are followed, and the last one ("" if it is none).

    Raises ContractError.
    """
    passed: list[str] = []
    while is_reference(node):
        ref = node["$ref"]
        if ref in passed:
            raise ContractError(f"$ref {ref} refers to itself")
        passed.append(ref)
        node = at(document, ref)
    return node, passed[-1] if passed else ""


def resolved(document: dict[str, Json], node: Json) -> Json:
    """A copy of `node` with every reference into `document` replaced by what it points at.

    Raises ContractError, also for a reference that leads back to itself: `self_contained` takes those.
    """
    table = grammar(document)
    inside: list[str] = []
    count = 0

    def replace(reference: dict[str, Json], kind: Kind) -> Json:
        nonlocal count
        ref = reference["$ref"]
        if ref in inside:
            raise ContractError(f"$ref {ref} refers to itself")
        target = at(document, ref)
        count += _size(target)
        if count > _MAX_VALUES:
            raise ContractError(f"$ref {ref}: too large once all references are followed")
        inside.append(ref)
        value = transform(table, kind, target, replace)
        inside.pop()
        return value

    try:
        return transform(table, kind_of(table, document, node), node, replace)
    except RecursionError:
        raise ContractError(f"$ref {inside[-1]}: nested too deeply once all references are followed") from None


def self_contained(document: dict[str, Json], schema: Json) -> Json:
    """A copy of `schema`, which stands in `document`, that needs nothing around it. Raises ContractError.

    References are replaced by what they point at. Where that would have no end, since the schema contains itself, or
    would be too large, they remain and point into the copy's own `$defs`.
    """
    table = grammar(document)
    schema, root = followed(document, schema)
    if not isinstance(schema, dict):
        return schema
    waiting: deque[tuple[dict[str, Json], str, tuple[str, ...]]] = deque()
    """Places for what is referred to, with the references around them. Outermost first: that is what is looked at."""
    inside: tuple[str, ...] = (root,)
    names: dict[str, str] = {}
    count = 0

    def later(reference: dict[str, Json], _kind: Kind) -> Json:
        target, ref = followed(document, reference)
        if isinstance(target, bool):
            return target
        if not isinstance(target, dict):
            raise ContractError(f"$ref {ref} points at no schema")
        place: dict[str, Json] = {}
        waiting.append((place, ref, inside))
        return place

    def kept(reference: dict[str, Json], _kind: Kind) -> Json:
        target, ref = followed(document, reference)
        if not isinstance(target, dict | bool):
            raise ContractError(f"$ref {ref} points at no schema")
        return {"$ref": f"#/$defs/{_name(ref, names)}"}

    copy = transform(table, SCHEMA, schema, later, _NOT_IN_A_COPY)
    while waiting:
        place, ref, around = waiting.popleft()
        target = at(document, ref)
        count += _size(target)
        if ref in around or count > _MAX_INLINED or len(around) > _MAX_NESTED:
            place["$ref"] = f"#/$defs/{_name(ref, names)}"
        else:
            inside = (*around, ref)
            place.update(transform(table, SCHEMA, target, later, _NOT_IN_A_COPY))
    definitions: dict[str, Json] = {}
    while left := [ref for ref, name in names.items() if name not in definitions]:
        for ref in left:
            definitions[names[ref]] = transform(table, SCHEMA, at(document, ref), kept, _NOT_IN_A_COPY)
    return {**copy, "$defs": definitions} if definitions else copy


def _name(ref: str, names: dict[str, str]) -> str:
    """The name in `$defs` for what `ref` points at, which `names` remembers."""
    if ref not in names:
        last = (steps(ref) or [""])[-1]
        plain = re.sub("[^A-Za-z0-9_]", "_", last) or "Schema"
        taken = set(names.values())
        candidates = (f"{plain}{number or ''}" for number in itertools.count())
        names[ref] = next(name for name in candidates if name not in taken)
    return names[ref]


def _size(node: Json) -> int:
    """How many values `node` consists of."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return 1 + sum(map(_size, inner))
