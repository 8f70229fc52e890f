"""Opening connections: the handshake and what is asked for first, many at once."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from specbus.bench.errors import Failed

_MAX_PARALLEL = 64
"""Connections that are opened at a time."""
_MAX_UNANSWERED = 100
"""Frames that are sent before their answers are read: what is on its way has to fit into the sockets' buffers."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is."""

    url: str
    """Of the WebSocket."""
    host: str
    port: int
    api_key: str | None
    deadline: float
    """Seconds to wait for one answer."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is sent on a new connection."""

    frames: Sequence[bytes]
    """Each is answered with `ack`."""
    ack: bytes
    error: bytes
    receive_buffer: int | None = None
    """Bytes, instead of what the system gives."""


def open_all(endpoint: Endpoint, openings: Sequence[Opening]) -> Iterator[socket.socket]:
    """A socket for each of `openings`, with all its frames answered. Raises Failed."""
    for first in range(0, len(openings), _MAX_PARALLEL):
        some = openings[first : first + _MAX_PARALLEL]
        dialled = [_Connection(endpoint, opening) for opening in some]
        for connection in dialled:
            connection.finish_handshake()
        for begin in range(0, max(len(opening.frames) for opening in some), _MAX_UNANSWERED):
            for connection in dialled:
                connection.ask(begin, begin + _MAX_UNANSWERED)
            for connection in dialled:
                connection.await_answers(begin + _MAX_UNANSWERED)
        for connection in dialled:
            connection.socket.setblocking(False)
            yield connection.socket


class _Connection:
    """A connection while it is being opened."""

    def __init__(self, endpoint: Endpoint, opening: Opening) -> None:
        self._opening = opening
        self._answered = 0
        self.socket = socket.socket(socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET)
        self.socket.settimeout(endpoint.deadline)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if opening.receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, opening.receive_buffer)
        try:
            self.socket.connect((endpoint.host, endpoint.port))
        except OSError as error:
            raise Failed(f"a connection cannot be opened: {error}") from None
        self._protocol = ClientProtocol(parse_uri(endpoint.url), max_size=None)
        request = self._protocol.connect()
        if endpoint.api_key:
            request.headers["X-API-Key"] = endpoint.api_key
        self._protocol.send_request(request)
        self._flush()

    def finish_handshake(self) -> None:
        while self._protocol.state is State.CONNECTING:
            self._receive()

    def ask(self, begin: int, end: int) -> None:
        """Send some of the frames."""
        self._send(b"".join(self._opening.frames[begin:end]))

    def await_answers(self, end: int) -> None:
        """Wait until the frames before `end` are answered."""
        while self._answered < min(end, len(self._opening.frames)):
            self._receive()

    def _receive(self) -> None:
        try:
            data = self.socket.recv(65_536)
        except OSError as error:
            raise Failed(f"a connection cannot be opened: {error or type(error).__name__}") from None
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        if isinstance(refusal := self._protocol.handshake_exc, InvalidHandshake | EOFError):
            raise Failed(f"the WebSocket handshake failed: {refusal}")
        if not data:
            raise Failed("the server closed a connection while it was being opened")
        self._flush()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                data = bytes(event.data)
                self._answered += data.count(self._opening.ack)
                if self._opening.error in data:
                    raise Failed(f"the server refused to subscribe: {data.decode(errors='replace').strip()}")

    def _flush(self) -> None:
        self._send(b"".join(self._protocol.data_to_send()))

    def _send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Failed(f"a connection cannot be opened: {error or type(error).__name__}") from None
