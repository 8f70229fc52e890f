"""How many connections the REST side has, and how long each may take for what it does."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, doc


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The limits of connections that are not WebSockets, or not yet. Durations are in seconds."""

    max_http_connections: Annotated[
        int, Ge(1), doc("Maximum number of connections that are not, or not yet, WebSockets")
    ] = 1_000
    keep_alive: Annotated[
        float, Ge(0), doc("Seconds that a connection is kept for the next request; longer than a proxy keeps it")
    ] = 75.0
    request_timeout: Annotated[
        float, Gt(0), doc("Seconds in which a body must have come, and in which a client must read of its answer")
    ] = 60.0
