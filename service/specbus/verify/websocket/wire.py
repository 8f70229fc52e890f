"""Frames as bytes (RFC 6455, 5.2): what a client sends, and what a server may send."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NAMES = {CONTINUATION: "continuation", TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}
_MASK = b"\x11\x22\x33\x44"


def client_frame(first: int, payload: bytes = b"", *, is_masked: bool = True, mask: bytes = _MASK) -> bytes:
    """A frame with that first byte: FIN, reserved bits and opcode. `payload` is of 65,535 bytes at most."""
    size = len(payload)
    bit = 0x80 if is_masked else 0
    head = bytes([first, bit | size]) if size < 126 else bytes([first, bit | 126]) + struct.pack("!H", size)
    if not is_masked:
        return head + payload
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


@dataclass(frozen=True, slots=True)
class ServerFrame:
    """A frame as a server sent it."""

    first: int
    """Its first byte."""
    is_masked: bool
    form: int
    """Bits in which its length stands: 7, 16 or 64."""
    payload: bytes

    @property
    def opcode(self) -> int:
        """What it is."""
        return self.first & 0x0F

    @property
    def name(self) -> str:
        """What it is, for a person."""
        return NAMES.get(self.opcode, f"opcode {self.opcode:#x}")

    @property
    def is_last(self) -> bool:
        """Whether its message ends with it."""
        return bool(self.first & 0x80)

    @property
    def problem(self) -> str | None:
        """What a server must not have sent in it, where no extension was agreed to: the end of a sentence."""
        size = len(self.payload)
        what = f"a {self.name} frame of {size} bytes"
        if self.is_masked:
            return f"{what} is masked (RFC 6455, 5.1)"
        if self.first & 0x70:
            return f"{what} has reserved bits set: its first byte is {self.first:#04x} (RFC 6455, 5.2)"
        if self.opcode not in NAMES:
            return f"{what} has a reserved opcode (RFC 6455, 5.2)"
        shortest = 7 if size < 126 else 16 if size < 1 << 16 else 64
        if self.form != shortest:
            return f"{what} has its length in {self.form} bits, not in the {shortest} that do (RFC 6455, 5.2)"
        if self.opcode >= CLOSE and not self.is_last:
            return f"{what} is a fragment (RFC 6455, 5.5)"
        if self.opcode >= CLOSE and size > 125:
            return f"{what} is longer than 125 (RFC 6455, 5.5)"
        return None


def take_frames(buffer: bytearray) -> Iterator[ServerFrame]:
    """Take the frames that are whole away from the beginning of `buffer`."""
    while len(buffer) >= 2:
        is_masked, size, at, form = bool(buffer[1] & 0x80), buffer[1] & 0x7F, 2, 7
        if size > 125:
            form, at = (16, 4) if size == 126 else (64, 10)
            if len(buffer) < at:
                return
            size = int.from_bytes(buffer[2:at])
        mask = bytes(buffer[at : at + 4]) if is_masked else b""
        at += len(mask)
        if (is_masked and len(mask) < 4) or len(buffer) < at + size:
            return
        payload = bytes(buffer[at : at + size])
        if is_masked:
            payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        frame = ServerFrame(buffer[0], is_masked, form, payload)
        del buffer[: at + size]
        yield frame
