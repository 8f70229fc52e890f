"""`specbus verify`, against servers of every kind."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from tests.support.documents import SPECS
from tests.support.messages import UUID
from tests.support.sample_server import SAMPLE, Warehouse, running
from tests.support.server import Server

PROGRAM = (sys.executable, "-P", "-m", "specbus", "verify")
ROOT = SPECS.parent


def verify(*arguments: object, timeout: float = 60) -> tuple[int, str]:
    """Exit status and output of `specbus verify`, which may never take longer than `timeout` seconds."""
    command = [*PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def by_area(junit: Path) -> dict[str, tuple[int, int]]:
    """Number of checks and of failed ones, by area."""
    suites = ElementTree.parse(junit).getroot()
    return {str(suite.get("name")): (int(suite.get("tests", 0)), int(suite.get("failures", 0))) for suite in suites}


def test_without_a_url_a_service_is_started_and_kept_to_its_word(tmp_path: Path) -> None:
    junit, html = tmp_path / "junit.xml", tmp_path / "report.html"
    status, output = verify("--examples=3", "--seed=7", f"--junit={junit}", f"--html={html}")
    assert (status, "The contract is kept." in output) == (0, True), output
    assert "seed 7" in output
    found = by_area(junit)
    assert list(found) == ["rest", "websocket", "behaviour"]
    assert all(checks > 10 and failures == 0 for checks, failures in found.values())
    assert "<h1>" in html.read_text()


def test_a_key_is_sent(server: Server, serve: Callable[..., Server]) -> None:
    guarded = serve(api_key="secret")
    assert verify(guarded.url, "--only=websocket", "--examples=2", "--api-key=secret")[0] == 0
    status, output = verify(guarded.url, "--only=websocket", "--examples=2", "--api-key=wrong")
    assert (status, "no WebSocket connection: server rejected WebSocket connection: HTTP 401" in output) == (1, True)


@pytest.mark.parametrize("only", [pytest.param("rest", marks=pytest.mark.slow), "websocket", "behaviour"])
def test_one_area_alone(serve: Callable[..., Server], only: str, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    url = serve(heartbeat_interval=1).url
    status, output = verify(url, f"--only={only}", "--examples=2", f"--junit={junit}", "--heartbeat=1")
    assert status == 0, output
    # The frames of all areas are held against their schemas.
    assert list(by_area(junit)) == {"behaviour": ["websocket", "behaviour"]}.get(only, [only])


def test_the_server_is_left_as_it_was_found(serve: Callable[..., Server]) -> None:
    server = serve(heartbeat_interval=1)
    with httpx.Client(base_url=server.url) as client:
        for name in ("orders", "verify-mine"):
            client.post("/topics", json={"name": name})
            client.post(f"/topics/{name}/messages", json={"id": UUID, "payload": name})
        paths = ("/topics", "/topics/orders/messages", "/topics/verify-mine/messages")
        before = [client.get(path).json() for path in paths]
        assert verify(server.url, "--examples=3", "--heartbeat=1")[0] == 0
        assert [client.get(path).json() for path in paths] == before
        assert client.get("/health").json()["subscribers"] == 0


def test_a_failure_tells_what_happened_and_how_to_see_it(tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    with running(Warehouse(SAMPLE)) as url:
        status, output = verify(url, "--only=rest", "--examples=1", f"--html={html}", "--deadline=1")
    assert status == 1
    for text in ("BROKEN a created topic can be read (rest)", "POST /topics", "curl -i -X"):
        assert text in output
        assert text.removeprefix("BROKEN ").removesuffix(" (rest)") in html.read_text()
    assert "The contract is broken. To run this again: --seed " in output


def test_pytest_does_the_same(server: Server) -> None:
    command = [sys.executable, "-m", "pytest", "contract_tests", "-q", "-p", "no:cacheprovider", "--examples=2"]

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    assert run("--base-url", server.url, "--only=websocket")[0] == 0
    with running(Warehouse(SAMPLE)) as url:
        status, output = run("--base-url", url, "--only=websocket")
    assert status == 1
    assert "no WebSocket connection" in output
    status, output = run("--base-url", "http://127.0.0.1:9", "--only=websocket")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "nothing answers at http://127.0.0.1:9" in output


# Servers that do not answer

Answer = Callable[[socket.socket], object]


def hang(connection: socket.socket) -> object:
    while connection.recv(65536):
        pass
    return None


def garbage(connection: socket.socket) -> object:
    connection.recv(65536)
    connection.sendall(bytes(range(256)) * 4)
    return None


def close(connection: socket.socket) -> object:
    return None


def stop_in_the_middle(connection: socket.socket) -> object:
    """Begin an answer and never end it."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    return hang(connection)


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server that does `answer` with each connection; its URL."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=200)

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            answer(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@pytest.mark.slow
@pytest.mark.parametrize("answer", [close, garbage, hang, stop_in_the_middle])
def test_a_server_that_does_not_answer_is_told_so_and_never_waited_for_in_vain(answer: Answer, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    with answering(answer) as url:
        status, output = verify(url, "--examples=1", "--deadline=0.2", "--heartbeat=0.2", f"--junit={junit}")
    assert status == 1, output
    found = by_area(junit)
    # What received nothing has nothing to object to in what was received; and the like.
    assert all(failures > checks / 2 for checks, failures in found.values()), found


# What cannot run


def test_nothing_listens() -> None:
    status, output = verify("http://127.0.0.1:9")
    assert (status, output.splitlines()[-1]) == (
        2,
        "specbus verify: nothing answers at http://127.0.0.1:9: [Errno 111] Connection refused",
    )


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ws://127.0.0.1:1/", "http://"])
def test_what_is_no_url(url: str) -> None:
    status, output = verify(url)
    assert (status, output.splitlines()[-1].startswith("specbus verify: ")) == (2, True), output


def test_documents_that_are_not_there(server: Server, tmp_path: Path) -> None:
    for arguments in ([server.url], []):
        status, output = verify(*arguments, f"--specs={tmp_path}")
        assert (status, str(tmp_path) in output.replace("\n", "")) == (2, True), output


def test_documents_that_cannot_be_read(server: Server, tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 3.0.0\n")
    status, output = verify(server.url, f"--specs={tmp_path}")
    assert (status, f"specbus verify: {tmp_path}: needs 'operations'" in output.replace("\n", "")) == (2, True), output


@pytest.mark.parametrize("option", ["--examples=0", "--only=soap", "--seed=-1", "--junit=/", "--unknown"])
def test_options_that_make_no_sense(option: str) -> None:
    status, output = verify(option)
    assert (status, "Error: " in output) == (2, True)
