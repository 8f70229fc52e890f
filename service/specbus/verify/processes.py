"""Processes that a run starts: none of them outlives it, however it ends; and the signals that end it."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from specbus.verify.failures import Interrupted

GRACE = 5.0
"""Seconds after a signal in which the program ends by itself; a write that nobody takes could hold it for ever."""

_running: set["subprocess.Popen[str]"] = set()


@contextlib.contextmanager
def child(command: Sequence[str], **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """A process of `command`, which is killed at the end; `options` are those of Popen, for text."""
    process: subprocess.Popen[str] | None = None
    try:
        with signals.held():
            process = subprocess.Popen(command, text=True, **options)
            _running.add(process)
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        if process:
            process.kill()
            _running.discard(process)


def kill_children() -> None:
    """Kill the processes that run."""
    for process in list(_running):
        process.kill()


class Signals:
    """What becomes of SIGINT, SIGTERM and SIGHUP while a run is under way.

    The first one ends the run: it kills the processes that were started and raises Interrupted in the main thread. A
    second one has only an effect while the server is cleaned up, which it ends; a third one ends the program at once.
    """

    def __init__(self) -> None:
        self._count = 0
        """Signals that came."""
        self._number = 0
        """That of the first one."""
        self._holds = 0
        self._is_due = False
        """Whether Interrupted is still to be raised."""
        self._is_impatient = False

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Have signals interrupt what is done meanwhile. Outside the main thread they do not."""
        self._count = self._number = 0
        self._is_due = False
        numbers = [signal.SIGINT, signal.SIGTERM]
        if threading.current_thread() is not threading.main_thread():
            numbers = []
        elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as with `nohup`
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Have a signal wait until this is done. It may not take long."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        self._raise_if_due()

    @contextlib.contextmanager
    def interrupting_again(self) -> Iterator[None]:
        """Have another signal interrupt what is done meanwhile, if it is not the first one either."""
        self._is_impatient = True
        try:
            yield
        finally:
            self._is_impatient = False

    def check(self) -> None:
        """Raise Interrupted if a signal came, where what it raised may have been lost on its way."""
        if self._number and not self._is_impatient:
            self._is_due = True
            self._raise_if_due()

    @property
    def came(self) -> int | None:
        """The number of the first signal; None if none came."""
        return self._number or None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._count += 1
        kill_children()
        if self._count > 2:
            os._exit(128 + number)
        if self._count == 1:
            self._number = number
            watchdog = threading.Timer(GRACE, lambda: os._exit(128 + number))
            watchdog.daemon = True
            watchdog.start()
        if self._count == 1 or self._is_impatient:
            self._is_due = True
            if not self._holds:
                self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._is_due and not self._holds:
            self._is_due = False
            name = signal.Signals(self._number).name
            raise Interrupted(f"the run was interrupted ({name})", self._number)


signals = Signals()
"""Those of this process."""
