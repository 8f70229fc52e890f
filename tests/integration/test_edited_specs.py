"""The documents are the program: edited copies of them, and no line of Python changed, change what the service does."""

import json
import re

import httpx
import pytest
import websockets

from specbus.spec.references import check_references
from tests.support.documents import served
from tests.support.edited import Serve, Specs, both_sides, broken_line, event, publish_frame
from tests.support.http import WRONG_NAME, check_problem, post_text, without_ts
from tests.support.messages import UUID
from tests.support.server import Socket, connected


async def test_a_tighter_length_holds_on_both_sides(specs: Specs, serve: Serve) -> None:
    specs.edit("schemas/topic_name.yaml", "maxLength: 128", "maxLength: 8")
    async with both_sides(serve(specs=specs.folder)) as sides:
        problem = "must have at most 8 characters"
        sides.refused_body("/topics", '{"name":"ninechars"}', f"name {problem}")
        check_problem(sides.rest.get("/topics/ninechars"), 400, f"name {problem}")
        check_problem(sides.rest.delete("/topics/ninechars"), 400, f"name {problem}")
        subscribe = {"type": "subscribe", "client_id": "s"}
        await sides.refused({**subscribe, "topic": "ninechars"}, f"topic {problem}")
        assert sides.rest.post("/topics", json={"name": "8letters"}).status_code == 201
        assert (await sides.socket.subscribe("8letters"))["type"] == "ack"


async def test_a_changed_pattern_holds_on_both_sides(specs: Specs, serve: Serve) -> None:
    specs.edit("schemas/topic_name.yaml", WRONG_NAME.rpartition(" ")[2], "^[a-z]+(/[a-z]+)*$")
    async with both_sides(serve(specs=specs.folder)) as sides:
        problem = "must match the pattern ^[a-z]+(/[a-z]+)*$"
        sides.refused_body("/topics", '{"name":"orders2"}', f"name {problem}")
        check_problem(sides.rest.get("/topics/orders2"), 400, f"name {problem}")
        await sides.refused({"type": "subscribe", "topic": "orders2", "client_id": "s"}, f"topic {problem}")
        assert sides.rest.post("/topics", json={"name": "orders/eu"}).status_code == 201
        assert (await sides.socket.subscribe("orders/eu"))["type"] == "ack"


@pytest.mark.parametrize("name", ["日本", "a/b", "/", "a\r\nX-Y: z", "%2F", "a%20b?c#d"])
async def test_a_topic_of_any_name_is_had_at_its_location(specs: Specs, serve: Serve, name: str) -> None:
    specs.edit("schemas/topic_name.yaml", WRONG_NAME.rpartition(" ")[2], "^[^A-Z]|[A-Z]$")
    async with both_sides(serve(specs=specs.folder)) as sides:
        created = sides.rest.post("/topics", json={"name": name})
        assert created.status_code == 201
        location = created.headers["location"]
        assert location.startswith("/topics/")
        assert "/" not in location.removeprefix("/topics/")
        assert (await sides.socket.subscribe(name))["type"] == "ack"
        assert sides.rest.get(location).json()["name"] == name
        assert post_text(sides.rest, f"{location}/messages", f'{{"id":"{UUID}","payload":1}}').status_code == 202
        assert (await sides.socket.receive())["topic"] == name
        assert sides.rest.get(f"{location}/messages?last_n=1").json()["topic"] == name
        assert sides.rest.delete(location).json() == {"status": "deleted", "topic": name}
        assert (await sides.socket.receive())["msg"] == "topic_deleted"


async def test_the_service_is_at_the_root_wherever_a_proxy_puts_it(specs: Specs, serve: Serve) -> None:
    specs.edit("openapi.yaml", "- url: /\n", "- url: https://example.org/bus\n")
    async with both_sides(serve(specs=specs.folder)) as sides:
        assert sides.rest.get("/openapi.json").json()["servers"] == [{"url": "https://example.org/bus"}]


async def test_a_path_without_parameters_goes_before_one_with_them(specs: Specs, serve: Serve) -> None:
    path = specs.folder / "openapi.yaml"
    found = re.fullmatch(r"(.*\n)  /stats:(\n.*?\n)(  /openapi.*\n)(components:.*)", path.read_text(), re.DOTALL)
    assert found
    start, stats, middle, end = found.groups()
    path.write_text(f"{start}{middle}  /topics/stats:{stats}{end}")
    async with both_sides(serve(specs=specs.folder)) as sides:
        assert sides.rest.get("/topics/stats").json()["topics"].keys() == {"orders"}
        refused = sides.rest.delete("/topics/stats")
        check_problem(refused, 405, "/topics/stats has no DELETE, but GET, HEAD, OPTIONS")
        assert sides.rest.get("/topics/orders").json()["name"] == "orders"


async def test_a_path_parameter_may_have_another_name(specs: Specs, serve: Serve) -> None:
    with specs.opened("openapi.yaml") as document:
        document["components"]["parameters"]["TopicName"]["name"] = "topic"
        document["paths"] = {path.replace("{name}", "{topic}"): item for path, item in document["paths"].items()}
    async with both_sides(serve(specs=specs.folder)) as sides:
        check_problem(sides.rest.get("/topics/a b"), 400, f"topic {WRONG_NAME}")
        location = sides.rest.post("/topics", json={"name": "bills"}).headers["location"]
        assert location == "/topics/bills"
        assert sides.rest.get(location).json()["name"] == "bills"
        assert sides.publish(f'{{"id":"{UUID}","payload":1}}') == 202
        assert (await sides.socket.receive())["topic"] == "orders"


async def test_paths_of_the_rest_side_are_where_the_document_puts_them(specs: Specs, serve: Serve) -> None:
    with specs.opened("openapi.yaml") as document:
        document["paths"] = {f"/v1{path}" if path != "/" else path: item for path, item in document["paths"].items()}
    server = serve(specs=specs.folder)
    with httpx.Client(base_url=server.url) as rest:
        links = rest.get("/").json()["links"]
        names = {"topics": "topics", "health": "health", "openapi": "openapi.json", "asyncapi": "asyncapi.json"}
        assert links == {
            **{name: f"/v1/{path}" for name, path in names.items()},
            "stats": "/v1/stats",
            "websocket": "/ws",
        }
        assert [rest.get(links[name]).status_code for name in (*names, "stats")] == [200] * 5
        created = rest.post(links["topics"], json={"name": "orders"})
        assert created.headers["location"] == "/v1/topics/orders"
        assert rest.get(created.headers["location"]).json()["name"] == "orders"


async def test_success_has_the_status_that_the_document_has(specs: Specs, serve: Serve) -> None:
    with specs.opened("openapi.yaml") as document:
        created = document["paths"]["/topics"]["post"]["responses"]
        created["202"] = created.pop("201")
        deleted = document["paths"]["/topics/{name}"]["delete"]["responses"]
        del deleted["200"]
        deleted["204"] = {"description": "Gone."}
        published = document["paths"]["/topics/{name}/messages"]["post"]["responses"]
        published["2XX"] = published.pop("202")
    server = serve(specs=specs.folder)
    with httpx.Client(base_url=server.url) as rest:
        answer = rest.post("/topics", json={"name": "orders"})
        assert (answer.status_code, answer.json()["status"]) == (202, "created")
        answer = post_text(rest, "/topics/orders/messages", f'{{"id":"{UUID}","payload":1}}')
        assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
        answer = rest.delete("/topics/orders")
        assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (204, b"", None)


async def test_a_default_of_last_n_counts_on_both_sides(specs: Specs, serve: Serve) -> None:
    with specs.opened("openapi.yaml") as document:
        document["paths"]["/topics/{name}/messages"]["get"]["parameters"][0]["schema"]["default"] = 2
    with specs.opened("schemas/subscribe.yaml") as subscribe:
        subscribe["properties"]["last_n"]["default"] = 1
    async with both_sides(serve(specs=specs.folder)) as sides:
        for number in range(3):
            assert sides.publish(f'{{"id":"{UUID}","payload":{number}}}') == 202
            assert (await sides.socket.receive())["message"]["payload"] == number
        for query, count in (("", 2), ("?last_n=3", 3), ("?last_n=0", 0)):
            assert len(sides.rest.get(f"/topics/orders/messages{query}").json()["events"]) == count
        assert (await sides.socket.subscribe("orders"))["type"] == "ack"
        assert (await sides.socket.receive())["message"]["payload"] == 2


async def test_commands_are_told_by_what_the_document_tells_them_by(specs: Specs, serve: Serve) -> None:
    for name in ("subscribe", "unsubscribe", "publish", "ping"):
        with specs.opened(f"schemas/{name}.yaml") as schema:
            schema["properties"]["kind"] = {"type": "string", "enum": [name.upper()]}
            del schema["properties"]["type"]
            schema["required"][0] = "kind"
    async with connected(serve(specs=specs.folder)) as socket:
        assert (await socket.ask({"kind": "PING", "request_id": "r"}))["type"] == "pong"
        answer = await socket.ask({"type": "ping"})
        expected = "kind is required: expected one of PING, PUBLISH, SUBSCRIBE, UNSUBSCRIBE"
        assert answer["error"]["message"] == expected
        subscribe = {"kind": "SUBSCRIBE", "topic": "none", "client_id": "s", "request_id": "r"}
        answer = await socket.ask(subscribe)
        assert (answer["error"]["code"], answer["request_id"]) == ("TOPIC_NOT_FOUND", "r")


async def test_a_new_required_field_is_asked_for_and_reaches_subscribers(specs: Specs, serve: Serve) -> None:
    specs.require("schemas/message.yaml", "trace", "{type: string, minLength: 2}")
    specs.require("schemas/publish.yaml", "trace", "{type: string}")
    async with both_sides(serve(specs=specs.folder)) as sides:
        without = f'{{"id":"{UUID}","payload":99.50}}'
        message = f'{{"trace":"t\\u0031", "id":"{UUID}","payload":99.50}}'
        await sides.refused(publish_frame(without, ',"trace":"x"'), "message.trace is required")
        await sides.refused(publish_frame(message), "trace is required")
        await sides.refused(publish_frame(message, ',"trace":5'), "trace must be a string, not 5")
        sides.refused_body("/topics/orders/messages", without, "trace is required")
        short = message.replace("t\\u0031", "t")
        await sides.refused(publish_frame(short, ',"trace":"x"'), "message.trace must have at least 2 characters")
        sides.refused_body("/topics/orders/messages", short, "trace must have at least 2 characters")

        assert (await sides.socket.ask(publish_frame(message, ',"trace":"x"')))["type"] == "ack"
        assert without_ts(await sides.socket.receive_text()) == event(message)
        assert sides.publish(message) == 202
        assert without_ts(await sides.socket.receive_text()) == event(message)
        assert len(sides.rest.get("/topics/orders/messages").json()["events"]) == 2


async def test_a_new_optional_field_is_taken_and_checked(specs: Specs, serve: Serve) -> None:
    specs.allow("schemas/message.yaml", "priority", "{type: integer, minimum: 1}")
    specs.allow("schemas/new_topic.yaml", "owner", "{type: string}")
    specs.allow("schemas/ping.yaml", "sent_at", "{$ref: timestamp.yaml}")
    async with both_sides(serve(specs=specs.folder)) as sides:
        plain = f'{{"id":"{UUID}","payload":null}}'
        urgent = plain.replace("null", 'null,"priority":1')
        for message in (plain, urgent):
            assert sides.publish(message) == 202
            assert without_ts(await sides.socket.receive_text()) == event(message)
            assert (await sides.socket.ask(publish_frame(message)))["type"] == "ack"
            assert without_ts(await sides.socket.receive_text()) == event(message)
        wrong = urgent.replace(":1}", ":0}")
        await sides.refused(publish_frame(wrong), "message.priority must be 1 or more")
        sides.refused_body("/topics/orders/messages", wrong, "priority must be 1 or more")
        assert sides.rest.post("/topics", json={"name": "a", "owner": "me"}).status_code == 201
        sides.refused_body("/topics", '{"name":"b","owner":null}', "owner must be a string, not null")
        sides.refused_body("/topics", '{"name":"b","colour":"red"}', "unknown field colour")
        assert (await sides.socket.ask({"type": "ping", "sent_at": "2025-08-25T10:00:00Z"}))["type"] == "pong"
        assert (await sides.socket.ask({"type": "ping", "sent_at": "now"}))["type"] == "error"


@pytest.fixture
def order_specs(specs: Specs) -> Specs:
    """Documents by which a payload is an order."""
    specs.edit(
        "schemas/message.yaml",
        "  payload:\n    description: Any JSON value, `null`, a string and a bare number included.\n",
        "  payload: {type: object, required: [order_id], properties: {order_id: {type: string, minLength: 1}}}\n",
    )
    return specs


@pytest.mark.parametrize(
    "payload",
    [
        '{"order_id":"ORD-1"}',
        '{ "amount" : 99.50,"order_id":"\\u004fRD-1" }',
        '{"order_id":"ORD-1","n":123456789012345678901234567890,"n":-0.0}',
        '{"order_id":"","order_id":"ORD-1"}',
        '{"order_id":"ORD-1","amount":1e400}',
        '{"order_id":"ORD-1","note":"\\ud800"}',
    ],
    ids=["plain", "spaces and escapes", "digits", "repeated key", "large number", "half a character"],
)
async def test_a_payload_with_a_schema_still_comes_out_byte_for_byte(
    order_specs: Specs, serve: Serve, payload: str
) -> None:
    async with both_sides(serve(specs=order_specs.folder)) as sides:
        message = f'{{"id":"{UUID}","payload":{payload}}}'
        assert (await sides.socket.ask(publish_frame(message)))["type"] == "ack"
        assert without_ts(await sides.socket.receive_text()) == event(message)
        assert sides.publish(message) == 202
        assert without_ts(await sides.socket.receive_text()) == event(message)


async def test_a_payload_that_breaks_its_schema_is_refused_on_both_sides(order_specs: Specs, serve: Serve) -> None:
    refused = {
        "{}": "payload.order_id is required",
        "null": "payload must be an object, not null",
        '["order_id"]': "payload must be an object, not an array",
        '{"order_id":5}': "payload.order_id must be a string, not 5",
        '{"order_id":""}': "payload.order_id must not be empty",
        '{"order_id":"ORD-1","order_id":""}': "payload.order_id must not be empty",
    }
    async with both_sides(serve(specs=order_specs.folder)) as sides:
        for payload, problem in refused.items():
            message = f'{{"id":"{UUID}","payload":{payload}}}'
            await sides.refused(publish_frame(message), f"message.{problem}")
            sides.refused_body("/topics/orders/messages", message, problem)
        assert sides.rest.get("/topics/orders").json()["messages"] == 0


PAYLOAD = "  payload:\n    description: Any JSON value, `null`, a string and a bare number included.\n"
ORDERS = {
    "const": ("{const: {$ref: none.yaml}}", '{"$ref":"none.yaml"}', '"x"', 'must be {"$ref": "none.yaml"}'),
    "if": (
        "{if: {required: [vip]}, then: {required: [name]}, else: {required: [id]}}",
        '{"vip":1,"name":"a"}',
        '{"vip":1,"id":2}',
        ".name is required",
    ),
    "patternProperties": (
        "{patternProperties: {'^n_': {type: integer}}, additionalProperties: false}",
        '{"n_a":1.0}',
        '{"n_a":"1"}',
        ".n_a must be an integer, not a string",
    ),
    "oneOf": (
        "{oneOf: [{type: string}, {type: array, items: [{type: string}, {type: integer}]}]}",
        '["a",1]',
        "5",
        "has none of the forms that the contract allows",
    ),
    "$defs": (
        "{$ref: '#/$defs/Size'}\n$defs: {Size: {type: integer, exclusiveMinimum: 3}}",
        "4",
        "3",
        "must be more than 3",
    ),
    "not, propertyNames, contains": (
        "{not: {type: 'null'}, propertyNames: {maxLength: 2}, contains: {const: 1}}",
        "[1]",
        "null",
        "is of a form that the contract excludes",
    ),
    "dependencies": ("{dependencies: {a: [b]}}", '{"a":1,"b":2}', '{"a":1}', ".b is required"),
    "a type of several": ("{type: [string, 'null']}", "null", "5", "must be null or a string, not 5"),
    "a part of another file": (
        "{$ref: 'more%20parts.json#/sizes/a~1b'}",
        '"S"',
        '"X"',
        'must be "S" or "L"',
    ),
    "itself": (
        "{$ref: '#/$defs/node'}\n$defs: {node: {type: object, required: [n], properties: {n: {type: integer}, "
        "next: {$ref: '#/$defs/node'}}}}",
        '{"n":1,"next":{"n":2,"next":{"n":3}}}',
        '{"n":1,"next":{"n":2,"next":{"n":"3"}}}',
        ".next.next.n must be an integer, not a string",
    ),
}
"""By what is in a payload's schema: the schema, a payload that keeps it, one that does not, and what is said."""


@pytest.mark.parametrize("name", ORDERS)
async def test_what_openapi_cannot_say_of_a_payload_holds_on_both_sides(specs: Specs, serve: Serve, name: str) -> None:
    schema, good, bad, problem = ORDERS[name]
    inside, _, beside = schema.partition("\n")
    specs.edit("schemas/message.yaml", PAYLOAD, f"  payload: {inside}\n")
    if beside:
        specs.edit("schemas/message.yaml", "\nproperties:\n", f"\n{beside}\nproperties:\n")
    (specs.folder / "schemas" / "more parts.json").write_text('{"sizes": {"a/b": {"enum": ["S", "L"]}}}')
    problem = f"payload{'' if problem[0] == '.' else ' '}{problem}"
    async with both_sides(serve(specs=specs.folder)) as sides:
        message = f'{{"id":"{UUID}","payload":{bad}}}'
        await sides.refused(publish_frame(message), f"message.{problem}")
        sides.refused_body("/topics/orders/messages", message, problem)
        message = f'{{"id":"{UUID}","payload":{good}}}'
        assert (await sides.socket.ask(publish_frame(message)))["type"] == "ack"
        assert without_ts(await sides.socket.receive_text()) == event(message)
        assert sides.publish(message) == 202
        assert without_ts(await sides.socket.receive_text()) == event(message)
        for document in ("openapi", "asyncapi"):
            served = sides.rest.get(f"/{document}.json").json()
            check_references(served)
            assert "$defs" not in json.dumps(served)


async def test_a_message_that_contains_itself_holds_on_both_sides(specs: Specs, serve: Serve) -> None:
    specs.allow("schemas/message.yaml", "answers_to", "{$ref: message.yaml}")
    async with both_sides(serve(specs=specs.folder)) as sides:
        inner = f'{{"id":"{UUID}","payload":[]}}'
        message = f'{{"id":"{UUID}","payload":1e400,"answers_to":{inner}}}'
        assert (await sides.socket.ask(publish_frame(message)))["type"] == "ack"
        assert without_ts(await sides.socket.receive_text()) == event(message)
        assert sides.publish(message) == 202
        assert without_ts(await sides.socket.receive_text()) == event(message)
        wrong = message.replace(inner, f'{{"id":"{UUID}","payload":1,"answers_to":{{}}}}')
        for side in ("message.answers_to.answers_to", "answers_to.answers_to"):
            problem = f"{side}.id is required; {side}.payload is required"
            if side.startswith("message"):
                await sides.refused(publish_frame(wrong), problem)
            else:
                sides.refused_body("/topics/orders/messages", wrong, problem)


async def test_a_reference_in_an_example_is_data(specs: Specs, serve: Serve) -> None:
    data = "{$ref: none.yaml, more: [{$ref: '#/nowhere'}]}"
    specs.edit("schemas/message.yaml", "\nexample:\n", f"\nx-data: {data}\ndefault: {data}\nexample:\n")
    specs.edit(
        "schemas/message.yaml", "payload: {order_id: ORD-123, amount: '99.5', currency: USD}", f"payload: {data}"
    )
    async with both_sides(serve(specs=specs.folder)) as sides:
        for name in ("openapi", "asyncapi"):
            schema = sides.rest.get(f"/{name}.json").json()["components"]["schemas"]["Message"]
            for found in (schema["x-data"], schema["default"], schema["example"]["payload"]):
                assert found == {"$ref": "none.yaml", "more": [{"$ref": "#/nowhere"}]}


async def test_asyncapi_3_1_is_served_as_it_is(specs: Specs, serve: Serve) -> None:
    specs.edit("asyncapi.yaml", "asyncapi: 3.0.0", "asyncapi: 3.1.0")
    async with both_sides(serve(specs=specs.folder)) as sides:
        assert sides.rest.get("/asyncapi.json").json()["asyncapi"] == "3.1.0"
        assert sides.publish(f'{{"id":"{UUID}","payload":1}}') == 202
        assert (await sides.socket.receive())["type"] == "event"


async def test_the_websocket_is_where_the_document_puts_it(specs: Specs, serve: Serve) -> None:
    specs.edit("asyncapi.yaml", "address: /ws", "address: /bus")
    server = serve(specs=specs.folder)
    with httpx.Client(base_url=server.url) as rest:
        assert rest.get("/").json()["links"]["websocket"] == "/bus"
        check_problem(rest.get("/bus"), 426, "this is the WebSocket; it wants an upgrade")
        check_problem(rest.get("/ws"), 404, 'there is nothing at "/ws"')
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(server.ws_url, proxy=None)
    assert refused.value.response.status_code == 404
    problem = json.loads(refused.value.response.body or b"")
    assert problem["detail"] == 'there is no WebSocket at "/ws"; it is at /bus'
    async with websockets.connect(server.ws_url.removesuffix("/ws") + "/bus", proxy=None) as raw:
        assert (await Socket(raw).ask({"type": "ping"}))["type"] == "pong"


def test_the_documents_that_are_served_are_those_it_runs_from(specs: Specs, serve: Serve) -> None:
    specs.edit("schemas/topic_name.yaml", "maxLength: 128", "maxLength: 8")
    server = serve(specs=specs.folder)
    for name in ("openapi", "asyncapi"):
        document = httpx.get(f"{server.url}/{name}.json").json()
        expected = served(name, specs.folder)
        if name == "asyncapi":
            expected["servers"]["this"]["host"] = f"127.0.0.1:{server.port}"
        assert document == expected
        assert document["components"]["schemas"]["TopicName"]["maxLength"] == 8


NEW_COMMAND = """operations:
  shout:
    action: receive
    channel: {$ref: '#/channels/bus'}
    messages:
    - $ref: '#/channels/bus/messages/Ping'
"""
NEW_PATH = """paths:
  /echo:
    get:
      operationId: getEcho
      responses:
        '200': {description: An echo.}
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        ("asyncapi.yaml", "^operations:\n", NEW_COMMAND, 'asyncapi.yaml: operation "shout" has no handler'),
        ("openapi.yaml", "^paths:\n", NEW_PATH, 'openapi.yaml: operation "getEcho" has no handler'),
        (
            "asyncapi.yaml",
            "^  unsubscribe:\n.*?(?=^  publish:\n)",
            "",
            'asyncapi.yaml: operation "unsubscribe" is missing, which the service cannot leave out',
        ),
        (
            "openapi.yaml",
            "^  /stats:\n.*?(?=^  /openapi)",
            "",
            'openapi.yaml: operation "getStats" is missing, which the service cannot leave out',
        ),
        ("openapi.yaml", "^info:", "info: [", "DIR/openapi.yaml: line 4 expected ',' or ']', but got ':'"),
        (
            "schemas/topic_name.yaml",
            "^title",
            "\ttitle",
            "DIR/schemas/topic_name.yaml: line 1 found character '\\t' that cannot start any token",
        ),
        (
            "schemas/topic_name.yaml",
            "^title",
            "title: X\ntitle",
            'DIR/schemas/topic_name.yaml: line 2 the key "title" stands twice',
        ),
        (
            "schemas/publish.yaml",
            "message.yaml",
            "massage.yaml",
            "DIR/schemas/publish.yaml: $ref to massage.yaml, which is not there",
        ),
        (
            "asyncapi.yaml",
            "#/components/messages/Pong",
            "#/components/messages/Nope",
            "DIR/asyncapi.yaml: $ref #/components/messages/Nope points at nothing",
        ),
        (
            "schemas/publish.yaml",
            "\\$ref: message.yaml",
            "$ref: https://example.org/message.yaml",
            "DIR/schemas/publish.yaml: $ref https://example.org/message.yaml: only files beside the document can be "
            "referred to, no URL",
        ),
        (
            "schemas/publish.yaml",
            "\\$ref: message.yaml",
            "$ref: ../../message.yaml",
            "DIR/schemas/publish.yaml: $ref ../../message.yaml: the file is outside DIR, the document's folder",
        ),
        (
            "openapi.yaml",
            "schema: {\\$ref: schemas/health.yaml}",
            "schema: {$ref: '#/components/schemas/Nope'}",
            "DIR/openapi.yaml: $ref #/components/schemas/Nope points at nothing",
        ),
    ],
    ids=[
        "new command",
        "new path",
        "command gone",
        "path gone",
        "yaml of a document",
        "yaml of a schema",
        "key twice",
        "$ref to a file",
        "$ref in asyncapi",
        "$ref to a URL",
        "$ref out of the folder",
        "$ref in openapi",
    ],
)
def test_a_broken_document_stops_the_start_with_one_line(
    specs: Specs, file: str, old: str, new: str, line: str
) -> None:
    path = specs.folder / file
    text, count = re.subn(old, lambda _: new, path.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert count == 1
    path.write_text(text)
    assert broken_line(specs) == line


@pytest.mark.parametrize("file", ["openapi.yaml", "asyncapi.yaml"])
def test_a_document_that_is_not_there_stops_the_start(specs: Specs, file: str) -> None:
    (specs.folder / file).unlink()
    assert broken_line(specs) == f"DIR/{file}: No such file or directory"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("type: string", "type: strin"),
        ("maxLength: 128", "maxLength: many"),
        ("maxLength: 128", "maxLength: -1"),
        ("pattern: ^", "pattern: ^("),
    ],
)
def test_a_bad_schema_stops_the_start_with_a_line_that_says_where_it_is(specs: Specs, old: str, new: str) -> None:
    specs.edit("schemas/topic_name.yaml", old, new)
    line = broken_line(specs)
    assert "not a JSON Schema" in line
    assert "topic" in line.lower()


def needed(operation: str, field: str, type_: str) -> str:
    return f'asyncapi.yaml: operation "{operation}": its {field} must be a required {type_}'


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("openapi.yaml", "  /topics/{name}/messages:", "  /topics/{topic}/messages:", "/topics/{topic}/messages"),
        ("schemas/message.yaml", "x-verbatim: true\n", "", "x-verbatim"),
        (
            "openapi.yaml",
            "schema: {type: integer, minimum: 0}",
            "schema: {type: string}",
            'openapi.yaml: operation "getMessages": its parameter last_n must be of type integer',
        ),
        (
            "openapi.yaml",
            "schema: {$ref: schemas/topic_name.yaml}",
            "schema: {type: integer}",
            'openapi.yaml: operation "getTopic": its parameter name must be of type string',
        ),
        (
            "schemas/new_topic.yaml",
            "required: [name]\n",
            "",
            'openapi.yaml: operation "createTopic": its body must have a required string name',
        ),
        ("schemas/subscribe.yaml", "type, topic,", "type,", needed("subscribe", "topic", "string")),
        ("schemas/unsubscribe.yaml", "type, topic,", "type,", needed("unsubscribe", "topic", "string")),
        ("schemas/publish.yaml", "type, topic,", "type,", needed("publish", "topic", "string")),
        ("schemas/publish.yaml", "$ref: topic_name.yaml", "type: integer", needed("publish", "topic", "string")),
        ("schemas/publish.yaml", "topic, message]", "topic]", needed("publish", "message", "object")),
    ],
)
def test_a_document_under_which_a_handler_must_fail_stops_the_start(
    specs: Specs, file: str, old: str, new: str, named: str
) -> None:
    specs.edit(file, old, new)
    assert named in broken_line(specs)
