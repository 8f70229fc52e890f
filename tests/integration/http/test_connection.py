"""HTTP connections: requests that ask for an upgrade, requests that do not wait for answers, and where one ends."""

import itertools
import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from email.utils import parsedate_to_datetime

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.http import exchange
from tests.support.messages import UUID
from tests.support.program import program, resident_bytes
from tests.support.raw import HANDSHAKE, TEXT, frame, ping
from tests.support.server import Server, running

LAST = b"GET /topics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
UPGRADES = (b"h2c", b"HTTP/2.0", b"TLS/1.0", b"WebSocket2", b"foo/1, bar", b"websocket/13", b"")
BODY = json.dumps({"id": UUID, "payload": 1}).encode()
DELETE = b"DELETE /topics/orders HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all that leaves nothing behind."""
    with running() as server:
        httpx.post(f"{server.url}/topics", json={"name": "orders"}).raise_for_status()
        yield server


def answers(data: bytes) -> list[tuple[int, bytes]]:
    """The statuses and bodies of answers that came one behind the other."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
        size = int(fields.get(b"content-length", b"0"))
        found.append((int(status.split()[1]), data[:size]))
        data = data[size:]
    return found


def statuses(server: Server, *segments: bytes) -> list[int]:
    """The statuses that the server answers with to `segments`, each sent when the one before has been read."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for segment in segments:
            raw.sendall(segment)
        return [status for status, _ in answers(b"".join(iter(lambda: raw.recv(65_536), b"")))]


def asking(
    upgrade: bytes, fields: bytes = b"", body: bytes = b"", line: bytes = b"POST /topics/orders/messages"
) -> bytes:
    """A request that asks for an upgrade."""
    wish = (
        b"Host: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AAMAAABk\r\n"
        % upgrade
    )
    return line + b" HTTP/1.1\r\n" + wish + b"Content-Type: application/json\r\n" + fields + b"\r\n" + body


def with_length(body: bytes) -> tuple[bytes, bytes]:
    return b"Content-Length: %d\r\n" % len(body), body


def in_chunks(body: bytes) -> tuple[bytes, bytes]:
    chunks = [body[:5], body[5:]]
    return b"Transfer-Encoding: chunked\r\n", b"".join(
        b"%x\r\n%b\r\n" % (len(each), each) for each in chunks
    ) + b"0\r\n\r\n"


# An upgrade to anything but WebSocket (RFC 9110, 7.8: a server may ignore it)


@pytest.mark.parametrize("encode", [with_length, in_chunks])
@pytest.mark.parametrize("upgrade", UPGRADES)
def test_a_request_that_asks_for_another_upgrade_has_its_body_read(
    server: Server, upgrade: bytes, encode: Callable[[bytes], tuple[bytes, bytes]]
) -> None:
    request = asking(upgrade, *encode(BODY))
    assert statuses(server, request + LAST) == [202, 200]
    head, _, body = request.partition(b"\r\n\r\n")
    assert statuses(server, head + b"\r\n\r\n", body, LAST) == [202, 200]


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_what_stands_in_a_body_is_no_request(server: Server, upgrade: bytes) -> None:
    assert statuses(server, asking(upgrade, *with_length(DELETE)) + LAST) == [400, 200]
    head, _, body = asking(upgrade, *with_length(DELETE)).partition(b"\r\n\r\n")
    assert statuses(server, head + b"\r\n\r\n", body, LAST) == [400, 200]
    assert httpx.get(f"{server.url}/topics/orders").status_code == 200


def test_several_such_requests_and_others_are_each_answered_once(server: Server) -> None:
    plain = LAST.replace(b"Connection: close\r\n", b"")
    requests = asking(b"h2c", line=b"GET /topics") + plain + asking(b"h2c", *with_length(BODY)) * 3 + plain
    assert statuses(server, requests + LAST) == [200, 200, 202, 202, 202, 200, 200]


def test_the_wish_to_close_stands_beside_the_upgrade(server: Server) -> None:
    request = asking(b"h2c", line=b"GET /topics").replace(b"HTTP2-Settings\r\n", b"close\r\n", 1)
    assert statuses(server, request + LAST) == [200]


REQUESTS = st.sampled_from(
    [
        (LAST.replace(b"Connection: close\r\n", b""), 200),
        (asking(b"h2c", line=b"GET /topics"), 200),
        (asking(b"h2c", *with_length(BODY)), 202),
        (asking(b"TLS/1.0", *in_chunks(BODY)), 202),
        (asking(b"x", *with_length(DELETE)), 400),
        (b"POST /topics/orders/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY), 202),
        (b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    ]
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(REQUESTS, max_size=40), st.lists(st.integers(0, 6_000), max_size=8))
def test_however_requests_are_cut_into_segments_each_has_its_answer_in_order(
    server: Server, requests: Sequence[tuple[bytes, int]], cuts: list[int]
) -> None:
    data = b"".join(request for request, _ in requests) + LAST
    ends = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    segments = [data[start:end] for start, end in itertools.pairwise(ends)]
    assert statuses(server, *segments) == [*(status for _, status in requests), 200]


# An upgrade to WebSocket


def opened(server: Server, data: bytes) -> socket.socket:
    """A connection on which `data` was sent."""
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    raw.sendall(data)
    return raw


def read_until(raw: socket.socket, end: bytes) -> bytes:
    """What comes up to `end`, which is in what comes last."""
    came = b""
    while end not in came:
        part = raw.recv(65_536)
        assert part, came
        came += part
    return came


@pytest.mark.parametrize(
    "handshake",
    [
        HANDSHAKE,
        HANDSHAKE.replace(b"Connection: Upgrade", b"Connection: keep-alive\r\nConnection: Upgrade"),
        HANDSHAKE.replace(b"Connection: Upgrade", b"Connection: Upgrade\r\nConnection: keep-alive"),
        HANDSHAKE.replace(b"Upgrade: websocket", b"Upgrade: WebSocket"),
    ],
)
def test_a_frame_in_the_segment_of_the_handshake_is_carried_out(server: Server, handshake: bytes) -> None:
    with opened(server, handshake + frame(TEXT, ping("first"))) as raw:
        came = read_until(raw, b'"first"')
    assert came.startswith(b"HTTP/1.1 101 ")


def test_a_handshake_waits_for_the_answers_to_what_came_before_it(server: Server) -> None:
    plain = LAST.replace(b"Connection: close\r\n", b"")
    with opened(server, plain * 3 + HANDSHAKE + frame(TEXT, ping("first"))) as raw:
        came = read_until(raw, b'"first"')
    http, _, websocket = came.partition(b"HTTP/1.1 101 ")
    assert [status for status, _ in answers(http)] == [200, 200, 200]
    assert b"200 OK" not in websocket


def test_a_handshake_behind_the_wish_to_close_is_none(server: Server) -> None:
    assert [status for status, _ in answers(exchange(server, LAST + HANDSHAKE))] == [200]


WELL_FORMED = (b"localhost", b"localhost:", b"127.0.0.1:80", b"[::1]:8080", b"LOCALHOST:1")
MALFORMED = (
    b"local host",
    b"localhost/x",
    b"localhost:80a",
    b"a@localhost",
    b"[::1",
    b"localhost, localhost",
    b"\xe4.org",
    b"[::1]x",
)


@pytest.mark.parametrize("host", WELL_FORMED)
def test_a_host_with_a_port_or_without_is_one(server: Server, host: bytes) -> None:
    assert statuses(server, LAST.replace(b"localhost", host)) == [200]
    with opened(server, HANDSHAKE.replace(b"localhost", host)) as raw:
        assert raw.recv(65_536).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("field", [b"", b"Host: localhost\r\n" * 2, *(b"Host: %b\r\n" % host for host in MALFORMED)])
@pytest.mark.parametrize("request_", [LAST, HANDSHAKE], ids=["request", "handshake"])
def test_a_request_without_just_one_host_is_refused(server: Server, request_: bytes, field: bytes) -> None:
    assert statuses(server, request_.replace(b"Host: localhost\r\n", field)) == [400]
    plain = LAST.replace(b"Connection: close\r\n", b"")
    assert statuses(server, plain * 2 + request_.replace(b"Host: localhost\r\n", field) + plain) == [200, 200, 400]


def test_http_1_0_needs_no_host(server: Server) -> None:
    assert statuses(server, b"GET /topics HTTP/1.0\r\n\r\n") == [200]


def test_with_http_1_0_there_is_no_handshake(server: Server) -> None:
    assert statuses(server, HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0")) == [426]


# Requests that do not wait for answers


def test_what_cannot_be_parsed_is_refused_in_its_place(server: Server) -> None:
    plain = LAST.replace(b"Connection: close\r\n", b"")
    assert statuses(server, plain * 3 + b"what is this?\r\n\r\n" + plain) == [200, 200, 200, 400]
    broken = b"POST /topics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    assert statuses(server, plain * 3 + broken + plain) == [200, 200, 200, 400]


@pytest.mark.parametrize("behind", [b"", LAST, DELETE])
def test_behind_connect_there_is_nothing(server: Server, behind: bytes) -> None:
    connect = b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"
    assert statuses(server, connect + behind) == [501]
    assert httpx.get(f"{server.url}/topics/orders").status_code == 200


def test_requests_that_wait_are_bounded() -> None:
    with program() as service:
        before = resident_bytes(service)
        request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        sent = 0
        with socket.create_connection(("127.0.0.1", service.port)) as raw:
            raw.settimeout(1)
            try:
                # Nobody reads the answers. Half a million requests would be 25 MB.
                while sent < 25_000_000:
                    sent += raw.send(request * 2_000)
            except TimeoutError:
                pass
            assert resident_bytes(service) - before < 20_000_000
            # The service does not hold up anybody else meanwhile.
            assert httpx.get(f"{service.url}/health").status_code == 200
        assert sent < 25_000_000


# The end of a connection

POST = b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LARGE = 30_000_000
"""Bytes of a body, more than the system's buffers hold."""


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (POST + b"Content-Length: %d\r\n\r\n" % LARGE, 413),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % LARGE, 413),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (POST + b"Host: other\r\nContent-Length: %d\r\n\r\n" % LARGE, 400),
        (b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % LARGE, 404),
        (POST.replace(b"1.1", b"1.0") + b"X-API-Key: x\r\nContent-Length: %d\r\n\r\n" % LARGE, 413),
        (b"this is not HTTP\r\n\r\n", 400),
    ],
)
def test_who_sends_the_whole_body_before_reading_gets_the_answer_all_the_same(
    server: Server, head: bytes, status: int
) -> None:
    """A close with bytes unread would be a reset, which takes the answer along (RFC 9112, 9.6)."""
    with opened(server, head) as raw:
        raw.sendall(b" " * LARGE)
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert [found for found, _ in answers(answer)] == [status]
    assert b"connection: close\r\n" in answer.lower()


@pytest.mark.parametrize("wrong", [b"this is not HTTP\r\n\r\n", POST + b"Transfer-Encoding: gzip\r\n\r\n"])
def test_what_is_refused_before_it_is_a_request_is_answered_with_a_date(server: Server, wrong: bytes) -> None:
    """RFC 9110, 6.6.1."""
    head, *_ = exchange(server, wrong).partition(b"\r\n\r\n")
    (date,) = re.findall(r"^date: (.*)$", head.decode(), re.MULTILINE)
    assert abs(parsedate_to_datetime(date.strip()).timestamp() - time.time()) < 60


def test_who_goes_on_sending_behind_the_last_answer_is_cut_off_in_time() -> None:
    with (
        running(request_timeout=0.2) as server,
        opened(server, b"this is not HTTP\r\n\r\n") as raw,
        pytest.raises(ConnectionError),
    ):
        any(map(raw.sendall, itertools.repeat(b" ")))


def test_who_goes_on_sending_behind_the_last_answer_goes_for_one_who_has_a_request() -> None:
    with running(max_http_connections=1) as server, opened(server, b"this is not HTTP\r\n\r\n") as raw:
        assert raw.recv(65_536).startswith(b"HTTP/1.1 400 ")
        assert httpx.get(f"{server.url}/health").status_code == 200


def test_a_stop_does_not_wait_for_who_goes_on_sending_behind_the_last_answer() -> None:
    with socket.socket() as raw:
        raw.settimeout(10)
        with running(shutdown_deadline=60) as server:
            raw.connect(("127.0.0.1", server.port))
            raw.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
            assert raw.recv(65_536).startswith(b"HTTP/1.1 400 ")
