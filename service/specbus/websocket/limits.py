"""How often a WebSocket connection is probed, and how long its client may take to answer."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, doc


@dataclass(frozen=True, slots=True)
class Keepalive:
    """What keeps idle connections open and finds dead ones. Durations are in seconds."""

    heartbeat_interval: Annotated[float, Ge(0), doc("Seconds between info ping frames; 0 for none")] = 30.0
    ping_interval: Annotated[float, Ge(0), doc("Seconds between WebSocket pings; 0 for none")] = 20.0
    ping_timeout: Annotated[float, Gt(0), doc("Seconds in which a WebSocket ping must be answered")] = 20.0
