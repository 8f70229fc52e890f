"""Subscribers and clients that stop reading, over real sockets with small buffers."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from specbus.websocket import connection
from tests.support.messages import publication
from tests.support.program import Program, program, resident_bytes
from tests.support.raw import TEXT, Raw, frame, raw
from tests.support.server import Server, Socket, connected, create
from tests.support.stalling import BULK, ENOUGH, frames_to_the_end, shown, stalling

Serve = Callable[..., Server]
QUEUE = 10


class Scene(NamedTuple):
    """A server with topics, a publisher, two subscribers that read and one that does not."""

    rest: httpx.Client
    publisher: Socket
    readers: list[Socket]
    stalled: Socket
    published: dict[str, int]

    async def publish(self, topic: str) -> None:
        """Publish the next number; every reader gets it at once, in its place in the order."""
        number = self.published[topic]
        assert (await self.publisher.publish(topic, [number, BULK]))["type"] == "ack"
        self.published[topic] += 1
        for reader in self.readers:
            assert shown(await reader.receive()) == (topic, number)

    def stats(self, topic: str) -> dict[str, int]:
        stats: dict[str, int] = self.rest.get("/stats").json()["topics"][topic]
        return stats

    async def publish_until(self, topic: str, done: Callable[[dict[str, int]], bool]) -> None:
        """Publish until the topic's numbers are as wanted, which they are once the buffers are full."""
        for _ in range(ENOUGH):
            if done(self.stats(topic)):
                return
            await self.publish(topic)
        pytest.fail(f"nobody stalled: {self.stats(topic)}")

    async def publish_until_dropped(self, topic: str, count: int) -> None:
        """Publish until `count` messages are dropped, which leaves the one queue full."""
        await self.publish_until(topic, lambda stats: stats["dropped"] >= count)

    def check_numbers(self, topic: str, *, dropped: int, waiting: int = 0, replayed: int = 0) -> None:
        """Check that what was delivered, was dropped and waits is what was published, once for each subscriber."""
        published = self.published[topic]
        assert self.stats(topic) == {
            "messages": published,
            "subscribers": 3,
            "delivered": 3 * published - dropped - waiting + replayed,
            "dropped": dropped,
            "retained": min(published, 100),
            "evicted": 0,
        }


@asynccontextmanager
async def scene(server: Server, *topics: str) -> AsyncIterator[Scene]:
    """Everybody of a Scene, connected and subscribed to all `topics`."""
    async with AsyncExitStack() as stack:
        rest = stack.enter_context(httpx.Client(base_url=server.url))
        publisher, *readers = [await stack.enter_async_context(connected(server)) for _ in range(3)]
        stalled = await stack.enter_async_context(stalling(server))
        for topic in topics:
            assert rest.post("/topics", json={"name": topic}).status_code == 201
            for subscriber in (*readers, stalled):
                assert (await subscriber.subscribe(topic))["type"] == "ack"
        yield Scene(rest, publisher, readers, stalled, dict.fromkeys(topics, 0))


def numbers(topic: str, *values: int) -> list[Any]:
    return [(topic, value) for value in range(*values)]


def slow_consumer(frame: dict[str, Any], topic: str) -> int:
    """Check that `frame` tells of messages lost on `topic`, and return how many."""
    dropped: int = frame["error"]["dropped"]
    messages = "1 message" if dropped == 1 else f"{dropped} messages"
    were = "was" if dropped == 1 else "were"
    assert frame == {
        "type": "error",
        "topic": topic,
        "error": {
            "code": "SLOW_CONSUMER",
            "message": f'{messages} of topic "{topic}" {were} dropped because this connection did not read fast enough',
            "dropped": dropped,
        },
        "ts": frame["ts"],
    }
    return dropped


@pytest.mark.parametrize("dropped", [1, 12])
async def test_a_stalled_subscriber_is_told_on_resuming_how_many_it_lost_and_where(serve: Serve, dropped: int) -> None:
    async with scene(serve(max_queue_size=QUEUE), "orders") as on:
        await on.publish_until_dropped("orders", dropped)
        total = on.published["orders"]
        on.check_numbers("orders", dropped=dropped, waiting=QUEUE)

        taken = total - QUEUE - dropped
        frames = [await on.stalled.receive() for _ in range(taken + 1 + QUEUE)]
        assert slow_consumer(frames.pop(taken), "orders") == dropped
        assert list(map(shown, frames)) == numbers("orders", taken) + numbers("orders", total - QUEUE, total)

        await on.publish("orders")
        assert shown(await on.stalled.receive()) == ("orders", total)
        on.check_numbers("orders", dropped=dropped)
        for client in (*on.readers, on.stalled):
            await client.nothing_more()


async def test_a_subscriber_that_stalls_again_is_told_only_what_it_lost_since(serve: Serve) -> None:
    async with scene(serve(max_queue_size=QUEUE), "orders") as on:
        received: list[Any] = []
        told = []
        for dropped in (3, 8):
            await on.publish_until_dropped("orders", dropped)
            total = on.published["orders"]
            frames = [await on.stalled.receive()]
            while shown(frames[-1]) != ("orders", total - 1):
                frames.append(await on.stalled.receive())
            told += [slow_consumer(frame, "orders") for frame in frames if frame["type"] == "error"]
            received += [shown(frame) for frame in frames if frame["type"] == "event"]
            assert sum(told) == dropped
            on.check_numbers("orders", dropped=dropped)
        assert told == [3, 5]
        assert received == sorted(set(received))
        assert len(received) + sum(told) == total


async def test_each_topic_of_a_stalled_subscriber_has_its_own_queue_and_count(serve: Serve) -> None:
    async with scene(serve(max_queue_size=QUEUE), "a", "b") as on:
        await on.publish_until_dropped("a", 2)
        for _ in range(QUEUE + 5):
            await on.publish("b")
        on.check_numbers("a", dropped=2, waiting=QUEUE)
        on.check_numbers("b", dropped=5, waiting=QUEUE)
        a, b = on.published["a"], on.published["b"]

        taken = a - QUEUE - 2
        frames = [await on.stalled.receive() for _ in range(taken + 2 * (1 + QUEUE))]
        first, second = frames.pop(taken), frames.pop(taken + QUEUE)
        assert (slow_consumer(first, "a"), slow_consumer(second, "b")) == (2, 5)
        expected = numbers("a", taken) + numbers("a", a - QUEUE, a) + numbers("b", b - QUEUE, b)
        assert list(map(shown, frames)) == expected

        for topic, dropped in (("a", 2), ("b", 5)):
            await on.publish(topic)
            assert shown(await on.stalled.receive()) == (topic, on.published[topic] - 1)
            on.check_numbers(topic, dropped=dropped)
        await on.stalled.nothing_more()


async def test_a_replay_asked_for_while_stalled_comes_whole_after_all_that_waits(serve: Serve) -> None:
    async with scene(serve(max_queue_size=QUEUE), "orders") as on:
        assert on.rest.post("/topics", json={"name": "other"}).status_code == 201
        for number in range(3):
            await on.publisher.publish("other", [number, BULK])
        await on.publish_until_dropped("orders", 4)
        for topic, last_n in (("orders", QUEUE + 5), ("other", 2)):
            await on.stalled.send(
                {"type": "subscribe", "topic": topic, "client_id": "s", "last_n": last_n, "request_id": f"to {topic}"}
            )
        total = on.published["orders"]
        on.check_numbers("orders", dropped=4, waiting=QUEUE)

        taken = total - QUEUE - 4
        frames = [await on.stalled.receive() for _ in range(taken + 1 + QUEUE + 1 + QUEUE + 5 + 1 + 2)]
        assert slow_consumer(frames.pop(taken), "orders") == 4
        assert list(map(shown, frames)) == [
            *numbers("orders", taken),
            *numbers("orders", total - QUEUE, total),
            "to orders",
            *numbers("orders", total - QUEUE - 5, total),
            "to other",
            *numbers("other", 1, 3),
        ]
        await on.stalled.nothing_more()
        on.check_numbers("orders", dropped=4, replayed=QUEUE + 5)


async def test_a_topic_deleted_while_a_subscriber_is_stalled_ends_with_what_waited_and_the_news(serve: Serve) -> None:
    async with scene(serve(max_queue_size=QUEUE), "orders") as on:
        await on.publish_until_dropped("orders", 2)
        total = on.published["orders"]
        assert on.rest.delete("/topics/orders").status_code == 200

        taken = total - QUEUE - 2
        frames = [await on.stalled.receive() for _ in range(taken + 1 + QUEUE + 1)]
        assert slow_consumer(frames.pop(taken), "orders") == 2
        news = frames.pop()
        assert news == {"type": "info", "topic": "orders", "msg": "topic_deleted", "ts": news["ts"]}
        assert list(map(shown, frames)) == numbers("orders", taken) + numbers("orders", total - QUEUE, total)
        for reader in on.readers:
            assert shown(await reader.receive()) == "info"
        await on.stalled.nothing_more()


async def test_under_disconnect_a_stalled_subscriber_is_told_and_closed_and_the_others_go_on(serve: Serve) -> None:
    server = serve(max_queue_size=QUEUE, overflow_policy="disconnect")
    async with scene(server, "orders") as on:
        await on.publish_until("orders", lambda stats: stats["subscribers"] == 2)
        total = on.published["orders"]

        frames, *end = await frames_to_the_end(on.stalled)
        assert end == [1013, "slow consumer"]
        dropped = slow_consumer(frames.pop(), "orders")
        assert dropped == QUEUE + 1
        assert list(map(shown, frames)) == numbers("orders", total - dropped)

        await on.publish("orders")
        assert on.stats("orders") == {
            "messages": total + 1,
            "subscribers": 2,
            "delivered": 2 * (total + 1) + total - dropped,
            "dropped": dropped,
            "retained": total + 1,
            "evicted": 0,
        }
        for reader in on.readers:
            await reader.nothing_more()


async def test_under_disconnect_one_that_reads_only_later_is_told_all_the_same(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT", 0.05)
    server = serve(max_queue_size=QUEUE, overflow_policy="disconnect")
    async with scene(server, "orders") as on:
        await on.publish_until("orders", lambda stats: stats["subscribers"] == 2)
        over = server.call(server.loop.time) + 0.3
        while server.call(server.loop.time) < over:
            await on.publish("orders")
        frames, *end = await frames_to_the_end(on.stalled)
        assert end == [1013, "slow consumer"]
        assert slow_consumer(frames.pop(), "orders") == QUEUE + 1


async def test_under_disconnect_one_that_never_reads_is_gone_in_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT", 0.05)
    monkeypatch.setattr(connection, "UNREAD_TIMEOUT", 0.2)
    server = serve(max_queue_size=QUEUE, overflow_policy="disconnect")
    async with scene(server, "orders") as on:
        await on.publish_until("orders", lambda stats: stats["subscribers"] == 2)
        while on.rest.get("/health").json()["connections"] == 4:
            await on.publish("orders")


async def test_under_disconnect_a_stalled_subscriber_is_told_what_it_lost_of_each_topic(serve: Serve) -> None:
    async with scene(serve(max_queue_size=QUEUE, overflow_policy="disconnect"), "a", "b", "c") as on:
        await on.publish_until("a", lambda stats: stats["delivered"] < 3 * stats["messages"])
        for _ in range(3):
            await on.publish("b")
        await on.publish_until("a", lambda stats: stats["subscribers"] == 2)
        frames, *end = await frames_to_the_end(on.stalled)
        assert end == [1013, "slow consumer"]
        told = {frame["topic"]: slow_consumer(frame, frame["topic"]) for frame in frames[-2:]}
        assert told == {"a": QUEUE + 1, "b": 3}
        assert told == {topic: on.stats(topic)["dropped"] for topic in ("a", "b")}
        assert on.stats("c")["dropped"] == 0
        assert list(map(shown, frames[:-2])) == numbers("a", on.published["a"] - QUEUE - 1)


async def test_a_client_that_does_not_read_its_answers_is_read_no_more_until_it_does(serve: Serve) -> None:
    """Each command is large, and so is each answer: were the commands read on, memory would fill with answers."""
    server = serve()
    async with connected(server) as other, stalling(server) as client:
        assert httpx.post(f"{server.url}/topics", json={"name": "orders"}).status_code == 201
        await other.publish("orders", [0, BULK])
        commands = [
            json.dumps(
                {"type": "subscribe", "topic": "orders", "client_id": "s", "last_n": 1, "request_id": f"{number}"}
            )
            + " " * 100_000
            for number in range(600)
        ]
        sent = 0

        async def send() -> None:
            nonlocal sent
            for command in commands:
                await client.send(command)
                sent += 1

        sending = asyncio.create_task(send())
        rounds, before = 0, (0, 0)
        while rounds < 30 and not sending.done():  # 30 rounds of the service's loop in which it took nothing from us
            await asyncio.to_thread(server.call, lambda: None)
            now = (sent, client.raw.transport.get_write_buffer_size())
            rounds, before = (rounds + 1, now) if now == before else (0, now)
        assert not sending.done()
        assert (await other.publish("orders", [1, BULK], request_id="meanwhile"))["request_id"] == "meanwhile"

        answers = [shown(await client.receive()) for _ in range(2 * len(commands) + 1)]
        await sending
        await client.nothing_more()
    early = answers.index(("orders", 1)) // 2
    assert answers == [
        *(answer for number in range(early) for answer in (f"{number}", ("orders", 0))),
        ("orders", 1),
        *(answer for number in range(early, len(commands)) for answer in (f"{number}", ("orders", 1))),
    ]


@asynccontextmanager
async def with_history(service: Program) -> AsyncIterator[Socket]:
    """A publisher to a topic whose history is full."""
    assert httpx.post(f"{service.url}/topics", json={"name": "orders"}).status_code == 201
    async with connected(service) as publisher:
        for number in range(100):
            await publisher.publish("orders", [number, BULK])
        yield publisher


async def test_a_stalled_subscriber_costs_no_more_memory_than_its_queue() -> None:
    with program() as service:
        async with with_history(service) as publisher, stalling(service) as stalled:
            await stalled.subscribe("orders")
            before = resident_bytes(service)
            total = 600
            for number in range(total):
                await publisher.send(publication("orders", [number, BULK]))
                if number >= 10:
                    assert (await publisher.receive())["type"] == "ack"
            for _ in range(10):
                assert (await publisher.receive())["type"] == "ack"
            # 60 MB went through; history and queue share the 10 MB of the newest 100.
            assert resident_bytes(service) - before < 20_000_000

            received: list[Any] = []
            while not received or received[-1] != ("orders", total - 1):
                frame = await stalled.receive()
                if frame["type"] == "error":
                    dropped = slow_consumer(frame, "orders")
                else:
                    received.append(shown(frame))
            taken = total - dropped - 100
            assert received == numbers("orders", taken) + numbers("orders", total - 100, total)


async def test_a_client_that_asks_for_replays_and_does_not_read_them_costs_little_memory() -> None:
    with program() as service:
        async with with_history(service), stalling(service) as greedy:
            before = resident_bytes(service)
            ask = {"type": "subscribe", "topic": "orders", "client_id": "s", "last_n": 100}
            for _ in range(6):
                await greedy.send(ask)
            while httpx.get(f"{service.url}/topics/orders").json()["delivered"] == 0:
                pass
            assert resident_bytes(service) - before < 20_000_000

            for _ in range(6):
                assert (await greedy.receive())["type"] == "ack"
                assert [shown(await greedy.receive()) for _ in range(100)] == numbers("orders", 100)
            await greedy.nothing_more()


class Numbers:
    """The numbers in what a connection is sent, read without more ado: there are many."""

    def __init__(self, client: Raw, pattern: bytes) -> None:
        self._client = client
        self._pattern = re.compile(pattern)
        self._rest = b""

    async def next(self, count: int) -> list[int]:
        found: list[int] = []
        while len(found) < count:
            self._rest += await asyncio.wait_for(self._client.reader.read(262_144), 10)
            end = 0
            for match in self._pattern.finditer(self._rest):
                found.append(int(match[1]))
                end = match.end()
            self._rest = self._rest[end:]
        return found


@pytest.mark.slow
async def test_of_100_000_messages_past_a_stalled_subscriber_the_others_lose_none_and_it_is_told_how_many() -> None:
    total, step, queue = 100_000, 50, 100
    with program(PUBSUB_DEBUG="false") as service:
        create(service, "orders")
        async with raw(service) as publisher, raw(service) as one, raw(service) as other, stalling(service) as stalled:
            acks = Numbers(publisher, rb'"request_id":"(\d+)"')
            readers = [Numbers(reader, rb'"payload":\[(\d+),"x{1024}"\]') for reader in (one, other)]
            for reader in (one, other):
                reader.writer.write(frame(TEXT, b'{"type":"subscribe","topic":"orders","client_id":"r"}'))
                assert b'"ack"' in (await reader.frame())[1]
            assert (await stalled.subscribe("orders"))["type"] == "ack"

            # Never more on its way than a queue holds, so that nobody who reads loses anything.
            for first in range(0, total, step):
                numbers_ = list(range(first, first + step))
                commands = [publication("orders", [each, "x" * 1024], request_id=str(each)) for each in numbers_]
                publisher.writer.write(b"".join(frame(TEXT, msgspec.json.encode(each)) for each in commands))
                assert await acks.next(step) == numbers_
                for reader_ in readers:
                    assert await reader_.next(step) == numbers_
                if first == total // 10:
                    before = resident_bytes(service)
            # 90 MB went through.
            assert resident_bytes(service) - before < 4_000_000
            stats = httpx.get(f"{service.url}/topics/orders").json()

            received = [await stalled.receive()]
            while shown(received[-1]) != ("orders", total - 1):
                received.append(await stalled.receive())
            dropped = stats["dropped"]
            taken = total - dropped - queue
            assert slow_consumer(received.pop(taken), "orders") == dropped
            assert list(map(shown, received)) == numbers("orders", taken) + numbers("orders", total - queue, total)
            assert stats["delivered"] == 2 * total + taken
            assert httpx.get(f"{service.url}/topics/orders").json()["delivered"] == 3 * total - dropped
        assert "Traceback" not in "\n".join(await asyncio.to_thread(service.stop))
