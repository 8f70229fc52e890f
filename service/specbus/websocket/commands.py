"""What clients may ask for: one method for each `receive` operation of `asyncapi.yaml`, under its name."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from specbus.bus.broker import Broker, Subscriber
from specbus.contract.decoding import Verbatim
from specbus.wire import messages as wire

Frame: TypeAlias = dict[str, Any]
"""A frame that keeps the contract; its `message` is a `Verbatim`."""


class Peer(Subscriber, Protocol):
    """What the commands want of a connection, beside what the broker wants."""

    def send(self, frame: bytes) -> None:
        """Send `frame`, from `specbus.wire.messages`, at once."""

    def answer(self, frame: bytes) -> None:
        """Send `frame`, from `specbus.wire.messages`, before the next command is waited for."""


Command: TypeAlias = Callable[[Peer, Frame], None]


class Commands:
    """The commands. They raise what the broker raises."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def by_operation(self) -> dict[str, Command]:
        """The commands by the names of their operations."""
        return {name: getattr(self, name) for name in vars(Commands) if name[0] != "_" and name != "by_operation"}

    def subscribe(self, peer: Peer, frame: Frame) -> None:
        """Subscribe, acknowledge, replay: in that order."""
        topic = frame["topic"]
        # 5.0 is an integer in JSON Schema (draft 2019-09 core, 4.2.3).
        self._broker.subscribe(topic, peer, int(frame.get("last_n", 0)))
        peer.send(wire.ack(topic, frame.get("request_id")))
        self._broker.replay(peer)

    def unsubscribe(self, peer: Peer, frame: Frame) -> None:
        """Unsubscribe and acknowledge."""
        self._broker.unsubscribe(frame["topic"], peer)
        peer.answer(wire.ack(frame["topic"], frame.get("request_id")))

    def publish(self, peer: Peer, frame: Frame) -> None:
        """Publish and acknowledge."""
        name = frame["topic"]
        message: Verbatim = frame["message"]
        self._broker.publish(self._broker.topic(name), wire.event(name, message.text))
        peer.answer(wire.ack(name, frame.get("request_id")))

    def ping(self, peer: Peer, frame: Frame) -> None:
        """Answer."""
        peer.answer(wire.pong(frame.get("request_id")))
