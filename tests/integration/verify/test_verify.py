"""`specbus verify`, against servers of every kind."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
import yaml

from specbus.verify.checks import AREAS
from tests.support.answering import Answer, answering
from tests.support.documents import SPECS
from tests.support.messages import UUID
from tests.support.sample_server import SAMPLE, Warehouse, running
from tests.support.server import Server
from tests.support.verifying import by_area, hang, verify

ROOT = SPECS.parent


@pytest.fixture
def misleading(tmp_path: Path) -> Path:
    """A folder whose files have the names of what `specbus verify` imports and reads; none of them works."""
    folder = tmp_path / "misleading"
    for name in ("service", "specbus", "schemathesis", "contract_tests"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise SystemExit('taken from the current directory')")
    for name in ("click", "httpx", "hypothesis", "json", "websockets"):
        (folder / f"{name}.py").write_text("raise SystemExit('taken from the current directory')")
    (folder / "schemathesis.toml").write_text("this is no TOML")
    return folder


@pytest.mark.slow
def test_without_a_url_a_service_is_started_and_kept_to_its_word_wherever_one_stands(misleading: Path) -> None:
    junit, html = misleading.parent / "junit.xml", misleading.parent / "report.html"
    before = sorted(misleading.rglob("*"))
    status, output = verify("--examples=3", "--seed=7", f"--junit={junit}", f"--html={html}", cwd=misleading)
    assert (status, "The contract is kept." in output) == (0, True), output
    assert sorted(misleading.rglob("*")) == before
    assert "8 checks were skipped: no API key was given (--api-key)" in output
    assert "seed 7" in output
    found = by_area(junit)
    assert list(found) == ["rest", "websocket", "behaviour"]
    assert all(checks > 10 and failures == 0 for checks, failures in found.values())
    assert "<h1>" in html.read_text()


@pytest.mark.slow
def test_a_key_is_sent(server: Server, serve: Callable[..., Server]) -> None:
    guarded = serve(api_key="secret")
    assert verify(guarded.url, "--only=websocket", "--examples=2", "--api-key=secret")[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("only", [pytest.param("rest", marks=pytest.mark.slow), "websocket", "behaviour"])
def test_one_area_alone(serve: Callable[..., Server], only: str, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    url = serve(heartbeat_interval=1).url
    status, output = verify(url, f"--only={only}", "--examples=2", f"--junit={junit}")
    assert status == 0, output
    # The frames of all areas are held against their schemas.
    assert list(by_area(junit)) == {"behaviour": ["websocket", "behaviour"]}.get(only, [only])


@pytest.mark.slow
def test_the_server_is_left_as_it_was_found(serve: Callable[..., Server]) -> None:
    server = serve(heartbeat_interval=1)
    with httpx.Client(base_url=server.url) as client:
        for name in ("orders", "verify-mine"):
            client.post("/topics", json={"name": name})
            client.post(f"/topics/{name}/messages", json={"id": UUID, "payload": name})
        paths = ("/topics", "/topics/orders/messages", "/topics/verify-mine/messages")
        before = [client.get(path).json() for path in paths]
        assert verify(server.url, "--examples=3")[0] == 0
        assert [client.get(path).json() for path in paths] == before
        assert client.get("/health").json()["subscribers"] == 0


def test_a_failure_tells_what_happened_and_how_to_see_it(tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    with running(Warehouse(SAMPLE)) as url:
        status, output = verify(url, "--only=a created topic can be read", f"--html={html}")
    assert status == 1
    for text in ("BROKEN a created topic can be read (rest)", "POST /topics", "curl -i -X"):
        assert text in output
        assert text.removeprefix("BROKEN ").removesuffix(" (rest)") in html.read_text()
    assert "The contract is broken. To run this again: --seed " in output


def front_door(folder: Path, module: str, *arguments: str) -> tuple[int, str]:
    """Exit status and output of pytest on a module of `contract_tests` in `folder`."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        f"contract_tests/{module}",
        "-q",
        "-p",
        "no:cacheprovider",
        "--examples=2",
    ]
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_the_front_door_for_pytest_can_be_copied_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "contract_tests", tmp_path / "contract_tests")
    status, output = front_door(tmp_path, "test_behaviour.py")
    assert status == 0, output
    assert " passed" in output


def test_each_area_has_its_module() -> None:
    assert {path.name for path in (ROOT / "contract_tests").glob("test_*.py")} == {f"test_{area}.py" for area in AREAS}


@pytest.mark.slow
def test_pytest_does_the_same(server: Server) -> None:
    status, output = front_door(ROOT, "test_websocket.py", "--base-url", server.url)
    assert status == 0, output
    with running(Warehouse(SAMPLE)) as url:
        status, output = front_door(ROOT, "test_websocket.py", "--base-url", url)
    assert status == 1
    assert "no WebSocket connection" in output
    status, output = front_door(ROOT, "test_websocket.py", "--base-url", "http://127.0.0.1:9")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "nothing answers at http://127.0.0.1:9" in output


@pytest.mark.slow
def test_checks_that_the_servers_settings_rule_out_are_skipped(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(heartbeat_interval=0, history_size=2)
    specs = tmp_path / "specs"
    shutil.copytree(SPECS, specs)
    document = yaml.safe_load((specs / "asyncapi.yaml").read_text())
    document["info"]["x-limits"] = {"heartbeat_interval": 0, "history_size": 2}
    (specs / "asyncapi.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
    junit = tmp_path / "junit.xml"
    status, output = verify(server.url, "--only=behaviour", "--examples=2", f"--specs={specs}", f"--junit={junit}")
    assert status == 0, output
    assert "1 check was skipped: the server says that it sends no heartbeats" in output
    assert "2 checks were skipped: the server says that a topic retains 2 of 6 messages" in output
    skipped = [case for case in ElementTree.parse(junit).getroot().iter("testcase") if case.find("skipped") is not None]
    assert "heartbeats come at their interval" in [case.get("name") for case in skipped]


def test_without_what_it_needs_one_line_says_what_to_install() -> None:
    program = "import sys; sys.modules['schemathesis'] = None; from specbus.cli.main import main; main(['verify'])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("specbus: verify needs what `pip install 'specbus[verify]'` installs (")
    assert done.stderr.count("\n") == 1


# Servers that do not answer


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


@pytest.mark.slow
@pytest.mark.parametrize("answer", [close, garbage, hang, stop_in_the_middle])
def test_a_server_that_does_not_answer_is_told_so_and_never_waited_for_in_vain(answer: Answer, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    with answering(answer) as url:
        status, output = verify(url, "--examples=1", "--deadline=0.05", f"--junit={junit}", timeout=300)
    assert status == 1, output
    assert "skipped: the server has not answered since the run began" in output
    failed = sum(failures for _, failures in by_area(junit).values())
    assert failed == 3


# What cannot run


def test_nothing_listens() -> None:
    status, output = verify("http://127.0.0.1:9")
    assert (status, output.splitlines()[-1]) == (
        2,
        "specbus verify: nothing answers at http://127.0.0.1:9: [Errno 111] Connection refused",
    )


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ws://127.0.0.1:1/", "http://", "http://127.0.0.1:99999", "http://[::1", "http://a b"]
)
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


@pytest.mark.parametrize("option", ["--examples=0", "--profile=soap", "--seed=-1", "--junit=/", "--unknown"])
def test_options_that_make_no_sense(option: str) -> None:
    status, output = verify(option)
    assert (status, "Error: " in output) == (2, True)
