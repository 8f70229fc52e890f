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

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from specbus.sdk.keywords import NAME, SCHEMAS, check_values, known, referred
from specbus.spec import ContractError, schemas
from specbus.spec import Json as Json
from specbus.spec import asyncapi as asyncapi_documents
from specbus.spec import openapi as openapi_documents
from specbus.spec.asyncapi import AsyncApi, ChannelOperation
from specbus.spec.names import pascal, snake, words
from specbus.spec.nodes import required_text, text
from specbus.spec.openapi import Content, OpenApi, PathOperation
from specbus.spec.validators import compiled, modern

Schema = dict[str, Any]
"""A JSON Schema. `{"$ref": "#/components/schemas/NAME"}` names one of `Contract.schemas`."""
Path = tuple[str, ...]
"""Field names, from the outermost in."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a method, and where its value goes."""

    name: str
    schema: Schema
    required: bool
    """False where a caller may leave it out: it is then not sent, or has its `default`."""
    description: str
    place: str
    """`frame`, `path`, `query`, `header` or `body`."""
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
    unasked: bool = False
    """Whether the server also sends it where it refuses nothing, beside what a stream's `dropped` and `ended` tell."""


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
    """The contract of two documents in one piece each (`spec.bundle`), either of which may be missing.

    Raises ContractError for documents that no client can be made from.
    """
    for document, kind in ((openapi, "OpenAPI"), (asyncapi, "AsyncAPI")):
        if document is not None and not str(document.get(kind.lower())).startswith("3."):
            raise ContractError(f"the {kind} document is not one of version 3")
        check_values(document)
    try:
        rest = None if openapi is None else openapi_documents.read(openapi)
        events = None if asyncapi is None else asyncapi_documents.read(asyncapi)
        main = events or rest
        if main is None:
            raise ContractError("there is neither an OpenAPI nor an AsyncAPI document")
        named = _Schemas()
        for each in (rest, events):
            if each is not None:
                named.add_components(each.document)
        schemes = [*(events.security_schemes if events else ()), *(rest.security_schemes if rest else ())]
        groups = _groups(rest, named) if rest else ()
        socket = _Side(events, named).socket() if events else None
        contract = Contract(
            main.title, main.version, main.description, named.all(), groups, socket, _credential(schemes)
        )
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ContractError(f"a document has not the form that a client can be made from: {error!r}") from error
    _check_names(contract)
    return contract


class _Schemas:
    """The schemas of both documents, by name, with every object among them named."""

    def __init__(self) -> None:
        self._all: dict[str, Schema] = {}
        self._components: set[str] = set()
        """The names that documents give, to which references are."""

    def all(self) -> dict[str, Schema]:
        return dict(sorted(self._all.items()))

    def add_components(self, document: dict[str, Json]) -> None:
        """Add those that `document` has in its components. Raises ContractError."""
        schemas = document.get("components", {}).get("schemas", {})
        # Whoever writes types from what is no schema writes nonsense.
        compiled(modern({"$defs": schemas, "components": {"schemas": schemas}}), "components.schemas")
        for name in schemas:
            # A name that is none in a programming language would be changed by each generator in its own way.
            if not NAME.fullmatch(name):
                raise ContractError(f'the schema "{name}" needs a name of letters and digits')
        self._components |= schemas.keys()
        schemas = {name: self.known(schema) for name, schema in schemas.items()}
        taken = schemas.keys() & self._all.keys()
        named = {name: self._top(schema, name, True) for name, schema in schemas.items() if name not in taken}
        self._all.update(named)
        for name in taken:
            if self._top(schemas[name], name, False) != self._all[name]:
                raise ContractError(f'the two documents have different schemas "{name}"')

    def reference(self, schema: Schema, name: str) -> Schema:
        """`schema` as a member: an object in place becomes a schema called `name`."""
        member: Schema = self._member(self.known(schema), name, True)
        return member

    def known(self, schema: Json) -> Schema:
        """What is known of `schema`, as `keywords` says. Raises ContractError."""
        if schema is True:  # as JSON Schema says that all is allowed
            return {}
        made = known(schema, self._components)
        if not isinstance(made, dict):
            raise TypeError(f"{schema!r} where a schema is expected")
        return made

    def target(self, schema: Schema) -> Schema:
        """`schema`, with references followed."""
        while isinstance(ref := schema.get("$ref"), str):
            schema = self._all[referred(ref, self._all)]
        return schema

    def _top(self, schema: Schema, name: str, keep: bool) -> Schema:
        """`schema` as the one called `name`, which is its title, since generators name types by that."""
        return schema if "$ref" in schema else {**self._named(schema, name, keep), "title": name}

    def _named(self, schema: Schema, owner: str, keep: bool) -> Schema:
        """`schema` with the objects in it named after `owner`; only compared, not kept, if not `keep`."""
        result = dict(schema)
        if isinstance(properties := schema.get("properties"), dict):
            result["properties"] = {
                name: self._member(member, owner + (pascal(name) or "Field"), keep)
                for name, member in properties.items()
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
        name = title if isinstance(title, str) else name
        if not NAME.fullmatch(name):
            raise ContractError(f'no type can be called "{name}"; give the object a title of letters and digits')
        named = self._top(schema, name, keep)
        if keep and self._all.setdefault(name, named) != named:
            raise ContractError(f'two different schemas would be called "{name}"; give one of them a title')
        return {"$ref": SCHEMAS + name}


def _credential(schemes: list[dict[str, Json]]) -> Credential | None:
    """The first way to send a key that a client can use."""
    for scheme in schemes:
        if scheme["type"] in ("apiKey", "httpApiKey") and scheme["in"] in ("header", "query"):
            return Credential(scheme["in"], required_text(scheme, "name", "a security scheme"), "")
        if scheme["type"] == "http" and scheme["scheme"].lower() == "bearer":
            return Credential("header", "Authorization", "Bearer ")
    return None


def _groups(document: OpenApi, named: _Schemas) -> tuple[Group, ...]:
    """The requests of an OpenAPI document by tag."""
    found: dict[str, list[Endpoint]] = {name: [] for name in document.tags}
    for operation in document.operations:
        if operation.method in ("get", "put", "post", "delete", "patch"):
            tag, endpoint = _endpoint(operation, named)
            found.setdefault(tag, []).append(endpoint)
    return tuple(
        Group(snake(name), document.tags.get(name, ""), tuple(endpoints))
        for name, endpoints in found.items()
        if endpoints
    )


def _endpoint(operation: PathOperation, named: _Schemas) -> tuple[str, Endpoint]:
    tag = next(iter(operation.tags), "")
    identifier = operation.id or f"{operation.method} {operation.path}"
    name = _method(identifier, tag)
    if "x-client-name" in operation.extensions:
        group, _, name = str(operation.extensions["x-client-name"]).rpartition(".")
        tag = group or tag
    parameters = [
        _parameter(
            named, each.name, named.known(each.written), each.required, each.location, (each.name,), each.description
        )
        for each in operation.parameters
        if each.location in ("path", "query", "header")
    ]
    fixed: tuple[tuple[Path, Json], ...] = ()
    if body := operation.body:
        schema = named.reference(_json(body.content, identifier), pascal(identifier) + "Body")
        fields, constants = list(_fields(named, schema, "body", ())), tuple(_fixed(named, schema, ()))
        clash = {each.name for each in fields} & {each.name for each in parameters}
        if body.required and (fields or constants) and not clash:
            parameters += fields
            fixed = constants
        else:
            parameters.append(_parameter(named, "body", schema, body.required, "body", (), body.description))
    result = next(
        (
            named.reference(content.written, pascal(identifier) + "Result")
            for status, response in operation.responses.items()
            if status.startswith("2")
            for media, content in response.content.items()
            if "json" in media and content.written is not None
        ),
        None,
    )
    return tag, Endpoint(
        name,
        operation.method.upper(),
        operation.path,
        _ordered(parameters),
        result,
        operation.summary,
        operation.description,
        fixed,
    )


def _method(identifier: str, tag: str) -> str:
    """The name of a method: the operation's less its tag's words, in the singular too, and less `get` before others."""
    of_tag = words(tag)
    singular = [*of_tag[:-1], *(_singular(word) for word in of_tag[-1:])]
    own = words(identifier)
    rest = [word for word in own if word not in of_tag and word not in singular] or own
    rest = rest[1:] if rest[:1] == ["get"] and len(rest) > 1 else rest
    return "_".join(own if rest and rest[0].isdigit() else rest)


def _singular(word: str) -> str:
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def _json(content: dict[str, Content], operation: str) -> Schema:
    for media, each in content.items():
        if "json" in media:
            schema: Schema = {} if each.written is None else each.written
            return schema
    raise ContractError(f"{operation}: a client can send JSON only, not {', '.join(content)}")


class _Side:
    """The WebSocket side of an AsyncAPI document."""

    def __init__(self, document: AsyncApi, named: _Schemas) -> None:
        self.named = named
        self._document = document
        self._messages: dict[str, Message] = {}
        """By place: all that some operation or reply has."""
        self._read: dict[str, asyncapi_documents.Message] = {}
        """By name, as they were read."""

    def socket(self) -> Socket:
        """All of it. Raises ContractError, and what a lack in the document gives."""
        operations = self._document.operations
        addresses = {operation.channel.address for operation in operations}
        address = next(iter(addresses), None)
        if len(addresses) != 1 or address is None or "{" in address:
            raise ContractError("the operations must share one channel, with an address that has no parameters")
        taken = {each.name: [self._message(message) for message in each.messages] for each in operations}
        answered = {
            each.name: [self._message(message) for message in each.reply.messages] if each.reply else []
            for each in operations
        }
        refusals = self._refusals([replies for replies in answered.values() if replies])
        refused = [refusal.message for refusal in refusals]
        correlation = self._correlation()
        commands: dict[str, list[Command]] = {}
        for operation in operations:
            if operation.action == "receive":
                replies = tuple(each for each in answered[operation.name] if each not in refused)
                name = snake(str(operation.extensions.get("x-client-name", operation.name)))
                commands[operation.name] = [
                    self._command(
                        operation,
                        name if len(taken[operation.name]) == 1 else f"{name}_{snake(each.name)}",
                        each,
                        replies,
                        correlation,
                    )
                    for each in taken[operation.name]
                ]
        streams = {
            each.name: _stream(self, each.name, each.extensions["x-stream"], commands)
            for each in operations
            if each.name in commands and "x-stream" in each.extensions
        }
        stops = [stream.stop for stream in streams.values()]
        in_streams = [
            message
            for stream in streams.values()
            for message in [stream.event, *(match.message for match in (stream.ended, stream.dropped) if match)]
        ]
        sends = [operation for operation in operations if operation.action == "send"]
        feeds = [
            Feed(
                snake(str(each.extensions.get("x-client-name", each.name))),
                tuple(taken[each.name]),
                each.summary,
                each.description,
            )
            for each in sends
            if any(message not in in_streams for message in taken[each.name])
        ]
        unasked = [message for each in sends for message in taken[each.name]]
        received = {
            message.name: message for message in [*unasked, *(each for all_ in answered.values() for each in all_)]
        }
        return Socket(
            address,
            tuple(
                dataclasses.replace(command, stream=streams.get(name))
                for name, all_ in commands.items()
                for command in all_
                if command not in stops
            ),
            tuple(feeds),
            # The fuller description first, so that a kind is not taken for one that asks less.
            tuple(sorted(received.values(), key=lambda each: (-len(each.constants), -len(each.required)))),
            schemas.tag_field([self._read[name].schema for name in received]),
            tuple(
                dataclasses.replace(each, unasked=each.message in unasked and each.message not in in_streams)
                for each in refusals
            ),
            correlation,
        )

    def message(self, name: str) -> Message:
        """The message of that name."""
        found = next((message for message in self._messages.values() if message.name == name), None)
        if found is None:
            raise ContractError(f'x-stream: no operation has a message "{name}"')
        return found

    def _message(self, message: asyncapi_documents.Message) -> Message:
        if message.place not in self._messages:
            schema = self.named.reference(message.payload, pascal(message.name))
            if "$ref" not in schema or "properties" not in (target := self.named.target(schema)):
                raise ContractError(f'the payload of the message "{message.name}" must be an object with properties')
            self._read[message.name] = message
            self._messages[message.place] = Message(
                message.name,
                referred(schema["$ref"], self.named.all()),
                schemas.constants(message.schema),
                tuple(target.get("required", [])),
                message.description or text(target, "description"),
            )
        return self._messages[message.place]

    def _refusals(self, answered: list[list[Message]]) -> list[Refusal]:
        """The replies that are marked as errors, or the one that answers all operations if there are several."""
        replies = {message.name: message for all_ in answered for message in all_}
        marks = {name: self._read[name].extensions for name in replies}
        marked = [name for name, mark in marks.items() if "x-error" in mark or "x-on-invalid" in mark]
        if not marked and len(answered) > 1:
            marked = [name for name, message in replies.items() if all(message in all_ for all_ in answered)]
            # One that answers everything and is alone in it is no refusal but the reply.
            marked = marked if all(len(all_) > 1 for all_ in answered) else []
        return [
            Refusal(replies[name], _path(where.get("code")), _path(where.get("message")))
            for name in marked
            for where in [marks[name].get("x-error", {})]
        ]

    def _correlation(self) -> Correlation | None:
        for message in self._read.values():
            if message.correlation_id and (path := message.correlation_id.path):
                schema = message.schema
                for step in path:
                    schema = schemas.fields(schema)[step]
                if schema.get("type") == "integer":
                    return Correlation(path, "integer")
                return Correlation(path, "uuid" if schema.get("format") == "uuid" else "text")
        return None

    def _command(
        self,
        operation: ChannelOperation,
        name: str,
        message: Message,
        replies: tuple[Message, ...],
        correlation: Correlation | None,
    ) -> Command:
        schema: Schema = {"$ref": SCHEMAS + message.type}
        path = correlation.path if correlation else None
        parameters = _ordered([each for each in _fields(self.named, schema, "frame", ()) if each.path != path])
        probe = bool(operation.extensions.get("x-probe"))
        if probe and any(each.required for each in parameters):
            raise ContractError(f"x-probe of {name}: it has arguments")
        return Command(
            name,
            message,
            tuple(_fixed(self.named, schema, ())),
            parameters,
            replies,
            None,
            probe,
            operation.summary,
            operation.description or message.description,
        )


def _stream(side: _Side, name: str, given: Json, commands: dict[str, list[Command]]) -> Stream:
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
        side.message(given["events"]),
        stop,
        tuple(given.get("once", [])),
        _match(side, given.get("ended")),
        _match(side, dropped),
        _path(dropped.get("count")) if dropped else None,
    )


def _match(side: _Side, given: Json | None) -> Match | None:
    return given and Match(side.message(given["message"]), tuple(_leaves(given.get("where", {}), ())))


def _leaves(node: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves(value, (*path, name))
    else:
        yield path, node


def _path(pointer: str | None) -> Path | None:
    return tuple(pointer.strip("/").split("/")) if pointer else None


def _fields(
    named: _Schemas, schema: Schema, place: Literal["frame", "body"], path: Path, optional: bool = False
) -> Iterator[Parameter]:
    """The arguments that fill an object of `schema` at `path`; all of them may be left out if it is `optional`."""
    node = named.target(schema)
    required = node.get("required", [])
    for name, member in node.get("properties", {}).items():
        target = named.target(member)
        here = (*path, name)
        if name in required and schemas.constant(target):
            continue
        if target.get("x-flatten") and "properties" in target:
            yield from _fields(named, member, place, here, optional or name not in required)
        else:
            needed = name in required and not optional
            yield _parameter(named, name, member, needed, place, here, text(member, "description"))


def _fixed(named: _Schemas, schema: Schema, path: Path) -> Iterator[tuple[Path, Json]]:
    """The fields of an object of `schema` that have but one value."""
    node = named.target(schema)
    for name, member in node.get("properties", {}).items():
        if name in node.get("required", []):
            target = named.target(member)
            for value in schemas.constant(target):
                yield (*path, name), value
            if target.get("x-flatten"):
                yield from _fixed(named, member, (*path, name))


def _parameter(
    named: _Schemas,
    name: str,
    schema: Schema,
    required: bool,
    place: str,
    path: Path,
    description: str,
) -> Parameter:
    target = named.target(schema)
    default = target.get("x-default")
    if default not in (None, "client", "uuid"):
        raise ContractError(f'x-default of "{name}" is neither client nor uuid')
    said = description or text(target, "description")
    return Parameter(name, schema, required and default is None, said, place, path, default)


def _ordered(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    """Those that are required first. Raises ContractError where two have the same name."""
    names = [snake(each.name) or "value" for each in parameters]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ContractError(f'two arguments of one method would be called "{min(twice)}"')
    return tuple(sorted(parameters, key=lambda each: not each.required))


def _check_names(contract: Contract) -> None:
    """Raise ContractError if a thing on the client would have no name, or two the same."""
    own = [group.name for group in contract.groups if group.name]
    own += [endpoint.name for group in contract.groups if not group.name for endpoint in group.endpoints]
    if contract.socket:
        own += [command.name for command in contract.socket.commands]
        own += [feed.name for feed in contract.socket.feeds]
    for names in [own, *([each.name for each in group.endpoints] for group in contract.groups if group.name)]:
        if wrong := [name for name in names if not NAME.fullmatch(name)]:
            raise ContractError(f'nothing can be called "{wrong[0]}" on the client; x-client-name gives another name')
        if twice := {name for name in names if names.count(name) > 1}:
            raise ContractError(f'two things would be called "{min(twice)}" on the client; x-client-name renames one')
