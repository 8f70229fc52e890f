"""However a command ends: one line in words, and an exit status; never a traceback."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from specbus.cli import top
from specbus.cli.main import LazyCommand, main
from tests.support.program import DEADLINE, MODULE, environment
from tests.support.server import Server, create

COMMANDS = ["serve", "demo", "topics", "pub", "sub", "ping", "top", "verify", "docs", "sdk", "bench"]
CLIENT = [("topics", "list"), ("pub", "orders", "1"), ("sub", "orders"), ("ping",), ("top",)]
OLD_LOCALE = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def invoke(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"PUBSUB_URL": "http://127.0.0.1:9", **variables})


def run(*arguments: str | bytes, stdout: Any = subprocess.PIPE, **variables: str) -> tuple[int, str, str]:
    """What a process does with `arguments`: exit status, output and error output."""
    ran = subprocess.run(
        [*MODULE, *arguments],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=DEADLINE,
        check=False,
    )
    return ran.returncode, (ran.stdout or b"").decode(errors="replace"), ran.stderr.decode(errors="replace")


def is_one_line(text: str) -> bool:
    return text.count("\n") == 1 and "Traceback" not in text and len(text) < 500


# Arguments


@pytest.mark.parametrize("argument", ["x" * 300, "x" * 100_000, "[" * 5000, "/" * 300])
def test_a_long_text_that_is_no_json_is_told_in_short(argument: str) -> None:
    result = invoke("pub", "orders", argument)
    assert (result.exit_code, is_one_line(result.stderr)) == (2, True)
    assert f"Error: {argument[:64] + '...'!r} is not JSON (" in result.stderr


def test_a_number_of_any_length_is_published_as_it_is_written(server: Server) -> None:
    create(server, "orders")
    digits = "9" * 5000
    assert invoke("pub", "orders", f'{{"n": {digits}}}', PUBSUB_URL=server.url).exit_code == 0
    assert f'{{"n": {digits}}}' in httpx.get(f"{server.url}/topics/orders/messages").text


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("pub", "orders", b"\xff"), "'[JSON | TEXT | -]'"),
        (("pub", "orders", "--text", b"\xff"), "'[JSON | TEXT | -]'"),
        (("pub", b"\xff", "1"), "'TOPIC'"),
        (("sub", "a", b"\xff"), "'TOPIC...'"),
        (("topics", "create", b"\xff"), "'NAME...'"),
        (("topics", "show", b"\xff"), "'NAME'"),
        (("ping", "--url", b"http://\xff"), "'--url' (env var: 'PUBSUB_URL')"),
        (("ping", "--api-key", b"\xff"), "'--api-key' (env var: 'PUBSUB_API_KEY')"),
        (("verify", b"\xff"), "'URL'"),
        (("sdk", "python", "--out", "x", "--name", b"\xff"), "'--name'"),
    ],
)
def test_an_argument_that_is_not_utf_8_is_told(arguments: tuple[str | bytes, ...], place: str) -> None:
    result = CliRunner().invoke(main, [os.fsdecode(each) for each in arguments])
    assert (result.exit_code, is_one_line(result.stderr)) == (2, True)
    assert result.stderr == f"Error: Invalid value for {place}: it is not UTF-8.\n"


def test_text_in_utf_8_is_published_and_printed_in_any_locale(server: Server) -> None:
    create(server, "orders")
    settings = {"PUBSUB_URL": server.url, **OLD_LOCALE}
    assert run("pub", "orders", '"é"', **settings)[0] == 0
    status, output, _ = run("sub", "orders", "--last-n", "1", "--count", "1", **settings)
    assert (status, json.loads(output)["message"]["payload"]) == (0, "é")
    status, _, notes = run("topics", "show", "é", **settings)
    assert (status, is_one_line(notes)) == (1, True)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e300", "x"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("sub", "orders", "--timeout"),
        ("ping", "--timeout"),
        ("ping", "--interval"),
        ("pub", "orders", "1", "--rate"),
        ("top", "--interval"),
        ("demo", "--duration"),
        ("verify", "--deadline"),
        ("bench", "fanout", "--rate"),
        ("bench", "fanout", "--duration"),
        ("bench", "fanout", "--warm-up"),
        ("bench", "compare", "--scale"),
    ],
)
def test_a_number_that_is_none_or_no_time_is_told(arguments: tuple[str, ...], value: str) -> None:
    result = invoke(*arguments, value)
    assert (result.exit_code, is_one_line(result.stderr)) == (2, True)
    assert f"Invalid value for '{arguments[-1]}': " in result.stderr


def test_every_number_of_every_command_has_bounds() -> None:
    """Of a range of floats NaN is not outside; click's own types of numbers are not to be used alone."""

    def options(command: Any, path: str) -> Iterator[tuple[str, Any]]:
        command = command.load() if isinstance(command, LazyCommand) else command
        for each in command.params:
            yield f"{path} {each.name}", each.type
        for name, inner in getattr(command, "commands", {}).items():
            yield from options(inner, f"{path} {name}")

    found = [(name, type(kind).__name__) for name, kind in options(main, "") if kind.name.startswith("float")]
    assert len(found) > 10
    assert {kind for _, kind in found} == {"Number"}


# Output and input


@pytest.mark.parametrize("command", COMMANDS)
def test_help_that_cannot_be_written_is_one_line(command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        status, _, notes = run(command, "--help", stdout=full)
    assert (status, notes) == (1, "specbus: cannot write the output: No space left on device\n")


def test_the_list_of_commands_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        assert run("--help", stdout=full)[::2] == (1, "specbus: cannot write the output: No space left on device\n")
        assert run("--version", stdout=full)[::2] == (1, "specbus: cannot write the output: No space left on device\n")
    with Path("/dev/null").open("rb") as unwritable:
        assert run("--help", stdout=unwritable)[::2] == (1, "specbus: cannot write the output: Bad file descriptor\n")


def test_an_error_output_that_cannot_be_written_leaves_the_exit_status(unused_url: str) -> None:
    with Path("/dev/full").open("wb") as full:
        for arguments, status in (("ping",), 3), (("pub", "orders", "{"), 2), (("nothing",), 2):
            ran = subprocess.run(
                [*MODULE, *arguments],
                env=environment(PUBSUB_URL=unused_url),
                stderr=full,
                timeout=DEADLINE,
                check=False,
            )
            assert ran.returncode == status


def test_a_verdict_that_cannot_be_written_is_none(server: Server) -> None:
    with Path("/dev/full").open("wb") as full:
        status, _, notes = run("verify", server.url, "--only=a WebSocket ping is answered", stdout=full)
    assert (status, notes) == (2, "specbus: cannot write the output: No space left on device\n")


def test_an_input_that_cannot_be_read_is_one_line(server: Server) -> None:
    create(server, "orders")
    shell = ["sh", "-c", '"$@" 0>/dev/null', "sh", *MODULE, "pub", "orders"]
    ran = subprocess.run(
        shell, env=environment(PUBSUB_URL=server.url), stderr=subprocess.PIPE, timeout=DEADLINE, check=False
    )
    assert (ran.returncode, ran.stderr) == (1, b"specbus: cannot read standard input: Bad file descriptor\n")


# What nobody has foreseen


def test_a_defect_is_one_line_and_a_traceback_if_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(work: Any, **_: Any) -> None:
        work.close()
        raise ExceptionGroup("several", [RuntimeError("of\nsome \x1b[31mkind")])

    monkeypatch.setattr(top, "run", broken)
    result = invoke("top")
    line = r"a defect of this program: RuntimeError: of some \x1b[31mkind (SPECBUS_TRACEBACK=1 shows where)"
    assert (result.exit_code, result.stderr) == (70, f"specbus: {line}\n")
    result = invoke("top", SPECBUS_TRACEBACK="1")
    assert (result.exit_code, "Traceback" in result.stderr) == (70, True)


def test_a_defect_of_verify_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("specbus.cli.verify.target_of", broken)
    assert invoke("verify", "http://127.0.0.1:9").exit_code == 2


@pytest.mark.parametrize("command", ["--help", "sdk"])
def test_without_an_installation_there_is_no_traceback(command: str) -> None:
    """Run from the files alone: nobody knows then which extras are installed."""
    script = (
        "from importlib import metadata\n"
        "def none(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.requires = none\n"
        "import sys\nsys.modules['jinja2'] = None\n"
        f"from specbus.cli.main import main\nmain([{command!r}])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=DEADLINE, check=False)
    if command == "sdk":
        assert (ran.returncode, is_one_line(ran.stderr)) == (2, True)
        assert "specbus: sdk needs what `pip install 'specbus[sdk]'` installs (" in ran.stderr
    else:
        assert (ran.returncode, ran.stderr) == (0, "")


# Proxies


class _Proxy(BaseHTTPRequestHandler):
    """A proxy that answers for every server that it is not one."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_error(407)

    do_CONNECT = do_GET  # noqa: N815 - as the base class calls it

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """The URL of a proxy, and what it was asked for."""
    asked: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Proxy,), {"asked": asked})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_requests_and_the_websocket_take_the_same_proxy(variable: str, proxy: tuple[str, list[str]]) -> None:
    address, asked = proxy
    variables = {variable: f"http://user:secret@{address}", "PUBSUB_URL": "http://example.test"}
    for arguments, wanted in (
        (("topics", "list"), "GET http://example.test/stats"),
        (("ping",), "CONNECT example.test:80"),
    ):
        asked.clear()
        result = invoke(*arguments, **variables)
        assert (result.exit_code in (1, 3), is_one_line(result.stderr)) == (True, True)
        assert asked == [wanted]
        assert "secret" not in result.stderr


@pytest.mark.parametrize("arguments", CLIENT)
@pytest.mark.parametrize(
    "address", ["socks5://u:secret@127.0.0.1:1", "ftp://127.0.0.1", "http://", "http://[", "http://x:99999"]
)
def test_a_proxy_of_another_kind_is_one_line(arguments: tuple[str, ...], address: str) -> None:
    result = invoke(*arguments, ALL_PROXY=address)
    assert (result.exit_code, is_one_line(result.stderr)) == (2, True)
    assert "the environment's proxy must be http://HOST:PORT or https://HOST:PORT, not " in result.stderr
    assert "secret" not in result.stderr


def test_the_sdk_command_takes_proxies_alike(proxy: tuple[str, list[str]], tmp_path: Path) -> None:
    arguments = ("sdk", "python", "--out", str(tmp_path / "x"), "--from", "http://example.test")
    result = invoke(*arguments, ALL_PROXY="socks5://127.0.0.1:1")
    assert (result.exit_code, is_one_line(result.stderr)) == (2, True)
    assert invoke(*arguments, ALL_PROXY=proxy[0]).exit_code == 1
    assert proxy[1] == ["GET http://example.test/openapi.json"]


@pytest.mark.parametrize("hosts", ["127.0.0.1", "*", "example.test, 127.0.0.1"])
@pytest.mark.parametrize("arguments", [("topics", "list"), ("ping", "--count", "1")])
def test_no_proxy_is_for_hosts_that_are_listed(server: Server, hosts: str, arguments: tuple[str, ...]) -> None:
    variables = {"ALL_PROXY": "socks5://127.0.0.1:1", "NO_PROXY": hosts, "PUBSUB_URL": server.url}
    assert invoke(*arguments, **variables).exit_code == 0


def test_a_proxy_that_is_not_there_is_named(unused_url: str) -> None:
    for arguments in CLIENT[0], CLIENT[3]:
        result = invoke(*arguments, ALL_PROXY=unused_url, PUBSUB_URL="http://example.test")
        assert result.exit_code == 3
        assert result.stderr.startswith(
            f"specbus: nothing answers at http://example.test through the proxy {unused_url} ("
        )


# What a person reads


class _Hostile(BaseHTTPRequestHandler):
    """A server whose answers are made for a terminal."""

    def do_POST(self) -> None:
        text = "\x1b]0;owned\x07 [red]no[/red] \u009b31m \u202eback"
        body = json.dumps({"type": "about:blank", "title": "Bad", "status": 400, "detail": text}).encode()
        self.send_response(400, "Bad")
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_what_a_server_says_does_nothing_to_a_terminal() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hostile) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        result = invoke("topics", "create", "a", "b", PUBSUB_URL=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    line = r"specbus: \x1b]0;owned\x07 [red]no[/red] \x9b31m \u202eback"
    assert (result.exit_code, result.stderr) == (1, f"{line}\n{line}\n")


def test_all_topics_are_tried_and_each_failure_is_told(server: Server) -> None:
    create(server, "b")
    result = invoke("topics", "create", "a", "b", "no name", "c", PUBSUB_URL=server.url)
    assert (result.exit_code, result.stdout) == (1, "created a\ncreated c\n")
    assert result.stderr == 'specbus: the topic "b" exists\n' + (
        "specbus: name must match the pattern ^[A-Za-z0-9_][A-Za-z0-9._-]*$\n"
    )
    result = invoke("topics", "delete", "a", "..", "x", "c", PUBSUB_URL=server.url)
    assert (result.exit_code, result.stdout) == (2, "deleted a\ndeleted c\n")
    assert len(result.stderr.splitlines()) == 2


def test_a_server_that_is_gone_is_told_once(unused_url: str) -> None:
    result = invoke("topics", "create", "a", "b", PUBSUB_URL=unused_url)
    assert (result.exit_code, is_one_line(result.stderr)) == (3, True)


def test_a_client_command_starts_without_what_it_does_not_need() -> None:
    """Imports are most of the time that a short command takes."""
    script = (
        "import sys\nfrom specbus.cli.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "names = [name for name, module in sys.modules.items() if module]\n"
        "print(*{name.partition('.')[0] for name in names} | {*names} & {'httpx._main'}, file=sys.stderr)"
    )
    heavy = {"rich", "pygments", "connexion", "starlette", "jsonschema", "jsonschema_rs", "schemathesis", "hypothesis"}
    heavy |= {"jinja2", "yaml", "uvicorn", "httpx._main", "matplotlib", "datamodel_code_generator"}
    for arguments in ("--help",), *CLIENT:
        ran = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=environment(PUBSUB_URL="http://127.0.0.1:9"),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        found = set(ran.stderr.splitlines()[-1].split())
        assert "specbus" in found
        assert found & heavy == set()
        assert arguments != ("--help",) or found & {"pydantic", "httpx", "websockets", "asyncio"} == set()
