"""A server that stops its client's process whenever it has something to say, as a closed laptop does."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.support.stops import stopped

TIMEOUT = 0.3
"""Seconds: that of the client, for everything."""
_PAUSE = TIMEOUT + 0.1
NOW = "2026-01-01T00:00:00Z"
_BULK = "x" * 50_000


class StoppingServer:
    """It answers all that a client of ours asks for, and each time it stops the process `pid` before, and has it go on
    only when the client's time is over."""

    def __init__(self, listening: socket.socket) -> None:
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.pid: int | None = None
        """Nobody is stopped as long as it is None."""
        self.stops: list[str] = []
        """What was answered while the client was stopped."""
        self._listening = listening

    def serve(self) -> None:
        """Serve until the listening socket is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65_536)
            if b"upgrade: websocket" in data.lower():
                self._websocket(connection, data)
            else:
                body = json.dumps({"topics": [{"name": "t" * 100, "subscribers": 0}] * 5000}).encode()
                head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                self._say(connection, "response", head.encode() + body)
                connection.recv(1)

    def _websocket(self, connection: socket.socket, data: bytes) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(data)
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        self._say(connection, "handshake", b"".join(protocol.data_to_send()))
        while data := connection.recv(65_536):
            protocol.receive_data(data)
            for frame in protocol.events_received():
                assert isinstance(frame, Frame)
                if frame.opcode is Opcode.TEXT:
                    for name, answers in _answers(json.loads(bytes(frame.data))):
                        for answer in answers:
                            protocol.send_text(json.dumps(answer).encode())
                        self._say(connection, name, b"".join(protocol.data_to_send()))
                else:
                    self._say(connection, frame.opcode.name, b"".join(protocol.data_to_send()))

    def _say(self, connection: socket.socket, name: str, data: bytes) -> None:
        if self.pid is None:
            connection.sendall(data)
            return
        self.stops.append(name)
        with stopped(self.pid, _PAUSE):
            # More may be sent than its socket takes while it is stopped.
            sending = threading.Thread(target=connection.sendall, args=(data,))
            sending.start()
        sending.join()


def _answers(frame: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What is answered to `frame`, step by step."""
    reply = {"type": "ack", "topic": frame.get("topic"), "status": "ok", "ts": NOW}
    if frame["type"] == "ping":
        reply = {"type": "pong", "ts": NOW}
    # Much comes before the ack of a publish.
    many = [_event(_BULK)] * 20 if frame["type"] == "publish" else []
    yield frame["type"], [*many, {**reply, "request_id": frame["request_id"]}]
    if frame["type"] == "subscribe":
        time.sleep(0.05)  # the client waits for it by then
        yield "event", [_event("first")]


def _event(payload: str) -> dict[str, Any]:
    message = {"id": "550e8400-e29b-41d4-a716-446655440000", "payload": payload}
    return {"type": "event", "topic": "orders", "message": message, "offset": 1, "ts": NOW}


@contextmanager
def stopping_server() -> Iterator[StoppingServer]:
    """Run one in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = StoppingServer(listening)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)
