"""`specbus verify` as a process, what its reports say, and a server that it can do nothing with."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

PROGRAM = (sys.executable, "-P", "-m", "specbus", "verify")


def verify(*arguments: object, timeout: float = 180, **options: Any) -> tuple[int, str]:
    """Exit status and output of `specbus verify`, which may never take longer than `timeout` seconds."""
    command = [*PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def by_area(junit: Path) -> dict[str, tuple[int, int]]:
    """Number of checks and of failed ones, by area."""
    suites = ElementTree.parse(junit).getroot()
    return {str(suite.get("name")): (int(suite.get("tests", 0)), int(suite.get("failures", 0))) for suite in suites}


def hang(connection: socket.socket) -> object:
    """Say nothing."""
    while connection.recv(65536):
        pass
    return None
