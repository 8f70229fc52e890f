"""Unit tests open no socket and start no process: what does belongs in tests/integration."""

import socket
import subprocess
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def neither_socket_nor_process() -> Iterator[None]:
    """Fail whatever binds or connects a socket, or starts a process."""

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a unit test opens no socket and starts no process")

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (socket.socket, "bind"),
            (socket.socket, "connect"),
            (socket.socket, "connect_ex"),
            (subprocess.Popen, "__init__"),
        ):
            patch.setattr(owner, name, refuse)
        yield
