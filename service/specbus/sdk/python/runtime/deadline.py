"""Timeouts that are judged only once what has arrived meanwhile is read."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVarTuple

Ts = TypeVarTuple("Ts")

_QUIET = 0.02
"""Seconds in which nothing new is read, and after which what had arrived counts as read."""
_TURNS = 10
"""Turns of the event loop that end a quiet time: it may have had none, where the process was stopped again."""
_ROUNDS = 50
"""Quiet times after which it is judged all the same: a server that never stops sending puts nothing off by more than
a second."""


def _nothing() -> object:
    """What is heard where nobody counts."""
    return None


class Deadline:
    """Calls `act` with `arguments` after `seconds`, but first has the event loop read what has arrived until then.

    A timer that is overdue, because the process was stopped, the machine slept or the event loop was busy, is called
    before the answer is read that came in the meantime.
    """

    __slots__ = ("_act", "_arguments", "_handle", "_heard", "_loop")

    def __init__(
        self,
        seconds: float,
        heard: Callable[[], object],
        act: Callable[[*Ts], object],
        *arguments: *Ts,
    ) -> None:
        """`heard` gives another value whenever something was read."""
        self._loop = asyncio.get_running_loop()
        self._heard = heard
        self._act = act
        self._arguments = arguments
        self._handle: asyncio.Handle = self._loop.call_later(seconds, self._look, _ROUNDS, self)

    def cancel(self) -> None:
        """Do not call it."""
        self._handle.cancel()

    def _look(self, rounds: int, before: object) -> None:
        heard = self._heard()
        if rounds == 0 or heard == before:
            self._act(*self._arguments)
        else:
            self._handle = self._loop.call_later(_QUIET, self._turn, _TURNS, rounds, heard)

    def _turn(self, turns: int, rounds: int, heard: object) -> None:
        if turns:
            self._handle = self._loop.call_soon(self._turn, turns - 1, rounds, heard)
        else:
            self._look(rounds - 1, heard)


@asynccontextmanager
async def within(seconds: float | None, heard: Callable[[], object] = _nothing) -> AsyncGenerator[None, None]:
    """As `asyncio.timeout(seconds)`, but with a `Deadline`. Raises TimeoutError."""
    async with asyncio.timeout(None) as limit:
        deadline = None if seconds is None else Deadline(seconds, heard, limit.reschedule, 0)
        try:
            yield
        finally:
            if deadline:
                deadline.cancel()
