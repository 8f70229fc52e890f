"""What HTTP connections may cost: how many there are, how long they take, and what an answer holds in memory."""

import asyncio
import contextlib
import gc
import json
import logging
import resource
import socket
import weakref
from collections.abc import Callable

import httpx
import pytest

from specbus.auth import keys
from specbus.http import app
from specbus.log import RateLimited
from tests.support.http import publish
from tests.support.messages import UUID
from tests.support.program import program, resident_bytes, until
from tests.support.raw import HANDSHAKE, reset
from tests.support.server import Server, connected

Serve = Callable[..., Server]
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def opened(server: Server, data: bytes = b"") -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    raw.sendall(data)
    return raw


def rest(raw: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    return b"".join(iter(lambda: raw.recv(65_536), b""))


def idle(server: Server) -> socket.socket:
    """A connection whose one request is answered."""
    raw = opened(server, GET)
    answered(raw)
    return raw


def answered(raw: socket.socket) -> None:
    """See that a request is answered, and read all of it."""
    answer = b""
    while not answer.endswith(b"}"):
        answer += raw.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200 ")


# Number


def test_of_connections_only_so_many_are_taken_and_the_next_is_told_so(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(max_http_connections=3)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(opened(server, GET[:20]))
        # They have no turn of their own in which it can be seen that they were taken.
        for _ in range(2):
            with opened(server, GET) as raw:
                answer = rest(raw)
            assert answer.startswith(b"HTTP/1.1 503 "), answer
            assert b"\r\nRetry-After: " in answer
            assert b"application/problem+json" in answer
    logged = [vars(record)["fields"] for record in caplog.records if record.message == "limit reached"]
    assert [fields["limit"] for fields in logged] == ["max_http_connections"]
    while httpx.get(f"{server.url}/health").status_code != 200:
        pass


def test_a_connection_that_waits_for_a_request_goes_for_one_that_has_one(serve: Serve) -> None:
    server = serve(max_http_connections=2)
    with idle(server) as first, idle(server) as second, idle(server) as third:
        assert first.recv(1) == b""
        for raw in (second, third):
            raw.sendall(GET)
            answered(raw)
        # Now the second is the one that has waited longest.
        with idle(server):
            assert second.recv(1) == b""


async def test_websockets_are_not_among_them(serve: Serve) -> None:
    server = serve(max_http_connections=1)
    async with connected(server) as one, connected(server) as other:
        assert (await asyncio.to_thread(httpx.get, f"{server.url}/health")).status_code == 200
        for socket_ in (one, other):
            assert (await socket_.ask({"type": "ping"}))["type"] == "pong"


def test_where_descriptors_are_few_the_service_says_so_and_goes_on() -> None:
    limit = 200
    with program() as service, contextlib.ExitStack() as stack:
        resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        for _ in range(limit):
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=10))
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as last:
            assert rest(last).startswith(b"HTTP/1.1 503 ")
        stack.close()
        while httpx.get(f"{service.url}/health").status_code != 200:
            pass
        lines = service.stop()
    reached = [line for line in lines if "limit reached" in line]
    assert reached
    assert "limit=descriptors" in reached[0]


# Time


def test_a_body_that_does_not_come_is_refused_in_time(serve: Serve) -> None:
    server = serve(request_timeout=0.2)
    head = b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    for part in (b"", b'{"name"'):
        with opened(server, head + part) as raw:
            answer = rest(raw)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"the body of a request must come within 0.2 seconds" in answer


def test_a_body_that_does_not_come_behind_other_requests_is_refused_in_its_place(serve: Serve) -> None:
    server = serve(request_timeout=0.2)
    head = b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    with opened(server, GET * 3 + head) as raw:
        answer = rest(raw)
        assert [line[9:12] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")] in (
            [b"200", b"200", b"200", b"408"],
            # The heads of problem documents stand behind bodies without a line break.
            [b"200"],
        )
        assert answer.count(b"HTTP/1.1 200 ") == 3
        assert answer.count(b"HTTP/1.1 408 ") == 1


def test_a_body_that_is_not_wanted_ends_the_connection_in_time(serve: Serve) -> None:
    server = serve(request_timeout=0.2)
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n"
    with opened(server, head) as raw:
        answer = rest(raw)
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert answer.count(b"HTTP/1.1 ") == 1


def test_a_connection_is_kept_as_long_as_the_setting_says(serve: Serve) -> None:
    with idle(serve(keep_alive=0.1)) as raw:
        assert raw.recv(1) == b""


def large_history(server: Server) -> None:
    httpx.post(f"{server.url}/topics", json={"name": "orders"}).raise_for_status()
    for _ in range(30):
        publish(server, "orders", "x" * 1_000_000)


def test_an_answer_that_nobody_reads_is_given_up_and_the_log_says_so(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(request_timeout=2, debug=False)
    large_history(server)
    caplog.set_level(logging.INFO)
    with opened(server, b"GET /topics/orders/messages HTTP/1.1\r\nHost: localhost\r\n\r\n") as raw:
        while not [record for record in caplog.records if record.message == "answer not read"]:
            assert httpx.get(f"{server.url}/health").status_code == 200
        with contextlib.suppress(ConnectionError):
            assert len(rest(raw)) < 30_000_000
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_large_answer_comes_whole_to_one_who_reads(serve: Serve) -> None:
    server = serve()
    large_history(server)
    events = httpx.get(f"{server.url}/topics/orders/messages").json()["events"]
    assert [event["offset"] for event in events] == list(range(1, 31))
    assert all(event["message"]["payload"] == "x" * 1_000_000 for event in events)


def test_a_client_that_leaves_during_a_large_answer_leaves_nothing_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(debug=False)
    large_history(server)
    caplog.set_level(logging.INFO)
    caplog.clear()
    for _ in range(5):
        raw = opened(server, b"GET /topics/orders/messages HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.recv(1_000)
        raw.close()
    assert httpx.get(f"{server.url}/health").status_code == 200
    assert [record.message for record in caplog.records if record.name != "httpx"] == []


# Memory


@pytest.mark.parametrize(
    "sent",
    [
        GET,
        GET[:20],
        b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n",
    ],
    ids=["waits for a request", "waits for a head", "waits for a body"],
)
def test_a_connection_that_is_reset_is_not_kept_until_its_time_is_over(server: Server, sent: bytes) -> None:
    connections = server.service._server.server_state.connections
    with opened(server, sent) as raw:
        if sent == GET:
            assert raw.recv(65_536).startswith(b"HTTP/1.1 200 ")
        until(lambda: bool(connections))
        gone = weakref.ref(next(iter(connections)))
        reset(raw)
    until(lambda: gc.collect() >= 0 and gone() is None)


@pytest.mark.slow
def test_answers_that_nobody_reads_share_what_they_answer_with() -> None:
    with program() as service:
        large_history(service)  # type: ignore[arg-type] # it has the same url
        before = resident_bytes(service)
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                raw = stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
                raw.sendall(b"GET /topics/orders/messages HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert raw.recv(100).startswith(b"HTTP/1.1 200 ")
            # 600 MB, were each to be held by itself.
            assert resident_bytes(service) - before < 200_000_000


def test_bodies_on_their_way_are_bounded_together(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_MAX_BODIES_BYTES", 3_000)
    server = serve(max_frame_bytes=2_000)
    httpx.post(f"{server.url}/topics", json={"name": "orders"}).raise_for_status()
    head = b"POST /topics/orders/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    part = head + b"Content-Length: 1900\r\n\r\n" + b" " * 1_800
    with opened(server, part), opened(server, part) as second:
        assert rest(second).startswith(b"HTTP/1.1 503 ")
        publish(server, "orders", 1)
    publish(server, "orders", "x" * 1_800)


# Credentials


def test_the_log_says_that_a_credential_was_refused_and_never_what_it_was(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process says it once a second, and another test may just have made it say so.
    monkeypatch.setattr(
        keys, "_refused", RateLimited(logging.getLogger(keys.__name__), "credential refused", by="credential")
    )
    server = serve(api_key="right")
    with opened(server, HANDSHAKE.replace(b"\r\n\r\n", b"\r\nX-API-Key: wrong-one\r\n\r\n")) as raw:
        assert rest(raw).startswith(b"HTTP/1.1 401 ")
    assert httpx.get(f"{server.url}/topics").status_code == 401
    body = json.dumps({"id": UUID, "payload": 1})
    assert httpx.post(f"{server.url}/topics", content=body, headers={"X-API-Key": "wrong-two"}).status_code == 401
    logged = [vars(record)["fields"] for record in caplog.records if record.message == "credential refused"]
    assert [fields["credential"] for fields in logged[:2]] == ["X-API-Key", "none"]
    assert all(fields["peer"].startswith("127.0.0.1:") for fields in logged)
    assert "wrong" not in str(logged)
