"""The Python SDK against real servers."""

import asyncio
import gc
import json
import logging
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.http11 import Request, Response

from specbus.client import (
    AlreadySubscribed,
    Client,
    ClientClosed,
    ClientError,
    ConnectError,
    Dropped,
    InvalidReply,
    Notice,
    ProblemError,
    RawJson,
    Refused,
    ReplyError,
    ReplyTimeout,
    Resubscribed,
    ResubscribeRefused,
    StateChanged,
    Subscription,
    SubscriptionEnded,
    SyncClient,
    UnknownOutcome,
    models,
)
from specbus.client.runtime.backoff import Backoff
from specbus.client.runtime.bus import Bus
from specbus.client.runtime.encoding import encode
from specbus.client.runtime.rest import Rest
from tests.support import sample_server
from tests.support.chaos import Chaos
from tests.support.documents import PYTHON_SDK
from tests.support.http import HTTP, publish, stats
from tests.support.messages import UUID as ID
from tests.support.server import Server, create, running

FAST: dict[str, Any] = {"backoff_base": 0.01, "backoff_cap": 0.1}
"""Short pauses."""
DEADLINE = 60.0

Front = Callable[[Server], Chaos]


class Told:
    """The notices of a client."""

    def __init__(self, client: Client) -> None:
        self.all: list[Notice] = []
        self._came = asyncio.Event()
        self._read = 0
        client.on_notice(self._take)

    def _take(self, notice: Notice) -> None:
        self.all.append(notice)
        self._came.set()

    async def next(self, kind: type[Any], **fields: Any) -> Any:
        """The next notice of that kind and with those fields; what comes before it is passed over."""
        async with asyncio.timeout(DEADLINE):
            while True:
                while self._read < len(self.all):
                    notice = self.all[self._read]
                    self._read += 1
                    if isinstance(notice, kind) and all(getattr(notice, name) == fields[name] for name in fields):
                        return notice
                self._came.clear()
                await self._came.wait()

    def states(self) -> list[str]:
        """The states that the client had."""
        return [notice.state for notice in self.all if isinstance(notice, StateChanged)]

    def dropped(self, by: str) -> int:
        """How many events were dropped by the server or the client."""
        return sum(notice.count for notice in self.all if isinstance(notice, Dropped) and notice.by == by)


OF_A_SERVER = ("protocol_handler", "_accept_connection2")
"""Tasks of a test's server, which may have a connection more than the client knows of."""


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[tuple[Client, Told]]:
    """A client, and what it tells. At its end nothing is left of it."""
    before = asyncio.all_tasks()
    client = Client(url, **{**FAST, **options})
    told = Told(client)
    async with client:
        yield client, told
    assert client.state == "closed"
    assert nothing_is_left(client)
    left = asyncio.all_tasks() - before
    assert [each for each in left if not any(name in str(each.get_coro()) for name in OF_A_SERVER)] == []


def nothing_is_left(client: Client) -> bool:
    bus = client._bus
    return not (bus._pending or bus._started or bus._feeds)


def retained(server: Server, topic: str) -> list[Any]:
    events = HTTP.get(f"{server.url}/topics/{topic}/messages").json()["events"]
    return [event["message"]["payload"] for event in events]


async def take(subscription: Subscription[models.Event], count: int) -> list[Any]:
    """The payloads of the next events."""
    async with asyncio.timeout(DEADLINE):
        return [(await anext(subscription)).message.payload for _ in range(count)]


async def until(ready: Callable[[], bool]) -> None:
    """Wait until it is `ready`."""
    async with asyncio.timeout(DEADLINE):
        while not ready():
            await asyncio.sleep(0)


# What it does


async def test_commands_requests_and_events(server: Server) -> None:
    async with connected(server.url, client_id="me") as (client, told):
        assert (await client.topics.create("orders")).model_dump() == {"status": "created", "topic": "orders"}
        first = await client.publish("orders", {"n": 1}, id=UUID(ID))
        assert (first.type, first.topic, first.ts.tzinfo is not None) == ("ack", "orders", True)
        subscription = client.subscribe("orders", last_n=5)
        await subscription.ready()
        await asyncio.gather(*(client.publish("orders", payload) for payload in (2, None, "three")))
        await client.messages.publish("orders", 4)
        events = [await anext(subscription) for _ in range(5)]
        assert [event.message.payload for event in events] == [{"n": 1}, 2, None, "three", 4]
        assert events[0].message.id == UUID(ID)
        assert len({event.message.id for event in events}) == 5
        assert (await client.topics.get("orders")).subscribers == 1
        await subscription.close()
        assert [each async for each in subscription] == []
        assert [(each.name, each.subscribers) for each in (await client.topics.list()).topics] == [("orders", 0)]
        assert (await client.messages.get("orders", last_n=1)).events == events[-1:]
        assert (await client.ping()).type == "pong"
        assert (await client.topics.delete("orders")).status == "deleted"
        assert (await client.service.health()).connections == 1
        assert (await client.service.openapi())["openapi"] == "3.0.3"
        assert client.state == "connected"
    assert told.states() == ["connecting", "connected", "closed"]


async def test_errors_are_typed(server: Server) -> None:
    create(server, "orders")
    early = Client(server.url)
    with pytest.raises(ClientClosed):
        await early.publish("orders", 1)
    with pytest.raises(ClientClosed):
        early.subscribe("orders")
    async with connected(server.url) as (client, _):
        with pytest.raises(ReplyError, match="there is no topic") as reply:
            await client.publish("nowhere", 1)
        assert (reply.value.code, reply.value.message) == ("TOPIC_NOT_FOUND", 'there is no topic "nowhere"')
        assert reply.value.request["topic"] == "nowhere"
        assert reply.value.reply["request_id"] == reply.value.request["request_id"]
        with pytest.raises(ProblemError) as problem:
            await client.topics.create("orders")
        assert (problem.value.status, problem.value.type) == (409, "urn:specbus:problem:topic-exists")
        assert problem.value.detail == 'the topic "orders" exists'
        with pytest.raises(ProblemError):
            await client.topics.get("no such/topic")
        refused = client.subscribe("nowhere")
        for wait in (refused.ready(), anext(refused)):
            with pytest.raises(ReplyError, match="TOPIC_NOT_FOUND"):
                await wait
        kept = client.subscribe("orders")
        with pytest.raises(AlreadySubscribed):
            client.subscribe("orders")
        with pytest.raises(ValueError, match="queue_size"):
            client.subscribe("others", queue_size=0)
        with pytest.raises(ClientError, match=r"connect\(\) was called before"):
            await client.connect()
        del kept
    with pytest.raises(ClientClosed):
        await client.ping()


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8080", "http://", "http://127.0.0.1:99999", "ws://h:x", "http://[::1", "http://h/?a=b", "ftp://h"],
)
def test_what_is_no_url_is_told_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="the URL must begin with http:// or ws:// and go on with HOST:PORT, not "):
        Client(url)


@pytest.mark.parametrize("key", ["secret\n", "clé"])
def test_a_key_that_no_header_carries_is_told_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="the API key must be printable ASCII") as failure:
        Client("http://127.0.0.1:8080", api_key=key)
    assert key not in str(failure.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object()])
async def test_what_json_has_not_is_not_sent(server: Server, value: Any) -> None:
    create(server, "orders")
    async with connected(server.url) as (client, _):
        with pytest.raises(ValueError):
            await client.publish("orders", value)
        assert nothing_is_left(client)
        assert (await client.ping()).type == "pong"


async def test_nobody_answers(server: Server, proxy: Front, unused_url: str) -> None:
    chaos = proxy(server)
    for url in (unused_url, unused_url.replace("http", "ws") + "/"):
        client = Client(url)
        for call in (client.connect(), client.service.health()):
            with pytest.raises(ConnectError, match=f"nothing answers at {unused_url} \\(Connection refused\\)"):
                await call
        assert client.state == "closed"
        await client.close()
    chaos.stall()
    client = Client(chaos.url, timeout=0.05)
    with pytest.raises(ConnectError, match=r"no answer within 0\.05 s"):
        await client.connect()
    with pytest.raises(ReplyTimeout, match=r"no answer came within 0\.05 s"):
        await client.service.health()
    chaos.resume()
    # The same client can be opened again, and closed twice.
    await client.connect()
    assert (await client.ping(timeout=5)).type == "pong"
    await client.close()
    await client.close()
    with sample_server.running(sample_server.Warehouse(sample_server.SAMPLE)) as other, pytest.raises(ClientError):
        await Client(other).connect()


async def test_why_nobody_answers_is_told(server: Server) -> None:
    client = Client(server.url.replace("http", "https"))
    for call in (client.connect(), client.service.health()):
        with pytest.raises(ConnectError, match="wrong version number"):
            await call
    await client.close()
    with pytest.raises(ConnectError, match=r"nothing answers at http://a\.\.b \("):
        await Client("HTTP://a..b/").connect()


async def test_a_request_that_breaks_is_of_unknown_outcome(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    create(server, "orders")
    async with connected(chaos.url) as (client, _):
        await client.topics.list()
        chaos.stall("down")
        outcome = asyncio.create_task(client.messages.publish("orders", 1))
        await until(lambda: stats(server, "orders")["messages"] == 1)
        chaos.drop("rst")
        with pytest.raises(UnknownOutcome) as failure:
            await outcome
        assert failure.value.request["path"] == "/topics/orders/messages"
        chaos.resume()


async def test_the_key_is_sent(serve: Callable[..., Server]) -> None:
    server = serve(api_key="secret")
    async with connected(server.url, api_key="secret") as (client, _):
        assert (await client.ping()).type == "pong"
        assert (await client.topics.list()).topics == []
    for key in ("wrong", None):
        client = Client(server.url, api_key=key)
        for call in (client.connect(), client.topics.list()):
            with pytest.raises(ProblemError, match="X-API-Key is missing or wrong") as problem:
                await call
            assert problem.value.status == 401
        await client.close()


async def test_json_is_sent_and_comes_as_it_is_written(server: Server) -> None:
    create(server, "orders")
    large = 10**400 + 7
    async with connected(server.url) as (client, _):
        subscription = client.subscribe("orders", raw=True)
        await subscription.ready()
        texts = ["99.50", "1e400", '{"b": 1, "a": 2, "b": 3}', '"\\u00e9"', "-0", str(large)]
        for text in texts:
            await client.publish("orders", RawJson(f" {text}\n"))
        frames = [await anext(subscription) for _ in texts]
        assert [re.findall(r'"payload":(.*)\},"offset"', frame)[0] for frame in frames] == texts
        await client.publish("orders", {"in": [RawJson("1.0"), {"side": RawJson('"\\u0041"')}], "it": large})
        assert f'{{"in":[1.0,{{"side":"\\u0041"}}],"it":{large}}}' in await anext(subscription)
        await subscription.close()
        with pytest.raises(ValueError):
            RawJson("{")
        # Integers keep their digits in models, too; the rest of the class is Python's.
        again = client.subscribe("orders", last_n=2)
        assert await take(again, 2) == [large, {"in": [1, {"side": "A"}], "it": large}]
        assert (await client.messages.get("orders", last_n=2)).events[0].message.payload == large


def test_values_are_encoded_wherever_they_stand() -> None:
    topic = models.TopicSummary(name="orders", subscribers=1)
    value = {"topic": topic, "all": [topic, UUID(ID), RawJson("1.50")], "é": None}
    inner = '{"name":"orders","subscribers":1}'
    assert encode(value) == f'{{"topic":{inner},"all":[{inner},"{ID}",1.50],"é":null}}'


@pytest.mark.parametrize("name", [".", "..", ""])
async def test_an_argument_that_leads_to_another_resource_is_not_sent(server: Server, name: str) -> None:
    create(server, "orders")
    async with Client(server.url) as client:
        for method in (client.topics.delete, client.topics.get, client.messages.get):
            with pytest.raises(
                ValueError, match=f"^name must not be {name!r}: in a path, that leads to another resource$"
            ):
                await method(name)
        # What only looks so is a name like others.
        for other in ("...", "%2e%2e", "..%2f", ". ", "a/..", "{name}"):
            with pytest.raises(ProblemError):
                await client.topics.delete(other)
        with pytest.raises(ValueError, match="name must be a text that UTF-8 can express"):
            await client.topics.get("\udc80")
        assert [topic.name for topic in (await client.topics.list()).topics] == ["orders"]


@pytest.mark.parametrize(
    ("template", "values"),
    [("/{a}{b}/x", (".", ".")), ("/.{a}/x", (".", "c")), ("/%2E{a}", (".", "c")), ("/{a}/{b}", ("c", ".."))],
    ids=str,
)
async def test_what_an_argument_makes_with_its_neighbours_counts(template: str, values: tuple[str, str]) -> None:
    rest = Rest("http://127.0.0.1:9", 1, None, None)
    with pytest.raises(ValueError, match="leads to another resource"):
        await rest.request("GET", template, None, None, path=dict(zip("ab", values, strict=True)))


async def test_a_deleted_topic_ends_the_loop_after_what_came_before(server: Server) -> None:
    create(server, "orders")
    async with connected(server.url) as (client, _):
        subscription = client.subscribe("orders")
        await subscription.ready()
        for n in (1, 2, 3):
            await client.publish("orders", n)
        await client.topics.delete("orders")
        got = []
        try:
            async for event in subscription:
                got.append(event.message.payload)
        except SubscriptionEnded as end:
            got += [end.key, end.frame["msg"]]
        assert got == [1, 2, 3, "orders", "topic_deleted"]
        assert [event async for event in subscription] == []
        # A new one of the same name is another.
        create(server, "orders")
        again = client.subscribe("orders")
        await again.ready()
        await client.publish("orders", 4)
        assert await take(again, 1) == [4]


async def test_a_subscription_lasts_as_long_as_something_refers_to_it(server: Server) -> None:
    create(server, "orders")
    async with connected(server.url) as (client, _):
        async with client.subscribe("orders") as subscription:
            await subscription.ready()
            await client.publish("orders", 1)
            await client.publish("orders", 2)
            async for event in subscription:
                assert event.message.payload == 1
                break
            async for event in subscription:
                assert event.message.payload == 2
                break
            assert stats(server, "orders")["subscribers"] == 1
        assert stats(server, "orders")["subscribers"] == 0
        async for event in client.subscribe("orders", last_n=1):
            assert event.message.payload == 2
            break
        await until(lambda: stats(server, "orders")["subscribers"] == 0)
        # It has ended for this client at once.
        for _ in range(3):
            async for event in client.subscribe("orders", last_n=1):
                assert event.message.payload == 2
                break
        await until(lambda: stats(server, "orders")["subscribers"] == 0)

        async def read() -> Any:
            return (await anext(client.subscribe("orders"))).message.payload

        # Whoever waits for an event refers to it, even if nobody keeps the task.
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asyncio.create_task(read()).add_done_callback(lambda task: answer.set_result(task.result()))
        await until(lambda: stats(server, "orders")["subscribers"] == 1)
        gc.collect()
        await client.publish("orders", 3)
        assert await asyncio.wait_for(answer, DEADLINE) == 3
        assert (await client.ping()).type == "pong"
        # One that was sent and left before its answer is ended all the same.
        await client.subscribe("orders").close()
        assert stats(server, "orders")["subscribers"] == 0


async def test_several_readers_share_the_events_of_a_subscription(server: Server) -> None:
    create(server, "orders")
    async with connected(server.url) as (client, _):
        subscription = client.subscribe("orders")
        await subscription.ready()
        readers = [asyncio.ensure_future(anext(subscription)) for _ in range(4)]
        await asyncio.sleep(0)
        readers[0].cancel()
        for n in range(3):
            await client.publish("orders", n)
        got = [each.message.payload for each in await asyncio.wait_for(asyncio.gather(*readers[1:]), DEADLINE)]
        assert sorted(got) == [0, 1, 2]


# Queues


async def test_a_full_queue_drops_the_oldest_and_tells(server: Server) -> None:
    create(server, "orders")
    async with connected(server.url) as (client, told):
        subscription = client.subscribe("orders", queue_size=10)
        await asyncio.gather(*(client.publish("orders", n) for n in range(2000)))
        await client.publish("orders", 2000)
        await client.ping()
        assert await take(subscription, 10) == list(range(1991, 2001))
        # A reply can be waited for inside the loop.
        await client.publish("orders", 2001)
        assert await take(subscription, 1) == [2001]
        await subscription.close()
        assert told.dropped("client") == subscription.dropped["client"] == 1991
        assert subscription.dropped["server"] == 0


async def test_a_reader_that_keeps_up_misses_nothing_of_a_burst(serve: Callable[..., Server], proxy: Front) -> None:
    server = serve(history_size=20_000)
    create(server, "orders")
    async with connected(server.url) as (client, told):
        for start in range(0, 20_000, 500):
            await asyncio.gather(*(client.publish("orders", n) for n in range(start, start + 500)))
        assert await take(client.subscribe("orders", last_n=20_000), 20_000) == list(range(20_000))
        await until(lambda: stats(server, "orders")["subscribers"] == 0)
        raw = client.subscribe("orders", last_n=20_000, raw=True, queue_size=200)
        numbers = [json.loads(await anext(raw))["message"]["payload"] for _ in range(20_000)]
        assert numbers == list(range(20_000))
        assert told.dropped("client") == told.dropped("server") == 0
        await raw.close()


async def test_what_the_server_dropped_is_told(serve: Callable[..., Server], proxy: Front) -> None:
    server = serve(max_queue_size=5)
    chaos = proxy(server)
    create(server, "flood")
    async with connected(chaos.url) as (client, told):
        subscription = client.subscribe("flood")
        await subscription.ready()
        chaos.stall("down")
        total = 0
        while stats(server, "flood")["dropped"] == 0:
            publish(server, "flood", {"n": total, "padding": "x" * 500_000})
            total += 1
        publish(server, "flood", {"n": total, "last": True})
        total += 1
        chaos.resume()
        numbers = []
        async with asyncio.timeout(DEADLINE):
            async for event in subscription:
                numbers.append(event.message.payload["n"])
                if "last" in event.message.payload:
                    break
        assert numbers == sorted(set(numbers))
        lost = stats(server, "flood")["dropped"]
        assert told.dropped("server") == subscription.dropped["server"] == lost > 0
        assert len(numbers) + lost == total
        del subscription


# When the line breaks


async def test_a_restarted_server_is_found_again(serve: Callable[..., Server], proxy: Front) -> None:
    server = serve()
    chaos = proxy(server)
    create(server, "orders", "others")
    async with connected(chaos.url) as (client, told):
        subscription = client.subscribe("orders", last_n=10, retry=True)
        forgotten = client.subscribe("others")
        await subscription.ready()
        await forgotten.ready()
        await client.publish("orders", 1)
        successor = serve()
        chaos.target(successor.port)
        chaos.drop()
        # It has forgotten its topics: the subscription that asked for it tries again, the other one ends.
        refused = await told.next(ResubscribeRefused, key="orders")
        assert refused.delay is not None
        with pytest.raises(ReplyError, match="TOPIC_NOT_FOUND"):
            await anext(forgotten)
        ended = [each for each in told.all if isinstance(each, ResubscribeRefused) and each.key == "others"]
        assert [each.delay for each in ended] == [None]
        create(successor, "orders")
        publish(successor, "orders", "before")
        await told.next(Resubscribed, key="orders")
        await client.publish("orders", 2)
        payloads = await take(subscription, 2)
        assert (payloads[0], payloads[-1]) == (1, 2)  # `last_n` is not asked for again
        assert told.states()[:3] == ["connecting", "connected", "reconnecting"]
        assert client.state == "connected"


async def test_a_server_that_stops_is_told_with_its_reason(server: Server, proxy: Front) -> None:
    stopping = running()
    chaos = proxy(stopping.__enter__())
    async with connected(chaos.url) as (client, told):
        chaos.target(server.port)
        await asyncio.to_thread(stopping.__exit__, None, None, None)
        lost = await told.next(StateChanged, state="reconnecting")
        assert re.fullmatch("the server closed it with 1001.*", lost.reason)
        back = await told.next(StateChanged, state="connected")
        assert back.attempt == 1
        assert (await client.ping()).type == "pong"


async def test_nothing_is_silent_without_callbacks(
    server: Server, proxy: Front, caplog: pytest.LogCaptureFixture
) -> None:
    chaos = proxy(server)
    create(server, "orders", "deleted")
    with caplog.at_level(logging.INFO, "specbus.client"):
        async with Client(chaos.url, **FAST) as client:
            subscription = client.subscribe("orders", queue_size=1)
            deleted = client.subscribe("deleted")
            await client.ping()
            await client.topics.delete("deleted")
            await client.publish("orders", 1)
            await client.publish("orders", 2)
            await until(lambda: subscription.dropped["client"] == 1)
            chaos.drop()
            await until(lambda: client.state == "reconnecting")
            await client.publish("orders", 3)
            await subscription.close()  # tells what it dropped
            end = client.on_notice(lambda notice: None)
            end()
            end()
            client.on_notice(lambda notice: 1 / 0)
            chaos.drop()
            await until(lambda: client.state == "reconnecting")
        del deleted
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert ("INFO", "connected") in said
    assert ("WARNING", "the subscription to deleted ended: the server has ended the subscription to deleted") in said
    assert any(re.fullmatch(r"not connected \(.*\); attempt 1 in 0\.0 s", line) for _, line in said)
    assert ("WARNING", "resubscribed to orders; events published in between may be missing") in said
    assert any(re.fullmatch(r"[12] events? of orders w\w+ dropped by the client", line) for _, line in said)
    assert ("ERROR", "a callback for notices failed") in said


async def test_an_answer_that_was_due_when_the_line_broke_is_unknown_and_not_asked_for_again(
    server: Server, proxy: Front
) -> None:
    chaos = proxy(server)
    create(server, "orders")
    async with connected(chaos.url) as (client, _):
        chaos.stall("down")
        outcome = asyncio.create_task(client.publish("orders", 1))
        await until(lambda: stats(server, "orders")["messages"] == 1)
        chaos.drop()
        chaos.resume()
        with pytest.raises(UnknownOutcome, match="may have been carried out or not") as failure:
            await outcome
        assert failure.value.request["message"]["payload"] == 1
        await client.publish("orders", 2)
        assert retained(server, "orders") == [1, 2]
        # Closing with an answer due is no different.
        chaos.stall("down")
        outcome = asyncio.create_task(client.publish("orders", 3))
        await until(lambda: stats(server, "orders")["messages"] == 3)
        closing = asyncio.create_task(client.close())
        with pytest.raises(UnknownOutcome, match="the client was closed"):
            await outcome
        chaos.resume()
        await closing


async def test_the_first_answer_to_a_subscription_is_waited_for_until_its_timeout(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    create(server, "orders", "others")
    async with connected(chaos.url) as (client, _told):
        chaos.stall("down")
        late = client.subscribe("orders", timeout=0.2)
        kept = client.subscribe("others")
        await until(lambda: stats(server, "others")["subscribers"] == 1)
        chaos.refuse()
        chaos.drop()
        for wait in (late.ready(), anext(late)):
            with pytest.raises(ReplyTimeout, match=r"no answer came within 0\.2 s"):
                await asyncio.wait_for(wait, DEADLINE)
        chaos.accept()
        chaos.resume()
        await kept.ready()
        assert (stats(server, "orders")["subscribers"], stats(server, "others")["subscribers"]) == (0, 1)


async def test_commands_wait_for_the_connection_until_their_timeout(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    create(server, "orders")
    async with connected(chaos.url) as (client, told):
        chaos.refuse()
        chaos.drop()
        await told.next(StateChanged, state="reconnecting")
        with pytest.raises(ReplyTimeout, match="nothing was sent") as failure:
            await client.publish("orders", 0, timeout=0.02)
        assert not failure.value.sent
        waiting = [asyncio.create_task(client.publish("orders", n)) for n in (1, 2, 3)]
        subscription = client.subscribe("orders")
        await asyncio.sleep(0)
        chaos.accept()
        await asyncio.gather(*waiting)
        assert retained(server, "orders") == [1, 2, 3]
        # It goes first, and so has what was published after it was asked for.
        assert await take(subscription, 3) == [1, 2, 3]
    closing = Client(chaos.url, **FAST)
    await closing.connect()
    chaos.refuse()
    chaos.drop()
    await until(lambda: closing.state == "reconnecting")
    waiting = [asyncio.create_task(closing.publish("orders", 4))]
    await asyncio.sleep(0)
    await closing.close()
    with pytest.raises(ClientClosed, match="nothing was sent"):
        await waiting[0]
    assert retained(server, "orders") == [1, 2, 3]


@pytest.mark.parametrize("how", ["fin", "rst", "cut", "half-close"])
async def test_what_comes_back_is_in_order_and_misses_only_what_was_sent_meanwhile(
    how: str, server: Server, proxy: Front
) -> None:
    chaos = proxy(server)
    create(server, "orders")
    async with connected(chaos.url, timeout=2.0) as (client, told):
        subscription = client.subscribe("orders")
        await subscription.ready()
        for n in range(20):
            publish(server, "orders", n)
        assert await take(subscription, 20) == list(range(20))
        if how == "cut":
            chaos.cut("down", 40)
        elif how == "half-close":
            chaos.half_close("client")
        else:
            chaos.drop("rst" if how == "rst" else "fin")
        publish(server, "orders", 20)
        await told.next(Resubscribed)
        for n in range(21, 40):
            publish(server, "orders", n)
        after = await take(subscription, 19)
        assert after == list(range(after[0], after[0] + 19))
        assert after[0] in (20, 21)


async def test_a_line_that_breaks_at_random_loses_only_what_was_sent_meanwhile(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    chance = random.Random(7)
    create(server, "orders")
    async with connected(chaos.url) as (client, told), connected(server.url) as (other, _):
        subscription = client.subscribe("orders")
        await subscription.ready()
        seen: list[int] = []

        async def read() -> None:
            async for event in subscription:
                seen.append(event.message.payload)

        reading = asyncio.create_task(read())
        for n in range(300):
            if n % 20 == 10:
                chaos.cut("down", chance.randrange(1, 400), chance.choice(("fin", "rst")))
            await other.publish("orders", n)
        await until(lambda: client.state == "connected")
        await client.ping()
        await other.publish("orders", 300)
        await until(lambda: bool(seen) and seen[-1] == 300)
        assert seen == sorted(set(seen))
        # Each break loses a run of numbers, and nothing else does.
        gaps = sum(second - first > 1 for first, second in pairwise(seen))
        breaks = told.states().count("reconnecting")
        assert 1 <= gaps <= breaks
        reading.cancel()
        await asyncio.wait([reading])


async def test_a_silent_server_is_noticed(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    async with connected(chaos.url, heartbeat=0.05, timeout=0.2) as (client, told):
        # Silent because nothing happens: the pings are answered, and all stays as it is.
        before = chaos.passed("down")
        await asyncio.to_thread(chaos.until, lambda chaos: chaos.passed("down") > before + 10)
        assert told.states() == ["connecting", "connected"]
        chaos.stall()
        lost = await told.next(StateChanged, state="reconnecting")
        assert re.fullmatch(r"the server was silent for 0\.[0-9] s", lost.reason)
        chaos.drop()
        chaos.resume()
        await told.next(StateChanged, state="connected")
        assert (await client.ping(timeout=5)).type == "pong"


async def test_pauses_grow_and_are_shortened_at_random(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    async with connected(chaos.url, backoff_base=0.008, backoff_cap=0.064) as (_, told):
        chaos.refuse()
        chaos.drop()
        await told.next(StateChanged, attempt=12)
        pauses = [each for each in told.all if isinstance(each, StateChanged) and each.state == "reconnecting"]
        assert [each.attempt for each in pauses] == list(range(1, 13))
        assert all(0 <= each.delay <= min(0.064, 0.008 * 2 ** (each.attempt - 1)) for each in pauses)
        assert len({each.delay for each in pauses}) == 12
        assert "nothing answers at" in pauses[-1].reason
    assert Backoff(0.1, 20).upper_bound(10_000) == 20


async def test_a_server_that_greets_and_closes_is_asked_less_and_less_often() -> None:
    async def greet(connection: ServerConnection) -> None:
        await connection.send(json.dumps({"type": "info", "msg": "ping", "ts": NOW}))

    async with rogue(greet=greet) as url, connected(url, backoff_base=0.001, backoff_cap=10) as (_, told):
        await told.next(StateChanged, attempt=6, state="reconnecting")
        lost = [each.attempt for each in told.all if isinstance(each, StateChanged) and each.state == "reconnecting"]
        assert lost == [1, 2, 3, 4, 5, 6]


async def test_a_connection_that_lasted_has_the_pauses_begin_anew() -> None:
    async def hold(connection: ServerConnection) -> None:
        await asyncio.sleep(0.06)

    async with rogue(greet=hold) as url, connected(url, backoff_base=0.001, backoff_cap=0.05) as (_, told):
        for _ in range(3):
            assert (await told.next(StateChanged, state="reconnecting")).attempt == 1


AT_NOON = "Thu, 01 Jan 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("fields", "least"),
    [
        ({"Retry-After": "1"}, 1),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:07 GMT", "Date": AT_NOON}, 7),
        ({"Retry-After": AT_NOON}, 0),
        ({"Retry-After": "987654321"}, 300),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": "-5"}, 0),
        ({}, 0),
    ],
)
async def test_the_server_says_when_it_wants_to_be_asked_again(fields: dict[str, str], least: float) -> None:
    asked = 0

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        nonlocal asked
        asked += 1
        if asked == 1:
            return None
        response = connection.respond(503, "busy")
        for name, value in fields.items():
            response.headers.pop(name, None)
            response.headers[name] = value
        return response

    async def close(connection: ServerConnection) -> None:
        """Let it go at once."""

    async with rogue(greet=close, process_request=refuse) as url, connected(url) as (_, told):
        refused = await told.next(StateChanged, attempt=2)
        assert refused.reason.startswith("503")
        assert least <= refused.delay <= least + FAST["backoff_cap"]
        with pytest.raises(ProblemError) as refusal:
            await Client(url).connect()
        assert (refusal.value.retry_after or 0) >= least


async def test_what_goes_wrong_unexpectedly_while_it_reconnects_is_told_and_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, server: Server, proxy: Front
) -> None:
    chaos = proxy(server)
    opened = Bus.opened
    failures = iter([RuntimeError("oh"), None])

    def fail(self: Bus) -> None:
        if failure := next(failures):
            raise failure
        opened(self)

    async with connected(chaos.url) as (client, told):
        monkeypatch.setattr(Bus, "opened", fail)
        chaos.drop()
        await told.next(StateChanged, reason="RuntimeError: oh")
        await told.next(StateChanged, state="connected")
        assert (await client.ping(timeout=5)).type == "pong"
        await asyncio.to_thread(chaos.until, lambda chaos: chaos.open == 1)
    assert "failed unexpectedly" in caplog.text


# Giving up


async def test_timeouts_and_cancellation_at_every_wait_leave_nothing(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    create(server, "orders")

    async def given_up(*waits: Any) -> None:
        """Cancel each once it waits."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        for _ in range(3):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)

    async with connected(chaos.url) as (client, told):
        # A subscription outlives whoever waited for it.
        async with client.subscribe("orders") as subscription:
            await given_up(subscription.ready(), anext(subscription), client.publish("orders", 0), client.ping())
            await client.publish("orders", 1)
            assert (await take(subscription, 2))[-1] == 1
        await until(lambda: stats(server, "orders")["subscribers"] == 0)
        chaos.stall()
        subscription = client.subscribe("orders")
        await given_up(
            client.publish("orders", 2),
            client.topics.list(),
            subscription.ready(),
            anext(subscription),
        )
        await given_up(subscription.close())
        assert nothing_is_left(client) or list(client._bus._pending.values())[0].replies == {"Ack"}  # noqa: RUF015
        late = client.subscribe("orders", timeout=0.02)
        for wait in (
            client.publish("orders", 3, timeout=0.02),
            client.topics.list(timeout=0.02),
            late.ready(),
            anext(late),
        ):
            with pytest.raises(ReplyTimeout, match=r"no answer came within 0\.02 s"):
                await wait
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await client.ping()
        chaos.refuse()
        chaos.drop()
        await told.next(StateChanged, state="reconnecting")
        subscription = client.subscribe("orders")
        await given_up(client.publish("orders", 4), anext(subscription))
        await subscription.close()
        assert nothing_is_left(client)
        chaos.accept()
        chaos.resume()
        await told.next(StateChanged, state="connected")
        assert (await client.ping()).type == "pong"
        assert (stats(server, "orders")["subscribers"], 4 in retained(server, "orders")) == (0, False)

    # While it connects, and while it closes.
    chaos.stall()
    client = Client(chaos.url)
    await given_up(client.connect())
    assert client.state == "closed"
    connecting = asyncio.create_task(client.connect())
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(ClientClosed):
        await connecting
    chaos.resume()
    # At the very moment at which it is there.
    end = client.on_notice(lambda notice: connecting.cancel() if client.state == "connected" else None)
    connecting = asyncio.create_task(client.connect())
    await asyncio.wait([connecting])
    end()
    assert (connecting.cancelled(), client.state) == (True, "closed")
    await until(lambda: HTTP.get(f"{server.url}/health").json()["connections"] == 0)
    await client.connect()
    await client.ping()
    chaos.stall()
    await given_up(client.close())
    assert (client.state, nothing_is_left(client)) == ("closed", True)
    chaos.resume()
    await until(lambda: HTTP.get(f"{server.url}/health").json()["connections"] == 0)
    assert len(asyncio.all_tasks()) == 1


async def test_a_subscription_whose_answer_came_too_late_is_ended(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    create(server, "orders")
    async with connected(chaos.url) as (client, _):
        chaos.stall("down")
        with pytest.raises(ReplyTimeout):
            await client.subscribe("orders", timeout=0.05).ready()
        chaos.resume()
        await client.ping()
        assert stats(server, "orders")["subscribers"] == 0


async def test_a_hundred_reconnects_leave_nothing_behind(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    create(server, "orders")
    async with connected(chaos.url, backoff_base=0.001, backoff_cap=0.001) as (client, told):
        subscription = client.subscribe("orders")
        await subscription.ready()

        def count() -> tuple[int, int, int]:
            gc.collect()
            of_ours = [each for each in gc.get_objects() if type(each).__name__ in ("_Link", "_Pending", "_Started")]
            return len(asyncio.all_tasks()), len(of_ours), len(client._bus._pending)

        before = count()
        for n in range(100):
            chaos.drop("rst" if n % 2 else "fin")
            await told.next(Resubscribed)
            await client.publish("orders", n)
            assert await take(subscription, 1) == [n]
        told.all.clear()
        assert (await client.ping()).type == "pong"
        await until(lambda: count() == before)
        assert HTTP.get(f"{server.url}/health").json()["connections"] == 1


async def test_a_thousand_subscriptions_over_one_connection(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    names = [f"t{n}" for n in range(1000)]
    create(server, *names)
    async with connected(chaos.url) as (client, told):
        every = [client.subscribe(name) for name in names]
        await asyncio.gather(*(each.ready() for each in every))
        chaos.drop()
        for _ in names:
            await told.next(Resubscribed)
        await asyncio.gather(*(client.publish(name, name) for name in names))
        assert [await take(each, 1) for each in every] == [[name] for name in names]


# A server that does not keep to the document


@asynccontextmanager
async def rogue(
    answer: Callable[[ServerConnection, dict[str, Any]], Any] | None = None,
    greet: Callable[[ServerConnection], Any] | None = None,
    **options: Any,
) -> AsyncIterator[str]:
    """A server where `answer` is called with each frame, or `greet` with each connection before it closes; its URL."""

    async def talk(connection: ServerConnection) -> None:
        if answer is None:
            assert greet
            await greet(connection)
            return
        async for data in connection:
            frame = json.loads(data)
            if frame["type"] == "unsubscribe":
                await connection.send(json.dumps(ack(frame)))
            else:
                await answer(connection, frame)

    async with serve_websocket(talk, "127.0.0.1", 0, ping_interval=None, **options) as serving:
        port = next(iter(serving.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


NOW = "2026-01-01T00:00:00Z"


def ack(frame: dict[str, Any]) -> dict[str, Any]:
    return {"type": "ack", "request_id": frame["request_id"], "topic": frame["topic"], "status": "ok", "ts": NOW}


def event(payload: Any, **fields: Any) -> dict[str, Any]:
    return {
        "type": "event",
        "topic": "orders",
        "message": {"id": ID, "payload": payload},
        "offset": 1,
        "ts": NOW,
        **fields,
    }


async def test_what_is_not_in_the_document_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "ping":
                await connection.send(json.dumps({"type": "pong", "request_id": frame["request_id"], "ts": "noon"}))
            case "publish":
                await connection.send(json.dumps({"type": "pong", "request_id": frame["request_id"], "ts": NOW}))
            case "subscribe":
                await connection.send(json.dumps(ack(frame)))
                for text in (
                    "{",
                    "[]",
                    '{"type": "surprise"}',
                    '{"type": 7}',
                    b"\xff",
                    '{"type":"ack","request_id":[]}',
                ):
                    await connection.send(text, text=True)
                error = {"type": "error", "error": {"code": "INTERNAL", "message": "oh"}, "ts": NOW}
                await connection.send(json.dumps(error))
                for data in (
                    event(1),
                    event(2, ts="noon"),
                    dict(reversed(event(3).items())),  # its kind does not come first
                    dict(reversed(event(4, message=5).items())),
                ):
                    await connection.send(json.dumps(data))
                # In fragments, and with a key that is written with escapes.
                text = json.dumps(event("é" * 1000, topic="TOPIC"), ensure_ascii=False)
                text = text.replace('"TOPIC"', '"\\u006frders"')
                await connection.send([text[:100], text[100:500], text[500:]])

    async with rogue(answer) as url, connected(url) as (client, told):
        with pytest.raises(InvalidReply, match="ts"):
            await client.ping()
        with pytest.raises(InvalidReply, match="Pong is no answer to this command"):
            await client.publish("orders", 1)
        async with client.subscribe("orders") as subscription:
            assert await take(subscription, 1) == [1]
            with pytest.raises(InvalidReply, match="not what its document says"):
                await anext(subscription)
            assert await take(subscription, 1) == [3]  # it goes on
            with pytest.raises(InvalidReply):
                await anext(subscription)
            assert await take(subscription, 1) == ["é" * 1000]
        assert await told.next(Refused) == Refused("INTERNAL", "oh")
    said = [record.getMessage() for record in caplog.records if "specbus.client" in record.name]
    assert len([line for line in said if "cannot be read" in line]) == 2
    assert len([line for line in said if "not in the document" in line]) == 3


def refusal(frame: dict[str, Any] | None = None, **error: Any) -> str:
    """A refusal of `frame`, or of one that the server could not read."""
    repeated = {"request_id": frame["request_id"]} if frame else {}
    told = {"code": "BAD_REQUEST", "message": "it nests too deep", **error}
    return json.dumps({"type": "error", **repeated, "error": told, "ts": NOW})


async def test_a_refusal_that_can_be_of_one_command_only_ends_it_at_once() -> None:
    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        await connection.send(refusal())

    async with rogue(answer) as url, connected(url, timeout=60) as (client, told):
        async with asyncio.timeout(DEADLINE):
            for _ in range(2):
                with pytest.raises(ReplyError, match="it nests too deep"):
                    await client.publish("orders", 1)
            with pytest.raises(ReplyError, match="it nests too deep"):
                await client.subscribe("orders").ready()
        assert not [notice for notice in told.all if isinstance(notice, Refused)]


async def test_a_refusal_that_can_be_of_several_commands_ends_none() -> None:
    waiting: list[dict[str, Any]] = []

    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        waiting.append(frame)
        if len(waiting) == 2:
            await connection.send(refusal())
            for each in waiting:
                await connection.send(json.dumps(ack(each)))
            waiting.clear()

    async with rogue(answer) as url, connected(url) as (client, told):
        acks = await asyncio.gather(client.publish("orders", 1), client.publish("orders", 2))
        assert [each.status for each in acks] == ["ok", "ok"]
        assert await told.next(Refused) == Refused("BAD_REQUEST", "it nests too deep")
        # One of the two is no longer waited for, and the refusal may still be its own.
        with pytest.raises(ReplyTimeout):
            await client.publish("orders", 3, timeout=0)
        assert (await client.publish("orders", 4)).status == "ok"
        # Both are answered.
        waiting.append({"topic": "orders", "request_id": "nobody's"})
        with pytest.raises(ReplyError, match="it nests too deep"):
            await client.publish("orders", 5)


async def test_news_of_missing_events_refuses_nothing() -> None:
    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        await connection.send(refusal(code="SLOW_CONSUMER", dropped=1))
        await connection.send(json.dumps(ack(frame)))

    async with rogue(answer) as url, connected(url) as (client, _):
        assert (await client.publish("orders", 1)).status == "ok"


@pytest.mark.parametrize("code", [1003, 1007, 1008, 1009])
async def test_a_command_that_the_connection_was_closed_for_was_refused(code: int) -> None:
    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        await connection.close(code, "not that")

    async with rogue(answer) as url, connected(url) as (client, _):
        with pytest.raises(ReplyError, match=r"the frame was refused: .*not that") as refused:
            await client.publish("orders", 1)
        assert (refused.value.code, refused.value.request["topic"]) == (str(code), "orders")


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1011, 1012, 1013, 4000])
async def test_other_codes_say_nothing_of_what_was_carried_out(code: int) -> None:
    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        await connection.close(code)

    async with rogue(answer) as url, connected(url) as (client, _):
        with pytest.raises(UnknownOutcome):
            await client.publish("orders", 1)


async def test_of_several_commands_the_largest_was_too_big() -> None:
    asked = 0

    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            await connection.close(1009)

    async with rogue(answer) as url, connected(url) as (client, _):
        sent = [client.publish("orders", "x" * size) for size in (10, 1000, 100)]
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        assert [type(each) for each in outcomes] == [UnknownOutcome, ReplyError, UnknownOutcome]


async def test_a_subscription_that_costs_the_connection_is_not_tried_again() -> None:
    asked = 0

    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            await connection.send(json.dumps(ack(frame)))
            await connection.close(1001)
        else:
            await connection.close(1009)

    async with rogue(answer) as url, connected(url) as (client, told):
        subscription = client.subscribe("orders", retry=True)
        with pytest.raises(ReplyError, match="too big"):
            await take(subscription, 1)
        assert (await told.next(ResubscribeRefused)).delay is None
        assert asked == 2


async def test_a_subscription_that_is_not_answered_after_a_reconnect_is_tried_on_another() -> None:
    asked: list[Any] = []

    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        asked.append(frame.get("last_n"))
        if len(asked) != 2:
            await connection.send(json.dumps(ack(frame)))
            await connection.send(json.dumps(event(len(asked))))
        if len(asked) == 1:
            await connection.close(1001, "for a while")

    async with rogue(answer) as url, connected(url, timeout=0.2) as (client, told):
        subscription = client.subscribe("orders", last_n=5)
        await told.next(StateChanged, reason="the server closed it with 1001, for a while")
        await told.next(StateChanged, reason="a subscription was not answered")
        await told.next(Resubscribed)
        assert await take(subscription, 2) == [1, 3]
        assert asked == [5, None, None]


async def test_a_server_that_breaks_the_protocol_or_floods_is_survived() -> None:
    done: list[str] = []

    async def answer(connection: ServerConnection, frame: dict[str, Any]) -> None:
        if not done:
            done.append("broken")
            connection.transport.write(b"\xff\xff\xff")  # no frame at all
            return
        flood = [json.dumps(event(n)) for n in range(2000)]
        await connection.send(json.dumps(ack(frame)))
        for text in flood:
            await connection.send(text)

    async with rogue(answer) as url, connected(url) as (client, told):
        subscription = client.subscribe("orders")
        lost = await told.next(StateChanged, state="reconnecting")
        assert lost.reason == "invalid opcode"
        # What is left of the flood is of no interest to who closes.
        assert await take(subscription, 10) == list(range(10))


# For scripts


def test_the_synchronous_face(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    told: list[Notice] = []
    with SyncClient(chaos.url, client_id="script", **FAST) as client:
        client.on_notice(told.append)
        assert (client.client_id, client.state) == ("script", "connected")
        assert client.topics.create("orders").topic == "orders"
        client.publish("orders", 0)
        with client.subscribe("orders", last_n=1) as subscription:
            subscription.ready()
            client.publish("orders", {"n": RawJson("1.50")}, id=UUID(ID))
            assert [subscription.get(timeout=5).message.payload, next(subscription).message.payload] == [0, {"n": 1.5}]
            with pytest.raises(TimeoutError):
                subscription.get(timeout=0.01)
            chaos.drop()
            while client.state == "connected":
                time.sleep(0.001)
            client.publish("orders", 2)
            for event in subscription:
                assert event.message.payload == 2
                break
        raw = client.subscribe("orders", raw=True, last_n=1)
        assert json.loads(next(raw))["message"]["payload"] == 2
        client.topics.delete("orders")
        with pytest.raises(SubscriptionEnded):
            next(raw)
        assert list(raw) == []
        with pytest.raises(ReplyError):
            client.subscribe("orders").ready()
        with pytest.raises(ReplyError):
            client.publish("orders", 1)
        assert any(isinstance(notice, Resubscribed) for notice in told)
    with pytest.raises(ClientClosed):
        client.ping()
    client.close()
    chaos.refuse()
    with pytest.raises(ConnectError), SyncClient(chaos.url):
        pass
    # Requests alone need no connection.
    alone = SyncClient(server.url)
    assert alone.topics.list().topics == []
    alone.close()
    with pytest.raises(ValueError, match="must begin with"):
        SyncClient("ftp://127.0.0.1")


def test_a_script_with_threads_waits_for_nothing_that_cannot_come(server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    create(server, "orders")
    failures: list[BaseException] = []

    def call(work: Callable[[], Any]) -> None:
        try:
            work()
        except ClientError as error:
            failures.append(error)

    client = SyncClient(chaos.url, **FAST)
    client.on_notice(lambda _: call(client.ping))
    client.connect()
    assert {str(each).partition(":")[0] for each in failures} == {"a callback for notices cannot call the client"}
    subscription = client.subscribe("orders")
    subscription.ready()
    chaos.stall("down")
    works: list[Callable[[], Any]] = [lambda: client.messages.publish("orders", 1), lambda: list(subscription)]
    threads = [threading.Thread(target=call, args=[work], daemon=True) for work in works]
    for thread in threads:
        thread.start()
    while stats(server, "orders")["messages"] == 0:
        time.sleep(0.001)
    failures.clear()
    client.close()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()
    assert len([each for each in failures if isinstance(each, UnknownOutcome)]) == 1
    subscription.close()


def test_a_script_can_be_interrupted(server: Server) -> None:
    create(server, "orders")
    script = (
        "import sys; from specbus_client import SyncClient\n"
        "with SyncClient(sys.argv[1]) as client:\n"
        "    subscription = client.subscribe('orders'); subscription.ready(); print('ready', flush=True)\n"
        "    for event in subscription: pass\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, server.url],
        env={"PYTHONPATH": str(PYTHON_SDK)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(2)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    assert HTTP.get(f"{server.url}/health").json()["connections"] == 0
