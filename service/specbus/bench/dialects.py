"""What is said to the servers: Specbus's frames, which the stand-in speaks too, and NATS's protocol."""

import struct
from dataclasses import dataclass
from typing import Protocol

from specbus.bench.event_scan import MARKER, STAMP, message

_TEXT, _BINARY = 0x81, 0x82


@dataclass(slots=True)
class Template:
    """A publish frame, and where in it what differs from one to the next is written."""

    frame: bytearray
    numbers: tuple[int, ...]
    """Positions of the number, 12 hexadecimal digits."""
    time: int
    """Position of the time, 16 hexadecimal digits."""

    def fill(self, number: int, time: bytes) -> bytes:
        """The frame with `number` and `time` in it."""
        digits = b"%012x" % number
        for position in self.numbers:
            self.frame[position : position + 12] = digits
        self.frame[self.time : self.time + 16] = time
        return bytes(self.frame)


class Dialect(Protocol):
    """The frames of a kind of server."""

    path: str
    """Where the WebSocket is."""
    hello: tuple[bytes, ...]
    """Frames that open a connection."""
    ack: bytes
    """Is in the answer to each frame that was taken, once."""
    error: bytes
    """Is in the answer to a frame that was not."""

    def subscribe(self, topic: str) -> bytes:
        """The frame that subscribes to `topic`."""

    def publish(self, topic: str, stream: int, size: int) -> Template:
        """The frame that publishes a payload of `size` bytes on `topic`."""


class Specbus:
    """The frames of the contract."""

    path = "/ws"
    hello: tuple[bytes, ...] = ()
    ack = b'"ack"'
    error = b'"error"'

    def subscribe(self, topic: str) -> bytes:
        """The frame that subscribes to `topic`."""
        text = b'{"type":"subscribe","topic":"%b","client_id":"bench","request_id":"r1"}' % topic.encode()
        return _frame(_TEXT, text)

    def publish(self, topic: str, stream: int, size: int) -> Template:
        """The frame that publishes a payload of `size` bytes on `topic`."""
        text = b'{"type":"publish","topic":"%b","message":%b,"request_id":"r-000000000000"}'
        return _template(_frame(_TEXT, text % (topic.encode(), message(stream, 0, 0, size))), b'"r-')


class Nats:
    """The protocol of NATS, with an answer to everything (`verbose`)."""

    path = "/"
    ack = b"+OK"
    error = b"-ERR"

    def __init__(self) -> None:
        connect = b'CONNECT {"verbose":true,"pedantic":false,"lang":"python","version":"1"}\r\n'
        self.hello: tuple[bytes, ...] = (_frame(_BINARY, connect),)

    def subscribe(self, topic: str) -> bytes:
        """The frame that subscribes to `topic`."""
        return _frame(_BINARY, b"SUB %b 1\r\n" % topic.encode())

    def publish(self, topic: str, stream: int, size: int) -> Template:
        """The frame that publishes a payload of `size` bytes on `topic`."""
        body = message(stream, 0, 0, size)
        return _template(_frame(_BINARY, b"PUB %b %d\r\n%b\r\n" % (topic.encode(), len(body), body)))


def pong(payload: bytes) -> bytes:
    """The answer to a WebSocket ping."""
    return _frame(0x8A, payload)


def _frame(opcode: int, payload: bytes) -> bytes:
    # Masked with 0, which leaves the payload as it is: it spares the generator its time, and costs the server the same.
    # Keys must not be foreseeable where others choose what a browser sends (RFC 6455, 5.3 and 10.3).
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", opcode, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", opcode, 0xFE, size)
    else:
        head = struct.pack("!BBQ", opcode, 0xFF, size)
    return head + bytes(4) + payload


def _template(frame: bytes, *before: bytes) -> Template:
    """`frame` with its number after the marker and after each of `before`."""
    positions = tuple(frame.index(mark) + len(mark) for mark in (MARKER, *before))
    return Template(bytearray(frame), positions, frame.index(STAMP) + len(STAMP))
