"""Notices: changes of the connection's state, and lost events."""

from dataclasses import dataclass
from typing import Any, Literal

from .errors import ReplyError

State = Literal["connecting", "connected", "reconnecting", "closed"]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The connection's state has changed, or an attempt to reconnect has failed."""

    state: State
    reason: str = ""
    """With `reconnecting`: why there is no connection."""
    attempt: int = 0
    """With `reconnecting`: the number of the next attempt since a connection lasted, from 1. With `connected`: of the
    one that succeeded."""
    delay: float = 0.0
    """With `reconnecting`: seconds until that attempt."""

    def __str__(self) -> str:
        if self.state == "reconnecting":
            return f"not connected ({self.reason}); attempt {self.attempt} in {self.delay:.1f} s"
        return self.state


@dataclass(frozen=True, slots=True)
class Dropped:
    """Events of a subscription are missing: the consumer, or the connection, was too slow."""

    key: Any
    """Which subscription."""
    count: int
    by: Literal["server", "client"]
    """Whose queue was full."""

    def __str__(self) -> str:
        what = "1 event" if self.count == 1 else f"{self.count} events"
        return f"{what} of {self.key} {'was' if self.count == 1 else 'were'} dropped by the {self.by}"


@dataclass(frozen=True, slots=True)
class Resubscribed:
    """A subscription continues after a reconnect. Events published in between may be missing."""

    key: Any

    def __str__(self) -> str:
        return f"resubscribed to {self.key}; events published in between may be missing"


@dataclass(frozen=True, slots=True)
class ResubscribeRefused:
    """The server refused a subscription after a reconnect. It has ended, or is retried."""

    key: Any
    error: ReplyError
    delay: float | None
    """Seconds until it is retried; None if it has ended."""

    def __str__(self) -> str:
        then = "it has ended" if self.delay is None else f"next attempt in {self.delay:.1f} s"
        return f"the subscription to {self.key} was refused ({self.error}); {then}"


@dataclass(frozen=True, slots=True)
class Refused:
    """The server refused a frame without saying which."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"the server refused a frame: {self.code}: {self.message}"


Notice = StateChanged | Dropped | Resubscribed | ResubscribeRefused | Refused
