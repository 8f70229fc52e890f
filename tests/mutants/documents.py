"""Defects of the documents as they are served. openapi.yaml, /openapi.json: "The OpenAPI document that the service runs
from, in one file, with the names of its schemas."; "Limits": "x-limits in info tells the limits of that service".
"""

import copy
from typing import Any

import msgspec

from specbus.http.documents import Documents
from specbus.http.operations import RestOperations
from specbus.http.public_url import Address
from tests.mutants.edits import edit_response
from tests.mutants.registry import Patch, mutant, wrap


def edit_documents(patch: Patch, edit: Any, which: str = "openapi asyncapi") -> None:
    """Have `edit` change the documents before they are served, not those that the service runs from."""

    def init(original: Any, self: Documents, openapi: Any, asyncapi: Any, limits: Any) -> None:
        original(self, openapi, asyncapi, limits)
        for each in which.split():
            document = copy.deepcopy(getattr(self, f"_{each}"))
            edit(document)
            setattr(self, f"_{each}", document)

    wrap(patch, Documents, "__init__", init)


def edit_limits(patch: Patch, edit: Any) -> None:
    """Have `edit` change the limits that the documents tell."""
    edit_documents(patch, lambda document: edit(document["info"]["x-limits"]))


def schemas(document: Any) -> Any:
    return document["components"]["schemas"]


# Limits


@mutant("rest", "the served documents do not tell the limits")
def documents_without_limits(patch: Patch) -> None:
    edit_documents(patch, lambda document: document["info"].pop("x-limits"))


@mutant("rest", "the served AsyncAPI document does not tell the limits")
def asyncapi_without_limits(patch: Patch) -> None:
    edit_documents(patch, lambda document: document["info"].pop("x-limits"), "asyncapi")


@mutant("rest", "the served documents tell the default limits, not the service's own", max_frame_bytes=100_000)
def limits_are_defaults(patch: Patch) -> None:
    edit_limits(patch, lambda limits: limits.update(max_frame_bytes=1_048_576))


@mutant("rest", "the served documents tell durations in milliseconds", heartbeat_interval=2)
def limits_in_milliseconds(patch: Patch) -> None:
    names = ("heartbeat_interval", "ping_interval", "ping_timeout", "keep_alive", "request_timeout")
    edit_limits(patch, lambda limits: limits.update({name: limits[name] * 1000 for name in names}))


@mutant("rest", "the served documents tell sizes in KiB")
def limits_in_kib(patch: Patch) -> None:
    edit_limits(patch, lambda limits: limits.update({name: limits[name] // 1024 for name in limits if "bytes" in name}))


@mutant("rest", "the served documents tell the limits by names of JavaScript's kind")
def limits_in_camel_case(patch: Patch) -> None:
    def edit(limits: dict[str, Any]) -> None:
        for name in list(limits):
            first, *rest = name.split("_")
            limits[first + "".join(map(str.capitalize, rest))] = limits.pop(name)

    edit_limits(patch, edit)


@mutant("rest", "the served documents lack the limits of keepalive")
def limits_without_keepalive(patch: Patch) -> None:
    edit_limits(patch, lambda limits: [limits.pop(name) for name in ("heartbeat_interval", "ping_interval")])


@mutant("rest", "the two served documents tell different limits")
def limits_differ(patch: Patch) -> None:
    edit_documents(patch, lambda document: document["info"]["x-limits"].update(history_size=1000), "openapi")


@mutant("rest", "the served documents tell another history_size than is kept", history_size=10)
def limits_of_another_history(patch: Patch) -> None:
    edit_limits(patch, lambda limits: limits.update(history_size=100))


@mutant("rest", "the served documents tell another overflow policy", overflow_policy="disconnect", max_queue_size=10)
def limits_of_another_policy(patch: Patch) -> None:
    edit_limits(patch, lambda limits: limits.update(overflow_policy="drop_oldest"))


# Addresses. asyncapi.yaml, servers.this: "In the document as it is served, with the address at which you asked for it."


@mutant("rest", "the served AsyncAPI document has the server localhost:8080")
def asyncapi_of_localhost(patch: Patch) -> None:
    wrap(patch, Address, "in_asyncapi", lambda original, self, document: document)


@mutant("rest", "the served AsyncAPI document has the server's name without its port")
def asyncapi_without_port(patch: Patch) -> None:
    wrap(
        patch,
        Address,
        "_server",
        lambda original, self, server: {**original(self, server), "host": self.host.partition(":")[0]},
    )


@mutant("rest", "the served AsyncAPI document has the protocol ws behind a proxy with TLS")
def asyncapi_without_tls(patch: Patch) -> None:
    wrap(patch, Address, "_server", lambda original, self, server: {**original(self, server), "protocol": "ws"})


@mutant("rest", "the served AsyncAPI document lacks the prefix that a proxy has taken away")
def asyncapi_without_prefix(patch: Patch) -> None:
    wrap(
        patch,
        Address,
        "_server",
        lambda original, self, server: {k: v for k, v in original(self, server).items() if k != "pathname"},
    )


@mutant("rest", "the served OpenAPI document lacks the prefix that a proxy has taken away")
def openapi_without_prefix(patch: Patch) -> None:
    wrap(patch, Address, "in_openapi", lambda original, self, document: document)


@mutant("rest", "the served AsyncAPI document has the path of the WebSocket in the server's too")
def asyncapi_with_path_twice(patch: Patch) -> None:
    wrap(patch, Address, "_server", lambda original, self, server: {**original(self, server), "pathname": "/ws"})


# The documents themselves


@mutant("rest", "the schemas of the served documents have lost their titles")
def schemas_without_titles(patch: Patch) -> None:
    edit_documents(patch, lambda document: [schema.pop("title", None) for schema in schemas(document).values()])


@mutant("rest", "the schemas of the served OpenAPI document are called S1, S2, ...")
def schemas_without_names(patch: Patch) -> None:
    def edit(document: dict[str, Any]) -> None:
        text = msgspec.json.encode(document).decode()
        for index, name in enumerate(list(schemas(document))):
            text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/S{index}"')
        made = msgspec.json.decode(text)
        made["components"]["schemas"] = {f"S{i}": each for i, each in enumerate(schemas(made).values())}
        document.clear()
        document.update(made)

    edit_documents(patch, edit, "openapi")


@mutant("rest", "the served OpenAPI document has references to files that nobody has")
def references_to_files(patch: Patch) -> None:
    def edit(document: dict[str, Any]) -> None:
        text = msgspec.json.encode(document).decode()
        made = msgspec.json.decode(text.replace('"#/components/schemas/Problem"', '"schemas/problem.yaml"'))
        document.clear()
        document.update(made)

    edit_documents(patch, edit, "openapi")


@mutant("rest", "the served AsyncAPI document has references to files that nobody has")
def asyncapi_references_to_files(patch: Patch) -> None:
    def edit(document: dict[str, Any]) -> None:
        text = msgspec.json.encode(document).decode()
        made = msgspec.json.decode(text.replace('"#/components/schemas/Timestamp"', '"schemas/timestamp.yaml"'))
        document.clear()
        document.update(made)

    edit_documents(patch, edit, "asyncapi")


@mutant("rest", "the served documents say that names have at most 64 characters")
def documents_with_shorter_names(patch: Patch) -> None:
    edit_documents(patch, lambda document: schemas(document)["TopicName"].update(maxLength=64))


@mutant("rest", "the served OpenAPI document allows unknown fields in bodies, which are refused")
def openapi_with_unknown_fields(patch: Patch) -> None:
    edit_documents(patch, lambda document: schemas(document)["NewTopic"].pop("additionalProperties"), "openapi")


@mutant("rest", "the served OpenAPI document has a path that the service does not have")
def openapi_with_path_too_many(patch: Patch) -> None:
    edit_documents(
        patch, lambda document: document["paths"].update({"/metrics": document["paths"]["/stats"]}), "openapi"
    )


@mutant("rest", "the served OpenAPI document lacks an operation")
def openapi_without_operation(patch: Patch) -> None:
    edit_documents(patch, lambda document: document["paths"]["/topics/{name}"].pop("delete"), "openapi")


@mutant("rest", "the served OpenAPI document asks for no key")
def openapi_without_security(patch: Patch) -> None:
    edit_documents(patch, lambda document: document.pop("security"), "openapi")


@mutant("rest", "the served documents have no examples")
def documents_without_examples(patch: Patch) -> None:
    edit_documents(patch, lambda document: [schema.pop("example", None) for schema in schemas(document).values()])


@mutant("rest", "the served documents have no descriptions")
def documents_without_descriptions(patch: Patch) -> None:
    edit_documents(patch, lambda document: [schema.pop("description", None) for schema in schemas(document).values()])


@mutant("rest", "the served AsyncAPI document lacks a message that is sent")
def asyncapi_without_info(patch: Patch) -> None:
    edit_documents(patch, lambda document: document["operations"].pop("info"), "asyncapi")


@mutant("rest", "the served AsyncAPI document lacks the extensions that SDKs read")
def asyncapi_without_extensions(patch: Patch) -> None:
    edit_documents(patch, lambda document: document["operations"]["subscribe"].pop("x-stream"), "asyncapi")


@mutant("rest", "the served documents have another version than they are of")
def documents_of_another_version(patch: Patch) -> None:
    edit_documents(patch, lambda document: document["info"].update(version="0.0.1"), "asyncapi")


@mutant("rest", "the AsyncAPI document is called application/vnd.aai.asyncapi+json (openapi.yaml: application/json)")
def asyncapi_of_another_media_type(patch: Patch) -> None:
    edit_response(
        patch,
        "get_asyncapi",
        lambda response: response.headers.update({"content-type": "application/vnd.aai.asyncapi+json"}),
    )


@mutant("rest", "/asyncapi.json is the OpenAPI document")
def asyncapi_is_openapi(patch: Patch) -> None:
    async def get_asyncapi(original: Any, self: RestOperations, request: Any) -> Any:
        return await self.get_openapi(request)

    wrap(patch, RestOperations, "get_asyncapi", get_asyncapi)
