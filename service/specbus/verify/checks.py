"""Checks, and what becomes of them: the vocabulary of this package."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from specbus.verify.target import Broken, Target

Area: TypeAlias = Literal["rest", "websocket", "behaviour"]
AREAS: tuple[Area, ...] = ("rest", "websocket", "behaviour")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a server must do. `run` raises Broken, or a group of them, if it does not."""

    area: Area
    name: str
    rule: str
    """Where it is written: file and JSON pointer."""
    run: Callable[[Target], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """How a server broke a rule, for a person."""

    problem: str
    rule: str
    steps: list[str]
    """What went over the wire, in order."""
    reproduce: str
    """A shell command or a Python program that shows it."""


@dataclass(slots=True)
class Result:
    """What came of a check."""

    check: Check
    cases: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    error: str | None = None
    """A traceback, where the check itself failed."""

    @property
    def kept(self) -> bool:
        """Whether the server did what it must."""
        return not self.failures and self.error is None


def check(area: Area, rule: str, into: list[Check]) -> Callable[[Callable[[Target], None]], Callable[[Target], None]]:
    """Have a function, whose name says what is checked, stand as a check in the list `into`."""

    def register(function: Callable[[Target], None]) -> Callable[[Target], None]:
        into.append(Check(area, function.__name__.replace("_", " "), rule, function))
        return function

    return register


def execute(check: Check, target: Target) -> Result:
    """Run `check` against `target`. Never raises, and never takes longer than the target's deadlines allow."""
    result = Result(check)
    start = time.monotonic()
    target.begin()
    try:
        check.run(target)
    except Broken as broken:
        result.failures = [_failure(broken, check, target)]
    except ExceptionGroup as group:
        found, other = group.split(Broken)
        result.failures = [_failure(broken, check, target) for broken in _leaves(found)]
        result.error = "".join(traceback.format_exception(other)) if other else None
    except Exception:
        result.error = traceback.format_exc()
    result.cases = target.cases
    target.end()
    result.seconds = time.monotonic() - start
    return result


def _failure(broken: Broken, check: Check, target: Target) -> Failure:
    steps = target.steps if broken.steps is None else broken.steps
    reproduce = broken.reproduce or target.reproduction(steps)
    return Failure(broken.problem, broken.rule or check.rule, [str(step) for step in steps], reproduce)


def _leaves(group: BaseExceptionGroup[Broken] | None) -> list[Broken]:
    if group is None:
        return []
    return [leaf for inner in group.exceptions for leaf in ([inner] if isinstance(inner, Broken) else _leaves(inner))]
