"""`specbus bench growth`: what a delivery costs with more subscribers, and a publication with more topics."""

from collections.abc import Callable
from dataclasses import dataclass

from specbus.bench.measure import Result, endpoint, measure
from specbus.bench.plan import Work
from specbus.bench.servers import SPECBUS, started

SUBSCRIBERS = (1, 10, 100, 1_000, 5_000, 10_000)
TOPICS = (1, 10, 100, 1_000, 10_000, 100_000)
_CONNECTIONS = 100
"""Subscribers that share the topics, so that it is the topics alone that grow."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The runs, each with the number of subscribers or of topics."""

    by_subscribers: list[tuple[int, Result]]
    by_topics: list[tuple[int, Result]]


def growth(limit: int, duration: float, progress: Callable[[str, float], None], deadline: float) -> Growth:
    """Run everything, up to `limit` subscribers and topics. Raises CannotRun, Failed."""
    subscribers = [number for number in SUBSCRIBERS if number <= limit]
    topics = [number for number in TOPICS if number <= limit]
    steps = len(subscribers) + len(topics)

    def run(work: Work, done: int, what: str) -> Result:
        progress(what, done / steps)
        with started(SPECBUS) as running:
            return measure(running, endpoint(running.url, None, deadline), work, lambda *_: None)

    by_subscribers = [
        (number, run(Work(number, 1, in_flight=64, duration=duration), done, f"{number:,} subscribers"))
        for done, number in enumerate(subscribers)
    ]
    by_topics = []
    for done, number in enumerate(topics, len(subscribers)):
        work = Work(min(number, _CONNECTIONS), min(number, 50), topics=number, in_flight=10, duration=duration)
        by_topics.append((number, run(work, done, f"{number:,} topics")))
    return Growth(by_subscribers, by_topics)
