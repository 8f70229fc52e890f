"""What web pages may do: from the section "Web pages" of both documents."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.http import OPERATIONS, PAGES, check_problem, exchange
from tests.support.raw import HANDSHAKE
from tests.support.server import Server, running

EVIL = "https://evil.example"
APP = "https://app.example.org"
MAY_NOT = "pages of 'https://evil.example' may not use the service; PUBSUB_ALLOWED_ORIGINS says which may"
NOT_AS = "the service is not to be reached as 'evil.example'; PUBSUB_ALLOWED_HOSTS says by which names"
CHANGES = [(method, path) for method, path in OPERATIONS if method not in ("GET", "HEAD")]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all that leaves nothing behind."""
    with running() as server:
        yield server


def request(server: Server, method: str, path: str, **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, server.url + path, headers=fields, json={} if method == "POST" else None)


def handshake(server: Server, origin: str | None = None, host: str | None = None) -> bytes:
    """The status line and the rest of the answer to a handshake; of one that is accepted, the first that comes."""
    fields = b"" if origin is None else b"Origin: %b\r\n" % origin.encode()
    data = HANDSHAKE.replace(
        b"Host: localhost\r\n", b"Host: %b\r\n" % (host or f"127.0.0.1:{server.port}").encode() + fields
    )
    # A close frame behind it, so that the connection ends.
    return exchange(server, data + b"\x88\x80\0\0\0\0")


def test_there_are_operations_that_change_something() -> None:
    assert {method for method, _ in CHANGES} >= {"POST", "DELETE"}


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_page_of_another_site_changes_nothing(server: Server, method: str, path: str) -> None:
    for origin in (EVIL, "null", f"http://127.0.0.1:{server.port + 1}", f"http://127.0.0.1:{server.port}.evil.example"):
        refused = request(server, method, path, Origin=origin)
        check_problem(refused, 403, MAY_NOT.replace(EVIL, origin))
        assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_the_services_own_page_may(server: Server, method: str, path: str) -> None:
    assert request(server, method, path, Origin=server.url).status_code != 403
    assert request(server, method, path).status_code != 403


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "GET"])
def test_a_page_of_another_site_reads_no_answer(server: Server, path: str) -> None:
    answer = request(server, "GET", path, Origin=EVIL)
    assert answer.status_code != 403
    assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = request(server, "OPTIONS", path, Origin=EVIL, Access_Control_Request_Method="DELETE")
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", [*sorted({path for _, path in OPERATIONS}), *PAGES[1:], "/nowhere"])
def test_by_a_name_that_is_pointed_at_it_nothing_is_reached(server: Server, path: str) -> None:
    for host in ("evil.example", f"evil.example:{server.port}"):
        check_problem(request(server, "GET", path, Host=host, Origin=f"http://{host}"), 403, NOT_AS)
    check_problem(request(server, "GET", path, Host="evil.example", X_Forwarded_Host="localhost"), 403, NOT_AS)


@pytest.mark.parametrize("origin", [EVIL, "null", "", "http://evil.example:8080"])
def test_a_websocket_of_another_sites_page_is_refused(server: Server, origin: str) -> None:
    answer = handshake(server, origin)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert MAY_NOT.replace(EVIL, origin).encode() in answer
    assert b"application/problem+json" in answer


def test_a_websocket_by_a_name_that_is_pointed_at_it_is_refused(server: Server) -> None:
    answer = handshake(server, f"http://evil.example:{server.port}", f"evil.example:{server.port}")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert NOT_AS.encode() in answer


def test_a_websocket_of_the_services_own_page_opens_and_so_does_a_programs(server: Server) -> None:
    assert handshake(server, server.url).startswith(b"HTTP/1.1 101 ")
    assert handshake(server, f"http://localhost:{server.port}", f"localhost:{server.port}").startswith(b"HTTP/1.1 101 ")
    assert handshake(server).startswith(b"HTTP/1.1 101 ")


def test_pages_of_listed_origins_may_do_all_and_read_all_answers(serve: Callable[..., Server]) -> None:
    server = serve(allowed_origins=f"{APP}, http://localhost:5173", api_key="secret")
    preflight = request(
        server, "OPTIONS", "/topics", Origin=APP, Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type, x-api-key",
    )  # fmt: skip
    assert preflight.is_success
    assert preflight.headers["access-control-allow-origin"] == APP
    assert "POST" in preflight.headers["access-control-allow-methods"]
    for status, headers in ((401, {}), (400, {"X_API_Key": "secret"})):
        answer = request(server, "POST", "/topics", Origin=APP, **headers)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, APP)
        assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers
    check_problem(request(server, "POST", "/topics", Origin=EVIL, X_API_Key="secret"), 403, MAY_NOT)
    # The page may ask. Its WebSocket cannot send the key.
    assert handshake(server, APP).startswith(b"HTTP/1.1 401 ")
    assert handshake(server, EVIL).startswith(b"HTTP/1.1 403 ")


def test_a_star_allows_all_pages(serve: Callable[..., Server]) -> None:
    server = serve(allowed_origins="*")
    assert handshake(server, EVIL).startswith(b"HTTP/1.1 101 ")
    assert request(server, "POST", "/topics", Origin=EVIL).headers["access-control-allow-origin"] == "*"


def test_names_that_are_listed_are_the_only_ones(serve: Callable[..., Server]) -> None:
    server = serve(allowed_hosts="bus.example.org *.internal")
    for host in ("bus.example.org", "bus.example.org:443", "a.internal"):
        assert request(server, "GET", "/health", Host=host).status_code == 200
        assert handshake(server, f"https://{host}", host).startswith(b"HTTP/1.1 101 ")
    for host in ("localhost", "127.0.0.1", "internal"):
        assert request(server, "GET", "/health", Host=host).status_code == 403


def test_on_all_addresses_any_name_reaches_it(serve: Callable[..., Server]) -> None:
    server = serve(host="0.0.0.0")
    assert request(server, "GET", "/health", Host="bus.example.org").status_code == 200
    assert handshake(server, "https://bus.example.org", "bus.example.org").startswith(b"HTTP/1.1 101 ")
    assert handshake(server, EVIL, "bus.example.org").startswith(b"HTTP/1.1 403 ")
