"""An OpenAPI document, as the checks of the REST side read it."""

import copy
import functools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from specbus.spec import openapi, schemas
from specbus.spec.bundle import bundle
from specbus.spec.openapi import Parameter, Response
from specbus.spec.pointer import pointer
from specbus.spec.samples import sample
from specbus.verify.asyncapi import PREFIX, Rules
from specbus.verify.values import one

FILE = "openapi.yaml"
JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
KEY_HEADER = "X-API-Key"
EXAMPLE_ID = "550e8400-e29b-41d4-a716-446655440000"


def place(*steps: str) -> str:
    """Where something stands in the document: file and JSON pointer (RFC 6901)."""
    return f"{FILE}#{pointer(*steps)}"


@dataclass(frozen=True, eq=False)
class HttpOperation:
    """One operation: a method of a path."""

    method: str
    """In capitals."""
    path: str
    parameters: tuple[Parameter, ...]
    """Those of the operation and of its path."""
    body_schema: dict[str, Any] | None
    """The schema of the JSON that it takes, self-contained; None if it takes none."""
    responses: dict[str, Response]
    """By status, as the document writes it."""
    needs_key: bool
    id: str | None
    """Its operationId."""
    extensions: dict[str, Any]
    name_schema: dict[str, Any]
    """The schema of a topic's name."""

    @classmethod
    def of(cls, operation: openapi.PathOperation, name_schema: dict[str, Any]) -> "HttpOperation":
        """The operation `operation` of a document in which topics have names of `name_schema`."""
        content = operation.body.content.get(JSON_TYPE) if operation.body else None
        return cls(
            operation.method.upper(),
            operation.path,
            operation.parameters,
            content.schema if content and isinstance(content.schema, dict) else None,
            operation.responses,
            any(operation.security),
            operation.id,
            operation.extensions,
            name_schema,
        )

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def place(self, *steps: str) -> str:
        """Where the operation stands in the document, or what `steps` lead to in it."""
        return place("paths", self.path, self.method.lower(), *steps)

    @functools.cached_property
    def topic_parameter(self) -> Parameter | None:
        """The parameter of its path that names a topic; None if there is none."""
        return _topic_parameter(self.path, self.parameters)

    @property
    def names_topic(self) -> bool:
        """Whether it is about one topic, which its path names."""
        return self.topic_parameter is not None

    @functools.cached_property
    def name_field(self) -> str | None:
        """The field of its body that names a topic; None if there is none."""
        fields = schemas.fields(self.body_schema)
        named = (
            name
            for name, schema in fields.items()
            if isinstance(schema, dict) and (schema.get(PREFIX) or schema == self.name_schema)
        )
        return next(named, None)

    def path_of(self, topic: str = "", **query: Any) -> str:
        """Its path, about `topic` if it is about one, with what it requires in it and what `query` has."""
        path = self.path
        values = dict(query)
        for parameter in self.parameters:
            if parameter is self.topic_parameter:
                path = path.replace(f"{{{parameter.name}}}", segment(topic))
            elif parameter.location == "path":
                path = path.replace(f"{{{parameter.name}}}", segment(as_text(self._value(parameter))))
            elif parameter.location == "query" and parameter.required:
                values.setdefault(parameter.name, self._value(parameter))
        asked = "&".join(f"{quote(name)}={quote(as_text(value))}" for name, value in values.items())
        return f"{path}?{asked}" if asked else path

    def is_asked_by(self, method: str, path: str) -> bool:
        """Whether a request of that method and path, which may be the document's own, asks for it."""
        template = re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(self.path))
        return method == self.method and re.fullmatch(template, unquote(path.partition("?")[0])) is not None

    def name_in(self, body: str | bytes | None) -> str | None:
        """The name of a topic in a body, if it has one."""
        try:
            value = json.loads(body or b"")
        except (ValueError, RecursionError):
            return None
        name = value.get(self.name_field) if isinstance(value, dict) and self.name_field else None
        return name if isinstance(name, str) else None

    def headers(self) -> dict[str, str]:
        """The header fields that it requires."""
        return {
            parameter.name: as_text(self._value(parameter))
            for parameter in self.parameters
            if parameter.location == "header" and parameter.required
        }

    def allows(self, name: str, value: Any) -> bool:
        """Whether it has a query parameter `name` that may be `value`."""
        return any(
            (each.location, each.name) == ("query", name) and Rules(each.schema).accepts(value)
            for each in self.parameters
        )

    def _value(self, parameter: Parameter) -> Any:
        return one(parameter.schema, self.place("parameters"))

    def answer_schema(self, status: int, media_type: str) -> Any:
        """The schema of an answer; None if the document has none for it."""
        response = self.responses.get(str(status))
        content = response.content.get(media_type) if response else None
        return content.schema if content else None

    def body(self, topic: str) -> Any:
        """A body that the operation takes; about the topic `topic`, if bodies name one. Raises Skipped."""
        value = copy.deepcopy(self._sample_body)
        if self.name_field and isinstance(value, dict):
            value[self.name_field] = topic
        return value

    @functools.cached_property
    def _sample_body(self) -> Any:
        if Rules(self.body_schema).accepts(value := sample(self.body_schema)):
            return value
        return one(self.body_schema, self.place("requestBody"))


def _topic_parameter(path: str, parameters: Iterable[Parameter]) -> Parameter | None:
    """The one that is marked as a name of the server's own things, or the only one in the path."""
    inside = [each for each in parameters if each.location == "path" and f"{{{each.name}}}" in path]
    marked = [each for each in inside if isinstance(each.schema, dict) and each.schema.get(PREFIX)]
    named = marked or (inside if len(inside) == 1 else [])
    return named[0] if named else None


def segment(name: str) -> str:
    """`name` as one segment of a path, whatever is in it: dots alone would be another path, and so left out."""
    quoted = quote(name, safe="", errors="surrogatepass")
    return quoted.replace(".", "%2E") if not name.strip(".") else quoted


def with_query(path: str, query: str) -> str:
    """`path`, which may have a query already, with `query`, which begins with its question mark."""
    return path + (query.replace("?", "&") if "?" in path else query)


def as_text(value: Any) -> str:
    """A value as it stands in a path or a query."""
    return value if isinstance(value, str) else json.dumps(value)


class RestDocument:
    """An OpenAPI document."""

    def __init__(self, folder: Path) -> None:
        """Read the document in `folder`. Raises ContractError."""
        self.written: dict[str, Any] = bundle(folder / FILE)
        """As it is written, in one piece."""
        self.bundled = copy.deepcopy(self.written)
        """In one piece and without security schemes: where there are some, Schemathesis does not look whether what it
        created is there. The checks of the API key are ours."""
        operations = openapi.read(self.bundled).operations
        self.name_schema: dict[str, Any] = next(
            (
                parameter.schema
                for operation in operations
                if (parameter := _topic_parameter(operation.path, operation.parameters))
                and isinstance(parameter.schema, dict)
            ),
            {},
        )
        """The schema of a topic's name."""
        self.operations = [HttpOperation.of(operation, self.name_schema) for operation in operations]
        self.paths: dict[str, list[HttpOperation]] = {}
        """The operations of each path."""
        for operation in self.operations:
            self.paths.setdefault(operation.path, []).append(operation)
        schemes = self.bundled.get("components", {}).get("securitySchemes", {})
        self.key_is_in_header = bool(schemes) and all(
            isinstance(each, dict)
            and (each.get("type"), each.get("in"), str(each.get("name")).lower())
            == ("apiKey", "header", KEY_HEADER.lower())
            for each in schemes.values()
        )
        """Whether the one way to authenticate is a key in the header field `KEY_HEADER`."""
        for node in (self.bundled, *(item[key] for item in self.bundled["paths"].values() for key in item)):
            if isinstance(node, dict):
                node.pop("security", None)
        self.bundled.get("components", {}).pop("securitySchemes", None)

    def reads(self) -> list["HttpOperation"]:
        """The operations that only read."""
        return [each for each in self.operations if each.method == "GET"]

    def with_body(self) -> list[HttpOperation]:
        """The operations that take JSON."""
        return [operation for operation in self.operations if operation.body_schema is not None]

    def of_topics(self) -> list[HttpOperation]:
        """The operations on a topic."""
        return [operation for operation in self.operations if operation.names_topic]

    @functools.cached_property
    def sample_name(self) -> str:
        """A name that a topic may have. Raises Skipped."""
        return str(one(self.name_schema, place("paths")))

    def operation(self, method: str, path: str) -> HttpOperation | None:
        """The operation that is `method` of `path`; None if there is none."""
        return next((each for each in self.paths.get(path, []) if each.method == method), None)
