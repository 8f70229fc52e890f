"""A bus without a socket, with short ways to use it."""

from collections.abc import Callable, Sequence
from typing import Any

from specbus.bus.hub import Encode, Hub
from specbus.bus.limits import Limits
from specbus.bus.memory import MemoryEngine
from specbus.bus.operations import Operations, TopicNumbers
from specbus.bus.outbox import Outbox
from specbus.bus.publication import Position


class Ticks:
    """The end of each tick of an event loop: what was scheduled runs when the test says so."""

    def __init__(self) -> None:
        self.calls = 0
        self._scheduled: list[Callable[[], None]] = []

    def schedule(self, callback: Callable[[], None]) -> None:
        self.calls += 1
        self._scheduled.append(callback)

    def end(self) -> None:
        scheduled, self._scheduled = self._scheduled, []
        for callback in scheduled:
            callback()


def plain(_topic: str) -> Encode:
    """An encoding: the messages as they are, joined."""
    return lambda publications: b"".join(publication.message for publication in publications)


class Peer:
    """A subscriber that notes what it is given, and is full after `room` more writes."""

    encoding = staticmethod(plain)

    def __init__(self, hub: Hub, room: int | None = None) -> None:
        self._hub = hub
        self.room = room
        self.full = False
        self.writes: list[str] = []
        self.noted: list[str] = []
        """Topics of which it was said that publications are being dropped."""

    def deliver(self, data: bytes) -> None:
        self._write(data.decode())

    def answer(self, _position: Position) -> None:
        """Take the answer to a command, which is not the hub's and is sent in any case."""
        self.writes.append("answer ")
        self._count()

    def note_dropping(self, topic: str) -> None:
        self.noted.append(topic)

    def notify_deleted(self, topic: str) -> None:
        self._write(f"deleted:{topic} ")

    def notify_dropped(self, topic: str, count: int) -> None:
        self._write(f"dropped:{topic}:{count} ")

    def overflow(self, lost: Sequence[tuple[str, int]]) -> None:
        self.writes.append(f"overflow:{','.join(f'{topic}={count}' for topic, count in lost)} ")
        self._hub.pause(self)

    def pause(self) -> None:
        self.full = True
        self._hub.pause(self)

    def resume(self, room: int | None = None) -> None:
        self.full, self.room = False, room
        self._hub.resume(self)

    def take(self) -> list[str]:
        """What was given since the last call, one by one."""
        taken = "".join(self.writes).split()
        self.writes.clear()
        return taken

    def _write(self, text: str) -> None:
        assert not self.full, "a full subscriber was given something"
        self.writes.append(text)
        self._count()

    def _count(self) -> None:
        if self.room is not None and not self.full:
            self.room -= 1
            if self.room <= 0:
                self.pause()


class Bus:
    """A bus with a topic `t`, and short ways to use it."""

    def __init__(
        self, *, max_joined_bytes: int = 65_536, clock: Callable[[], float] = lambda: 0.0, **limits: Any
    ) -> None:
        self.ticks = Ticks()
        self.engine = MemoryEngine(Limits(**limits))
        self.hub = Hub(self.engine, self.ticks.schedule, Limits(**limits), max_joined_bytes=max_joined_bytes)
        self.operations = Operations(self.engine, self.hub)
        self.create("t")

    def create(self, name: str) -> None:
        self.operations.create(name)

    def peer(self, *topics: str, room: int | None = None) -> Peer:
        """A new peer that is subscribed to `topics`."""
        peer = Peer(self.hub, room)
        for name in topics:
            self.subscribe(name, peer)
        return peer

    def subscribe(self, name: str, peer: Peer, last_n: int = 0) -> None:
        """Subscribe, and leave the replay waiting as if the subscription were yet to be acknowledged."""
        self.engine.history(name, last_n, lambda _, publications: self.hub.join(name, peer, publications))

    def publish(self, *events: object, to: str = "t") -> list[Position]:
        positions: list[Position] = []
        for event in events:
            self.operations.publish(to, f"{event} ".encode(), positions.append)
        return positions

    def numbers(self, name: str = "t") -> TopicNumbers:
        return self.operations.numbers_of(name)

    def waiting(self, peer: Peer, name: str = "t") -> Outbox:
        """The outbox of a subscription that waits."""
        return self.hub.fanouts[name].waiting[peer]

    def publish_and_end_tick(self, *events: object, to: str = "t") -> None:
        self.publish(*events, to=to)
        self.ticks.end()
