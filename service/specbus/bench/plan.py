"""The load of a run, and how it is divided among the workers."""

from dataclasses import dataclass

from specbus.bench.connections import Endpoint
from specbus.bench.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Work:
    """A load. With one topic, every publisher publishes on it and every subscriber subscribes to it.

    With more, each topic has one publisher and one subscriber; these take turns at the topics.
    """

    subscribers: int
    """Connections, without those that are stalled."""
    publishers: int
    topics: int = 1
    in_flight: int = 1
    """Messages of a publisher that have not reached all their subscribers, at most."""
    size: int = 100
    """Bytes of a payload."""
    rate: float | None = None
    """Messages a second of all publishers together, published when they are due, however many are in flight."""
    stalled: int = 0
    """Subscribers that do not read."""
    warm_up: float = 1.0
    """Seconds of load before it is measured."""
    duration: float = 4.0
    """Seconds of load that are measured."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What one publisher publishes on one topic, numbered from 1."""

    number: int
    topic: str
    subscribers: int
    """Of all workers."""


@dataclass(frozen=True, slots=True)
class Share:
    """A worker's part of the connections."""

    subscribers: list[list[Stream]]
    """For each connection, what it gets."""
    publishers: list[tuple[int, list[Stream]]]
    """For each connection, its number among all and what it publishes."""
    stalled: int
    """Connections that subscribe and do not read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one worker does."""

    worker: int
    workers: int
    core: int | None
    """The core to run on."""
    busy: bool
    """Whether to poll without sleeping, which spares the server the cost of waking the worker."""
    endpoint: Endpoint
    dialect: Dialect
    work: Work
    shared_file: str
    """The file of the `SharedState`."""
    shared_streams: int
    """Number of streams with subscribers at several workers; 0 if each has all of them at one."""
    share: Share


def share(work: Work, topics: list[str], workers: int) -> list[Share]:
    """The share of each worker, without workers that would have nothing to do."""
    divide = _fan_out if work.topics == 1 else _spread
    shares = [divide(work, topics, workers, worker) for worker in range(workers)]
    return [one for one in shares if one.subscribers or one.publishers]


def _fan_out(work: Work, topics: list[str], workers: int, worker: int) -> Share:
    streams = [Stream(number, topics[0], work.subscribers) for number in range(work.publishers)]
    return Share(
        subscribers=[streams for _ in range(worker, work.subscribers, workers)],
        publishers=[(number, [streams[number]]) for number in range(worker, work.publishers, workers)],
        stalled=work.stalled if worker == 0 else 0,
    )


def _spread(work: Work, topics: list[str], workers: int, worker: int) -> Share:
    # A worker's publishers have their subscribers at the same worker.
    publishers = [
        (first, [Stream(number, topics[number], 1) for number in range(first, len(topics), work.publishers)])
        for first in range(worker, min(work.publishers, len(topics)), workers)
    ]
    streams = [stream for _, some in publishers for stream in some]
    connections = -(-len(streams) * work.subscribers // len(topics))
    return Share(
        subscribers=[streams[first::connections] for first in range(connections)],
        publishers=publishers,
        stalled=0,
    )
