"""What connexion, Starlette and uvicorn get wrong or leave open by themselves, each closed."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Message

from specbus.http.validation import Bodies
from tests.support.http import MISSING, OPERATIONS, WRONG_NAME, check_problem, exchange
from tests.support.messages import UUID
from tests.support.server import Server, connected, running

Serve = Callable[..., Server]
JSON = b"Content-Type: application/json\r\n"
START = b"Host: localhost\r\nConnection: close\r\n"
DECLARE = "Content-Type must be application/json, in UTF-8, not "


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all that leaves nothing behind."""
    with running() as server:
        yield server


@pytest.fixture(autouse=True)
def orders(client: httpx.Client, logged_errors: list[str]) -> Iterator[None]:
    """The only topic, before and after; and nothing is logged as an error."""
    assert client.post("/topics", json={"name": "orders"}).status_code == 201
    yield
    assert client.get("/topics").json() == {"topics": [{"name": "orders", "subscribers": 0}]}
    assert client.delete("/topics/orders").status_code == 200


def ask(server: Server, line: str, headers: bytes = b"", body: bytes = b"") -> httpx.Response:
    """The answer to a request sent as it is here."""
    return parsed(exchange(server, line.encode() + b" HTTP/1.1\r\n" + START + headers + b"\r\n" + body))


def post(server: Server, body: bytes, headers: bytes = JSON, path: str = "/topics") -> httpx.Response:
    """The answer to a POST."""
    return ask(server, f"POST {path}", headers + b"Content-Length: %d\r\n" % len(body), body)


def parsed(answer: bytes) -> httpx.Response:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    assert dict(headers)[b"connection"].endswith(b"close")
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)


def publish(server: Server, body: bytes) -> httpx.Response:
    return post(server, body, path="/topics/orders/messages")


def test_a_chunked_body_is_read(server: Server, client: httpx.Client) -> None:
    body = b'5\r\n{"nam\r\n1;extension=x\r\ne\r\n8\r\n":"new"}\r\n0\r\n\r\n'
    created = ask(server, "POST /topics", JSON + b"Transfer-Encoding: chunked\r\n", body)
    assert (created.status_code, created.json()) == (201, {"status": "created", "topic": "new"})
    client.delete("/topics/new")
    empty = ask(server, "POST /topics", JSON + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n")
    check_problem(empty, 400, "a body is required")


async def test_a_body_in_many_parts_is_measured_as_it_comes() -> None:
    class Part(bytes):
        measured = 0

        def __len__(self) -> int:
            Part.measured += 1
            return super().__len__()

    parts = [Part(b"x") for _ in range(1_000)]

    async def receive() -> Message:
        return {"type": "http.request", "body": parts.pop(), "more_body": bool(parts)}

    assert await Bodies(1_000, 1_000).read(receive, {"type": "http", "headers": []}) == b"x" * 1_000
    assert Part.measured <= 2_000


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json ; charset=utf-8",
        "Application/JSON",
        "application/json;",
        'application/json; a="b; charset=utf-16"',
    ],
)
def test_json_in_utf_8_may_be_declared_in_any_way_that_http_allows(
    server: Server, client: httpx.Client, content_type: str
) -> None:
    created = post(server, b'{"name":"new"}', f"Content-Type: {content_type}\r\n".encode())
    assert (created.status_code, created.text) == (201, '{"status":"created","topic":"new"}')
    client.delete("/topics/new")


@pytest.mark.parametrize(
    ("headers", "given"),
    [
        (b"", "none"),
        (b"Content-Type: \r\n", "none"),
        (b"Content-Type: text/plain\r\n", "text/plain"),
        (b"Content-Type: application/vnd.api+json\r\n", "application/vnd.api+json"),
        (b"Content-Type: application/json; charset=utf-16\r\n", "application/json; charset=utf-16"),
        (b"Content-Type: application/json; charset=latin-1\r\n", "application/json; charset=latin-1"),
        (
            b'Content-Type: application/json;a="b;c" ; CHARSET="utf-16"\r\n',
            'application/json;a="b;c" ; CHARSET="utf-16"',
        ),
        (b"Content-Type: multipart/form-data\r\n", "multipart/form-data"),
        (b"Content-Type: */*\r\n", "*/*"),
        (JSON + JSON, "application/json, application/json"),
        (JSON + b"Content-Type: text/plain\r\n", "application/json, text/plain"),
    ],
)
def test_a_body_that_is_not_declared_as_json_in_utf_8_is_refused(server: Server, headers: bytes, given: str) -> None:
    for path in ("/topics", "/topics/orders/messages"):
        refused = post(server, b'{"name":"new"}', headers, path)
        check_problem(refused, 415, DECLARE + given)
        assert refused.headers["accept"] == "application/json"


def test_a_body_in_a_foreign_charset_is_refused_however_it_is_declared(server: Server) -> None:
    body = '{"name":"new"}'.encode("utf-16")
    declared = b"application/json; charset=utf-16"
    check_problem(post(server, body, b"Content-Type: " + declared + b"\r\n"), 415, DECLARE + declared.decode())
    check_problem(post(server, body), 400, "the body is not valid UTF-8")


@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
def test_invalid_utf_8_is_refused_wherever_it_stands(server: Server, text: bytes) -> None:
    check_problem(post(server, b'{"name":"' + text + b'"}'), 400, "the body is not valid UTF-8")
    for payload in (b'"' + text + b'"', b'{"' + text + b'":1}'):
        body = b'{"id":"%b","payload":%b}' % (UUID.encode(), payload)
        check_problem(publish(server, body), 400, "the body is not valid UTF-8")


@pytest.mark.parametrize("nested", [b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000])
def test_deep_nesting_is_refused(server: Server, nested: bytes) -> None:
    detail = "the body is nested more than 127 levels deep"
    check_problem(post(server, nested), 400, detail)
    check_problem(post(server, b'{"name":%b}' % nested), 400, detail)
    check_problem(publish(server, b'{"id":"%b","payload":%b}' % (UUID.encode(), nested)), 400, detail)
    check_problem(publish(server, b"[" * 10_000), 400, detail)


@pytest.mark.parametrize("name", [r"abc\n", r"abc\r\n", r"\nabc", r"abc\u2028", r"abc\u0000"])
def test_a_line_break_does_not_pass_for_the_end_of_a_name(server: Server, name: str) -> None:
    check_problem(post(server, f'{{"name":"{name}"}}'.encode()), 400, f"name {WRONG_NAME}")


NAMES = ["orders%0A", "orders%0D%0A", "%0Aorders", "a%20b", "a+b", "%C3%A9", "%ff", "a%00", "%zz", "..", "%2e%2e", ";a"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_path_is_judged_as_it_is_in_a_body(server: Server, name: str) -> None:
    detail = f"name {WRONG_NAME}"
    check_problem(ask(server, f"GET /topics/{name}"), 400, detail)
    check_problem(ask(server, f"DELETE /topics/{name}"), 400, detail)
    check_problem(ask(server, f"GET /topics/{name}/messages"), 400, detail)
    body = b'{"id":"%b","payload":1}' % UUID.encode()
    check_problem(post(server, body, path=f"/topics/{name}/messages"), 400, detail)


def test_a_name_that_is_too_long_is_refused_in_a_path(client: httpx.Client) -> None:
    check_problem(client.get("/topics/" + "a" * 129), 400, "name must have at most 128 characters")
    check_problem(client.get("/topics/" + "a" * 128), 404, f'there is no topic "{"a" * 128}"', *MISSING)


def test_a_percent_encoded_name_is_the_name(server: Server) -> None:
    assert ask(server, "GET /topics/%6Frder%73").json()["name"] == "orders"
    assert ask(server, "GET /%74opics/orders/messages%2e").status_code == 404
    assert ask(server, "GET /%74opics/orders/m%65ssages").json()["topic"] == "orders"


@pytest.mark.parametrize("path", ["/topics/orders%2Fmessages", "/topics%2Forders"])
def test_a_percent_encoded_slash_does_not_part_a_path(server: Server, path: str) -> None:
    assert ask(server, f"GET {path}").status_code in (400, 404)


PATHS = {
    "/nowhere": "/nowhere",
    "/topics/": "/topics/",
    "/topics/orders/": "/topics/orders/",
    "/topics/orders/messages/": "/topics/orders/messages/",
    "/health/": "/health/",
    "/ws/": "/ws/",
    "//topics": "//topics",
    "/topics%0A": r"/topics\n",
    "/HEALTH": "/HEALTH",
    "/topics/../health": "/topics/../health",
    "/caf%C3%A9": "/café",
    "/ui/": "/ui/",
    "/openapi.yaml": "/openapi.yaml",
    "http://localhost/nowhere": "/nowhere",
}


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_path_is_a_problem_and_not_a_redirect(server: Server, path: str) -> None:
    detail = f'there is nothing at "{PATHS[path]}"'
    for method in ("GET", "OPTIONS", "DELETE"):
        answer = ask(server, f"{method} {path}")
        check_problem(answer, 404, detail)
        assert "location" not in answer.headers
    check_problem(post(server, b"{", b"", path), 404, detail)


@pytest.mark.parametrize("path", dict.fromkeys(path for _, path in OPERATIONS))
def test_a_method_that_a_path_does_not_have_is_told_those_it_has(server: Server, path: str) -> None:
    has = {method for method, its_path in OPERATIONS if its_path == path} | {"OPTIONS"}
    allow = ", ".join(sorted(has | {"HEAD"}))
    for method in sorted({"GET", "PUT", "PATCH", "POST", "DELETE", "TRACE", "PROPFIND"} - has):
        refused = ask(server, f"{method} {path}")
        check_problem(refused, 405, f"{path} has no {method}, but {allow}")
        assert refused.headers["allow"] == allow


NOT_AN_INTEGER = "last_n must be an integer, not a string"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        *((f"last_n={text}", NOT_AN_INTEGER) for text in ("1_0", "+1", "%2B1", "%201", "1.0", "1e2", "01", "0x1", "")),
        *((f"last_n={text}", NOT_AN_INTEGER) for text in ("true", "%D9%A1", "%ff", "1,2", "1;x=2")),
        ("last_n", NOT_AN_INTEGER),
        ("last_n=-1", "last_n must be 0 or more"),
        ("last_n=1&last_n=1", "last_n is given twice"),
        ("last_n=1&limit=2", 'unknown query parameter "limit"'),
        ("LAST_N=1", 'unknown query parameter "LAST_N"'),
        ("last_n[]=1", 'unknown query parameter "last_n[]"'),
        ("=1", 'unknown query parameter ""'),
    ],
)
def test_a_query_that_breaks_the_contract_is_refused(server: Server, query: str, detail: str) -> None:
    check_problem(ask(server, f"GET /topics/orders/messages?{query}"), 400, detail)


@pytest.mark.parametrize("digits", [19, 20, 400, 4_300])
def test_however_large_last_n_is_it_is_only_more_than_there_are(server: Server, digits: int) -> None:
    answer = ask(server, f"GET /topics/orders/messages?last_n={'9' * digits}")
    assert (answer.status_code, answer.text) == (200, '{"topic":"orders","events":[]}')


@pytest.mark.parametrize("digits", [4_301, 60_000])
def test_a_number_of_more_digits_than_python_reads_is_refused(server: Server, digits: int) -> None:
    answer = ask(server, f"GET /topics/orders/messages?last_n={'9' * digits}")
    check_problem(answer, 400, answer.json()["detail"])
    assert answer.json()["detail"].startswith("last_n ")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_unknown_query_parameter_is_refused_everywhere(client: httpx.Client, method: str, path: str) -> None:
    body = {"name": "new"} if method == "POST" else None
    refused = client.request(method, path, params={"verbose": "1"}, json=body)
    check_problem(refused, 400, 'unknown query parameter "verbose"')


@pytest.mark.parametrize(
    ("broken", "method", "path"),
    [
        ("create", "POST", "/topics"),
        ("delete", "DELETE", "/topics/orders"),
        ("publish", "POST", "/topics/orders/messages"),
        ("numbers_of", "GET", "/topics/orders"),
        ("history", "GET", "/topics/orders/messages"),
    ],
)
def test_a_bug_in_a_handler_is_a_problem_without_internals_and_a_line_with_the_traceback(
    server: Server,
    client: httpx.Client,
    logged_errors: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
    method: str,
    path: str,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("internals")

    body = {"id": UUID, "payload": 1} if path.endswith("/messages") else {"name": "new"}
    with monkeypatch.context() as patch:
        patch.setattr(server.service.operations, broken, fail)
        failed = client.request(method, path, json=body if method == "POST" else None)
    check_problem(failed, 500, "the service failed; its log says why")
    assert "internals" not in str(failed.headers)
    assert logged_errors == ["an operation failed "]
    logged_errors.clear()
    [record] = [record for record in caplog.records if record.name.startswith("specbus.")]
    assert record.exc_info
    assert re.search(r"Traceback .*operations\.py.*RuntimeError: internals", caplog.text, re.DOTALL)


def test_a_number_that_breaks_the_contract_is_logged_in_debug_mode(
    server: Server, client: httpx.Client, logged_errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.service.engine.topics["orders"], "offset", -1)
    assert client.get("/topics/orders").json()["messages"] == -1
    problem = "messages must be 0 or more"
    assert logged_errors == [f"contract violation {{'operation': 'getTopic', 'problem': '{problem}'}}"]
    logged_errors.clear()


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (Response(status_code=418), "status 418 is not declared"),
        (Response(b"{}", 200, media_type="text/html"), 'content type "text/html" is not declared'),
        (
            Response(b"", 200, media_type="application/json"),
            "the body is not valid JSON: a value is expected (line 1, column 1)",
        ),
        (Response(b"{}", 200, media_type="application/json"), "topics is required"),
        (
            Response(b'{"topics":[{"name":"a b","subscribers":0}]}', 200, media_type="application/json"),
            f"topics[0].name {WRONG_NAME}",
        ),
    ],
    ids=["status", "content type", "no body", "field", "inside"],
)
def test_a_response_that_breaks_the_contract_is_logged_in_debug_mode(
    client: httpx.Client,
    logged_errors: list[str],
    monkeypatch: pytest.MonkeyPatch,
    response: Response,
    problem: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("specbus.http.operations.RestOperations._answer", lambda *_: response)
        assert client.get("/topics").status_code == response.status_code
    assert logged_errors == [f"contract violation {{'operation': 'listTopics', 'problem': '{problem}'}}"]
    logged_errors.clear()


def test_a_response_without_a_header_that_it_needs_is_logged_in_debug_mode(
    client: httpx.Client, logged_errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    created = Response(b'{"status":"created","topic":"a"}', 201, media_type="application/json")
    with monkeypatch.context() as patch:
        patch.setattr("specbus.http.operations.RestOperations._answer", lambda *_: created)
        client.post("/topics", json={"name": "new"})
    client.delete("/topics/new")
    assert logged_errors == ["contract violation {'operation': 'createTopic', 'problem': 'location is required'}"]
    logged_errors.clear()


def test_nothing_is_checked_without_the_debug_switch(serve: Serve) -> None:
    server = serve(debug=False)
    httpx.post(f"{server.url}/topics", json={"name": "orders"})
    server.service.engine.topics["orders"].offset = -1
    assert httpx.get(f"{server.url}/topics/orders").json()["messages"] == -1


MALFORMED = {
    "no http": b"HELLO\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "version": b"GET /health HTTP/9.9\r\n\r\n",
    "method in lower case": b"get /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "header name": b"GET /health HTTP/1.1\r\nHo st: x\r\n\r\n",
    "path not ascii": b"GET /topics/\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "length": b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: abc\r\n\r\n{}",
    "two lengths": b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunked": (
        b"POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"
    ),
    "chunk size": b"POST /topics HTTP/1.1\r\nHost: localhost\r\n"
    + JSON
    + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http_is_a_problem(server: Server, sent: bytes) -> None:
    answer = parsed(exchange(server, sent))
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    problem = answer.json()
    assert problem == {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": problem["detail"]}
    assert problem["detail"]


MOST = 65_536
LARGE = {
    "a field": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * MOST + b"\r\n\r\n",
    "many fields": b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * (MOST // 5) + b"\r\n",
    "the path": b"GET /" + b"x" * MOST + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an unfinished field": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * MOST)[: MOST + 1],
    "an unfinished path": b"GET /" + b"x" * (MOST - 4),
    "line breaks": b"\r\n" * (MOST // 2) + b"G",
    "a handshake": b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX: " + b"x" * MOST + b"\r\n\r\n",
}


@pytest.mark.parametrize("sent", LARGE.values(), ids=LARGE)
def test_a_head_that_is_too_large_is_refused(server: Server, sent: bytes) -> None:
    check_problem(parsed(exchange(server, sent)), 431, f"the head of a request may have at most {MOST} bytes")


def test_a_trailer_without_an_end_ends_the_connection(server: Server, client: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(
            b"POST /topics HTTP/1.1\r\n" + START + JSON + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nX: "
        )
        with pytest.raises(ConnectionError):
            raw.sendall(b"x" * (1_000 * MOST))
    check_problem(client.get("/topics/new"), 404, 'there is no topic "new"', *MISSING)


def test_a_head_may_have_just_the_most_bytes_and_each_on_a_connection_anew(server: Server) -> None:
    def head(more: bytes) -> bytes:
        start = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + more + b"X: "
        return start + b"x" * (MOST - len(start) - 4) + b"\r\n\r\n"

    answer = exchange(server, head(b"") * 3 + head(b"Connection: close\r\n"))
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200"] * 4


def test_a_large_body_in_small_chunks_is_no_large_head(server: Server, client: httpx.Client) -> None:
    body = f'{{"id":"{UUID}","payload":"{"x" * 30_000}"}}'.encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    sent = ask(server, "POST /topics/orders/messages", JSON + b"Transfer-Encoding: chunked\r\n", chunks)
    assert sent.status_code == 202


WAITING = {
    "nothing": [],
    "half a head": [b"GET /health HTTP/1.1\r\nHost: localhost"],
    "half a second head": [b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /hea"],
    "a line break after a request": [b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n"],
    "a body that nobody reads": [b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", b"x"],
}


@pytest.mark.parametrize("sent", WAITING.values(), ids=WAITING)
def test_a_connection_on_which_no_head_comes_in_time_is_closed_and_one_with_a_request_is_not(
    server: Server, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, sent: list[bytes]
) -> None:
    monkeypatch.setattr("specbus.http.connection.HEAD_TIMEOUT", 0.1)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as older,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as idle,
    ):
        older.sendall(
            b"POST /topics HTTP/1.1\r\n" + START + JSON + b"Content-Length: 14\r\nExpect: 100-continue\r\n\r\n"
        )
        assert older.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for data in sent[:-1]:
            idle.sendall(data)
            assert idle.recv(1_000).startswith(b"HTTP/1.1 ")
        idle.sendall(b"".join(sent[-1:]))
        assert idle.recv(1_000) == b""
        older.sendall(b'{"name":"new"}')
        assert older.recv(1_000).startswith(b"HTTP/1.1 201 ")
    client.delete("/topics/new")


async def test_a_websocket_stays_though_no_further_head_comes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specbus.http.connection.HEAD_TIMEOUT", 0.1)
    async with connected(server) as websocket:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await reader.read() == b""
        writer.close()
        await websocket.nothing_more()


@pytest.mark.parametrize(
    "sent",
    [b'Content-Length: 50\r\n\r\n{"name":"new"}', b'Transfer-Encoding: chunked\r\n\r\ne\r\n{"name":"new"}\r\n'],
    ids=["content-length", "chunked"],
)
def test_a_body_that_ends_too_early_creates_nothing_and_is_no_error_of_ours(
    server: Server, client: httpx.Client, sent: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(b"POST /topics HTTP/1.1\r\n" + START + JSON + sent)
        raw.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    # To the server, a client that ends its side is gone: there may be nobody to answer.
    assert not answer or parsed(answer).status_code == 400
    check_problem(client.get("/topics/new"), 404, 'there is no topic "new"', *MISSING)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_the_websocket_without_an_upgrade_asks_for_one(server: Server, method: str) -> None:
    answer = ask(server, f"{method} /ws")
    check_problem(answer, 426, "this is the WebSocket; it wants an upgrade")
    assert answer.headers["upgrade"] == "websocket"
    assert "upgrade" in answer.headers.get_list("connection")


def test_a_connection_goes_on_after_each_refusal_that_left_a_body_unread(server: Server, client: httpx.Client) -> None:
    body = b"x" * 300_000
    refused = [
        client.post("/nowhere", content=body),
        client.put("/topics", content=body),
        client.post("/topics", content=body),
        client.post("/topics?x=1", content=body, headers={"Content-Type": "application/json"}),
        client.request("DELETE", "/topics/none", content=body),
    ]
    assert [answer.status_code for answer in refused] == [404, 405, 415, 400, 404]
    assert not any("connection" in answer.headers for answer in refused)
    assert client.get("/topics/orders").status_code == 200
