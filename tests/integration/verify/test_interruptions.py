"""Signals: the run ends at once, with its reports, its clean-up and without a process that outlives it."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tests.support.answering import answering
from tests.support.program import DEADLINE, environment, until
from tests.support.server import Server
from tests.support.verifying import PROGRAM, hang

pytestmark = pytest.mark.slow
FUZZING = ("--examples=1000", "--only=*schemathesis*")
"""A run that is at Schemathesis from its beginning, and for longer than a test takes."""


@pytest.fixture
def reports(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "junit.xml", tmp_path / "report.html"


class Run:
    """`specbus verify` as a process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def children(self) -> list[int]:
        """The processes that its main thread has started."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def end(self, *signals: int) -> tuple[int, str]:
        for number in signals:
            self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=DEADLINE)
        assert "Traceback" not in output, output
        return self.process.returncode, output


@contextmanager
def started(*arguments: object) -> Iterator[Run]:
    command = [*PROGRAM, *map(str, arguments)]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment(), text=True, **streams) as process:
        try:
            yield Run(process)
        finally:
            process.kill()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def check_reports(reports: tuple[Path, Path], name: str) -> None:
    junit, html = reports
    root = ElementTree.parse(junit).getroot()
    assert f"the run was interrupted ({name})" in "".join(root.itertext())
    assert len(list(root.iter("testcase"))) > 5
    assert f"the run was interrupted ({name})" in html.read_text()


def in_schemathesis(run: Run, count: int) -> None:
    """Wait until the run has as many children: Schemathesis is one of them."""
    until(lambda: len(run.children()) == count)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_run_with_its_reports_and_its_children(
    number: signal.Signals, status: int, reports: tuple[Path, Path]
) -> None:
    with started(f"--junit={reports[0]}", f"--html={reports[1]}", *FUZZING) as run:
        in_schemathesis(run, 2)
        children = run.children()
        ended, output = run.end(number)
    assert (ended, [pid for pid in children if is_running(pid)]) == (status, []), output
    assert f"the run was interrupted ({number.name})" in output
    check_reports(reports, number.name)


def test_killed_twice_and_more_it_leaves_no_child() -> None:
    with started(*FUZZING) as run:
        in_schemathesis(run, 2)
        children = run.children()
        ended, output = run.end(*[signal.SIGTERM] * 4)
    assert (ended, [pid for pid in children if is_running(pid)]) == (143, []), output


def test_what_it_made_on_a_server_is_deleted(server: Server, reports: tuple[Path, Path]) -> None:
    with started(server.url, *FUZZING, f"--junit={reports[0]}", f"--html={reports[1]}") as run:
        in_schemathesis(run, 1)
        until(lambda: bool(httpx.get(f"{server.url}/topics").json()["topics"]))
        ended, output = run.end(signal.SIGTERM)
    assert ended == 143, output
    assert httpx.get(f"{server.url}/topics").json()["topics"] == [], output
    check_reports(reports, "SIGTERM")


@pytest.fixture
def silent() -> Iterator[tuple[str, list[int]]]:
    """A server that takes connections and says nothing, and how many it took."""
    taken: list[int] = []

    def answer(connection: socket.socket) -> object:
        taken.append(1)
        return hang(connection)

    with answering(answer) as url:
        yield url, taken


def test_one_that_waits_for_an_answer_ends_too(silent: tuple[str, list[int]], tmp_path: Path) -> None:
    url, taken = silent
    with started(url, "--deadline=600", "--time=900", f"--html={tmp_path / 'report.html'}") as run:
        until(lambda: len(taken) > 1)
        ended, output = run.end(signal.SIGINT)
    assert ended == 130, output
    assert "the run was interrupted (SIGINT)" in (tmp_path / "report.html").read_text()
