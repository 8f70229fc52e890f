"""The TypeScript SDK against real servers, in Node and in Chromium."""

import gzip
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from playwright.sync_api import Route
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_websocket

from specbus.sdk import contract
from specbus.sdk.typescript import ToolchainError, generate, toolchain
from specbus.spec.bundle import bundle
from tests.support import sample_server
from tests.support.chaos import Chaos
from tests.support.documents import SPECS, TYPESCRIPT_SDK, changed_specs, copied_specs, edit
from tests.support.http import publish, stats
from tests.support.server import Server, create

RUNNER = Path(__file__).with_name("sdk_runner.mjs")
LARGEST = 8_000
"""Bytes of the compiled client, compressed."""

Front = Callable[[Server], Chaos]


class Js(Protocol):
    """Runs JavaScript beside an SDK, which it has as `sdk`; what is put on `globalThis` stays."""

    def __call__(self, code: str, **args: Any) -> Any: ...


class Node:
    """A Node process."""

    def __init__(self, environment: dict[str, str], package: Path) -> None:
        index = package / "dist" / "index.js"
        self._process = subprocess.Popen(
            ["node", RUNNER, index], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, code: str, **args: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"code": code, "args": args}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process ended"
        return told(json.loads(line))

    def end(self) -> int:
        """Tell it that no more comes, and return its status once it has ended by itself: nothing may hold it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            return self._process.wait(20)
        finally:
            self._process.kill()
            self._process.stdout.close()
            self._process.wait()


def told(answer: dict[str, Any]) -> Any:
    """The value of the runner's answer."""
    assert "error" not in answer, answer["error"]
    return answer.get("value")


@pytest.fixture
def node(node_environment: dict[str, str]) -> Iterator[Callable[..., Node]]:
    """Start Node processes with our own SDK, or that of another folder. At the end each must end by itself."""
    nodes: list[Node] = []

    def start(package: Path = TYPESCRIPT_SDK) -> Node:
        nodes.append(Node(node_environment, package))
        return nodes[-1]

    yield start
    assert [each.end() for each in nodes] == [0] * len(nodes)


@pytest.fixture(params=["node", pytest.param("chromium", marks=pytest.mark.slow)])
def platform(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Js]]:
    """Start something that runs JavaScript, in the origin of a URL where it has one."""
    if request.param == "node":
        start = request.getfixturevalue("node")
        yield lambda url: start()
        return
    context = request.getfixturevalue("browser").new_context(bypass_csp=True)

    def open_(url: str) -> Js:
        page = context.new_page()

        def serve(route: Route) -> None:
            name = route.request.url.rpartition("/")[2]
            file = RUNNER if name == RUNNER.name else TYPESCRIPT_SDK / "dist" / name
            route.fulfill(body=file.read_text(), content_type="text/javascript")

        page.route("**/sdk/*", serve)
        page.goto(f"{url}/health")  # a page of the server's own: one that is made up may not talk to this machine
        script = """async ({ code, args }) => {
            const { run } = await import("/sdk/sdk_runner.mjs");
            return run(await import("/sdk/index.js"), code, args);
        }"""
        return lambda code, **args: told(page.evaluate(script, {"code": code, "args": args}))

    yield open_
    context.close()


def connected(js: Js, url: str, **options: Any) -> None:
    """Connect a client, `client` from now on, with short pauses."""
    js(
        """
        globalThis.client = new sdk.Client(args.url, { backoffBase: 10, backoffCap: 100, ...args.options });
        globalThis.states = [];
        client.on("state", ({ state }) => states.push(state));
        await client.connect();
        """,
        url=url,
        options=options,
    )


# What it does


def test_commands_requests_and_events(server: Server, platform: Callable[[str], Js]) -> None:
    js = platform(server.url)
    connected(js, server.url, clientId="me")
    found = js(
        """
        const created = await client.topics.create("orders");
        const first = await client.publish("orders", { n: 1 }, { id: "550e8400-e29b-41d4-a716-446655440000" });
        const subscription = client.subscribe("orders", { lastN: 5 });
        await subscription.ready();
        await Promise.all([2, null, "three"].map((payload) => client.publish("orders", payload)));
        await client.messages.publish("orders", 4);
        const events = await take(subscription, 5);
        const { subscribers } = await client.topics.get("orders");
        await subscription.close();
        const { events: retained } = await client.messages.get("orders", { lastN: 1 });
        return {
            created, first, events, subscribers, retained,
            after: (await client.topics.list()).topics,
            pong: await client.ping(),
            done: await subscription.next(),
            deleted: await client.topics.delete("orders"),
            health: (await client.service.health()).connections,
            states,
        };
        """
    )
    assert found["created"] == {"status": "created", "topic": "orders"}
    assert (found["first"]["type"], found["first"]["topic"]) == ("ack", "orders")
    assert [event["message"]["payload"] for event in found["events"]] == [{"n": 1}, 2, None, "three", 4]
    assert found["events"][0]["message"]["id"] == "550e8400-e29b-41d4-a716-446655440000"
    assert len({event["message"]["id"] for event in found["events"]}) == 5
    assert found["subscribers"] == 1
    assert found["after"] == [{"name": "orders", "subscribers": 0}]
    assert found["retained"] == found["events"][-1:]
    assert found["pong"]["type"] == "pong"
    assert (found["done"].get("value"), found["done"]["done"]) == (None, True)
    assert found["deleted"]["status"] == "deleted"
    assert found["health"] == 1
    assert js("await client.close(); return [client.state, ...states]") == [
        "closed",
        "connecting",
        "connected",
        "closed",
    ]
    assert js("return warnings") == []


def test_errors_are_typed(server: Server, platform: Callable[[str], Js]) -> None:
    js = platform(server.url)
    early = js("return failure(new sdk.Client(args.url).publish('orders', 1))", url=server.url)
    assert early["name"] == "ClosedError"
    connected(js, server.url)
    create(server, "orders")
    reply = js("return failure(client.publish('nowhere', 1))")
    assert (reply["name"], reply["code"]) == ("ReplyError", "TOPIC_NOT_FOUND")
    assert reply["message"] == 'there is no topic "nowhere"'
    assert reply["request"]["topic"] == "nowhere"
    assert reply["reply"]["request_id"] == reply["request"]["request_id"]
    problem = js("return failure(client.topics.create('orders'))")
    assert problem["name"] == "ProblemError"
    assert (problem["status"], problem["type"]) == (409, "urn:specbus:problem:topic-exists")
    assert problem["detail"] == problem["message"] == 'the topic "orders" exists'
    assert js("return failure(client.topics.get('no such/topic'))")["status"] in (400, 404)
    refused = """
    const s = client.subscribe("nowhere", { retry: args.retry });
    return [await failure(s.ready()), await failure(s.next())];
    """
    for retry in (False, True):
        found = js(refused, retry=retry)
        assert [(each["name"], each["code"]) for each in found] == [("ReplyError", "TOPIC_NOT_FOUND")] * 2
    twice = """
    client.subscribe("orders");
    try { client.subscribe("orders") } catch (error) { return error.name + ": " + error.message }
    """
    assert js(twice) == 'AlreadySubscribedError: this client is subscribed to "orders" already'
    assert js(
        "return [sdk.ReplyError, sdk.TimeoutError, sdk.ProblemError].every(c => c.prototype instanceof sdk.ClientError)"
    )
    js("await client.close()")
    assert js("return failure(client.ping())")["name"] == "ClosedError"


def test_an_argument_that_leads_to_another_resource_is_not_sent(server: Server, platform: Callable[[str], Js]) -> None:
    create(server, "orders")
    told = platform(server.url)(
        """
        const asked = [];
        const fetch = (url) => { asked.push(url); return Promise.resolve(new Response("{}")); };
        const client = new sdk.Client(args.url, { fetch });
        const said = [];
        for (const name of [".", "..", ""]) {
          said.push(await client.topics.delete(name).catch(String));
          said.push(await client.topics.get(name).catch(String));
          said.push(await client.messages.get(name).catch(String));
        }
        for (const name of ["...", "%2e%2e", "a/..", "{name}"]) await client.topics.delete(name);
        const rest = new client._rest.constructor({ url: args.url, fetch, timeout: 1000, clientId: "me" });
        for (const template of ["/{a}{b}/x", "/.{a}/x", "/%2E{a}"])
          said.push(await rest.request("GET", template, { path: { a: ".", b: "." } }).catch((error) => error.name));
        return { said, asked };
        """,
        url=server.url,
    )
    line = "TypeError: name must not be {}: in a path, that leads to another resource"
    assert told["said"] == [
        *(line.format(json.dumps(name)) for name in (".", "..", "") for _ in range(3)),
        *["TypeError"] * 3,
    ]
    assert told["asked"] == [f"{server.url}/topics/{name}" for name in ("...", "%252e%252e", "a%2F..", "%7Bname%7D")]


def test_nobody_answers(node: Callable[..., Node], server: Server, proxy: Front) -> None:
    js, chaos = node(), proxy(server)
    chaos.refuse()
    found = js("globalThis.client = new sdk.Client(args.url); return failure(client.connect())", url=chaos.url)
    assert found["name"] == "ConnectError"
    assert found["message"].startswith(f"cannot connect to {chaos.ws_url}: ")
    assert js("return client.state") == "closed"
    found = js("return failure(client.service.health())")
    assert found["name"] == "ConnectError"
    assert "ECONNREFUSED" in found["message"]
    chaos.accept()
    chaos.stall()
    assert (
        "no answer in 50 ms"
        in js("return failure(new sdk.Client(args.url, { timeout: 50 }).connect())", url=chaos.url)["message"]
    )
    found = js("return failure(client.service.health({ timeout: 50 }))")
    assert (found["name"], found["message"]) == ("TimeoutError", "no answer in 50 ms")
    assert js("return failure((async () => new sdk.Client('127.0.0.1:8080'))())")["message"].startswith("the URL must")
    without = "globalThis.WebSocket = undefined; return failure((async () => new sdk.Client('http://x'))())"
    assert "Node 22" in js(without)["message"]


def test_the_key_goes_where_it_can(serve: Callable[..., Server], platform: Callable[[str], Js]) -> None:
    server = serve(api_key="secret")
    js = platform(server.url)
    script = "globalThis.client = new sdk.Client(args.url, { apiKey: args.key }); return failure(client.connect())"
    if isinstance(js, Node):
        assert js(script, url=server.url, key="secret")["name"] == "none"
        assert js("return (await client.ping()).type") == "pong"
        js("await client.close()")
    else:
        assert js(script, url=server.url, key="secret")["message"].endswith("cannot send X-API-Key")
    assert js("return (await client.topics.list()).topics") == []
    assert js(script, url=server.url, key="wrong")["name"] == "ConnectError"
    assert js("return failure(client.topics.list())")["status"] == 401


def test_a_websocket_class_and_a_fetch_can_be_passed_in(server: Server, node: Callable[..., Node]) -> None:
    js = node()
    found = js(
        """
        const used = [];
        class Own extends WebSocket {
            constructor(url, ...more) {
                super(url, ...more);
                used.push([url, ...more]);
            }
        }
        const call = (url, options) => { used.push([url, options.method]); return fetch(url, options) };
        const client = new sdk.Client(args.url + "/", { WebSocket: Own, fetch: call });
        await client.connect();
        await client.ping();
        await client.topics.list();
        await client.close();
        return used;
        """,
        url=server.url,
    )
    assert found == [[server.ws_url], [f"{server.url}/topics", "GET"]]


def test_numbers_keep_their_digits_in_raw_text(server: Server, platform: Callable[[str], Js]) -> None:
    js = platform(server.url)
    connected(js, server.url)
    create(server, "orders")
    found = js(
        """
        const subscription = client.subscribe("orders", { raw: true });
        await subscription.ready();
        await client.publish("orders", { amount: JSON.rawJSON("99.50"), large: JSON.rawJSON("1e400") });
        const [text] = await take(subscription, 1);
        await client.close();
        return text;
        """
    )
    assert '"payload":{"amount":99.50,"large":1e400}' in found


def test_callbacks(server: Server, platform: Callable[[str], Js]) -> None:
    js = platform(server.url)
    connected(js, server.url)
    create(server, "orders")
    js(
        """
        globalThis.got = [];
        globalThis.subscription = client.subscribe("orders");
        await subscription.ready();
        await client.publish("orders", 1);
        await client.publish("orders", 2);
        globalThis.off = subscription.on("event", (event) => got.push(event.message.payload));
        await client.publish("orders", 3);
        globalThis.ended = new Promise((resolve) => subscription.on("end", resolve));
        """
    )
    assert httpx.delete(f"{server.url}/topics/orders").status_code == 200
    found = js("const e = await ended; return [e.name, e.key, e.frame.msg, got, warnings, subscription.dropped]")
    assert found == ["SubscriptionEnded", "orders", "topic_deleted", [1, 2, 3], [], {"server": 0, "client": 0}]
    js("await client.close()")


def test_a_deleted_topic_ends_the_loop_after_what_came_before(server: Server, platform: Callable[[str], Js]) -> None:
    js = platform(server.url)
    connected(js, server.url)
    create(server, "orders")
    js(
        """
        globalThis.subscription = client.subscribe("orders");
        await subscription.ready();
        for (const n of [1, 2, 3]) await client.publish("orders", n);
        """
    )
    assert httpx.delete(f"{server.url}/topics/orders").status_code == 200
    found = js(
        """
        const got = [];
        try {
            for await (const event of subscription) got.push(event.message.payload);
        } catch (error) {
            return [error.name, got, await subscription.next()];
        }
        """
    )
    assert found[:2] == ["SubscriptionEnded", [1, 2, 3]]
    create(server, "orders")
    # A new one of the same name is another.
    again = (
        "const s = client.subscribe('orders'); await s.ready(); await client.publish('orders', 4); return take(s, 1)"
    )
    assert js(again)[0]["message"]["payload"] == 4
    js("await client.close()")


def test_leaving_the_loop_unsubscribes(server: Server, platform: Callable[[str], Js]) -> None:
    js = platform(server.url)
    connected(js, server.url)
    create(server, "orders")
    js(
        """
        const subscription = client.subscribe("orders");
        await subscription.ready();
        await client.publish("orders", 1);
        for await (const event of subscription) break;
        """
    )
    assert stats(server, "orders")["subscribers"] == 0
    js("await client.close()")


# Queues


def test_a_full_queue_drops_the_oldest_and_tells(server: Server, platform: Callable[[str], Js]) -> None:
    js = platform(server.url)
    connected(js, server.url)
    create(server, "orders")
    found = js(
        """
        let told = 0;
        client.on("dropped", ({ key, count, by }) => { if (key === "orders" && by === "client") told += count });
        const subscription = client.subscribe("orders", { queueSize: 10 });
        for (let n = 0; n < 2000; n++) client.publish("orders", n);
        await client.ping();
        await client.publish("orders", 2000);
        await notice(client, "dropped");
        const events = await take(subscription, 10);
        // A reply can be waited for inside the loop.
        await client.publish("orders", 2001);
        const [last] = await take(subscription, 1);
        await client.close();
        return [told, subscription.dropped, events.map(e => e.message.payload), last.message.payload];
        """
    )
    assert found == [1991, {"client": 1991, "server": 0}, list(range(1991, 2001)), 2001]


def test_what_the_server_dropped_is_told(serve: Callable[..., Server], node: Callable[..., Node], proxy: Front) -> None:
    server = serve(max_queue_size=5)
    chaos = proxy(server)
    js = node()
    connected(js, chaos.url)
    create(server, "flood")
    js(
        """
        globalThis.told = 0;
        client.on("dropped", ({ count, by }) => { if (by === "server") told += count });
        globalThis.subscription = client.subscribe("flood");
        await subscription.ready();
        """
    )
    chaos.stall("down")
    total = 0
    while stats(server, "flood")["dropped"] == 0:
        publish(server, "flood", {"n": total, "padding": "x" * 500_000})
        total += 1
    publish(server, "flood", {"n": total, "last": True})
    total += 1
    chaos.resume()
    found = js(
        """
        const numbers = [];
        for await (const { message: { payload } } of subscription) {
            numbers.push(payload.n);
            if (payload.last) break;
        }
        await client.close();
        return [numbers, told, subscription.dropped];
        """
    )
    numbers, lost, dropped = found
    assert numbers == sorted(set(numbers))
    assert lost == dropped["server"] == stats(server, "flood")["dropped"] > 0
    assert len(numbers) + lost == total


# When the line breaks


def test_a_restarted_server_is_found_again(
    serve: Callable[..., Server], platform: Callable[[str], Js], proxy: Front
) -> None:
    server = serve()
    chaos = proxy(server)
    js = platform(chaos.url)
    connected(js, chaos.url)
    create(server, "orders", "others")
    js(
        """
        globalThis.subscription = client.subscribe("orders", { lastN: 10, retry: true });
        globalThis.forgotten = client.subscribe("others");
        globalThis.refused = [];
        client.on("refused", ({ key }) => refused.push(key));
        await subscription.ready();
        await forgotten.ready();
        await client.publish("orders", 1);
        globalThis.back = notice(client, "resubscribed", ({ key }) => key === "orders");
        globalThis.trying = notice(client, "refused");
        """
    )
    successor = serve()
    chaos.target(successor.port)
    chaos.drop()
    # It has forgotten its topics: the subscription that asked for it tries again, the other one ends.
    assert js("return (await trying).key") == "orders"
    ended = js("return failure(forgotten.next())")
    assert (ended["name"], ended["code"]) == ("ReplyError", "TOPIC_NOT_FOUND")
    create(successor, "orders")
    assert js(
        """
        await back;
        await client.publish("orders", 2);
        return (await take(subscription, 2)).map((event) => event.message.payload);
        """
    ) == [1, 2]
    assert js("return [...new Set(refused)]") == ["orders"]
    assert js("return states.slice(0, 2).concat(states.at(-1))") == ["connecting", "connected", "connected"]
    assert "reconnecting" in js("return states")
    assert js("await client.close(); return warnings") == []


def test_nothing_is_silent_without_callbacks(
    serve: Callable[..., Server], node: Callable[..., Node], proxy: Front
) -> None:
    server = serve()
    chaos = proxy(server)
    js = node()
    create(server, "orders", "deleted")
    js(
        """
        globalThis.client = new sdk.Client(args.url, { backoffBase: 1 });
        await client.connect();
        globalThis.subscription = client.subscribe("orders", { queueSize: 1 });
        const deleted = client.subscribe("deleted");
        await client.topics.delete("deleted");
        await client.publish("orders", 1);
        await client.publish("orders", 2);
        while (!subscription.dropped.client) await client.ping(); // an event may come after the answer to its publisher
        """,
        url=chaos.url,
    )
    chaos.drop()
    chaos.until(lambda chaos: chaos.accepted >= 3)  # two sockets, one of them again, and requests
    found = js("await client.publish('orders', 3); await client.close(); return warnings")
    said = "\n".join(re.sub("[0-9]+ ms", "N ms", line) for line in found)
    assert 'specbus-client: the subscription to "deleted" ended: the server ended the subscription' in said
    assert "attempt 1 to reconnect in N ms" in said
    assert 'resubscribed to "orders"; events published in between may be missed' in said
    assert 'events of "orders" were dropped by the client' in said


def test_an_answer_that_was_due_when_the_line_broke_is_unknown_and_not_asked_for_again(
    server: Server, platform: Callable[[str], Js], proxy: Front
) -> None:
    chaos = proxy(server)
    js = platform(chaos.url)
    connected(js, chaos.url)
    create(server, "orders")
    chaos.stall("down")
    js("globalThis.outcome = failure(client.publish('orders', 1))")
    while stats(server, "orders")["messages"] == 0:
        pass
    chaos.drop()
    chaos.resume()
    found = js("return outcome")
    assert found["name"] == "UnknownOutcomeError"
    assert found["request"]["message"]["payload"] == 1
    assert js("await client.publish('orders', 2); await client.close(); return states.at(-2)") == "connected"
    assert stats(server, "orders")["messages"] == 2


def test_commands_wait_for_the_connection_until_their_timeout(
    server: Server, platform: Callable[[str], Js], proxy: Front
) -> None:
    chaos = proxy(server)
    js = platform(chaos.url)
    connected(js, chaos.url)
    create(server, "orders")
    chaos.refuse()
    chaos.drop()
    found = js("await inState(client, 'reconnecting'); return failure(client.publish('orders', 0, { timeout: 20 }))")
    assert (found["name"], found["sent"]) == ("TimeoutError", False)
    js("globalThis.waiting = [1, 2, 3].map((n) => client.publish('orders', n))")
    chaos.accept()
    js("await Promise.all(waiting); await client.close()")
    assert [e["message"]["payload"] for e in retained(server, "orders")] == [1, 2, 3]


def test_a_first_subscription_is_not_waited_for_for_ever(
    server: Server, platform: Callable[[str], Js], proxy: Front
) -> None:
    chaos = proxy(server)
    js = platform(chaos.url)
    connected(js, chaos.url)
    create(server, "orders")
    chaos.stall("down")
    js("globalThis.ready = failure(client.subscribe('orders', { timeout: 500 }).ready())")
    while not stats(server, "orders")["subscribers"]:
        pass
    chaos.refuse()
    chaos.drop()
    found = js("return ready")
    assert (found["name"], found["message"], found["sent"]) == ("TimeoutError", "no answer in 500 ms", True)
    chaos.accept()
    chaos.resume()
    # The answer comes too late: what the server may have begun by then, it is told to stop.
    js("await inState(client, 'connected'); await client.ping()")
    chaos.stall("down")
    assert js("return failure(client.subscribe('orders', { timeout: 50 }).ready())")["name"] == "TimeoutError"
    chaos.resume()
    js("await client.ping()")
    assert stats(server, "orders")["subscribers"] == 0
    js("await client.close()")


def test_a_subscription_that_waits_for_the_connection_ends_with_the_client(
    server: Server, node: Callable[..., Node], proxy: Front
) -> None:
    chaos = proxy(server)
    js = node()
    connected(js, chaos.url)
    chaos.refuse()
    chaos.drop()
    found = js(
        """
        await inState(client, "reconnecting");
        const subscription = client.subscribe("orders");
        await client.close();
        return [warnings, (await subscription.next()).done, (await failure(subscription.ready())).name];
        """
    )
    assert found == [[], True, "ClosedError"]


def test_a_client_can_be_closed_by_who_is_told_that_it_is_open(server: Server, node: Callable[..., Node]) -> None:
    js = node()
    found = js(
        """
        const client = new sdk.Client(args.url);
        let closed;
        client.on("state", ({ state }) => state === "connected" && (closed = client.close()));
        await client.connect();
        await closed;
        return [client.state, process.getActiveResourcesInfo().filter((name) => name === "Timeout")];
        """,
        url=server.url,
    )
    assert found == ["closed", []]


def test_news_of_missing_events_answers_nothing(node: Callable[..., Node]) -> None:
    # Where replies come in order, an error may be that of the oldest command.
    found = node()(
        """
        const { Bus } = await import(args.bus);
        class Socket {
            constructor() { queueMicrotask(() => this.onopen()) }
            send(text) {
                for (const data of answers[JSON.parse(text).op]) queueMicrotask(() => this.onmessage({ data }));
            }
            close() { this.onclose?.({}) }
        }
        const answers = {
            follow: ['{"op": "following"}'],
            add: ['{"op": "failed", "why": "slow", "item": "x"}', '{"op": "added"}'],
        };
        const bus = new Bus(
            {
                name: "test",
                address: "/",
                kinds: ["following", "added", "failed"].map((op) => ({ name: op, constants: { op }, required: [] })),
                refusals: { failed: { code: ["why"] } },
            },
            { url: "ws://test/", headers: {}, WebSocket: Socket, timeout: 1000, silence: 0 },
        );
        const dropped = { kind: "failed", where: [[["why"], "slow"]] };
        const stream = { key: "item", event: "event", replies: ["following"], once: [], dropped };
        await bus.connection.connect();
        const subscription = bus.subscribe(stream, { op: "follow", item: "x" }, undefined, [], {});
        await subscription.ready();
        const added = await bus.request({ op: "add" }, ["added"]);
        await bus.connection.close();
        return [added, subscription.dropped];
        """,
        bus=(TYPESCRIPT_SDK / "dist" / "bus.js").as_uri(),
    )
    assert found == [{"op": "added"}, {"server": 1, "client": 0}]


def retained(server: Server, topic: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{server.url}/topics/{topic}/messages").json()["events"]
    return found


@pytest.mark.parametrize("how", ["fin", "rst", "cut", "half-close"])
def test_what_comes_back_is_in_order_and_misses_only_what_was_sent_meanwhile(
    how: str, server: Server, node: Callable[..., Node], proxy: Front
) -> None:
    chaos = proxy(server)
    js = node()
    connected(js, chaos.url, timeout=2000)
    create(server, "orders")
    js(
        """
        globalThis.subscription = client.subscribe("orders");
        await subscription.ready();
        globalThis.back = notice(client, "resubscribed");
        """
    )
    for n in range(20):
        publish(server, "orders", n)
    js("globalThis.before = (await take(subscription, 20)).map((event) => event.message.payload)")
    if how == "cut":
        chaos.cut("down", 40)
    elif how == "half-close":
        chaos.half_close("client")
    else:
        chaos.drop("rst" if how == "rst" else "fin")
    publish(server, "orders", 20)
    js("await back")
    for n in range(21, 40):
        publish(server, "orders", n)
    found = js("return before.concat((await take(subscription, 19)).map((event) => event.message.payload))")
    js("await client.close()")
    assert [n for n in found if n != 20][:20] == list(range(20))
    after = found[20:]
    assert after == list(range(after[0], after[0] + 19))
    assert after[0] in (20, 21)


def test_a_silent_server_is_noticed(serve: Callable[..., Server], platform: Callable[[str], Js], proxy: Front) -> None:
    server = serve(heartbeat_interval=0)
    chaos = proxy(server)
    js = platform(chaos.url)
    connected(js, chaos.url, silence=100, timeout=300)
    # Silent because nothing happens: the probes are answered, and all stays as it is.
    before = chaos.passed("up")
    chaos.until(lambda chaos: chaos.passed("up") > before + 80)
    assert js("return states") == ["connecting", "connected"]
    js("globalThis.lost = notice(client, 'state', ({ state }) => state === 'reconnecting')")
    chaos.stall()
    assert js("return (await lost).reason") == "the server was silent for 100 ms and did not answer"
    chaos.drop()
    chaos.resume()
    js("await inState(client, 'connected'); await client.ping(); await client.close()")


def test_pauses_grow_and_are_shortened_at_random(node: Callable[..., Node], server: Server, proxy: Front) -> None:
    chaos = proxy(server)
    js = node()
    connected(js, chaos.url, backoffBase=8, backoffCap=64)
    js(
        """
        globalThis.delays = [];
        globalThis.enough = notice(client, "state", ({ state, attempt, delay }) => {
            if (state === "reconnecting") delays.push([attempt, delay]);
            return attempt === 12;
        });
        """
    )
    chaos.refuse()
    chaos.drop()
    delays = js("await enough; return delays")
    assert [attempt for attempt, _ in delays] == list(range(1, 13))
    assert all(0 <= delay <= min(64, 8 * 2 ** (attempt - 1)) for attempt, delay in delays)
    assert len({delay for _, delay in delays}) == 12
    js("await client.close()")


# A server that goes its own way


@contextmanager
def rogue(
    talk: Callable[[ServerConnection], None],
    refuse: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> Iterator[str]:
    """A server where `talk` is called with each connection, which is then closed, unless `refuse` does; its URL."""

    def gone(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            talk(connection)

    with serve_websocket(gone, "127.0.0.1", 0, process_request=refuse) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.socket.getsockname()[1]}"
        finally:
            serving.shutdown()
            thread.join()


NOW = "2026-01-01T00:00:00Z"
ASKED = """
globalThis.client = new sdk.Client(args.url, { timeout: 60000, backoffBase: 1, backoffCap: 50, ...args.options });
globalThis.delays = [];
client.on("state", ({ state, attempt, delay }) => state === "reconnecting" && delays.push([attempt, delay]));
await client.connect();
"""


def ack(frame: dict[str, Any]) -> str:
    return json.dumps({"type": "ack", "request_id": frame["request_id"], "status": "ok", "ts": NOW})


def refusal(code: str = "BAD_REQUEST", **fields: Any) -> str:
    """A refusal of a frame that the server could not read."""
    error = {"code": code, "message": "it nests too deep"}
    return json.dumps({"type": "error", "error": error, "ts": NOW, **fields})


def test_a_server_that_greets_and_closes_is_asked_less_and_less_often(node: Callable[..., Node]) -> None:
    def greet(connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "info", "msg": "ping", "ts": NOW}))

    with rogue(greet) as url:
        js = node()
        js(ASKED, url=url, options={"backoffCap": 10_000})
        js("while (delays.length < 6) await notice(client, 'state'); await client.close()")
        assert [attempt for attempt, _ in js("return delays")][:6] == [1, 2, 3, 4, 5, 6]


def test_a_connection_that_lasted_has_the_pauses_begin_anew(node: Callable[..., Node]) -> None:
    with rogue(lambda _: time.sleep(0.06)) as url:
        js = node()
        js(ASKED, url=url)
        js("while (delays.length < 3) await notice(client, 'state'); await client.close()")
        assert {attempt for attempt, _ in js("return delays")} == {1}


@pytest.mark.parametrize(
    ("fields", "least"),
    [
        ({"Retry-After": "1"}, 1_000),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:07 GMT", "Date": "Thu, 01 Jan 2026 12:00:00 GMT"}, 7_000),
        ({"Retry-After": "987654321"}, 300_000),
        ({"Retry-After": "soon"}, 0),
        ({}, 0),
    ],
)
def test_the_server_says_when_it_wants_to_be_asked_again(
    node: Callable[..., Node], fields: dict[str, str], least: int
) -> None:
    asked: list[Request] = []

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        asked.append(request)
        if len(asked) == 1:
            return None
        response = connection.respond(503, "busy")
        for name, value in fields.items():
            response.headers.pop(name, None)
            response.headers[name] = value
        return response

    with rogue(lambda _: None, refuse) as url:
        js = node()
        js(ASKED, url=url)
        js("while (delays.length < 2) await notice(client, 'state'); await client.close()")
        delay = js("return delays[1][1]")
        assert least <= delay <= least + 50
        refused = js("return failure(new sdk.Client(args.url).topics.list())", url=url)
        assert (refused["name"], refused["retryAfter"]) == ("ProblemError", least)


def test_a_clock_that_is_set_does_not_matter(
    serve: Callable[..., Server], node: Callable[..., Node], proxy: Front
) -> None:
    chaos = proxy(serve(heartbeat_interval=0))
    js = node()
    connected(js, chaos.url, silence=100, timeout=200)
    js("Date.now = () => 0; globalThis.lost = notice(client, 'state', ({ state }) => state === 'reconnecting')")
    chaos.stall()
    assert js("return (await lost).reason") == "the server was silent for 100 ms and did not answer"
    js("await client.close()")


def test_a_client_has_one_connection_however_it_is_closed_and_connected(
    server: Server, node: Callable[..., Node], proxy: Front
) -> None:
    chaos = proxy(server)
    js = node()
    connected(js, chaos.url)
    # While it connects again it is closed and connected, without waiting.
    chaos.stall("down")
    chaos.drop()
    accepted = chaos.accepted
    js("await inState(client, 'reconnecting')")
    chaos.until(lambda chaos: chaos.accepted > accepted)
    js("globalThis.closed = client.close(); globalThis.again = client.connect()")
    chaos.resume()
    js("await closed; await again; await client.ping()")
    chaos.until(lambda chaos: chaos.open == 1)
    assert js("return client.state") == "connected"
    # The first to connect fails, and says nothing of the second.
    js(
        """
        await client.close();
        const first = failure(client.connect());
        client.close();
        await client.connect();
        await first;
        """
    )
    assert js("return [client.state, (await client.ping()).type]") == ["connected", "pong"]
    chaos.until(lambda chaos: chaos.open == 1)
    js("await client.close()")


def test_a_refusal_that_can_be_of_one_command_only_ends_it_at_once(node: Callable[..., Node]) -> None:
    def talk(connection: ServerConnection) -> None:
        waiting: list[dict[str, Any]] = []
        for text in connection:
            frame = json.loads(text)
            match frame.get("message", {}).get("payload"):
                case "refused":
                    connection.send(refusal())
                case "wrong":
                    connection.send(json.dumps({"type": "pong", "request_id": frame["request_id"], "ts": NOW}))
                case "slow":
                    connection.send(refusal("SLOW_CONSUMER", topic="orders"))
                    connection.send(ack(frame))
                case "last":
                    connection.send(refusal())
                    for each in [*waiting, frame]:
                        connection.send(ack(each))
                    waiting.clear()
                case "waits":
                    waiting.append(frame)
                case _:
                    connection.send(ack(frame))

    with rogue(talk) as url:
        js = node()
        js(ASKED, url=url)
        for _ in range(2):
            refused = js("return failure(client.publish('orders', 'refused'))")
            assert (refused["name"], refused["message"]) == ("ReplyError", "it nests too deep")
        wrong = js("return failure(client.publish('orders', 'wrong'))")
        assert (wrong["name"], wrong["message"]) == ("InvalidReplyError", "Pong is no answer to this command")
        js("await client.subscribe('orders').ready(); await client.publish('orders', 'slow')")
        # It can be of either.
        js("await Promise.all(['waits', 'last'].map((payload) => client.publish('orders', payload)))")
        # The first is no longer waited for, and it may still be its own.
        gone = js("return failure(client.publish('orders', 'waits', { timeout: 0 }))")
        assert (gone["name"], gone["sent"]) == ("TimeoutError", True)
        js("await client.publish('orders', 'last')")
        assert js("return failure(client.publish('orders', 'refused'))")["name"] == "ReplyError"
        js("await client.close()")


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (1003, ["ReplyError"]),
        (1007, ["ReplyError"]),
        (1008, ["ReplyError"]),
        (1009, ["ReplyError"]),
        (1009, ["UnknownOutcomeError", "ReplyError", "UnknownOutcomeError"]),
        (1003, ["UnknownOutcomeError", "UnknownOutcomeError"]),
        (1011, ["UnknownOutcomeError"]),
    ],
)
def test_a_command_that_the_connection_was_closed_for_was_refused(
    node: Callable[..., Node], code: int, names: list[str]
) -> None:
    def talk(connection: ServerConnection) -> None:
        for _ in names:
            connection.recv()
        connection.close(code, "not that")

    with rogue(talk) as url:
        js = node()
        js(ASKED, url=url)
        sizes = [10, 1000, 100][: len(names)]
        outcomes = js(
            "return Promise.all(args.sizes.map((size) => failure(client.publish('orders', 'x'.repeat(size)))))",
            sizes=sizes,
        )
        assert [each["name"] for each in outcomes] == names
        for each in outcomes:
            if each["name"] == "ReplyError":
                assert each["code"] == str(code)
                assert "the frame was refused: " in each["message"]
                assert "not that" in each["message"]
        js("await client.close()")


def test_a_subscription_that_costs_the_connection_is_not_tried_again(node: Callable[..., Node]) -> None:
    asked: list[str] = []

    def talk(connection: ServerConnection) -> None:
        for text in connection:
            asked.append(str(text))
            if len(asked) > 1:
                connection.close(1009)
            else:
                connection.send(ack(json.loads(text)))
                connection.close(1001)

    with rogue(talk) as url:
        js = node()
        js(ASKED, url=url)
        ended = js("return failure(client.subscribe('orders', { retry: true }).next())")
        assert (ended["name"], ended["code"]) == ("ReplyError", "1009")
        js("await client.close()")
        assert len(asked) == 2


# Giving up


def test_timeouts_and_cancellation_at_every_wait_leave_nothing(
    server: Server, platform: Callable[[str], Js], proxy: Front
) -> None:
    chaos = proxy(server)
    js = platform(chaos.url)
    connected(js, chaos.url)
    create(server, "orders")
    given_up = js(
        """
        const aborted = AbortSignal.abort(new Error("before"));
        const abort = new AbortController();
        const subscription = client.subscribe("orders", { signal: abort.signal });
        await subscription.ready();
        const next = failure(subscription.next());
        abort.abort(new Error("enough"));
        return [
            await failure(client.publish("orders", 1, { signal: aborted })),
            await failure(client.topics.list({ signal: aborted })),
            await failure(client.subscribe("orders", { signal: aborted }).next()),
            await next,
        ].map((error) => error.message);
        """
    )
    assert given_up == ["before", "before", "before", "enough"]
    while stats(server, "orders")["subscribers"]:
        pass
    chaos.stall()
    stalled = js(
        """
        const abort = new AbortController();
        const { signal } = abort;
        const subscription = client.subscribe("orders", { signal });
        const waiting = [
            client.publish("orders", 1, { signal }),
            client.topics.list({ signal }),
            subscription.ready(),
            subscription.next(),
        ].map(failure);
        abort.abort(new Error("enough"));
        const late = [
            client.publish("orders", 1, { timeout: 20 }),
            client.topics.list({ timeout: 20 }),
            client.subscribe("orders", { timeout: 20 }).ready(),
        ].map(failure);
        return (await Promise.all([...waiting, ...late])).map((error) => error.message);
        """
    )
    assert stalled == ["enough"] * 4 + ["no answer in 20 ms"] * 3
    chaos.refuse()
    chaos.drop()
    down = js(
        """
        await inState(client, "reconnecting");
        const abort = new AbortController();
        const { signal } = abort;
        const waiting = [
            client.publish("orders", 1, { signal }),
            client.subscribe("orders", { signal }).next(),
        ].map(failure);
        abort.abort(new Error("enough"));
        return (await Promise.all(waiting)).map((error) => error.message);
        """
    )
    assert down == ["enough", "enough"]
    chaos.accept()
    chaos.resume()
    js("await inState(client, 'connected'); await client.ping()")
    assert (stats(server, "orders")["subscribers"], stats(server, "orders")["messages"]) == (0, 0)
    chaos.refuse()
    chaos.drop()
    closed = js(
        """
        await inState(client, "reconnecting");
        const waiting = failure(client.publish("orders", 1));
        await client.close();
        return (await waiting).message;
        """
    )
    assert closed == "the client was closed: close() was called"
    connecting = js(
        """
        const connecting = failure(client.connect());
        await client.close();
        return [(await connecting).name, client.state];
        """
    )
    assert connecting == ["ConnectError", "closed"]
    chaos.accept()
    # The same client can be opened again.
    assert (
        js("await client.connect(); const { type } = await client.ping(); await client.close(); return type") == "pong"
    )
    if isinstance(js, Node):
        # What the program's own standard input and output are is the same before and after.
        assert js("return process.getActiveResourcesInfo().filter((name) => /Timeout|TCPSocket/.test(name))") == []


@pytest.mark.slow
def test_a_hundred_reconnects_leave_nothing_behind(server: Server, node: Callable[..., Node], proxy: Front) -> None:
    chaos = proxy(server)
    js = node()
    connected(js, chaos.url, backoffBase=1, backoffCap=1)
    create(server, "orders")
    js("globalThis.subscription = client.subscribe('orders'); await subscription.ready()")
    resources = "return process.getActiveResourcesInfo().sort()"
    before = js(resources)
    for n in range(100):
        js("globalThis.back = notice(client, 'resubscribed')")
        chaos.drop("rst" if n % 2 else "fin")
        # The event is taken each time: it may come after the answer, and would be lost with the next connection.
        script = "await back; await client.publish('orders', args.n); return (await take(subscription, 1))[0]"
        assert js(script, n=n)["message"]["payload"] == n
    assert js("await client.ping();" + resources) == before
    assert httpx.get(f"{server.url}/health").json()["connections"] == 1
    js("await client.close()")


def test_a_thousand_subscriptions_over_one_connection(server: Server, node: Callable[..., Node], proxy: Front) -> None:
    chaos = proxy(server)
    js = node()
    connected(js, chaos.url)
    with httpx.Client() as http:
        for n in range(1000):
            http.post(f"{server.url}/topics", json={"name": f"t{n}"})
    js(
        """
        globalThis.all = Array.from({ length: 1000 }, (_, n) => client.subscribe(`t${n}`));
        await Promise.all(all.map((one) => one.ready()));
        let left = 1000;
        globalThis.back = notice(client, "resubscribed", () => --left === 0);
        """
    )
    chaos.drop()
    found = js(
        """
        await back;
        await Promise.all(all.map((_, n) => client.publish(`t${n}`, n)));
        const events = await Promise.all(all.map((one) => one.next()));
        await client.close();
        return events.map(({ value }) => [value.topic, value.message.payload]);
        """
    )
    assert found == [[f"t{n}", n] for n in range(1000)]


# What it is made of


def made(specs: Path, name: str, out: Path) -> dict[str, str]:
    """Write the package of the documents in `specs` to `out`."""
    openapi = specs / "openapi.yaml"
    read = contract.read(bundle(openapi) if openapi.is_file() else None, bundle(specs / "asyncapi.yaml"))
    files = generate(read, name)
    write(out, files)
    return files


def write(out: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(content)


def checked(environment: dict[str, str], folder: Path, program: str) -> str:
    """What the compiler says of `program`, which uses the package in `folder`'s node_modules, at its strictest."""
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "program.ts").write_text(program)
    compiler = str(toolchain.compiler())
    options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--types", ""]
    command = ["node", compiler, *options, str(folder / "program.ts")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout


def test_the_client_is_small(node_environment: dict[str, str]) -> None:
    code = b"".join(file.read_bytes() for file in sorted((TYPESCRIPT_SDK / "dist").glob("*.js")))
    assert len(gzip.compress(code, 9)) < LARGEST


def test_generation_is_deterministic_and_what_is_kept_is_up_to_date(
    node_environment: dict[str, str], tmp_path: Path
) -> None:
    files = made(SPECS, "specbus-client", tmp_path)
    kept = [file for file in TYPESCRIPT_SDK.rglob("*") if file.is_file()]
    assert files == {str(file.relative_to(TYPESCRIPT_SDK)): file.read_text() for file in kept}


def test_types_hold_and_mistakes_are_found(node_environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "specbus-client").symlink_to(TYPESCRIPT_SDK)
    right = """
    import { Client, ReplyError, type Ack, type ErrorCode, type Event, type Subscription } from "specbus-client";
    import type { Message } from "specbus-client/types";
    const client = new Client("http://localhost", { timeout: 5 });
    const ack: Ack = await client.publish("orders", { any: ["thing", null] }, { id: "x", timeout: 1 });
    const subscription: Subscription<Event> = client.subscribe("orders", { lastN: 5, queueSize: 10 });
    for await (const event of subscription) {
        const message: Message = event.message;
        console.log(message.id.length, event.ts);
    }
    for await (const text of client.subscribe("orders", { raw: true })) console.log(text.length);
    client.on("dropped", ({ count, by }) => console.log(count + 1, by === "server"));
    subscription.on("event", ({ topic }) => topic.length);
    for (const { name, subscribers } of (await client.topics.list()).topics) console.log(name.length + subscribers);
    const code: ErrorCode = "TOPIC_NOT_FOUND";
    try { await client.ping() } catch (error) { if (error instanceof ReplyError) console.log(error.code === code) }
    console.log(ack.status === "ok");
    """
    assert checked(node_environment, tmp_path, right) == ""
    wrong = [
        'await client.publish("orders");',
        "await client.publish(5, 1);",
        'client.subscribe("orders", { lastn: 5 });',
        'client.subscribe("orders", { lastN: "5" });',
        "(await client.ping()).topic;",
        'client.on("drop", () => {});',
        "client.topics.creates();",
        'for await (const event of client.subscribe("orders")) event.payload;',
    ]
    program = 'import { Client } from "specbus-client";\nconst client = new Client("http://localhost");\n' + "\n".join(
        wrong
    )
    said = checked(node_environment, tmp_path, program)
    lines = sorted(int(number) for number in set(re.findall(r"program\.ts\((\d+),", said)))
    assert lines == list(range(3, 3 + len(wrong))), said


def test_a_changed_document_gives_a_client_that_has_the_change(
    node_environment: dict[str, str], node: Callable[..., Node], serve: Callable[..., Server], tmp_path: Path
) -> None:
    specs = changed_specs(tmp_path)
    (specs / "schemas" / "audit.yaml").write_text(
        "title: Audit\ntype: object\nadditionalProperties: false\nrequired: [type, since]\nproperties:\n"
        "  type: {type: string, enum: [audit]}\n  since: {type: integer, description: A year.}\n"
        "  request_id: {$ref: request_id.yaml}\n"
    )
    package = tmp_path / "node_modules" / "changed-client"
    files = made(specs, "changed-client", package)
    assert "Ask who did what." in files["dist/client.d.ts"]
    assert "Who sent it." in files["API.md"]
    program = """
    import { Client, type LifeSign, type TopicNumbers } from "changed-client";
    const client = new Client("http://localhost");
    await client.publish("orders", 1, { sender: "me" });
    const sign: LifeSign = await client.ping();
    const numbers: TopicNumbers | undefined = (await client.service.stats()).topics["orders"];
    console.log((await client.audit(2026)).status, sign.ts, numbers?.messages);
    """
    assert checked(node_environment, tmp_path, program) == ""
    # The service has no code for an operation of another's making; all else works.
    (served := tmp_path / "served").mkdir()
    served = copied_specs(served)
    edit(served / "schemas" / "message.yaml", "properties:", "properties:\n  sender:\n    type: string")
    server = serve(specs=served)
    js = node(package)
    connected(js, server.url)
    create(server, "orders")
    found = js(
        """
        await client.publish("orders", 1, { sender: "me" });
        const refused = await failure(client.audit(2026));
        await client.close();
        return refused;
        """
    )
    assert retained(server, "orders")[0]["message"]["sender"] == "me"
    assert (found["name"], found["code"]) == ("ReplyError", "BAD_REQUEST")


def test_a_client_without_a_websocket(
    node_environment: dict[str, str], node: Callable[..., Node], server: Server, tmp_path: Path
) -> None:
    package = tmp_path / "rest-client"
    write(package, generate(contract.read(bundle(SPECS / "openapi.yaml"), None), "rest-client"))
    js = node(package)
    found = js(
        """
        const client = new sdk.Client(args.url);
        await client.topics.create("orders");
        await client.messages.publish("orders", { n: 1 });
        const { events } = await client.messages.get("orders", { lastN: 1 });
        return [events[0].message.payload, "connect" in client, "ReplyError" in sdk];
        """,
        url=server.url,
    )
    assert found == [{"n": 1}, False, False]


@pytest.mark.parametrize("correlated", [True, False])
def test_a_client_of_another_document(
    correlated: bool, node_environment: dict[str, str], node: Callable[..., Node], tmp_path: Path
) -> None:
    specs = shutil.copytree(sample_server.SAMPLE, tmp_path / "sample")
    if not correlated:
        text = (specs / "asyncapi.yaml").read_text()
        text = re.sub(r"  correlationIds:\n.*\n.*\n", "", text)
        text = re.sub(r" +correlationId: .*\n", "", text)
        (specs / "asyncapi.yaml").write_text(text)
    package = tmp_path / "warehouse"
    made(specs, "warehouse-client", package)
    with sample_server.running(sample_server.Warehouse(specs)) as url:
        js = node(package)
        found = js(
            """
            const client = new sdk.Client(args.url);
            await client.connect();
            const levels = client.level();
            const stocked = await client.stock("ABC-1234", 12, { aisle: "B7", shelf: 2 }, { tags: ["cold"] });
            const controller = new AbortController();
            const abandoned = failure(client.searchFind("ABC-1234", { signal: controller.signal }));
            controller.abort(new Error("no more"));
            const answers = await Promise.all([
                client.pick([{ sku: "ABC-1234", quantity: 1 }], { priority: "rush" }),
                failure(client.pick([{ sku: "ABC-1234", quantity: 100 }])),
                client.searchFind("ABC-1234"),
                client.searchLook(),
                failure(client.stock("not a sku", 1, { aisle: "B7", shelf: 2 })),
            ]);
            const [level] = await take(levels, 1);
            await client.close();
            return { stocked, answers, level, done: (await levels.next()).done, abandoned: await abandoned };
            """,
            url=url,
        )
    assert found["abandoned"]["message"] == "no more"
    assert found["stocked"]["quantity"] == 12
    picked, short, there, looked, malformed = found["answers"]
    assert picked["op"] == "picked"
    assert (short["name"], short["code"]) == ("ReplyError", "Refused")
    assert short["reply"]["why"]["code"] == "short"
    assert there["places"] == [{"aisle": "B7", "shelf": 2}]
    assert looked["places"] == []
    assert malformed["reply"]["why"]["code"] == "malformed"
    assert (found["level"]["sku"], found["level"]["quantity"], found["done"]) == ("ABC-1234", 12, True)


def test_the_package_installs_and_its_first_program_runs_as_written(
    node_environment: dict[str, str], server: Server, tmp_path: Path
) -> None:
    # A folder of another name than the package, as `--out` makes it.
    shutil.copytree(TYPESCRIPT_SDK, tmp_path / "my-client-ts")
    (app := tmp_path / "app").mkdir()
    (program,) = re.findall(r"in `first\.mjs`.*?```js\n(.*?)```", (TYPESCRIPT_SDK / "README.md").read_text(), re.DOTALL)
    assert len([line for line in program.splitlines() if line]) <= 12
    (app / "first.mjs").write_text(program.replace("http://127.0.0.1:8080", server.url))

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=app, env=node_environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("npm", "install", "--no-audit", "--no-fund", "--offline", "../my-client-ts")
    said = run("node", "first.mjs")
    assert "type: 'ack'" in said
    assert "type: 'event'" in said
    assert "order_id: 'ORD-123'" in said
    packed = json.loads(run("npm", "pack", "--json", "--offline", "../my-client-ts"))
    listed = packed[0] if isinstance(packed, list) else next(iter(packed.values()))
    names = {file["path"] for file in listed["files"]}
    assert {"dist/index.js", "dist/index.d.ts", "src/index.ts", "README.md", "API.md", "package.json"} <= names


def test_without_node_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toolchain.environment.cache_clear()
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        with pytest.raises(ToolchainError, match="there is no node"):
            toolchain.environment()
        for name, text in (("node", "#!/bin/sh\necho v18.19.0\n"), ("npm", "#!/bin/sh\n")):
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)
        with pytest.raises(ToolchainError, match=re.escape("needs Node 20 or newer, not v18.19.0")):
            toolchain.environment()
    finally:
        toolchain.environment.cache_clear()
