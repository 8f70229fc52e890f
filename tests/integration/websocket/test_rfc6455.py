"""Frames as RFC 6455 has them, whole or in pieces, right or wrong, over a raw socket."""

import asyncio
import json
import os
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.speedups import apply_mask

from tests.support.raw import BINARY, CLOSE, HANDSHAKE, PING, PONG, TEXT, Raw, frame, ping, raw
from tests.support.server import Server, Socket, connected, running

SMUGGLED = frame(TEXT, b'{"type":"ping","request_id":"a payload, run as a frame"}')
"""What would be answered were it not a payload."""
broken_protocols = pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b'{"type":"ping"}', mask=False), 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\xa1" + b"\xbf\0\0\0\0" + SMUGGLED, 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x8b\x80\0\0\0\0", 1002),
        (b"\x89\xfe\x00\x7e\0\0\0\0" + 2 * SMUGGLED, 1002),
        (b"\x09\x80\0\0\0\0", 1002),
        (b"\x09\xbf\0\0\0\0" + SMUGGLED, 1002),
        (frame(0, b"x"), 1002),
        (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
        (frame(BINARY, b"{", fin=False) + frame(BINARY, b"}"), 1002),
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
        "reserved bit and a payload that looks like a frame",
        "reserved opcode",
        "reserved control opcode",
        "long control frame",
        "fragmented control frame",
        "fragmented control frame with a payload that looks like a frame",
        "continuation of nothing",
        "text inside a fragmented text",
        "binary inside a fragmented binary",
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


@broken_protocols
async def test_a_broken_protocol_closes_with_its_code(server: Server, sent: bytes, code: int) -> None:
    async with raw(server) as client:
        client.writer.write(sent)
        await closes(client, code)
    async with connected(server) as other:
        assert (await other.ask({"type": "ping"}))["type"] == "pong"


@broken_protocols
async def test_a_broken_protocol_closes_with_its_code_wherever_it_is_cut(
    server: Server, sent: bytes, code: int
) -> None:
    for cut in range(1, min(len(sent), 80)):
        async with raw(server) as client:
            client.writer.write(sent[:cut])
            await client.writer.drain()
            # A round trip of another connection: by then, the service has read the first part.
            async with connected(server) as other:
                await other.nothing_more()
            client.writer.write(sent[cut:] + frame(TEXT, ping("too late")))
            await closes(client, code)


async def closes(client: Raw, code: int) -> None:
    """Check that the service closes with `code`, after no frame but the error that a binary one gets."""
    head, data = await client.frame()
    if b"the frame is binary" in data:
        head, data = await client.frame()
    assert (head, int.from_bytes(data[:2])) == (0x88, code)
    assert await client.ended()


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


async def test_an_empty_message_may_have_empty_fragments(server: Server) -> None:
    async with raw(server) as client:
        client.writer.write(frame(TEXT, fin=False) + frame(0, fin=False) + frame(0, ping("r"), fin=False) + frame(0))
        assert await client.pong_id() == "r"


async def test_fragments_without_end_are_too_many_and_hold_up_nobody(server: Server) -> None:
    """Were they copied together anew for each, or each be much work, the other connection would wait for long."""
    rounds = 0

    async def ask(other: Socket) -> None:
        nonlocal rounds
        while not flooding.done():
            await other.nothing_more()
            rounds += 1

    async def flood(client: Raw, opcode: int) -> None:
        client.writer.write(frame(opcode, b"x", fin=False) + 100_000 * frame(0, fin=False))
        await closes(client, 1009)

    async with connected(server) as other:
        for opcode in (TEXT, BINARY):
            async with raw(server) as client:
                flooding = asyncio.create_task(flood(client, opcode))
                await asyncio.wait_for(ask(other), 10)
                await flooding
    assert rounds


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_message_may_have_so_many_fragments_and_no_more(server: Server, opcode: int) -> None:
    async with raw(server) as client:
        client.writer.write(frame(opcode, fin=False) + 16_382 * frame(0, fin=False) + frame(0))
        head, data = await client.frame()
        assert (head, json.loads(data)["error"]["code"]) == (0x81, "BAD_REQUEST")
        client.writer.write(frame(opcode, fin=False) + 16_383 * frame(0, fin=False) + frame(0))
        await closes(client, 1009)


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


def more(*lines: bytes) -> bytes:
    """A handshake with more header lines."""
    return HANDSHAKE.removesuffix(b"\r\n") + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "detail"),
    [
        (HANDSHAKE.replace(b"Version: 13", b"Version: 8"), 400, "Sec-WebSocket-Version is missing or wrong"),
        (HANDSHAKE.replace(b"Sec-WebSocket-Version: 13\r\n", b""), 400, "Sec-WebSocket-Version is missing or wrong"),
        (HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400, "Sec-WebSocket-Key is missing or wrong"),
        (HANDSHAKE.replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""), 400, "Sec-WebSocket-Key"),
        (more(b"Content-Length: 3") + b"abc", 400, "HTTP/1.1 and has no body"),
        (more(b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, "HTTP/1.1 and has no body"),
        (more(b"Upgrade: websocket"), 426, "upgrades to websocket and nothing else"),
        (HANDSHAKE.replace(b"GET", b"POST"), 405, "the method of a handshake is GET"),
        (HANDSHAKE.replace(b"/ws", b"/nowhere"), 404, "there is no WebSocket at"),
        (HANDSHAKE.replace(b"/ws", b"/ws?" + 9_000 * b"x"), 414, "at most 8192 bytes"),
        (more(b"X-Long: " + 9_000 * b"x"), 431, "at most 128 header lines, of 8192 bytes each"),
        (more(*[b"X-Many: x"] * 200), 431, "at most 128 header lines, of 8192 bytes each"),
    ],
    ids=[
        "version",
        "no version",
        "key",
        "no key",
        "body",
        "chunked body",
        "two upgrades",
        "method",
        "path",
        "long path",
        "long header",
        "many headers",
    ],
)
async def test_a_wrong_handshake_is_refused_with_a_problem_document(
    server: Server, request_: bytes, status: int, detail: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request_)
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    status_line, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert status_line.startswith(f"HTTP/1.1 {status} ")
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Cache-Control"] == "no-store"
    assert parsedate_to_datetime(headers["Date"]).tzinfo
    problem = json.loads(body)
    assert problem == {"type": "about:blank", "title": problem["title"], "status": status, "detail": problem["detail"]}
    assert detail in problem["detail"]
    wanted = {405: ("Allow", "GET"), 426: ("Upgrade", "websocket")}
    if "Version" in detail:
        wanted[400] = ("Sec-WebSocket-Version", "13")  # RFC 6455, 4.2.2
    assert status not in wanted or wanted[status] in headers.items()


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

        @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
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
