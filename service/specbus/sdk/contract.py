"""What a client is made of, read from an OpenAPI and an AsyncAPI document. No programming language is known here.

Names are as the documents spell them, save for methods and groups, which are in snake_case; `spec.names` has the other
spellings. Every type has a name: an object that a document describes in place becomes a schema of its own.

Extensions that are read, all optional:

| Where | What | Meaning |
|---|---|---|
| an operation of either document | `x-client-name: name` or `group.name` | the method's name |
| an AsyncAPI `receive` operation | `x-stream` | it starts a stream of events; see `Stream` |
| an AsyncAPI `receive` operation | `x-probe: true` | it only asks for a sign of life; it has no arguments |
| an AsyncAPI message | `x-error: {code: error/code, message: error/message}` | it refuses a command |
| a schema | `x-default: client` | the client's own label, unless given |
| a schema | `x-default: uuid` | a new UUID, unless given |
| an object's schema | `x-flatten: true` | its fields become arguments |
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from specbus.contract.schema import Schema as Judged
from specbus.spec.documents import ContractError, at, check_references
from specbus.spec.names import pascal, snake, words

Json = Any
Schema = dict[str, Any]
"""A JSON Schema. `{"$ref": "#/components/schemas/NAME"}` names one of `Contract.schemas`."""
Path = tuple[str, ...]
"""Field names, from the outermost in."""

_SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a method, and where its value goes."""

    name: str
    schema: Schema
    required: bool
    """False where a caller may leave it out: it is then not sent, or has its `default`."""
    description: str
    place: Literal["frame", "path", "query", "header", "body"]
    path: Path
    """In a frame or body: where the value stands; () for a whole body. Elsewhere: the one name."""
    default: Literal["client", "uuid"] | None
    """What is sent if none is given: the client's own label, a new UUID, or nothing."""


@dataclass(frozen=True, slots=True)
class Message:
    """A kind of frame."""

    name: str
    type: str
    """The schema of its payload, by its name in `Contract.schemas`."""
    constants: dict[str, Json]
    """Fields that have but one value, which tells kinds apart."""
    required: Path
    """Fields that every such frame has."""
    description: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply that says that a command was not carried out."""

    message: Message
    code: Path | None
    """Where the error's code is; the message's name serves if nowhere."""
    text: Path | None
    """Where the words for a person are; the whole frame serves if nowhere."""


@dataclass(frozen=True, slots=True)
class Match:
    """Frames of one kind with certain values in them."""

    message: Message
    where: tuple[tuple[Path, Json], ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """Events that a command starts, as the operation's `x-stream` says.

    x-stream:
      key: topic            the field by which the frames of a stream are told; a required one of the command
      events: Event         the message that is an event
      stop: unsubscribe     the operation that ends it; it has no method of its own
      once: [last_n]        fields that are not sent again when the client subscribes anew after a reconnect
      ended: {message: Info, where: {msg: topic_deleted}}     the server has ended it
      dropped: {message: Error, where: {error: {code: SLOW_CONSUMER}}, count: error/dropped}   events are missing

    A stream's events come after the command's reply.
    """

    key: str
    event: Message
    stop: "Command | None"
    once: tuple[str, ...]
    ended: Match | None
    dropped: Match | None
    count: Path | None
    """Where in a `dropped` frame the number of missing events is; one if nowhere."""


@dataclass(frozen=True, slots=True)
class Command:
    """A frame that a client may send: a method."""

    name: str
    """The operation's; with the message's behind it where the operation takes several."""
    message: Message
    fixed: tuple[tuple[Path, Json], ...]
    """What every such frame has."""
    parameters: tuple[Parameter, ...]
    """Those that are required first, each part in the order of the schema. Without the correlation field."""
    replies: tuple[Message, ...]
    """What may answer it, refusals apart. Empty: it is not answered."""
    stream: Stream | None
    probe: bool
    """Whether it only asks for a sign of life."""
    summary: str
    description: str


@dataclass(frozen=True, slots=True)
class Feed:
    """Frames that the server sends unasked, and that belong to no stream: an iterator."""

    name: str
    messages: tuple[Message, ...]
    summary: str
    description: str


@dataclass(frozen=True, slots=True)
class Correlation:
    """The field that comes back in the reply to a command."""

    path: Path
    kind: Literal["text", "uuid", "integer"]


@dataclass(frozen=True, slots=True)
class Socket:
    """The WebSocket side."""

    address: str
    """The path of the handshake."""
    commands: tuple[Command, ...]
    """All but those that stop a stream."""
    feeds: tuple[Feed, ...]
    received: tuple[Message, ...]
    """All that the server may send."""
    tag: str | None
    """The field whose constant tells them apart. None: a frame is the first whose constants and required fields it
    has."""
    refusals: tuple[Refusal, ...]
    correlation: Correlation | None
    """None: replies come in the order of the commands."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A request over HTTP: a method."""

    name: str
    method: str
    """In capitals."""
    path: str
    """With `{name}` for each parameter in it."""
    parameters: tuple[Parameter, ...]
    """As a command's."""
    result: Schema | None
    """Of the JSON body that success has; None if it has none."""
    summary: str
    description: str
    fixed: tuple[tuple[Path, Json], ...] = ()
    """What every body has."""


@dataclass(frozen=True, slots=True)
class Group:
    """Requests with the same tag, which are methods of one object; directly the client's if the name is empty."""

    name: str
    description: str
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Credential:
    """How the API key travels."""

    place: Literal["header", "query"]
    name: str
    prefix: str
    """What stands before the key, as `Bearer `."""


@dataclass(frozen=True, slots=True)
class Contract:
    """Both documents."""

    title: str
    version: str
    description: str
    schemas: dict[str, Schema]
    """By name, in alphabetical order."""
    groups: tuple[Group, ...]
    """Without an OpenAPI document: none."""
    socket: Socket | None
    """None without an AsyncAPI document."""
    credential: Credential | None


def read(openapi: Json | None, asyncapi: Json | None) -> Contract:
    """The contract of two documents in one piece each (`documents.bundle`), either of which may be missing.

    Raises ContractError for documents that no client can be made from.
    """
    main = asyncapi or openapi
    if main is None:
        raise ContractError("there is neither an OpenAPI nor an AsyncAPI document")
    for document, kind in ((openapi, "OpenAPI"), (asyncapi, "AsyncAPI")):
        if document is not None:
            if not str(document.get(kind.lower())).startswith("3."):
                raise ContractError(f"the {kind} document is not one of version 3")
            check_references(document)
    try:
        schemas = _Schemas()
        sides = [_Side(document, schemas) for document in (openapi, asyncapi) if document is not None]
        groups = _groups(sides[0]) if openapi is not None else ()
        socket = _socket(sides[-1]) if asyncapi is not None else None
        credentials = [side.credential() for side in reversed(sides)]
        contract = Contract(
            str(main["info"]["title"]),
            str(main["info"]["version"]),
            _text(main["info"], "description"),
            schemas.all(),
            groups,
            socket,
            next(filter(None, credentials), None),
        )
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ContractError(f"a document has not the form that a client can be made from: {error!r}") from error
    _check_names(contract)
    return contract


class _Schemas:
    """The schemas of both documents, by name, with every object among them named."""

    def __init__(self) -> None:
        self._all: dict[str, Schema] = {}

    def all(self) -> dict[str, Schema]:
        return dict(sorted(self._all.items()))

    def add(self, schemas: dict[str, Schema]) -> None:
        for name in schemas:
            # A name that is none in a programming language would be changed by each generator in its own way.
            if not name.isidentifier():
                raise ContractError(f'the schema "{name}" needs a name of letters and digits')
        taken = schemas.keys() & self._all.keys()
        named = {name: self._top(schema, name, True) for name, schema in schemas.items() if name not in taken}
        self._all.update(named)
        for name in taken:
            if self._top(schemas[name], name, False) != self._all[name]:
                raise ContractError(f'the two documents have different schemas "{name}"')

    def reference(self, schema: Schema, name: str) -> Schema:
        """`schema` as a member: an object in place becomes a schema called `name`."""
        member: Schema = self._member(schema, name, True)
        return member

    def target(self, schema: Schema) -> Schema:
        """`schema`, with references followed."""
        while isinstance(ref := schema.get("$ref"), str):
            schema = self._all[_name(ref)]
        return schema

    def _top(self, schema: Schema, name: str, keep: bool) -> Schema:
        """`schema` as the one called `name`, which is its title, since generators name types by that."""
        return schema if "$ref" in schema else {**self._named(schema, name, keep), "title": name}

    def _named(self, schema: Schema, owner: str, keep: bool) -> Schema:
        """`schema` with the objects in it named after `owner`; only compared, not kept, if not `keep`."""
        result = dict(schema)
        if isinstance(properties := schema.get("properties"), dict):
            result["properties"] = {
                name: self._member(member, owner + pascal(name), keep) for name, member in properties.items()
            }
        for keyword, suffix in (("items", "Item"), ("additionalProperties", "Value")):
            if isinstance(schema.get(keyword), dict):
                result[keyword] = self._member(schema[keyword], owner + suffix, keep)
        for keyword in ("oneOf", "anyOf", "allOf"):
            if isinstance(schema.get(keyword), list):
                result[keyword] = [
                    self._member(member, f"{owner}{index}", keep) for index, member in enumerate(schema[keyword], 1)
                ]
        return result

    def _member(self, schema: Json, name: str, keep: bool) -> Json:
        if schema is True:  # as JSON Schema says that all is allowed
            return {}
        if not isinstance(schema, dict):
            raise TypeError(f"{schema!r} where a schema is expected")
        if "$ref" in schema:
            return schema
        if "properties" not in schema:
            return self._named(schema, name, keep)
        title = schema.get("title")
        name = title if isinstance(title, str) and title.isidentifier() else name
        named = self._top(schema, name, keep)
        if keep and self._all.setdefault(name, named) != named:
            raise ContractError(f'two different schemas would be called "{name}"; give one of them a title')
        return {"$ref": _SCHEMAS + name}


@dataclass
class _Side:
    """One document."""

    document: dict[str, Json]
    schemas: _Schemas
    messages: dict[str, Message] = field(default_factory=dict)

    def __post_init__(self) -> None:
        schemas = self.document.get("components", {}).get("schemas", {})
        Judged({"$defs": schemas, "components": {"schemas": schemas}}, "components.schemas")  # so that all are some
        self.schemas.add(schemas)

    def follow(self, node: Json) -> dict[str, Json]:
        """`node`, with references followed."""
        while isinstance(ref := node.get("$ref"), str):
            node = at(self.document, ref)
        if not isinstance(node, dict):
            raise TypeError(f"{node!r} is not an object")
        return node

    def message(self, reference: Json) -> Message:
        """The message at `reference`."""
        node = self.follow(reference)
        name = node.get("name") or _name(self._last(reference))
        if name not in self.messages:
            schema = self.schemas.reference(node["payload"], pascal(name))
            if "$ref" not in schema or "properties" not in (target := self.schemas.target(schema)):
                raise ContractError(f'the payload of the message "{name}" must be an object with properties')
            required = target.get("required", [])
            constants = {
                each: value for each in required for value in _constant(self.schemas.target(target["properties"][each]))
            }
            description = _text(node, "description") or _text(target, "description")
            self.messages[name] = Message(name, _name(schema["$ref"]), constants, tuple(required), description)
        return self.messages[name]

    def named(self, name: str) -> Message:
        """The message of that name."""
        if name not in self.messages:
            raise ContractError(f'x-stream: no operation has a message "{name}"')
        return self.messages[name]

    def _last(self, node: Json) -> str:
        ref = node["$ref"]
        while isinstance(further := at(self.document, ref).get("$ref"), str):
            ref = further
        return str(ref)

    def credential(self) -> Credential | None:
        """The document's first way to send a key that a client can use."""
        for scheme in self.document.get("components", {}).get("securitySchemes", {}).values():
            node = self.follow(scheme)
            if node["type"] in ("apiKey", "httpApiKey") and node["in"] in ("header", "query"):
                return Credential(node["in"], node["name"], "")
            if node["type"] == "http" and node["scheme"].lower() == "bearer":
                return Credential("header", "Authorization", "Bearer ")
        return None


def _groups(side: _Side) -> tuple[Group, ...]:
    """The requests of an OpenAPI document by tag."""
    described = {tag["name"]: _text(tag, "description") for tag in side.document.get("tags", [])}
    found: dict[str, list[Endpoint]] = {name: [] for name in described}
    for path, item in side.document["paths"].items():
        node = side.follow(item)
        for method in ("get", "put", "post", "delete", "patch"):
            if method in node:
                tag, endpoint = _endpoint(side, method, path, node[method], node.get("parameters", []))
                found.setdefault(tag, []).append(endpoint)
    return tuple(
        Group(snake(name), described.get(name, ""), tuple(endpoints)) for name, endpoints in found.items() if endpoints
    )


def _endpoint(side: _Side, method: str, path: str, node: Json, shared: list[Json]) -> tuple[str, Endpoint]:
    tag = next(iter(node.get("tags", [])), "")
    identifier = node.get("operationId") or f"{method} {path}"
    name = _method(identifier, tag)
    if "x-client-name" in node:
        group, _, name = str(node["x-client-name"]).rpartition(".")
        tag = group or tag
    given = {(each["name"], each["in"]): each for each in map(side.follow, [*shared, *node.get("parameters", [])])}
    parameters = [
        _parameter(
            side.schemas,
            each["name"],
            each["schema"],
            each.get("required", False),
            each["in"],
            (each["name"],),
            _text(each, "description"),
        )
        for each in given.values()
        if each["in"] in ("path", "query", "header")
    ]
    fixed: tuple[tuple[Path, Json], ...] = ()
    if body := side.follow(node.get("requestBody", {})):
        schema = side.schemas.reference(_json(body["content"], identifier), pascal(identifier) + "Body")
        fields, constants = list(_fields(side.schemas, schema, "body", ())), tuple(_fixed(side.schemas, schema, ()))
        clash = {each.name for each in fields} & {each.name for each in parameters}
        if body.get("required", False) and (fields or constants) and not clash:
            parameters += fields
            fixed = constants
        else:
            text = _text(body, "description")
            parameters.append(_parameter(side.schemas, "body", schema, body.get("required", False), "body", (), text))
    result = next(
        (
            side.schemas.reference(content["schema"], pascal(identifier) + "Result")
            for status, response in node["responses"].items()
            if str(status).startswith("2")
            for media, content in side.follow(response).get("content", {}).items()
            if "json" in media and "schema" in content
        ),
        None,
    )
    summary, description = _text(node, "summary"), _text(node, "description")
    return tag, Endpoint(name, method.upper(), path, _ordered(parameters), result, summary, description, fixed)


def _method(identifier: str, tag: str) -> str:
    """The name of a method: the operation's less its tag's words, in the singular too, and less `get` before others."""
    of_tag = words(tag)
    singular = [*of_tag[:-1], *(_singular(word) for word in of_tag[-1:])]
    own = words(identifier)
    rest = [word for word in own if word not in of_tag and word not in singular] or own
    return "_".join(rest[1:] if rest[0] == "get" and len(rest) > 1 else rest)


def _singular(word: str) -> str:
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def _json(content: dict[str, Json], operation: str) -> Schema:
    for media, node in content.items():
        if "json" in media:
            schema: Schema = node.get("schema", {})
            return schema
    raise ContractError(f"{operation}: a client can send JSON only, not {', '.join(content)}")


def _socket(side: _Side) -> Socket:
    """The WebSocket of an AsyncAPI document."""
    operations: dict[str, dict[str, Json]] = {name: side.follow(o) for name, o in side.document["operations"].items()}
    addresses = {side.follow(node["channel"]).get("address") for node in operations.values()}
    address = next(iter(addresses), None)
    if len(addresses) != 1 or not isinstance(address, str) or "{" in address:
        raise ContractError("the operations must share one channel, with an address that has no parameters")
    taken: dict[str, list[Message]] = {}
    answered: dict[str, list[Message]] = {}
    nodes: dict[str, Json] = {}
    for name, node in operations.items():
        reply = side.follow(node.get("reply", {}))
        of_channel = list(side.follow(node["channel"])["messages"].values())
        own = node.get("messages", of_channel)
        taken[name] = [side.message(each) for each in own]
        answers = reply.get("messages", [])
        answered[name] = [side.message(each) for each in answers]
        for each in [*own, *answers]:
            nodes[side.message(each).name] = side.follow(each)
    refusals = _refusals(nodes, [replies for replies in answered.values() if replies])
    refused = [refusal.message for refusal in refusals]
    correlation = _correlation(side, nodes)
    commands: dict[str, list[Command]] = {}
    for name, node in operations.items():
        if node["action"] == "receive":
            replies = tuple(each for each in answered[name] if each not in refused)
            commands[name] = [
                _command(side, node, _command_name(name, node, each, taken[name]), each, replies, correlation)
                for each in taken[name]
            ]
    streams = {
        name: _stream(side, name, operations[name], commands) for name in commands if "x-stream" in operations[name]
    }
    stops = [stream.stop for stream in streams.values()]
    in_streams = [
        message
        for stream in streams.values()
        for message in [stream.event, *(match.message for match in (stream.ended, stream.dropped) if match)]
    ]
    feeds = [
        Feed(
            snake(str(node.get("x-client-name", name))),
            tuple(taken[name]),
            _text(node, "summary"),
            _text(node, "description"),
        )
        for name, node in operations.items()
        if node["action"] == "send" and any(message not in in_streams for message in taken[name])
    ]
    unasked = [message for name, node in operations.items() if node["action"] == "send" for message in taken[name]]
    received = {message.name: message for message in [*unasked, *(each for all_ in answered.values() for each in all_)]}
    return Socket(
        address,
        tuple(
            _with_stream(command, streams.get(name))
            for name, all_ in commands.items()
            for command in all_
            if command not in stops
        ),
        tuple(feeds),
        # The fuller description first, so that a kind is not taken for one that asks less.
        tuple(sorted(received.values(), key=lambda each: (-len(each.constants), -len(each.required)))),
        _tag(list(received.values())),
        tuple(refusals),
        correlation,
    )


def _tag(messages: list[Message]) -> str | None:
    """The field that has a constant of its own in each of `messages`."""
    for name in messages[0].constants if messages else ():
        values = [message.constants.get(name) for message in messages]
        if all(isinstance(value, str) for value in values) and len(set(values)) == len(values):
            return name
    return None


def _command_name(name: str, node: Json, message: Message, messages: list[Message]) -> str:
    name = snake(str(node.get("x-client-name", name)))
    return name if len(messages) == 1 else f"{name}_{snake(message.name)}"


def _with_stream(command: Command, stream: Stream | None) -> Command:
    return Command(
        command.name,
        command.message,
        command.fixed,
        command.parameters,
        command.replies,
        stream,
        command.probe,
        command.summary,
        command.description,
    )


def _refusals(nodes: dict[str, Json], answered: list[list[Message]]) -> list[Refusal]:
    """The replies that are marked as errors, or the one that answers all operations if there are several."""
    replies = {message.name: message for all_ in answered for message in all_}
    marked = [name for name in replies if "x-error" in nodes[name] or "x-on-invalid" in nodes[name]]
    if not marked and len(answered) > 1:
        marked = [name for name, message in replies.items() if all(message in all_ for all_ in answered)]
        # One that answers everything and is alone in it is no refusal but the reply.
        marked = marked if all(len(all_) > 1 for all_ in answered) else []
    return [
        Refusal(replies[name], _path(where.get("code")), _path(where.get("message")))
        for name in marked
        for where in [nodes[name].get("x-error", {})]
    ]


def _correlation(side: _Side, nodes: dict[str, Json]) -> Correlation | None:
    for name, node in nodes.items():
        head, _, pointer = side.follow(node.get("correlationId", {})).get("location", "").partition("#/")
        if head == "$message.payload" and pointer:
            path = tuple(pointer.split("/"))
            schema: Schema = {"$ref": _SCHEMAS + side.messages[name].type}
            for step in path:
                schema = side.schemas.target(schema)["properties"][step]
            schema = side.schemas.target(schema)
            if schema.get("type") == "integer":
                return Correlation(path, "integer")
            return Correlation(path, "uuid" if schema.get("format") == "uuid" else "text")
    return None


def _command(
    side: _Side, node: Json, name: str, message: Message, replies: tuple[Message, ...], correlation: Correlation | None
) -> Command:
    schema: Schema = {"$ref": _SCHEMAS + message.type}
    path = correlation.path if correlation else None
    parameters = _ordered([each for each in _fields(side.schemas, schema, "frame", ()) if each.path != path])
    return Command(
        name,
        message,
        tuple(_fixed(side.schemas, schema, ())),
        parameters,
        replies,
        None,
        _probe(node, name, parameters),
        _text(node, "summary"),
        _text(node, "description") or message.description,
    )


def _probe(node: Json, name: str, parameters: tuple[Parameter, ...]) -> bool:
    if node.get("x-probe") and any(each.required for each in parameters):
        raise ContractError(f"x-probe of {name}: it has arguments")
    return bool(node.get("x-probe"))


def _stream(side: _Side, name: str, node: Json, commands: dict[str, list[Command]]) -> Stream:
    given = node["x-stream"]
    (command,) = commands[name]
    if all(each.path != (given["key"],) or not each.required for each in command.parameters):
        raise ContractError(f'x-stream of {name}: the key "{given["key"]}" is no required field of its message')
    stop = None
    if "stop" in given:
        if given["stop"] not in commands:
            raise ContractError(f'x-stream of {name}: there is no operation "{given["stop"]}"')
        (stop,) = commands[given["stop"]]
    dropped = given.get("dropped")
    return Stream(
        given["key"],
        side.named(given["events"]),
        stop,
        tuple(given.get("once", [])),
        _match(side, given.get("ended")),
        _match(side, dropped),
        _path(dropped.get("count")) if dropped else None,
    )


def _match(side: _Side, given: Json | None) -> Match | None:
    return given and Match(side.named(given["message"]), tuple(_leaves(given.get("where", {}), ())))


def _leaves(node: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves(value, (*path, name))
    else:
        yield path, node


def _path(pointer: str | None) -> Path | None:
    return tuple(pointer.strip("/").split("/")) if pointer else None


def _fields(
    schemas: _Schemas, schema: Schema, place: Literal["frame", "body"], path: Path, optional: bool = False
) -> Iterator[Parameter]:
    """The arguments that fill an object of `schema` at `path`; all of them may be left out if it is `optional`."""
    node = schemas.target(schema)
    required = node.get("required", [])
    for name, member in node.get("properties", {}).items():
        target = schemas.target(member)
        here = (*path, name)
        if name in required and list(_constant(target)):
            continue
        if target.get("x-flatten") and "properties" in target:
            yield from _fields(schemas, member, place, here, optional or name not in required)
        else:
            needed = name in required and not optional
            yield _parameter(schemas, name, member, needed, place, here, _text(member, "description"))


def _fixed(schemas: _Schemas, schema: Schema, path: Path) -> Iterator[tuple[Path, Json]]:
    """The fields of an object of `schema` that have but one value."""
    node = schemas.target(schema)
    for name, member in node.get("properties", {}).items():
        if name in node.get("required", []):
            target = schemas.target(member)
            for value in _constant(target):
                yield (*path, name), value
            if target.get("x-flatten"):
                yield from _fixed(schemas, member, (*path, name))


def _parameter(
    schemas: _Schemas,
    name: str,
    schema: Schema,
    required: bool,
    place: Literal["frame", "path", "query", "header", "body"],
    path: Path,
    description: str,
) -> Parameter:
    target = schemas.target(schema)
    default = target.get("x-default")
    if default not in (None, "client", "uuid"):
        raise ContractError(f'x-default of "{name}" is neither client nor uuid')
    text = description or _text(target, "description")
    return Parameter(name, schema, required and default is None, text, place, path, default)


def _ordered(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    """Those that are required first. Raises ContractError where two have the same name."""
    names = [snake(each.name) for each in parameters]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ContractError(f'two arguments of one method would be called "{min(twice)}"')
    return tuple(sorted(parameters, key=lambda each: not each.required))


def _constant(schema: Schema) -> list[Json]:
    """The one value that `schema` allows, if it does, in a list."""
    if "const" in schema:
        return [schema["const"]]
    values: list[Json] = schema.get("enum", [])
    return values if len(values) == 1 else []


def _text(node: dict[str, Json], name: str) -> str:
    """The text called `name`; "" where there is none, or where a person left it empty."""
    text = node.get(name)
    return text if isinstance(text, str) else ""


def _name(ref: str) -> str:
    return ref.rpartition("/")[2]


def _check_names(contract: Contract) -> None:
    """Raise ContractError if two things on the client would have the same name."""
    own = [group.name for group in contract.groups if group.name]
    own += [endpoint.name for group in contract.groups if not group.name for endpoint in group.endpoints]
    if contract.socket:
        own += [command.name for command in contract.socket.commands]
        own += [feed.name for feed in contract.socket.feeds]
    for names in [own, *([each.name for each in group.endpoints] for group in contract.groups if group.name)]:
        if twice := {name for name in names if names.count(name) > 1}:
            raise ContractError(f'two things would be called "{min(twice)}" on the client; x-client-name renames one')
