"""RFC 6455 without I/O: the service's frames, and what its clients send taken apart.

# Theory of operation

Nearly all traffic is whole masked text frames, and an idle connection should cost little. So `FrameReader` takes frames
apart by itself, and keeps the `websockets` library's sans-I/O object only while that has something to remember: control
frames are handed to it and answered by it, and it does the closing handshake.

A reader is in one of three states.

    open      `read` takes bytes apart. What is not a whole frame yet stays in `_rest` until enough of it has come.
    closing   A close frame was sent. Of what comes, messages are dropped; what counts is the client's close frame.
    over      That has come, or the connection failed. All that comes is dropped.

They change in `data_to_send`, after the bytes that say so were handed out: `close` and `fail`, a close frame of the
client's, or a breach of the protocol, have the sans-I/O object put them there.

The owner may set `paused`: the client does not read what it is sent. While the reader is open, the first frame that
would have an answer then stays where it is, with all that follows, and `held` says so; pongs and a close frame that
come before it are still seen. `resume` goes on with it. While it is closing, pings have no answer then.

A turn ends after `TURN` seconds: what is left then is held as well, so that one client's frames, of which a read may
bring thousands, do not keep the others waiting.

`read` calls its handler, rather than giving it what it finds: a call is cheaper than to resume a generator. The handler
may call all methods but `read` and `resume`.

These hold whenever `read` is not running:

- `_rest` is the beginning of a frame, or frames that are held: never a frame that could be dealt with.
- `_fragments` is a message of which the last frame has not come; None between messages.
- `_sansio` is None while the reader is open, and has no data frame in any state.
"""

import enum
import logging
import struct
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask

LIBRARY_LOGGER = logging.getLogger("websockets.server")
"""Where the sans-I/O object logs, for all connections: it would make a logger adapter for each."""
MAX_FRAGMENTS = 16_384
"""Maximum number of fragments of a message, as empty ones cost time too: 1 MiB in pieces of 64 bytes."""
TURN = 0.002
"""Seconds of one client's frames after which other connections have their turn."""
PING = b"\x89\x00"
"""A ping frame without a payload (RFC 6455, 5.5.2)."""

_UNTIMED = 16
"""Frames after which the clock is looked at: that takes a hundredth of the time of a publication."""
_LARGE = 4_096
"""Bytes of a frame after which it is looked at in any case."""

_FIN_TEXT = 0x81
_DATA_HEADS = {0x00, 0x80, 0x01, 0x81, 0x02, 0x82}
_CONTROL_HEADS = {0x88, 0x89, 0x8A}
_CLOSE_HEAD = 0x88
_PONG_HEAD = 0x8A


def _text_head(size: int) -> bytes:
    if size < 126:
        return struct.pack(">BB", _FIN_TEXT, size)
    if size < 65_536:
        return struct.pack(">BBH", _FIN_TEXT, 126, size)
    return struct.pack(">BBQ", _FIN_TEXT, 127, size)


_HEADS = [_text_head(size) for size in range(1024)]
"""The heads of nearly all frames, by size: to make one takes as long as to join it with its payload."""


def text_frame(payload: bytes) -> bytes:
    """`payload`, UTF-8, as one unmasked text frame (RFC 6455, 5.2).

    A server's frames are not masked (5.1), so an event's bytes are the same for every subscriber.
    """
    size = len(payload)
    return (_HEADS[size] if size < 1024 else _text_head(size)) + payload


def text_frames(texts: Iterable[bytes]) -> bytes:
    """A text frame for each of `texts`, joined."""
    parts: list[bytes] = []
    for payload in texts:
        size = len(payload)
        parts += (_HEADS[size] if size < 1024 else _text_head(size), payload)
    return b"".join(parts)


def payloads(frames: bytes) -> list[bytes]:
    """The payloads of joined frames that `text_frame` made."""
    found = []
    while frames:
        start = {126: 4, 127: 10}.get(frames[1], 2)
        end = start + (frames[1] if start == 2 else int.from_bytes(frames[2:start]))
        found.append(frames[start:end])
        frames = frames[end:]
    return found


class Signal(enum.Enum):
    """What a `FrameReader` tells its handler beside text messages."""

    OUTPUT = enum.auto()
    """There is something to send: see `data_to_send`."""
    HELD = enum.auto()
    """A frame waits until the client reads. There is no use in reading more from it."""
    TURN_OVER = enum.auto()
    """Frames wait until others had their turn."""


# Module-level aliases: attribute access on an Enum class is about 3x slower on Python 3.11.
OUTPUT, HELD, TURN_OVER = Signal


class Handler(Protocol):
    """Whose frames a `FrameReader` takes apart."""

    def receive(self, text: bytes) -> None:
        """Take a text message, which may not be UTF-8."""

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""

    def hear(self, signal: Signal) -> None:
        """Take a signal."""


class _Fragments:
    """A message of which not all fragments have come."""

    __slots__ = ("count", "data", "is_text")

    def __init__(self, is_text: bool) -> None:
        self.is_text = is_text
        self.data = bytearray()
        self.count = 0


class FrameReader:
    """The frames of one client, taken apart; and the control frames and the closing handshake that answer them."""

    __slots__ = ("_clock", "_fragments", "_max_size", "_need", "_over", "_rest", "_sansio", "closing", "held", "paused")

    def __init__(self, max_size: int, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin after the handshake. `max_size` is of a message, in bytes. `clock` gives seconds."""
        self._max_size = max_size
        self._clock = clock
        self._rest: bytearray | None = None
        self._need = 0
        """How long `_rest` must be before there is something to read in it."""
        self._fragments: _Fragments | None = None
        self._sansio: ServerProtocol | None = None
        self.paused = False
        """Set by the owner: whether the client leaves unread what it is sent."""
        self.held = False
        """Whether frames wait until `resume`: for the client to read, or for others to have their turn."""
        self.closing = False
        """Whether a close frame was sent, or the connection failed."""
        self._over = False

    def read(self, data: bytes, handler: Handler) -> None:
        """Hand `handler` the text messages in `data`, and what it must know in between."""
        if self._rest is not None:
            self._rest += data
            if self.held or len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest = None
        # Nearly all traffic is whole text frames: this loop calls nothing for one but what unmasks it, and the handler.
        position, size, limit = 0, len(data), self._max_size
        # The clock is first looked at when it may matter: most reads are of a frame or a few.
        untimed, turn_ends = _UNTIMED, 0.0
        while not self._over:
            start = position + 2
            if size < start:
                self._keep(data, position, 2)
                return
            head, second = data[position], data[position + 1]
            length = second & 0x7F
            if length >= 126:
                start += 2 if length == 126 else 8
                if size < start:
                    self._keep(data, position, start - position)
                    return
                # Most frames are of medium length, which needs no slice.
                two = data[position + 2] << 8 | data[position + 3]
                length = two if length == 126 else int.from_bytes(data[position + 2 : start])
            if second < 0x80 or length > limit or (head != _FIN_TEXT and not _is_usual(head, length)):
                self._refuse_header(head, second, length)
                handler.hear(OUTPUT)
                return
            end = start + 4 + length
            if size < end:
                self._keep(data, position, end - position)
                return
            if self.paused and head != _PONG_HEAD and head != _CLOSE_HEAD and not self.closing:
                self._keep(data, position, 0)
                self.held = True
                handler.hear(HELD)
                return
            if length > _LARGE and not turn_ends:
                turn_ends = self._clock() + TURN
            here, position = position, end
            if head == _FIN_TEXT and self._fragments is None and not self.closing:
                handler.receive(apply_mask(data[start + 4 : end], data[start : start + 4]))
            elif head in _DATA_HEADS:
                if not self.closing:
                    payload = apply_mask(data[start + 4 : end], data[start : start + 4])
                    self._data_frame(Frame(Opcode(head & 0x0F), payload, fin=head >= 0x80), handler)
            elif head == _CLOSE_HEAD or (head != _PONG_HEAD and not self.paused):
                self._receive(data[here:end])
                handler.hear(OUTPUT)
            if position == size:
                return
            untimed -= 1
            if not untimed or length > _LARGE:
                now = self._clock()
                if not turn_ends:
                    turn_ends = now + TURN
                elif now > turn_ends and not self._over:
                    self._keep(data, position, 0)
                    self.held = True
                    handler.hear(TURN_OVER)
                    return
                untimed = _UNTIMED

    def resume(self, handler: Handler) -> None:
        """Read the frames that were held."""
        self.held = False
        data, self._rest = bytes(self._rest or b""), None
        self.read(data, handler)

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake (RFC 6455, 7.1.2)."""
        self._sans_io().send_close(code, reason)

    def fail(self, code: CloseCode, reason: str) -> None:
        """Fail the connection (RFC 6455, 7.1.7)."""
        self._sans_io().fail(code, reason)

    def data_to_send(self) -> list[bytes]:
        """The bytes to send now, in order; an empty one stands for the end of the stream."""
        sansio = self._sansio
        if sansio is None:
            return []
        chunks = sansio.data_to_send()
        if sansio.state is OPEN:
            self._sansio = None
        else:
            self.closing = True
            self._fragments = None
            if sansio.eof_sent:
                self._over = True
                self.held = False
                self._rest = None
        return chunks

    @property
    def close_complete(self) -> bool:
        """Whether both sides have sent a close frame."""
        sansio = self._sansio
        return sansio is not None and sansio.close_rcvd is not None and sansio.close_sent is not None

    @property
    def close_reason(self) -> str:
        """Why the connection closes, for the log."""
        received, sent = (self._sansio.close_rcvd, self._sansio.close_sent) if self._sansio else (None, None)
        if received is not None:
            return f"by the client, {received.code} {received.reason}".rstrip()
        return f"{sent.code} {sent.reason}" if sent is not None else "connection lost"

    def _keep(self, data: bytes, position: int, need: int) -> None:
        if position < len(data):
            self._rest = bytearray(data[position:] if position else data)
            self._need = need

    def _receive(self, data: bytes) -> None:
        """Have the sans-I/O object read `data`, a control frame."""
        sansio = self._sans_io()
        sansio.receive_data(data)
        # It has answered them. But it would keep them.
        sansio.events_received()

    def _refuse_header(self, head: int, second: int, length: int) -> None:
        """Fail the connection because of the header of a frame, whose payload need not have come."""
        if not second & 0x80:
            self.fail(CloseCode.PROTOCOL_ERROR, "a client's frames must be masked")
        elif head & 0x70:
            self.fail(CloseCode.PROTOCOL_ERROR, "the reserved bits must be 0")
        elif head in _DATA_HEADS:
            self.fail(CloseCode.MESSAGE_TOO_BIG, f"a frame of {length} bytes is over the limit of {self._max_size}")
        elif head | 0x80 in _CONTROL_HEADS:
            self.fail(CloseCode.PROTOCOL_ERROR, "a control frame must be whole and have at most 125 bytes")
        else:
            self.fail(CloseCode.PROTOCOL_ERROR, "the opcode is reserved")

    def _data_frame(self, frame: Frame, handler: Handler) -> None:
        """Deal with a data frame that is not a whole text message (RFC 6455, 5.4)."""
        fragments = self._fragments
        if (frame.opcode is Opcode.CONT) is (fragments is None):
            expected = "no message has begun" if fragments is None else "the message before has not ended"
            self.fail(CloseCode.PROTOCOL_ERROR, expected)
            handler.hear(OUTPUT)
            return
        if fragments is None:
            fragments = self._fragments = _Fragments(frame.opcode is Opcode.TEXT)
        fragments.data += frame.data
        fragments.count += 1
        if len(fragments.data) > self._max_size or fragments.count > MAX_FRAGMENTS:
            limits = f"{self._max_size} bytes and {MAX_FRAGMENTS} fragments"
            self.fail(CloseCode.MESSAGE_TOO_BIG, f"a message may have at most {limits}")
            handler.hear(OUTPUT)
        elif frame.fin:
            self._fragments = None
            receive = handler.receive if fragments.is_text else handler.receive_binary
            receive(bytes(fragments.data))

    def _sans_io(self) -> ServerProtocol:
        if self._sansio is None:
            self._sansio = ServerProtocol(state=OPEN, max_size=self._max_size, logger=LIBRARY_LOGGER)
        return self._sansio


def _is_usual(head: int, length: int) -> bool:
    """Whether a frame may begin with the byte `head` and be of that length."""
    return head in _DATA_HEADS or (head in _CONTROL_HEADS and length <= 125)
