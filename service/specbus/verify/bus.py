"""What a document calls the things of a bus: which operation subscribes, which field is the topic, what an event is.

It says so by extensions, some of which client SDKs read too. No name that stands in a document is known here:

    x-stream:             on the operation that subscribes
      key: topic          the field that names the topic, in every frame that is about one
      events: Event       the message that is an event
      stop: unsubscribe   the operation that ends the subscription
      replay: last_n      the field that asks for that many retained messages
      position: {ack: position, epoch: epoch, offset: offset}
                          the field of acks that is a position, and those in it; events have the offset under its name
      ended: {message: Info, where: {msg: topic_deleted}}                       the topic is gone
      dropped: {message: Error, where: {error: {code: SLOW_CONSUMER}}, count: error/dropped}     events are missing
      unknown: {message: Error, where: {error: {code: TOPIC_NOT_FOUND}}}        there is no such topic
    x-publish: {message: message, id: id, payload: payload, depth: 126}
                          on the operation that publishes: the field that events hand on, those in it, and how many
                          levels deep payloads may nest
    x-probe: true         on an operation that only asks for a sign of life
    x-heartbeat: {message: Info, where: {msg: ping}}
                          on the operation by which the server sends heartbeats
    x-default: client     on a field that is what the client calls itself

A check that needs what the document does not have, or does not allow, is skipped.
"""

import json
from typing import Any

from specbus.spec import schemas
from specbus.verify.asyncapi import Exchange, Frame, Message, Rules, WebSocketDocument
from specbus.verify.failures import Broken, Skipped
from specbus.verify.messages import Messages
from specbus.verify.values import one

LABEL = "client"
"""The `x-default` of a field that is the client's own label."""
STREAM, PUBLISH, PROBE, HEARTBEAT = "x-stream", "x-publish", "x-probe", "x-heartbeat"


class Bus:
    """The frames by which clients subscribe and publish, and what the server says of topics."""

    def __init__(self, document: WebSocketDocument, seed: int) -> None:
        """`seed` is that of ids that are made at random."""
        self._document = document
        self._seed = seed
        self._subscribe = _marked(document, STREAM)
        self._publish = _marked(document, PUBLISH)
        self._probe = _marked(document, PROBE)
        self._stream: dict[str, Any] = self._subscribe.extensions[STREAM] if self._subscribe else {}
        stop = self._stream.get("stop")
        self._unsubscribe = next((each for each in document.operations if each.name == stop), None)
        self._heartbeat = next((marks[HEARTBEAT] for marks in document.unasked.values() if HEARTBEAT in marks), None)
        self._messages: Messages | None = None
        self._bases: dict[str, Frame] = {}

    def start_check(self) -> None:
        """Have all ids to give away again."""
        if self._messages:
            self._messages.start_check()

    # Where it stands

    @property
    def subscribe_place(self) -> str:
        """Where the operation that subscribes stands; the document, if there is none."""
        return self._subscribe.place if self._subscribe else self._document.place

    # What clients send

    @property
    def key(self) -> str:
        """The field that names the topic. Raises Skipped."""
        return str(self._mark("key"))

    @property
    def name_schema(self) -> Any:
        """The schema of a topic's name. Raises Skipped."""
        return schemas.field(_message(self._subscribe, STREAM).schema, self.key)

    def subscribe(self, topic: str, replay: int | None = None, label: str | None = None) -> Frame:
        """A frame that subscribes to `topic`.

        Args:
            topic: The topic.
            replay: How many of the newest retained messages it asks for; None to ask for none.
            label: What the client calls itself; None for any. Raises Skipped where the document has no such label.

        Raises Skipped.

        """
        message = _message(self._subscribe, STREAM)
        field = self._stream.get("replay")
        more: Frame = {} if label is None else _labelled(message, label)
        if replay is not None:
            more[str(self._mark("replay"))] = replay
        elif field in schemas.required(message.schema):
            more[field] = 0
        return self._frame(message, {self.key: topic, **more})

    def may_replay(self, count: int) -> bool:
        """Whether a subscribe may ask for `count` retained messages."""
        field = self._stream.get("replay")
        schema = schemas.field(self._subscribe.messages[0].schema, field) if self._subscribe and field else None
        return isinstance(schema, dict) and Rules(schema).accepts(count)

    def replays(self, *counts: int) -> list[int]:
        """Those of `counts` of retained messages that a subscribe may ask for. Raises Skipped if it may for none."""
        self._mark("replay")
        allowed = list(filter(self.may_replay, counts))
        if not allowed:
            raise Skipped(f"no subscribe may ask for a replay of {' or '.join(map(str, counts))}")
        return allowed

    def unsubscribe(self, topic: str, label: str | None = None) -> Frame:
        """A frame that ends the subscription to `topic`; `label` as for `subscribe`. Raises Skipped."""
        message = _message(self._unsubscribe, f"{STREAM}.stop")
        return self._frame(message, {self.key: topic, **({} if label is None else _labelled(message, label))})

    def publish(self, topic: str, payload: Any = ..., id_: Any = ...) -> tuple[Frame, Any]:
        """A frame that publishes a message on `topic`, and the message's id; arguments as for `Messages.new`.

        Raises Skipped.
        """
        message, id_ = self.messages.new(payload, id_)
        command = _message(self._publish, PUBLISH)
        return self._frame(command, {self.key: topic, self.message_field: message}), id_

    def with_message(self, publish: Frame, message: str) -> str:
        """The JSON of a frame that publishes, whose message is that very text. Raises Skipped."""
        return json.dumps({**publish, self.message_field: "@@"}).replace('"@@"', message)

    def probe(self) -> Frame:
        """A frame that only asks for a sign of life. Raises Skipped."""
        return self._frame(_message(self._probe, PROBE), {})

    @property
    def messages(self) -> Messages:
        """What is published. Raises Skipped."""
        if self._messages is None:
            command = _message(self._publish, PUBLISH)
            field = self.message_field
            marks = self._publish.extensions[PUBLISH] if self._publish else {}
            place = f"{command.place}/payload/properties/{field}"
            self._messages = Messages(schemas.field(command.schema, field), place, marks, self._seed)
        return self._messages

    # What the server sends

    def is_ack(self, frame: Frame) -> bool:
        """Whether `frame` says that a command was carried out."""
        return self._document.is_reply(frame) and self._document.sent_as(frame) is not self._document.refusal

    def is_event(self, frame: Frame) -> bool:
        """Whether `frame` is an event."""
        message = self._document.sent_as(frame)
        return message is not None and message.name == self._stream.get("events")

    def is_ended(self, frame: Frame) -> bool:
        """Whether `frame` says that a topic is gone."""
        return self._is(frame, self._stream.get("ended"))

    def is_dropped(self, frame: Frame) -> bool:
        """Whether `frame` says that events are missing."""
        return self._is(frame, self._stream.get("dropped"))

    def is_unknown(self, frame: Frame) -> bool:
        """Whether `frame` refuses a command because there is no such topic."""
        return self._is(frame, self._mark("unknown"))

    def is_missing(self, frame: Frame) -> bool:
        """As `is_unknown`, in a document that may not say it."""
        return "unknown" in self._stream and self.is_unknown(frame)

    @property
    def unknown(self) -> Any:
        """What an answer has that refuses a command because there is no such topic. Raises Skipped."""
        return self._mark("unknown").get("where", {})

    def is_heartbeat(self, frame: Frame) -> bool:
        """Whether `frame` is a heartbeat."""
        return self._is(frame, self._heartbeat)

    @property
    def has_heartbeats(self) -> bool:
        """Whether the document says what a heartbeat is."""
        return self._heartbeat is not None

    def topic_of(self, frame: Frame) -> Any:
        """The topic that `frame` names; None if it names none."""
        return frame.get(self.key)

    def message_of(self, event: Any) -> dict[str, Any]:
        """The message of an event. Raises Broken if it has none."""
        field = self.message_field
        message = event.get(field) if isinstance(event, dict) else None
        if not isinstance(message, dict):
            raise Broken(f"an event has no {field} that is an object: {json.dumps(event)[:200]}", rule=self.event_place)
        return message

    def id_of(self, event: Any) -> Any:
        """The id of an event's message. Raises Broken if it has none."""
        message, field = self.message_of(event), self.messages.id_field
        if field not in message:
            raise Broken(f"an event came without the message's {field}", rule=self.event_place)
        id_ = message[field]
        return id_ if isinstance(id_, str | int) else json.dumps(id_)

    def payload_of(self, event: Any) -> Any:
        """The payload of an event's message; None if it has none. Raises Broken."""
        return self.message_of(event).get(self.messages.payload_field)

    @property
    def event_place(self) -> str:
        """Where the message that is an event stands."""
        name = self._stream.get("events")
        return next((each.place for each in self._document.sent if each.name == name), self._document.place)

    def missing_of(self, dropped: Frame) -> int:
        """How many events a frame says are missing. Raises Broken if it does not say."""
        value: Any = dropped
        path = str(self._mark("dropped").get("count", "")).strip("/").split("/")
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if not isinstance(value, int) or isinstance(value, bool):
            raise Broken(f"the news of dropped messages does not say how many they are ({'.'.join(path)})")
        return value

    def position_of(self, answer: Any, what: str) -> tuple[str, int]:
        """The epoch and the offset in an answer. Raises Broken, with `what` as the answer's name, and Skipped."""
        field, epoch, offset = self._position
        position = answer.get(field) if isinstance(answer, dict) else None
        found = (position.get(epoch), position.get(offset)) if isinstance(position, dict) else (None, None)
        match found:
            case (str(of_epoch), int(at)):
                return of_epoch, at
            case _:
                raise Broken(f"{what} has no {field}: {json.dumps(answer)[:300]}")

    def has_position(self, answer: Frame) -> bool:
        """Whether an answer has a position. Raises Skipped."""
        return self._position[0] in answer

    def offset_of(self, event: Frame) -> int:
        """The offset of an event. Raises Broken if it has none, and Skipped."""
        offset = event.get(self._position[2])
        if not isinstance(offset, int):
            raise Broken(f"an event has no {self._position[2]}: {json.dumps(event)[:300]}", rule=self.event_place)
        return offset

    # How it is told

    @property
    def _position(self) -> tuple[str, str, str]:
        marks = self._mark("position")
        return str(marks["ack"]), str(marks["epoch"]), str(marks["offset"])

    @property
    def message_field(self) -> str:
        """The field of a publish, and of an event, that is the message. Raises Skipped."""
        if self._publish is None:
            raise Skipped(_lacks(PUBLISH))
        return str(self._publish.extensions[PUBLISH].get("message", "message"))

    def _mark(self, name: str) -> Any:
        if name not in self._stream:
            raise Skipped(_lacks(f"{STREAM}.{name}" if self._subscribe else STREAM))
        return self._stream[name]

    def _is(self, frame: Frame, match: Any) -> bool:
        if match is None:
            return False
        message = self._document.sent_as(frame)
        return message is not None and message.name == match["message"] and _has(frame, match.get("where", {}))

    def _frame(self, message: Message, fields: Frame) -> Frame:
        """A frame that is a `message`, with these fields and what it must have besides. Raises Skipped."""
        if message.place not in self._bases:
            self._bases[message.place] = one(message.schema, message.place)
        frame = {**self._bases[message.place], **fields}
        if problem := message.rules.problem(frame):
            raise Skipped(f"no {message.name} can be made that says what it must: {problem[1]}")
        return frame


def _marked(document: WebSocketDocument, mark: str) -> Exchange | None:
    """The operation that has the extension `mark`."""
    return next((each for each in document.operations if each.extensions.get(mark)), None)


def _message(operation: Exchange | None, mark: str) -> Message:
    if operation is None:
        raise Skipped(_lacks(mark))
    return operation.messages[0]


def _labelled(message: Message, label: str) -> Frame:
    """The field of `message` that is the client's own label, with that one. Raises Skipped."""
    for name, schema in schemas.fields(message.schema).items():
        if isinstance(schema, dict) and schema.get("x-default") == LABEL and Rules(schema).accepts(label):
            return {name: label}
    raise Skipped(f"a {message.name} has no field that may be {json.dumps(label)} as the client's label")


def _lacks(mark: str) -> str:
    return f"the document has no {mark} that says what this is about"


def _has(value: Any, wanted: Any) -> bool:
    """Whether `value` has all that `wanted` has, and the same."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(_has(value.get(name), inner) for name, inner in wanted.items())
    return bool(value == wanted)
