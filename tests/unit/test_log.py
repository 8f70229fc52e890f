"""The log where nobody reads it: it holds nobody up, and says what is missing."""

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from specbus import log
from specbus.log import TextFormatter, WaitingHandler

LINE = b"x" * 1000
FULL = 50
"""Lines that fill all that may wait here."""


@pytest.fixture(autouse=True)
def _little_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_MAX_WAITING", FULL * len(LINE))
    monkeypatch.setattr(log, "_LAST_WAIT", 5.0)


@contextmanager
def logging_to(
    fd: int, formatter: logging.Formatter | None = None
) -> Iterator[tuple[Callable[[str], None], WaitingHandler]]:
    handler = WaitingHandler(fd)
    handler.setFormatter(formatter)

    def say(text: str) -> None:
        handler.emit(logging.LogRecord("specbus", logging.INFO, __file__, 1, text, None, None))

    yield say, handler
    handler.close()


@contextmanager
def full_pipe() -> Iterator[tuple[int, int, int]]:
    """The ends of a pipe that takes no more, and how many bytes are in it."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    size = 0
    try:
        while True:
            size += os.write(writes, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writes, True)
    yield reads, writes, size
    os.close(reads)
    os.close(writes)


def taken(reads: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(reads, size - len(data))
    return data


def test_a_pipe_that_nobody_reads_holds_nobody_up_and_what_is_missing_is_told() -> None:
    with full_pipe() as (reads, writes, size), logging_to(writes) as (say, handler):
        for number in range(3 * FULL):
            say(f"{number} {LINE.decode()}")
        taken(reads, size)
        rest = os.fdopen(os.dup(reads), "rb")
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.extend(iter(rest.readline, b"end\n")))
        reader.start()
        handler.flush()
        say("end")
        reader.join(5)
        rest.close()
    kept = [int(line.split()[0]) for line in got[:-1]]
    assert kept == list(range(len(kept)))
    assert FULL // 2 < len(kept) <= FULL
    assert got[-1] == b"log lines dropped\n"


def test_the_number_of_the_missing_is_a_field() -> None:
    with full_pipe() as (reads, writes, size), logging_to(writes, TextFormatter()) as (say, handler):
        while not handler._dropped:
            say(LINE.decode())
        say(LINE.decode())
        taken(reads, size)
        with os.fdopen(os.dup(reads), "rb") as rest:
            told = next(line for line in rest if b"dropped" in line)
        assert told.endswith(b" WARNING log lines dropped count=2\n")


def test_at_the_end_nobody_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_LAST_WAIT", 0.01)
    with full_pipe() as (reads, writes, size), logging_to(writes) as (say, handler):
        say("never read")
        handler.flush()
        taken(reads, size)  # so that the thread ends


@pytest.mark.parametrize("error", [errno.EPIPE, errno.ENOSPC, errno.EBADF, errno.EIO])
def test_what_cannot_be_written_is_counted_and_told_when_it_can(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    reads, writes = os.pipe()
    write = os.write

    def failing(fd: int, data: bytes) -> int:
        if fd == writes:
            raise OSError(error, os.strerror(error))
        return write(fd, data)

    with logging_to(writes, TextFormatter()) as (say, handler):
        monkeypatch.setattr(os, "write", failing)
        say("one")
        say("two")
        with handler._changed:
            assert handler._changed.wait_for(lambda: handler._dropped == 2, 5)
        monkeypatch.setattr(os, "write", write)
        say("three")
        with os.fdopen(reads, "rb") as lines:
            assert lines.readline().endswith(b" WARNING log lines dropped count=2\n")
            assert lines.readline().endswith(b" INFO three\n")
    os.close(writes)


def test_a_pipe_that_another_program_made_non_blocking_loses_nothing() -> None:
    with full_pipe() as (reads, writes, size), logging_to(writes) as (say, _):
        os.set_blocking(writes, False)
        say("kept")
        assert taken(reads, size + 5).endswith(b"kept\n")
