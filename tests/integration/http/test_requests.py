"""What a request may look like (RFC 9110, 9112), over raw sockets: its version, target, codings."""

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.support.http import exchange
from tests.support.messages import UUID
from tests.support.raw import HANDSHAKE
from tests.support.server import Server, running

BODY = json.dumps({"id": UUID, "payload": 1}).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all that leaves nothing behind."""
    with running() as server:
        httpx.post(f"{server.url}/topics", json={"name": "orders"}).raise_for_status()
        yield server


def request(line: str, *fields: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([line, "Host: localhost", "Connection: close", *fields, "", ""])
    return head.encode("latin-1") + body


def answer(server: Server, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, fields and body of the one answer to `data`."""
    head, _, body = exchange(server, data).partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), fields, body


# Version


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/0.9"])
def test_another_version_is_refused(server: Server, version: str) -> None:
    status, fields, body = answer(server, request(f"GET /topics {version}"))
    assert (status, fields["content-type"]) == (505, "application/problem+json")
    assert json.loads(body)["detail"] == f"{version} is not spoken here, but HTTP/1.1"


@pytest.mark.parametrize(
    "line", ["GET /topics", "PRI * HTTP/2.0\r\n\r\nSM", "GET /topics HTTP/3.0", "GET /topics HTTPS/1.1"]
)
def test_what_has_no_version_of_http_1_is_no_request(server: Server, line: str) -> None:
    assert answer(server, request(line))[0] in (400, 505)


# Codings


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "identity", "x"])
def test_a_transfer_coding_but_chunked_is_not_implemented(server: Server, coding: str) -> None:
    data = request(
        "POST /topics/orders/messages HTTP/1.1",
        "Content-Type: application/json",
        f"Transfer-Encoding: {coding}",
        body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
    )
    status, _, body = answer(server, data)
    assert (status, json.loads(body)["detail"]) == (501, "the only Transfer-Encoding is chunked")


def test_http_1_0_has_no_transfer_coding(server: Server) -> None:
    data = request("POST /topics HTTP/1.0", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")
    assert answer(server, data)[0] == 400


def test_chunked_may_be_written_in_any_case(server: Server) -> None:
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    fields = ("Content-Type: application/json", "Transfer-Encoding: Chunked")
    assert answer(server, request("POST /topics/orders/messages HTTP/1.1", *fields, body=chunks))[0] == 202


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, identity", "GZIP", "x"])
def test_an_encoded_body_is_not_taken(server: Server, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    answered = httpx.post(f"{server.url}/topics/orders/messages", content=BODY, headers=headers)
    assert (answered.status_code, answered.headers["Accept-Encoding"]) == (415, "identity")


def test_identity_is_no_encoding(server: Server) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "Identity"}
    assert httpx.post(f"{server.url}/topics/orders/messages", content=BODY, headers=headers).status_code == 202


# Target


@pytest.mark.parametrize("target", ["*", "http://localhost", "https://localhost:1"])
def test_options_of_the_service_as_a_whole(server: Server, target: str) -> None:
    status, fields, _ = answer(server, request(f"OPTIONS {target} HTTP/1.1"))
    assert (status, fields["allow"]) == (204, "delete, get, head, options, post")


@pytest.mark.parametrize("target", ["*", "topics", "localhost:80", "?x", "ftp://localhost/topics"])
def test_what_is_no_target_is_refused(server: Server, target: str) -> None:
    assert answer(server, request(f"GET {target} HTTP/1.1"))[0] == 400


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost/topics", 200),
        ("HTTP://127.0.0.1:99/topics?x=1", 400),
        ("https://localhost/topics/orders", 200),
        ("http://localhost?x", 400),
        ("http://localhost", 200),
        ("http://elsewhere/topics", 403),
        ("http:///topics", 400),
        ("http://user@localhost/topics", 400),
    ],
)
def test_a_target_may_be_a_url_whose_host_counts(server: Server, target: str, status: int) -> None:
    assert answer(server, request(f"GET {target} HTTP/1.1"))[0] == status


@pytest.mark.parametrize("target", ["http://localhost/ws", "/%77s", "/ws?token=1", "http://localhost/%77%73?x"])
def test_a_handshake_is_for_the_same_path_however_it_is_written(server: Server, target: str) -> None:

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(HANDSHAKE.replace(b"/ws", target.encode(), 1))
        assert raw.recv(65_536).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("path", ["/%77s", "/ws"])
def test_a_request_for_the_websocket_is_told_to_upgrade(server: Server, path: str) -> None:
    assert httpx.get(server.url + path).status_code == 426


@pytest.mark.parametrize("target", ["/ws%2F", "/%2577s", "http://elsewhere/ws", "/ws/"])
def test_another_path_is_no_websocket(server: Server, target: str) -> None:
    status, _, _ = answer(server, HANDSHAKE.replace(b"/ws", target.encode(), 1))
    assert status == (403 if "elsewhere" in target else 404)


# What an answer depends on


@pytest.mark.parametrize(
    "path", ["/topics", "/stats", "/health", "/openapi.json", "/topics/orders/messages", "/nowhere", "/ws"]
)
def test_no_answer_is_to_be_stored(server: Server, path: str) -> None:
    assert httpx.get(server.url + path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/asyncapi.json"])
def test_an_answer_that_depends_on_what_a_proxy_says_tells_so(server: Server, path: str) -> None:
    vary = httpx.get(server.url + path, headers={"Accept": "application/json"}).headers["Vary"]
    assert {"x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix"} <= set(vary.lower().split(", "))


def test_the_prefix_that_a_proxy_takes_away_is_in_every_path_that_a_client_is_told(server: Server) -> None:
    headers = {"X-Forwarded-Prefix": "/bus"}
    index = httpx.get(server.url, headers={**headers, "Accept": "application/json"}).json()
    assert all(link.startswith("/bus/") for link in index["links"].values())
    created = httpx.post(f"{server.url}/topics", json={"name": "prefixed"}, headers=headers)
    assert created.headers["Location"] == "/bus/topics/prefixed"
    assert httpx.get(f"{server.url}/openapi.json", headers=headers).json()["servers"][0]["url"] == "/bus"


ODD = ["javascript:alert(1)", "a b", "http://x", "<x>", "//evil", "/a/../b", "/a?b"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("field", ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"])
def test_an_odd_field_costs_no_other_its_effect(server: Server, field: str, odd: str) -> None:
    good = {"X-Forwarded-Host": "bus.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/bus"}
    document = httpx.get(f"{server.url}/asyncapi.json", headers={**good, field: odd}).json()
    (found,) = document["servers"].values()
    expected: dict[str, str | None] = {
        "X-Forwarded-Host": "bus.example.org",
        "X-Forwarded-Proto": "wss",
        "X-Forwarded-Prefix": "/bus",
    }
    own = {"X-Forwarded-Host": f"127.0.0.1:{server.port}", "X-Forwarded-Proto": "ws", "X-Forwarded-Prefix": None}
    expected[field] = own[field]
    told = [found["host"], found["protocol"], found.get("pathname")]
    assert told == [expected[name] for name in ("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix")]
