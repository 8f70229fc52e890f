"""What the service says, as JSON texts in UTF-8. They are the same over WebSocket, SSE and REST.

What is said for each message that is published is put together from bytes by hand; all else is encoded as the object
that it is.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

_encode = msgspec.json.Encoder().encode

REQUEST_ID = "request_id"
"""What the field is called that a command and its answer have in common, unless the document calls it otherwise."""
RequestId: TypeAlias = str | int | float
"""What may stand in it: a text or an integer, as which 1.0 counts too."""

ErrorCode: TypeAlias = Literal[
    "BAD_REQUEST", "TOPIC_NOT_FOUND", "SLOW_CONSUMER", "UNAUTHORIZED", "LIMIT_EXCEEDED", "INTERNAL"
]


class _Clock:
    """Times as `ts` has them. To format one costs more than all else in an ack, so each second is formatted once."""

    def __init__(self) -> None:
        # Floats: to compare one with an integer takes Python several times as long.
        self.second = 0.0
        self.next = 0.0
        self.text = ""
        self.ascii = b""

    def at(self, seconds: float) -> str:
        """The time `seconds` after 1970 (UTC), to the second: RFC 3339, ending in `Z`."""
        # The clock may be set back, and what is replayed is older.
        if not self.second <= seconds < self.next:
            self.second = seconds // 1
            self.next = self.second + 1
            self.text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.second))
            self.ascii = self.text.encode()
        return self.text


_clock = _Clock()


class Taken(Protocol):
    """A message that its topic has taken."""

    @property
    def offset(self) -> int:
        """Its place in the order."""

    @property
    def ts(self) -> float:
        """When it was taken, in seconds since 1970 (UTC)."""

    @property
    def message(self) -> bytes:
        """The JSON text of the message, as its publisher wrote it."""


def event_writer(topic: str) -> Callable[[Taken], bytes]:
    """What makes the event of a message that `topic` has taken."""
    head = b'{"type":"event","topic":%b,"message":' % _encode(topic)
    clock = _clock

    def event(taken: Taken) -> bytes:
        # Compared here too: to call `at` takes a third of the time that an event does.
        if not clock.second <= taken.ts < clock.next:
            clock.at(taken.ts)
        return b'%b%b,"offset":%d,"ts":"%b"}' % (head, taken.message, taken.offset, clock.ascii)

    return event


class _Ack(msgspec.Struct, tag_field="type", tag="ack", omit_defaults=True, gc=False):
    # All have a default: a Struct wants that of fields after one that has, and the first in the protocol is optional.
    request_id: RequestId | None = None
    topic: str | None = None
    status: str | None = None
    position: Any = None
    ts: str | None = None


def ack(topic: str, request_id: RequestId | None, position: object = None) -> bytes:
    """The answer to a command that was carried out.

    Args:
        topic: The topic that it was about.
        request_id: The command's, if it had one.
        position: A `Position`, for commands that have one to tell.
    """
    now = time.time()
    if not _clock.second <= now < _clock.next:
        _clock.at(now)
    return _encode(_Ack(request_id, topic, "ok", position, _clock.text))


class AckWriter(Protocol):
    """Makes acks, as `ack` does."""

    def __call__(self, topic: str, request_id: RequestId | None, position: object = None) -> bytes:
        """The answer to a command that was carried out."""


def ack_writer(name: str) -> AckWriter:
    """What makes acks in which the field of the request id has the name `name`."""

    def named(topic: str, request_id: RequestId | None, position: object = None) -> bytes:
        fields = {"type": "ack", name: request_id, "topic": topic, "status": "ok", "position": position}
        return _object({**fields, "ts": _now()})

    return ack if name == REQUEST_ID else named


def pong(request_id: RequestId | None, *, name: str = REQUEST_ID) -> bytes:
    """The answer to a ping. `name` is that of the field of the request id."""
    return _object({"type": "pong", name: request_id, "ts": _now()})


def error(
    code: ErrorCode | str,
    message: str,
    *,
    request_id: RequestId | None = None,
    name: str = REQUEST_ID,
    topic: str | None = None,
    dropped: int | None = None,
) -> bytes:
    """A refusal, or with `topic` and `dropped` the news that messages were lost.

    `name` is that of the field of the request id.
    """
    detail = _present({"code": code, "message": message, "dropped": dropped})
    return _object({"type": "error", name: request_id, "topic": topic, "error": detail, "ts": _now()})


def info(msg: Literal["ping", "topic_deleted"], topic: str | None = None) -> bytes:
    """What is sent unasked: a heartbeat, or the end of a topic."""
    return _object({"type": "info", "topic": topic, "msg": msg, "ts": _now()})


def _now() -> str:
    return _clock.at(time.time())


def _present(fields: Mapping[str, object]) -> dict[str, object]:
    """`fields` without those that are None: a field that does not apply is absent."""
    return {name: value for name, value in fields.items() if value is not None}


def _object(fields: Mapping[str, object]) -> bytes:
    return _encode(_present(fields))
