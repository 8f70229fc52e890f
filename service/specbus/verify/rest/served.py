"""The documents that the server serves: they say what those of the run say, in one file each, and what is done."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from specbus.spec import ContractError
from specbus.spec.grammar import is_reference
from specbus.spec.pointer import at
from specbus.verify.covers import Comparison
from specbus.verify.failures import Broken, Skipped
from specbus.verify.limits import EXTENSION, Limits
from specbus.verify.rest.cases import check_case, check_cases
from specbus.verify.rest.client import Client, json_of
from specbus.verify.rest.document import HttpOperation, RestDocument, place

OPENAPI, ASYNCAPI = "getOpenapi", "getAsyncapi"
"""The operationIds of what serves the documents."""
_FORMATS = {OPENAPI: "openapi", ASYNCAPI: "asyncapi"}
"""The field by which a document says what it is (OpenAPI 3.0.3, 4.7.1; AsyncAPI 3.0.0)."""
_ADDRESS = ("host", "protocol", "pathname", "url")
"""What a served document says of servers by itself: where it is."""
_DEPTH = 200


def served(client: Client, id_: str, **headers: str) -> dict[str, Any]:
    """The document that the operation `id_` gives. Raises Broken, and Skipped if there is none."""
    operation = client.target.topics.operation(id_)
    response = client.ask_for(operation, operation.path_of(), headers=headers)
    document = json_of(response)
    if not response.is_success or not isinstance(document, dict):
        what = "no JSON object" if response.is_success else response.status_code
        raise Broken(f"{operation} is answered with {what}", rule=operation.place("responses"))
    return document


def written(client: Client, id_: str) -> dict[str, Any]:
    """The document of the run that the operation `id_` should give."""
    return client.document.written if id_ == OPENAPI else client.target.document.written


def _documents(document: RestDocument) -> Iterator[HttpOperation]:
    return (each for each in document.operations if each.id in _FORMATS)


@check_cases(place("paths"), _documents)
def a_served_document_says_all_that_the_document_says(client: Client, operation: HttpOperation) -> None:
    id_ = str(operation.id)
    ours, theirs = written(client, id_), served(client, id_)
    rule = operation.place("description")
    if _FORMATS[id_] not in theirs:
        raise Broken(f"{operation} does not give the {_FORMATS[id_]} document: that has {_FORMATS[id_]}", rule=rule)
    compared = Comparison(ours, theirs)
    found = [compared.missing("info", but=[EXTENSION]), compared.missing("components", "securitySchemes")]
    # In what is referred to, so in components, nothing counts but what something refers to.
    found += [compared.missing(name) for name in ours if name not in ("info", "servers", "components")]
    servers = ours.get("servers")
    if isinstance(servers, dict):
        found += [compared.missing("servers", name, but=_ADDRESS) for name in servers]
    for missing in filter(None, found):
        raise Broken(
            f"{operation}: the document that is served does not say what the run's says at #{missing}", rule=rule
        )


@check_cases(place("paths"), _documents)
def a_served_document_is_in_one_file(client: Client, operation: HttpOperation) -> None:
    document = served(client, str(operation.id))
    for reference in _references(document):
        try:
            at(document, reference)
        except ContractError:
            problem = f"{operation}: the document that is served refers to {reference}, which is not in it"
            raise Broken(problem, rule=operation.place("description")) from None


def _references(node: Any, depth: int = 0) -> Iterator[str]:
    """What is referred to in `node`; not in examples, which may be anything."""
    if depth > _DEPTH:
        return
    if is_reference(node):
        yield node["$ref"]
    elif isinstance(node, dict):
        for name, inner in node.items():
            if name not in ("example", "examples", "default", "enum", "const"):
                yield from _references(inner, depth + 1)
    elif isinstance(node, list):
        for inner in node:
            yield from _references(inner, depth + 1)


@check_cases(place("paths"), _documents)
def the_schemas_of_a_served_document_have_their_names(client: Client, operation: HttpOperation) -> None:
    ours, theirs = (_schemas(each(client, str(operation.id))) for each in (written, served))
    titles = {schema["title"]: name for name, schema in theirs.items() if _title(schema)}
    for name, schema in ours.items():
        # One that stands where it is used has no name but its title.
        other = titles.get(_title(schema), name)
        if name not in theirs and other != name:
            problem = f"{operation}: the schema {name} is called {other} in the document that is served"
            raise Broken(problem, rule=operation.place("description"))


def _schemas(document: dict[str, Any]) -> dict[str, Any]:
    components = document.get("components")
    found = components.get("schemas") if isinstance(components, dict) else None
    return found if isinstance(found, dict) else {}


def _title(schema: Any) -> str:
    title = schema.get("title") if isinstance(schema, dict) else None
    return title if isinstance(title, str) else ""


@check_case(place("paths"))
def what_the_served_OpenAPI_document_has_beyond_is_there(client: Client) -> None:
    paths = served(client, OPENAPI).get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        read = item.get("get") if isinstance(item, dict) else None
        if path in client.document.paths or "{" in path or not isinstance(read, dict):
            continue
        status = client.ask("GET", path).status_code
        if status == 404 and "404" not in read.get("responses", {}):
            raise Broken(f"the document that is served has GET {path}, which is answered with 404")


def _told(client: Client, id_: str) -> dict[str, Any]:
    """The limits in a served document. Raises Broken, and Skipped if the document does not say that they are there."""
    description = str(written(client, id_).get("info", {}).get("description", ""))
    if EXTENSION not in description:
        raise Skipped(f"the document does not say that {EXTENSION} tells the limits")
    info = served(client, id_).get("info")
    limits = info.get(EXTENSION) if isinstance(info, dict) else None
    if not isinstance(limits, dict) or not limits:
        operation = client.target.topics.operation(id_)
        raise Broken(f"the document that {operation} gives has no limits: info.{EXTENSION}")
    return limits


@check_case(place("info", "description"))
def both_served_documents_tell_the_limits(client: Client) -> None:
    openapi, asyncapi = _told(client, OPENAPI), _told(client, ASYNCAPI)
    for name in dict.fromkeys([*openapi, *asyncapi]):
        if openapi.get(name) != asyncapi.get(name):
            told = f"{openapi.get(name)} in the one, {asyncapi.get(name)} in the other"
            raise Broken(f"the two documents that are served tell different limits: {name} is {told}")
    known = [field.name for field in fields(Limits)]
    if not any(name in openapi for name in known):
        raise Broken(f"info.{EXTENSION} has no limit by the name of its setting, such as {', '.join(known[:3])}")
    due = ["heartbeat_interval"] if client.target.bus.has_heartbeats else []
    for name in due:
        if name not in openapi:
            raise Broken(f"info.{EXTENSION} does not tell {name}, though heartbeats are sent")
