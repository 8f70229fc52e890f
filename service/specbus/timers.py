"""Timers that are overdue, and what has come meanwhile."""

import asyncio
from collections.abc import Callable

_TURNS = 3
"""Turns of the event loop within which all connections that have something to read are read once."""


def after_reading(action: Callable[[], object]) -> None:
    """Call `action` once the event loop has read what has come.

    Where a process was stopped or its machine slept, a timer is overdue, and called before what came in the meantime is
    read: who judges a peer by its silence must read first.
    """
    _turn(_TURNS, action)


def _turn(left: int, action: Callable[[], object]) -> None:
    if left:
        asyncio.get_running_loop().call_soon(_turn, left - 1, action)
    else:
        action()
