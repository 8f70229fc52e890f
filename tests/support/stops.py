"""Processes that are stopped, as when a machine sleeps or a container is paused."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def stopped(pid: int, seconds: float) -> Iterator[None]:
    """Stop the process `pid` once it waits for something; have it go on at the end, after `seconds` at the earliest."""
    _until(pid, "S")
    end = time.monotonic() + seconds
    os.kill(pid, signal.SIGSTOP)
    _until(pid, "T")
    try:
        yield
        time.sleep(max(0.0, end - time.monotonic()))
    finally:
        os.kill(pid, signal.SIGCONT)


def _until(pid: int, state: str) -> None:
    """Wait for a process's state, as proc(5) has it."""
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != state:
        time.sleep(0)
