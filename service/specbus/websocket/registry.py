"""The open WebSocket connections, and what keeps them open or finds them dead."""

from collections.abc import Callable
from typing import Protocol

from specbus.websocket.keepalive import Schedule
from specbus.websocket.limits import Keepalive
from specbus.wire import messages


class Registered(Protocol):
    """What the registry wants of a connection."""

    @property
    def alive(self) -> bool:
        """Whether the client has shown life since it was last pinged."""

    def ping(self) -> None:
        """Ping the client, and set `alive` to false."""

    def give_up(self) -> None:
        """Close a connection whose client is silent."""

    def send_heartbeat(self, message: bytes) -> None:
        """Send `message`, an `info`, if the client reads."""


class Registry:
    """The open connections."""

    def __init__(self, keepalive: Keepalive) -> None:
        self._connections: set[Registered] = set()
        self._heartbeats = _schedule(keepalive.heartbeat_interval, self._heartbeat)
        self._pings = _schedule(keepalive.ping_interval, self._ping)
        self._silent = Schedule(keepalive.ping_timeout, self._check)

    def __len__(self) -> int:
        return len(self._connections)

    def __contains__(self, connection: Registered) -> bool:
        return connection in self._connections

    def add(self, connection: Registered) -> None:
        """Take in a connection that has opened."""
        self._connections.add(connection)
        for schedule in (self._heartbeats, self._pings):
            if schedule:
                schedule.add(connection)

    def remove(self, connection: Registered) -> None:
        """Forget a connection that is gone."""
        self._connections.discard(connection)
        for schedule in (self._heartbeats, self._pings, self._silent):
            if schedule:
                schedule.discard(connection)

    def _heartbeat(self, connection: Registered) -> None:
        connection.send_heartbeat(messages.info("ping"))
        if self._heartbeats:
            self._heartbeats.add(connection)

    def _ping(self, connection: Registered) -> None:
        if connection.alive:
            # Else an older ping is unanswered, and it is that one's timeout that counts.
            self._silent.add(connection)
        connection.ping()
        if self._pings:
            self._pings.add(connection)

    def _check(self, connection: Registered) -> None:
        """See whether `connection` has shown life since the ping that it had a timeout ago, or a later one."""
        if not connection.alive:
            connection.give_up()


def _schedule(interval: float, action: Callable[[Registered], None]) -> Schedule[Registered] | None:
    """What calls `action` with each connection after `interval` seconds; None if that is 0, which is never."""
    return Schedule(interval, action) if interval else None
