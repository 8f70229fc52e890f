"""`openapi.yaml` compiled: for each operation its parameters, its body and its responses."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

from specbus.contract.connexion import reduced
from specbus.contract.decoding import MAX_BODY_DEPTH, MAX_SENT_DEPTH, Decoder, NotJson
from specbus.contract.phrasing import quoted
from specbus.contract.schema import Schema
from specbus.contract.witness import UNKNOWN, values
from specbus.spec import ContractError, Json, openapi, schemas
from specbus.spec.bundle import bundle
from specbus.spec.openapi import TEMPLATED

_STYLES = {"path": "simple", "query": "form"}
_TYPES = ("string", "integer", "number", "boolean")
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(_INTEGER.pattern + r"(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MAX_DIGITS = 4_300
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
    default: Json
    """What a request means that does not give it; None if that says nothing."""

    @classmethod
    def compile(cls, parameter: openapi.Parameter, place: str) -> "Parameter":
        """The parameter `parameter`. Raises ContractError, also for a kind that is not supported."""
        place = f"{place}: parameter {parameter.name}"
        if parameter.location not in _STYLES:
            raise ContractError(f"{place}: must be in path or query, not in {parameter.location}")
        if parameter.style not in (None, _STYLES[parameter.location]):
            raise ContractError(f"{place}: must have the style {_STYLES[parameter.location]}")
        type_ = _type_of(parameter.schema, place)
        if type_ not in _TYPES:
            raise ContractError(f"{place}: needs a schema of type {', '.join(_TYPES[:-1])} or {_TYPES[-1]}")
        schema = Schema(parameter.schema, place)
        default = parameter.schema.get("default")
        if default is not None and not schema.accepts(default):
            raise ContractError(f"{place}: its default must keep its schema")
        return cls(parameter.name, parameter.location, parameter.required, type_, schema, default)

    def check(self, text: str) -> Json:
        """The value that `text`, percent-decoded, is of this parameter. Raises InvalidRequest if it is none."""
        value: Json = text
        # JSON's grammar, not Python's: "1_0" and " 1" are no integers.
        if self.type == "integer" and _INTEGER.fullmatch(text):
            if len(text) > _MAX_DIGITS:
                raise InvalidRequest(f"{self.name} has too many digits")
            value = int(text)
        elif self.type == "number" and _NUMBER.fullmatch(text):
            value = float(text)
        elif self.type == "boolean" and text in ("true", "false"):
            value = text == "true"
        if problems := self.schema.problems(value, self.name):
            raise InvalidRequest("; ".join(problems))
        return value


def _type_of(schema: Json, place: str) -> str | None:
    """The one JSON type of the values that `schema` takes; None if they are of several, or that cannot be told."""
    declared = schemas.declared_type(schema)
    if isinstance(declared, str):
        return declared
    if not isinstance(schema, dict):
        return None
    types = {_JSON_TYPES.get(type(value)) for value in values(schema, place) if value != UNKNOWN}
    return types.pop() if len(types) == 1 else None


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON body."""

    decoder: Decoder
    schema: Schema
    written: Json
    """The schema, self-contained, as the document has it."""

    @classmethod
    def compile(cls, content: openapi.Content, place: str, max_depth: int) -> "Body":
        """The body that is `content`, nested at most `max_depth` deep. Raises ContractError."""
        schema = {} if content.schema is None else content.schema
        return cls(Decoder({"": schema}, max_depth=max_depth), Schema(schema, place), schema)

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
            if outline := self.decoder.outline(data):
                self._judged(outline)
            return self._judged(data)
        except NotJson as error:
            raise InvalidRequest(f"the body is {error}") from None

    def _judged(self, data: bytes) -> Json:
        """The value of `data`. Raises NotJson, InvalidRequest."""
        _, value = self.decoder.thorough(data)
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
class RestOperation:
    """One method of one path."""

    id: str
    method: str
    path: str
    security: tuple[dict[str, Json], ...]
    """What it asks a client to show, in one of several ways; empty if nothing."""
    parameters: list[Parameter]
    body: Body | None
    responses: dict[str, Response]

    @property
    def secured(self) -> bool:
        """Whether it asks a client to show anything."""
        return bool(self.security)

    @property
    def in_path(self) -> list[str]:
        """The names of the parameters in the path, in their order."""
        return TEMPLATED.findall(self.path)

    def path_with(self, *values: str) -> str:
        """The path, percent-encoded, in which the parameters have `values`, in their order."""
        left = iter(values)
        return TEMPLATED.sub(lambda _: quote(next(left), safe=""), self.path)

    def response_to(self, status: int) -> Response | None:
        """What is declared for `status`, by itself or with others (OpenAPI 3.0.3, "Responses Object")."""
        declared = (str(status), f"{status // 100}XX", "default")
        return next((self.responses[each] for each in declared if each in self.responses), None)

    def success(self, usual: int) -> int | None:
        """The status of success that is declared: the `usual` one, or else the first; None if there is none."""
        exact = [int(status) for status in self.responses if status.isdecimal() and status[0] == "2"]
        if usual not in exact and exact:
            return exact[0]
        return usual if self.response_to(usual) else None

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
            if name in values:
                continue
            if parameter.required:
                raise InvalidRequest(f"{name} is required")
            if parameter.default is not None:
                values[name] = parameter.default
        return values

    def problems_of_response(self, status: int, headers: dict[str, str], body: bytes) -> list[str]:
        """What is wrong with a response of this operation; empty when nothing is. Names in `headers` are lower case."""
        response = self.response_to(status)
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
        self.operations: dict[str, RestOperation] = {}
        """The operations by their operationId."""
        try:
            self._compile()
        except ContractError as error:
            known = str(error).startswith(self._file)
            raise ContractError(str(error) if known else f"{self._file}: {error}") from None

    def _compile(self) -> None:
        if not str(self.document.get("openapi", "")).startswith("3.0."):
            raise ContractError("openapi must be 3.0.x")
        document = openapi.read(self.document)
        for server in document.servers:
            url = urlsplit(server)
            # With a host it may be a proxy's, which takes the path away.
            if not url.netloc and url.path not in ("", "/"):
                raise ContractError(f'servers: the url {quoted(server)} must be "/", where the service is')
        for each in document.operations:
            operation = self._operation(each)
            if operation.id in self.operations:
                raise ContractError(f'operationId "{operation.id}" stands twice')
            self.operations[operation.id] = operation
        self.reduced = reduced(self.document)
        """The document without what only this contract judges, and connexion cannot read."""

    def _operation(self, operation: openapi.PathOperation) -> RestOperation:
        place = f"{self._file}: {operation.method.upper()} {operation.path}"
        if operation.id is None:
            raise ContractError(f"{place}: needs an operationId")
        in_path = {parameter.name for parameter in operation.parameters if parameter.location == "path"}
        if set(TEMPLATED.findall(operation.path)) != in_path:
            raise ContractError(f"{place}: its path parameters must be those of its path")
        if not operation.responses:
            raise ContractError(f"{place}: needs responses")
        return RestOperation(
            id=operation.id,
            method=operation.method,
            path=operation.path,
            security=operation.security,
            parameters=[Parameter.compile(parameter, place) for parameter in operation.parameters],
            body=self._body(place, operation.body),
            responses={
                status: Response(
                    {
                        media_type: Body.compile(content, f"{place}: response {status}", MAX_SENT_DEPTH)
                        for media_type, content in response.content.items()
                    },
                    {name.lower(): required for name, required in response.headers.items()},
                )
                for status, response in operation.responses.items()
            },
        )

    @staticmethod
    def _body(place: str, body: openapi.RequestBody | None) -> Body | None:
        if body is None:
            return None
        if list(body.content) != ["application/json"]:
            raise ContractError(f"{place}: a request body must be application/json and nothing else")
        if not body.required:
            raise ContractError(f"{place}: a request body must be required")
        return Body.compile(body.content["application/json"], f"{place}: body", MAX_BODY_DEPTH)
