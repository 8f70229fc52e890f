"""How the documents say that clients show who they are: there is one way, the key in X-API-Key."""

from specbus.spec import ContractError, Json
from specbus.spec.nodes import mapping, optional_mapping, sequence
from specbus.spec.references import followed

_HEADER = "X-API-Key"


def check_openapi(document: dict[str, Json], security: tuple[dict[str, Json], ...], place: str) -> None:
    """Raise ContractError unless what `security`, at `place` in `document`, asks for is what the service does."""
    schemes = optional_mapping(optional_mapping(document, "components", "#"), "securitySchemes", "#/components")
    for name in (name for requirement in security for name in requirement):
        if name not in schemes:
            raise ContractError(f"{place}: its security has {name}, which is not in #/components/securitySchemes")
        _check(document, schemes[name], "apiKey", f"#/components/securitySchemes/{name}")


def check_asyncapi(document: dict[str, Json]) -> None:
    """Raise ContractError unless what the servers of `document` ask for is what the service does."""
    for name, server in optional_mapping(document, "servers", "#").items():
        target, at = followed(document, server)
        place = at or f"#/servers/{name}"
        for index, scheme in enumerate(sequence(mapping(target, place), "security", place)):
            _check(document, scheme, "httpApiKey", f"{place}/security/{index}")


def _check(document: dict[str, Json], scheme: Json, type_: str, place: str) -> None:
    found, at = followed(document, scheme)
    fields = found if isinstance(found, dict) else {}
    if [fields.get("type"), fields.get("in"), str(fields.get("name")).lower()] != [type_, "header", _HEADER.lower()]:
        words = f"must be of type {type_}, in header, with the name {_HEADER}: the service knows no other way"
        raise ContractError(f"{at or place}: {words}")
