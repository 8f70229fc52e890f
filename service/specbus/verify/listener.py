"""Connections on which a thread notes what comes, and when, while other checks are made: for what takes seconds."""

import contextlib
import secrets
import ssl
import threading
import time
from dataclasses import dataclass

from specbus.verify.raw import shown
from specbus.verify.record import Step
from specbus.verify.target import Target
from specbus.verify.websocket.wire import CLOSE, PING, PONG, ServerFrame, client_frame, take_frames

LONGEST = 12.0
"""Seconds since the begin of a run for which something is waited for."""
_TURN = 0.5
"""Seconds after which a thread looks whether it is to end."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame, and when it came, by the monotonic clock."""

    at: float
    frame: ServerFrame


class Listener:
    """A connection that says one thing when it opens and then, but for pongs if it is asked for them, nothing more."""

    def __init__(self, target: Target, data: bytes, *, pongs: bool = False) -> None:
        """Connect and send `data`, with as many pongs as there are pings behind a handshake if `pongs` says so.

        Raises OSError, and UnicodeError for a host that cannot be one.
        """
        self._target = target
        self._data = data
        self._pongs = pongs
        self._buffer = bytearray()
        self._is_over = threading.Event()
        self.arrivals: list[Arrival] = []
        self.head = b""
        """The head of what answers; all that came, if that is not at its end."""
        self.first_byte_at: float | None = None
        self.ended_at: float | None = None
        """When the server ended the connection, by a close frame or without one; None if it has not."""
        self.opened_at = time.monotonic()
        self._connection = target.connection()
        self._connection.settimeout(target.options.deadline)
        try:
            self._connection.sendall(data)
        except BaseException:
            self._connection.close()
            raise
        self._connection.settimeout(_TURN)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        target.at_end.callback(self.close)

    @property
    def is_accepted(self) -> bool:
        """Whether the server has accepted the handshake."""
        return self.head.split(b"\r\n", 1)[0].split(b" ")[1:2] == [b"101"]

    @property
    def age(self) -> float:
        """Seconds since the connection was opened."""
        return time.monotonic() - self.opened_at

    def wait_until(self, age: float) -> None:
        """Wait until the connection is so many seconds old, or over. Raises TimeUp."""
        while self.ended_at is None and (left := age - self.age) > 0:
            time.sleep(min(left, 0.05, self._target.timeout()))

    def note(self) -> None:
        """Put what was sent on record, and that somebody waited."""
        self._target.steps = [Step("raw", shown(self._target, self._data), None)]
        for arrival in self.arrivals[-3:]:
            text = bytes(arrival.frame.payload[:200]).decode(errors="replace")
            what = f"after {arrival.at - self.opened_at:.1f} s: {arrival.frame.name} {text}"
            self._target.steps.append(Step("raw", None, what))

    def close(self) -> None:
        """Break the connection off."""
        self._is_over.set()
        self._thread.join(2 * _TURN + 1)
        with contextlib.suppress(OSError):
            self._connection.close()

    def _listen(self) -> None:
        while not self._is_over.is_set():
            try:
                data = self._connection.recv(65536)
            except (TimeoutError, ssl.SSLWantReadError):
                continue
            except (OSError, ValueError):
                data = b""
            if not data:
                self.ended_at = self.ended_at or time.monotonic()
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        now = time.monotonic()
        self.first_byte_at = self.first_byte_at or now
        self._buffer += data
        if not self.head.endswith(b"\r\n\r\n"):
            end = self._buffer.find(b"\r\n\r\n")
            self.head = bytes(self._buffer[: end + 4] if end >= 0 else self._buffer)
            if end < 0:
                return
            del self._buffer[: end + 4]
        if not self.is_accepted:
            return
        for frame in take_frames(self._buffer):
            self.arrivals.append(Arrival(now, frame))
            if frame.opcode == CLOSE:
                self.ended_at = self.ended_at or now
            if self._pongs and frame.opcode == PING:
                with contextlib.suppress(OSError):
                    self._connection.sendall(client_frame(0x80 | PONG, frame.payload, mask=secrets.token_bytes(4)))
