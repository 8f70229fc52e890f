"""The frames that the service sends: encoded as JSON, and framed once for all who get them.

A server's frames are not masked (RFC 6455, 5.1), so an event's bytes are the same for every subscriber. What is sent
for each publication is put together from bytes by hand; all else is encoded as the object that it is.
"""

import struct
import time
from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

_encode = msgspec.json.Encoder().encode

ErrorCode: TypeAlias = Literal[
    "BAD_REQUEST", "TOPIC_NOT_FOUND", "SLOW_CONSUMER", "UNAUTHORIZED", "LIMIT_EXCEEDED", "INTERNAL"
]


_head_of_medium = struct.Struct(">BBH").pack


def text_frame(payload: bytes) -> bytes:
    """`payload`, UTF-8, as one unmasked text frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65_536:
        return _head_of_medium(0x81, 126, size) + payload
    return b"\x81\x7f%b%b" % (size.to_bytes(8), payload)


def frame_payload(frame: bytes) -> bytes:
    """The payload of a frame that `text_frame` made."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


class _Clock:
    """The time for `ts`. Formatting it costs more than all else in an ack, so each second is formatted once."""

    def __init__(self) -> None:
        # Floats: to compare one with an integer takes Python several times as long.
        self._second = 0.0
        self._next = 0.0
        self._text = b""

    def now(self) -> bytes:
        now = time.time()
        # The clock may be set back.
        if not self._second <= now < self._next:
            self._second = now // 1
            self._next = self._second + 1
            self._text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._second)).encode()
        return self._text


_now = _Clock().now


def event(topic: str, message: bytes) -> bytes:
    """The event for `message`, the JSON text of a message as its publisher wrote it."""
    return text_frame(b'{"type":"event","topic":%b,"message":%b,"ts":"%b"}' % (_encode(topic), message, _now()))


def ack(topic: str, request_id: str | None) -> bytes:
    """The answer to a command that was carried out."""
    if request_id is None:
        return text_frame(b'{"type":"ack","topic":%b,"status":"ok","ts":"%b"}' % (_encode(topic), _now()))
    return text_frame(
        b'{"type":"ack","request_id":%b,"topic":%b,"status":"ok","ts":"%b"}'
        % (_encode(request_id), _encode(topic), _now())
    )


def pong(request_id: str | None) -> bytes:
    """The answer to a ping."""
    return _frame({"type": "pong", "request_id": request_id, "ts": _ts()})


def error(
    code: ErrorCode,
    message: str,
    *,
    request_id: str | None = None,
    topic: str | None = None,
    dropped: int | None = None,
) -> bytes:
    """A refusal, or with `topic` and `dropped` the news that messages were lost."""
    detail = {"code": code, "message": message, "dropped": dropped}
    return _frame({"type": "error", "request_id": request_id, "topic": topic, "error": _given(detail), "ts": _ts()})


def info(msg: Literal["ping", "topic_deleted"], topic: str | None = None) -> bytes:
    """News that nobody asked for."""
    return _frame({"type": "info", "topic": topic, "msg": msg, "ts": _ts()})


def _ts() -> str:
    return _now().decode()


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    """`fields` without those that are None: a field that does not apply is absent."""
    return {name: value for name, value in fields.items() if value is not None}


def _frame(fields: Mapping[str, object]) -> bytes:
    """`fields` encoded and framed."""
    return text_frame(_encode(_given(fields)))


def payloads(frames: bytes) -> list[bytes]:
    """The payloads of joined frames that `text_frame` made."""
    found = []
    while frames:
        start = {126: 4, 127: 10}.get(frames[1], 2)
        end = start + (frames[1] if start == 2 else int.from_bytes(frames[2:start]))
        found.append(frames[start:end])
        frames = frames[end:]
    return found
