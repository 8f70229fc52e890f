"""Logs: one line for each event, for people or for machines."""

import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

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


def configure(level: str, form: Literal["text", "json"]) -> None:
    """Log to standard error from `level` on. What libraries say below WARNING is left out."""
    handler = logging.StreamHandler(sys.stderr)
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
