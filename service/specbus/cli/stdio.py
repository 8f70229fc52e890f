"""Reading standard input and writing standard output without stopping the event loop.

The files stay in blocking mode, which they share with the shell and other programs.
"""

import asyncio
import contextlib
import os
import select
import stat
from collections.abc import AsyncIterator, Callable, Iterator

_ATOMIC_WRITE = select.PIPE_BUF
"""Bytes that a pipe takes without blocking once it is writable (POSIX, `write`)."""
_READ_SIZE = 1 << 16


async def lines(fd: int, most: int) -> AsyncIterator[list[bytes]]:
    """The lines of `fd` without their line ends, in batches: as many as one read returns. Raises OSError.

    Of a line longer than `most` bytes there is what was read until that was known; the rest is passed over.
    """
    loop = asyncio.get_running_loop()
    held = bytearray()
    """The line whose end has not come."""
    while True:
        await _ready(lambda ready: loop.add_reader(fd, ready), lambda: loop.remove_reader(fd))
        data = os.read(fd, _READ_SIZE)
        *whole, rest = data.split(b"\n")
        if whole:
            whole[0] = bytes(held + whole[0])
            held.clear()
            yield whole
        if len(held) <= most:
            held += rest
        if not data:
            break
    if held:
        yield [bytes(held)]


async def write(fd: int, data: bytes) -> None:
    """Write all of `data`. Raises BrokenPipeError when nobody reads it any more."""
    loop = asyncio.get_running_loop()
    view = memoryview(data)
    while view:
        if not select.select([], [fd], [], 0)[1]:
            await _ready(lambda ready: loop.add_writer(fd, ready), lambda: loop.remove_writer(fd))
        view = view[os.write(fd, view[:_ATOMIC_WRITE]) :]


@contextlib.contextmanager
def watch_reader(fd: int, on_gone: Callable[[], object]) -> Iterator[None]:
    """Call `on_gone` once the reader of the pipe `fd` has closed it, even if there is nothing to write."""
    loop = asyncio.get_running_loop()
    is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)

    def gone() -> None:
        loop.remove_reader(fd)
        on_gone()

    if is_pipe:
        loop.add_reader(fd, gone)  # the writing end becomes readable only when the reader is gone
    try:
        yield
    finally:
        if is_pipe:
            loop.remove_reader(fd)


async def _ready(add: Callable[[Callable[[], object]], object], remove: Callable[[], object]) -> None:
    """Wait until a file is ready. A regular file, which cannot be waited for, always is."""
    came = asyncio.Event()
    try:
        add(came.set)
    except OSError:
        return
    try:
        await came.wait()
    finally:
        remove()
