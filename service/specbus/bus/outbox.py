"""What waits for one subscription of a subscriber that cannot take more, and what happens when that is too much."""

from collections import deque
from collections.abc import Collection

from specbus.bus.publication import Publication


class Outbox:
    """The queue of one subscription."""

    __slots__ = ("_limit", "_room_for_replay", "dropped", "ended", "waiting")

    def __init__(self, limit: int) -> None:
        """Allow `limit` publications to wait."""
        self._limit = limit
        self._room_for_replay = 0
        self.waiting: deque[Publication] = deque()
        """The publications, oldest first."""
        self.dropped = 0
        """Publications dropped since the subscriber was last told."""
        self.ended = False
        """Whether the topic was deleted: the subscriber is told so after the last publication."""

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self.waiting) or self.ended

    def put(self, publications: Collection[Publication]) -> None:
        """Have `publications` wait. See `excess` for whether that is too much."""
        self.waiting.extend(publications)

    def put_replay(self, publications: Collection[Publication]) -> None:
        """Have retained `publications` wait, which the subscriber asked for: they get room of their own."""
        self._room_for_replay += len(publications)
        self.waiting.extend(publications)

    @property
    def excess(self) -> int:
        """How many publications wait beyond the limit."""
        return max(len(self.waiting) - self._limit - self._room_for_replay, 0)

    def drop_oldest(self) -> int:
        """Drop the oldest publications beyond the limit; how many.

        They count as `dropped` until the subscriber is told.
        """
        excess = self.excess
        for _ in range(excess):
            self.waiting.popleft()
        self.dropped += excess
        return excess

    def take_dropped(self) -> int:
        """How many were dropped since the last call."""
        count, self.dropped = self.dropped, 0
        return count

    def emptied(self) -> None:
        """Take back the room that replays were given: all that waited is delivered."""
        self._room_for_replay = 0
