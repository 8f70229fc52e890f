"""Which HTTP connections there may be: what keeps them within their number, and within the process's descriptors."""

import logging
from collections.abc import Callable
from typing import Protocol

from specbus.log import RateLimited

_log = logging.getLogger(__name__)

MAX_TURNED_AWAY = 16
"""Refused connections that may have a moment to read so. More of them would take the descriptors that are missing."""


class Admitted(Protocol):
    """What is wanted of a connection."""

    def end_idle(self) -> None:
        """Close, as no request is under way."""


class Admission:
    """The open HTTP connections.

    When there are as many as may be, one that waits for another request has to go for a new one: clients know that a
    server may close it at any time (RFC 9112, 9.5). If none does, the new one is refused.
    """

    def __init__(self, most: int, descriptors: Callable[[], int]) -> None:
        """Have no connections.

        Args:
            most: How many there may be.
            descriptors: How many the process has left for connections of every kind.

        """
        self._most = most
        self._descriptors = descriptors
        self._open: set[Admitted] = set()
        self._idle: dict[Admitted, None] = {}
        self._turned_away: set[Admitted] = set()
        """Refused connections that have a moment to read so."""
        self._limit_reached = RateLimited(_log, "limit reached")
        self.note_unread = RateLimited(_log, "answer not read")
        """Logs that a connection is given up whose client does not read."""

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Admitted, peer: str) -> bool:
        """Take in `connection`, from the address `peer`, if there is room or can be made."""
        limit = None
        if len(self._open) >= self._most:
            limit = "max_http_connections"
        elif self._descriptors() < 1:
            limit = "descriptors"
        if limit:
            longest = next(iter(self._idle), None)
            if longest is None:
                self._limit_reached(limit, peer=peer)
                return False
            self.discard(longest)
            longest.end_idle()
        self._open.add(connection)
        return True

    def turn_away(self, connection: Admitted) -> bool:
        """Whether `connection`, which was refused, may have a moment to read so."""
        if len(self._turned_away) >= MAX_TURNED_AWAY:
            return False
        self._turned_away.add(connection)
        return True

    def discard(self, connection: Admitted) -> None:
        """Forget `connection`, which is gone or has become something else."""
        self._open.discard(connection)
        self._turned_away.discard(connection)
        self._idle.pop(connection, None)

    def note_idle(self, connection: Admitted) -> None:
        """Take notice that `connection` waits for another request."""
        if connection in self._open:
            self._idle[connection] = None

    def note_busy(self, connection: Admitted) -> None:
        """Take notice that it does not any more."""
        self._idle.pop(connection, None)
