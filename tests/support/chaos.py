"""A TCP proxy that breaks connections as networks do: on a test's word, never by chance."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Direction = Literal["up", "down"]
"""`up`: from the client to the server. `down`: from the server to the client."""
Side = Literal["client", "server"]
End = Literal["fin", "rst"]
"""How a connection ends: `fin` as when a program ends, `rst` as when it is killed or a middlebox forgets it."""

_RST = struct.pack("ii", 1, 0)
_PIECE = 65_536


@dataclass
class _Cut:
    """An end that comes when so many more bytes have passed."""

    left: int
    end: End


class _Link:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.shut: set[socket.socket] = set()
        """Where nothing can be sent any more: what comes for it is thrown away."""
        self.task: asyncio.Task[None] | None = None

    def shut_down(self, sink: socket.socket) -> None:
        """Tell `sink` that nothing more comes."""
        self.shut.add(sink)
        with suppress(OSError):  # it is gone already
            sink.shutdown(socket.SHUT_WR)


class Chaos:
    """A proxy in front of the server at `port` of this machine, in a thread of its own.

    Every method may be called from any thread, has its effect before it returns, and takes no time to speak of.
    What it does to connections it does to all that are open, unless it says otherwise. Bytes pass in order and
    unchanged until it is told to stop them.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._delays: dict[Direction, float] = {"up": 0.0, "down": 0.0}
        self._cuts: dict[Direction, _Cut] = {}
        self._passed: dict[Direction, int] = {"up": 0, "down": 0}
        self._accepted = 0
        self._changed = threading.Condition()
        self._listening = self._bound(0)
        self.port: int = self._listening.getsockname()[1]
        """Where the proxy listens."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos")
        self._thread.start()
        self._gates: dict[Direction, asyncio.Event] = {"up": asyncio.Event(), "down": asyncio.Event()}
        self.resume()
        self.accept()

    @property
    def url(self) -> str:
        """The server's HTTP URL through the proxy."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The server's WebSocket URL through the proxy."""
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def accepted(self) -> int:
        """How many connections clients have made so far."""
        return self._accepted

    @property
    def open(self) -> int:
        """How many connections are carried now."""
        return len(self._links)

    def passed(self, direction: Direction) -> int:
        """How many bytes have been handed on in that direction, over all connections."""
        return self._passed[direction]

    def until(self, ready: Callable[["Chaos"], bool], timeout: float = 10.0) -> None:
        """Wait until `ready(self)` is true of the counts above; fail after `timeout` seconds.

        It blocks: in a coroutine, `await asyncio.to_thread(chaos.until, ...)`.
        """
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self), timeout), "what the test waits for did not come"

    def target(self, port: int) -> None:
        """Carry connections that come from now on to another port of this machine."""
        self._call(lambda: setattr(self, "_target", port))

    def refuse(self) -> None:
        """Have new connections refused, as where no program listens. Open ones stay."""

        def refuse() -> None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            # Bound and not listening: refused, and nobody else gets the port.
            self._listening = self._bound(self.port)

        self._call(refuse)

    def accept(self) -> None:
        """Take new connections (again)."""

        def accept() -> None:
            self._listening.listen(1024)
            self._loop.add_reader(self._listening, self._accept)

        self._call(accept)

    def drop(self, end: End = "fin") -> int:
        """End every open connection on both sides; returns how many there were."""

        async def drop() -> int:
            links = list(self._links)
            for link in links:
                self._end(link, end)
            if end == "rst":
                for link in links:
                    await _end(link.task)
            return len(links)

        return self._run(drop())

    def half_close(self, side: Side) -> None:
        """Tell that side that the other sends no more, and go on carrying what it sends itself."""

        def half_close() -> None:
            for link in self._links:
                link.shut_down(link.client if side == "client" else link.server)

        self._call(half_close)

    def stall(self, *directions: Direction) -> None:
        """Hand nothing on, in one direction or (without any) both, of these connections and later ones, nor close them.

        Nothing is read either, so that buffers fill up and writers feel it.
        """

        def stall() -> None:
            for direction in directions or self._gates:
                self._gates[direction].clear()

        self._call(stall)

    def resume(self) -> None:
        """Let all pass that was held by `stall`, and go on."""

        def resume() -> None:
            for gate in self._gates.values():
                gate.set()

        self._call(resume)

    def delay(self, seconds: float, *directions: Direction) -> None:
        """Hold each piece for that long before it is handed on; 0 for no longer."""
        self._call(lambda: self._delays.update(dict.fromkeys(directions or self._delays, seconds)))

    def cut(self, direction: Direction, after: int, end: End = "fin") -> None:
        """Hand on just `after` more bytes in that direction, then end the connection that would carry more. Once.

        To cut a frame in its middle, wait until the line is quiet and count from the frame's first byte.
        """
        self._call(lambda: self._cuts.update({direction: _Cut(after, end)}))

    def stop(self) -> None:
        """End everything."""

        async def stop() -> None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            for task in list(self._tasks):
                await _end(task)

        self._run(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # In the proxy's thread

    def _accept(self) -> None:
        # Not `sock_accept`: when it is cancelled, a connection that has just come is lost and stays open.
        try:
            client, _ = self._listening.accept()
        except BlockingIOError:  # it has gone already
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = socket.socket()
        server.setblocking(False)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(client, server)
        with self._changed:
            self._accepted += 1
            self._links.add(link)
            self._changed.notify_all()
        link.task = self._loop.create_task(self._carry(link))
        self._tasks.add(link.task)

        def ended(task: asyncio.Task[None]) -> None:  # not in the task itself, which may be cancelled before it begins
            self._tasks.discard(task)
            self._forget(link)
            client.close()
            server.close()

        link.task.add_done_callback(ended)

    async def _carry(self, link: _Link) -> None:
        try:
            await self._loop.sock_connect(link.server, ("127.0.0.1", self._target))
        except OSError:
            _reset(link)
            return
        await asyncio.gather(
            self._pump(link, "up", link.client, link.server), self._pump(link, "down", link.server, link.client)
        )

    async def _pump(self, link: _Link, direction: Direction, source: socket.socket, sink: socket.socket) -> None:
        gate = self._gates[direction]
        while True:
            await gate.wait()
            try:
                data = await self._loop.sock_recv(source, _PIECE)
            except OSError:  # reset by that side
                self._end(link, "rst")
                return
            if delay := self._delays[direction]:
                await asyncio.sleep(delay)
            await gate.wait()
            cut = self._cuts.get(direction)
            if cut and sink not in link.shut and len(data) >= cut.left:
                await self._hand_on(link, direction, sink, data[: cut.left])
                self._cuts.pop(direction, None)
                self._end(link, cut.end)
                continue  # a `fin` throws away what still comes, until the peers have closed
            if cut:
                cut.left -= len(data)
            if not data:
                link.shut_down(sink)
                return
            await self._hand_on(link, direction, sink, data)

    async def _hand_on(self, link: _Link, direction: Direction, sink: socket.socket, data: bytes) -> None:
        if sink in link.shut:
            return
        try:
            await self._loop.sock_sendall(sink, data)
        except OSError:  # reset by that side, or shut down meanwhile
            if sink not in link.shut:
                self._end(link, "rst")
            return
        with self._changed:
            self._passed[direction] += len(data)
            self._changed.notify_all()

    def _end(self, link: _Link, end: End) -> None:
        self._forget(link)
        if end == "fin":
            link.shut_down(link.client)
            link.shut_down(link.server)
        else:
            _reset(link)

    def _forget(self, link: _Link) -> None:
        with self._changed:
            self._links.discard(link)
            self._changed.notify_all()

    @staticmethod
    def _bound(port: int) -> socket.socket:
        listening = socket.socket()
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        return listening

    # From any thread

    def _call(self, function: Callable[[], object]) -> None:
        async def call() -> None:
            function()

        self._run(call())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)


def _reset(link: _Link) -> None:
    """Have both sides reset once their sockets are closed, and close them."""
    for one in (link.client, link.server):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    if link.task:
        link.task.cancel()


async def _end(task: asyncio.Task[None] | None) -> None:
    if task:
        task.cancel()
        await asyncio.wait([task])


@contextmanager
def proxied(port: int) -> Iterator[Chaos]:
    """A proxy in front of the server at `port` of this machine."""
    chaos = Chaos(port)
    try:
        yield chaos
    finally:
        chaos.stop()
