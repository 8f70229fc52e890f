"""The mutants: the service with one deliberate defect each, so that the contract tests can be seen to fail.

A mutant is a patch of `specbus.*`, put on before the service is constructed. Nothing of it is in `service/`.
"""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from tests.support.documents import ROOT

Area = Literal["rest", "websocket", "behaviour"]
Patch = pytest.MonkeyPatch
Apply = Callable[[Patch], None]


@dataclass(frozen=True)
class Mutant:
    """The service with one defect."""

    name: str
    area: Area
    """The area of `contract_tests` that should notice."""
    defect: str
    apply: Apply
    """Patches the service; to be called before it is constructed, once for each service."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings without which the defect cannot show."""


MUTANTS: dict[str, Mutant] = {}
PROMISES = ROOT / "docs" / "promises.md"
"""The promises of the documents, with the mutants that break them."""


def finders() -> dict[str, str]:
    """The checks that find each mutant, as far as `PROMISES` names them: the text that they are named in."""
    rows = re.findall(r"^\|.*? \| ?([^|]*[^|\s]) ?\| ([^|]*) \|$", PROMISES.read_text(), re.MULTILINE)
    return {name: checks for checks, mutants in rows for name in re.findall(r"[a-z0-9-]+", mutants)}


def missed() -> set[str]:
    """The mutants that are known to be found by no check yet, or of which that is not known: those `PROMISES` lists."""
    _, _, rest = PROMISES.read_text().partition("## Mutants that no check finds\n")
    table, _, others = rest.partition("## Mutants that have not been run against the checks\n")
    return {*re.findall(r"^\| ([a-z0-9-]+)\*? ", table, re.MULTILINE), *re.findall(r"[a-z0-9-]+", others)}


def mutant(area: Area, defect: str, **settings: Any) -> Callable[[Apply], Apply]:
    """Enter the decorated patch into `MUTANTS`, under its own name."""

    def enter(apply: Apply) -> Apply:
        name = apply.__name__.replace("_", "-")
        assert name not in MUTANTS, f"two mutants are called {name}"
        MUTANTS[name] = Mutant(name, area, defect, apply, settings)
        return apply

    return enter


def wrap(patch: Patch, owner: Any, name: str, stand_in: Callable[..., Any]) -> None:
    """Have `stand_in`, called with the original and its arguments, take the place of `owner.name`."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def plain(*args: Any, **options: Any) -> Any:
        return stand_in(original, *args, **options)

    @functools.wraps(original)
    async def awaited(*args: Any, **options: Any) -> Any:
        return await stand_in(original, *args, **options)

    patch.setattr(owner, name, awaited if inspect.iscoroutinefunction(original) else plain)
