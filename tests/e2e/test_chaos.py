"""The proxy that breaks connections, between plain sockets and before the server."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest
import websockets

from tests.support.chaos import Chaos, proxied
from tests.support.server import Server, Socket, connected


class Ends:
    """A client's socket and a server's, with the proxy between them."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(10)
        self.sockets: list[socket.socket] = [self._listening]
        self.port: int = self._listening.getsockname()[1]

    def connect(self, chaos: Chaos) -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection(("127.0.0.1", chaos.port), 10)
        server, _ = self._listening.accept()
        server.settimeout(10)
        self.sockets += [client, server]
        return client, server


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    for one in ends.sockets:
        one.close()


@pytest.fixture
def chaos(ends: Ends) -> Iterator[Chaos]:
    with proxied(ends.port) as chaos:
        yield chaos


def everything(sock: socket.socket) -> bytes:
    """All that comes until the end of the stream."""
    return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_bytes_pass_both_ways_and_are_counted(ends: Ends, chaos: Chaos) -> None:
    client, server = ends.connect(chaos)
    client.sendall(b"up" * 100_000)
    client.shutdown(socket.SHUT_WR)
    assert everything(server) == b"up" * 100_000
    server.sendall(b"down")
    server.close()
    assert everything(client) == b"down"
    chaos.until(lambda now: now.open == 0)
    assert (chaos.accepted, chaos.passed("up"), chaos.passed("down")) == (1, 200_000, 4)


def test_a_drop_is_the_end_of_the_stream_on_both_sides(ends: Ends, chaos: Chaos) -> None:
    pairs = [ends.connect(chaos) for _ in range(2)]
    assert chaos.drop() == 2
    assert chaos.open == 0
    for client, server in pairs:
        assert (client.recv(1), server.recv(1)) == (b"", b"")


def test_a_reset_is_one_on_both_sides(ends: Ends, chaos: Chaos) -> None:
    for sock in (pair := ends.connect(chaos)):
        sock.settimeout(10)
    assert chaos.drop("rst") == 1
    for sock in pair:
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_a_half_close_ends_one_direction_only(ends: Ends, chaos: Chaos) -> None:
    client, server = ends.connect(chaos)
    chaos.half_close("client")
    assert client.recv(1) == b""
    client.sendall(b"still here")
    assert server.recv(100) == b"still here"
    server.sendall(b"into the void")
    chaos.half_close("server")
    assert server.recv(1) == b""
    assert chaos.passed("down") == 0


def test_a_stall_holds_one_direction_and_lets_all_of_it_pass_later(ends: Ends, chaos: Chaos) -> None:
    client, server = ends.connect(chaos)
    chaos.stall("up")
    client.sendall(b"held")
    server.sendall(b"free")
    assert client.recv(100) == b"free"
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(1)
    server.settimeout(10)
    chaos.resume()
    assert server.recv(100) == b"held"


def test_a_stalled_reader_is_felt_by_the_writer(ends: Ends, chaos: Chaos) -> None:
    client, _ = ends.connect(chaos)
    chaos.stall()
    client.setblocking(False)

    def write_much() -> None:
        for _ in range(10_000):
            client.send(bytes(65_536))

    with pytest.raises(BlockingIOError):
        write_much()


@pytest.mark.parametrize("end", ["fin", "rst"])
def test_a_cut_comes_after_just_so_many_bytes_and_once(ends: Ends, chaos: Chaos, end: str) -> None:
    client, server = ends.connect(chaos)
    server.sendall(b"before")
    assert client.recv(100) == b"before"
    chaos.cut("down", 5, "fin" if end == "fin" else "rst")
    server.sendall(b"123")
    assert client.recv(100) == b"123"
    server.sendall(b"4567")
    chaos.until(lambda now: now.open == 0)
    assert chaos.passed("down") == 11
    if end == "fin":
        assert everything(client) == b"45"
    client, server = ends.connect(chaos)
    server.sendall(b"as ever")
    assert client.recv(100) == b"as ever"


def test_a_delay_holds_each_piece(ends: Ends, chaos: Chaos) -> None:
    client, server = ends.connect(chaos)
    chaos.delay(3600, "up")
    client.sendall(b"late")
    server.sendall(b"at once")
    assert client.recv(100) == b"at once"
    assert chaos.passed("up") == 0
    chaos.delay(0)
    client, server = ends.connect(chaos)
    client.sendall(b"at once")
    assert server.recv(100) == b"at once"


def test_refused_is_refused_until_taken_again(ends: Ends, chaos: Chaos) -> None:
    client, server = ends.connect(chaos)
    chaos.refuse()
    with pytest.raises(ConnectionRefusedError):
        ends.connect(chaos)
    client.sendall(b"open ones stay")
    assert server.recv(100) == b"open ones stay"
    chaos.accept()
    ends.connect(chaos)
    assert (chaos.accepted, chaos.open) == (2, 2)


def test_another_port_is_the_target_from_now_on(ends: Ends, chaos: Chaos) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        chaos.target(other.getsockname()[1])
        with socket.create_connection(("127.0.0.1", chaos.port), 10) as client:
            accepted, _ = other.accept()
            with accepted:
                accepted.sendall(b"another")
                assert client.recv(100) == b"another"


def test_a_server_that_is_not_there_resets_the_client(ends: Ends, chaos: Chaos) -> None:
    chaos.target(unused_port())

    def connect_and_read() -> None:
        with socket.create_connection(("127.0.0.1", chaos.port), 10) as client:
            client.recv(1)

    with pytest.raises(ConnectionResetError):
        connect_and_read()


async def test_a_frame_is_cut_in_its_middle(server: Server, proxy: Callable[[Server], Chaos]) -> None:
    chaos = proxy(server)
    async with websockets.connect(chaos.ws_url, proxy=None) as raw, connected(server) as other:
        socket_ = Socket(raw)
        await socket_.ask({"type": "ping"})
        chaos.cut("down", 3)
        await socket_.send({"type": "ping"})
        with pytest.raises(websockets.ConnectionClosedError):
            await socket_.receive()
        await asyncio.to_thread(chaos.until, lambda now: now.open == 0)
        assert (await other.ask({"type": "ping"}))["type"] == "pong"


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
