"""What the processes of a run share: a file of counters, each written by one of them and read by the others."""

import mmap
import struct
from pathlib import Path

CONNECT, RUN, FINISH = range(3)
"""What the workers are to do; in this order."""
OPENING, READY, STOPPED, DONE, FAILED = range(5)
"""What a worker is at."""
_GLOBAL = ("phase", "start", "measure", "end")
_EACH = ("state", "deliveries", "published", "expected", "reached")


class Board:
    """The counters. Instants are in nanoseconds of the monotonic clock, which the processes share."""

    def __init__(self, path: Path, workers: int, streams: int) -> None:
        """`streams`: those of which the subscribers are spread over the workers."""
        self._workers = workers
        cells = len(_GLOBAL) + workers * (len(_EACH) + streams)
        if not path.stat().st_size:
            path.write_bytes(bytes(struct.calcsize("Q") * cells))
        with path.open("r+b") as file:
            self._cells = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")

    @property
    def phase(self) -> int:
        """What the workers are to do."""
        return self._cells[0]

    def begin(self, start: int, measure: int, end: int) -> None:
        """Have the workers publish from `start` on, count from `measure` to `end`, and then stop publishing."""
        self._cells[1], self._cells[2], self._cells[3] = start, measure, end
        self._cells[0] = RUN

    def finish(self) -> None:
        """Have the workers report."""
        self._cells[0] = FINISH

    @property
    def schedule(self) -> tuple[int, int, int]:
        """The instants: start, measure, end."""
        return self._cells[1], self._cells[2], self._cells[3]

    def state(self, worker: int) -> int:
        """What `worker` is at."""
        return self._cells[self._at(worker)]

    def report(self, worker: int, *, state: int) -> None:
        """Say what `worker` is at."""
        self._cells[self._at(worker)] = state

    def count(self, worker: int, deliveries: int, published: int, expected: int, reached: int) -> None:
        """Say how far `worker` is.

        `expected` are the deliveries that follow from what it published, `reached` is the sum of the numbers that
        its subscribers have seen: if nothing is lost or on its way, they are the same for all workers together.
        """
        at = self._at(worker)
        cells = self._cells
        cells[at + 1], cells[at + 2], cells[at + 3], cells[at + 4] = deliveries, published, expected, reached

    def totals(self) -> tuple[int, int, int, int]:
        """What `count` was told, for all workers."""
        starts = [self._at(worker) for worker in range(self._workers)]
        deliveries, published, expected, reached = (sum(self._cells[at + n] for at in starts) for n in range(1, 5))
        return deliveries, published, expected, reached

    def seen_by_all(self, stream: int) -> int:
        """The highest number of `stream` that all its subscribers have seen."""
        first = self._stream(stream)
        return min(self._cells[first : first + self._workers])

    def seen(self, stream: int, worker: int, number: int) -> None:
        """Say which number of `stream` all its subscribers of `worker` have seen."""
        self._cells[self._stream(stream) + worker] = number

    def _at(self, worker: int) -> int:
        return len(_GLOBAL) + worker * len(_EACH)

    def _stream(self, stream: int) -> int:
        return len(_GLOBAL) + self._workers * (len(_EACH) + stream)
