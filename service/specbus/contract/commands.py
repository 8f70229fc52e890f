"""What connexion is to OpenAPI, for AsyncAPI 3: `asyncapi.yaml` compiled to dispatch and verdicts."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeGuard, TypeVar

from specbus.contract.decoding import MAX_SENT_DEPTH, Decoder, NotJson
from specbus.contract.jsontext import field_of_unread
from specbus.contract.phrasing import quoted, type_name
from specbus.contract.schema import Schema
from specbus.spec import ContractError, Json, asyncapi, schemas
from specbus.spec.bundle import bundle
from specbus.wire.messages import RequestId

HandlerT = TypeVar("HandlerT")
_PLAIN_PATH = re.compile(r"[^{}?#]*")


class Refusal(Exception):
    """A frame that breaks the contract. The text is for the person who sent it."""

    def __init__(self, problem: str, request_id: RequestId | None = None) -> None:
        super().__init__(problem)
        self.request_id = request_id
        """The frame's correlation id, where one could be read."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """The field of a frame whose value comes back in what answers the frame."""

    field: str
    schema: Schema

    def of(self, value: Json) -> RequestId | None:
        """`value`, which stands in that field of a frame that may be wrong in all else; None if it is no such id."""
        try:
            return value if is_request_id(value) and self.schema.accepts(value) else None
        except UnicodeEncodeError:  # half a character
            return None


def is_request_id(value: Json) -> TypeGuard[RequestId]:
    """Whether `value` is of a kind that comes back as it was: a text or an integer."""
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, str | int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Command(Generic[HandlerT]):
    """A frame that clients may send, told by its tag, and what carries it out."""

    operation: str
    """The name of the `receive` operation that takes it."""
    handler: HandlerT
    schema: Schema
    correlation: Correlation | None


class WebSocketContract(Generic[HandlerT]):
    """An AsyncAPI document of one WebSocket channel, and the handlers of its operations."""

    def __init__(self, path: Path, handlers: Mapping[str, HandlerT]) -> None:
        """Load the document at `path`; `handlers` has one entry for each `receive` operation, under its name.

        Raises ContractError, also for an operation without a handler and a handler without an operation.
        """
        self.document = bundle(path)
        """The document in one piece, to be served."""
        self.file = path.name
        try:
            self._compile(handlers)
        except ContractError as error:
            known = str(error).startswith(self.file)
            raise ContractError(str(error) if known else f"{self.file}: {error}") from None

    def _compile(self, handlers: Mapping[str, HandlerT]) -> None:
        self.api = document = asyncapi.read(self.document)
        """The document as it was read."""
        channels = {operation.channel.place: operation.channel for operation in document.operations}
        if len(channels) != 1:
            raise ContractError("all operations must be on one channel")
        (channel,) = channels.values()
        if channel.address is None or not channel.address.startswith("/"):
            raise ContractError("the channel's address must be a path, such as /ws")
        if not _PLAIN_PATH.fullmatch(channel.address):
            raise ContractError(f"{channel.place}: its address must have neither parameters nor a query")
        self.address = channel.address
        """The path of the handshake."""

        for operation in document.operations:
            for message in (*operation.messages, *(operation.reply.messages if operation.reply else ())):
                if not isinstance(message.schema, dict):
                    raise ContractError(f"{operation.place}: a message needs a payload")
        received = [operation for operation in document.operations if operation.action == "receive"]
        _match([operation.name for operation in received], handlers)
        pairs = [(operation, message) for operation in received for message in operation.messages]
        self._schemas: dict[str, Schema] = {}
        judges = [self.schema_of(message) for _, message in pairs]
        self._tag = _tag_field(pairs)
        """The field that tells the messages apart, `type`."""
        self._commands: dict[str, Command[HandlerT]] = {}
        payloads: dict[str, Json] = {}
        for (operation, message), schema in zip(pairs, judges, strict=True):
            tag = schemas.constants(message.schema)[self._tag]
            payloads[tag] = message.schema
            correlation = self._correlation(message)
            self._commands[tag] = Command(operation.name, handlers[operation.name], schema, correlation)
        self._judges = {tag: (each.schema.accepts, each.handler) for tag, each in self._commands.items()}
        self._decoder = Decoder(payloads, self._tag)
        self._quick = self._decoder.quick
        self._correlations = {
            each.correlation.field: each.correlation for each in self._commands.values() if each.correlation
        }
        """Those of all commands, for frames that are none."""

        self.sent = {message.place: message for message in _sent(document)}
        """The messages that the service sends, by their places."""
        self.sent_tag = schemas.tag_field([message.schema for message in self.sent.values()]) or self._tag
        """The field that tells those apart."""
        self._sent: dict[str, list[Schema]] = {}
        sent_payloads: dict[str, Json] = {}
        self._sent_correlations: dict[str, str] = {}
        for message in self.sent.values():
            judge = self.schema_of(message)
            tag = schemas.constants(message.schema).get(self.sent_tag)
            if not isinstance(tag, str):
                raise ContractError(f"{judge.place}: {self.sent_tag} must be a constant")
            self._sent.setdefault(tag, []).append(judge)
            sent_payloads[tag] = message.schema
            if correlation := self._correlation(message):
                self._sent_correlations[tag] = correlation.field
        self._sent_decoder = Decoder(sent_payloads, self.sent_tag, MAX_SENT_DEPTH)
        self._expected = f"expected one of {', '.join(sorted(self._commands))}"

    def schema_of(self, message: asyncapi.Message) -> Schema:
        """The schema of the payload of one of the document's messages, compiled."""
        if message.place not in self._schemas:
            self._schemas[message.place] = Schema(message.schema, f"{self.file}: message {message.name}")
        return self._schemas[message.place]

    def dispatch(self, data: bytes) -> tuple[HandlerT, dict[str, Json]]:
        """The handler for the text frame `data`, and the frame.

        Objects marked `x-verbatim` in the document are `Verbatim` in the frame.
        Raises Refusal if the frame breaks the contract, UnicodeDecodeError if it is not UTF-8.
        """
        try:
            if found := self._quick(data):
                tag, frame = found
                accepts, handler = self._judges[tag]
                if accepts(frame):
                    return handler, frame
        except NotJson as error:
            raise Refusal(f"the frame is {error}", self.correlation_of(data)) from None
        if outline := self._decoder.outline(data):
            self._dispatch_thoroughly(outline)
        return self._dispatch_thoroughly(data)

    def correlation_of(self, data: bytes) -> RequestId | None:
        """The correlation id in `data`, a frame that cannot be taken, as far as it can be told."""
        return self._request_id({field: field_of_unread(data, field) for field in self._correlations})

    def _dispatch_thoroughly(self, data: bytes) -> tuple[HandlerT, dict[str, Json]]:
        """What `dispatch` does, slower, and able to say what is wrong."""
        try:
            tag, frame = self._decoder.thorough(data)
        except NotJson as error:
            found = self._request_id(error.value) if isinstance(error.value, dict) else self.correlation_of(data)
            raise Refusal(f"the frame is {error}", found) from None
        if not isinstance(frame, dict):
            raise Refusal(f"the frame must be a JSON object, not {_article(type_name(frame))}")
        if tag is None:
            raise Refusal(self._bad_tag(frame), self._request_id(frame))
        command = self._commands[tag]
        if problems := command.schema.problems(frame):
            raise Refusal("; ".join(problems), self.request_id_of(frame))
        return command.handler, frame

    def rebind(self, operation: str, handler: HandlerT) -> None:
        """Have `handler` carry out the operation of that name from now on."""
        for tag, each in self._commands.items():
            if each.operation == operation:
                self._commands[tag] = replace(each, handler=handler)
                self._judges[tag] = each.schema.accepts, handler

    def correlation_field(self, operation: str) -> str | None:
        """The field of the correlation id in the frames of the `receive` operation of that name, if they have one.

        Raises ContractError unless it is the same in all of them.
        """
        fields = {
            each.correlation.field if each.correlation else None
            for each in self._commands.values()
            if each.operation == operation
        }
        if len(fields) > 1:
            raise ContractError(
                f'{self.file}: operation "{operation}": its messages must have one correlationId location'
            )
        return next(iter(fields), None)

    def sent_correlation_field(self, tag: str) -> str | None:
        """The field of the correlation id in the frames of that tag that the service sends, if they have one."""
        return self._sent_correlations.get(tag)

    def keeps_text(self, operation: str, field: str) -> bool:
        """Whether the frames of the `receive` operation of that name have a `Verbatim` under `field`."""
        tags = [tag for tag, each in self._commands.items() if each.operation == operation]
        return all(self._decoder.keeps_text(tag, field) for tag in tags)

    def fields_of(self, operation: str) -> dict[str, Json]:
        """The schemas of the fields that the frames of the `receive` operation of that name may have."""
        (found,) = (each for each in self.api.operations if each.name == operation)
        return {
            name: schemas.field(message.schema, name)
            for message in found.messages
            for name in schemas.fields(message.schema)
        }

    def is_only(self, operation: str, field: str, type_: str) -> bool:
        """Whether `field`, where frames of that operation have it, can be of no JSON type but `type_`."""
        schema = self.fields_of(operation).get(field)
        return schema is None or Schema(schema, f"{self.file}: {operation}: {field}").excludes_others(type_)

    def promises(self, operation: str, field: str, type_: str) -> bool:
        """Whether the frames of the `receive` operation of that name always have `field`, of JSON type `type_`."""
        return all(
            each.schema.promises(field, type_) for each in self._commands.values() if each.operation == operation
        )

    def problems_of_sent(self, data: bytes) -> list[str]:
        """What is wrong with the text frame `data` that the service is about to send; empty when nothing is."""
        try:
            self._sent_decoder.quick(data)
            tag, frame = self._sent_decoder.thorough(data)
        except (NotJson, UnicodeDecodeError) as error:
            return [f"the frame is {error}"]
        if tag is None:
            return [f"{self.file} has no such message to send"]
        judges = self._sent[tag]
        return [] if any(judge.accepts(frame) for judge in judges) else judges[0].problems(frame)

    def _bad_tag(self, frame: dict[str, Json]) -> str:
        if self._tag not in frame:
            return f"{self._tag} is required: {self._expected}"
        tag = frame[self._tag]
        if not isinstance(tag, str):
            return f"{self._tag} must be a string, not {_article(type_name(tag))}: {self._expected}"
        return f"unknown {self._tag} {quoted(tag)}: {self._expected}"

    def request_id_of(self, frame: dict[str, Json]) -> RequestId | None:
        """The correlation id of `frame`, one of a tag that is known and which may be wrong in all else."""
        command = self._commands.get(frame.get(self._tag, ""))
        found = command.correlation if command else None
        return found.of(frame.get(found.field)) if found else None

    def _request_id(self, frame: dict[str, Json]) -> RequestId | None:
        """The correlation id of a frame of which it is not known what it is."""
        found = (each.of(frame.get(each.field)) for each in self._correlations.values())
        return next((id_ for id_ in found if id_ is not None), None)

    def _correlation(self, message: asyncapi.Message) -> Correlation | None:
        """The field that the correlation id of `message` points at."""
        if message.correlation_id is None:
            return None
        path = message.correlation_id.path or ()
        found = schemas.field(message.schema, path[0]) if len(path) == 1 else None
        place = f"{self.file}: {message.place}"
        if found is None:
            location = message.correlation_id.location
            raise ContractError(f"{place}: correlationId location {location} must be a field of the payload")
        schema = Schema(found, f"{place}: {path[0]}")
        if any(map(schema.accepts, (True, 1.5, [], {}))):
            raise ContractError(f"{place}: {path[0]} is the correlation id: its type must be string or integer")
        return Correlation(path[0], schema)


def _sent(document: asyncapi.AsyncApi) -> Iterable[asyncapi.Message]:
    """All that the service may send: what answers commands, and what it sends unasked."""
    for operation in document.operations:
        if operation.action == "send":
            yield from operation.messages
        elif operation.reply:
            yield from operation.reply.messages


def _match(operations: Iterable[str], handlers: Mapping[str, object]) -> None:
    """Raise ContractError unless the two have the same names."""
    names = set(operations)
    if missing := sorted(names - handlers.keys()):
        raise ContractError(f'operation "{missing[0]}" has no handler')
    if left := sorted(handlers.keys() - names):
        raise ContractError(f'operation "{left[0]}" is missing, which the service cannot leave out')


def _tag_field(pairs: list[tuple[asyncapi.ChannelOperation, asyncapi.Message]]) -> str:
    """The field that has a constant of its own in each message. Raises ContractError."""
    if not pairs:
        raise ContractError("needs an operation whose action is receive")
    if (name := schemas.tag_field([message.schema for _, message in pairs])) is not None:
        return name
    constants = [(operation, schemas.constants(message.schema)) for operation, message in pairs]
    for name in constants[0][1]:
        seen: set[str] = set()
        for operation, values in constants:
            if not isinstance(value := values.get(name), str):
                break
            if value in seen:
                raise ContractError(f"operations.{operation.name}: its {name} must be a constant of its own")
            seen.add(value)
    raise ContractError("the received messages need one field that is a required constant in each, such as type")


def _article(name: str) -> str:
    if name == "null":
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
