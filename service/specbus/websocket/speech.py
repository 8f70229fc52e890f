"""Whether the AsyncAPI document describes what the service says on the WebSocket: its answers, and what comes unasked.

What clients say is judged by the document as it comes. What the service says is made by the program, so this is looked
at once, before the service starts: with commands that the document takes, and the very frames that answer them.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from specbus.bus.errors import TooManySubscriptions, TopicNotFound
from specbus.bus.publication import Position, Publication
from specbus.contract.commands import WebSocketContract
from specbus.contract.schema import Schema
from specbus.contract.witness import UNKNOWN, breach, values
from specbus.spec import ContractError, Json, asyncapi, schemas
from specbus.wire.messages import REQUEST_ID, ack, error, event_writer, info, pong

_NEW = Position("3kq9-w2L_0aB", 0)
"""That of a topic on which nothing was published."""
_FIRST = Position("3kq9-w2L_0aB", 1)
_TEXT = "topic must be a string, not 5"
_DROPPED = '12 messages of topic "orders" were dropped because this connection did not read fast enough'
_ANSWERS: dict[str, list[str]] = {
    "subscribe": [TopicNotFound.code, TooManySubscriptions.code],
    "unsubscribe": [TopicNotFound.code],
    "publish": [TopicNotFound.code],
    "ping": [],
}
"""The codes of errors that may answer an operation instead of its ack or pong."""
_OF_ALL = ("BAD_REQUEST", "INTERNAL")
"""The codes of errors that may answer any command."""

Frame = dict[str, Any]


class Speech:
    """What the service says, as far as a document lets one tell before anybody has said anything."""

    def __init__(self, contract: WebSocketContract[Any], can_exist: Callable[[str], bool]) -> None:
        """Make the frames that the service would send under `contract`. Raises ContractError.

        `can_exist` is whether a topic of that name can be created.
        """
        self._contract = contract
        self._operations = {each.name: each for each in contract.api.operations}
        self._commands = {name: list(self._taken(self._operations[name])) for name in _ANSWERS}
        self._can_exist = can_exist
        asked_for = dict.fromkeys(frame["topic"] for frame, _ in self._commands["subscribe"])
        topics = [topic for topic in asked_for if can_exist(topic)] or [UNKNOWN]
        self.published: list[Json] = [frame["message"] for frame, _ in self._commands["publish"]]
        """Messages that can be published here."""
        self.heartbeat = _decoded(info("ping"))
        self.deleted = [_decoded(info("topic_deleted", topic)) for topic in topics]
        self.dropped = [_decoded(error("SLOW_CONSUMER", _DROPPED, topic=topic, dropped=12)) for topic in topics]
        self.events = [
            *(_event(topic, self.published[0]) for topic in topics),
            *(_event(topics[0], message) for message in self.published),
        ]

    def check(self, published: Iterable[Json]) -> None:
        """Raise ContractError unless the document describes all that is said.

        `published` is what may be published elsewhere, to be received here.
        """
        tag = self._contract.sent_tag
        if tag != "type":
            raise self.wrong("#/operations", f'what the service sends must be told apart by "type", not by "{tag}"')
        for name, commands in self._commands.items():
            operation = self._operations[name]
            declared = operation.reply.messages if operation.reply else None
            place = f"{operation.place}/reply" if operation.reply else "#/operations"
            judge = self._judge(declared, place)
            for _, request_id in commands:
                self._check_errors(judge, name, request_id)
            for frame, request_id in commands:
                if "topic" in frame and not self._can_exist(frame["topic"]):
                    frame = {**frame, "topic": UNKNOWN}
                judge(self._answer(name, frame, request_id))
        unasked = self._judge(None, "#/operations")
        events = [_event(self.deleted[0]["topic"], message) for message in published]
        for frame in (*self.events, *events, self.heartbeat, *self.deleted, *self.dropped):
            unasked(frame)

    def wrong(self, place: str, words: str) -> ContractError:
        """The error that is raised for what is wrong at `place`, a pointer."""
        return ContractError(f"{self._contract.file}: {place}: {words}")

    def _taken(self, operation: asyncapi.ChannelOperation) -> Iterable[tuple[Frame, Json]]:
        """Frames that the document takes, each with its correlation id."""
        for message in operation.messages:
            path = message.correlation_id.path if message.correlation_id else None
            for frame in values(message.schema, f"{self._contract.file}: {message.place}/payload"):
                if isinstance(frame, dict):
                    yield frame, frame.get(path[0]) if path else None
                else:
                    yield {"topic": UNKNOWN, "message": UNKNOWN}, UNKNOWN if path else None

    def _answer(self, operation: str, frame: Frame, request_id: Json) -> Frame:
        """What answers `frame` if all goes well."""
        if operation == "ping":
            name = self._contract.sent_correlation_field("pong")
            return _decoded(pong(request_id, name=name) if name else pong(None))
        position = {"subscribe": _NEW, "publish": _FIRST}.get(operation)
        name = self._contract.sent_correlation_field("ack")
        if name is None:
            return _decoded(ack(frame["topic"], None, position))
        answer = _decoded(ack(frame["topic"], request_id, position))
        return {name if field == REQUEST_ID else field: value for field, value in answer.items()}

    def _check_errors(self, judge: Callable[[Frame], asyncapi.Message], operation: str, request_id: Json) -> None:
        """Check the errors that may answer a command."""
        name = self._contract.sent_correlation_field("error")
        id_ = {"request_id": request_id, "name": name} if name else {}
        for code in (*_OF_ALL, *_ANSWERS[operation]):
            refusal = _decoded(error(code, _TEXT, **id_))
            message = judge(refusal)
            if code == "BAD_REQUEST" and isinstance(message.on_invalid, dict):
                place = f"{message.place}/x-on-invalid"
                if problem := breach(Schema(message.on_invalid, f"{self._contract.file}: {place}"), refusal):
                    raise self.wrong(place, problem)

    def _judge(self, declared: Iterable[asyncapi.Message] | None, place: str) -> Callable[[Frame], asyncapi.Message]:
        """What gives the one of `declared`, which are listed at `place`, that describes a frame.

        None is for all messages that the service may send. It raises ContractError.
        """
        by_tag: dict[Json, list[asyncapi.Message]] = {}
        for message in self._contract.sent.values() if declared is None else declared:
            by_tag.setdefault(schemas.constants(message.schema).get("type"), []).append(message)

        def judge(frame: Frame) -> asyncapi.Message:
            found = by_tag.get(frame["type"])
            if not found:
                raise self.wrong(place, f'the service sends a message whose type is "{frame["type"]}": list one')
            problem = ""
            for message in found:
                wrong = breach(self._contract.schema_of(message), frame)
                if wrong is None:
                    return message
                problem = problem or wrong
            raise self.wrong(f"{found[0].place}/payload", problem)

        return judge


def _decoded(frame: bytes) -> Frame:
    decoded: Frame = msgspec.json.decode(frame)
    return decoded


def _event(topic: str, message: Json) -> Frame:
    return _decoded(event_writer(topic)(Publication(topic, 1, 0.0, msgspec.json.encode(message))))
