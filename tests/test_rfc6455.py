"""Frames as RFC 6455 has them, whole or in pieces, right or wrong, over a raw socket."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.speedups import apply_mask

from tests.conftest import Server, connected, running

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(Opcode(opcode), data, fin=fin).serialize(mask=mask)


def ping(request_id: str) -> bytes:
    return json.dumps({"type": "ping", "request_id": request_id}).encode()


class Raw:
    """A client that sends bytes and reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def frame(self) -> tuple[int, bytes]:
        """The first byte and the payload of the next frame."""
        head, length = await asyncio.wait_for(self._reader.readexactly(2), 10)
        if length == 126:
            length = int.from_bytes(await self._reader.readexactly(2))
        return head, await self._reader.readexactly(length)

    async def pong_id(self) -> str:
        """The request id of the pong that must come next."""
        head, data = await self.frame()
        answer = json.loads(data)
        assert (head, answer["type"]) == (0x81, "pong"), data
        return str(answer["request_id"])

    async def ended(self) -> bool:
        return await asyncio.wait_for(self._reader.read(), 10) == b""


@asynccontextmanager
async def raw(server: Server) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(HANDSHAKE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b'{"type":"ping"}', mask=False), 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x8b\x80\0\0\0\0", 1002),
        (b"\x89\xfe\x00\x7e\0\0\0\0" + bytes(126), 1002),
        (b"\x09\x80\0\0\0\0", 1002),
        (frame(0, b"x"), 1002),
        (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, b"\x03\xed"), 1002),
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (frame(TEXT, b'{"type":"\xff"}'), 1007),
        (frame(TEXT, b'{"type":"', fin=False) + frame(0, b'\xff"}'), 1007),
        (b"\x81\xff" + (1_048_577).to_bytes(8) + bytes(4), 1009),
        (b"\x81\xff" + (2**63).to_bytes(8) + bytes(4), 1009),
        (b"\x82\xff" + (1_048_577).to_bytes(8) + bytes(4), 1009),
        (frame(TEXT, bytes(1_000_000), fin=False) + frame(0, bytes(48_577)), 1009),
    ],
    ids=[
        "not masked",
        "reserved bit",
        "reserved opcode",
        "reserved control opcode",
        "long control frame",
        "fragmented control frame",
        "continuation of nothing",
        "text inside a fragmented text",
        "close code of one byte",
        "close code that must not be sent",
        "close reason not utf-8",
        "text not utf-8",
        "fragmented text not utf-8",
        "text too large",
        "length with its highest bit set",
        "binary too large",
        "fragmented text too large",
    ],
)
async def test_a_broken_protocol_closes_with_its_code(server: Server, sent: bytes, code: int) -> None:
    async with raw(server) as client:
        client.writer.write(sent)
        head, data = await client.frame()
        assert (head, int.from_bytes(data[:2])) == (0x88, code)
        assert await client.ended()
    async with connected(server) as other:
        assert (await other.ask({"type": "ping"}))["type"] == "pong"


async def test_a_frame_of_just_the_size_limit_is_read(server: Server) -> None:
    start = b'{"type":"ping","request_id":"r"'
    async with raw(server) as client:
        client.writer.write(frame(TEXT, start + b" " * (1_048_576 - len(start) - 1) + b"}"))
        assert await client.pong_id() == "r"


async def test_a_fragmented_text_is_one_message_and_control_frames_may_stand_between(server: Server) -> None:
    async with raw(server) as client:
        first, second, third = ping("r1")[:5], ping("r1")[5:9], ping("r1")[9:]
        client.writer.write(frame(TEXT, first, fin=False) + frame(PING, b"hello") + frame(0, second, fin=False))
        assert await client.frame() == (0x8A, b"hello")
        client.writer.write(frame(PONG) + frame(0, third) + frame(TEXT, ping("r2")))
        assert [await client.pong_id(), await client.pong_id()] == ["r1", "r2"]


async def test_a_fragmented_binary_message_gets_one_error(server: Server) -> None:
    async with raw(server) as client:
        client.writer.write(frame(BINARY, b"a", fin=False) + frame(0, b"b", fin=False) + frame(0, b"c"))
        client.writer.write(frame(TEXT, ping("after")))
        head, data = await client.frame()
        assert (head, json.loads(data)["error"]["code"]) == (0x81, "BAD_REQUEST")
        assert await client.pong_id() == "after"


@pytest.mark.parametrize("payload", [b"", b"x" * 125])
async def test_a_ping_is_answered_with_its_payload(server: Server, payload: bytes) -> None:
    async with raw(server) as client:
        client.writer.write(frame(PING, payload))
        assert await client.frame() == (0x8A, payload)


@pytest.mark.parametrize(
    ("sent", "answered"), [(b"", b""), (b"\x03\xe8", b"\x03\xe8"), (b"\x0f\xa0bye", b"\x0f\xa0bye")]
)
async def test_a_close_is_answered_and_ends_the_connection(server: Server, sent: bytes, answered: bytes) -> None:
    async with raw(server) as client:
        client.writer.write(frame(CLOSE, sent) + frame(TEXT, ping("too late")))
        assert await client.frame() == (0x88, answered)
        assert await client.ended()


async def test_a_peer_that_ends_its_side_is_let_go(server: Server) -> None:
    async with raw(server) as client:
        client.writer.write_eof()
        assert await client.ended()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HANDSHAKE.replace(b"Version: 13", b"Version: 8"), 400),
        (HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400),
        (HANDSHAKE.replace(b"GET", b"POST"), 405),
        (HANDSHAKE.replace(b"/ws", b"/nowhere"), 404),
    ],
    ids=["version", "key", "method", "path"],
)
async def test_a_wrong_handshake_is_refused(server: Server, request_: bytes, status: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request_)
    assert (await asyncio.wait_for(reader.read(), 10)).startswith(f"HTTP/1.1 {status} ".encode())
    writer.close()


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[str], list[bytes]]:
    """Pings, each whole or in fragments and padded to all kinds of length, and their bytes cut anywhere."""
    ids = draw(st.lists(st.text("abc", max_size=3), min_size=1, max_size=6))
    sent = b""
    for request_id in ids:
        text = ping(request_id) + b" " * draw(st.sampled_from([0, 90, 200, 65_500, 70_000]))
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        for index, piece in enumerate(pieces):
            sent += frame(0 if index else TEXT, piece, fin=index == len(pieces) - 1)
            if draw(st.booleans()):
                sent += frame(PONG, b"unasked")
    cuts = sorted(draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    return ids, [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]


def test_however_the_bytes_are_cut_each_message_is_answered_once_and_in_order(logged_errors: list[str]) -> None:
    with running() as server:

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(streams())
        def check(stream: tuple[list[str], list[bytes]]) -> None:
            asyncio.run(exchange(*stream))

        async def exchange(ids: list[str], pieces: list[bytes]) -> None:
            async with raw(server) as client:
                for piece in pieces:
                    client.writer.write(piece)
                    await client.writer.drain()
                assert [await client.pong_id() for _ in ids] == ids

        check()


async def test_a_frame_that_comes_byte_by_byte_is_read(server: Server) -> None:
    async with raw(server) as client:
        for byte in frame(TEXT, ping("slow") + b" " * 200):
            client.writer.write(bytes([byte]))
            await client.writer.drain()
        assert await client.pong_id() == "slow"


def test_masks_are_undone_as_the_rfc_says() -> None:
    data, mask = os.urandom(1000), os.urandom(4)
    assert apply_mask(data, mask) == bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


Serve = Callable[..., Server]


async def test_the_size_limit_can_be_set(serve: Serve) -> None:
    async with raw(serve(max_frame_bytes=100)) as client:
        client.writer.write(frame(TEXT, ping("r") + b" " * 100))
        head, data = await client.frame()
        assert (head, int.from_bytes(data[:2])) == (0x88, 1009)
