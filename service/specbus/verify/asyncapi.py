"""What an AsyncAPI 3.0 document says of one WebSocket: commands, their replies, and what the server sends unasked.

Nothing here knows a name that stands in a document.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from specbus.spec.documents import at, bundle, resolved

INVALID = "x-on-invalid"
"""On the message that answers an invalid frame: the schema that it must then keep, beside its own."""

PREFIX = "x-test-prefix"
"""On a text that names something of the server's: tests put a prefix before it, to leave others' things alone."""


class Rules:
    """A schema, and the first thing that is wrong with a value."""

    def __init__(self, schema: Any) -> None:
        self._validator = jsonschema_rs.Draft201909Validator(schema, validate_formats=True)
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
    """Of its payload, without references."""
    rules: Rules
    examples: list[Any]
    on_invalid: Rules | None
    """What it must keep where it answers an invalid frame; None if it does not."""

    def ours(self, frame: Any, prefix: str) -> Any:
        """`frame` with what it names made the tests' own by `prefix`; as valid as it was."""
        return _ours(self.schema, frame, prefix)


@dataclass(frozen=True, slots=True)
class Operation:
    """What clients may send, and what answers it."""

    name: str
    place: str
    messages: list[Message]
    replies: list[Message]


class WebSocketDocument:
    """An AsyncAPI document whose operations share one channel."""

    def __init__(self, path: Path) -> None:
        """Read the document at `path`. Raises ContractError, and KeyError or TypeError for what it lacks."""
        self._document = bundle(path)
        self.place = path.name
        self._messages: dict[str, Message] = {}
        self.operations: list[Operation] = []
        """The `receive` operations."""
        unasked: list[Message] = []
        channel = ""
        for name, node in self._document["operations"].items():
            place = f"{self.place}#/operations/{name}"
            messages = [self._message(reference) for reference in node["messages"]]
            if node["action"] == "receive":
                replies = [self._message(reference) for reference in node.get("reply", {}).get("messages", [])]
                self.operations.append(Operation(name, place, messages, replies))
            else:
                unasked += messages
            channel = node["channel"]["$ref"]
        self.address: str = at(self._document, channel)["address"]
        """The path of the handshake."""
        replies = [reply for operation in self.operations for reply in operation.replies]
        self.replies = list({reply.name: reply for reply in replies}.values())
        """All that answers a command."""
        self.sent = list({message.name: message for message in [*replies, *unasked]}.values())
        """All that the server may send."""
        self.refusal = self._refusal()
        """What answers an invalid frame."""
        received = [message for operation in self.operations for message in operation.messages]
        self.tag = _tag([message.schema for message in received])
        """The field that tells commands apart, if there is one."""
        self._sent_tag = _tag([message.schema for message in self.sent])
        self.correlation = self._correlation_field()
        """The field that ties an answer to its command, if there is one."""

    def is_valid(self, frame: Any) -> bool:
        """Whether `frame` is one that some operation takes."""
        return any(message.rules.accepts(frame) for operation in self.operations for message in operation.messages)

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
            return next((each for each in self.sent if _constant(each.schema, tag) == frame.get(tag)), None)
        return None

    def problem_of_sent(self, frame: Any) -> tuple[str, str] | None:
        """The rule that `frame`, from the server, breaks, and how; None if it keeps the schema of a message."""
        message = self.sent_as(frame)
        if message is None:
            return self.place, f"the server sends a frame that {self.place} does not have"
        problem = message.rules.problem(frame)
        return problem and (f"{message.place}/payload{problem[0]}", f"{message.name} breaks its schema: {problem[1]}")

    def _message(self, reference: dict[str, Any]) -> Message:
        pointer = reference.get("$ref", "")
        target = at(self._document, pointer) if pointer else reference
        while "$ref" in target:
            pointer = target["$ref"]
            target = at(self._document, pointer)
        node = resolved(self._document, target)
        name = node.get("name") or pointer.rpartition("/")[2]
        if name not in self._messages:
            self._messages[name] = Message(
                name,
                f"{self.place}{pointer}",
                node["payload"],
                Rules(node["payload"]),
                [example["payload"] for example in node.get("examples", []) if "payload" in example],
                Rules(node[INVALID]) if INVALID in node else None,
            )
        return self._messages[name]

    def _refusal(self) -> Message:
        marked = [message for message in self.replies if message.on_invalid]
        common = [reply for reply in self.replies if all(reply in operation.replies for operation in self.operations)]
        if not marked and len(common) != 1:
            raise KeyError(f"a message with {INVALID}, to tell what answers an invalid frame")
        return (marked or common)[0]

    def _correlation_field(self) -> str | None:
        for node in resolved(self._document, self._document["operations"]).values():
            for message in node["messages"]:
                location = message.get("correlationId", {}).get("location", "")
                if location.startswith("$message.payload#/") and location.count("/") == 1:
                    return str(location.rpartition("/")[2])
        return None


def _ours(schema: Any, value: Any, prefix: str) -> Any:
    if not isinstance(schema, dict):
        return value
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {name: _ours(properties.get(name), inner, prefix) for name, inner in value.items()}
    if isinstance(value, list):
        return [_ours(schema.get("items"), item, prefix) for item in value]
    if isinstance(value, str) and schema.get(PREFIX) and not value.startswith(prefix):
        rules = Rules(schema)
        longer = (prefix + value)[: schema.get("maxLength")]
        return longer if rules.accepts(value) and rules.accepts(longer) else value
    return value


def _constant(schema: dict[str, Any], field: str) -> Any:
    node = schema.get("properties", {}).get(field, {})
    if "const" in node:
        return node["const"]
    return node["enum"][0] if len(node.get("enum", [])) == 1 else None


def _tag(schemas: list[dict[str, Any]]) -> str | None:
    """The field that is a constant in each of `schemas`."""
    for name in schemas[0].get("properties", {}):
        if all(_constant(schema, name) is not None for schema in schemas):
            return str(name)
    return None
