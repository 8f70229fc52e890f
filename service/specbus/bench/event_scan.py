"""Scanning the bytes that a subscriber reads: how many events, whether in sequence, and how old the last one is.

An event carries its stream and its number there in the message id, and the time of its publication in the payload:

    {"id":"SSSSSSSS-0000-4000-8000-NNNNNNNNNNNN","payload":{"t":"^@TTTTTTTTTTTTTTTT","x":"ppp"}}

all in hexadecimal digits, so that they are found without parsing, and counted at the speed of `bytes.count`.
"""

import re
from collections.abc import Iterator

MARKER = b"-0000-4000-8000-"
STAMP = b"^@"
_STREAM_DIGITS, _NUMBER_DIGITS, _TIME_DIGITS = 8, 12, 16
PING = 0x89
_EVENT = re.compile(rb"([0-9a-f]{8})-0000-4000-8000-([0-9a-f]{12})")
_LENGTH_BEFORE = re.compile(rb"\x7e.?\Z|\x7f\0{5}.{1,2}\Z", re.DOTALL)
"""The end of what stands before a byte of an extended payload length (RFC 6455, 5.2)."""
_ID_BYTES = frozenset(b"0123456789abcdef-")
_MAX_CUT_ID = _STREAM_DIGITS + len(MARKER) - 1
"""Length of the longest beginning of an id without the whole marker."""


def message(stream: int, number: int, time: int, size: int) -> bytes:
    """A message with a payload of `size` bytes (at least `MIN_PAYLOAD_SIZE`). `time` is in nanoseconds."""
    payload = b'{"t":"^@%016x","x":"' % time
    return b'{"id":"%08x-0000-4000-8000-%012x","payload":%b"}}' % (stream, number, payload.ljust(size - 2, b"p"))


MIN_PAYLOAD_SIZE = 33
"""Bytes of the smallest payload that holds the time."""


def last_event(buffer: bytearray, start: int, end: int) -> tuple[int, int, int]:
    """Where the last whole event between `start` and `end` has its marker and its time, and what to keep.

    The marker is at -1 if there is no whole event. From the third position on, the bytes are to be put in front
    of what is read next, since they may be the beginning of an event.
    """
    marker = buffer.rfind(MARKER, start, end)
    if marker < 0:
        return -1, -1, _cut_id(buffer, start, end)
    time = buffer.find(STAMP, marker, end)
    after = time + len(STAMP) + _TIME_DIGITS
    if time >= 0 and after <= end:
        return marker, time, _cut_id(buffer, after, end)
    cut = marker - _STREAM_DIGITS
    marker = buffer.rfind(MARKER, start, cut)
    return marker, buffer.find(STAMP, marker, cut) if marker >= 0 else -1, cut


def _cut_id(buffer: bytearray, start: int, end: int) -> int:
    """Where an id may begin that goes on after `end`."""
    return max(start, end - _MAX_CUT_ID) if end > start and buffer[end - 1] in _ID_BYTES else end


def id_at(buffer: bytearray, marker: int) -> bytearray:
    """The id of the event with its marker at `marker`."""
    return buffer[marker - _STREAM_DIGITS : marker + len(MARKER) + _NUMBER_DIGITS]


def time_at(buffer: bytearray, time: int) -> int:
    """The time at `time`, in nanoseconds."""
    return int(buffer[time + len(STAMP) : time + len(STAMP) + _TIME_DIGITS], 16)


def events(buffer: bytearray, start: int, marker: int) -> Iterator[tuple[int, int]]:
    """Stream and number of each event up to the one with its marker at `marker`. Slow."""
    for stream, number in _EVENT.findall(buffer, start, marker + len(MARKER) + _NUMBER_DIGITS):
        yield int(stream, 16), int(number, 16)


def pings(buffer: bytearray, start: int, end: int) -> tuple[list[bytes], int]:
    """The payloads of WebSocket pings between `start` and `end`, and where one begins that is cut (else `end`)."""
    found: list[bytes] = []
    at = buffer.find(PING, start, end)
    while at >= 0:
        # In the ASCII text that the frames hold, the byte is nowhere but in their lengths.
        if _LENGTH_BEFORE.search(buffer[max(start, at - 8) : at]):
            after = at + 1
        else:
            after = at + 2 + (buffer[at + 1] & 0x7F) if at + 1 < end else end + 1
            if after > end:
                return found, at
            found.append(bytes(buffer[at + 2 : after]))
            # What is in its payload says nothing about what follows.
            start = after
        at = buffer.find(PING, after, end)
    return found, end


class Tally:
    """What one subscriber has received of one stream. Numbers begin at 1."""

    __slots__ = ("gap", "late", "lost", "prefix", "repeated", "seen", "stream")

    def __init__(self, stream: int) -> None:
        self.stream = stream
        self.prefix = b"%08x" % stream + MARKER
        """How the ids of its events begin."""
        self.seen = 0
        """The highest number."""
        self.lost = 0
        """Events before `seen` that did not come."""
        self.late = 0
        """Events that came after a later one."""
        self.repeated = 0
        self.gap = range(0)
        """The numbers that were skipped last."""

    def expects(self, seen: int) -> bytes:
        """The id of the event that makes it `seen` events."""
        return b"%b%012x" % (self.prefix, seen)

    def record(self, number: int) -> None:
        """Record the event `number`."""
        if number > self.seen:
            if number > self.seen + 1:
                self.gap = range(self.seen + 1, number)
                self.lost += len(self.gap)
            self.seen = number
        elif number in self.gap:
            self.late += 1
            self.lost -= 1
        else:
            self.repeated += 1
