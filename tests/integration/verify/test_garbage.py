"""Whatever a server sends, each check ends with a sentence, and the run goes on."""

import itertools
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from threading import Event, Thread
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from specbus.verify import bounded, checks
from specbus.verify.checks import Check, Result, execute, registered
from specbus.verify.failures import Broken, TimeUp, Unanswered
from specbus.verify.peer import Peer
from specbus.verify.record import Step
from specbus.verify.run import collect
from specbus.verify.session import Outcome, Session, closing
from specbus.verify.target import Options, Target
from tests.support.answering import Answer, answering
from tests.support.documents import SPECS
from tests.support.scripted import answered, scripted

DEADLINE = 10.0
DEEP = "[" * 100_000 + "]" * 100_000


def target_at(url: str, **options: Any) -> Target:
    return Target(Options(url, SPECS, **{"deadline": DEADLINE, "examples": 1, **options}))


# Answers over HTTP


def raw(data: bytes) -> Answer:
    """A server that answers each request with the same bytes."""
    return scripted(lambda method, path, body: data)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GARBAGE: dict[str, bytes] = {
    "bytes": bytes(range(256)),
    "nothing": b"",
    "half a head": b"HTTP/1.1 200",
    "a length that is too long": HEAD + b"Content-Length: 100\r\n\r\n{}",
    "a length that is too short": HEAD + b"Content-Length: 1\r\n\r\n{}",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length that is none": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "no gzip": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "an unknown charset": answered(200, {}).replace(b"/json", b"/json; charset=no-such-charset"),
    "a charset that is no charset": answered(200, {}).replace(b"/json", b"/json; charset=rot13"),
    "a charset that it does not have": answered(200, b"\xff\xff").replace(b"/json", b"/json; charset=utf-8"),
    "a redirect to itself": answered(302, {}, "Location: /topics"),
    "a redirect to no URL": answered(302, {}, "Location: http://[::1/\x01"),
    "deep JSON": answered(200, DEEP.encode()),
    "a chunk that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}",
    "an informational answer without an end": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "a list of the wrong things": answered(200, {"topics": [5, None, {"name": ["x"]}, {"name": {}}]}),
    "lists in the place of objects": answered(200, []),
    "texts in the place of objects": answered(200, "x"),
    "null": answered(200, None),
    "half a surrogate pair": answered(200, b'{"topics": [{"name": "\\ud800"}], "name": "\\udfff"}'),
    "a status that there is not": answered(999, {}),
    "fields with odd bytes": answered(200, {}, "X-Odd: \xff\xfe", "Location: /\xe9", "Allow: ,,,"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_an_odd_answer_is_an_answer_or_none(name: str) -> None:
    with answering(raw(GARBAGE[name])) as url, target_at(url) as target:
        with suppress(Unanswered):
            target.call("GET", "/topics")
        with suppress(Broken):
            target.peer()
        assert target.limits


@contextmanager
def made(url: str, only: tuple[str, ...], **options: Any) -> Iterator[list[Result]]:
    """What comes of the checks of some areas against a server, but for those that take their time."""
    outcome = Outcome()
    target = target_at(url, **options)
    with closing(target, outcome):
        made = collect(target, *only)
        chosen = [each for each in made if not re.search("schemathesis|heartbeats|huge frame", each.name)]
        Session(target, outcome).run(chosen, lambda check: None, lambda result: None)
    yield outcome.results


def check_told(results: list[Result]) -> None:
    """Check that the server is found to break its contract, and that all there is to say of it is in sentences."""
    told = [failure.problem for result in results for failure in result.failures]
    errors = [result.error for result in results if result.error is not None]
    assert told
    assert [text for text in told + errors if "\n" in text or "Traceback" in text] == []
    assert len(errors) <= 3, errors


@pytest.mark.slow
@pytest.mark.parametrize("name", GARBAGE)
def test_no_check_stumbles_over_odd_answers(name: str) -> None:
    with answering(raw(GARBAGE[name])) as url, made(url, ("rest", "behaviour"), run_deadline=40.0) as results:
        check_told(results)


def test_of_a_huge_answer_no_more_is_read_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_BYTES", 1_000_000)
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(65_536)
        connection.sendall(HEAD + b"Connection: close\r\n\r\n")
        while True:
            sent += connection.send(b" " * 65_536)

    with answering(flood) as url, pytest.raises(Unanswered, match="the answer is longer than 1000000 bytes"):
        target_at(url).call("GET", "/topics")
    assert sent < 100_000_000


def test_an_answer_in_drops_is_waited_for_until_the_deadline_and_no_longer() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
        for _ in itertools.count():
            connection.sendall(b" ")
            connection.settimeout(0.05)
            with suppress(TimeoutError):
                if not connection.recv(1):
                    return

    with answering(drip) as url, pytest.raises(Unanswered, match="not at its end in time"):
        target_at(url, deadline=1.0).call("GET", "/topics")


def test_what_is_no_url_is_told() -> None:
    target = target_at("http://127.0.0.1:9")
    with pytest.raises(Unanswered, match="Invalid non-printable"):
        target.call("GET", "/topics/\x01")


# Frames


@contextmanager
def speaking(say: Callable[[ServerConnection], None], rest: dict[str, Any]) -> Iterator[str]:
    """A server that creates any topic, answers GET with `rest`, and does as `say` says on each WebSocket."""

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/ws":
            return None
        response = connection.respond(HTTPStatus.OK, json.dumps(rest))
        response.headers["Content-Type"] = "application/json"
        return response

    def talk(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            say(connection)

    with serve(talk, "127.0.0.1", 0, process_request=answer, close_timeout=1) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


FRAMES: dict[str, list[Any]] = {
    "deep JSON": [DEEP],
    "a deep event": [
        '{"type":"ack","topic":"x"}',
        f'{{"type":"event","topic":"x","message":{{"id":"1","payload":{DEEP}}}}}',
    ],
    "objects with nothing in them": ["{}"],
    "types alone": ['{"type":"ack"}', '{"type":"event"}', '{"type":"error"}', '{"type":"info"}', '{"type":"pong"}'],
    "other types": ['{"type":{"a":1}}', '{"type":["ack"]}', '{"type":null}', '{"type":5}'],
    "texts for objects": ['{"type":"event","topic":5,"message":"x"}', '{"type":"error","error":"x","request_id":[]}'],
    "numbers that are none": ['{"type":"ack","position":{"offset":1e999,"epoch":NaN}}', '{"type":"event","offset":-1}'],
    "long numbers": ['{"type":"ack","position":{"epoch":"x","offset":' + "9" * 5_000 + "}}"],
    "binary frames": [b"\xff\x00"],
    "half a surrogate pair": ['{"type":"ack","topic":"\\ud800","request_id":"\\ud800"}'],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FRAMES)
def test_no_check_stumbles_over_odd_frames(name: str) -> None:
    def say(connection: ServerConnection) -> None:
        frames = itertools.cycle(FRAMES[name])
        for _ in connection:
            connection.send(next(frames))

    # Whatever is late here is a failure as good as any other.
    options = {"deadline": 0.1, "run_deadline": 15.0}
    with speaking(say, {"topics": []}) as url, made(url, ("websocket", "behaviour"), **options) as results:
        check_told(results)


@pytest.mark.slow
@pytest.mark.parametrize(
    "act",
    [
        lambda peer: peer.ask({"type": "ping"}),
        lambda peer: list(peer.arrived()),
        lambda peer: [peer.receive_text(time.monotonic() + 0.5) for _ in itertools.count()],
        lambda peer: receive_until_the_end(peer),
    ],
)
def test_frames_without_end_are_not_read_without_end(act: Callable[[Peer], Any]) -> None:
    def flood(connection: ServerConnection) -> None:
        while True:
            connection.send('{"type":"info"}')

    with speaking(flood, {"topics": []}) as url, target_at(url, deadline=0.5, run_deadline=5.0) as target:
        peer = target.peer()
        with suppress(Broken, TimeUp):
            act(peer)


@pytest.mark.slow
def test_a_server_that_does_not_read_is_not_sent_to_for_ever() -> None:
    ended = Event()
    with speaking(lambda connection: read_nothing(connection, ended), {"topics": []}) as url:
        with target_at(url, deadline=0.5) as target:
            peer = target.peer()
            with pytest.raises(Unanswered, match="the server does not read what is sent to it"):
                peer.send("x" * 50_000_000)
        ended.set()


def read_nothing(connection: ServerConnection, ended: Event) -> None:
    with connection.protocol_mutex:  # its thread cannot go on either
        ended.wait(60)


def receive_until_the_end(peer: Peer) -> None:
    until = peer.target.deadline()
    while True:
        peer.receive(until)


# Checks


def result_of(act: Callable[[Target], Any]) -> Result:
    return execute(Check("rest", "a check", "a rule", act), target_at("http://127.0.0.1:9"))


class Custom(BaseException):
    pass


def nothing(depth: int) -> int:
    return nothing(depth + 1)


def raising(error: BaseException) -> Callable[[Target], None]:
    def act(target: Target) -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (lambda target: json.loads("{}")["message"], "KeyError: 'message' (test_garbage.py, line "),
        (lambda target: nothing(0), "RecursionError: maximum recursion depth exceeded (test_garbage.py, line "),
        (raising(Custom()), "Custom (test_garbage.py, line "),
        (raising(SystemExit(3)), "SystemExit: 3 ("),
        (raising(BaseExceptionGroup("x", [Custom("why\nand so on")])), "Custom: why and so on"),
        (raising(ValueError("x" * 10_000)), "ValueError: xxxxx"),
        (raising(MemoryError()), "MemoryError ("),
    ],
)
def test_what_a_check_raises_is_one_sentence(act: Callable[[Target], None], what: str) -> None:
    result = result_of(act)
    assert result.error is not None
    assert result.error.startswith(f"the check did not come to an end: {what}")
    assert "\n" not in result.error
    assert len(result.error) < 600


def test_what_was_found_is_told_beside_what_a_check_stumbled_over() -> None:
    result = result_of(raising(BaseExceptionGroup("x", [Broken("this is wrong"), Custom()])))
    assert [failure.problem for failure in result.failures] == ["this is wrong"]
    assert result.error is not None


def test_the_environment_may_ask_for_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECBUS_TRACEBACK", "1")
    assert "Traceback" in (result_of(lambda target: json.loads("{}")["message"]).error or "")


def test_all_that_is_wrong_is_told_once_for_each_cause_the_shortest() -> None:
    long, short = [Step("a", "x", None)] * 3, [Step("a", "x", None)]
    found = [
        Broken("GET /a is answered with 500", steps=long),
        Broken("GET /abc is answered with 500", steps=short),
        *[Broken(f"the {word} is missing", steps=[]) for word in ("id", "name", "topic", "type", "payload", "offset")],
    ]
    result = result_of(raising(ExceptionGroup("what is broken", found)))
    assert len(result.failures) == 7
    assert result.failures[0].problem == "GET /abc is answered with 500"


def test_where_checks_cannot_be_made_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def values(target: Target) -> Iterator[str]:
        yield "one"
        raise KeyError("operations")

    monkeypatch.setattr(checks, "_REGISTRY", [])
    checks.check_for_each("rest", values, name=str, rule=str)(lambda target, value: None)
    target = target_at("http://127.0.0.1:9")
    first, second = registered(target)
    assert execute(first, target).kept
    assert "KeyError: 'operations'" in (execute(second, target).error or "")
