"""How the service stops: a process of its own, real signals, clients that read and clients that do not."""

import asyncio
import contextlib
import itertools
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httpx
import pytest
import websockets
from websockets.frames import Frame, Opcode

from specbus.websocket.connection import Connection
from tests.support.messages import UUID, publication
from tests.support.program import Program, program
from tests.support.raw import opened
from tests.support.server import Server, Socket, connected
from tests.support.stalling import BULK, frames_to_the_end, shown, stalling

GOING_AWAY = b"\x88\x19\x03\xe9the service is stopping"


async def ended(service: Program) -> int:
    """The exit status, once the process has ended; it has logged no error."""
    _, log = await asyncio.to_thread(service.process.communicate, timeout=10)
    assert " ERROR " not in log
    return service.process.returncode


def create_topic(service: Program) -> None:
    assert httpx.post(f"{service.url}/topics", json={"name": "orders"}).status_code == 201


@asynccontextmanager
async def waiting_for_a_reader(service: Program) -> AsyncIterator[tuple[Socket, Socket, int]]:
    """A subscriber that stalled, one that reads, and how many messages were published: some wait, none was dropped."""
    create_topic(service)
    async with connected(service) as publisher, connected(service) as reader, stalling(service) as stalled:
        await reader.subscribe("orders")
        await stalled.subscribe("orders")
        for number in range(80):
            await publisher.publish("orders", [number, BULK])
            assert shown(await reader.receive()) == ("orders", number)
        stats = httpx.get(f"{service.url}/topics/orders").json()
        assert (stats["messages"], stats["dropped"]) == (80, 0)
        assert 80 < stats["delivered"] < 160
        yield stalled, reader, 80


def test_a_signal_right_after_the_start_line_stops_it_cleanly() -> None:
    with program() as service:
        service.signal(signal.SIGTERM)
        assert service.wait() == 0


async def test_sigint_stops_it_as_sigterm_does_and_every_client_is_told() -> None:
    with program() as service:
        async with connected(service) as one, connected(service) as other:
            await one.nothing_more()
            await other.nothing_more()
            service.signal(signal.SIGINT)
            for client in (one, other):
                assert await frames_to_the_end(client) == ([], 1001, "the service is stopping")
        assert await ended(service) == 0


async def test_sighup_is_no_reason_to_stop() -> None:
    with program() as service:
        async with connected(service) as client:
            service.signal(signal.SIGHUP)
            assert service.process.stderr is not None
            assert "connection opened" in service.process.stderr.readline()
            assert service.process.stderr.readline().endswith(" INFO signal ignored signal=SIGHUP\n")
            await client.nothing_more()
            service.signal(signal.SIGTERM)
            assert await frames_to_the_end(client) == ([], 1001, "the service is stopping")
        assert await ended(service) == 0


@pytest.mark.parametrize("publishers", [2, pytest.param(20, marks=pytest.mark.slow)])
async def test_what_was_acknowledged_under_load_reaches_every_subscriber_before_the_end(publishers: int) -> None:
    with program(PUBSUB_MAX_QUEUE_SIZE="100000", PUBSUB_SHUTDOWN_DEADLINE="60") as service:
        create_topic(service)
        async with contextlib.AsyncExitStack() as stack:
            one, other, *clients = [await stack.enter_async_context(connected(service)) for _ in range(2 + publishers)]
            await one.subscribe("orders")
            await other.subscribe("orders")

            async def publish(client: Socket, name: int, room: asyncio.Semaphore) -> None:
                with contextlib.suppress(websockets.ConnectionClosed):
                    for number in itertools.count():
                        await room.acquire()
                        await client.send(publication("orders", [[name, number]], request_id=f"{number}"))
                        await asyncio.sleep(0)  # `send` alone would not let the answers be read

            # What is on its way is read before the close is answered: without a bound it takes as long as it likes.
            rooms = [asyncio.Semaphore(2_000 // publishers) for _ in clients]
            reading = [
                asyncio.create_task(frames_to_the_end(other)),
                *(
                    asyncio.create_task(frames_to_the_end(client, room.release))
                    for client, room in zip(clients, rooms, strict=True)
                ),
            ]
            publishing = [
                asyncio.create_task(publish(client, name, room))
                for name, (client, room) in enumerate(zip(clients, rooms, strict=True))
            ]
            early = [await one.receive() for _ in range(500)]
            service.signal(signal.SIGTERM)
            late, code, reason = await frames_to_the_end(one)
            results = [(early + late, code, reason), *(await asyncio.gather(*reading))]
            for task, room in zip(publishing, rooms, strict=True):
                room.release()
                await task
        assert await ended(service) == 0
    assert [result[1:] for result in results] == [(1001, "the service is stopping")] * (2 + publishers)
    events, same, *acks = ([shown(frame) for frame in result[0]] for result in results)
    assert events == same
    assert all(acks)
    for name, acknowledged in enumerate(acks):
        assert acknowledged == [str(number) for number in range(len(acknowledged))]
        assert [number for _, (by, number) in events if by == name] == list(range(len(acknowledged)))


async def test_what_was_published_in_the_very_tick_of_the_stop_comes_before_it(server: Server) -> None:
    httpx.post(f"{server.url}/topics", json={"name": "orders"})

    def publish_and_stop() -> None:
        message = b'{"id":"%b","payload":[7]}' % UUID.encode()
        server.service.operations.publish("orders", message, lambda _: None)
        (group,) = server.service.hub.fanouts["orders"].groups.values()
        for connection in list(group.deliver):
            cast("Connection", connection).shutdown()

    async with connected(server) as one, connected(server) as other:
        await one.subscribe("orders")
        await other.subscribe("orders")
        await asyncio.to_thread(server.call, publish_and_stop)
        for client in (one, other):
            frames, *end = await frames_to_the_end(client)
            assert list(map(shown, frames)) == [("orders", 7)]
            assert end == [1001, "the service is stopping"]


async def test_what_waits_for_a_slow_reader_is_flushed_first_and_nobody_is_let_in_meanwhile() -> None:
    with program(PUBSUB_SHUTDOWN_DEADLINE="60") as service, httpx.Client(base_url=service.url) as rest:
        async with waiting_for_a_reader(service) as (stalled, reader, published):
            assert rest.get("/health").json()["connections"] == 3
            service.signal(signal.SIGTERM)
            assert await frames_to_the_end(reader) == ([], 1001, "the service is stopping")

            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", service.port))
            with pytest.raises(httpx.TransportError):
                rest.get("/health")

            frames, *end = await frames_to_the_end(stalled)
            assert [shown(frame) for frame in frames] == [("orders", number) for number in range(published)]
            assert end == [1001, "the service is stopping"]
        assert await ended(service) == 0


async def test_a_reader_that_never_reads_again_is_cut_at_the_deadline() -> None:
    with program(PUBSUB_SHUTDOWN_DEADLINE="0.2") as service:
        async with waiting_for_a_reader(service) as (stalled, reader, published):
            service.signal(signal.SIGTERM)
            assert await frames_to_the_end(reader) == ([], 1001, "the service is stopping")
            log = await asyncio.to_thread(service.end)
            told = re.findall("connection opened|connection closed|stopped$", "\n".join(log))
            assert told == [*["connection opened"] * 3, *["connection closed"] * 3, "stopped"]
            frames, code, _ = await frames_to_the_end(stalled)
            assert [shown(frame) for frame in frames] == [("orders", number) for number in range(len(frames))]
            assert len(frames) < published
            assert code == 1006


async def test_a_client_that_does_not_answer_the_close_is_cut_at_the_deadline() -> None:
    with program(PUBSUB_SHUTDOWN_DEADLINE="0.2") as service, opened(service) as raw:
        service.signal(signal.SIGTERM)
        assert raw.recv(100) == GOING_AWAY
        assert await ended(service) == 0


async def test_a_client_that_did_not_answer_a_close_before_the_stop_is_cut_at_the_deadline() -> None:
    with program(PUBSUB_SHUTDOWN_DEADLINE="0.2") as service, opened(service) as raw:
        raw.sendall(b"\xc1\x80")
        assert raw.recv(100)[2:4] == (1002).to_bytes(2)
        service.signal(signal.SIGTERM)
        assert await ended(service) == 0


async def test_a_message_cut_in_two_by_the_stop_does_not_hold_up_the_end() -> None:
    fragments = [Frame(Opcode.TEXT, b'{"type":', fin=False), Frame(Opcode.CONT, b'"ping"', fin=False)]
    fragments += [Frame(Opcode.CONT, b"}"), Frame(Opcode.TEXT, b"{}"), Frame(Opcode.CLOSE, b"\x03\xe9")]
    first, *others = [fragment.serialize(mask=True) for fragment in fragments]
    with program(PUBSUB_SHUTDOWN_DEADLINE="600") as service, opened(service) as raw:
        raw.sendall(first + Frame(Opcode.PING, b"").serialize(mask=True))
        assert raw.recv(100) == b"\x8a\x00"
        service.signal(signal.SIGTERM)
        assert raw.recv(100) == GOING_AWAY
        raw.sendall(b"".join(others))
        assert await ended(service) == 0


async def test_a_frame_cut_in_two_by_the_stop_does_not_hold_up_the_end() -> None:
    ping = Frame(Opcode.TEXT, b'{"type":"ping"}').serialize(mask=True)
    with program(PUBSUB_SHUTDOWN_DEADLINE="600") as service, opened(service) as raw:
        raw.sendall(ping + ping[:10])
        assert b'"type":"pong"' in raw.recv(100)
        service.signal(signal.SIGTERM)
        assert raw.recv(100) == GOING_AWAY
        raw.sendall(ping[10:] + Frame(Opcode.CLOSE, b"\x03\xe9").serialize(mask=True))
        assert await ended(service) == 0


async def test_a_second_signal_ends_at_once() -> None:
    with program(PUBSUB_SHUTDOWN_DEADLINE="600") as service:
        async with waiting_for_a_reader(service) as (_, reader, _):
            service.signal(signal.SIGTERM)
            assert await frames_to_the_end(reader) == ([], 1001, "the service is stopping")
            service.signal(signal.SIGINT)
            assert await ended(service) == 128 + signal.SIGINT


def test_a_request_that_is_under_way_is_answered() -> None:
    body = b'{"id":"%b","payload":1}' % UUID.encode()
    with program(PUBSUB_SHUTDOWN_DEADLINE="60") as service:
        create_topic(service)
        with under_way(service, len(body)) as raw:
            service.signal(signal.SIGTERM)
            refused_at_last(service)
            raw.sendall(body)
            answer = b"".join(iter(lambda: raw.recv(65_536), b""))
        assert service.wait() == 0
    assert answer.startswith(b"HTTP/1.1 202 Accepted\r\n")
    accepted = b'{"status":"accepted","topic":"orders","id":"%b","position":{' % UUID.encode()
    assert answer.rpartition(b"\r\n\r\n")[2].startswith(accepted)


@pytest.mark.parametrize("deadline", ["0", "0.2", "1"])
def test_a_request_that_never_gets_whole_neither_holds_up_the_end_nor_is_an_error_of_ours(deadline: str) -> None:
    with program(PUBSUB_SHUTDOWN_DEADLINE=deadline) as service:
        create_topic(service)
        with under_way(service, 100) as raw:
            raw.sendall(b"{")
            log = service.stop()
    assert [line.split(maxsplit=1)[1] for line in log] == ["INFO topic created topic=orders", "INFO stopped"]


def under_way(service: Program, length: int) -> socket.socket:
    """A connection whose request the service has, but for the body of `length` bytes, which it waits for."""
    raw = socket.create_connection(("127.0.0.1", service.port), timeout=10)
    raw.sendall(
        b"POST /topics/orders/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % length
    )
    assert raw.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    return raw


def refused_at_last(service: Program) -> None:
    """Wait until the service lets nobody in."""
    with contextlib.suppress(ConnectionError):
        while True:
            socket.create_connection(("127.0.0.1", service.port), timeout=10).close()
