"""Checks: the one registry of them, and what becomes of one that is run.

A module of checks registers each of its own when it is imported, with `check` or, where the documents say for what
there is one, `check_for_each`. `registered` gives those of a run.
"""

import functools
import os
import re
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Literal, TypeAlias, TypeVar

from specbus.verify.causes import cause_of
from specbus.verify.failures import Broken, CannotRun, CouldNotCheck, Ended, Skipped
from specbus.verify.target import Target

T = TypeVar("T")
WAITING, RISKY, LAST = 1, 2, 3
"""Values of `order`: of checks that wait for something that takes its time; of those by which a server may die, or
have others answered wrong from then on; and of those that judge the whole run."""
MAX_SHOWN = 300
"""Characters of an exception's text that are shown."""
TRACEBACK = "SPECBUS_TRACEBACK"
"""The environment variable that has a defect of a check shown with where it is."""
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
    what: str
    """Of what there are checks, for where they cannot be made."""
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
        _REGISTRY.append(_Entry(area, also_in, order, made.name, lambda _: [made]))
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

        what = f"what there is to check by {function.__module__.rpartition('.')[2]}.{function.__name__}"
        _REGISTRY.append(_Entry(area, (), order, what, make))
        return function

    return register


def _run_with(function: Callable[[Target, T], None], value: T, target: Target) -> None:
    function(target, value)


def registered(target: Target, areas: Sequence[Area] = AREAS) -> list[Check]:
    """The checks of a run, in order; of those areas."""
    entries = [entry for entry in _REGISTRY if not {entry.area, *entry.also_in}.isdisjoint(areas)]
    entries.sort(key=lambda entry: (entry.order, AREAS.index(entry.area)))
    return [made for entry in entries for made in _made(entry, target)]


def _made(entry: _Entry, target: Target) -> list[Check]:
    """The checks of an entry; where they cannot be made, one that says so."""
    checks: list[Check] = []
    try:
        checks += entry.make(target)
    except Exception as error:
        problem = error
        checks.append(Check(entry.area, entry.what, "", lambda _: _raise(problem)))
    return checks


def _raise(error: Exception) -> None:
    raise error


def within_profile(checks: Iterable[Check], target: Target) -> list[Check]:
    """`checks`, of which those are skipped that cannot apply to what the profile of the run describes."""
    profile = target.options.profile
    reason = f"--profile {profile.name}: nothing is asked over HTTP"
    return [each if profile.has_rest or each.area != "rest" else _skipped(each, reason) for each in checks]


def only(checks: Iterable[Check], patterns: Sequence[str]) -> list[Check]:
    """Those of `checks` that are of an area, or have a whole name, that one of the patterns has; all without patterns.

    Patterns are those of `without`. Raises CannotRun for one that neither an area nor a name has.
    """
    checks = list(checks)
    for pattern in patterns:
        if not any(_is_of(pattern, each) for each in checks):
            raise CannotRun(f"--only: no area and no check is called {pattern!r}")
    return [each for each in checks if not patterns or any(_is_of(pattern, each) for pattern in patterns)]


def _is_of(pattern: str, check: Check) -> bool:
    return pattern == check.area or _has(pattern, check.name)


def without(checks: Iterable[Check], patterns: Sequence[str]) -> list[Check]:
    """`checks`, of which those are skipped whose whole name one of the patterns has, in upper or lower case.

    `*` in a pattern is any text, `?` any character. Raises CannotRun for a pattern that no name has.
    """
    found, unused = [], dict.fromkeys(patterns)
    for each in checks:
        for pattern in patterns:
            if _has(pattern, each.name):
                unused.pop(pattern, None)
                each = _skipped(each, f"left out by --skip {pattern!r}")
        found.append(each)
    if unused:
        raise CannotRun(f"--skip: no check is called {next(iter(unused))!r}")
    return found


def _skipped(check: Check, reason: str) -> Check:
    """`check`, which is skipped for that reason."""
    return replace(check, condition=lambda _: reason)


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

    @property
    def cause(self) -> str:
        """What it has in common with failures of the same cause."""
        return cause_of(self.problem)


@dataclass(slots=True)
class Result:
    """What came of a check."""

    check: Check
    cases: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    error: str | None = None
    """What went wrong, where the check itself failed: a sentence, or a traceback if the environment asks for it."""
    skipped: str | None = None
    """Why the check was not made, if it was not."""

    @property
    def kept(self) -> bool:
        """Whether nothing is known against the server."""
        return not self.failures and self.error is None


def execute(check: Check, target: Target) -> Result:
    """Run `check` against `target`; it never takes longer than the target's deadlines allow.

    Whatever goes wrong is in the result. Raises Ended alone, if the run is to end now.
    """
    result = Result(check)
    start = time.monotonic()
    try:
        _run(result, target)
    finally:
        result.cases = target.cases
        result.seconds = time.monotonic() - start
    return result


def _run(result: Result, target: Target) -> None:
    check = result.check
    found: list[Broken] = []
    try:
        target.start_check()
        if check.condition and (reason := check.condition(target)):
            raise Skipped(reason)
        check.run(target)
    except Skipped as skipped:
        result.skipped = str(skipped)
    except CouldNotCheck as error:
        result.error = str(error)
    except Broken as broken:
        found = [broken]
    except (Ended, KeyboardInterrupt):
        raise
    except BaseExceptionGroup as group:
        of_the_server, others = group.split(Broken)
        found = _leaves(of_the_server)
        result.error = _stumbled(others) if others else None
    except BaseException as error:  # an Exit, too, whatever raises one
        result.error = _stumbled(error)
    try:
        result.failures = _distinct(found, check, target)
        target.close_peers()
    except Exception as error:
        result.error = _stumbled(error)


def _distinct(found: Iterable[Broken], check: Check, target: Target) -> list[Failure]:
    """A failure for each cause, of those that have one the shortest; as many as are to be told."""
    by_cause: dict[str, Failure] = {}
    for broken in found:
        failure = _failure(broken, check, target)
        other = by_cause.get(failure.cause)
        if other is None or len(failure.steps) < len(other.steps):
            by_cause[failure.cause] = failure
    return list(by_cause.values())[: target.options.failures_per_check]


def _failure(broken: Broken, check: Check, target: Target) -> Failure:
    steps = target.steps if broken.steps is None else broken.steps
    reproduce = broken.reproduce or target.reproduction(steps)
    return Failure(broken.problem, broken.rule or check.rule, [str(step) for step in steps], reproduce)


def _stumbled(error: BaseException) -> str:
    """What went wrong in a check itself, in one sentence; with all of it, if the environment asks for that."""
    if os.environ.get(TRACEBACK):
        return "".join(traceback.format_exception(error))
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(str(error).split())[:MAX_SHOWN]
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    where = _where(error.__traceback__)
    return f"the check did not come to an end: {what}{where}. What the server sent may be what nobody has foreseen"


def _where(trace: TracebackType | None) -> str:
    """The innermost place in the code of checks, for whoever looks after it."""
    frames = [each for each in traceback.extract_tb(trace) if "verify" in each.filename]
    return f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""


def _leaves(group: BaseExceptionGroup[Broken] | None) -> list[Broken]:
    if group is None:
        return []
    return [leaf for inner in group.exceptions for leaf in ([inner] if isinstance(inner, Broken) else _leaves(inner))]
