"""Servers that go away, come back or fall silent in the middle of a run, and runs whose time is up."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from specbus.verify import session
from specbus.verify.checks import AREAS, LAST, RISKY, WAITING, Check
from specbus.verify.failures import Broken
from specbus.verify.session import Outcome, Session, closing
from specbus.verify.target import Options, Target
from tests.support.answering import answering
from tests.support.documents import SPECS
from tests.support.scripted import answered, scripted
from tests.support.verifying import hang, verify

pytestmark = pytest.mark.slow

DEADLINE = 10.0
CLOCK = r"\d\d:\d\d:\d\d"
Act = Callable[[Target], None]


class Mortal:
    """A server on one port that can be killed, and started again there."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.url = ""

    def start(self) -> None:
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        listening = socket.create_server(("127.0.0.1", port), backlog=50)
        answer = scripted(lambda method, path, body: answered(200, {"topics": []}))

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    answer(connection)

        threading.Thread(target=accept, daemon=True).start()
        self._stack.callback(listening.close)
        self._stack.callback(listening.shutdown, socket.SHUT_RDWR)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def kill(self) -> None:
        self._stack.close()


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    server = Mortal()
    server.start()
    yield server
    server.kill()


def ask(target: Target) -> None:
    target.call("GET", "/topics")


def run(url: str, *acts: Act, max_broken: int | None = None, **options: float) -> Outcome:
    """What comes of checks that do `acts`."""
    outcome = Outcome()
    checks = [Check("rest", f"check {number}", "", act) for number, act in enumerate(acts)]
    target = Target(Options(url, SPECS, **{"deadline": DEADLINE, **options}))  # type: ignore[arg-type]
    with closing(target, outcome):
        Session(target, outcome, max_broken=max_broken).run(checks, lambda check: None, lambda result: None)
    return outcome


def states(outcome: Outcome) -> list[str]:
    return ["skipped" if each.skipped else "kept" if each.kept else "broken" for each in outcome.results]


def test_a_server_that_went_away_is_told_once(mortal: Mortal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "RESTART_TIME", 0.5)

    def kill(target: Target) -> None:
        mortal.kill()
        ask(target)

    outcome = run(mortal.url, ask, kill, ask, ask)
    assert states(outcome) == ["kept", "broken", "skipped", "skipped"]
    (note,) = outcome.notes
    assert re.fullmatch(rf'the server is gone since the check "check 1" \(it last answered {CLOCK}\)', note)
    assert {each.skipped for each in outcome.results[2:]} == {note}
    assert outcome.verdict == "broken"


def test_a_server_that_comes_back_is_checked_further(mortal: Mortal) -> None:
    def kill(target: Target) -> None:
        ask(target)
        mortal.kill()
        threading.Timer(0.5, mortal.start).start()
        raise Broken("no answer")

    outcome = run(mortal.url, kill, ask)
    assert states(outcome) == ["broken", "kept"]
    (note,) = outcome.notes
    assert re.fullmatch(
        rf'the server was gone after the check "check 0" \(it last answered {CLOCK}\), and back \d+\.\d s later', note
    )


def test_a_server_that_falls_silent_is_given_up_after_three_checks() -> None:
    silent = threading.Event()
    answer = scripted(lambda method, path, body: answered(200, {"topics": []}))

    def fall_silent(target: Target) -> None:
        silent.set()
        ask(target)

    with answering(lambda connection: hang(connection) if silent.is_set() else answer(connection)) as url:
        outcome = run(url, ask, fall_silent, *[ask] * 5, deadline=1.0)
    assert states(outcome) == ["kept", "broken", "broken", "broken", "skipped", "skipped", "skipped"]
    assert re.fullmatch(rf"the server has not answered since {CLOCK}", outcome.notes[0])


def test_a_server_that_leaves_some_unanswered_is_checked_further() -> None:
    ok = scripted(lambda method, path, body: answered(404))

    def answer(connection: socket.socket) -> object:
        return hang(connection) if connection.recv(9, socket.MSG_PEEK) == b"GET /topi" else ok(connection)

    with answering(answer) as url:
        outcome = run(url, *[ask] * 4, lambda target: None, deadline=1.0)
    assert states(outcome) == ["broken"] * 4 + ["kept"]


def test_failures_with_answers_are_not_silence(mortal: Mortal) -> None:
    def object_to(target: Target) -> None:
        ask(target)
        raise Broken("this is wrong")

    assert states(run(mortal.url, *[object_to] * 5)) == ["broken"] * 5


def test_a_run_ends_after_as_many_broken_checks_as_it_may(mortal: Mortal) -> None:
    def object_to(target: Target) -> None:
        raise Broken("this is wrong")

    outcome = run(mortal.url, ask, object_to, ask, object_to, ask, max_broken=2)
    assert states(outcome) == ["kept", "broken", "kept", "broken", "skipped"]
    assert outcome.results[-1].skipped == "the run ended after 2 broken checks (--max-failures)"


def test_what_is_not_reached_in_time_is_skipped_and_no_fault_of_the_servers(mortal: Mortal) -> None:
    def take_long(target: Target) -> None:
        while True:
            target.wait_for(lambda: False, lambda: "what never comes does not")

    outcome = run(mortal.url, ask, take_long, ask, run_deadline=2.0)
    assert states(outcome) == ["kept", "skipped", "skipped"]
    assert outcome.results[-1].skipped == "the run's time of 2 s was up"
    assert outcome.notes == ["the run's time of 2 s was up (--time): 2 checks were not made, or not to their end"]
    assert outcome.verdict == "not known"


def test_what_may_kill_a_server_comes_late_and_what_judges_all_comes_last() -> None:
    assert 0 < WAITING < RISKY < LAST
    assert AREAS


def test_a_server_that_says_nothing_at_all_costs_a_few_waits() -> None:
    """With the default deadline. The clock of the test is generous: such a run took eight minutes."""
    with answering(hang) as url:
        began = time.monotonic()
        status, output = verify(url, timeout=180)
        took = time.monotonic() - began
    assert status == 1, output
    assert "the server has not answered since the run began: never" in output
    assert took < 120, output
