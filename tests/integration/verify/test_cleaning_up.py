"""What a run has made is deleted at its end, whatever a server lists; and what could not be is told."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from specbus.verify import target as target_module
from specbus.verify.session import Outcome, closing
from specbus.verify.target import Options, Target
from tests.support.answering import answering
from tests.support.documents import SPECS
from tests.support.scripted import Script, answered, scripted

DEADLINE = 10.0


def cleaned_up(script: Script, make: Callable[[Target], None] = lambda target: None) -> tuple[list[str], str]:
    """The notes of a run against a server that does as `script` says, and the run's prefix."""
    outcome = Outcome()
    with answering(scripted(script)) as url:
        target = Target(Options(url, SPECS, deadline=DEADLINE))
        with closing(target, outcome):
            make(target)
    return outcome.notes, target.prefix


class Topics:
    """A server that creates any topic, whatever its name is."""

    def __init__(self, *listed: Any) -> None:
        self.listed: list[Any] = list(listed)
        self.deleted: list[str] = []

    def __call__(self, method: str, path: str, body: bytes) -> bytes:
        if method == "POST":
            self.listed.append({"name": json.loads(body)["name"]})
            return answered(201)
        if method == "DELETE":
            name = unquote_to_bytes(path.removeprefix("/topics/")).decode(errors="surrogatepass")
            self.deleted.append(name)
            return answered(200)
        return answered(200, {"topics": self.listed})


ODD = ["\x01\x7f\n", "a/b", "../x", "..", ".", "x?y#z", "%2e%2e", "é\u2028😀", "a b", "\ud800", "x" * 20_000, "{}"]


def test_topics_of_any_name_are_deleted() -> None:
    server = Topics()

    def make(target: Target) -> None:
        for name in ODD:
            target.call("POST", "/topics", json={"name": name})
            target.call("POST", "/topics", json={"name": target.prefix + name})

    notes, prefix = cleaned_up(server, make)
    assert notes == []
    assert sorted(server.deleted) == sorted(start + name for name in ODD for start in ("", prefix))


def test_topics_of_others_are_left_alone() -> None:
    server = Topics({"name": "theirs"}, {"name": None}, {"name": 5}, {"name": ["x"]}, {"name": "verify-ffffffff-1"})
    assert cleaned_up(server)[0] == []
    assert server.deleted == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "GET /topics was not answered: Server disconnected without sending a response."),
        (b"what?\r\n\r\n", "GET /topics was not answered: illegal status line"),
        (answered(500), "GET /topics is answered with 500"),
        (answered(200, {"topics": 5}), "GET /topics does not list topics with their names"),
        (answered(200, {"topics": [{}]}), "GET /topics does not list topics with their names"),
        (answered(200, b"[" * 100_000 + b"]" * 100_000), ""),
        (answered(200, b"\xff\xfe"), "GET /topics is answered with what is no JSON"),
        (answered(200, b"not gzip", "Content-Encoding: gzip"), "GET /topics was not answered: Error -3"),
    ],
)
def test_what_cannot_be_cleaned_up_is_one_line_and_never_raised(answer: bytes, reason: str) -> None:
    assert cleaned_up(lambda method, path, body: answer)[0] == []  # nothing was made
    ((note,), prefix) = cleaned_up(lambda method, path, body: answer, lambda target: target.topics.note_made("x"))
    assert note.startswith(f"the run could not delete what it made, whose names begin with {prefix}: {reason}"), note
    assert "\n" not in note


def test_topics_that_a_server_does_not_delete_are_counted() -> None:
    server = Topics()

    def script(method: str, path: str, body: bytes) -> bytes:
        return answered(405) if method == "DELETE" else server(method, path, body)

    def make(target: Target) -> None:
        for _ in range(2):
            target.topics.new()

    ((note,), prefix) = cleaned_up(script, make)
    assert note.startswith(
        f"the run could not delete 2 of its topics, whose names begin with {prefix}: DELETE /topics/"
    )
    assert note.endswith(" is answered with 405")


def test_it_takes_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_module, "CLEAN_UP_TIME", 2.0)  # for the list alone, a busy machine takes some
    prefixes: list[str] = []

    def script(method: str, path: str, body: bytes) -> bytes:
        time.sleep(0.02)
        return answered(200, {"topics": [{"name": f"{prefixes[0]}{number}"} for number in range(10_000)]})

    ((note,), _) = cleaned_up(script, lambda target: prefixes.append(target.prefix))
    assert "of its topics" in note
    assert note.endswith("the time for that was up") or "was not answered" in note
