"""What connexion is to OpenAPI, for AsyncAPI 3.0: `asyncapi.yaml` compiled to dispatch and verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from specbus.contract.decoding import MAX_SENT_DEPTH, Decoder, NotJson
from specbus.contract.schema import Schema, quoted, type_name
from specbus.spec.documents import ContractError, Json, at, bundle, resolved

HandlerT = TypeVar("HandlerT")


class Refusal(Exception):
    """A frame that breaks the contract. The text is for the person who sent it."""

    def __init__(self, problem: str, request_id: str | None = None) -> None:
        super().__init__(problem)
        self.request_id = request_id
        """The frame's correlation id, where one could be read."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[HandlerT]):
    """A `receive` operation: what clients may send, and what carries it out."""

    name: str
    handler: HandlerT
    schema: Schema


@dataclass(frozen=True, slots=True)
class _Message:
    schema: Schema
    resolved: dict[str, Json]
    correlation: Json


class WebSocketContract(Generic[HandlerT]):
    """An AsyncAPI document of one WebSocket channel, and the handlers of its operations."""

    def __init__(self, path: Path, handlers: Mapping[str, HandlerT]) -> None:
        """Load the document at `path`; `handlers` has one entry for each `receive` operation, under its name.

        Raises ContractError, also for an operation without a handler and a handler without an operation.
        """
        self.document = bundle(path)
        """The document in one piece, to be served."""
        self._file = path.name
        try:
            self._compile(handlers)
        except ContractError as error:
            known = str(error).startswith(self._file)
            raise ContractError(str(error) if known else f"{self._file}: {error}") from None

    def _compile(self, handlers: Mapping[str, HandlerT]) -> None:
        if not str(self.document.get("asyncapi", "")).startswith("3.0."):
            raise ContractError("asyncapi must be 3.0.0")
        operations = self._mapping("#/operations")
        channels = {str(self._ref(f"#/operations/{name}", "channel")) for name in operations}
        if len(channels) != 1:
            raise ContractError("all operations must be on one channel")
        channel = self._mapping(channels.pop())
        address = channel.get("address")
        if not isinstance(address, str) or not address.startswith("/"):
            raise ContractError("the channel's address must be a path, such as /ws")
        self.address = address
        """The path of the handshake."""

        received: dict[str, list[_Message]] = {}
        sent: list[_Message] = []
        for name in operations:
            operation = self._mapping(f"#/operations/{name}")
            messages = self._messages(f"#/operations/{name}", operation)
            if operation.get("action") == "receive":
                received[name] = messages
                reply = operation.get("reply")
                if isinstance(reply, dict):
                    sent += self._messages(f"#/operations/{name}/reply", reply)
            elif operation.get("action") == "send":
                sent += messages
            else:
                raise ContractError(f"operations.{name}.action must be send or receive")
        _match(received, handlers)

        every = [message for messages in received.values() for message in messages]
        self._tag = _discriminator(every)
        """The field that tells the messages apart, `type`."""
        self._operations: dict[str, Operation[HandlerT]] = {}
        schemas: dict[str, Json] = {}
        for name, messages in received.items():
            for message in messages:
                tag = _constant(message.resolved, self._tag)
                if tag is None or tag in schemas:
                    raise ContractError(f"operations.{name}: its {self._tag} must be a constant of its own")
                schemas[tag] = message.resolved
                self._operations[tag] = Operation(name, handlers[name], message.schema)
        self._judges = {tag: (each.schema.accepts, each.handler) for tag, each in self._operations.items()}
        self._decoder = Decoder(schemas, self._tag)
        self._quick = self._decoder.quick
        self._correlation = self._correlation_field(every)

        self._sent: dict[str, Schema] = {}
        sent_schemas: dict[str, Json] = {}
        for message in sent:
            tag = _constant(message.resolved, self._tag)
            if tag is None:
                raise ContractError(f"{message.schema.place}: {self._tag} must be a constant")
            self._sent[tag] = message.schema
            sent_schemas[tag] = message.resolved
        self._sent_decoder = Decoder(sent_schemas, self._tag, MAX_SENT_DEPTH)
        self._expected = f"expected one of {', '.join(sorted(self._operations))}"

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
            raise Refusal(f"the frame is {error}") from None
        return self._dispatch_thoroughly(data)

    def _dispatch_thoroughly(self, data: bytes) -> tuple[HandlerT, dict[str, Json]]:
        """What `dispatch` does, slower, and able to say what is wrong."""
        try:
            tag, frame = self._decoder.thorough(data)
        except NotJson as error:
            request_id = self._request_id(error.value) if isinstance(error.value, dict) else None
            raise Refusal(f"the frame is {error}", request_id) from None
        if not isinstance(frame, dict):
            raise Refusal(f"the frame must be a JSON object, not {_article(type_name(frame))}")
        request_id = self._request_id(frame)
        if tag is None:
            raise Refusal(self._bad_tag(frame), request_id)
        operation = self._operations[tag]
        if problems := operation.schema.problems(frame):
            raise Refusal("; ".join(problems), request_id)
        return operation.handler, frame

    def keeps_text(self, operation: str, field: str) -> bool:
        """Whether the frames of the `receive` operation of that name have a `Verbatim` under `field`."""
        tags = [tag for tag, each in self._operations.items() if each.name == operation]
        return all(self._decoder.keeps_text(tag, field) for tag in tags)

    def promises(self, operation: str, field: str, type_: str) -> bool:
        """Whether the frames of the `receive` operation of that name always have `field`, of JSON type `type_`."""
        return all(each.schema.promises(field, type_) for each in self._operations.values() if each.name == operation)

    def problems_of_sent(self, data: bytes) -> list[str]:
        """What is wrong with the text frame `data` that the service is about to send; empty when nothing is."""
        try:
            self._sent_decoder.quick(data)
            tag, frame = self._sent_decoder.thorough(data)
        except (NotJson, UnicodeDecodeError) as error:
            return [f"the frame is {error}"]
        if tag is None:
            return [f"{self._file} has no such message to send"]
        return self._sent[tag].problems(frame)

    def _bad_tag(self, frame: dict[str, Json]) -> str:
        if self._tag not in frame:
            return f"{self._tag} is required: {self._expected}"
        tag = frame[self._tag]
        if not isinstance(tag, str):
            return f"{self._tag} must be a string, not {_article(type_name(tag))}: {self._expected}"
        return f"unknown {self._tag} {quoted(tag)}: {self._expected}"

    def _request_id(self, frame: dict[str, Json]) -> str | None:
        """The correlation id of a frame that may be wrong in all else."""
        if self._correlation is None:
            return None
        field, schema = self._correlation
        value = frame.get(field)
        try:
            return value if isinstance(value, str) and schema.accepts(value) else None
        except UnicodeEncodeError:  # half a character
            return None

    def _correlation_field(self, messages: list[_Message]) -> tuple[str, Schema] | None:
        """The field that the correlation ids of `messages` point at, with its schema."""
        for message in messages:
            if message.correlation is None:
                continue
            location = message.correlation.get("location") if isinstance(message.correlation, dict) else None
            field = str(location).removeprefix("$message.payload#/")
            properties = message.resolved.get("properties", {})
            if field == location or field not in properties:
                raise ContractError(f"correlationId location {location} must be a field of the payload")
            return field, Schema(properties[field], f"{self._file}: {field}")
        return None

    def _messages(self, place: str, owner: dict[str, Json]) -> list[_Message]:
        """The messages that an operation or a reply lists."""
        listed = owner.get("messages")
        if not isinstance(listed, list) or not listed:
            raise ContractError(f"{place}: needs messages")
        messages = []
        for reference in listed:
            message = resolved(self.document, reference)
            payload = message.get("payload") if isinstance(message, dict) else None
            if not isinstance(payload, dict):
                raise ContractError(f"{place}: a message needs a payload")
            name = message.get("name") or "payload"
            schema = Schema(payload, f"{self._file}: message {name}")
            messages.append(_Message(schema, payload, message.get("correlationId")))
        return messages

    def _mapping(self, pointer: str) -> dict[str, Json]:
        node = at(self.document, pointer)
        if not isinstance(node, dict):
            raise ContractError(f"{pointer} must be a mapping")
        return node

    def _ref(self, pointer: str, key: str) -> str:
        node = self._mapping(pointer).get(key)
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            raise ContractError(f"{pointer}/{key} must be a $ref")
        return str(node["$ref"])


def _match(operations: Mapping[str, object], handlers: Mapping[str, object]) -> None:
    """Raise ContractError unless the two have the same names."""
    if missing := sorted(operations.keys() - handlers.keys()):
        raise ContractError(f'operation "{missing[0]}" has no handler')
    if left := sorted(handlers.keys() - operations.keys()):
        raise ContractError(f'handler "{left[0]}" has no operation')


def _constant(schema: dict[str, Json], field: str) -> str | None:
    """The one value that `schema` allows a required string field to have, if there is just one."""
    properties = schema.get("properties")
    subschema = properties.get(field) if isinstance(properties, dict) else None
    if not isinstance(subschema, dict) or field not in schema.get("required", ()):
        return None
    options = [subschema["const"]] if "const" in subschema else subschema.get("enum")
    return options[0] if isinstance(options, list) and len(options) == 1 and isinstance(options[0], str) else None


def _discriminator(messages: list[_Message]) -> str:
    """The field that is a constant in each of `messages`."""
    if not messages:
        raise ContractError("needs an operation whose action is receive")
    for field in messages[0].resolved.get("properties", {}):
        if all(_constant(message.resolved, field) is not None for message in messages):
            return str(field)
    raise ContractError("the received messages need one field that is a required constant in each, such as type")


def _article(name: str) -> str:
    if name == "null":
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
