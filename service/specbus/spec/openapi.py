"""An OpenAPI 3 document as plain data: what is asked for, how, and what comes back.

References are gone from it; schemas are there as they are written, and in a form that needs nothing around it. What
only some readers need (that it is OpenAPI 3.0, that bodies are JSON) is for them to check.
"""

import re
from dataclasses import dataclass
from typing import Any

from specbus.spec import ContractError, Json
from specbus.spec.nodes import extensions, mapping, optional_mapping, required_text, sequence, text
from specbus.spec.pointer import pointer
from specbus.spec.references import Copies, check_references, followed

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
TEMPLATED = re.compile(r"\{([^/{}]+)\}")
"""A parameter in a path."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a body, or a parameter with `content`, is made of in one media type."""

    written: Json
    """The schema as it is written, perhaps a reference; None if there is none."""
    schema: Json
    """The schema, self-contained; None if there is none."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a request."""

    name: str
    location: str
    """`path`, `query`, `header` or `cookie`."""
    required: bool
    style: str | None
    description: str
    written: Json
    """The schema as it is written, perhaps a reference; None if there is none."""
    schema: Json
    """The schema, self-contained; None if there is none."""


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The body of a request."""

    required: bool
    description: str
    content: dict[str, Content]
    """By media type."""


@dataclass(frozen=True, slots=True)
class Response:
    """What may come back with one status."""

    description: str
    content: dict[str, Content]
    """By media type."""
    headers: dict[str, bool]
    """Whether each header is required, by its name as it is written."""


@dataclass(frozen=True, slots=True)
class PathOperation:
    """A method of a path."""

    id: str | None
    """Its operationId."""
    method: str
    """In small letters."""
    path: str
    """With `{name}` for each parameter in it."""
    place: str
    """Its pointer: `#/paths/~1topics/get`."""
    tags: tuple[str, ...]
    summary: str
    description: str
    security: tuple[dict[str, Json], ...]
    """Its own requirements, or the document's; empty if anybody may ask."""
    parameters: tuple[Parameter, ...]
    """The path's first, where it has none of its own instead."""
    body: RequestBody | None
    responses: dict[str, Response]
    """By status: `200`, `2XX`, `default`."""
    extensions: dict[str, Json]


@dataclass(frozen=True, slots=True)
class OpenApi:
    """A document."""

    document: dict[str, Json]
    title: str
    version: str
    description: str
    servers: tuple[str, ...]
    """URLs."""
    tags: dict[str, str]
    """The description of each tag that is declared."""
    operations: tuple[PathOperation, ...]
    security_schemes: tuple[dict[str, Json], ...]


def read(document: dict[str, Json]) -> OpenApi:
    """The document `document`, which is in one piece. Raises ContractError, without the name of a file."""
    if not str(document.get("openapi", "")).startswith("3."):
        raise ContractError("openapi must be 3.x")
    check_references(document)
    return _Reader(document).read()


class _Reader:
    def __init__(self, document: dict[str, Json]) -> None:
        self._document = document
        self._copies = Copies(document)
        self._security = self._requirements(document, "#")

    def read(self) -> OpenApi:
        if "paths" not in self._document:
            raise ContractError("needs 'paths'")
        info = optional_mapping(self._document, "info", "#")
        paths = mapping(self._document["paths"], "#/paths")
        tags = [mapping(tag, f"#/tags/{index}") for index, tag in enumerate(sequence(self._document, "tags", "#"))]
        servers = sequence(self._document, "servers", "#")
        components = optional_mapping(self._document, "components", "#")
        schemes = optional_mapping(components, "securitySchemes", "#/components")
        return OpenApi(
            self._document,
            text(info, "title"),
            str(info.get("version", "")),
            text(info, "description"),
            tuple(
                required_text(mapping(server, f"#/servers/{index}"), "url", f"#/servers/{index}")
                for index, server in enumerate(servers)
            ),
            {required_text(tag, "name", f"#/tags/{index}"): text(tag, "description") for index, tag in enumerate(tags)},
            tuple(
                operation
                for path, item in paths.items()
                if not path.startswith("x-")
                for operation in self._operations(path, item)
            ),
            tuple(self._mapping(node, f"#/components/securitySchemes/{name}")[0] for name, node in schemes.items()),
        )

    def _operations(self, path: str, item: Json) -> list[PathOperation]:
        place = "#" + pointer("paths", path)
        # Fields beside a path item's reference count too (OpenAPI 3.0.3, "Path Item Object").
        beside = item if isinstance(item, dict) else {}
        item = {**self._mapping(item, place)[0], **{name: value for name, value in beside.items() if name != "$ref"}}
        shared = self._parameters(item, place)
        return [
            self._operation(path, method, mapping(item[method], f"{place}/{method}"), shared)
            for method in METHODS
            if method in item
        ]

    def _operation(
        self, path: str, method: str, node: dict[str, Json], shared: dict[tuple[str, str], Parameter]
    ) -> PathOperation:
        place = "#" + pointer("paths", path, method)
        id_ = node.get("operationId")
        own = self._parameters(node, place)
        inherited = {key: parameter for key, parameter in shared.items() if key not in own}
        responses = optional_mapping(node, "responses", place)
        body = node.get("requestBody")
        return PathOperation(
            id_ if isinstance(id_, str) else None,
            method,
            path,
            place,
            tuple(str(tag) for tag in sequence(node, "tags", place)),
            text(node, "summary"),
            text(node, "description"),
            self._requirements(node, place) if "security" in node else self._security,
            (*inherited.values(), *own.values()),
            None if body is None else self._body(body, f"{place}/requestBody"),
            {
                status: self._response(response, f"{place}/responses/{status}")
                for status, response in responses.items()
                if not status.startswith("x-")
            },
            extensions(node),
        )

    def _requirements(self, node: dict[str, Json], place: str) -> tuple[dict[str, Json], ...]:
        return tuple(mapping(each, f"{place}/security") for each in sequence(node, "security", place))

    def _parameters(self, owner: dict[str, Json], place: str) -> dict[tuple[str, str], Parameter]:
        """The parameters of a path item or an operation, by place and name."""
        found: dict[tuple[str, str], Parameter] = {}
        for index, each in enumerate(sequence(owner, "parameters", place)):
            node, at = self._mapping(each, f"{place}/parameters/{index}")
            name, location = required_text(node, "name", at), required_text(node, "in", at)
            style = node.get("style")
            content = self._content(node, at)
            found[location, name] = Parameter(
                name,
                location,
                node.get("required") is True,
                style if isinstance(style, str) else None,
                text(node, "description"),
                content.written,
                content.schema,
            )
        return found

    def _body(self, node: Json, place: str) -> RequestBody:
        node, place = self._mapping(node, place)
        return RequestBody(node.get("required") is True, text(node, "description"), self._contents(node, place))

    def _response(self, node: Json, place: str) -> Response:
        node, place = self._mapping(node, place)
        headers = optional_mapping(node, "headers", place)
        return Response(
            text(node, "description"),
            self._contents(node, place),
            {
                name: self._mapping(header, f"{place}/headers/{name}")[0].get("required") is True
                for name, header in headers.items()
            },
        )

    def _contents(self, node: dict[str, Json], place: str) -> dict[str, Content]:
        contents = optional_mapping(node, "content", place)
        return {
            name: self._content(*self._mapping(media, f"{place}/content{pointer(name)}"))
            for name, media in contents.items()
        }

    def _content(self, node: dict[str, Json], place: str) -> Content:
        """The schema of a media type object or of a parameter."""
        written = node.get("schema")
        schema = None if written is None else self._copies.of(written)
        if not isinstance(schema, dict | bool | None):
            raise ContractError(f"{place}/schema must be a schema")
        return Content(written, schema)

    def _mapping(self, node: Json, place: str) -> tuple[dict[str, Any], str]:
        """What `node`, which stands at `place`, is once references are followed, and where that stands."""
        target, at = followed(self._document, node)
        return mapping(target, at or place), at or place
