"""The embedded engine: topics in the memory of this process, each with its newest publications."""

import itertools
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from specbus.bus.engine import Listener
from specbus.bus.errors import TooManyTopics, TopicExists, TopicNotFound
from specbus.bus.limits import Limits
from specbus.bus.publication import Position, Publication

_EPOCH_BYTES = 9
"""Random bytes of an epoch, 12 characters in base64: enough never to come twice, and few, as every ack has them."""


class MemoryTopic:
    """A topic, and what it retains.

    It is retained in columns, of which publications are made when history is asked for. If they were retained as
    objects, to publish would cost a twentieth more: the one that is pushed out is in none of the processor's caches.
    """

    __slots__ = ("end", "epoch", "name", "offset", "take", "texts", "times")

    def __init__(self, name: str, history_size: int) -> None:
        self.name = name
        self.epoch = secrets.token_urlsafe(_EPOCH_BYTES)
        self.offset = 0
        """Of the newest message. Each adds 1, so it is also how many there were."""
        self.texts: deque[bytes] = deque(maxlen=history_size)
        """The newest messages, oldest first."""
        self.times: deque[float] = deque(maxlen=history_size)
        """When they were taken."""
        self.take: Callable[[Publication], None] | None = None
        """The listener's method, if there is a listener: to look it up for each message takes time."""
        self.end: Callable[[], None] | None = None

    @property
    def messages(self) -> int:
        """Messages taken."""
        return self.offset

    @property
    def retained(self) -> int:
        """Messages retained."""
        return len(self.texts)

    @property
    def position(self) -> Position:
        """Where the order is now."""
        return Position(self.epoch, self.offset)

    def newest(self, count: int) -> list[Publication]:
        """The newest that are retained, at most `count`, oldest first."""
        passed_over = max(self.retained - count, 0)
        columns = itertools.islice(zip(self.times, self.texts, strict=True), passed_over, None)
        first = self.offset - self.retained + passed_over + 1
        return [Publication(self.name, offset, *row) for offset, row in enumerate(columns, first)]


class MemoryEngine:
    """An `Engine` that calls back before it returns. A restart begins without topics, and with other epochs."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.time) -> None:
        """Have no topics. `clock` gives the time of a publication, in seconds since 1970."""
        self._limits = limits
        self._clock = clock
        self._topics: dict[str, MemoryTopic] = {}

    @property
    def topics(self) -> Mapping[str, MemoryTopic]:
        """The topics by name, in the order of their creation."""
        return self._topics

    def create(self, topic: str) -> None:
        """Create a topic. Raises TopicExists, TooManyTopics."""
        if topic in self._topics:
            raise TopicExists(topic)
        if len(self._topics) >= self._limits.max_topics:
            raise TooManyTopics(self._limits.max_topics)
        self._topics[topic] = MemoryTopic(topic, self._limits.history_size)

    def delete(self, topic: str) -> None:
        """Delete a topic. Raises TopicNotFound."""
        end = self._topic(topic).end
        del self._topics[topic]
        if end:
            end()

    def attach(self, topic: str, listener: Listener) -> None:
        """Have `listener` take what is published from now on. Raises TopicNotFound."""
        found = self._topic(topic)
        found.take, found.end = listener.take, listener.end

    def publish(self, topic: str, message: bytes, done: Callable[[Position], object]) -> None:
        """Take a message. Raises TopicNotFound."""
        found = self._topics.get(topic)
        if found is None:
            raise TopicNotFound(topic)
        found.offset = offset = found.offset + 1
        ts = self._clock()
        found.texts.append(message)
        found.times.append(ts)
        if found.take is not None:
            found.take(Publication(topic, offset, ts, message))
        done(Position(found.epoch, offset))

    def history(self, topic: str, last_n: int, done: Callable[[Position, Sequence[Publication]], object]) -> None:
        """Give the position and the newest publications. Raises TopicNotFound."""
        found = self._topic(topic)
        done(found.position, found.newest(last_n))

    def _topic(self, name: str) -> MemoryTopic:
        topic = self._topics.get(name)
        if topic is None:
            raise TopicNotFound(name)
        return topic
