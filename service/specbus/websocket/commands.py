"""What clients may ask for: one method for each `receive` operation of `asyncapi.yaml`, under its name."""

from specbus.bus.operations import Operations
from specbus.bus.publication import Position
from specbus.websocket.session import Frame, Handler, Session
from specbus.wire import messages

REQUIRED_FIELDS = [
    ("subscribe", "topic", "string"),
    ("unsubscribe", "topic", "string"),
    ("publish", "topic", "string"),
    ("publish", "message", "object"),
]
"""The fields that the commands take for granted: operation, field, JSON type."""


class Commands:
    """The commands. They raise OperationError."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def by_operation(self) -> dict[str, Handler]:
        """What carries the commands out, by the names of their operations."""
        return {name: getattr(self, name) for name in vars(Commands) if name[0] != "_" and name != "by_operation"}

    def subscribe(self, session: Session, frame: Frame) -> None:
        """Subscribe, acknowledge, replay: in that order."""
        topic = frame["topic"]
        session.client_id = frame.get("client_id")

        def done(position: Position) -> None:
            session.send(messages.ack(topic, frame.get("request_id"), position))

        # 5.0 is an integer in JSON Schema (draft 2019-09 core, 4.2.3).
        self._operations.subscribe(topic, session, int(frame.get("last_n", 0)), done)

    def unsubscribe(self, session: Session, frame: Frame) -> None:
        """Unsubscribe and acknowledge."""
        self._operations.unsubscribe(frame["topic"], session)
        session.answer(messages.ack(frame["topic"], frame.get("request_id")))

    def publish(self, session: Session, frame: Frame) -> None:
        """Publish and acknowledge."""
        topic = frame["topic"]

        # A function within, not a `partial`: the call takes half the time.
        def done(position: Position) -> None:
            session.answer(messages.ack(topic, frame.get("request_id"), position))

        self._operations.publish(topic, frame["message"].text, done)

    def ping(self, session: Session, frame: Frame) -> None:
        """Answer."""
        session.answer(messages.pong(frame.get("request_id")))
