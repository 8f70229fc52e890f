"""How much one process takes on, and what it does when a subscriber does not keep up."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, doc


class OverflowPolicy(StrEnum):
    """What happens to a subscription whose queue is full when one more event comes."""

    DROP_OLDEST = "drop_oldest"
    DISCONNECT = "disconnect"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one process. Sizes are in bytes, queues and histories in messages."""

    max_queue_size: Annotated[int, Ge(1), doc("Messages that may wait for a subscription that does not keep up")] = 100
    overflow_policy: Annotated[OverflowPolicy, doc("On a full queue: drop_oldest, or disconnect the subscriber")] = (
        OverflowPolicy.DROP_OLDEST
    )
    max_queue_bytes: Annotated[int, Ge(1), doc("Bytes that may wait for a subscription that does not keep up")] = (
        16_777_216
    )
    total_queue_bytes: Annotated[int, Ge(1), doc("Bytes that may wait for all subscriptions together")] = 268_435_456
    history_size: Annotated[int, Ge(0), doc("Messages that a topic retains for replay")] = 100
    history_bytes: Annotated[int, Ge(0), doc("Bytes that a topic retains for replay")] = 67_108_864
    total_history_bytes: Annotated[int, Ge(0), doc("Bytes that all topics together retain")] = 134_217_728
    max_frame_bytes: Annotated[int, Ge(1), doc("Largest WebSocket message or request body, in bytes")] = 1_048_576
    max_topics: Annotated[int, Ge(1), doc("Maximum number of topics")] = 10_000
    max_subscriptions: Annotated[int, Ge(1), doc("Maximum number of subscriptions of one connection")] = 1_000
    max_connections: Annotated[int, Ge(1), doc("Maximum number of WebSocket connections")] = 20_000
