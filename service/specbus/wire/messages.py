"""What the service says, as JSON texts in UTF-8. They are the same over WebSocket, SSE and REST.

What is said for each message that is published is put together from bytes by hand; all else is encoded as the object
that it is.
"""

import time
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import msgspec

_encode = msgspec.json.Encoder().encode

_PUBLISHED_ACK = (
    b'{"type":"ack","request_id":%b,"topic":%b,"status":"ok","position":{"epoch":%b,"offset":%d},"ts":"%b"}'
)

ErrorCode: TypeAlias = Literal[
    "BAD_REQUEST", "TOPIC_NOT_FOUND", "SLOW_CONSUMER", "UNAUTHORIZED", "LIMIT_EXCEEDED", "INTERNAL"
]


class _Clock:
    """Times as `ts` has them. To format one costs more than all else in an ack, so each second is formatted once."""

    def __init__(self) -> None:
        # Floats: to compare one with an integer takes Python several times as long.
        self._second = 0.0
        self._next = 0.0
        self._text = b""

    def text(self, seconds: float) -> bytes:
        """The time `seconds` after 1970 (UTC), to the second: RFC 3339, ending in `Z`."""
        # The clock may be set back, and what is replayed is older.
        if not self._second <= seconds < self._next:
            self._second = seconds // 1
            self._next = self._second + 1
            self._text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._second)).encode()
        return self._text


_timestamp = _Clock().text


def event_writer(topic: str) -> Callable[[bytes, int, float], bytes]:
    """What makes the events of `topic`.

    Its arguments are the message, a JSON text as its publisher wrote it, its offset, and when it was taken, in seconds
    since 1970.
    """
    head = b'{"type":"event","topic":%b,"message":' % _encode(topic)

    def event(message: bytes, offset: int, ts: float) -> bytes:
        return b'%b%b,"offset":%d,"ts":"%b"}' % (head, message, offset, _timestamp(ts))

    return event


def ack(topic: str, request_id: str | None, position: tuple[str, int] | None = None) -> bytes:
    """The answer to a command that was carried out; `position` is an epoch and an offset."""
    # Most acks are those of publications.
    if request_id is not None and position is not None:
        return (
            b'{"type":"ack","request_id":%b,"topic":%b,"status":"ok","position":{"epoch":%b,"offset":%d},"ts":"%b"}'
            % (
                _encode(request_id),
                _encode(topic),
                _encode(position[0]),
                position[1],
                _timestamp(time.time()),
            )
        )
    return _object(
        {
            "type": "ack",
            "request_id": request_id,
            "topic": topic,
            "status": "ok",
            "position": position_object(*position) if position else None,
            "ts": _now(),
        }
    )


def pong(request_id: str | None) -> bytes:
    """The answer to a ping."""
    return _object({"type": "pong", "request_id": request_id, "ts": _now()})


def error(
    code: ErrorCode | str,
    message: str,
    *,
    request_id: str | None = None,
    topic: str | None = None,
    dropped: int | None = None,
) -> bytes:
    """A refusal, or with `topic` and `dropped` the news that messages were lost."""
    detail = _present({"code": code, "message": message, "dropped": dropped})
    return _object({"type": "error", "request_id": request_id, "topic": topic, "error": detail, "ts": _now()})


def info(msg: Literal["ping", "topic_deleted"], topic: str | None = None) -> bytes:
    """News that nobody asked for."""
    return _object({"type": "info", "topic": topic, "msg": msg, "ts": _now()})


def position_object(epoch: str, offset: int) -> dict[str, object]:
    """A position, as it stands in a frame or a body."""
    return {"epoch": epoch, "offset": offset}


def _now() -> str:
    return _timestamp(time.time()).decode()


def _present(fields: Mapping[str, object]) -> dict[str, object]:
    """`fields` without those that are None: a field that does not apply is absent."""
    return {name: value for name, value in fields.items() if value is not None}


def _object(fields: Mapping[str, object]) -> bytes:
    return _encode(_present(fields))
