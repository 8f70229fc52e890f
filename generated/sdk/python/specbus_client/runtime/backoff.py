"""How long to wait between attempts: exponential backoff with full jitter."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that grow from `base` to `cap` seconds, with full jitter so that clients do not reconnect all at once."""

    base: float
    cap: float

    def upper_bound(self, attempt: int) -> float:
        """The upper bound of the delay before `attempt` (from 1), in seconds."""
        return min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))

    def delay(self, attempt: int) -> float:
        """A random delay before `attempt`, in seconds."""
        return random.uniform(0, self.upper_bound(attempt))  # noqa: S311 - no secret
