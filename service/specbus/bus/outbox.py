"""What waits for one subscription of a subscriber that cannot take more, and what happens when that is too much."""

from collections import deque
from collections.abc import Collection

from specbus.bus.limits import Limits
from specbus.bus.publication import Publication


class Room:
    """The bytes that wait in all outboxes together. A message that waits in several counts in each.

    When they are too many, an outbox that grows is cut to an equal share. So those that are within theirs lose nothing
    to those that are not, and all together never hold more than twice the limit.
    """

    __slots__ = ("limit", "outboxes", "used")

    def __init__(self, limit: int) -> None:
        """`limit` is in bytes."""
        self.limit = limit
        self.used = 0
        self.outboxes = 0
        """How many share it."""

    def is_over(self, size: int) -> bool:
        """Whether an outbox may not hold `size` bytes."""
        return self.used > self.limit and size * self.outboxes > self.limit


class Outbox:
    """The queue of one subscription: so many publications and so many bytes, but the newest in any case."""

    __slots__ = ("_bytes", "_limits", "_replayed", "_replayed_bytes", "_room", "dropped", "ended", "waiting")

    def __init__(self, limits: Limits, room: Room) -> None:
        """Allow what `limits` has for a subscription, and what is left in `room`."""
        self._limits = limits
        self._room = room
        room.outboxes += 1
        self._replayed = self._replayed_bytes = 0
        """What of the publications has room of its own, as the subscriber asked for them."""
        self.waiting: deque[Publication] = deque()
        """The publications, oldest first."""
        self._bytes = 0
        self.dropped = 0
        """Publications dropped since the subscriber was last told."""
        self.ended = False
        """Whether the topic was deleted: the subscriber is told so after the last publication."""

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self.waiting) or self.ended

    def put(self, publications: Collection[Publication]) -> None:
        """Have `publications` wait. See `is_over` for whether that is too much."""
        self.waiting.extend(publications)
        self._count(sum(len(each.message) for each in publications))

    def put_replay(self, publications: Collection[Publication]) -> None:
        """Have retained `publications` wait, which the subscriber asked for: they get room of their own."""
        before = self._bytes
        self.put(publications)
        self._replayed += len(publications)
        self._replayed_bytes += self._bytes - before

    def take(self) -> Publication:
        """The oldest publication, which waits no longer."""
        publication = self.waiting.popleft()
        self._count(-len(publication.message))
        return publication

    @property
    def is_over(self) -> bool:
        """Whether more waits than may."""
        limits = self._limits
        return len(self.waiting) > limits.max_queue_size + self._replayed or (
            len(self.waiting) > 1
            and (self._bytes > limits.max_queue_bytes + self._replayed_bytes or self._room.is_over(self._bytes))
        )

    def drop_oldest(self) -> int:
        """Drop the oldest publications until no more waits than may; how many.

        They count as `dropped` until the subscriber is told.
        """
        before = len(self.waiting)
        while self.is_over:
            self.take()
        self.dropped += before - len(self.waiting)
        return before - len(self.waiting)

    def take_dropped(self) -> int:
        """How many were dropped since the last call."""
        count, self.dropped = self.dropped, 0
        return count

    def emptied(self) -> None:
        """Take back the room that replays were given: all that waited is delivered."""
        self._replayed = self._replayed_bytes = 0

    def discard(self) -> None:
        """Forget what waits, and be no outbox any more."""
        self._count(-self._bytes)
        self._room.outboxes -= 1
        self.waiting.clear()

    def _count(self, size: int) -> None:
        self._bytes += size
        self._room.used += size
