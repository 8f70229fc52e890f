"""A WebSocket client that sends bytes, right or wrong, and reads frames."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.frames import Frame, Opcode

from tests.support.server import Reachable

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(Opcode(opcode), data, fin=fin).serialize(mask=mask)


def ping(request_id: str) -> bytes:
    return json.dumps({"type": "ping", "request_id": request_id}).encode()


def opened(server: Reachable) -> socket.socket:
    """A WebSocket connection, its handshake over, and nothing that answers for it."""
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    raw.sendall(HANDSHAKE)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += raw.recv(1)
    assert answer.startswith(b"HTTP/1.1 101 ")
    return raw


def reset(raw: socket.socket) -> None:
    """Close with an RST, as a client's system does when its program ends with something unread."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


class Raw:
    """A client that sends bytes and reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def frame(self) -> tuple[int, bytes]:
        """The first byte and the payload of the next frame."""
        head, length = await asyncio.wait_for(self.reader.readexactly(2), 10)
        if length >= 126:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8))
        return head, await self.reader.readexactly(length)

    async def pong_id(self) -> str:
        """The request id of the pong that must come next."""
        head, data = await self.frame()
        answer = json.loads(data)
        assert (head, answer["type"]) == (0x81, "pong"), data
        return str(answer["request_id"])

    async def ended(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 10) == b""


@asynccontextmanager
async def raw(server: Reachable) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(HANDSHAKE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
