"""Reading standard input and writing standard output without stopping the event loop.

The files stay in blocking mode, which they share with the shell and with other programs.
"""

import asyncio
import contextlib
import os
import select
import stat
from collections.abc import AsyncIterator, Callable, Iterator

_AT_ONCE = select.PIPE_BUF
"""Bytes that a pipe takes without blocking once it is writable (POSIX, `write`)."""
_PIECE = 1 << 16


async def lines(fd: int) -> AsyncIterator[list[bytes]]:
    """The lines that come from `fd`, without their ends, as many at a time as there are."""
    loop = asyncio.get_running_loop()
    rest = b""
    while True:
        await _ready(lambda ready: loop.add_reader(fd, ready), lambda: loop.remove_reader(fd))
        data = os.read(fd, _PIECE)
        if not data:
            break
        *whole, rest = (rest + data).split(b"\n")
        if whole:
            yield whole
    if rest:
        yield [rest]


async def write(fd: int, data: bytes) -> None:
    """Write all of `data`. Raises BrokenPipeError when nobody reads it any more."""
    loop = asyncio.get_running_loop()
    view = memoryview(data)
    while view:
        if not select.select([], [fd], [], 0)[1]:
            await _ready(lambda ready: loop.add_writer(fd, ready), lambda: loop.remove_writer(fd))
        view = view[os.write(fd, view[:_AT_ONCE]) :]


@contextlib.contextmanager
def reader_gone(fd: int, tell: Callable[[], object]) -> Iterator[None]:
    """Call `tell` once nobody reads the pipe `fd` any more, whether or not there is something to write."""
    loop = asyncio.get_running_loop()
    is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)

    def gone() -> None:
        loop.remove_reader(fd)
        tell()

    if is_pipe:
        loop.add_reader(fd, gone)  # the writing end is never readable, but for an error
    try:
        yield
    finally:
        if is_pipe:
            loop.remove_reader(fd)


async def _ready(add: Callable[[Callable[[], object]], object], remove: Callable[[], object]) -> None:
    """Wait until a file is ready. What cannot be waited for, such as a regular file, always is."""
    came = asyncio.Event()
    try:
        add(came.set)
    except OSError:
        return
    try:
        await came.wait()
    finally:
        remove()
