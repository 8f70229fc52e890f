"""How long to wait between attempts: exponential backoff with full jitter."""

import random
from dataclasses import dataclass

_STABLE = 5.0
_LONGEST_ASKED = 300.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that grow from `base` to `cap` seconds, with full jitter so that clients do not reconnect all at once."""

    base: float
    cap: float

    @property
    def stable(self) -> float:
        """Seconds that a connection must last before the delays begin anew.

        That it opened, or said something, is not enough: a server that greets and closes would be asked for ever
        without a pause.
        """
        return min(self.cap, _STABLE)

    def upper_bound(self, attempt: int) -> float:
        """The upper bound of the delay before `attempt` (from 1), in seconds."""
        return min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))

    def delay(self, attempt: int, asked: float | None = None) -> float:
        """A random delay before `attempt`, in seconds; on top of what the server `asked` for, at most 5 minutes."""
        least = min(asked or 0.0, _LONGEST_ASKED)
        return least + random.uniform(0, self.upper_bound(attempt))  # noqa: S311 - no secret
