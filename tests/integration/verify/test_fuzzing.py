"""Schemathesis in a process of its own: its settings, what it tells, its death and its hanging."""

import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbus.verify.checks import execute
from specbus.verify.failures import CouldNotCheck
from specbus.verify.fuzzing.names import Names
from specbus.verify.fuzzing.run import WORKER, Run
from specbus.verify.fuzzing.settings import SETTINGS, settings
from specbus.verify.rest.document import RestDocument
from specbus.verify.run import collect, target_of
from specbus.verify.target import Options, Target
from tests.support.documents import ROOT, SPECS
from tests.support.server import Server

pytestmark = pytest.mark.slow

CONFIG = ROOT / "contract_tests" / "schemathesis.toml"


@pytest.fixture
def target(server: Server) -> Iterator[Target]:
    """A target for short runs."""
    with target_of(Options(server.url, SPECS, examples=1, seed=1, deadline=10)) as target:
        yield target


# Settings


def test_the_settings_for_the_command_line_are_those_of_verify() -> None:
    assert tomllib.loads(CONFIG.read_text()) == SETTINGS


def test_schemathesis_can_be_run_by_hand_with_them(server: Server, tmp_path: Path) -> None:
    program = str(Path(sys.executable).parent / "schemathesis")
    command = [program, "--config-file", str(CONFIG), "run", f"{server.url}/openapi.json"]
    done = subprocess.run(
        [*command, "--phases=examples", "--no-color"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout


def test_a_key_is_no_reference_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import schemathesis

    monkeypatch.setenv("HOME", "/elsewhere")
    made = settings(url="http://x", headers={"X-API-Key": "a${HOME}$b"}, seed=1, examples=1, timeout=1)
    assert schemathesis.Config.from_dict(made).projects.get_default().headers == {"X-API-Key": "a${HOME}$b"}


# Names

NAME = RestDocument(SPECS).name_schema


@given(name=st.from_regex(NAME["pattern"], fullmatch=True).filter(lambda name: len(name) <= NAME["maxLength"]))
def test_a_valid_name_gets_the_prefix_and_stays_valid(name: str) -> None:
    sent = Names("verify-1-", NAME).prefixed(name)
    assert sent.startswith("verify-1-")
    assert jsonschema_rs.is_valid(NAME, sent)


@given(name=st.text().filter(lambda name: not jsonschema_rs.is_valid(NAME, name)))
def test_an_invalid_name_stays_invalid(name: str) -> None:
    assert not jsonschema_rs.is_valid(NAME, Names("verify-1-", NAME).prefixed(name))


# The process


def worker(program: str) -> tuple[str, ...]:
    """A process that does `program` in the place of Schemathesis, when it has read its job."""
    return (sys.executable, "-P", "-c", f"import json, os, sys, time\njob = json.load(sys.stdin)\n{program}")


def says(*messages: dict[str, object]) -> str:
    return "\n".join(f"print({json.dumps(json.dumps(message))}, flush=True)" for message in messages)


@pytest.mark.parametrize(
    ("program", "death"),
    [
        ("sys.exit(3)", "Schemathesis ended before its time, with exit status 3"),
        ("1 / 0", "Schemathesis ended before its time, with exit status 1: ZeroDivisionError: division by zero"),
        ("os.kill(os.getpid(), 9)", "Schemathesis ended before its time, by SIGKILL"),
        ("os.close(1)\ntime.sleep(600)", "Schemathesis ended before its time, by SIGKILL"),
        (says({"sent": "GET /topics"}), "Schemathesis ended before its time, with exit status 0"),
    ],
)
def test_its_death_is_told_each_time_it_is_asked_for(target: Target, program: str, death: str) -> None:
    run = Run(worker(program))
    for _ in range(2):
        with pytest.raises(CouldNotCheck) as caught:
            run.findings(target)
        assert str(caught.value) == death


def test_one_that_says_nothing_is_ended(target: Target) -> None:
    start = time.monotonic()
    with pytest.raises(CouldNotCheck, match=r"^Schemathesis has done nothing for 0\.3 s$"):
        Run(worker("time.sleep(600)"), idle_timeout=0.3).findings(target)
    assert time.monotonic() - start < 30


def test_the_time_of_the_run_ends_it(server: Server) -> None:
    options = Options(server.url, SPECS, deadline=1, run_deadline=1)
    with target_of(options) as target:
        findings = Run(worker("time.sleep(600)")).findings(target)
    assert findings.others() == []
    assert findings.cut_short == "the run's time of 1 s was up, with Schemathesis still at work"


def test_what_was_found_until_the_time_was_up_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    failure: dict[str, object] = {
        "check": "not_a_server_error",
        "kind": "x",
        "operation": "GET /",
        "title": "x",
        "text": "",
        "method": "GET",
    }
    failure |= {"path": "/", "description": "", "is_transition_applied": False, "interactions": []}
    scenario = {"requests": 1, "judged": {"not_a_server_error": 1}, "created": ["x"], "failures": [failure]}
    program = worker(says({"scenario": scenario}) + "\ntime.sleep(600)")
    monkeypatch.setattr("specbus.verify.fuzzing.checks.Run", lambda: Run(program))
    with target_of(Options(server.url, SPECS, deadline=1, run_deadline=3)) as target:
        found = [execute(check, target) for check in collect(target, "rest") if "schemathesis" in check.name]
    first, second, *others = found
    assert [failure.problem for failure in second.failures] == ["GET / is answered with None: x"]
    up = "the run's time of 3 s was up, with Schemathesis still at work"
    assert {result.skipped for result in [first, *others]} == {up}


def test_a_server_that_lets_requests_hang_is_not_asked_for_ever(target: Target) -> None:
    late: list[dict[str, object]] = [
        message
        for path in ("/a", "/b", "/b", "/c", "/d")
        for message in (dict[str, object](sent=f"GET {path}"), dict[str, object](ended=True, late=True))
    ]
    (broken,) = Run(worker(says(*late) + "\ntime.sleep(600)")).findings(target).others()
    assert broken.problem == "the server lets requests hang: GET /a, GET /b, GET /c, GET /d"


def test_a_request_that_is_never_answered_in_full_ends_it(server: Server) -> None:
    with target_of(Options(server.url, SPECS, deadline=0.1)) as target:
        (broken,) = Run(worker(says({"sent": "GET /topics"}) + "\ntime.sleep(600)")).findings(target).others()
    assert broken.problem == "GET /topics is not answered in full, even after 5.2 s"


def test_where_it_dies_one_check_says_so_and_the_others_are_skipped(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specbus.verify.fuzzing.checks.Run", lambda: Run(worker("sys.exit(3)")))
    results = [execute(check, target) for check in collect(target, "rest") if "schemathesis" in check.name]
    first, *others = results
    assert first.error == "Schemathesis ended before its time, with exit status 3"
    assert {result.skipped for result in others} == {"Schemathesis did not come to an end"}
    assert [result for result in others if not result.kept] == []


def test_it_ends_when_nobody_listens_any_more(server: Server) -> None:
    document = RestDocument(SPECS)
    job = {
        "document": document.bundled,
        "settings": settings(url=server.url, headers={}, seed=1, examples=10_000, timeout=1),
        "prefix": "verify-1-",
        "name_schema": document.name_schema,
        "parameters": ["name"],
        "fields": ["name"],
        "others": [],
    }
    with subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(job).encode())
        process.stdin.close()
        assert "sent" in json.loads(process.stdout.readline())
        process.stdout.close()
        try:
            assert process.wait(30) == 1
        finally:
            process.kill()


def test_a_server_that_went_away_is_told_with_the_last_requests_as_what_shows_it(target: Target) -> None:
    text = "http://x stopped responding. Last requests before it went away:\n\n    curl -X POST a\n\n    curl b"
    findings = Run(worker(says({"error": "Server", "text": text}, {"finished": True}))).findings(target)
    (broken,) = findings.others()
    assert (broken.problem, broken.rule) == ("http://x stopped responding.", "openapi.yaml")
    assert broken.reproduce == "curl -X POST a\n\ncurl b"


def test_what_it_finds_is_what_a_person_can_repeat(target: Target) -> None:
    body = "eyJuYW1lIjogIngifQ=="  # {"name": "x"}
    interaction = {
        "method": "POST",
        "url": f"{target.options.url}/topics",
        "headers": {"Content-Type": "application/json", "X-API-Key": "secret"},
        "body": body,
        "status": 500,
        "content_type": "application/json",
        "content": "e30=",
    }
    failure = {
        "check": "not_a_server_error",
        "kind": "ServerError",
        "operation": "POST /topics",
        "title": "Server error",
        "text": "",
        "method": "POST",
        "path": "/topics",
        "description": "",
        "is_transition_applied": False,
        "interactions": [interaction, interaction],
    }
    least = {**failure, "interactions": [interaction]}
    scenario = {
        "requests": 2,
        "judged": {"not_a_server_error": 2},
        "created": [],
        "failures": [failure, least, failure],
    }
    findings = Run(worker(says({"scenario": scenario}, {"finished": True}))).findings(target)
    (broken,) = findings.of("not_a_server_error")
    assert findings.others() == []
    assert (findings.requests, findings.judged["not_a_server_error"]) == (2, 2)
    assert broken.problem == "POST /topics is answered with 500: server error"
    assert broken.rule == "openapi.yaml#/paths/~1topics/post/responses"
    assert [str(step) for step in broken.steps or ()] == ['POST /topics \'{"name": "x"}\' -> 500 {}']
    assert broken.reproduce == (
        f"curl -i -X POST {target.options.url}/topics -H 'Content-Type: application/json' "
        """--data-binary '{"name": "x"}'"""
    )


def test_topics_that_it_made_under_other_names_are_deleted(target: Target) -> None:
    names = ["made-here", "x\n", "\u00e9/?"]
    program = f"""
import urllib.request
for name in ["made-here", "somebody-elses"]:
    body = json.dumps({{"name": name}}).encode()
    request = urllib.request.Request({target.options.url!r} + "/topics", body, {{"Content-Type": "application/json"}})
    urllib.request.urlopen(request)
"""
    created = {"requests": 1, "judged": {}, "created": names, "failures": []}
    target.topics.create("there-before")
    Run(worker(program + says({"scenario": created}, {"finished": True}))).findings(target)
    assert set(target.topics.listed()) == {"there-before", "somebody-elses"}


def test_all_its_checks_are_made(target: Target) -> None:
    results = [execute(check, target) for check in collect(target, "rest") if "schemathesis" in check.name]
    assert [(result.check.name, result.failures, result.error) for result in results if not result.kept] == []
    assert [result.check.name for result in results if result.cases == 0] == []
