"""The command line, as a person or a container uses it."""

import re
import socket
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from specbus import __version__, server
from specbus.cli.main import main
from specbus.settings import SETTINGS, SettingsError, load
from tests.support.documents import ROOT
from tests.support.program import MODULE, SCRIPT, environment, program


def run(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """What `python -m service` does with `arguments`: exit status, output and error output."""
    done = subprocess.run(
        [*MODULE, *arguments], env=environment(**settings), cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    return done.returncode, done.stdout, done.stderr


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"specbus, version {__version__}\n")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_tells_what_there_is(option: str) -> None:
    result = CliRunner().invoke(main, [option], prog_name="specbus")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: specbus [OPTIONS] COMMAND [ARGS]...\n")
    assert "  serve  Run the service.\n" in result.stdout


def test_help_marks_the_commands_whose_extra_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "(needs" not in CliRunner().invoke(main, ["--help"]).stdout
    distribution = metadata.distribution

    def without_jinja(name: str) -> metadata.Distribution:
        if name == "jinja2":
            raise metadata.PackageNotFoundError(name)
        return distribution(name)

    monkeypatch.setattr(metadata, "distribution", without_jinja)
    listed = CliRunner().invoke(main, ["--help"]).stdout
    assert "  verify  Test a server against the contract. (needs specbus[verify])\n" in listed
    assert re.findall(r"needs specbus\[(\w+)\]", listed) == ["verify", "sdk"]


def shown(name: str) -> str:
    """What stands behind the option of the setting `name`, as a pattern."""
    return f"/ --no-{name}" if name in ("debug", "docs") else "[A-Z]+"


@pytest.mark.parametrize(
    ("options", "value"),
    [([], True), (["--debug"], True), (["--no-debug"], False), (["--debug", "--no-debug"], False)],
)
def test_a_switch_is_an_option_without_a_value_that_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, options: list[str], value: bool
) -> None:
    def loaded(given: dict[str, str | bool]) -> None:
        raise SettingsError(f"debug is {load(given).debug}")

    monkeypatch.setattr("specbus.cli.serve.load", loaded)
    result = CliRunner().invoke(main, ["serve", *options], env={"PUBSUB_DEBUG": "true"})
    assert result.stderr == f"specbus: debug is {value}\n"


def test_the_help_of_serve_lists_every_setting_with_its_variable_and_default() -> None:
    result = CliRunner().invoke(main, ["serve", "--help"])
    assert result.exit_code == 0
    expected = [
        rf"--{name.replace('_', '-')} {shown(name)} {re.escape(setting.description)}\. \[PUBSUB_{name.upper()}; "
        + re.escape("not set" if setting.default is None else f"default {setting.default}")
        + "]"
        for name, setting in SETTINGS.items()
    ]
    listed = " ".join(result.stdout.partition("Options:\n")[2].split())
    assert re.fullmatch(" ".join([*expected, "-h, --help Show this message and exit\\."]), listed)


def test_a_port_of_the_systems_choice_is_told_in_the_start_line() -> None:
    with program("--port", "0", command=(*SCRIPT, "serve")) as service:
        assert re.fullmatch(
            rf"\S+Z INFO started version={__version__} url=http://127\.0\.0\.1:\d+ pid={service.process.pid}\n",
            service.start_line,
        )
        assert httpx.get(f"{service.url}/health").status_code == 200
        assert [line.split()[1:] for line in service.stop()] == [["INFO", "stopped"]]


def test_the_start_line_has_a_url_that_works_for_an_ipv6_address_too() -> None:
    with program("--host", "::1") as service:
        assert service.url == f"http://[::1]:{service.port}"
        assert httpx.get(f"{service.url}/health").status_code == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6")
def test_all_addresses_are_those_of_both_protocols() -> None:
    with program("--host", "::") as service:
        assert service.url == f"http://[::1]:{service.port}"
        for host in ("[::1]", "127.0.0.1"):
            assert httpx.get(f"http://{host}:{service.port}/health").status_code == 200


def test_all_addresses_are_those_of_ipv4_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    monkeypatch.setattr(server, "_has_ipv6", lambda: False)
    with server.listen("::", 0) as listening:
        assert listening.getsockname()[0] == "0.0.0.0"


def test_variables_that_are_no_settings_are_told_behind_the_start_line() -> None:
    with program("--port", "0", PUBSUB_PORT="tcp://127.0.0.1:80", PUBSUB_MAX_TOPIC="1") as service:
        assert "started" in service.start_line
        assert service.process.stderr is not None
        lines = [service.process.stderr.readline().partition(" ")[2] for _ in range(2)]
    assert lines == [
        'WARNING variable without effect variable=PUBSUB_MAX_TOPIC reason="there is no such setting: '
        'is PUBSUB_MAX_TOPICS meant?"\n',
        'WARNING variable without effect variable=PUBSUB_PORT reason="its value is one that Kubernetes sets for a '
        'Service; the option or the default holds"\n',
    ]


def test_an_option_wins_over_the_environment_and_that_over_the_default() -> None:
    settings: dict[str, Any] = {
        "PUBSUB_HISTORY_SIZE": "2",
        "PUBSUB_API_KEY": "of the environment",
        "PUBSUB_HOST": "127.0.0.2",
    }
    with (
        program("--api-key", "of the option", "--host", "127.0.0.1", **settings) as service,
        httpx.Client(base_url=service.url, headers={"X-API-Key": "of the option"}) as rest,
    ):
        assert service.url == f"http://127.0.0.1:{service.port}"
        assert rest.post("/topics", json={"name": "orders"}).status_code == 201
        for _ in range(3):
            message = {"id": "550e8400-e29b-41d4-a716-446655440000", "payload": None}
            assert rest.post("/topics/orders/messages", json=message).status_code == 202
        assert rest.get("/topics/orders").json()["retained"] == 2


def test_a_busy_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        line = f"specbus: cannot listen on 127.0.0.1:{port}: Address already in use\n"
        assert run("serve", "--port", str(port)) == (1, "", line)


def test_a_host_that_is_none_is_one_clear_line() -> None:
    status, output, line = run("serve", "--host", "999.1.1.1", "--port", "0")
    assert (status, output) == (1, "")
    # The reason is the C library's, which has several for it.
    assert re.fullmatch(r"specbus: cannot listen on 999\.1\.1\.1:0: (?!Unknown error).+\n", line)


def test_specs_that_are_not_there_are_one_clear_line(tmp_path: Path) -> None:
    line = f"specbus: {tmp_path / 'none' / 'asyncapi.yaml'}: No such file or directory\n"
    assert run("serve", "--port", "0", "--specs", str(tmp_path / "none")) == (1, "", line)


def test_a_broken_document_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 3.0.0\nchannels: {")
    status, output, line = run("serve", "--port", "0", PUBSUB_SPECS=str(tmp_path))
    assert (status, output) == (1, "")
    assert re.fullmatch(rf"specbus: {re.escape(str(tmp_path))}/asyncapi\.yaml: line 2 .+\n", line)


@pytest.mark.parametrize(
    ("options", "settings", "line"),
    [
        (["--max-queue-size", "0"], {}, "--max-queue-size: must be greater than or equal to 1, not '0'"),
        ([], {"PUBSUB_MAX_QUEUE_SIZE": "0"}, "PUBSUB_MAX_QUEUE_SIZE: must be greater than or equal to 1, not '0'"),
        (
            ["--overflow-policy=wait", "--port", "9000"],
            {"PUBSUB_OVERFLOW_POLICY": "disconnect"},
            "--overflow-policy: must be 'drop_oldest' or 'disconnect', not 'wait'",
        ),
        (
            ["--port", "9000"],
            {"PUBSUB_DEBUG": "2"},
            "PUBSUB_DEBUG: must be a valid boolean, unable to interpret input, not '2'",
        ),
    ],
    ids=["option", "environment", "option over environment", "environment beside option"],
)
def test_a_wrong_setting_is_one_clear_line_that_names_it(
    options: list[str], settings: dict[str, str], line: str
) -> None:
    result = CliRunner().invoke(main, ["serve", *options], env=settings)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"specbus: {line}\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["serve", "--prot", "1"], "Error: No such option '--prot'"),
        (["serve", "here"], "Error: Got unexpected extra argument (here)"),
        (["srve"], "Error: No such command 'srve'"),
    ],
)
def test_an_unknown_option_or_command_is_told(arguments: list[str], problem: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in result.stderr
