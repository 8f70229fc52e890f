"""How long to wait between attempts: exponential backoff with full jitter."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that grow from `base` to `cap` seconds, each shortened at random, lest clients come all at once."""

    base: float
    cap: float

    def longest(self, attempt: int) -> float:
        """The longest pause before `attempt`, in seconds; the first one has the number 1."""
        return min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))

    def delay(self, attempt: int) -> float:
        """The pause before `attempt`, in seconds."""
        return random.uniform(0, self.longest(attempt))  # noqa: S311 - no secret
