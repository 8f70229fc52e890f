"""The WebSocket side over real sockets: commands, errors, limits, heartbeat."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import websockets

from specbus.websocket.session import Session
from specbus.wire import websocket
from tests.support.messages import UUID, publication
from tests.support.raw import PONG, TEXT, frame, ping, raw
from tests.support.server import Server, connected

Serve = Callable[..., Server]


@pytest.fixture
def orders(client: httpx.Client) -> None:
    assert client.post("/topics", json={"name": "orders"}).status_code == 201


@pytest.mark.usefixtures("orders")
async def test_every_command_is_answered_as_the_protocol_says(server: Server) -> None:
    async with connected(server) as socket:
        ack = await socket.subscribe("orders", request_id="r1")
        start = ack["position"]
        fields = {"type": "ack", "topic": "orders", "status": "ok"}
        assert ack == {**fields, "request_id": "r1", "position": start, "ts": ack["ts"]}
        assert start["offset"] == 0

        await socket.send(publication("orders", {"amount": "99.5"}, request_id="r2"))
        ack, event = await socket.receive(), await socket.receive()
        position = {"epoch": start["epoch"], "offset": 1}
        assert ack == {**fields, "request_id": "r2", "position": position, "ts": ack["ts"]}
        message = {"id": UUID, "payload": {"amount": "99.5"}}
        assert event == {
            "type": "event",
            "topic": "orders",
            "message": message,
            "offset": 1,
            "ts": event["ts"],
        }

        pong = await socket.ask({"type": "ping", "request_id": "r3"})
        assert pong == {"type": "pong", "request_id": "r3", "ts": pong["ts"]}

        ack = await socket.ask({"type": "unsubscribe", "topic": "orders", "client_id": "s1", "request_id": "r4"})
        assert ack == {"type": "ack", "request_id": "r4", "topic": "orders", "status": "ok", "ts": ack["ts"]}


@pytest.mark.usefixtures("orders")
async def test_an_answer_has_no_request_id_where_the_frame_had_none(server: Server) -> None:
    async with connected(server) as socket:
        answers = [
            await socket.subscribe("orders"),
            await socket.ask({"type": "ping"}),
            await socket.ask("{}"),
            await socket.ask({"type": "unsubscribe", "topic": "none", "client_id": "s"}),
        ]
    assert [answer["type"] for answer in answers] == ["ack", "pong", "error", "error"]
    assert not any("request_id" in answer for answer in answers)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "subscribe", "topic": "none", "client_id": "s1"},
        {"type": "unsubscribe", "topic": "none", "client_id": "s1"},
        publication("none"),
    ],
    ids=lambda frame: str(frame["type"]),
)
async def test_an_unknown_topic_is_told_and_not_created(
    server: Server, client: httpx.Client, frame: dict[str, Any]
) -> None:
    async with connected(server) as socket:
        error = await socket.ask({**frame, "request_id": "r1"})
        assert error == {
            "type": "error",
            "request_id": "r1",
            "error": {"code": "TOPIC_NOT_FOUND", "message": 'there is no topic "none"'},
            "ts": error["ts"],
        }
    assert client.get("/topics").json() == {"topics": []}


@pytest.mark.usefixtures("orders")
async def test_the_payload_comes_out_byte_for_byte(server: Server) -> None:
    payload = '{"z":1,"a" : 99.50,"a":1e400, "n":12345678901234567890123,"u":"\\u00e9\\ud800é","e":[ ]}'
    async with connected(server) as socket:
        await socket.subscribe("orders")
        await socket.send(
            f'{{"type":"publish","message":{{"payload":{payload},"id":"{UUID}"}} ,"topic":"orders","request_id":"r"}}'
        )
        assert (await socket.receive())["type"] == "ack"
        event = await socket.receive_text()
        assert event.startswith(
            f'{{"type":"event","topic":"orders","message":{{"payload":{payload},"id":"{UUID}"}},"offset":'
        )


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize("payload", [None, True, 0, "text", [], {}])
async def test_a_payload_is_any_json_value(server: Server, payload: Any) -> None:
    async with connected(server) as socket:
        await socket.subscribe("orders")
        assert (await socket.publish("orders", payload))["type"] == "ack"
        assert (await socket.receive())["message"]["payload"] == payload


@pytest.mark.usefixtures("orders")
async def test_a_replay_follows_the_ack_oldest_first_and_live_events_follow_it(server: Server) -> None:
    async with connected(server) as publisher, connected(server) as subscriber:
        for number in range(5):
            await publisher.publish("orders", number)
        assert (await subscriber.subscribe("orders", last_n=3))["type"] == "ack"
        await publisher.publish("orders", 5)
        assert [(await subscriber.receive())["message"]["payload"] for _ in range(4)] == [2, 3, 4, 5]
        await subscriber.nothing_more()


@pytest.mark.usefixtures("orders")
async def test_no_event_is_missing_or_twice_at_the_seam_however_many_publishers_race(serve: Serve) -> None:
    server = serve(history_size=10_000, max_queue_size=10_000)
    httpx.post(f"{server.url}/topics", json={"name": "orders"})
    publishers, each = 4, 200

    async def publish(number: int) -> None:
        async with connected(server) as socket:
            for index in range(each):
                await socket.publish("orders", [number, index])

    async def subscribe(after: int) -> list[Any]:
        async with connected(server) as socket:
            for _ in range(after):
                await socket.ask({"type": "ping"})
            await socket.subscribe("orders", last_n=10_000)
            return [(await socket.receive())["message"]["payload"] for _ in range(publishers * each)]

    tasks = [publish(number) for number in range(publishers)]
    results = await asyncio.gather(*(subscribe(10 * number) for number in range(8)), *tasks)
    orders = results[:8]
    assert all(order == orders[0] for order in orders)
    for number in range(publishers):
        assert [index for publisher, index in orders[0] if publisher == number] == list(range(each))


@pytest.mark.usefixtures("orders")
async def test_a_second_subscribe_does_not_double_delivery_and_replays_again(server: Server) -> None:
    async with connected(server) as socket:
        await socket.subscribe("orders")
        await socket.publish("orders", 1)
        assert (await socket.receive())["message"]["payload"] == 1
        assert (await socket.subscribe("orders", last_n=1))["type"] == "ack"
        assert (await socket.receive())["message"]["payload"] == 1
        await socket.publish("orders", 2)
        assert (await socket.receive())["message"]["payload"] == 2
        await socket.nothing_more()


@pytest.mark.usefixtures("orders")
async def test_no_event_follows_an_unsubscribe_and_unsubscribing_again_is_acknowledged(server: Server) -> None:
    async with connected(server) as socket:
        await socket.subscribe("orders")
        for _ in range(2):
            assert (await socket.ask({"type": "unsubscribe", "topic": "orders", "client_id": "x"}))["type"] == "ack"
        assert (await socket.publish("orders", 1))["type"] == "ack"
        await socket.nothing_more()


@pytest.mark.usefixtures("orders")
async def test_deleting_a_topic_tells_its_subscribers_and_leaves_their_connections_open(
    server: Server, client: httpx.Client
) -> None:
    async with connected(server) as socket:
        await socket.subscribe("orders")
        assert client.delete("/topics/orders").status_code == 200
        info = await socket.receive()
        assert info == {"type": "info", "topic": "orders", "msg": "topic_deleted", "ts": info["ts"]}
        client.post("/topics", json={"name": "orders"})
        assert (await socket.publish("orders"))["type"] == "ack"
        await socket.nothing_more()


BAD_FRAMES: list[tuple[str | bytes, str | None, str]] = [
    ("", None, "the frame is not valid JSON: a value is expected (line 1, column 1)"),
    ("{", None, "the frame is not valid JSON: a field's name in double quotes is expected (line 1, column 2)"),
    ("nonsense", None, "the frame is not valid JSON: a value is expected (line 1, column 1)"),
    ('{"type":"ping"} x', None, "the frame is not valid JSON: something follows the value (line 1, column 17)"),
    ('{"type":"ping","request_id":NaN}', None, "the frame is not valid JSON: NaN is not a JSON value"),
    ("[]", None, "the frame must be a JSON object, not an array"),
    ("null", None, "the frame must be a JSON object, not null"),
    ('"ping"', None, "the frame must be a JSON object, not a string"),
    ("{}", None, "type is required: expected one of ping, publish, subscribe, unsubscribe"),
    (
        '{"type":"publsh","request_id":"r"}',
        "r",
        'unknown type "publsh": expected one of ping, publish, subscribe, unsubscribe',
    ),
    (
        '{"type":1,"request_id":"r"}',
        "r",
        "type must be a string, not a number: expected one of ping, publish, subscribe, unsubscribe",
    ),
    ('{"type":"subscribe","client_id":"s","request_id":"r"}', "r", "topic is required"),
    ('{"type":"subscribe","topic":"orders","request_id":"r"}', "r", "client_id is required"),
    ('{"type":"subscribe","topic":"orders","client_id":"s","last_n":-1}', None, "last_n must be 0 or more"),
    (
        '{"type":"subscribe","topic":"orders","client_id":"s","last_n":"5"}',
        None,
        "last_n must be an integer, not a string",
    ),
    ('{"type":"subscribe","topic":"orders","client_id":"","request_id":"r"}', "r", "client_id must not be empty"),
    (
        '{"type":"subscribe","topic":"a b","client_id":"s","request_id":"r"}',
        "r",
        "topic must match the pattern ^[A-Za-z0-9_][A-Za-z0-9._-]*$",
    ),
    (
        '{"type":"subscribe","topic":"orders\\n","client_id":"s"}',
        None,
        "topic must match the pattern ^[A-Za-z0-9_][A-Za-z0-9._-]*$",
    ),
    ('{"type":"publish","topic":"orders","request_id":"r"}', "r", "message is required"),
    (
        '{"type":"publish","topic":"orders","message":[],"request_id":"r"}',
        "r",
        "message must be an object, not an array",
    ),
    (
        '{"type":"publish","topic":"orders","message":{"id":"1","payload":0},"request_id":"r"}',
        "r",
        "message.id must be a valid UUID",
    ),
    (f'{{"type":"publish","topic":"orders","message":{{"id":"{UUID}"}}}}', None, "message.payload is required"),
    (
        f'{{"type":"publish","topic":"orders","message":{{"id":"{UUID}","payload":0,"x":1}}}}',
        None,
        "unknown field message.x",
    ),
    ('{"type":"ping","extra":1,"request_id":"r"}', "r", "unknown field extra"),
    ('{"type":"ping","request_id":5}', None, "request_id must be a string, not 5"),
    (f'{{"type":"ping","request_id":"{"r" * 257}"}}', None, "request_id must have at most 256 characters"),
    (f'{{"type":"ping","x":{"[" * 10_000}{"]" * 10_000}}}', None, "the frame is nested more than 128 levels deep"),
    (f'{{"x":{"[" * 200}{"]" * 200},"request_id":"r"}}', "r", "the frame is nested more than 128 levels deep"),
    (b'{"type":"ping"}', None, "the frame is binary; send JSON in text frames"),
    (b'{"type":"ping","request_id":"r"}', "r", "the frame is binary; send JSON in text frames"),
]


async def test_others_have_their_turn_while_one_client_sends_thousands_of_commands(server: Server) -> None:
    turns: list[int] = []
    """For each ping of the busy client, how many turns the event loop had taken."""
    turn = 0

    async def count() -> None:
        nonlocal turn
        while len(turns) < 5_000:
            turn += 1
            await asyncio.sleep(0)

    answer = Session.answer

    def noted(self: Session, message: bytes) -> None:
        turns.append(turn)
        answer(self, message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "answer", noted)
        patch.setattr(websocket, "TURN", 0.0)
        counting = asyncio.run_coroutine_threadsafe(count(), server.loop)
        async with raw(server) as client:
            client.writer.write(b"".join(frame(TEXT, ping(str(number))) for number in range(5_000)))
            for number in range(5_000):
                assert await client.pong_id() == str(number)
        await asyncio.wrap_future(counting)
    # Without time at all, a turn is as many commands as are done before the clock is looked at twice; or twice that,
    # where one read ended and another began.
    assert max(turns.count(each) for each in set(turns)) < 64


@pytest.mark.usefixtures("orders")
async def test_bad_frames_one_after_the_other_each_get_their_error_and_the_next_good_one_works(server: Server) -> None:
    async with connected(server) as socket:
        for frame, request_id, problem in BAD_FRAMES:
            error = await socket.ask(frame)
            expected = {"type": "error", "error": {"code": "BAD_REQUEST", "message": problem}, "ts": error["ts"]}
            assert error == ({**expected, "request_id": request_id} if request_id else expected), frame
            await socket.nothing_more()
        assert (await socket.subscribe("orders"))["type"] == "ack"


async def test_an_integer_may_be_written_with_a_fraction_of_zero(server: Server, client: httpx.Client) -> None:
    client.post("/topics", json={"name": "orders"})
    async with connected(server) as socket:
        await socket.publish("orders", 1)
        await socket.send('{"type":"subscribe","topic":"orders","client_id":"s","last_n":1.0}')
        assert [(await socket.receive())["type"], (await socket.receive())["type"]] == ["ack", "event"]


async def test_only_the_channels_path_is_a_websocket(server: Server) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"{server.url.replace('http', 'ws')}/other", proxy=None)
    response = refused.value.response
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    async with websockets.connect(f"{server.ws_url}?client=1", proxy=None) as raw:
        await raw.send('{"type":"ping"}')
        assert "pong" in str(await raw.recv())


async def test_one_connection_too_many_is_refused_and_the_others_go_on(serve: Serve) -> None:
    server = serve(max_connections=1)
    async with connected(server) as socket:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(server.ws_url, proxy=None)
        assert refused.value.response.status_code == 503
        assert b"at most 1 connections" in (refused.value.response.body or b"")
        assert (await socket.ask({"type": "ping"}))["type"] == "pong"


@pytest.mark.parametrize("key", ["s3cret", "schlüssel", "鍵"])
async def test_a_key_is_taken_on_both_sides_whatever_letters_it_has(serve: Serve, key: str) -> None:
    server = serve(api_key=key)
    headers = {"X-API-Key": key.encode().decode("latin-1")}  # its bytes, as a library writes them that thinks so
    async with connected(server, additional_headers=headers) as socket:
        assert (await socket.ask({"type": "ping"}))["type"] == "pong"
    rest = httpx.post(f"{server.url}/topics", json={"name": "t"}, headers={b"X-API-Key": key.encode()})
    assert rest.status_code == 201


@pytest.mark.parametrize("given", [[], ["other"], ["schlüssel".encode().decode("latin-1")[:-1]], ["x", "x"]])
async def test_a_wrong_key_is_refused_on_both_sides_alike(serve: Serve, given: list[str]) -> None:
    server = serve(api_key="schlüssel")
    headers = [("X-API-Key", value) for value in given]
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(server.ws_url, proxy=None, additional_headers=headers)
    response = refused.value.response
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    rest = httpx.post(f"{server.url}/topics", json={"name": "t"}, headers=raw)
    assert response.status_code == rest.status_code == 401
    assert response.headers["WWW-Authenticate"] == rest.headers["WWW-Authenticate"] == 'ApiKey realm="specbus"'
    assert json.loads(response.body or b"") == rest.json()


async def test_a_limit_that_clients_run_into_again_and_again_does_not_fill_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(max_connections=2, max_subscriptions=1)
    now = 0.0
    monkeypatch.setattr(server.service.endpoint._limit_reached, "_clock", lambda: now)
    for name in ("a", "b"):
        httpx.post(f"{server.url}/topics", json={"name": name})
    async with connected(server) as one, connected(server) as other:
        for socket in (one, other):
            await socket.subscribe("a")
            for _ in range(10):
                assert (await socket.subscribe("b"))["error"]["code"] == "LIMIT_EXCEEDED"
        for now in (0.0, 0.5, 0.9, 1.0, 1.5, 2.0, 3.0):  # noqa: B007
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(server.ws_url, proxy=None)
        server.service.endpoint._limit_reached("another")
        peers = [":".join(map(str, socket.raw.local_address)) for socket in (one, other)]
    logged = [vars(record)["fields"] for record in caplog.records if record.getMessage() == "limit reached"]
    assert logged[:2] == [{"limit": "max_subscriptions", "peer": peer, "client_id": "test"} for peer in peers]
    assert [fields["limit"] for fields in logged[2:]] == ["max_connections"] * 4 + ["another"]
    assert [fields.get("suppressed") for fields in logged[2:]] == [None, 2, 1, None, None]


async def test_one_subscription_too_many_is_refused_and_the_others_go_on(serve: Serve) -> None:
    server = serve(max_subscriptions=1)
    for name in ("a", "b"):
        httpx.post(f"{server.url}/topics", json={"name": name})
    async with connected(server) as socket:
        await socket.subscribe("a")
        error = await socket.subscribe("b", request_id="r")
        assert error["error"] == {"code": "LIMIT_EXCEEDED", "message": "a connection may have at most 1 subscriptions"}
        assert error["request_id"] == "r"
        assert (await socket.subscribe("a"))["type"] == "ack"


async def test_heartbeats_come_at_their_interval(serve: Serve) -> None:
    async with connected(serve(heartbeat_interval=0.05)) as socket:
        for _ in range(3):
            info = await socket.receive()
            assert info == {"type": "info", "msg": "ping", "ts": info["ts"]}


async def test_a_peer_that_answers_pings_stays_and_one_that_does_not_is_closed(serve: Serve) -> None:
    server = serve(ping_interval=0.1, ping_timeout=1, heartbeat_interval=0.3)
    async with connected(server) as alive:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        received = await asyncio.wait_for(reader.readuntil(b"\x03\xf3no answer to a ping in time"), 10)
        writer.close()
        assert b"\x89\x00" in received
        for _ in range(4):  # longer than interval and timeout together
            assert (await alive.receive())["msg"] == "ping"
        assert (await alive.ask({"type": "ping"}))["type"] in ("pong", "info")


async def test_pings_come_at_their_interval_however_long_they_may_stay_unanswered(serve: Serve) -> None:
    async with raw(serve(ping_interval=0.05, ping_timeout=600)) as client:
        for _ in range(3):
            assert await client.frame() == (0x89, b"")
            client.writer.write(frame(PONG))


async def test_a_bug_in_a_command_is_told_without_internals_and_logged(
    server: Server, logged_errors: list[str], monkeypatch: pytest.MonkeyPatch, client: httpx.Client
) -> None:
    client.post("/topics", json={"name": "orders"})

    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(server.service.engine, "publish", fail)
    async with connected(server) as socket:
        error = await socket.publish("orders", request_id="r")
        assert error["error"] == {"code": "INTERNAL", "message": "the service failed; its log says why"}
        assert error["request_id"] == "r"
        assert (await socket.ask({"type": "ping"}))["type"] == "pong"
    assert logged_errors == ["a command failed "]
    logged_errors.clear()


async def test_a_frame_that_breaks_the_contract_is_logged_in_debug_mode(
    server: Server, logged_errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specbus.wire.messages._now", lambda: None)
    async with connected(server) as socket:
        assert await socket.ask({"type": "ping"}) == {"type": "pong"}
    assert len(logged_errors) == 1
    assert "ts is required" in logged_errors.pop()


async def test_the_counters_follow_a_connection_that_vanishes(server: Server, client: httpx.Client) -> None:
    client.post("/topics", json={"name": "orders"})
    async with connected(server) as socket, connected(server) as other:
        await socket.subscribe("orders")
        await other.subscribe("orders")
        assert client.get("/topics").json() == {"topics": [{"name": "orders", "subscribers": 2}]}
        socket.raw.transport.abort()
        while client.get("/health").json()["connections"] != 1:
            await other.ask({"type": "ping"})
        assert client.get("/topics").json() == {"topics": [{"name": "orders", "subscribers": 1}]}
        assert client.get("/health").json()["subscribers"] == 1
