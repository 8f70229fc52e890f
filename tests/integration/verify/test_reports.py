"""Where reports go: told before the run if they cannot go there, and what was found is shown all the same."""

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from specbus.verify.checks import Check, Failure, Result
from specbus.verify.report import write_html, write_junit
from specbus.verify.session import Outcome
from specbus.verify.target import Options
from tests.support.documents import SPECS
from tests.support.program import DEADLINE, environment
from tests.support.server import Server
from tests.support.verifying import PROGRAM, verify

ONE = "--only=a created topic can be read"


def test_a_folder_that_is_missing_is_made(server: Server, tmp_path: Path) -> None:
    junit, html = tmp_path / "a" / "b" / "junit.xml", tmp_path / "c" / "report.html"
    status, output = verify(server.url, ONE, f"--junit={junit}", f"--html={html}")
    assert status == 0, output
    assert (len(list(ElementTree.parse(junit).iter("testcase"))), "<h1>" in html.read_text()) == (1, True)


@pytest.mark.parametrize("place", ["a-file/report.html", "/proc/no-such-folder/report.html"])
@pytest.mark.parametrize("option", ["--junit", "--html"])
def test_a_place_where_nothing_can_be_written_is_told_before_the_run(tmp_path: Path, place: str, option: str) -> None:
    (tmp_path / "a-file").touch()
    path = tmp_path / place
    status, output = verify(f"{option}={path}")
    assert (status, output.count("\n")) == (2, 1), output
    assert output.startswith(f"specbus: the report {path} cannot be written: ")


def test_an_earlier_report_stays_until_there_is_another(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("earlier")
    assert verify("http://127.0.0.1:9", f"--html={path}")[0] == 2
    assert path.read_text() == "earlier"
    assert verify("http://127.0.0.1:9", f"--junit={tmp_path / 'new.xml'}")[0] == 2
    assert not (tmp_path / "new.xml").exists()


def test_a_full_disk_is_one_line_and_the_rest_is_there(server: Server, tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    status, output = verify(server.url, ONE, "--junit=/dev/full", f"--html={html}")
    assert status == 2, output
    assert "specbus verify: the report /dev/full cannot be written: No space left on device\n" in output
    assert "The contract is kept." in output
    assert "<h1>" in html.read_text()


def test_reports_are_written_where_nobody_reads_the_terminal(server: Server, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        ran = subprocess.run(
            [*PROGRAM, server.url, ONE, f"--junit={junit}"],
            env=environment(),
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False), ran.stderr
    assert len(list(ElementTree.parse(junit).iter("testcase"))) == 1


def test_notes_and_reasons_are_in_both(tmp_path: Path) -> None:
    check = Check("rest", "a check", "a rule", lambda _: None)
    results = [
        Result(check, 1, 0.1, [Failure("GET /a is wrong", "a rule", [], "curl")]),
        Result(check, error="it stumbled"),
        Result(check, skipped="why not"),
    ]
    outcome = Outcome(results, notes=["the server <is> gone"], is_lost=True)
    write_junit(tmp_path / "junit.xml", outcome)
    write_html(tmp_path / "report.html", outcome, Options("http://x", SPECS))
    (suite,) = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [suite.get(each) for each in ("tests", "failures", "errors", "skipped")] == ["3", "1", "1", "1"]
    assert suite.findtext("system-err") == "the server <is> gone"
    page = (tmp_path / "report.html").read_text()
    for text in ("the server &lt;is&gt; gone", "GET /a is wrong", "it stumbled", "why not", "verdict broken"):
        assert text in page
