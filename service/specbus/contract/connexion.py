"""An OpenAPI document reduced to what connexion needs of it: it routes and parses, and the contract judges.

Connexion reads OpenAPI 3.0 alone, in which a schema cannot have `const`, `if`, `patternProperties` or `$defs`, and it
puts every reference into its place, whether it is one or data, and without end where a schema contains itself.
"""

from specbus.spec import ContractError, Json
from specbus.spec.grammar import SCHEMA, Kind, fields, grammar, is_reference
from specbus.spec.pointer import at
from specbus.spec.references import follow
from specbus.spec.yaml import MAX_VALUES

_LEFT_OUT = frozenset({"components", "callbacks", "links", "encoding", "example", "examples"})
_OF_A_SCHEMA = ("type", "format", "default", "nullable")
"""What conversions and default values of parameters are made by."""
_MAX_NESTED = 20
"""How deep references to objects, other than schemas, may lead from one to the next."""


def reduced(document: dict[str, Json]) -> dict[str, Json]:
    """`document` without references, examples and extensions, and with schemas that say no more than a type.

    Raises ContractError for an object, not a schema, that contains itself, and for what is too large without
    references: those to references double with each step.
    """
    table = grammar(document)
    count = 0

    def reduce(node: Json, kind: Kind, inside: tuple[str, ...]) -> Json:
        nonlocal count
        count += 1
        if count > MAX_VALUES:
            raise ContractError(f"$ref {inside[-1]}: too large once all references are followed")
        if kind == SCHEMA:
            return _schema(document, node)
        if is_reference(node):
            ref = node["$ref"]
            if ref in inside:
                raise ContractError(f"$ref {ref} refers to itself")
            if len(inside) == _MAX_NESTED:
                raise ContractError(f"$ref {inside[0]}: nested too deeply once all references are followed")
            beside = {name: value for name, value in node.items() if name != "$ref"} if kind == "PathItem" else {}
            target = reduce(at(document, ref), kind, (*inside, ref))
            return {**target, **reduce(beside, kind, inside)} if beside else target
        if isinstance(node, list):
            return [reduce(item, inner, inside) for _, item, inner in fields(table, kind, node) if inner is not None]
        if not isinstance(node, dict):
            return node
        is_map = kind.endswith("{}")
        return {
            name: reduce(item, inner, inside)
            for name, item, inner in fields(table, kind, node)
            if inner is not None and (is_map or name not in _LEFT_OUT)
        }

    result: dict[str, Json] = reduce(document, "Document", ())
    return result


def _schema(document: dict[str, Json], schema: Json) -> dict[str, Json]:
    schema = follow(document, schema)
    if not isinstance(schema, dict):
        return {}
    kept = {name: schema[name] for name in _OF_A_SCHEMA if isinstance(schema.get(name), str | int | float | bool)}
    return kept if isinstance(kept.get("type", ""), str) else {}
