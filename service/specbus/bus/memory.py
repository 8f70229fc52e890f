"""The embedded engine: topics in the memory of this process, each with its newest publications."""

import itertools
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from specbus.bus.engine import Listener
from specbus.bus.errors import TooManyTopics, TopicExists, TopicNotFound
from specbus.bus.limits import Limits
from specbus.bus.publication import Position, Publication
from specbus.log import RateLimited

_log = logging.getLogger(__name__)

_EPOCH_BYTES = 9
"""Random bytes of an epoch, 12 characters in base64: enough never to come twice, and few, as every ack has them."""


class MemoryTopic:
    """A topic, and what it retains.

    It is retained in columns, of which publications are made when history is asked for. If they were retained as
    objects, to publish would cost a twentieth more: the one that is pushed out is in none of the processor's caches.
    """

    __slots__ = ("end", "epoch", "evicted", "name", "offset", "retained_bytes", "take", "texts", "times")

    def __init__(self, name: str, history_size: int) -> None:
        self.name = name
        self.epoch = secrets.token_urlsafe(_EPOCH_BYTES)
        self.offset = 0
        """Of the newest message. Each adds 1, so it is also how many there were."""
        self.texts: deque[bytes] = deque(maxlen=history_size)
        """The newest messages, oldest first."""
        self.times: deque[float] = deque(maxlen=history_size)
        """When they were taken."""
        self.retained_bytes = 0
        self.evicted = 0
        """Messages that are not retained because of their bytes, though their number would allow it."""
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

    def evict_oldest(self) -> int:
        """Forget the oldest message that is retained; its bytes."""
        size = len(self.texts.popleft())
        self.times.popleft()
        self.retained_bytes -= size
        self.evicted += 1
        return size

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
        self._history_size = limits.history_size
        self._history_bytes = limits.history_bytes
        self._total_history_bytes = limits.total_history_bytes
        self._retained_bytes = 0
        """Of all topics."""
        self._evicted = RateLimited(_log, "messages evicted")

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
        found = self._topic(topic)
        del self._topics[topic]
        self._retained_bytes -= found.retained_bytes
        if found.end:
            found.end()

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
        texts, size = found.texts, len(message)
        if len(texts) == self._history_size:  # the oldest goes
            size -= len(texts[0]) if texts else size
        texts.append(message)
        found.times.append(ts)
        if size:  # often they are all of one size
            found.retained_bytes = retained = found.retained_bytes + size
            self._retained_bytes = total = self._retained_bytes + size
            if retained > self._history_bytes or total > self._total_history_bytes:
                self._evict(found)
        if found.take is not None:
            found.take(Publication(topic, offset, ts, message))
        done(Position(found.epoch, offset))

    def history(self, topic: str, last_n: int, done: Callable[[Position, Sequence[Publication]], object]) -> None:
        """Give the position and the newest publications. Raises TopicNotFound."""
        found = self._topic(topic)
        done(found.position, found.newest(last_n))

    def _evict(self, topic: MemoryTopic) -> None:
        """Have `topic` retain no more bytes than a topic may, and all topics together no more than all may.

        In that case those go first that retain most, and each down to what all of them can have.
        """
        while topic.retained_bytes > self._history_bytes:
            self._retained_bytes -= topic.evict_oldest()
            self._evicted("history_bytes", topic=topic.name)
        if self._retained_bytes <= self._total_history_bytes:
            return
        # Down to nine tenths, so that not every message has all topics looked through.
        share = _fair_share(
            [each.retained_bytes for each in self._topics.values()], self._total_history_bytes * 9 // 10
        )
        for each in self._topics.values():
            while each.retained_bytes > share:
                self._retained_bytes -= each.evict_oldest()
                self._evicted("total_history_bytes", topic=each.name)

    def _topic(self, name: str) -> MemoryTopic:
        topic = self._topics.get(name)
        if topic is None:
            raise TopicNotFound(name)
        return topic


def _fair_share(sizes: list[int], room: int) -> int:
    """The most that each may keep, if those that have less keep all and together they have `room`."""
    left = len(sizes)
    for size in sorted(sizes):
        if size * left > room:
            return room // left
        room -= size
        left -= 1
    return max(sizes, default=0)
