"""What clients may ask for: one method for each `receive` operation of `asyncapi.yaml`, under its name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from specbus.bus.operations import Operations
from specbus.bus.publication import Position
from specbus.contract.commands import WebSocketContract
from specbus.spec import ContractError
from specbus.websocket.session import Frame, Handler, Session
from specbus.wire import messages

REQUIRED_FIELDS = [
    ("subscribe", "topic", "string"),
    ("unsubscribe", "topic", "string"),
    ("publish", "topic", "string"),
    ("publish", "message", "object"),
]
"""The fields that the commands take for granted: operation, field, JSON type."""
OPTIONAL_FIELDS = [("subscribe", "last_n", "integer")]
"""Those that frames may have, and documents too."""
_OWN_FIELDS = {
    "ack": {"type", "topic", "status", "position", "ts"},
    "pong": {"type", "ts"},
    "error": {"type", "topic", "error", "ts"},
}
"""By the tag of an answer, what it has to say beside the request id."""
_LABEL = "client"
"""What `x-default` says of the field in which a client says what it calls itself."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """How an operation is answered."""

    field: str
    """Of the command: its value comes back."""
    ack: messages.AckWriter
    pong: Callable[[messages.RequestId | None], bytes]


class Commands:
    """The commands. They raise OperationError."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._subscribe = self._unsubscribe = self._ping = _answer(None, None, None)
        self._label = "client_id"
        self._last_n = 0

    def follow(self, contract: WebSocketContract[Handler]) -> None:
        """Have answers repeat the fields that `contract` says. Raises ContractError."""
        for tag, own in _OWN_FIELDS.items():
            if (name := contract.sent_correlation_field(tag)) in own:
                words = f'the correlationId of "{tag}" is {name}, in which the service says something else'
                raise ContractError(f"{contract.file}: {words}: name a field of its own")

        def answer(operation: str) -> _Answer:
            field = contract.correlation_field(operation)
            return _answer(field, contract.sent_correlation_field("ack"), contract.sent_correlation_field("pong"))

        self._subscribe, self._unsubscribe = answer("subscribe"), answer("unsubscribe")
        self._ping = answer("ping")
        publish = answer("publish")
        if (publish.field, publish.ack) != (messages.REQUEST_ID, messages.ack):
            contract.rebind("publish", partial(self._publish_answered, publish))
        fields = contract.fields_of("subscribe")
        label = (
            name for name, schema in fields.items() if isinstance(schema, dict) and schema.get("x-default") == _LABEL
        )
        self._label = next(label, self._label)
        replay = fields.get("last_n")
        default = replay.get("default", 0) if isinstance(replay, dict) else 0
        if not isinstance(default, int) or isinstance(default, bool):
            raise ContractError(f'{contract.file}: operation "subscribe": the default of its last_n must be an integer')
        self._last_n = default

    def by_operation(self) -> dict[str, Handler]:
        """What carries the commands out, by the names of their operations."""
        return {
            name: getattr(self, name)
            for name in vars(Commands)
            if name[0] != "_" and name not in ("by_operation", "follow")
        }

    def subscribe(self, session: Session, frame: Frame) -> None:
        """Subscribe, acknowledge, replay: in that order."""
        topic = frame["topic"]
        session.client_id = frame.get(self._label)
        answer = self._subscribe

        def done(position: Position) -> None:
            session.send(answer.ack(topic, frame.get(answer.field), position))

        # 5.0 is an integer in JSON Schema (draft 2019-09 core, 4.2.3).
        self._operations.subscribe(topic, session, int(frame.get("last_n", self._last_n)), done)

    def unsubscribe(self, session: Session, frame: Frame) -> None:
        """Unsubscribe and acknowledge."""
        self._operations.unsubscribe(frame["topic"], session)
        answer = self._unsubscribe
        session.answer(answer.ack(frame["topic"], frame.get(answer.field)))

    def publish(self, session: Session, frame: Frame) -> None:
        """Publish and acknowledge."""
        topic = frame["topic"]

        # A function within, not a `partial`: the call takes half the time.
        def done(position: Position) -> None:
            session.answer(messages.ack(topic, frame.get("request_id"), position))

        self._operations.publish(topic, frame["message"].text, done)

    def _publish_answered(self, answer: _Answer, session: Session, frame: Frame) -> None:
        """What `publish` does, where the document has the request id elsewhere: to ask each time would take time."""
        topic = frame["topic"]

        def done(position: Position) -> None:
            session.answer(answer.ack(topic, frame.get(answer.field), position))

        self._operations.publish(topic, frame["message"].text, done)

    def ping(self, session: Session, frame: Frame) -> None:
        """Answer."""
        session.answer(self._ping.pong(frame.get(self._ping.field)))


def _answer(field: str | None, in_ack: str | None, in_pong: str | None) -> _Answer:
    """Answers that repeat the command's `field`, in fields of these names; None where there is no such field."""
    return _Answer(
        field or messages.REQUEST_ID,
        _ack_writer(field and in_ack),
        partial(messages.pong, name=in_pong) if field and in_pong else lambda _: messages.pong(None),
    )


def _ack_writer(name: str | None) -> messages.AckWriter:
    if name is None:
        return lambda topic, request_id, position=None: messages.ack(topic, None, position)
    return messages.ack_writer(name)
