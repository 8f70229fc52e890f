"""What an AsyncAPI 3 document says of one WebSocket: commands, their replies, and what the server sends unasked.

Nothing here knows a name that stands in a document.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema_rs

from specbus.spec import ContractError, asyncapi, schemas
from specbus.spec.bundle import bundle
from specbus.spec.validators import modern

INVALID = "x-on-invalid"
"""On the message that answers an invalid frame: the schema that it must then keep, beside its own."""

Frame: TypeAlias = dict[str, Any]

PREFIX = "x-test-prefix"
"""On a text that names something of the server's: tests put a prefix before it, to leave others' things alone."""


class Rules:
    """A schema, and the first thing that is wrong with a value."""

    def __init__(self, schema: Any) -> None:
        self._validator = jsonschema_rs.Draft201909Validator(modern(schema), validate_formats=True)
        self.accepts = self._validator.is_valid
        """Whether a value keeps the schema."""

    def problem(self, value: Any) -> tuple[str, str] | None:
        """The pointer to the rule that `value` breaks, and how it does; None if it breaks none."""
        error = next(iter(self._validator.iter_errors(value)), None)
        if error is None:
            return None
        where = ".".join(map(str, error.instance_path))
        rule = "".join(f"/{step}" for step in error.schema_path)
        return rule, f"{where}: {error.message}" if where else error.message


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the document."""

    name: str
    place: str
    """File and pointer, for a report."""
    schema: dict[str, Any]
    """Of its payload, self-contained."""
    rules: Rules
    examples: list[Any]
    on_invalid: Rules | None
    """What it must keep where it answers an invalid frame; None if it does not."""
    correlation: str | None
    """The field that ties it to what it answers, or to its own answer; None if none does."""
    extensions: dict[str, Any]

    def ours(self, frame: Any, prefix: str) -> Any:
        """`frame` with what it names made the tests' own by `prefix`; as valid as it was."""
        return _ours(self.schema, frame, prefix)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What clients may send, and what answers it."""

    name: str
    place: str
    messages: list[Message]
    replies: list[Message]
    extensions: dict[str, Any]


class WebSocketDocument:
    """An AsyncAPI document whose operations share one channel."""

    def __init__(self, path: Path) -> None:
        """Read the document at `path`. Raises ContractError, and KeyError for what it lacks."""
        self.written: dict[str, Any] = bundle(path)
        """The document in one piece."""
        document = asyncapi.read(self.written)
        self.place = path.name
        info = self.written.get("info")
        self.description = " ".join(str(info.get("description", "") if isinstance(info, dict) else "").split())
        """What is said of the whole, in words, each a blank apart."""
        self._messages: dict[str, Message] = {}
        self.operations: list[Exchange] = []
        """What clients may send (the `receive` operations)."""
        self.unasked: dict[str, dict[str, Any]] = {}
        """The extensions of the operations by which the server sends something unasked, by their names."""
        unasked: list[Message] = []
        for operation in document.operations:
            messages = [self._message(message) for message in operation.messages]
            if operation.action == "receive":
                replies = [self._message(message) for message in operation.reply.messages] if operation.reply else []
                place = f"{self.place}{operation.place}"
                self.operations.append(Exchange(operation.name, place, messages, replies, operation.extensions))
            else:
                unasked += messages
                self.unasked[operation.name] = operation.extensions
        addresses = {operation.channel.address for operation in document.operations}
        if len(addresses) != 1 or (address := addresses.pop()) is None:
            raise ContractError("all operations must be on one channel, with an address")
        self.address = address
        """The path of the handshake."""
        replies = [reply for operation in self.operations for reply in operation.replies]
        self.replies = list({reply.name: reply for reply in replies}.values())
        """All that answers a command."""
        self.sent = list({message.name: message for message in [*replies, *unasked]}.values())
        """All that the server may send."""
        self.refusal = self._refusal()
        """What answers an invalid frame."""
        self.received = [message for operation in self.operations for message in operation.messages]
        """All that clients may send."""
        self._received_tag = schemas.tag_field([message.schema for message in self.received])
        self._sent_tag = schemas.tag_field([message.schema for message in self.sent])

    def correlation_of(self, frame: Frame, sent: Message | None = None) -> Any:
        """The correlation id of `frame`, from the server, which answers a `sent`; None if it has none.

        Where the document does not say which field of an answer it is, it is the one that the command has.
        """
        message = self.sent_as(frame)
        field = (message.correlation if message else None) or (sent.correlation if sent else None)
        return frame.get(field) if field else None

    def replies_to(self, sent: Message | None) -> list[Message]:
        """What may answer a `sent`; all that answers any command where it is not known what was sent."""
        return next((each.replies for each in self.operations if sent in each.messages), self.replies)

    def is_reply(self, frame: Frame) -> bool:
        """Whether `frame`, from the server, answers a command."""
        return self.sent_as(frame) in self.replies

    def message_of(self, frame: Any) -> Message | None:
        """The message that `frame`, which may be wrong in all else, says it is by its tag."""
        if self._received_tag is None or not isinstance(frame, dict):
            return None
        tag = frame.get(self._received_tag)
        return next((each for each in self.received if schemas.constants(each.schema)[self._received_tag] == tag), None)

    def is_valid(self, frame: Any) -> bool:
        """Whether `frame` is one that some operation takes."""
        return any(message.rules.accepts(frame) for message in self.received)

    def is_refusal(self, frame: Any) -> bool:
        """Whether `frame` is what answers an invalid frame."""
        refusal = self.refusal
        return self.sent_as(frame) is refusal and (refusal.on_invalid is None or refusal.on_invalid.accepts(frame))

    def sent_as(self, frame: Any) -> Message | None:
        """The message that `frame`, from the server, is or comes nearest to."""
        for message in self.sent:
            if message.rules.accepts(frame):
                return message
        tag = self._sent_tag
        if tag is not None and isinstance(frame, dict):
            return next((each for each in self.sent if schemas.constants(each.schema)[tag] == frame.get(tag)), None)
        return None

    def problem_of_sent(self, frame: Any) -> tuple[str, str] | None:
        """The rule that `frame`, from the server, breaks, and how; None if it keeps the schema of a message."""
        message = self.sent_as(frame)
        if message is None:
            return self.place, f"the server sends a frame that {self.place} does not have"
        problem = message.rules.problem(frame)
        return problem and (f"{message.place}/payload{problem[0]}", f"{message.name} breaks its schema: {problem[1]}")

    def _message(self, message: asyncapi.Message) -> Message:
        if message.payload is None:
            raise KeyError("payload")
        if message.place not in self._messages:
            self._messages[message.place] = Message(
                message.name,
                f"{self.place}{message.place}",
                message.schema,
                Rules(message.schema),
                list(message.examples),
                None if message.on_invalid is None else Rules(message.on_invalid),
                _field(message.correlation_id),
                message.extensions,
            )
        return self._messages[message.place]

    def _refusal(self) -> Message:
        marked = [message for message in self.replies if message.on_invalid]
        common = [reply for reply in self.replies if all(reply in operation.replies for operation in self.operations)]
        if not marked and len(common) != 1:
            raise KeyError(f"a message with {INVALID}, to tell what answers an invalid frame")
        return (marked or common)[0]


def _field(correlation_id: asyncapi.CorrelationId | None) -> str | None:
    """The field of the payload that `correlation_id` points at."""
    path = correlation_id.path if correlation_id else None
    return path[0] if path and len(path) == 1 else None


def _ours(schema: Any, value: Any, prefix: str) -> Any:
    if not isinstance(schema, dict):
        return value
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {name: _ours(properties.get(name), inner, prefix) for name, inner in value.items()}
    if isinstance(value, list):
        return [_ours(schema.get("items"), item, prefix) for item in value]
    if isinstance(value, str) and schema.get(PREFIX):
        accepts = Rules(schema).accepts
        # What is wrong stays as it is: it should be wrong in that one way.
        return prefixed(accepts, value, prefix, schema.get("maxLength")) if accepts(value) else value
    return value


def prefixed(accepts: Callable[[Any], bool], name: str, prefix: str, longest: int | None) -> str:
    """`name` with `prefix` before it, as valid as it was; `name` itself where that cannot be.

    Args:
        accepts: Whether a name is valid.
        name: The name, valid or not.
        prefix: What to put before it.
        longest: The length that a valid name may have.

    """
    if name.startswith(prefix):
        return name
    longer = prefix + name
    # What is wrong with a name may be how it begins, or that there is none.
    forms = [longer, longer[:longest]] if accepts(name) else [longer, name[:1] + prefix + name[1:]]
    # The prefix alone, or less of it, would be one name for all.
    return next((form for form in forms if len(form) > len(prefix) and accepts(form) == accepts(name)), name)
