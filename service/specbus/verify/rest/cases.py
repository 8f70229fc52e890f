"""Checks of the REST side that are made of cases: how each of them is registered and run."""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import httpx

from specbus.verify.causes import cause_of
from specbus.verify.checks import Condition, check
from specbus.verify.failures import Broken, Skipped, TimeUp, Unanswered, raise_all
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import HttpOperation, RestDocument
from specbus.verify.target import Target

T = TypeVar("T")
CLIENT_ERRORS = frozenset(range(400, 500))


def run_cases(target: Target, values: Iterable[T], test: Callable[[Client, T], None]) -> None:
    """Have `test` look at each of `values`, as a case of its own. Raises Skipped if none of them can be made."""
    found: dict[str, Broken] = {}
    reason: Skipped | None = None
    try:
        for value in values:
            target.start_case()
            client = Client(target)
            try:
                test(client, value)
                target.cases += 1
            except Skipped as skipped:
                reason = skipped
            except Broken as broken:
                target.cases += 1
                broken.steps = list(target.steps) if broken.steps is None else broken.steps
                broken.reproduce = broken.reproduce or client.commands
                found.setdefault(cause_of(broken.problem), broken)
                if len(found) == target.options.failures_per_check or isinstance(broken, Unanswered):
                    break
    except TimeUp:
        # What was found before is not lost.
        if not found:
            raise
    raise_all(list(found.values()))
    if reason and not target.cases:
        raise reason


def check_case(
    rule: str, *, when: Condition | None = None, order: int = 0
) -> Callable[[Callable[[Client], None]], None]:
    """Register a function, which raises Broken, as a check with a single case; arguments as for `check`."""

    def register(function: Callable[[Client], None]) -> None:
        @functools.wraps(function)
        def run(target: Target) -> None:
            run_cases(target, [None], lambda client, _: function(client))

        check("rest", rule, when=when, order=order)(run)

    return register


def check_cases(
    rule: str, values: Callable[[RestDocument], Iterable[T]], *, when: Condition | None = None, order: int = 0
) -> Callable[[Callable[[Client, T], None]], None]:
    """Register a function, which raises Broken, as a check with a case for each of `values`; else as for `check`."""

    def register(function: Callable[[Client, T], None]) -> None:
        @functools.wraps(function)
        def run(target: Target) -> None:
            run_cases(target, values(target.rest), function)

        check("rest", rule, when=when, order=order)(run)

    return register


@dataclass(frozen=True)
class Mistake:
    """A request that must be refused."""

    what: str
    """How a report calls it."""
    send: Callable[[Client], httpx.Response]
    rule: str
    statuses: frozenset[int] = CLIENT_ERRORS
    """One of which must answer it."""


Mistakes: TypeAlias = Callable[[RestDocument], Iterator[Mistake]]
MISTAKES: list[Mistakes] = []
"""All that were registered."""


def mistakes(rule: str, *, order: int = 0) -> Callable[[Mistakes], Mistakes]:
    """Register a function that gives mistakes as a check that each of them is refused."""

    def register(function: Mistakes) -> Mistakes:
        @functools.wraps(function)
        def run(target: Target) -> None:
            run_cases(target, function(target.rest), _must_be_refused)

        check("rest", rule, order=order)(run)
        MISTAKES.append(function)
        return function

    return register


def _must_be_refused(client: Client, mistake: Mistake) -> None:
    status = mistake.send(client).status_code
    if status not in mistake.statuses:
        wanted = f"not {', '.join(map(str, mistake.statuses))}" if len(mistake.statuses) < 100 else "not refused"
        raise Broken(f"{mistake.what} is answered with {status}, {wanted}", rule=mistake.rule)


def perform(client: Client, operation: HttpOperation, **options: Any) -> httpx.Response:
    """`Client.perform`, as a function for `functools.partial`."""
    return client.perform(operation, **options)
