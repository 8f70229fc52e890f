"""`tools/dev mutation`, on a mutant that verify must find, one that is none to it, and one that does not start."""

import pytest

from tools.mutation.__main__ import main
from tools.mutation.package import all_mutants

pytestmark = pytest.mark.slow


def id_of(function: str, operator: str) -> str:
    """The first mutant of that function, or module, by that operator."""
    return next(
        mutant.id
        for mutant in all_mutants()
        if f"{mutant.module}.{mutant.function}".rstrip(".") == function and mutant.operator == operator
    )


def test_mutants_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    found = id_of("http.operations.RestOperations.create_topic", "call-dropped")
    harmless = id_of("timers", "constant-changed")
    stillborn = id_of("http.operations.RestOperations.by_id", "return-none")
    assert main([found, harmless, stillborn, "--jobs", "1", "--least", "50"]) == 0
    printed = capsys.readouterr()
    assert "tried 3, seed 1: found 1, not found 1, stillborn 1\nshare found: 50 %" in printed.out
    assert f"  {harmless}  in the module" in printed.out
    outcomes = {line.split()[4]: line.split()[1] for line in printed.err.splitlines()}
    assert outcomes[found] == "found"
    assert outcomes[stillborn] == "stillborn"


def test_a_share_that_is_too_small_is_an_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    harmless = id_of("timers", "constant-changed")
    assert main([harmless, "--least", "1"]) == 1
    assert "share found: 0 %" in capsys.readouterr().out
