"""References (`$ref`) within one document in one piece: checked, followed, replaced."""

import re
from collections import deque

from specbus.spec import ContractError, Json
from specbus.spec.grammar import SCHEMA, Kind, grammar, is_reference, kind_of, references, transform
from specbus.spec.names import Taken
from specbus.spec.pointer import at, steps
from specbus.spec.yaml import MAX_DEPTH

MAX_HOPS = 100
"""How many references may lead from one to the next before there is something else."""
_MAX_VALUES = 200_000
"""How many values `resolved` may make: references to references double with each step."""
_MAX_INLINED = 20_000
"""How many values of a schema `self_contained` copies to where they are referred to."""
_MAX_ALL = 500_000
"""How many values the self-contained schemas of one document may have. Each is compiled, some 10 us for a value."""
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
        if len(passed) == MAX_HOPS:
            raise ContractError(f"$ref {passed[0]} leads on over more than {MAX_HOPS} references")
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
        count += size(target)
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


class Copies:
    """The schemas of a document, each made self-contained."""

    def __init__(self, document: dict[str, Json]) -> None:
        """They stand in `document`."""
        self._document = document
        self._values = 0

    def of(self, schema: Json) -> Json:
        """`schema` made `self_contained`. Raises ContractError, also once all of them are too large together."""
        copy = self_contained(self._document, schema)
        self._values += size(copy)
        if self._values > _MAX_ALL:
            raise ContractError("the schemas are too large once all references are followed")
        return copy


def self_contained(document: dict[str, Json], schema: Json) -> Json:
    """A copy of `schema`, which stands in `document`, that needs nothing around it. Raises ContractError.

    References are replaced by what they point at. Where that would have no end, since the schema contains itself, or
    would be too large or nested deeper than a document may be, they remain and point into the copy's own `$defs`.
    """
    table = grammar(document)
    schema, root = followed(document, schema)
    if not isinstance(schema, dict):
        return schema
    waiting: deque[tuple[dict[str, Json], str, tuple[str, ...], int]] = deque()
    """Places for what is referred to, with the references around them and how deep what has been copied around them
    is. Outermost first: that is what is looked at."""
    inside: tuple[str, ...] = (root,)
    around = depth(schema)
    names: dict[str, str] = {}
    taken = Taken()
    count = 0

    def later(reference: dict[str, Json], _kind: Kind) -> Json:
        target, ref = followed(document, reference)
        if isinstance(target, bool):
            return target
        if not isinstance(target, dict):
            raise ContractError(f"$ref {ref} points at no schema")
        place: dict[str, Json] = {}
        waiting.append((place, ref, inside, around))
        return place

    def kept(reference: dict[str, Json], _kind: Kind) -> Json:
        target, ref = followed(document, reference)
        if not isinstance(target, dict | bool):
            raise ContractError(f"$ref {ref} points at no schema")
        return {"$ref": f"#/$defs/{name(ref)}"}

    def name(ref: str) -> str:
        if ref not in names:
            last = (steps(ref) or [""])[-1]
            names[ref] = taken.free(re.sub("[^A-Za-z0-9_]", "_", last) or "Schema", 1)
            unwritten.append(ref)
        return names[ref]

    unwritten: list[str] = []
    copy = transform(table, SCHEMA, schema, later, _NOT_IN_A_COPY)
    while waiting:
        place, ref, outer, above = waiting.popleft()
        target = at(document, ref)
        count += size(target)
        around = above + depth(target)
        if ref in outer or count > _MAX_INLINED or around > MAX_DEPTH:
            place["$ref"] = f"#/$defs/{name(ref)}"
        else:
            inside = (*outer, ref)
            place.update(transform(table, SCHEMA, target, later, _NOT_IN_A_COPY))
    definitions: dict[str, Json] = {}
    while unwritten:
        ref = unwritten.pop()
        definitions[names[ref]] = transform(table, SCHEMA, at(document, ref), kept, _NOT_IN_A_COPY)
    return {**copy, "$defs": definitions} if definitions else copy


def size(node: Json) -> int:
    """How many values `node` consists of."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return 1 + sum(map(size, inner))


def depth(node: Json) -> int:
    """How deep collections are nested in `node`, itself included."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def is_larger(node: Json, most: int) -> bool:
    """Whether `node` consists of more than `most` values; it is not counted further."""
    waiting = [node]
    seen = 0
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list):
            seen += len(each)
            if seen >= most:
                return True
            waiting += each.values() if isinstance(each, dict) else each
    return False
