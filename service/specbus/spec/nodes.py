"""Parts of a document that must have a certain form, and the line that says where one has not."""

from specbus.spec import ContractError, Json


def mapping(node: Json, place: str) -> dict[str, Json]:
    """`node`, which must be a mapping. Raises ContractError."""
    if not isinstance(node, dict):
        raise ContractError(f"{place} must be a mapping")
    return node


def optional_mapping(owner: dict[str, Json], field: str, place: str) -> dict[str, Json]:
    """The mapping `field` of `owner`, which stands at `place`; empty if there is none. Raises ContractError."""
    return mapping(owner[field], f"{place}/{field}") if field in owner else {}


def sequence(owner: dict[str, Json], field: str, place: str) -> list[Json]:
    """The list `field` of `owner`, which stands at `place`; empty if there is none. Raises ContractError."""
    node = owner.get(field, [])
    if not isinstance(node, list):
        raise ContractError(f"{place}/{field} must be a list")
    return node


def required_text(owner: dict[str, Json], field: str, place: str) -> str:
    """The text `field` of `owner`, which stands at `place`. Raises ContractError."""
    node = owner.get(field)
    if not isinstance(node, str):
        raise ContractError(f"{place}/{field} must be a text")
    return node


def text(owner: dict[str, Json], field: str) -> str:
    """The text `field` of `owner`; "" where there is none, or where a person left it empty."""
    node = owner.get(field)
    return node if isinstance(node, str) else ""


def extensions(node: dict[str, Json]) -> dict[str, Json]:
    """The extensions (`x-...`) of `node`."""
    return {name: value for name, value in node.items() if name.startswith("x-")}
