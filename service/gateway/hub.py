"""What all WebSocket connections share."""

from pathlib import Path
from typing import Protocol

from service import wire
from service.broker import Broker
from service.contract.documents import ContractError
from service.contract.websocket import WebSocketContract
from service.gateway.commands import Command, Commands, Peer
from service.gateway.schedule import Schedule


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
        self.contract: WebSocketContract[Command] = WebSocketContract(document, Commands(broker).by_operation())
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
        connection.ping()
        self._silent.add(connection)

    def _check(self, connection: Watched) -> None:
        """See whether `connection` has answered its ping."""
        if not connection.heard:
            connection.give_up()
        elif self._pings:
            self._pings.add(connection)
