"""Whether `specbus verify` finds a mutant: the same checks, the quick ones first, up to the first that is broken."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from coverage import CoverageData
from hypothesis.configuration import set_hypothesis_home_dir

from specbus.settings import SPECS
from specbus.verify.checks import Check, Result, execute
from specbus.verify.failures import CannotRun
from specbus.verify.run import collect, own_server, target_of
from specbus.verify.target import Options
from tools.mutation.operators import Mutant
from tools.mutation.package import file

KEY = "mutation"
"""The API key of each run: without one, verify cannot try whether it is asked for."""
_DEADLINE = 10.0
"""Seconds for one answer: what is late for no other reason than a busy machine must not count as found."""
PROGRAM = (sys.executable, "-m", "tools.mutation.serve")
Outcome = Literal["found", "not found", "stillborn"]


class Unsound(Exception):
    """The service as it is does not pass. The text is for a person."""


@dataclass(frozen=True)
class Settings:
    """How mutants are judged."""

    examples: int
    """Those of verify."""
    seed: int
    seconds: int
    """For one mutant. After that, nothing counts any more as found."""


@dataclass(frozen=True)
class Verdict:
    """What came of a mutant."""

    mutant: Mutant
    outcome: Outcome
    remark: str
    """The check that found it; or why it was not found, where that is known."""
    seconds: float


def judge(mutant: Mutant, settings: Settings) -> Verdict:
    """Run verify against a server of `mutant`.

    It kills what the process that it is called in has started: that should do nothing else.
    """
    start = time.monotonic()
    # The server must not end before the run, or it would be the end that is found.
    program = (*PROGRAM, str(settings.seconds + 30), mutant.id)
    outcome: Outcome = "not found"
    remark = ""
    results = _results(program, settings)
    try:
        for result in results:
            if time.monotonic() - start > settings.seconds:
                remark = "the time was up"
                break
            if result.failures:
                outcome, remark = "found", f"{result.check.area}: {result.check.name}: {result.failures[0].problem}"
                break
            if result.error:
                remark = f"{result.check.name}: {result.error.strip().rpartition(chr(10))[2]}"
    except CannotRun as error:
        outcome, remark = "stillborn", str(error)
    finally:
        # A server that hangs would neither stop when it is asked to, nor have its topics deleted.
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        results.close()
    return Verdict(mutant, outcome, remark, time.monotonic() - start)


def executed_lines(settings: Settings, modules: Iterable[str]) -> dict[str, set[int]]:
    """The lines of each module that the service as it is executes in a run of verify.

    Raises Unsound if the run does not say that the contract is kept.
    """
    with tempfile.TemporaryDirectory(prefix="specbus-mutation-") as folder:
        data = Path(folder) / "lines"
        try:
            broken = [
                f"{result.check.name}: {result.error or result.failures[0].problem}"
                for result in _results((*PROGRAM, "--lines", str(data)), settings)
                if not result.kept
            ]
        except CannotRun as error:
            broken = [str(error)]
        if broken:
            raise Unsound(f"the service without any change does not pass: {'; '.join(broken)}")
        read = CoverageData(str(data))
        read.read()
        return {module: set(read.lines(str(file(module))) or ()) for module in modules}


def _results(program: Sequence[str], settings: Settings) -> Generator[Result, None, None]:
    """What each check says of the server that `program` starts. Raises CannotRun."""
    with tempfile.TemporaryDirectory(prefix="specbus-mutation-") as folder:
        set_hypothesis_home_dir(folder)
        with own_server(SPECS, KEY, program) as url:
            options = Options(url, SPECS, KEY, settings.examples, settings.seed, _DEADLINE)
            with target_of(options) as target:
                for check in sorted(collect(target), key=_is_slow):
                    yield execute(check, target)


def _is_slow(check: Check) -> bool:
    """Whether a check waits for Schemathesis, which takes half of the time and finds what others find sooner."""
    return "(schemathesis" in check.name
