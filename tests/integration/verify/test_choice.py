"""Which checks are made: by area, by name, and by what the server has."""

import re
import socket
from collections import Counter
from pathlib import Path

import httpx
import pytest

from specbus.verify.checks import AREAS, Check, Result, execute, only
from specbus.verify.failures import CannotRun, NotOffered
from specbus.verify.profiles import PROFILES
from specbus.verify.run import collect, target_of
from specbus.verify.target import Options, Target
from tests.support.answering import answering
from tests.support.documents import SPECS
from tests.support.sample_server import SAMPLE, Warehouse, running
from tests.support.server import Server
from tests.support.verifying import by_area, verify

DEADLINE = 10.0
READ, LISTED, PONG = "a created topic can be read", "a created topic is listed", "a WebSocket ping is answered"


def target_at(url: str, profile: str = "full", specs: Path = SPECS) -> Target:
    return Target(Options(url, specs, deadline=DEADLINE, examples=2, profile=PROFILES[profile]))


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["A created topic*"], [READ, LISTED]),
        ([READ, "*ping is answered"], [READ, PONG]),
        (["*created topic ??? be read"], [READ]),
    ],
)
def test_checks_are_chosen_by_name(patterns: list[str], names: list[str]) -> None:
    target = target_at("http://127.0.0.1:9")
    assert [each.name for each in collect(target, *patterns)] == names


def test_an_area_and_a_name_are_both_chosen() -> None:
    made = collect(target_at("http://127.0.0.1:9"), "websocket", READ)
    assert Counter(each.area for each in made)["rest"] == 1
    assert Counter(each.area for each in made)["websocket"] > 10


def test_an_area_has_all_its_checks_and_no_others() -> None:
    target = target_at("http://127.0.0.1:9")
    for area in AREAS:
        names = [each.name for each in collect(target) if each.area == area]
        assert [each.name for each in collect(target, area) if each.area == area] == names
        assert len(names) > 10


def test_what_nothing_is_called_is_told() -> None:
    with pytest.raises(CannotRun, match="--only: no area and no check is called 'soap'"):
        only([Check("rest", READ, "", lambda _: None)], [READ, "soap"])
    status, output = verify("http://127.0.0.1:9", "--only=soap")
    assert status == 2, output


def test_the_command_line_takes_several(server: Server, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    options = [f"--only={READ}", f"--only={LISTED}", f"--only={PONG}", f"--skip={LISTED}", f"--junit={junit}"]
    status, output = verify(server.url, *options)
    assert status == 0, output
    assert f"1 check was skipped: left out by --skip '{LISTED}'" in output
    assert {area: checks for area, (checks, _) in by_area(junit).items()} == {"rest": 2, "websocket": 1}


# Profiles


def results(target: Target) -> list[Result]:
    with target:
        return [execute(check, target) for check in collect(target)]


@pytest.mark.slow
def test_a_server_without_rest_is_asked_nothing_over_http() -> None:
    asked: set[bytes] = set()

    def answer(connection: socket.socket) -> None:
        head = connection.recv(65_536)
        if b"upgrade" not in head.lower():
            asked.add(head)

    with answering(answer) as url:
        target = target_at(url, "websocket")
        found = results(target)
        assert target.limits.history_size
    # Handshakes that are none belong to the checks of the handshake.
    assert {head.partition(b"\r\n")[0] for head in asked} <= {b"GET /ws HTTP/1.1", b"POST /ws HTTP/1.1"}
    of_rest = [result for result in found if result.check.area == "rest"]
    assert {result.skipped for result in of_rest} == {"--profile websocket: nothing is asked over HTTP"}


@pytest.mark.slow
def test_a_server_without_rest_keeps_its_contract(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    with running(Warehouse(SAMPLE)) as url:
        status, output = verify(
            url, "--profile=websocket", f"--specs={SAMPLE}", "--only=websocket", "--examples=3", f"--junit={junit}"
        )
    assert status == 0, output


@pytest.mark.slow
def test_no_topic_is_made_where_topics_are_fixed(server: Server) -> None:
    target = target_of(Options(server.url, SPECS, examples=1, deadline=DEADLINE, profile=PROFILES["fixed-topics"]))
    found = results(target)
    assert [(each.check.name, each.failures, each.error) for each in found if not each.kept] == []
    kept = Counter(each.check.area for each in found if each.skipped is None)
    assert kept["rest"] > 10
    assert kept["websocket"] > 20
    assert httpx.get(f"{server.url}/topics").json()["topics"] == []


@pytest.mark.parametrize(
    ("profile", "method", "path", "is_sent"),
    [
        ("websocket", "GET", "/health", False),
        ("fixed-topics", "POST", "/topics", False),
        ("fixed-topics", "DELETE", "/topics/x", False),
        ("fixed-topics", "POST", "/topics/x/messages", True),
        ("fixed-topics", "GET", "/topics", True),
        ("full", "DELETE", "/topics/x", True),
    ],
)
def test_what_a_profile_leaves_out(server: Server, profile: str, method: str, path: str, is_sent: bool) -> None:
    with target_at(server.url, profile) as target:
        if is_sent:
            assert target.call(method, path).status_code
        else:
            with pytest.raises(NotOffered, match=re.escape(f"--profile {profile}: ")):
                target.call(method, path)
