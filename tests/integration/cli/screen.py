"""Commands on a terminal."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.program import DEADLINE, MODULE, environment


def variables(url: str, api_key: str | None = None) -> dict[str, str]:
    return environment(PUBSUB_URL=url, **({"PUBSUB_API_KEY": api_key} if api_key else {}))


@contextmanager
def terminal(
    url: str, *arguments: str, columns: int = 120, lines: int = 30, settings: dict[str, str] | None = None
) -> Iterator["Terminal"]:
    """`specbus` on a terminal of its own."""
    main_end, other_end = pty.openpty()
    process = subprocess.Popen(
        [*MODULE, *arguments],
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        env=variables(url)
        | {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(lines)}
        | (settings or {}),
        start_new_session=True,
    )
    os.close(other_end)
    try:
        yield Terminal(process, main_end)
    finally:
        process.kill()
        process.wait()
        os.close(main_end)


class Terminal:
    """What a person sees."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process = process
        self.fd = fd
        self.raw = b""
        self.seen = ""
        """What has come, without colours and cursor movements."""

    def see(self, pattern: str) -> None:
        """Wait until `pattern` is among what has come."""
        end = time.monotonic() + DEADLINE
        while not re.search(pattern, self.seen):
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"{pattern} did not come in {self.seen[-2000:]!r}"
            self._add(os.read(self.fd, 65_536))

    def _add(self, data: bytes) -> None:
        self.raw += data
        self.seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw.decode(errors="replace"))

    def rest(self) -> int:
        """Read to the end; its exit status."""
        with suppress(OSError):  # the terminal's other end is closed
            while data := os.read(self.fd, 65_536):
                self._add(data)
        return self.process.wait(DEADLINE)

    def interrupt(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.rest()
