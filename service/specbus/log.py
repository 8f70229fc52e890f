"""Logs: one line for each event, for people or for machines."""

import json
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TextIO

_LINE_INTERVAL = 1.0
"""Seconds that must pass between two lines of a `RateLimited` warning."""


def log_event(logger: logging.Logger, level: int, name: str, **fields: object) -> None:
    """Log the event `name` with its `fields`."""
    if logger.isEnabledFor(level):
        logger.log(level, name, extra={"fields": fields})


class _Formatter(logging.Formatter):
    """What both forms share: time, level and the fields of an event."""

    def parts(self, record: logging.LogRecord) -> tuple[str, dict[str, object]]:
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields: dict[str, object] = dict(getattr(record, "fields", {}))
        return stamp, fields


class TextFormatter(_Formatter):
    """`2025-08-25T10:00:00.000Z INFO connection opened peer=127.0.0.1:5000`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback follows on lines of its own."""
        stamp, fields = self.parts(record)
        shown = "".join(f" {name}={_text(value)}" for name, value in fields.items())
        line = f"{stamp} {record.levelname} {_line(record.getMessage())}{shown}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(_Formatter):
    """One JSON object a line, a traceback in its field `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        stamp, fields = self.parts(record)
        line = {"ts": stamp, "level": record.levelname, "event": record.getMessage(), **fields}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class RateLimited:
    """Logs a warning that clients can cause as often as they like, at most once a second for each limit.

    The next line says how many were `suppressed` meanwhile.
    """

    def __init__(
        self, logger: logging.Logger, name: str, by: str = "limit", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Have logged nothing.

        Args:
            logger: Where lines go.
            name: The event's name.
            by: The field that tells lines apart which are limited each for itself.
            clock: Gives seconds.

        """
        self._logger = logger
        self._name = name
        self._by = by
        self._clock = clock
        self._next: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def __call__(self, key: str, **fields: object) -> None:
        """Log the event for `key`, such as a limit, with its `fields`; or only count it."""
        now = self._clock()
        if now < self._next.get(key, now):
            self._suppressed[key] = self._suppressed.get(key, 0) + 1
            return
        if suppressed := self._suppressed.pop(key, 0):
            fields["suppressed"] = suppressed
        log_event(self._logger, logging.WARNING, self._name, **{self._by: key}, **fields)
        self._next[key] = now + _LINE_INTERVAL


_MAX_WAITING = 1 << 20
"""Bytes of lines that may wait for somebody who reads them; further ones are dropped and counted."""
_LAST_WAIT = 1.0
"""Seconds in which what waits at the end must be taken."""


class WaitingHandler(logging.Handler):
    """Writes lines to a file from a thread of its own: a pipe that nobody reads must not stop the event loop.

    What finds no room to wait, and what cannot be written, as nobody is left to read it or the disk is full, is
    dropped. How many lines that were is told in their place, once one can be written.
    """

    def __init__(self, fd: int) -> None:
        """Write to the file descriptor `fd`."""
        super().__init__()
        self._fd = fd
        self._lines: deque[bytes | None] = deque()
        """What is to be written; None where it is to be told how many lines were dropped."""
        self._size = 0
        """Bytes of the lines that wait, and of the one that is being written."""
        self._dropped = 0
        self._closed = False
        self._changed = threading.Condition()
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have the line of `record` written, or count it."""
        line = self._encoded(record)
        with self._changed:
            if self._size + len(line) > _MAX_WAITING:
                self._dropped += 1
                return
            self._tell_of_dropped()
            self._lines.append(line)
            self._size += len(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, but not for long where nobody reads."""
        with self._changed:
            self._changed.wait_for(lambda: not self._size and None not in self._lines, _LAST_WAIT)

    def close(self) -> None:
        """Have the thread end, once what waits is written."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        super().close()

    def _tell_of_dropped(self) -> None:
        if self._dropped and None not in self._lines:
            self._lines.append(None)

    def _encoded(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._closed)
                if not self._lines:
                    return
                line, dropped = self._lines.popleft(), self._dropped
            written = self._write(self._encoded(_of_dropped(dropped)) if line is None else line)
            with self._changed:
                if line is None:
                    self._dropped -= dropped if written else 0
                else:
                    self._dropped += not written
                    self._size -= len(line)
                if written and not self._lines:
                    self._tell_of_dropped()
                self._changed.notify_all()

    def _write(self, line: bytes) -> bool:
        """Write all of `line`, however long that takes; whether it could be."""
        try:
            while line:
                try:
                    line = line[os.write(self._fd, line) :]
                except BlockingIOError:  # another program that has this pipe has made it so
                    select.select([], [self._fd], [])
        except (OSError, ValueError):
            return False
        return True


def _of_dropped(count: int) -> logging.LogRecord:
    record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, "log lines dropped", (), None)
    record.fields = {"count": count}
    return record


def _handler(stream: TextIO) -> logging.Handler:
    try:
        return WaitingHandler(stream.fileno())
    except (OSError, ValueError):  # no file, as in a test
        return logging.StreamHandler(stream)


def configure(level: str, form: Literal["text", "json"]) -> None:
    """Log to standard error from `level` on. What libraries say below WARNING is left out."""
    handler = _handler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("specbus").setLevel(level)
    # Connexion warns of each bad request, uvicorn of each bad byte: the client is told, the log need not be.
    # But what uvicorn calls an error is a failure of ours.
    logging.getLogger("connexion").setLevel(logging.CRITICAL)
    logging.getLogger("uvicorn").setLevel(logging.ERROR if level != "DEBUG" else logging.INFO)


def _line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)


def _text(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(c in text for c in ' "=\n\\') or not text.isprintable() else text
