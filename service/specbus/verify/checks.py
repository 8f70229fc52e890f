"""Checks: the one registry of them, and what becomes of one that is run.

A module of checks registers each of its own when it is imported, with `check` or, where the documents say for what
there is one, `check_for_each`. `registered` gives those of a run.
"""

import functools
import re
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, TypeVar

from specbus.verify.failures import Broken, CannotRun, CouldNotCheck, Skipped
from specbus.verify.target import Target

T = TypeVar("T")
WAITING, LAST = 1, 2
"""Values of `order`: of checks that wait for something that takes its time, and of those that judge the whole run."""
Area: TypeAlias = Literal["rest", "websocket", "behaviour"]
AREAS: tuple[Area, ...] = ("rest", "websocket", "behaviour")
Run: TypeAlias = Callable[[Target], None]
Condition: TypeAlias = Callable[[Target], str | None]
"""Why a check is skipped for a server; None if it is not. Never raises."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a server must do."""

    area: Area
    name: str
    """A sentence: what the server does if it keeps the rule."""
    rule: str
    """Where it is written: file and JSON pointer (RFC 6901), or a section of an RFC."""
    run: Run
    """Raises Broken, or a group of them, if the server does not; Skipped or CouldNotCheck if that cannot be told."""
    condition: Condition | None = None


def needs_key(target: Target) -> str | None:
    """The condition of checks that send an API key."""
    return None if target.options.api_key else "no API key was given (--api-key)"


def needs_history(count: int) -> Condition:
    """The condition of checks that replay `count` messages of a topic."""

    def condition(target: Target) -> str | None:
        size = target.limits.history_size
        return None if size >= count else f"the server says that a topic retains {size} of {count} messages"

    return condition


# The registry


@dataclass(frozen=True, slots=True)
class _Entry:
    """What makes the checks of one function, for a run."""

    area: Area
    also_in: tuple[Area, ...]
    order: int
    make: Callable[[Target], Iterable[Check]]


_REGISTRY: list[_Entry] = []


def check(
    area: Area, rule: str, *, when: Condition | None = None, order: int = 0, also_in: tuple[Area, ...] = ()
) -> Callable[[Run], Run]:
    """Register a function as a check, whose name is the function's: `__` is a comma in it, `_` a blank.

    Args:
        area: The area of the check.
        rule: Where it is written what the server must do.
        when: The condition of the check.
        order: Checks of a higher order run after all of a lower one.
        also_in: Areas that the check belongs to as well, where one area alone is checked.

    """

    def register(function: Run) -> Run:
        made = Check(area, function.__name__.replace("__", ", ").replace("_", " "), rule, function, when)
        _REGISTRY.append(_Entry(area, also_in, order, lambda _: [made]))
        return function

    return register


def check_for_each(
    area: Area,
    values: Callable[[Target], Iterable[T]],
    *,
    name: Callable[[T], str],
    rule: Callable[[T], str],
    when: Condition | None = None,
    order: int = 0,
) -> Callable[[Callable[[Target, T], None]], Callable[[Target, T], None]]:
    """Register a function as one check for each of `values`.

    Args:
        area: The area of the checks.
        values: What there is a check for, each time with the target of a run; called when the run begins.
        name: The name of the check for a value.
        rule: Where it is written what the server must do.
        when: The condition of each check.
        order: As for `check`.

    """

    def register(function: Callable[[Target, T], None]) -> Callable[[Target, T], None]:
        def make(target: Target) -> Iterable[Check]:
            for value in values(target):
                yield Check(area, name(value), rule(value), functools.partial(_run_with, function, value), when)

        _REGISTRY.append(_Entry(area, (), order, make))
        return function

    return register


def _run_with(function: Callable[[Target, T], None], value: T, target: Target) -> None:
    function(target, value)


def registered(target: Target, only: Area | None = None) -> list[Check]:
    """The checks of a run, in order; of one area, if `only` says so."""
    entries = [entry for entry in _REGISTRY if only in (None, entry.area, *entry.also_in)]
    entries.sort(key=lambda entry: (entry.order, AREAS.index(entry.area)))
    return [made for entry in entries for made in entry.make(target)]


def without(checks: Iterable[Check], patterns: Sequence[str]) -> list[Check]:
    """`checks`, of which those are skipped whose whole name one of the patterns has, in upper or lower case.

    `*` in a pattern is any text, `?` any character. Raises CannotRun for a pattern that no name has.
    """
    found, unused = [], dict.fromkeys(patterns)
    for each in checks:
        for pattern in patterns:
            if _has(pattern, each.name):
                unused.pop(pattern, None)
                each = replace(each, condition=functools.partial(_left_out, pattern))
        found.append(each)
    if unused:
        raise CannotRun(f"--skip: no check is called {next(iter(unused))!r}")
    return found


def _left_out(pattern: str, target: Target) -> str:
    del target
    return f"left out by --skip {pattern!r}"


def _has(pattern: str, name: str) -> bool:
    """Whether `name` is `pattern`. Brackets in it are brackets."""
    expression = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    return re.fullmatch(expression, name, re.IGNORECASE | re.DOTALL) is not None


# What becomes of a check


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
    """What went wrong, where the check itself failed: a sentence or a traceback."""
    skipped: str | None = None
    """Why the check was not made, if it was not."""

    @property
    def kept(self) -> bool:
        """Whether nothing is known against the server."""
        return not self.failures and self.error is None


def execute(check: Check, target: Target) -> Result:
    """Run `check` against `target`. Never raises, and never takes longer than the target's deadlines allow."""
    result = Result(check)
    start = time.monotonic()
    target.start_check()
    try:
        if check.condition and (reason := check.condition(target)):
            raise Skipped(reason)
        check.run(target)
    except Skipped as skipped:
        result.skipped = str(skipped)
    except CouldNotCheck as error:
        result.error = str(error)
    except Broken as broken:
        result.failures = [_failure(broken, check, target)]
    except ExceptionGroup as group:
        found, other = group.split(Broken)
        result.failures = [_failure(broken, check, target) for broken in _leaves(found)]
        result.error = "".join(traceback.format_exception(other)) if other else None
    except Exception:
        result.error = traceback.format_exc()
    result.cases = target.cases
    target.close_peers()
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
