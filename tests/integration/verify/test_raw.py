"""Checks that send bytes of their own, held against servers that answer otherwise than this one; some may, some not."""

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from specbus.verify.checks import Result, execute
from specbus.verify.raw import Exchange, request
from specbus.verify.run import collect, target_of
from specbus.verify.target import Options, Target
from tests.support.answering import Answer, answering
from tests.support.documents import SPECS

Reply = Callable[[bytes], bytes]
"""The answer to a request, given its head."""
DEADLINE = 3.0


def status(number: int, *fields: str) -> bytes:
    end = [] if number == 101 else ["Content-Length: 0", "Connection: close"]
    return "\r\n".join([f"HTTP/1.1 {number} Reason", *fields, *end, "", ""]).encode()


CLOSED = b""
OK, CREATED, REFUSED, FORBIDDEN, NOWHERE, SWITCHED = map(status, (200, 201, 400, 403, 404, 101))


def closing(reply: Reply) -> Answer:
    """A server that sends each client its reply, and then closes."""

    def answer(connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := connection.recv(65_536)):
                return
            head += more
        connection.sendall(reply(head))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass

    return answer


class Server:
    """A server that may be changed, so that the documents are read once, and the checks of it."""

    def __init__(self, target: Target) -> None:
        self.answer: Answer = closing(by({}))
        self._target = target
        self._checks = {each.name: each for each in collect(target)}

    def found(self, check: str) -> Result:
        return execute(self._checks[check], self._target)


@pytest.fixture(scope="module", params=[None])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    servers: list[Server] = []

    def answer(connection: socket.socket) -> None:
        (servers[0].answer if servers else closing(by({})))(connection)

    options = {"deadline": DEADLINE, "api_key": request.param}
    with answering(answer) as url, target_of(Options(url, SPECS, **options)) as target:
        servers.append(Server(target))
        yield servers[0]
        # The target asks for its topics when it ends.
        servers[0].answer = closing(by({}))


def problems(result: Result) -> list[str]:
    assert result.error is None, result.error
    return [failure.problem for failure in result.failures]


def by(answers: dict[str, bytes], otherwise: bytes = CREATED) -> Reply:
    """Answers to requests by what is in their heads: the first counts."""

    def reply(head: bytes) -> bytes:
        return next((answer for text, answer in answers.items() if text.lower().encode() in head.lower()), otherwise)

    return reply


HOST = "a request without exactly one valid Host is a 400"
CODING = "a body in a transfer coding that it does not have is refused"
UPGRADE = "a request that asks for another protocol is carried out"
ORDER = "requests before a handshake are answered before it"
CHANGE = "a change by a page of another site is a 403"
OWN = "a change by a page of the service itself is carried out"
PAGE = "a handshake of a page of another site is a 403"
NO_HANDSHAKE = "a request that is no handshake opens no WebSocket"
OLD = "an Upgrade in an old version of HTTP or without Connection opens no WebSocket"
EARLY = "a frame that comes with its handshake is answered or the handshake refused"
ESCAPED = "an escaped letter in a path is that letter"


@pytest.mark.parametrize(
    ("check", "reply"),
    [
        (HOST, by({}, REFUSED)),
        (CODING, by({"Transfer-Encoding": status(501)})),
        (CODING, by({"Transfer-Encoding": REFUSED})),
        (CODING, by({"Transfer-Encoding": status(422)})),
        # HTTP/2, if it is spoken.
        (UPGRADE, by({"Upgrade: h2c": SWITCHED})),
        # The next request may be left unanswered, with the connection closed.
        (UPGRADE, by({})),
        (UPGRADE, by({}, CREATED + NOWHERE)),
        (ORDER, by({}, OK)),
        (ORDER, by({}, OK + NOWHERE + SWITCHED)),
        (ORDER, by({}, OK + NOWHERE + REFUSED)),
        (CHANGE, by({"Origin:": FORBIDDEN})),
        # One site that is allowed.
        (CHANGE, by({"Origin: null": status(201, "Access-Control-Allow-Origin: null"), "Origin:": FORBIDDEN})),
        (PAGE, by({"Origin:": FORBIDDEN})),
        (NO_HANDSHAKE, by({}, REFUSED)),
        (NO_HANDSHAKE, by({}, CLOSED)),
        (EARLY, by({}, REFUSED)),
        (EARLY, by({}, SWITCHED)),
        (ESCAPED, by({}, OK)),
    ],
)
def test_whatever_the_rules_allow_is_kept(server: Server, check: str, reply: Reply) -> None:
    server.answer = closing(reply)
    result = server.found(check)
    assert (problems(result), result.skipped) == ([], None)


BROKEN: list[tuple[str, Reply, str]] = [
    (HOST, by({}, OK), "GET / with no Host is answered with 200, not 400"),
    (HOST, by({}, CLOSED), "GET / with no Host is not answered: the connection is closed, not 400"),
    (HOST, by({}, b"what?\r\n\r\n"), "the answer to 'GET / HTTP/1.1…' cannot be read: BadStatusLine what?…"),
    (HOST, by({}, OK.replace(b"h: 0", b"h: 9")), "the answer to 'GET / HTTP/1.1…' cannot be read: IncompleteRead…"),
    (CODING, by({}), "POST /topics with Transfer-Encoding: gzip, chunked is answered with 201, not 501 or 4xx"),
    (UPGRADE, by({"Upgrade:": REFUSED}), "POST /topics with Upgrade: h2c is answered with 400, not carried out"),
    (UPGRADE, by({}, SWITCHED), "POST /topics with Upgrade: no-such-protocol is answered with 101, not carried out"),
    (
        UPGRADE,
        by({}, CREATED + REFUSED),
        "GET /no-such-path, behind POST /topics with Upgrade: h2c, is answered with 400, not 404",
    ),
    (ORDER, by({}, SWITCHED), "a handshake behind two requests is answered when 0 of them have their answers"),
    (
        ORDER,
        by({}, NOWHERE + OK),
        "GET / and GET /no-such-path, before a handshake, are answered with 404 and 200, not 2xx and 404",
    ),
    (ORDER, by({}, CLOSED), "GET / and GET /no-such-path, before a handshake, are answered with nothing, …"),
    (CHANGE, by({}), "POST /topics with Origin: https://other-site.invalid is answered with 201, not 403"),
    (OWN, by({"Origin:": FORBIDDEN}), "POST /topics with Origin: http://127.0.0.1:…, its own, is answered with 403"),
    (
        PAGE,
        by({"Upgrade:": SWITCHED}),
        "a handshake with Origin: https://other-site.invalid is answered with 101, not 403",
    ),
    (NO_HANDSHAKE, by({}, SWITCHED), "a handshake with the method POST is answered with 101, not refused"),
    (OLD, by({}, SWITCHED), "a handshake in HTTP/1.0 is answered with 101, not refused"),
    (ESCAPED, by({"%": NOWHERE}), "GET /health as /%68ealth is answered with 404, though it is the same path"),
]


@pytest.mark.parametrize(("check", "reply", "problem"), BROKEN)
def test_what_breaks_a_rule_is_told_in_a_sentence(server: Server, check: str, reply: Reply, problem: str) -> None:
    server.answer = closing(reply)
    first, *_ = problems(server.found(check))
    assert re.fullmatch(re.escape(problem).replace("…", ".*"), first, re.DOTALL), first


@pytest.mark.parametrize("check", [CHANGE, PAGE])
def test_a_server_that_says_it_is_for_all_pages_is_not_asked_to_refuse_some(server: Server, check: str) -> None:
    server.answer = closing(by({}, status(403, "Access-Control-Allow-Origin: *")))
    result = server.found(check)
    assert (problems(result), result.skipped) == ([], "the server says that pages of any site may use it")


def test_a_frame_that_came_with_its_handshake_is_waited_for_until_the_deadline(server: Server) -> None:
    def silent(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(SWITCHED)
        connection.recv(65_536)

    server.answer = silent
    assert problems(server.found(EARLY)) == ["a valid Ping that comes with its handshake is not answered"]


def test_an_answer_in_drops_is_not_waited_for_longer_than_the_deadline(server: Server) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: y\r\n")
            time.sleep(DEADLINE / 20)

    server.answer = drip
    begun = time.monotonic()
    (problem,) = problems(server.found(HOST))
    assert problem.startswith("nothing answers 'GET / ")
    assert time.monotonic() - begun < 3 * DEADLINE


@pytest.mark.parametrize("server", ["secret"], indirect=True)
@pytest.mark.parametrize("check", [HOST, NO_HANDSHAKE])
def test_a_failure_has_a_command_that_shows_it_and_not_the_key(server: Server, check: str) -> None:
    server.answer = closing(by({}, SWITCHED))
    failure, *_ = server.found(check).failures
    assert "X-API-Key: KEY" in failure.reproduce
    assert " | nc 127.0.0.1 " in failure.reproduce
    assert "secret" not in failure.reproduce + "".join(failure.steps)


@pytest.mark.parametrize("body", [b"100% \\n 'it' \"is\" $HOME `id`", bytes(range(1, 256)), b"[" * 5_000])
def test_the_command_of_a_request_sends_its_bytes(body: bytes) -> None:
    data = request(Target(Options("http://127.0.0.1:9", SPECS)), "POST", "/topics") + body
    command, _, _ = Exchange(Target(Options("http://127.0.0.1:9", SPECS)), data).command.rpartition(" | ")
    assert subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout == data


def test_a_request_goes_to_the_host_and_below_the_path_of_the_url() -> None:
    target = Target(Options("http://bus.example:8080/bus/", SPECS, api_key="secret"))
    assert request(target, "GET", "/topics", "Connection: close").split(b"\r\n") == [
        *(b"GET /bus/topics HTTP/1.1", b"Host: bus.example:8080", b"X-API-Key: secret", b"Connection: close", b"", b"")
    ]
