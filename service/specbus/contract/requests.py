"""`openapi.yaml` compiled: for each operation its parameters, its body and its responses."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from specbus.contract.decoding import MAX_BODY_DEPTH, MAX_SENT_DEPTH, Decoder, NotJson
from specbus.contract.schema import Schema, quoted
from specbus.spec.documents import ContractError, Json, bundle, resolved

_TEMPLATED = re.compile(r"\{([^/{}]+)\}")
_STYLES = {"path": "simple", "query": "form"}
_TYPES = ("string", "integer", "number", "boolean")
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(_INTEGER.pattern + r"(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MOST_DIGITS = 4_300
"""Python reads no more."""


class InvalidRequest(ValueError):
    """A request that breaks the contract. The text is for the person who sent it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path or query parameter."""

    name: str
    place: str
    required: bool
    type: str
    schema: Schema

    @classmethod
    def compile(cls, node: dict[str, Any], place: str) -> "Parameter":
        """The parameter of a parameter object. Raises ContractError, also for a kind that is not supported."""
        name, where, schema = node["name"], node["in"], node.get("schema", {})
        place = f"{place}: parameter {name}"
        if where not in _STYLES:
            raise ContractError(f"{place}: must be in path or query, not in {where}")
        if node.get("style", _STYLES[where]) != _STYLES[where]:
            raise ContractError(f"{place}: must have the style {_STYLES[where]}")
        if schema.get("type") not in _TYPES:
            raise ContractError(f"{place}: needs a schema of type {', '.join(_TYPES[:-1])} or {_TYPES[-1]}")
        return cls(name, where, node.get("required", False), schema["type"], Schema(schema, place))

    def check(self, text: str) -> Json:
        """The value that `text`, percent-decoded, is of this parameter. Raises InvalidRequest if it is none."""
        value: Json = text
        # JSON's grammar, not Python's: "1_0" and " 1" are no integers.
        if self.type == "integer" and _INTEGER.fullmatch(text):
            if len(text) > _MOST_DIGITS:
                raise InvalidRequest(f"{self.name} has too many digits")
            value = int(text)
        elif self.type == "number" and _NUMBER.fullmatch(text):
            value = float(text)
        elif self.type == "boolean" and text in ("true", "false"):
            value = text == "true"
        if problems := self.schema.problems(value, self.name):
            raise InvalidRequest("; ".join(problems))
        return value


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON body."""

    decoder: Decoder
    schema: Schema

    @classmethod
    def compile(cls, media: dict[str, Any], place: str, max_depth: int) -> "Body":
        """The body of a media type object, nested at most `max_depth` deep. Raises ContractError."""
        schema = media.get("schema", {})
        return cls(Decoder({"": schema}, max_depth=max_depth), Schema(schema, place))

    @property
    def keeps_text(self) -> bool:
        """Whether its value is a `Verbatim`."""
        return self.decoder.keeps_text("")

    def parse(self, data: bytes) -> Json:
        """The value of the body `data`. Raises InvalidRequest, UnicodeDecodeError."""
        try:
            found = self.decoder.quick(data)
            if found and self.schema.accepts(found[1]):
                return found[1]
            _, value = self.decoder.thorough(data)
        except NotJson as error:
            raise InvalidRequest(f"the body is {error}") from None
        if problems := self.schema.problems(value, whole="the body"):
            raise InvalidRequest("; ".join(problems))
        return value


@dataclass(frozen=True, slots=True)
class Response:
    """What an operation may answer with one status."""

    content: dict[str, Body]
    headers: dict[str, bool]
    """Whether each header is required, by its name in lower case."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    id: str
    method: str
    path: str
    secured: bool
    parameters: list[Parameter]
    body: Body | None
    responses: dict[str, Response]
    _segments: list[re.Pattern[str]] = field(repr=False)

    def path_values(self, path: str) -> dict[str, str] | None:
        """The path parameters' texts in `path`, which is percent-encoded; None if it is not this operation's."""
        segments = _segments(path)
        if len(segments) != len(self._segments):
            return None
        texts: list[str] = []
        for pattern, segment in zip(self._segments, segments, strict=True):
            found = pattern.fullmatch(segment)
            if found is None:
                return None
            texts += found.groups()
        return dict(zip(_TEMPLATED.findall(self.path), texts, strict=True))

    def path_with(self, values: dict[str, str]) -> str:
        """The path, percent-encoded, in which the parameters have `values`."""
        return _TEMPLATED.sub(lambda found: quote(values[found[1]], safe=""), self.path)

    def check_path(self, texts: dict[str, str]) -> dict[str, Json]:
        """The path parameters' values, whose `texts` are given. Raises InvalidRequest."""
        return {each.name: each.check(texts[each.name]) for each in self.parameters if each.place == "path"}

    def check_query(self, query: str) -> dict[str, Json]:
        """The query parameters' values. Raises InvalidRequest unless `query` has what is declared, once each."""
        known = {parameter.name: parameter for parameter in self.parameters if parameter.place == "query"}
        values: dict[str, Json] = {}
        for name, text in parse_qsl(query, keep_blank_values=True):
            if name not in known:
                raise InvalidRequest(f"unknown query parameter {quoted(name)}")
            if name in values:
                raise InvalidRequest(f"{name} is given twice")
            values[name] = known[name].check(text)
        for name, parameter in known.items():
            if parameter.required and name not in values:
                raise InvalidRequest(f"{name} is required")
        return values

    def problems_of_response(self, status: int, headers: dict[str, str], body: bytes) -> list[str]:
        """What is wrong with a response of this operation; empty when nothing is. Names in `headers` are lower case."""
        response = self.responses.get(str(status))
        if response is None:
            return [f"status {status} is not declared"]
        problems = [
            f"{name} is required" for name, required in response.headers.items() if required and name not in headers
        ]
        media_type = headers.get("content-type", "").partition(";")[0].strip()
        if not response.content:
            return [*problems, *(["has a body where none is declared"] if body else [])]
        declared = response.content.get(media_type)
        if declared is None:
            return [*problems, f"content type {quoted(media_type)} is not declared"]
        try:
            declared.parse(body)
        except (InvalidRequest, UnicodeDecodeError) as error:
            problems.append(str(error))
        return problems


class RestContract:
    """An OpenAPI 3.0 document."""

    def __init__(self, path: Path) -> None:
        """Load the document at `path`. Raises ContractError."""
        self.document = bundle(path)
        """The document in one piece, to be served."""
        self._file = path.name
        self.operations: dict[str, Operation] = {}
        """The operations by their operationId."""
        self._exact: dict[tuple[str, ...], list[Operation]] = {}
        """Those whose paths have no parameters, by the path's segments."""
        self._templated: list[Operation] = []
        """The others."""
        try:
            self._compile()
        except ContractError as error:
            known = str(error).startswith(self._file)
            raise ContractError(str(error) if known else f"{self._file}: {error}") from None
        except (KeyError, TypeError, AttributeError) as error:
            raise ContractError(
                f"{self._file}: not an OpenAPI 3.0 document ({type(error).__name__}: {error})"
            ) from None

    def _compile(self) -> None:
        if not str(self.document.get("openapi", "")).startswith("3.0."):
            raise ContractError("openapi must be 3.0.x")
        for server in self.document.get("servers", []):
            url = urlsplit(server["url"])
            # With a host it may be a proxy's, which takes the path away.
            if not url.netloc and url.path not in ("", "/"):
                raise ContractError(f'servers: the url {quoted(server["url"])} must be "/", where the service is')
        for path, item in self.document["paths"].items():
            item = resolved(self.document, item)
            shared = item.get("parameters", [])
            for method in _METHODS:
                if method in item:
                    operation = self._operation(path, method, item[method], shared)
                    if operation.id in self.operations:
                        raise ContractError(f'operationId "{operation.id}" stands twice')
                    self.operations[operation.id] = operation
                    if _TEMPLATED.search(path):
                        self._templated.append(operation)
                    else:
                        self._exact.setdefault(_segments(path), []).append(operation)

    def _operation(self, path: str, method: str, node: dict[str, Any], shared: list[dict[str, Any]]) -> Operation:
        place = f"{self._file}: {method.upper()} {path}"
        if not isinstance(node.get("operationId"), str):
            raise ContractError(f"{place}: needs an operationId")
        security = node.get("security", self.document.get("security", []))
        own = {(parameter["in"], parameter["name"]) for parameter in node.get("parameters", [])}
        inherited = [parameter for parameter in shared if (parameter["in"], parameter["name"]) not in own]
        parameters = [*inherited, *node.get("parameters", [])]
        templated = set(_TEMPLATED.findall(path))
        if templated != {parameter["name"] for parameter in parameters if parameter["in"] == "path"}:
            raise ContractError(f"{place}: its path parameters must be those of its path")
        return Operation(
            id=node["operationId"],
            method=method,
            path=path,
            secured=bool(security),
            parameters=[Parameter.compile(parameter, place) for parameter in parameters],
            body=self._body(place, node.get("requestBody")),
            responses={
                status: Response(
                    {
                        media_type: Body.compile(media, f"{place}: response {status}", MAX_SENT_DEPTH)
                        for media_type, media in response.get("content", {}).items()
                    },
                    {
                        name.lower(): header.get("required", False)
                        for name, header in response.get("headers", {}).items()
                    },
                )
                for status, response in node["responses"].items()
            },
            _segments=[
                re.compile(re.sub(r"\\{[^{}]+\\}", "(.+)", re.escape(segment)), re.DOTALL)
                for segment in path.split("/")
            ],
        )

    @staticmethod
    def _body(place: str, node: dict[str, Any] | None) -> Body | None:
        if node is None:
            return None
        if list(node["content"]) != ["application/json"]:
            raise ContractError(f"{place}: a request body must be application/json and nothing else")
        if node.get("required") is not True:
            raise ContractError(f"{place}: a request body must be required")
        return Body.compile(node["content"]["application/json"], f"{place}: body", MAX_BODY_DEPTH)

    def at_path(self, path: str) -> list[Operation]:
        """The operations that `path`, percent-encoded, has; empty for an unknown path."""
        # A path without parameters goes before one with (OpenAPI 3.0.3, "Paths Object").
        return self._exact.get(_segments(path)) or [
            operation for operation in self._templated if operation.path_values(path) is not None
        ]


def _segments(path: str) -> tuple[str, ...]:
    """The decoded segments of `path`. A slash that is part of one does not part a path (RFC 3986, 2.2)."""
    return tuple(map(unquote, path.split("/")))
