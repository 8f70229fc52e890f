"""Clients that stop reading."""

import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import websockets

from tests.support.server import Server, Socket, connected

BULK = "x" * 100_000
ENOUGH = 300
"""So many messages of that bulk are more than any socket buffers."""


@asynccontextmanager
async def stalling(server: Server) -> AsyncIterator[Socket]:
    """A connection that reads only while `receive` is called, but for what small buffers take."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    raw.connect(("127.0.0.1", server.port))
    raw.setblocking(False)
    async with connected(server, sock=raw, max_queue=1, close_timeout=10) as client:
        try:
            yield client
        finally:
            client.raw.transport.abort()


async def frames_to_the_end(
    client: Socket, seen: Callable[[], object] = lambda: None
) -> tuple[list[dict[str, Any]], int | None, str]:
    """The frames that come until the connection ends, and the code and reason with which it does; `seen` is called
    for each."""
    frames = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            frames.append(await client.receive())
            seen()
    return frames, client.raw.close_code, client.raw.close_reason or ""


def shown(frame: dict[str, Any]) -> Any:
    """What matters of `frame`: an event's topic and number, another's request_id or type."""
    if frame["type"] == "event":
        return frame["topic"], frame["message"]["payload"][0]
    return frame.get("request_id", frame["type"])
