"""The REST side over real HTTP: every operation, its problems, and what it shares with the WebSocket side."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import websockets
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from specbus import __version__
from tests.support.documents import LIMITS, served
from tests.support.http import JSON, MISSING, OPERATIONS, WRONG_NAME, check_problem, exchange, post_text, without_ts
from tests.support.messages import UUID, publication
from tests.support.raw import HANDSHAKE
from tests.support.server import Server, connected, running

Serve = Callable[..., Server]
ZERO = {"messages": 0, "subscribers": 0, "delivered": 0, "dropped": 0, "retained": 0, "evicted": 0}
GETS = [path for method, path in OPERATIONS if method == "GET"]
PAYLOADS = [
    "99.50",
    "1e400",
    "-0.0",
    "123456789012345678901234567890",
    '{"b":1,"a" : 2,"b":3}',
    r'"\u00e9\/\ud800\u0000"',
    '"é🙂"',
    " null ",
    "[ ]",
    f'"{"x" * 200}"',
    f'"{"x" * 70_000}"',
]


def message(payload: str) -> str:
    return f'{{"id":"{UUID}", "payload":{payload}}}'


def event(payload: str) -> str:
    """The event for `message(payload)`, but for its time."""
    return f'{{"type":"event","topic":"orders","message":{message(payload)},"ts":TS}}'


@pytest.fixture
def orders(client: httpx.Client) -> None:
    assert client.post("/topics", json={"name": "orders"}).status_code == 201


def test_a_topic_is_created_read_listed_and_deleted(client: httpx.Client) -> None:
    for name in ("orders", "A.b_c-1"):
        created = client.post("/topics", json={"name": name})
        assert (created.status_code, created.headers["content-type"]) == (201, "application/json")
        assert created.json() == {"status": "created", "topic": name}
        assert created.headers["location"] == f"/topics/{name}"
        read = client.get(created.headers["location"])
        assert (read.status_code, read.headers["content-type"]) == (200, "application/json")
        assert read.json() == {"name": name, **ZERO}
        assert client.get(f"/topics/{name}/messages").json() == {"topic": name, "events": []}
    assert client.get("/topics").json() == {
        "topics": [{"name": "orders", "subscribers": 0}, {"name": "A.b_c-1", "subscribers": 0}]
    }
    deleted = client.delete("/topics/orders")
    assert (deleted.status_code, deleted.headers["content-type"]) == (200, "application/json")
    assert deleted.json() == {"status": "deleted", "topic": "orders"}
    assert client.get("/topics").json() == {"topics": [{"name": "A.b_c-1", "subscribers": 0}]}
    check_problem(client.get("/topics/orders"), 404, 'there is no topic "orders"', *MISSING)


def test_a_service_without_topics_says_so(client: httpx.Client) -> None:
    index = {"health": "/health", "stats": "/stats", "topics": "/topics", "websocket": "/ws"}
    documents = {"openapi": "/openapi.json", "asyncapi": "/asyncapi.json"}
    assert client.get("/").json() == {"name": "specbus", "version": __version__, "links": {**index, **documents}}
    health = client.get("/health").json()
    assert health == {"uptime_sec": health["uptime_sec"], "topics": 0, "subscribers": 0, "connections": 0}
    assert isinstance(health["uptime_sec"], int)
    assert client.get("/topics").json() == {"topics": []}
    assert client.get("/stats").json() == {"topics": {}}


def test_a_topic_that_is_not_there_is_a_problem_to_every_operation_on_it(client: httpx.Client) -> None:
    answers = [
        client.get("/topics/none"),
        client.delete("/topics/none"),
        client.get("/topics/none/messages"),
        client.post("/topics/none/messages", json={"id": UUID, "payload": 1}),
    ]
    for answer in answers:
        check_problem(answer, 404, 'there is no topic "none"', *MISSING)
    assert client.get("/topics").json() == {"topics": []}


@pytest.mark.usefixtures("orders")
def test_a_topic_that_exists_is_not_created_again(client: httpx.Client) -> None:
    client.post("/topics/orders/messages", json={"id": UUID, "payload": 1})
    again = client.post("/topics", json={"name": "orders"})
    check_problem(again, 409, 'the topic "orders" exists', "topic-exists", "Topic exists")
    assert client.get("/topics/orders").json() == {"name": "orders", **ZERO, "messages": 1, "retained": 1}


def test_one_topic_too_many_is_refused_until_another_is_gone(serve: Serve) -> None:
    with httpx.Client(base_url=serve(max_topics=2).url) as client:
        for name in ("a", "b"):
            assert client.post("/topics", json={"name": name}).status_code == 201
        refused = client.post("/topics", json={"name": "c"})
        check_problem(refused, 409, "the service may have at most 2 topics", "topic-limit", "Too many topics")
        check_problem(
            client.post("/topics", json={"name": "a"}), 409, 'the topic "a" exists', "topic-exists", "Topic exists"
        )
        client.delete("/topics/a")
        assert client.post("/topics", json={"name": "c"}).status_code == 201


def test_creating_topics_beyond_the_limit_does_not_fill_the_log(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(max_topics=1)
    times = iter([1.0] * 100 + [2.5])
    monkeypatch.setattr(server.service.operations._limit_reached, "_clock", lambda: next(times))
    with httpx.Client(base_url=server.url) as client:
        client.post("/topics", json={"name": "orders"})
        for _ in range(101):
            assert client.post("/topics", json={"name": "one-too-many"}).status_code == 409
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [(record.getMessage(), record.fields) for record in warnings] == [  # type: ignore[attr-defined]
        ("limit reached", {"limit": "max_topics"}),
        ("limit reached", {"limit": "max_topics", "suppressed": 99}),
    ]


def test_a_topic_that_breaks_the_contract_is_not_created(client: httpx.Client) -> None:
    refused = {
        "{}": "name is required",
        "[]": "the body must be an object, not an array",
        "null": "the body must be an object, not null",
        '{"name":""}': f"name must not be empty; name {WRONG_NAME}",
        '{"name":"a b"}': f"name {WRONG_NAME}",
        '{"name":"é"}': f"name {WRONG_NAME}",
        '{"name":5}': "name must be a string, not 5",
        f'{{"name":"{"a" * 129}"}}': "name must have at most 128 characters",
        '{"name":"a","x":1}': "unknown field x",
        '{"nam': "the body is not valid JSON: a string has no end (line 1, column 2)",
        '{"name":"a"} {}': "the body is not valid JSON: something follows the value (line 1, column 14)",
        "": "a body is required",
        " \n": "a body is required",
    }
    for body, detail in refused.items():
        check_problem(post_text(client, "/topics", body), 400, detail)
    assert client.get("/topics").json() == {"topics": []}
    assert client.post("/topics", json={"name": "a" * 128}).status_code == 201


@pytest.mark.usefixtures("orders")
def test_a_message_that_breaks_the_contract_is_not_taken(client: httpx.Client) -> None:
    refused = {
        "{}": "id is required; payload is required",
        f'{{"id":"{UUID}"}}': "payload is required",
        '{"id":"5","payload":1}': "id must be a valid UUID",
        f'{{"id":"{UUID}","payload":1,"topic":"orders"}}': "unknown field topic",
        f'{{"id":"{UUID}","payload":01}}': (
            "the body is not valid JSON: a comma or a closing bracket is expected (line 1, column 57)"
        ),
        f'{{"id":"{UUID}","payload":{"[" * 127}{"]" * 127}}}': "the body is nested more than 127 levels deep",
    }
    for body, detail in refused.items():
        check_problem(post_text(client, "/topics/orders/messages", body), 400, detail)
    assert client.get("/topics/orders").json() == {"name": "orders", **ZERO}


@pytest.mark.usefixtures("orders")
async def test_a_message_published_over_http_reaches_subscribers_byte_for_byte(
    server: Server, client: httpx.Client
) -> None:
    async with connected(server) as subscriber:
        await subscriber.subscribe("orders")
        for number, payload in enumerate(PAYLOADS, 1):
            accepted = post_text(client, "/topics/orders/messages", f"\r\n {message(payload)}\t")
            assert (accepted.status_code, accepted.headers["content-type"]) == (202, "application/json")
            position = {"epoch": accepted.json()["position"]["epoch"], "offset": number}
            assert accepted.json() == {"status": "accepted", "topic": "orders", "id": UUID, "position": position}
            assert without_ts(await subscriber.receive_text()) == event(payload)
        await subscriber.nothing_more()


@pytest.mark.usefixtures("orders")
async def test_both_sides_take_messages_of_just_the_same_depth(server: Server, client: httpx.Client) -> None:
    deepest, too_deep = ("[" * depth + "]" * depth for depth in (126, 127))
    async with connected(server) as subscriber, connected(server) as publisher:
        await subscriber.subscribe("orders")
        for payload, status, answer in ((deepest, 202, "ack"), (too_deep, 400, "error")):
            assert post_text(client, "/topics/orders/messages", message(payload)).status_code == status
            frame = f'{{"type":"publish","topic":"orders","message":{message(payload)}}}'
            assert (await publisher.ask(frame))["type"] == answer
        assert [without_ts(await subscriber.receive_text()) for _ in range(2)] == [event(deepest)] * 2
        await subscriber.nothing_more()
    events = client.get("/topics/orders/messages").json()["events"]
    assert [each["message"]["payload"] for each in events] == [json.loads(deepest)] * 2


async def test_all_subscribers_see_one_order_of_what_http_and_websocket_publish(serve: Serve) -> None:
    server = serve(history_size=1_000, max_queue_size=1_000)
    each = 40
    async with httpx.AsyncClient(base_url=server.url) as client:
        await client.post("/topics", json={"name": "orders"})

        async def publish_over_http(number: int) -> None:
            for index in range(each):
                body = {"id": UUID, "payload": [number, index]}
                assert (await client.post("/topics/orders/messages", json=body)).status_code == 202

        async def publish_over_websocket(number: int) -> None:
            async with connected(server) as socket_:
                for index in range(each):
                    assert (await socket_.publish("orders", [number, index]))["type"] == "ack"

        async with connected(server) as first, connected(server) as second:
            for subscriber in (first, second):
                await subscriber.subscribe("orders")
            await asyncio.gather(*map(publish_over_http, (0, 1)), *map(publish_over_websocket, (2, 3)))
            seen = [
                [(await each_.receive())["message"]["payload"] for _ in range(4 * each)] for each_ in (first, second)
            ]
        events = (await client.get("/topics/orders/messages")).json()["events"]
    assert seen[0] == seen[1] == [each_["message"]["payload"] for each_ in events]
    for number in range(4):
        assert [index for publisher, index in seen[0] if publisher == number] == list(range(each))


@pytest.mark.usefixtures("orders")
async def test_http_and_websocket_publishes_one_after_the_other_keep_that_order(
    server: Server, client: httpx.Client
) -> None:
    async with connected(server) as publisher, connected(server) as subscriber:
        await subscriber.subscribe("orders")
        for number in range(0, 20, 2):
            await publisher.publish("orders", number)
            client.post("/topics/orders/messages", json={"id": UUID, "payload": number + 1})
        assert [(await subscriber.receive())["message"]["payload"] for _ in range(20)] == list(range(20))


async def test_retained_messages_are_read_as_the_bytes_that_subscribers_got(serve: Serve) -> None:
    server = serve(history_size=3)
    with httpx.Client(base_url=server.url) as client:
        client.post("/topics", json={"name": "orders"})
        async with connected(server) as subscriber:
            await subscriber.subscribe("orders")
            for payload in PAYLOADS:
                assert post_text(client, "/topics/orders/messages", message(payload)).status_code == 202
            events = [await subscriber.receive_text() for _ in PAYLOADS]
        for query, count in {"": 3, "?last_n=0": 0, "?last_n=1": 1, "?last_n=3": 3, "?last_n=99": 3}.items():
            response = client.get(f"/topics/orders/messages{query}")
            assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
            newest = events[len(events) - count :]
            assert response.text == f'{{"topic":"orders","events":[{",".join(newest)}]}}'


def numbers(client: httpx.Client) -> dict[str, Any]:
    """What every operation with numbers says, but for the time."""
    health = client.get("/health").json()
    del health["uptime_sec"]
    return {
        "health": health,
        "stats": client.get("/stats").json()["topics"],
        "topics": client.get("/topics").json()["topics"],
        "details": [client.get(f"/topics/{topic['name']}").json() for topic in client.get("/topics").json()["topics"]],
    }


def expected(connections: int, **topics: dict[str, int]) -> dict[str, Any]:
    """What `numbers` should say."""
    subscribers = sum(topic["subscribers"] for topic in topics.values())
    return {
        "health": {"topics": len(topics), "subscribers": subscribers, "connections": connections},
        "stats": topics,
        "topics": [{"name": name, "subscribers": topic["subscribers"]} for name, topic in topics.items()],
        "details": [{"name": name, **topic} for name, topic in topics.items()],
    }


async def test_the_numbers_follow_publishes_subscriptions_replays_and_disconnects(serve: Serve) -> None:
    server = serve(history_size=2)
    with httpx.Client(base_url=server.url) as client:
        for name in ("a", "b"):
            client.post("/topics", json={"name": name})
        async with connected(server) as stays:
            async with connected(server) as goes:
                await stays.subscribe("a")
                await stays.subscribe("b")
                await goes.subscribe("a")
                await goes.subscribe("a")
                for number in range(3):
                    client.post("/topics/a/messages", json={"id": UUID, "payload": number})
                await goes.send(publication("b"))
                a = {"messages": 3, "subscribers": 2, "delivered": 6, "dropped": 0, "retained": 2, "evicted": 0}
                b = {"messages": 1, "subscribers": 1, "delivered": 1, "dropped": 0, "retained": 1, "evicted": 0}
                # The ack need not wait for the events of the tick.
                assert sorted([(await goes.receive())["type"] for _ in range(4)]) == ["ack", "event", "event", "event"]
                assert numbers(client) == expected(2, a=a, b=b)

                await goes.subscribe("b", last_n=5)
                b.update(subscribers=2, delivered=2)
                assert numbers(client) == expected(2, a=a, b=b)

                await stays.receive(), await stays.receive(), await stays.receive(), await stays.receive()
                assert (await stays.ask({"type": "unsubscribe", "topic": "a", "client_id": "s"}))["type"] == "ack"
                a.update(subscribers=1)
                assert numbers(client) == expected(2, a=a, b=b)
            a.update(subscribers=0)
            b.update(subscribers=1)
            assert numbers(client) == expected(1, a=a, b=b)

            client.delete("/topics/b")
            assert numbers(client) == expected(1, a=a)
            client.post("/topics", json={"name": "b"})
            assert numbers(client) == expected(1, a=a, b=ZERO)


def test_the_numbers_of_a_reader_that_stalled_add_up_to_what_was_published(serve: Serve) -> None:
    server = serve(max_queue_size=2)
    published = 30
    frame = json.dumps({"type": "subscribe", "topic": "orders", "client_id": "slow"}).encode()
    with httpx.Client(base_url=server.url) as client, socket.socket() as raw:
        client.post("/topics", json={"name": "orders"})
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        raw.settimeout(10)
        raw.connect(("127.0.0.1", server.port))
        raw.sendall(HANDSHAKE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += raw.recv(1)
        raw.sendall(Frame(Opcode.TEXT, frame).serialize(mask=True))
        frames = read_frames(raw)
        assert next(frames)["type"] == "ack"
        for number in range(published):
            body = {"id": UUID, "payload": [number, "x" * 1_000_000]}
            assert client.post("/topics/orders/messages", json=body).status_code == 202
        stalled = client.get("/stats").json()["topics"]["orders"]
        assert stalled["dropped"] > 0
        waiting = 2
        assert stalled["delivered"] + stalled["dropped"] + waiting == published

        received: list[int] = []
        dropped = 0
        while len(received) + dropped < published:
            answer = next(frames)
            if answer["type"] == "event":
                received.append(answer["message"]["payload"][0])
            else:
                dropped += answer["error"]["dropped"]
        assert dropped == stalled["dropped"]
        missing = set(range(published)) - set(received)
        assert received == sorted(received)
        assert sorted(missing) == list(range(min(missing), min(missing) + dropped))
        assert client.get("/topics/orders").json() == {
            "name": "orders",
            "messages": published,
            "subscribers": 1,
            "delivered": len(received),
            "dropped": dropped,
            "retained": published,
            "evicted": 0,
        }


def read_frames(raw: socket.socket) -> Iterator[dict[str, Any]]:
    """The frames that come on a socket whose handshake is over, without a word back."""
    protocol = Protocol(CLIENT, state=OPEN, max_size=None)
    while data := raw.recv(1_048_576):
        protocol.receive_data(data)
        yield from (json.loads(bytes(frame.data)) for frame in protocol.events_received() if isinstance(frame, Frame))


@pytest.mark.usefixtures("orders")
async def test_deleting_a_topic_tells_subscribers_after_its_last_event_and_leaves_them_connected(
    server: Server, client: httpx.Client
) -> None:
    async with connected(server) as first, connected(server) as second:
        for subscriber in (first, second):
            await subscriber.subscribe("orders")
        client.post("/topics/orders/messages", json={"id": UUID, "payload": "last"})
        assert client.delete("/topics/orders").json() == {"status": "deleted", "topic": "orders"}
        for subscriber in (first, second):
            assert (await subscriber.receive())["message"]["payload"] == "last"
            info = await subscriber.receive()
            assert info == {"type": "info", "topic": "orders", "msg": "topic_deleted", "ts": info["ts"]}
        client.post("/topics", json={"name": "orders"})
        client.post("/topics/orders/messages", json={"id": UUID, "payload": "of the new topic"})
        for subscriber in (first, second):
            await subscriber.nothing_more()
        assert client.get("/health").json()["connections"] == 2


@pytest.mark.usefixtures("orders")
def test_head_is_answered_as_get_but_without_a_body(server: Server, client: httpx.Client) -> None:
    for path in GETS:
        got = client.get(path).headers
        host = f"127.0.0.1:{server.port}"  # which stands in a document
        answer = exchange(server, f"HEAD {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert (status, body) == ("HTTP/1.1 200 OK", b"")
        assert headers["content-length"] == got["content-length"]
        assert headers["content-type"] == got["content-type"] == "application/json"
    missing = client.head("/topics/none")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


def test_options_lists_the_methods_of_a_path(client: httpx.Client) -> None:
    methods = {path: {method for method, its_path in OPERATIONS if its_path == path} for _, path in OPERATIONS}
    assert methods["/topics/orders"] == {"GET", "DELETE"}
    for path, declared in methods.items():
        response = client.options(path)
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["allow"] == ", ".join(sorted(declared | {"HEAD", "OPTIONS"}))
        assert "content-type" not in response.headers


@pytest.fixture(scope="module")
def locked() -> Iterator[Server]:
    """A server that wants a key."""
    with running(api_key="secret") as server:
        yield server


@pytest.mark.usefixtures("logged_errors")
@pytest.mark.parametrize(
    "keys",
    [[], ["wrong"], ["secre"], ["secrets"], ["SECRET"], [""], ["secret", "secret"], ["wrong", "secret"], ["é"]],
    ids=["none", "wrong", "shorter", "longer", "other case", "empty", "two", "wrong and right", "not ascii"],
)
async def test_nothing_but_health_is_had_without_the_one_right_key(locked: Server, keys: list[str]) -> None:
    headers = [(b"X-API-Key", key.encode()) for key in keys]
    with httpx.Client(base_url=locked.url) as client:
        for method, path in OPERATIONS:
            answer = client.request(method, path, headers=headers)
            if path == "/health":
                assert answer.status_code == 200
                continue
            check_problem(answer, 401, "the API key in X-API-Key is missing or wrong")
            assert answer.headers["www-authenticate"] == 'ApiKey realm="specbus"'
            assert client.head("/health", headers=headers).status_code == 200
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(locked.ws_url, proxy=None, additional_headers=[("X-API-Key", key) for key in keys])
    response = refused.value.response
    assert (response.status_code, response.headers["Content-Type"]) == (401, "application/problem+json")
    assert response.headers["WWW-Authenticate"] == 'ApiKey realm="specbus"'
    assert json.loads(response.body or b"") == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "the API key in X-API-Key is missing or wrong",
    }


@pytest.mark.parametrize("key", ["secret", "schlüssel"], ids=["ascii", "not ascii"])
async def test_the_right_key_opens_both_sides(serve: Serve, key: str) -> None:
    server = serve(api_key=key)
    headers = [(b"x-api-key", key.encode())]
    with httpx.Client(base_url=server.url, headers=headers) as client:
        assert client.post("/topics", json={"name": "orders"}).status_code == 201
        assert client.get("/topics").json() == {"topics": [{"name": "orders", "subscribers": 0}]}
    # The client writes fields in ISO-8859-1.
    async with connected(server, additional_headers={"X-API-Key": key.encode().decode("latin-1")}) as socket_:
        assert (await socket_.subscribe("orders"))["type"] == "ack"


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_a_body_larger_than_the_limit_is_refused_and_one_of_just_its_size_taken(serve: Serve, chunked: bool) -> None:
    limit = 1_000
    with httpx.Client(base_url=serve(max_frame_bytes=limit).url) as client:

        def post(path: str, body: str) -> httpx.Response:
            data = body.encode()
            pieces = (data[start : start + 300] for start in range(0, len(data), 300))
            return client.post(path, content=pieces if chunked else data, headers=JSON)

        body = json.dumps({"name": "orders"})
        refused = post("/topics", body + " " * (limit - len(body) + 1))
        check_problem(refused, 413, f"the body must be at most {limit} bytes")
        assert client.get("/topics").json() == {"topics": []}
        assert post("/topics", body + " " * (limit - len(body))).status_code == 201

        filler = "x" * (limit - len(message('""')))
        check_problem(
            post("/topics/orders/messages", message(f'"{filler}x"')), 413, f"the body must be at most {limit} bytes"
        )
        assert post("/topics/orders/messages", message(f'"{filler}"')).status_code == 202
        assert client.get("/topics/orders").json()["messages"] == 1


def test_the_documents_are_served_in_one_piece_with_the_names_of_their_schemas(
    server: Server, client: httpx.Client
) -> None:
    responses = {name: client.get(f"/{name}.json") for name in ("openapi", "asyncapi")}
    for name, response in responses.items():
        assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
        expected = served(name)
        if name == "asyncapi":
            expected["servers"]["this"]["host"] = f"127.0.0.1:{server.port}"
        assert response.json() == expected
    schemas = {name: response.json()["components"]["schemas"] for name, response in responses.items()}
    assert {"Message", "NewTopic", "Problem", "Stats", "TopicName"} < schemas["openapi"].keys()
    assert {"Ack", "Event", "Message", "Publish", "Subscribe", "TopicName"} < schemas["asyncapi"].keys()
    for names in schemas.values():
        assert {name: schema["title"] for name, schema in names.items()} == {name: name for name in names}
    post = responses["openapi"].json()["paths"]["/topics"]["post"]["requestBody"]["content"]["application/json"]
    assert post["schema"] == {"$ref": "#/components/schemas/NewTopic"}


def test_the_documents_tell_the_limits_of_the_service(serve: Serve) -> None:
    changed = {"history_size": 7, "max_frame_bytes": 5_000, "overflow_policy": "disconnect", "heartbeat_interval": 1.5}
    with httpx.Client(base_url=serve(**changed).url) as client:
        for name in ("openapi", "asyncapi"):
            assert client.get(f"/{name}.json").json()["info"]["x-limits"] == {**LIMITS, **changed}
