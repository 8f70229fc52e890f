"""What clients may ask for: one method for each `receive` operation of `asyncapi.yaml`, under its name."""

from functools import partial

from specbus.bus.operations import Operations
from specbus.websocket.session import Command, Frame, Session
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

    def by_operation(self) -> dict[str, Command]:
        """The commands by the names of their operations."""
        return {name: getattr(self, name) for name in vars(Commands) if name[0] != "_" and name != "by_operation"}

    def subscribe(self, session: Session, frame: Frame) -> None:
        """Subscribe, acknowledge, replay: in that order."""
        topic = frame["topic"]
        # 5.0 is an integer in JSON Schema (draft 2019-09 core, 4.2.3).
        last_n = int(frame.get("last_n", 0))
        done = partial(session.subscribed, topic, frame.get("request_id"))
        self._operations.subscribe(topic, session, last_n, done)

    def unsubscribe(self, session: Session, frame: Frame) -> None:
        """Unsubscribe and acknowledge."""
        self._operations.unsubscribe(frame["topic"], session)
        session.answer(messages.ack(frame["topic"], frame.get("request_id")))

    def publish(self, session: Session, frame: Frame) -> None:
        """Publish and acknowledge."""
        topic = frame["topic"]
        done = partial(session.published, topic, frame.get("request_id"))
        self._operations.publish(topic, frame["message"].text, done)

    def ping(self, session: Session, frame: Frame) -> None:
        """Answer."""
        session.answer(messages.pong(frame.get("request_id")))
