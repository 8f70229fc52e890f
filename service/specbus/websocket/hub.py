"""What all WebSocket connections share."""

import logging
from pathlib import Path
from typing import Protocol

from specbus.bus.broker import Broker
from specbus.contract.commands import WebSocketContract
from specbus.spec.documents import ContractError
from specbus.websocket.commands import Command, Commands, Peer
from specbus.websocket.schedule import Schedule
from specbus.websocket.seldom import Seldom
from specbus.wire import messages as wire

_log = logging.getLogger(__name__)

_NEEDED = [
    ("subscribe", "topic", "string"),
    ("unsubscribe", "topic", "string"),
    ("publish", "topic", "string"),
    ("publish", "message", "object"),
]
"""The fields that the commands take for granted."""


class Watched(Peer, Protocol):
    """What the hub wants of a connection."""

    @property
    def heard(self) -> bool:
        """Whether the peer has shown life since it was last pinged."""

    def ping(self) -> None:
        """Ping the peer, and set `heard` to false."""

    def give_up(self) -> None:
        """Close a connection whose peer is silent."""

    def send_heartbeat(self, frame: bytes) -> None:
        """Send an `info` frame if the peer reads."""


class Hub:
    """The WebSocket side of the service: its contract, its limits, its connections, their timers."""

    def __init__(
        self,
        document: Path,
        broker: Broker,
        *,
        api_key: str | None = None,
        max_frame_bytes: int = 1_048_576,
        max_connections: int = 20_000,
        heartbeat_interval: float = 30.0,
        ping_interval: float = 20.0,
        ping_timeout: float = 20.0,
        shutdown_deadline: float = 10.0,
        debug: bool = False,
    ) -> None:
        """Load the AsyncAPI `document`. Durations are in seconds; an interval of 0 is never. Raises ContractError."""
        self.broker = broker
        self.api_key = api_key
        self.max_frame_bytes = max_frame_bytes
        self.max_connections = max_connections
        self.shutdown_deadline = shutdown_deadline
        self.debug = debug
        self.connections: set[Watched] = set()
        """The open ones."""
        self.limit_reached = Seldom(_log, "limit reached")
        """Logs that a limit of the whole service keeps a client from something."""
        self.contract: WebSocketContract[Command] = WebSocketContract(document, Commands(broker).by_operation())
        for operation, field, type_ in _NEEDED:
            if not self.contract.promises(operation, field, type_):
                raise ContractError(f'{document.name}: operation "{operation}": its {field} must be a required {type_}')
        if not self.contract.keeps_text("publish", "message"):
            raise ContractError(f'{document.name}: operation "publish": its message must have x-verbatim: true')
        self._heartbeats = Schedule(heartbeat_interval, self._heartbeat) if heartbeat_interval else None
        self._pings = Schedule(ping_interval, self._ping) if ping_interval else None
        self._silent = Schedule(ping_timeout, self._check)

    def joined(self, connection: Watched) -> None:
        """Take in a connection that has opened."""
        self.connections.add(connection)
        if self._heartbeats:
            self._heartbeats.add(connection)
        if self._pings:
            self._pings.add(connection)

    def left(self, connection: Watched) -> None:
        """Forget a connection that is gone."""
        self.connections.discard(connection)
        self.broker.leave(connection)
        for schedule in (self._heartbeats, self._pings, self._silent):
            if schedule:
                schedule.discard(connection)

    def _heartbeat(self, connection: Watched) -> None:
        connection.send_heartbeat(wire.info("ping"))
        if self._heartbeats:
            self._heartbeats.add(connection)

    def _ping(self, connection: Watched) -> None:
        if connection.heard:
            # Else an older ping is unanswered, and it is that one's timeout that counts.
            self._silent.add(connection)
        connection.ping()
        if self._pings:
            self._pings.add(connection)

    def _check(self, connection: Watched) -> None:
        """See whether `connection` has shown life since the ping that it had a timeout ago, or a later one."""
        if not connection.heard:
            connection.give_up()
