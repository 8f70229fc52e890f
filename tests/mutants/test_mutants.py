"""The contract tests can fail: they find each defect of `tests.mutants`, and none where there is none."""

import sys
from collections.abc import Callable

import pytest

from specbus.verify.checks import Result, execute
from specbus.verify.run import SERVICE, collect, own_server, target_of
from specbus.verify.target import Options
from tests.mutants import MUTANTS, Mutant, finders, missed
from tests.support.documents import SPECS
from tests.support.share import share

pytestmark = pytest.mark.slow
FINDERS = finders()


def results(program: tuple[str, ...], mutant: Mutant | None, seed: int, examples: int) -> list[Result]:
    """What the checks say of the server that `program` starts: all of them, or up to the first that finds `mutant`."""
    key = mutant.settings.get("api_key") if mutant else None
    found = []
    with own_server(SPECS, key, program) as url:
        # A mutant may leave much unanswered; where there is none only a busy machine makes an answer late.
        options = Options(url, SPECS, key, examples, seed, deadline=2.0 if mutant else 10.0)
        with target_of(options) as target:
            checks = collect(target)
            if mutant:
                # Those first that have found it before, or should: those of its own area.
                known = FINDERS.get(mutant.name, "")
                checks.sort(key=lambda check: (f"{check.area}: {check.name}" not in known, check.area != mutant.area))
            for check in checks:
                found.append(execute(check, target))
                if mutant and not found[-1].kept:
                    break
    return found


@pytest.mark.parametrize("name", share(name for name in MUTANTS if name not in missed()))
def test_a_mutant_is_found(name: str, record_property: Callable[[str, object], None]) -> None:
    mutant = MUTANTS[name]
    *_, last = results((sys.executable, "-m", "tests.mutants", name), mutant, seed=1, examples=20)
    assert last.error is None, last.error
    assert last.failures, f"no check notices that {mutant.defect}"
    told = [text for failure in last.failures for text in (failure.problem, *failure.steps)]
    assert not any("Internal Server Error" in text for text in told), f"it only falls over: {told}"
    record_property("mutant", f"{name}|{mutant.defect}|{last.check.area}: {last.check.name}")


@pytest.mark.parametrize("seed", range(10))
def test_the_service_keeps_its_contract(seed: int) -> None:
    broken = [result for result in results(SERVICE, None, seed, examples=20) if not result.kept]
    assert [(result.check.name, result.failures, result.error) for result in broken] == []
