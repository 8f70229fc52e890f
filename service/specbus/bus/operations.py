"""What can be asked of the bus, in one place for every transport: WebSocket, REST and what is to come.

What all transports share in carrying out an operation (limits, counts, log lines) belongs here.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from specbus.bus.engine import Engine, Topic
from specbus.bus.errors import LimitExceeded, TopicNotFound
from specbus.bus.hub import Fanout, Hub, Subscriber
from specbus.bus.publication import Position, Publication
from specbus.log import RateLimited, log_event

_log = logging.getLogger(__name__)

Done: TypeAlias = Callable[[Position], object]
"""Called with a position once an operation is done: before the method returns, if the engine can tell by then."""


@dataclass(frozen=True, slots=True)
class TopicNumbers:
    """A topic's numbers since it was created."""

    messages: int
    """Messages taken."""
    subscribers: int
    """Subscriptions now."""
    delivered: int
    """Publications handed to subscribers, replayed ones included."""
    dropped: int
    """Publications dropped because an outbox was full."""
    retained: int
    """Messages retained now."""
    evicted: int
    """Messages that were not retained any longer because of their bytes."""


class Operations:
    """The operations on topics. All raise TopicNotFound where the topic does not exist, and create nothing then."""

    def __init__(self, engine: Engine, hub: Hub) -> None:
        self._engine = engine
        self._hub = hub
        self._limit_reached = RateLimited(_log, "limit reached")

    def publish(self, topic: str, message: bytes, done: Done) -> None:
        """Take `message`, a JSON text in UTF-8, and call `done` with its position."""
        self._engine.publish(topic, message, done)

    def subscribe(self, topic: str, subscriber: Subscriber, last_n: int, done: Done) -> None:
        """Subscribe `subscriber` to `topic`; call `done`, which acknowledges; replay; in that order.

        `done` gets the topic's position: all that was published later follows. Of what was published before, the
        subscriber gets the `last_n` newest that are retained. Raises TooManySubscriptions.
        """
        self._engine.history(topic, last_n, partial(self._join, topic, subscriber, done))

    def _join(
        self, topic: str, subscriber: Subscriber, done: Done, position: Position, publications: Sequence[Publication]
    ) -> None:
        self._hub.join(topic, subscriber, publications)
        done(position)
        self._hub.replay(subscriber)

    def unsubscribe(self, topic: str, subscriber: Subscriber) -> None:
        """End the subscription, if there is one: nothing of it follows."""
        self._require(topic)
        self._hub.leave(topic, subscriber)

    def history(
        self, topic: str, last_n: int | None, done: Callable[[Position, Sequence[Publication]], object]
    ) -> None:
        """Call `done` with the topic's position and its `last_n` newest retained publications, or all of them."""
        count = self._require(topic).retained if last_n is None else last_n
        self._engine.history(topic, count, done)

    def create(self, topic: str) -> None:
        """Create a topic. Raises TopicExists, TooManyTopics."""
        try:
            self._engine.create(topic)
        except LimitExceeded as error:
            self._limit_reached(error.limit)
            raise
        log_event(_log, logging.INFO, "topic created", topic=topic)

    def delete(self, topic: str) -> None:
        """Delete a topic. Its subscribers get what was published before, are told, and are no longer subscribed."""
        self._engine.delete(topic)
        log_event(_log, logging.INFO, "topic deleted", topic=topic)

    def numbers(self) -> Mapping[str, TopicNumbers]:
        """The numbers of all topics by name, in the order of their creation."""
        return {name: self.numbers_of(name) for name in self._engine.topics}

    def numbers_of(self, topic: str) -> TopicNumbers:
        """The numbers of one topic."""
        found = self._require(topic)
        fanout = self._hub.fanouts.get(topic) or Fanout(self._hub, topic)
        return TopicNumbers(
            found.messages, fanout.subscribers, fanout.delivered, fanout.dropped, found.retained, found.evicted
        )

    def _require(self, topic: str) -> Topic:
        found = self._engine.topics.get(topic)
        if found is None:
            raise TopicNotFound(topic)
        return found
