"""The service, stopped for longer than its timeouts while its clients go on."""

import json
import socket
import sys
from contextlib import ExitStack

from tests.support.program import program
from tests.support.raw import PONG, TEXT, frame, opened, ping
from tests.support.stops import stopped

TIMEOUT = 0.4
SERVE = f"""
from specbus.cli.main import main
from specbus.http import connection

connection.HEAD_TIMEOUT = {TIMEOUT}
connection.HttpConnection.timeout_keep_alive = property(lambda _: {TIMEOUT}, lambda *_: None)  # uvicorn sets it
main()
"""
REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
PINGED = b"\x89\x00"


def read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        assert more, data
        data += more
    return data


def answered(connection: socket.socket) -> bool:
    """Whether a response comes, to its end."""
    data = b""
    while not data.endswith(b"}"):
        if not (more := connection.recv(10_000)):
            return False
        data += more
    return data.startswith(b"HTTP/1.1 200 ")


def test_what_came_while_the_service_was_stopped_is_read_before_anybody_is_given_up() -> None:
    command = (sys.executable, "-P", "-c", SERVE, "serve")
    options = ("--ping-interval", "0.3", "--ping-timeout", str(TIMEOUT), "--heartbeat-interval", "0")
    with ExitStack() as stack:
        service = stack.enter_context(program(*options, command=command))
        peers = [stack.enter_context(opened(service)) for _ in range(20)]
        for peer in peers:
            assert read(peer, 2) == PINGED
        kept, begun = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=10)) for _ in range(2)
        ]
        for connection in (kept, begun):
            connection.sendall(REQUEST)
            assert answered(connection)
        begun.sendall(REQUEST[:10])
        kept.sendall(REQUEST)  # by whose answer the other has been read
        assert answered(kept)
        with stopped(service.process.pid, TIMEOUT + 0.1):
            kept.sendall(REQUEST)
            begun.sendall(REQUEST[10:])
            for peer in peers:
                peer.sendall(frame(PONG))
        for connection in (kept, begun):
            assert answered(connection)
        for peer in peers:
            peer.sendall(frame(TEXT, ping("alive")))
            while (head := read(peer, 2)) == PINGED:
                pass
            assert json.loads(read(peer, head[1]))["request_id"] == "alive"
