"""Frames (RFC 6455, 5) that no client library sends, or not in such pieces."""

import contextlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from websockets.frames import Close, CloseCode, Frame, Opcode

from specbus.verify.checks import RISKY, check
from specbus.verify.failures import Broken, Closed, Skipped, TimedOut
from specbus.verify.peer import Peer
from specbus.verify.raw import Exchange, handshake, told
from specbus.verify.record import Data
from specbus.verify.target import Target
from specbus.verify.websocket.conversation import Conversation
from specbus.verify.websocket.wire import client_frame


@contextlib.contextmanager
def _open(target: Target) -> Iterator[Exchange]:
    """A WebSocket of its own, on which bytes can be sent. Raises Broken."""
    target.cases += 1
    target.steps = []
    with Exchange(target, handshake(target)) as exchange:
        answer = exchange.answer()
        if answer is None or answer.status != 101:
            raise Broken(f"a handshake is {told(answer)}, not 101")
        yield exchange


def _good(target: Target) -> tuple[bytes, str]:
    """The text of a frame that must be taken, and what it is called."""
    frame, message = Conversation(target).good()
    return json.dumps(frame).encode(), message.name


def _check_taken(target: Target, exchange: Exchange, what: str) -> None:
    """Raise Broken unless a reply comes that is no refusal."""
    document = target.document
    try:
        for frame in exchange.frames():
            if document.is_reply(frame):
                if document.is_refusal(frame):
                    raise Broken(f"{what} is refused")
                return
    except TimedOut:
        raise Broken(f"{what} is not answered") from None
    raise Broken(f"for {what}, the server closes the connection")


@dataclass(frozen=True, slots=True)
class _Breach:
    """Bytes that break the protocol."""

    what: str
    data: bytes
    code: int = CloseCode.PROTOCOL_ERROR
    """With which the connection must be closed."""


def _close(code: int, reason: bytes = b"") -> bytes:
    return client_frame(0x88, struct.pack("!H", code) + reason)


def _breaches(good: bytes) -> Iterator[_Breach]:
    yield _Breach("an unmasked frame (5.1)", client_frame(0x81, good, is_masked=False))
    for bit in (0x40, 0x20, 0x10):
        yield _Breach(f"a frame with the reserved bit {bit:#x} (5.2)", client_frame(0x81 | bit, good))
    for opcode in (0x3, 0x7, 0xB, 0xF):
        yield _Breach(f"a frame with the reserved opcode {opcode:#x} (5.2)", client_frame(0x80 | opcode, good[:100]))
    for name, opcode in (("ping", 0x9), ("pong", 0xA), ("close", 0x8)):
        yield _Breach(f"a {name} of 126 bytes (5.5)", client_frame(0x80 | opcode, b"\x03\xe8" + b"x" * 124))
        yield _Breach(f"a fragmented {name} (5.5)", client_frame(opcode))
    yield _Breach("a continuation of nothing (5.4)", client_frame(0x80, good))
    yield _Breach("a message within a fragmented one (5.4)", client_frame(0x01, good[:1]) + client_frame(0x81, good))
    yield _Breach("a close with one byte (5.5.1)", client_frame(0x88, b"\x03"))
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 5000, 65535):
        yield _Breach(f"a close with the code {code} (7.4)", _close(code))
    yield _Breach("a close whose reason is not UTF-8 (5.5.1)", _close(1000, b"\xff"), CloseCode.INVALID_DATA)


@check("websocket", "RFC 6455, 7.1.7", order=RISKY)
def what_breaks_the_protocol_ends_the_connection_with_1002(target: Target) -> None:
    good, _ = _good(target)
    for breach in _breaches(good):
        with _open(target) as exchange:
            exchange.send(breach.data)
            _check_failed(target, exchange, breach)


def _check_failed(target: Target, exchange: Exchange, breach: _Breach) -> None:
    """Raise Broken unless the connection ends, with the right code if it has one."""
    try:
        for frame in exchange.all_frames():
            if frame.opcode == Opcode.CLOSE:
                code = Close.parse(frame.data).code
                # To say no more than that it is the end is allowed.
                if code not in (breach.code, CloseCode.NO_STATUS_RCVD):
                    raise Broken(f"for {breach.what}, the connection is closed with {code}, not {breach.code}")
                return
            if frame.opcode in (Opcode.TEXT, Opcode.CONT):
                text = bytes(frame.data[:100]).decode(errors="replace")
                if target.document.is_reply(_object(frame)):
                    raise Broken(f"{breach.what} is answered with {text}, and the connection stays open")
    except TimedOut:
        raise Broken(f"after {breach.what}, the connection stays open") from None


def _object(frame: Frame) -> dict[str, object]:
    with contextlib.suppress(ValueError, RecursionError):
        if isinstance(value := json.loads(bytes(frame.data)), dict):
            return value
    return {}


@check("websocket", "RFC 6455, 5.5.1")
def a_close_is_answered_with_a_close_of_its_code(target: Target) -> None:
    for code in (None, 1000, 1001, 3000, 4999):
        with _open(target) as exchange:
            exchange.send(client_frame(0x88) if code is None else _close(code, b"bye"))
            found = None
            with contextlib.suppress(TimedOut):
                found = next((each for each in exchange.all_frames() if each.opcode == Opcode.CLOSE), None)
            what = "a close without code" if code is None else f"a close with {code}"
            if found is None:
                raise Broken(f"{what} is not answered")
            answered = Close.parse(found.data).code
            allowed = (CloseCode.NO_STATUS_RCVD, CloseCode.NORMAL_CLOSURE) if code is None else (code,)
            if answered not in allowed:
                raise Broken(f"{what} is answered with {answered}")


@check("websocket", "RFC 6455, 5.5.3")
def a_pong_has_the_payload_of_its_ping(target: Target) -> None:
    for payload in (b"", b"x", b"\x00\xff" * 62 + b"!"):
        with _open(target) as exchange:
            exchange.send(client_frame(0x8A, b"nobody asked"))
            exchange.send(client_frame(0x89, payload))
            try:
                found = next((each for each in exchange.all_frames() if each.opcode == Opcode.PONG), None)
            except TimedOut:
                found = None
            if found is None:
                raise Broken(f"no pong came for a ping of {len(payload)} bytes, behind a pong that nobody asked for")
            if found.data != payload:
                raise Broken(f"a ping of {len(payload)} bytes is answered with a pong of {len(found.data)} others")


@check("websocket", "RFC 6455, 5.4")
def a_ping_between_the_fragments_of_a_message_is_answered_and_the_message_taken(target: Target) -> None:
    good, name = _good(target)
    with _open(target) as exchange:
        exchange.send(client_frame(0x01, good[:2]) + client_frame(0x89, b"now") + client_frame(0x00, b""))
        try:
            found = next((each for each in exchange.all_frames() if each.opcode == Opcode.PONG), None)
        except TimedOut:
            found = None
        if found is None or found.data != b"now":
            raise Broken("a ping between two fragments is not answered before the last one")
        exchange.send(client_frame(0x80, good[2:]))
        _check_taken(target, exchange, f"a {name} with a ping between its fragments")


@check("websocket", "RFC 6455, 5.2")
def a_frame_is_one_however_its_bytes_come(target: Target) -> None:
    """The network may cut anywhere (RFC 9293, 3.8)."""
    good, name = _good(target)
    data = client_frame(0x81, good)
    for first in (1, 2, 3, 5, 6, 7, len(data) - 1):
        with _open(target) as exchange:
            # When its pong is there, the server has read what came with the ping, and no more.
            exchange.send(client_frame(0x89, b"read") + data[:first])
            with contextlib.suppress(TimedOut):
                next((each for each in exchange.all_frames() if each.opcode == Opcode.PONG), None)
            exchange.send(data[first:])
            _check_taken(target, exchange, f"a {name} that comes in two pieces, the first of {first} bytes,")
    with _open(target) as exchange:
        exchange.send(bytes([0x81, 0x80 | len(good)]) + bytes(4) + good if len(good) < 126 else data)
        _check_taken(target, exchange, f"a {name} with a mask of zeros")


@check("websocket", "RFC 6455, 5.2")
def a_frame_of_any_size_is_taken(target: Target) -> None:
    """Sizes at which another form of the length begins, and those about which programs are in doubt."""
    good, name = _good(target)
    most = target.limits.max_frame_bytes or 65_535
    sizes = (125, 126, 127, 128, 255, 256, 511, 512, 1023, 1024, 1025, 4095, 4096, 16_383, 16_384, 65_534, 65_535)
    with _open(target) as exchange:
        for size in sizes:
            if len(good) > size or size > most:
                continue
            target.cases += 1
            # JSON may have blanks behind it (RFC 8259, 2).
            exchange.send(client_frame(0x81, good.ljust(size)))
            _check_taken(target, exchange, f"a {name} of {size} bytes")


@check("websocket", "RFC 6455, 7.4.1", order=RISKY)
def a_message_may_be_as_large_as_the_server_says_and_no_larger(target: Target) -> None:
    most = target.limits.max_frame_bytes
    if most is None:
        raise Skipped("the server does not say how large a message may be")
    good, _ = _good(target)
    peer = target.peer()
    target.cases += 1
    if target.document.is_refusal(peer.ask(good.decode().ljust(most))):
        raise Broken(f"a message of {most} bytes, as many as the server says it takes, is refused")
    for pieces in (1, 2):
        target.cases += 1
        target.steps = []
        peer = target.peer()
        text = good.decode().ljust(most + 1)
        half = len(text) // 2
        if _is_taken(target, peer, text if pieces == 1 else (text[:half], text[half:])):
            target.steps = []
            raise Broken(f"a message of {most + 1} bytes in {pieces} frames is taken, though the server says {most}")


def _is_taken(target: Target, peer: Peer, message: Data) -> bool:
    """Whether `message`, which is too large, is taken. Raises Broken if it is neither that nor refused."""
    try:
        # The server may close before it has all of it.
        peer.send(message)
        return not target.document.is_refusal(peer.answer())
    except Closed as closed:
        if closed.code not in (CloseCode.MESSAGE_TOO_BIG, CloseCode.ABNORMAL_CLOSURE):
            target.steps = []
            raise Broken(f"{closed.problem} for a message that is too large, not with 1009") from None
        return False
