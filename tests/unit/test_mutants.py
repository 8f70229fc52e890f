"""The mutants that no check finds are known by name, and are no others than `docs/promises.md` has."""

import re

from tests.mutants import MUTANTS, missed
from tests.mutants.registry import PROMISES


def test_what_is_listed_as_not_found_is_a_mutant() -> None:
    assert sorted(missed() - MUTANTS.keys()) == []


def test_the_promises_show_which_mutants_are_not_found() -> None:
    text = PROMISES.read_text()
    in_bold = set(re.findall(r"\*\*([a-z0-9-]+)\*\*", text)) - {"bold"}
    _, _, not_run = text.partition("## Mutants that have not been run against the checks\n")
    assert in_bold == missed() - set(re.findall(r"[a-z0-9-]+", not_run))


def test_most_mutants_are_there_to_be_found() -> None:
    assert len(MUTANTS) - len(missed()) >= 240
