"""An OpenAPI document, as the checks of the REST side read it."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specbus.spec.bundle import bundle
from specbus.spec.references import resolved

FILE = "openapi.yaml"
JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
KEY_HEADER = "X-API-Key"
NAME_FIELD = "name"
"""The path parameter, and the field of a body, that names a topic."""
EXAMPLE_ID = "550e8400-e29b-41d4-a716-446655440000"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def place(*steps: str) -> str:
    """Where something stands in the document: file and JSON pointer (RFC 6901)."""
    return f"{FILE}#/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)


@dataclass(frozen=True, eq=False)
class HttpOperation:
    """One operation: a method of a path."""

    method: str
    path: str
    node: dict[str, Any]
    """The operation object, with its references resolved."""
    parameters: list[dict[str, Any]]
    """Those of the operation and of its path."""
    needs_key: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def place(self, *steps: str) -> str:
        """Where the operation stands in the document, or what `steps` lead to in it."""
        return place("paths", self.path, self.method.lower(), *steps)

    @property
    def names_topic(self) -> bool:
        """Whether it is about one topic, which its path names."""
        return f"{{{NAME_FIELD}}}" in self.path

    @property
    def statuses(self) -> list[str]:
        """The statuses that it declares, as the document writes them."""
        return list(self.node.get("responses", {}))

    @property
    def body_schema(self) -> dict[str, Any] | None:
        """The schema of the JSON that it takes; None if it takes none."""
        content = self.node.get("requestBody", {}).get("content", {})
        schema: dict[str, Any] | None = content.get(JSON_TYPE, {}).get("schema")
        return schema

    def answer_schema(self, status: int, media_type: str) -> Any:
        """The schema of an answer; None if the document has none for it."""
        return self.node.get("responses", {}).get(str(status), {}).get("content", {}).get(media_type, {}).get("schema")

    def body(self, name: str) -> Any:
        """A body that the operation takes; about the topic `name`, if bodies name one."""
        value = copy.deepcopy(sample(self.body_schema or {}))
        if isinstance(value, dict) and NAME_FIELD in value:
            value[NAME_FIELD] = name
        return value


class RestDocument:
    """An OpenAPI document."""

    def __init__(self, folder: Path) -> None:
        """Read the document in `folder`. Raises ContractError, and KeyError or TypeError for what it lacks."""
        self.bundled = bundle(folder / FILE)
        """In one piece and without security schemes: where there are some, Schemathesis does not look whether what it
        created is there. The checks of the API key are ours."""
        plain = resolved(self.bundled, self.bundled)
        self.operations = [
            HttpOperation(
                method.upper(),
                path,
                item[method],
                [*item.get("parameters", []), *item[method].get("parameters", [])],
                any(item[method].get("security", plain.get("security", []))),
            )
            for path, item in plain["paths"].items()
            for method in METHODS
            if method in item
        ]
        self.paths = {path: [each for each in self.operations if each.path == path] for path in plain["paths"]}
        self.name_schema: dict[str, Any] = next(
            (
                parameter["schema"]
                for operation in self.operations
                for parameter in operation.parameters
                if (parameter["in"], parameter["name"]) == ("path", NAME_FIELD)
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


def sample(schema: dict[str, Any]) -> Any:
    """A value of `schema`: its example, or what can be made of its parts."""
    if "example" in schema:
        return schema["example"]
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: sample(schema["properties"][name]) for name in schema.get("required", [])}
        case "array":
            return [sample(schema.get("items", {}))] * schema.get("minItems", 0)
        case "string":
            return EXAMPLE_ID if schema.get("format") == "uuid" else "x" * max(1, schema.get("minLength", 0))
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return True
    return None
