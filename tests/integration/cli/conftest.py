"""What the tests of the commands share."""

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.cli.screen import variables
from tests.support.program import MODULE, Running


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Start commands; they are gone at the end."""
    processes = []

    def start(url: str, *arguments: str, **options: Any) -> Running:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([*MODULE, *arguments], text=True, env=variables(url), **{**pipes, **options})
        processes.append(process)
        return Running(process)

    yield start
    for process in processes:
        process.kill()
        process.communicate()
