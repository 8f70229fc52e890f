"""The search for a short case that fails."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from specbus.verify.failures import TimeUp
from specbus.verify.target import Broken, Step, Target

T = TypeVar("T")
_SHRINKING = 5.0
"""Seconds to look for a shorter failing case."""


class _Enough(BaseException):
    """Ends a search. No Exception, or Hypothesis would take it for a failure."""


class Search:
    """Remembers the shortest failing case, as what comes last need not be it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._best: tuple[Broken, list[Step]] | None = None
        self._until = 0.0

    @contextlib.contextmanager
    def case(self) -> Iterator[None]:
        """Around all that a case does."""
        if self._best and time.monotonic() > self._until:
            raise _Enough
        try:
            yield
        except Broken as broken:
            if self._best is None:
                self._until = time.monotonic() + _SHRINKING
            if self._best is None or len(self._target.steps) <= len(self._best[1]):
                self._best = broken, list(self._target.steps)
            raise

    def run(self, search: Callable[[], None]) -> None:
        """Have Hypothesis `search`. Raises the Broken of the shortest failing case."""
        try:
            search()
        except (Broken, Flaky, _Enough, TimeUp):
            if self._best is None:
                raise
        if self._best:
            broken, steps = self._best
            broken.steps = steps
            broken.__context__ = broken.__cause__ = None
            raise broken


def settings(examples: int, **options: Any) -> hypothesis.settings:
    """Settings for a search against a server: no database, no limit of time for an example."""
    return hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        print_blob=False,
        **options,
    )


def for_each(target: Target, strategy: st.SearchStrategy[T], examples: int, test: Callable[[T], None]) -> None:
    """Run `test` with `examples` values of `strategy`. Raises the Broken of the shortest that fails."""
    search = Search(target)

    @hypothesis.seed(target.options.seed)
    @settings(examples)
    @hypothesis.given(strategy)
    def one(value: T) -> None:
        with search.case():
            target.steps = []
            target.cases += 1
            test(value)

    search.run(one)
