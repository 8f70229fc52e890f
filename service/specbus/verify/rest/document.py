"""An OpenAPI document, as the checks of the REST side read it."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specbus.spec import openapi
from specbus.spec.bundle import bundle
from specbus.spec.openapi import Parameter, Response
from specbus.spec.pointer import pointer
from specbus.spec.samples import sample

FILE = "openapi.yaml"
JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
KEY_HEADER = "X-API-Key"
NAME_FIELD = "name"
"""The path parameter, and the field of a body, that names a topic."""
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

    @classmethod
    def of(cls, operation: openapi.PathOperation) -> "HttpOperation":
        """The operation `operation` of a document."""
        content = operation.body.content.get(JSON_TYPE) if operation.body else None
        return cls(
            operation.method.upper(),
            operation.path,
            operation.parameters,
            content.schema if content and isinstance(content.schema, dict) else None,
            operation.responses,
            any(operation.security),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def place(self, *steps: str) -> str:
        """Where the operation stands in the document, or what `steps` lead to in it."""
        return place("paths", self.path, self.method.lower(), *steps)

    @property
    def names_topic(self) -> bool:
        """Whether it is about one topic, which its path names."""
        return f"{{{NAME_FIELD}}}" in self.path

    def answer_schema(self, status: int, media_type: str) -> Any:
        """The schema of an answer; None if the document has none for it."""
        response = self.responses.get(str(status))
        content = response.content.get(media_type) if response else None
        return content.schema if content else None

    def body(self, name: str) -> Any:
        """A body that the operation takes; about the topic `name`, if bodies name one."""
        value = copy.deepcopy(sample(self.body_schema or {}))
        if isinstance(value, dict) and NAME_FIELD in value:
            value[NAME_FIELD] = name
        return value


class RestDocument:
    """An OpenAPI document."""

    def __init__(self, folder: Path) -> None:
        """Read the document in `folder`. Raises ContractError."""
        self.bundled = bundle(folder / FILE)
        """In one piece and without security schemes: where there are some, Schemathesis does not look whether what it
        created is there. The checks of the API key are ours."""
        self.operations = [HttpOperation.of(operation) for operation in openapi.read(self.bundled).operations]
        self.paths: dict[str, list[HttpOperation]] = {}
        """The operations of each path."""
        for operation in self.operations:
            self.paths.setdefault(operation.path, []).append(operation)
        self.name_schema: dict[str, Any] = next(
            (
                parameter.schema
                for operation in self.operations
                for parameter in operation.parameters
                if (parameter.location, parameter.name) == ("path", NAME_FIELD) and isinstance(parameter.schema, dict)
            ),
            {},
        )
        """The schema of a topic's name."""
        for node in (self.bundled, *(item[key] for item in self.bundled["paths"].values() for key in item)):
            if isinstance(node, dict):
                node.pop("security", None)
        self.bundled.get("components", {}).pop("securitySchemes", None)

    def with_body(self) -> list[HttpOperation]:
        """The operations that take JSON."""
        return [operation for operation in self.operations if operation.body_schema is not None]

    def of_topics(self) -> list[HttpOperation]:
        """The operations on a topic."""
        return [operation for operation in self.operations if operation.names_topic]

    def operation(self, method: str, path: str) -> HttpOperation | None:
        """The operation that is `method` of `path`; None if there is none."""
        return next((each for each in self.paths.get(path, []) if each.method == method), None)
