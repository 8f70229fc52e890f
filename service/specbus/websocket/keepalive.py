"""One timer for many connections that are each due after the same delay."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from specbus.timers import after_reading

T = TypeVar("T")

_COARSENESS = 0.05
"""Seconds that may pass between due and called: what is due close together shares a wake-up."""


class Schedule(Generic[T]):
    """Calls `action` with each item, once, `delay` seconds after it was added, and after what has come by then is read.

    A timer and a closure for each connection would cost more memory than all else that an idle connection has. As the
    delay is the same for all, the order of adding is the order of falling due.
    """

    def __init__(self, delay: float, action: Callable[[T], None]) -> None:
        """`delay` is in seconds. `action` may add its item again."""
        self._delay = delay
        self._action = action
        self._due: OrderedDict[T, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, item: T) -> None:
        """Have `item` fall due after the delay, counted from now."""
        loop = asyncio.get_running_loop()
        self._due[item] = loop.time() + self._delay
        self._due.move_to_end(item)
        if self._timer is None:
            self._timer = loop.call_later(self._delay, self._wake)

    def discard(self, item: T) -> None:
        """Forget `item`, if it is there."""
        self._due.pop(item, None)

    def _wake(self) -> None:
        after_reading(self._act)

    def _act(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        try:
            while self._due:
                item, due = next(iter(self._due.items()))
                if due > now:
                    break
                del self._due[item]
                self._action(item)
        finally:
            self._timer = None
            if self._due:
                due = next(iter(self._due.values()))
                self._timer = loop.call_at(max(due, now + _COARSENESS), self._wake)
