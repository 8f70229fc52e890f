"""What the processes of a run share: counters in a memory-mapped file, each written by one process only."""

import mmap
import struct
from enum import IntEnum
from pathlib import Path


class Phase(IntEnum):
    """What the workers are to do, in this order."""

    CONNECT = 0
    RUN = 1
    FINISH = 2


class State(IntEnum):
    """How far a worker is."""

    OPENING = 0
    READY = 1
    STOPPED = 2
    """It no longer publishes."""
    DONE = 3
    FAILED = 4


_RUN_CELLS = ("phase", "start", "measure", "end")
_WORKER_CELLS = ("state", "deliveries", "published", "expected", "reached")


class SharedState:
    """The counters. Instants are in nanoseconds of the monotonic clock, which all processes of a machine share."""

    def __init__(self, path: Path, workers: int, streams: int) -> None:
        """Map the file.

        Args:
            path: The file; an empty one is filled with zeros.
            workers: Number of workers.
            streams: Number of streams whose subscribers are spread over several workers.
        """
        self._workers = workers
        cells = len(_RUN_CELLS) + workers * (len(_WORKER_CELLS) + streams)
        if not path.stat().st_size:
            path.write_bytes(bytes(struct.calcsize("Q") * cells))
        with path.open("r+b") as file:
            self._cells = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")

    @property
    def phase(self) -> int:
        """What the workers are to do."""
        return self._cells[0]

    def begin(self, start: int, measure: int, end: int) -> None:
        """Tell the workers to publish from `start`, measure from `measure` to `end`, and stop publishing then."""
        self._cells[1], self._cells[2], self._cells[3] = start, measure, end
        self._cells[0] = Phase.RUN

    def finish(self) -> None:
        """Tell the workers to write their reports."""
        self._cells[0] = Phase.FINISH

    @property
    def schedule(self) -> tuple[int, int, int]:
        """The instants: start, measure, end."""
        return self._cells[1], self._cells[2], self._cells[3]

    def state(self, worker: int) -> int:
        """The `State` of `worker`."""
        return self._cells[self._worker_cell(worker)]

    def set_state(self, worker: int, state: State) -> None:
        """Set the state of `worker`."""
        self._cells[self._worker_cell(worker)] = state

    def count(self, worker: int, deliveries: int, published: int, expected: int, reached: int) -> None:
        """Set the counters of `worker`.

        `expected` counts the deliveries that its publications should cause; `reached` is the sum of the highest numbers
        that its subscribers have seen. Over all workers, the two are equal when nothing is in flight or lost.
        """
        cell = self._worker_cell(worker)
        cells = self._cells
        cells[cell + 1], cells[cell + 2], cells[cell + 3], cells[cell + 4] = deliveries, published, expected, reached

    def totals(self) -> tuple[int, int, int, int]:
        """The sums of the four counters over all workers."""
        starts = [self._worker_cell(worker) for worker in range(self._workers)]
        deliveries, published, expected, reached = (sum(self._cells[cell + n] for cell in starts) for n in range(1, 5))
        return deliveries, published, expected, reached

    def seen_by_all(self, stream: int) -> int:
        """The highest number of `stream` that all its subscribers have seen."""
        first = self._stream_cell(stream)
        return min(self._cells[first : first + self._workers])

    def set_seen(self, stream: int, worker: int, number: int) -> None:
        """Set the highest number of `stream` that all its subscribers at `worker` have seen."""
        self._cells[self._stream_cell(stream) + worker] = number

    def _worker_cell(self, worker: int) -> int:
        return len(_RUN_CELLS) + worker * len(_WORKER_CELLS)

    def _stream_cell(self, stream: int) -> int:
        return len(_RUN_CELLS) + self._workers * (len(_WORKER_CELLS) + stream)
