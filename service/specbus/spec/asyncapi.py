"""An AsyncAPI 3 document (3.0 and 3.1 are read alike) as plain data.

References and traits are gone from it; schemas are there as they are written, and in a form that needs nothing around
it. What only some readers need (that there is one channel, with a path for an address) is for them to check.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from specbus.spec import ContractError, Json
from specbus.spec.nodes import extensions, mapping, optional_mapping, required_text, sequence, text
from specbus.spec.pointer import pointer, steps
from specbus.spec.references import Copies, check_references, followed

_IN_PAYLOAD = "$message.payload"
_JSON_SCHEMA = re.compile(r"application/(vnd\.aai\.asyncapi|schema)(\+(json|yaml))?(\s*;.*)?", re.IGNORECASE)
"""Formats of schemas that are JSON Schema (AsyncAPI 3.0.0, "Multi Format Schema Object")."""


@dataclass(frozen=True, slots=True)
class CorrelationId:
    """Where the field is that comes back in the reply to a message."""

    location: str
    """As written: a runtime expression."""
    path: tuple[str, ...] | None
    """The names that lead to it in the payload, from the outermost in; None if it is elsewhere."""


@dataclass(frozen=True, slots=True)
class Message:
    """A kind of message."""

    name: str
    """The `name` that it gives itself, else the one under which it stands in the document."""
    place: str
    """Its pointer: `#/components/messages/Ping`."""
    payload: Json
    """The schema of its payload as it is written, perhaps a reference; None if it has none."""
    schema: Json
    """The schema of its payload, self-contained; None if it has none."""
    correlation_id: CorrelationId | None
    examples: tuple[Json, ...]
    """Payloads."""
    summary: str
    description: str
    extensions: dict[str, Json]
    on_invalid: Json
    """The schema in its extension `x-on-invalid`, self-contained; None if it has none."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What messages go over."""

    place: str
    address: str | None
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What answers the messages of an operation."""

    channel: Channel | None
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class ChannelOperation:
    """What is done on a channel."""

    name: str
    place: str
    action: Literal["send", "receive"]
    """As the application sees it: it receives what its clients send."""
    channel: Channel
    messages: tuple[Message, ...]
    """Those that it lists, or all of its channel's."""
    reply: Reply | None
    summary: str
    description: str
    extensions: dict[str, Json]


@dataclass(frozen=True, slots=True)
class AsyncApi:
    """A document."""

    document: dict[str, Json]
    title: str
    version: str
    description: str
    operations: tuple[ChannelOperation, ...]
    security_schemes: tuple[dict[str, Json], ...]


def read(document: dict[str, Json]) -> AsyncApi:
    """The document `document`, which is in one piece. Raises ContractError, without the name of a file."""
    if not str(document.get("asyncapi", "")).startswith(("3.0.", "3.1.")):
        raise ContractError("asyncapi must be 3.0.x or 3.1.x")
    check_references(document)
    return _Reader(document).read()


class _Reader:
    """Reads each channel and each message once."""

    def __init__(self, document: dict[str, Json]) -> None:
        self._document = document
        self._copies = Copies(document)
        self._channels: dict[str, Channel] = {}
        self._messages: dict[str, Message] = {}

    def read(self) -> AsyncApi:
        if "operations" not in self._document:
            raise ContractError("needs 'operations'")
        info = optional_mapping(self._document, "info", "#")
        operations = mapping(self._document["operations"], "#/operations")
        components = optional_mapping(self._document, "components", "#")
        schemes = optional_mapping(components, "securitySchemes", "#/components")
        return AsyncApi(
            self._document,
            text(info, "title"),
            str(info.get("version", "")),
            text(info, "description"),
            tuple(self._operation(name, node) for name, node in operations.items()),
            tuple(self._mapping(node, f"#/components/securitySchemes/{name}")[0] for name, node in schemes.items()),
        )

    def _operation(self, name: str, node: Json) -> ChannelOperation:
        node, place = self._mapping(node, "#" + pointer("operations", name))
        node = self._with_traits(node, place)
        action = node.get("action")
        if action not in ("send", "receive"):
            raise ContractError(f"operations.{name}.action must be send or receive")
        channel = self._channel(node.get("channel"), f"{place}/channel")
        reply = node.get("reply")
        return ChannelOperation(
            name,
            place,
            action,
            channel,
            self._listed(node, place, channel),
            None if reply is None else self._reply(reply, f"{place}/reply"),
            text(node, "summary"),
            text(node, "description"),
            extensions(node),
        )

    def _reply(self, node: Json, place: str) -> Reply:
        node, place = self._mapping(node, place)
        channel = self._channel(node["channel"], f"{place}/channel") if "channel" in node else None
        return Reply(channel, self._listed(node, place, channel))

    def _listed(self, node: dict[str, Json], place: str, channel: Channel | None) -> tuple[Message, ...]:
        """The messages that an operation or a reply lists; without a list, all of its channel's."""
        if "messages" not in node and channel is not None:
            return channel.messages
        listed = node.get("messages")
        if not isinstance(listed, list) or not listed:
            raise ContractError(f"{place}: needs messages")
        return tuple(self._message(each, f"{place}/messages/{index}") for index, each in enumerate(listed))

    def _channel(self, node: Json, place: str) -> Channel:
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            raise ContractError(f"{place} must be a $ref")
        node, place = self._mapping(node, place)
        if place not in self._channels:
            address = node.get("address")
            messages = optional_mapping(node, "messages", place)
            self._channels[place] = Channel(
                place,
                address if isinstance(address, str) else None,
                tuple(self._message(each, f"{place}/messages{pointer(key)}") for key, each in messages.items()),
            )
        return self._channels[place]

    def _message(self, node: Json, place: str) -> Message:
        node, place = self._mapping(node, place)
        if place not in self._messages:
            node = self._with_traits(node, place)
            payload = self._payload(node, place)
            examples = [mapping(each, f"{place}/examples") for each in sequence(node, "examples", place)]
            self._messages[place] = Message(
                self._free_name(text(node, "name"), (steps(place) or [""])[-1]),
                place,
                payload,
                None if payload is None else self._schema(payload, f"{place}/payload"),
                self._correlation_id(node, place),
                tuple(each["payload"] for each in examples if "payload" in each),
                text(node, "summary"),
                text(node, "description"),
                extensions(node),
                self._schema(node["x-on-invalid"], f"{place}/x-on-invalid") if "x-on-invalid" in node else None,
            )
        return self._messages[place]

    def _free_name(self, name: str, key: str) -> str:
        """`name`, or `key` where there is none or another message has it already."""
        taken = {message.name for message in self._messages.values()}
        return name if name and name not in taken else key

    def _payload(self, node: dict[str, Json], place: str) -> Json:
        """The schema of a message's payload as it is written; that of a multi format schema object."""
        payload = node.get("payload")
        target, at = followed(self._document, payload)
        if not isinstance(target, dict) or "schemaFormat" not in target:
            return payload
        form = required_text(target, "schemaFormat", at or f"{place}/payload")
        if not _JSON_SCHEMA.fullmatch(form):
            raise ContractError(f"{at or place}: schemaFormat {form} is none that can be read: it must be JSON Schema")
        return target.get("schema")

    def _schema(self, node: Json, place: str) -> Json:
        schema = self._copies.of(node)
        if not isinstance(schema, dict | bool):
            raise ContractError(f"{place} must be a schema")
        return schema

    def _correlation_id(self, node: dict[str, Json], place: str) -> CorrelationId | None:
        if node.get("correlationId") is None:
            return None
        found, _ = self._mapping(node["correlationId"], f"{place}/correlationId")
        location = found.get("location")
        head, hash_, fragment = str(location).partition("#")
        path = steps(hash_ + fragment) if head == _IN_PAYLOAD and hash_ else None
        return CorrelationId(str(location), tuple(path) if path else None)

    def _with_traits(self, node: dict[str, Json], place: str) -> dict[str, Json]:
        """`node` with what its traits add; its own go before (AsyncAPI 3.0.0, "Traits Merge Mechanism")."""
        merged: dict[str, Json] = {}
        for index, trait in enumerate(sequence(node, "traits", place)):
            merged = _merged(merged, self._mapping(trait, f"{place}/traits/{index}")[0])
        return _merged(merged, node) if merged else node

    def _mapping(self, node: Json, place: str) -> tuple[dict[str, Any], str]:
        """What `node`, which stands at `place`, is once references are followed, and where that stands."""
        target, at = followed(self._document, node)
        return mapping(target, at or place), at or place


def _merged(target: Json, patch: Json) -> Json:
    """`target` with `patch` put over it (RFC 7396)."""
    if not isinstance(patch, dict) or not isinstance(target, dict):
        return patch
    merged = {**target, **{name: _merged(target.get(name), value) for name, value in patch.items()}}
    return {name: value for name, value in merged.items() if value is not None or name not in patch}
