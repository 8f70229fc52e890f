"""Servers behind TLS, and whom the commands trust."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from specbus.cli.main import main
from tests.support.program import invoked
from tests.support.requirements import missing
from tests.support.server import Server, create
from tests.support.tls import certificate, secured

COMMANDS = [
    ("topics", "list"),
    ("pub", "orders", "1"),
    ("sub", "orders", "--timeout", "0.1"),
    ("ping", "--count", "1"),
    ("top", "--once", "--interval", "0.1"),
]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        missing("needs openssl")
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def url(server: Server, ca: Path) -> Iterator[str]:
    create(server, "orders")
    with secured(server, ca) as url:
        yield url


def invoke(*arguments: str, url: str, **settings: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"PUBSUB_URL": url, **settings})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_certificate_is_trusted_that_is_named_and_no_other(command: tuple[str, ...], url: str, ca: Path) -> None:
    assert invoke(*command, "--ca", str(ca), url=url).exit_code == 0
    assert invoke(*command, url=url, SSL_CERT_FILE=str(ca)).exit_code == 0
    result = invoke(*command, url=url)
    assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
    assert "certificate verify failed: self-signed certificate" in result.stderr


def test_the_sdk_command_trusts_alike(url: str, ca: Path, tmp_path: Path) -> None:
    arguments = ("sdk", "python", "--out", "x", "--from")
    status, _, notes = invoked(*arguments, f"{url}/none", "--ca", ca, folder=tmp_path)
    assert (status, "has neither /openapi.json nor /asyncapi.json" in notes) == (1, True)
    status, _, notes = invoked(*arguments, url, folder=tmp_path)
    assert (status, "certificate verify failed" in notes, notes.count("\n")) == (3, True, 1)


@pytest.mark.slow
@pytest.mark.parametrize("area", ["rest", "websocket"])
def test_a_server_behind_tls_is_verified(area: str, url: str, ca: Path, tmp_path: Path) -> None:
    options = ("--only", area, "--examples", "1", "--deadline", "30")
    status, output, _ = invoked("verify", url, *options, "--ca", str(ca), folder=tmp_path)
    assert status == 0, output


def test_verify_tells_whom_it_does_not_trust(url: str, tmp_path: Path) -> None:
    status, _, notes = invoked("verify", url, folder=tmp_path)
    assert (status, "is not to be trusted: self-signed certificate (see --ca)" in notes) == (2, True)


def test_a_file_without_certificates_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for file, problem in (
        ("empty.pem", "has no certificates in PEM form"),
        ("none.pem", "does not exist"),
        (".", "directory"),
    ):
        status, _, notes = invoked("ping", "--ca", file, folder=tmp_path)
        assert (status, notes.count("\n"), problem in notes) == (2, 1, True), notes
