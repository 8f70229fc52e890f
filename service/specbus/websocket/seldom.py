"""A warning that clients can cause as often as they like, and that must not fill the log."""

import logging
import time
from collections.abc import Callable

from specbus.log import event

_PAUSE = 1.0
"""Seconds after a line until the next one."""


class Seldom:
    """Logs an event at most once a second for each limit; the next line says how many were `suppressed` meanwhile."""

    def __init__(self, logger: logging.Logger, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`name` is the event's, a warning. `clock` gives seconds."""
        self._logger = logger
        self._name = name
        self._clock = clock
        self._next: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def __call__(self, limit: str, **fields: object) -> None:
        """Log the event for `limit`, with its `fields`, or only count it."""
        now = self._clock()
        if now < self._next.get(limit, now):
            self._suppressed[limit] = self._suppressed.get(limit, 0) + 1
            return
        if suppressed := self._suppressed.pop(limit, 0):
            fields["suppressed"] = suppressed
        event(self._logger, logging.WARNING, self._name, limit=limit, **fields)
        self._next[limit] = now + _PAUSE
