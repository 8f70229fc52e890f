"""The checks of a run one after the other, for as long as the server is there to be checked."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from specbus.verify import access
from specbus.verify.checks import Check, Result, execute
from specbus.verify.failures import Ended, Interrupted, TimeUp
from specbus.verify.target import Target

MAX_UNANSWERED = 3
"""Checks one after the other that fail without a single answer, before it is asked whether there are any at all."""
RESTART_TIME = 5.0
"""Seconds in which a server that went away may be back."""
Verdict: TypeAlias = Literal["kept", "broken", "not known"]


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is to be told of the run as a whole, each in a sentence."""
    is_lost: bool = False
    """Whether the server went away, or left everything unanswered."""
    interrupted_by: int | None = None
    """The number of the signal that ended it."""
    is_cut_short: bool = False
    """Whether checks were not reached."""

    @property
    def verdict(self) -> Verdict:
        """Whether the contract is kept, as far as it was looked at."""
        if self.is_lost or any(result.failures for result in self.results):
            return "broken"
        if self.is_cut_short or any(result.error is not None for result in self.results):
            return "not known"
        return "kept" if any(result.skipped is None for result in self.results) else "not known"

    def note_interruption(self, end: Interrupted) -> None:
        """Take note that a signal ended the run."""
        if self.interrupted_by is None:
            self.notes.append(str(end))
        self.interrupted_by = end.number
        self.is_cut_short = True


class Session:
    """A run of checks."""

    def __init__(self, target: Target, outcome: Outcome, *, max_broken: int | None = None) -> None:
        """Prepare a run against `target`, whose `outcome` grows while it goes on.

        Args:
            target: The server.
            outcome: Where results and notes go.
            max_broken: Broken checks after which it ends; None for no such end.

        """
        self._target = target
        self._outcome = outcome
        self._max_broken = max_broken
        self._broken = 0
        self._unanswered = 0
        """Checks one after the other that failed without an answer."""

    def run(self, checks: Sequence[Check], on_begin: Callable[[Check], None], on_end: Callable[[Result], None]) -> None:
        """Make the checks; those that are not reached are skipped, each with the reason.

        Args:
            checks: The checks, in order.
            on_begin: Called before each check that is made.
            on_end: Called with each result.

        """
        left = list(checks)
        try:
            while left:
                self._target.timeout()
                on_begin(left[0])
                answers = self._target.answers
                result = execute(left[0], self._target)
                del left[0]
                self._outcome.results.append(result)
                on_end(result)
                self._judge(result, self._target.answers > answers)
        except Ended as end:
            self._outcome.is_cut_short = bool(left)
            if isinstance(end, Interrupted):
                self._outcome.note_interruption(end)
            elif isinstance(end, TimeUp):
                self._outcome.notes.append(f"{end} (--time): {len(left)} checks were not made, or not to their end")
            self._outcome.results += [Result(check, skipped=str(end)) for check in left]

    def _judge(self, result: Result, was_answered: bool) -> None:
        """Look whether it makes sense to go on after `result`. Raises Ended if not."""
        if result.skipped is not None:
            return
        if result.kept:
            self._unanswered = 0
            return
        self._broken += bool(result.failures)
        self._unanswered = 0 if was_answered else self._unanswered + 1
        if not access.is_listening(self._target):
            self._wait_for_restart(result.check)
            self._unanswered = 0
        elif self._unanswered >= MAX_UNANSWERED:
            if not access.is_answering(self._target):
                self._lose(f"the server has not answered since {_clock(self._target.last_answer)}")
            self._unanswered = 0
        if self._max_broken is not None and self._broken >= self._max_broken:
            raise _Enough(f"the run ended after {self._broken} broken checks (--max-failures)")

    def _wait_for_restart(self, check: Check) -> None:
        """Go on if the server is back in some seconds."""
        answered = _clock(self._target.last_answer)
        since = time.monotonic()
        end = since + RESTART_TIME
        while time.monotonic() < end:
            time.sleep(0.1)
            if access.is_listening(self._target):
                away = time.monotonic() - since
                self._outcome.is_lost = True
                self._outcome.notes.append(
                    f'the server was gone after the check "{check.name}" (it last answered {answered}), '
                    f"and back {away:.1f} s later"
                )
                return
        self._lose(f'the server is gone since the check "{check.name}" (it last answered {answered})')

    def _lose(self, reason: str) -> None:
        self._target.is_lost = True
        self._outcome.is_lost = True
        self._outcome.notes.append(reason)
        raise Ended(reason)


class _Enough(Ended):
    """As many checks are broken as there should be."""


def _clock(moment: datetime | None) -> str:
    return "the run began: never" if moment is None else f"{moment:%H:%M:%S}"


@contextlib.contextmanager
def closing(target: Target, outcome: Outcome) -> Iterator[None]:
    """Clean up at the end, and say in the outcome what could not be."""
    try:
        with target:
            yield
    finally:
        if target.left_over:
            outcome.notes.append(target.left_over)
