"""The two documents themselves: valid, complete, with examples, and in what every reader of them understands."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator

from specbus.contract.commands import WebSocketContract
from specbus.contract.requests import RestContract
from specbus.contract.schema import Schema
from specbus.spec.bundle import bundle
from specbus.spec.files import read
from specbus.spec.pointer import at
from specbus.spec.references import resolved
from tests.support.documents import SPECS

OPENAPI = bundle(SPECS / "openapi.yaml")
ASYNCAPI = bundle(SPECS / "asyncapi.yaml")
BUNDLES = {"openapi": OPENAPI, "asyncapi": ASYNCAPI}
FILES = {file.name: read(file) for file in sorted(SPECS.glob("schemas/*.yaml"))}


def nodes(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every node of a document, with where it is."""
    yield place, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from nodes(value, f"{place}/{key}")


# Validity.


def _source(name: str) -> Any:
    return yaml.safe_load((SPECS / f"{name}.yaml").read_text())


@pytest.mark.parametrize("document", [_source("openapi"), OPENAPI], ids=["as written", "bundled"])
def test_the_openapi_document_is_valid(document: Any) -> None:
    base = (SPECS / "openapi.yaml").as_uri()
    assert [str(error.message) for error in OpenAPIV30SpecValidator(document, base_uri=base).iter_errors()] == []
    assert not OpenAPIV30SpecValidator({**document, "info": {}}, base_uri=base).is_valid()


@pytest.mark.parametrize("name", BUNDLES)
def test_every_reference_leads_somewhere(name: str) -> None:
    document = BUNDLES[name]
    found = [node["$ref"] for _, node in nodes(document) if isinstance(node, dict) and "$ref" in node]
    assert len(found) > 20
    for ref in found:
        assert at(document, ref)


def test_every_schema_file_is_used_and_every_component_too() -> None:
    used = {file for name in BUNDLES for file in BUNDLES[name]["components"]["schemas"]}
    assert {content["title"] for content in FILES.values()} == used
    for document in BUNDLES.values():
        refs = {node["$ref"] for _, node in nodes(document) if isinstance(node, dict) and "$ref" in node}
        schemes = {scheme for place, _ in nodes(document) for scheme in re.findall(r"/security/\d+/(\w+)$", place)}
        for kind, components in document["components"].items():
            for component in components:
                assert f"#/components/{kind}/{component}" in refs or component in schemes, f"{kind}/{component}"


# Examples.


def examples(document: Any) -> dict[str, tuple[Any, Any]]:
    """The examples of schemas, parameters and messages by their places, each with its schema."""
    found = {}
    for place, node in nodes(document):
        if not isinstance(node, dict) or place.endswith("/properties"):
            continue
        if "example" in node:
            found[f"{place}/example"] = (node["example"], node.get("schema", node))
        for key, example in _listed(node):
            value = example.get("payload", example.get("value"))
            found[f"{place}/examples/{key}"] = (value, node.get("payload", node.get("schema")))
    return {place: (value, resolved(document, schema)) for place, (value, schema) in found.items()}


def _listed(node: dict[str, Any]) -> list[tuple[Any, Any]]:
    listed = node.get("examples", {})
    return [*(listed.items() if isinstance(listed, dict) else enumerate(listed))]


EXAMPLES = {f"{name}{place}": case for name in BUNDLES for place, case in examples(BUNDLES[name]).items()}


@pytest.mark.parametrize("place", EXAMPLES)
def test_every_example_keeps_its_schema(place: str) -> None:
    value, schema = EXAMPLES[place]
    assert Schema(schema, place).problems(value) == []


def test_the_examples_are_found() -> None:
    assert {
        "openapi/paths//topics/{name}/messages/get/parameters/0/example",
        "openapi/components/parameters/TopicName/example",
        "openapi/components/schemas/Problem/example",
        "asyncapi/components/messages/Subscribe/examples/1",
        "asyncapi/components/messages/Error/examples/1",
        "asyncapi/components/schemas/TopicName/example",
    } <= EXAMPLES.keys()


@pytest.mark.parametrize("name", FILES)
def test_every_object_has_an_example(name: str) -> None:
    assert FILES[name]["type"] != "object" or "example" in FILES[name]


# AsyncAPI.

OPERATIONS: dict[str, Any] = ASYNCAPI["operations"]
MESSAGES: dict[str, Any] = ASYNCAPI["components"]["messages"]


def _refs(node: Any) -> set[str]:
    return {inner["$ref"] for _, inner in nodes(node) if isinstance(inner, dict) and "$ref" in inner}


def test_every_message_is_used_by_an_operation_or_a_reply() -> None:
    (channel,) = ASYNCAPI["channels"]
    assert ASYNCAPI["channels"][channel]["address"] == "/ws"
    listed = ASYNCAPI["channels"][channel]["messages"]
    assert {name: message["$ref"] for name, message in listed.items()} == {
        name: f"#/components/messages/{name}" for name in MESSAGES
    }
    used = {ref for ref in _refs(OPERATIONS) if ref.startswith(f"#/channels/{channel}/messages/")}
    assert used == {f"#/channels/{channel}/messages/{name}" for name in listed}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_described(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["title"]
    assert operation["summary"].endswith(".")
    assert operation["description"].endswith(".")
    assert operation["channel"] == {"$ref": "#/channels/bus"}


def test_every_command_is_answered_in_its_channel() -> None:
    answers = {
        name: (
            operation["reply"]["channel"]["$ref"],
            [ref.rpartition("/")[2] for ref in sorted(_refs(operation["reply"]["messages"]))],
        )
        for name, operation in OPERATIONS.items()
        if operation["action"] == "receive"
    }
    assert answers == {
        "subscribe": ("#/channels/bus", ["Ack", "Error"]),
        "unsubscribe": ("#/channels/bus", ["Ack", "Error"]),
        "publish": ("#/channels/bus", ["Ack", "Error"]),
        "ping": ("#/channels/bus", ["Error", "Pong"]),
    }


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_described_and_exemplified(name: str) -> None:
    message = MESSAGES[name]
    assert message["name"] == name
    assert message["title"]
    assert message["summary"].endswith(".")
    assert message["description"].endswith(".")
    assert message["examples"]
    assert len({example["name"] for example in message["examples"]}) == len(message["examples"])


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_a_correlation_id_just_where_it_has_a_request_id(name: str) -> None:
    message = resolved(ASYNCAPI, MESSAGES[name])
    location = message.get("correlationId", {}).get("location")
    assert location == ("$message.payload#/request_id" if "request_id" in message["payload"]["properties"] else None)


# OpenAPI.

METHODS = {
    f"{method.upper()} {path}": (path, method)
    for path, item in OPENAPI["paths"].items()
    for method in item
    if method != "parameters"
}


def operation(name: str) -> tuple[str, Any]:
    """The path and the operation object called `name`, without references."""
    path, method = METHODS[name]
    return path, resolved(OPENAPI, OPENAPI["paths"][path][method])


@pytest.mark.parametrize("name", METHODS)
def test_every_request_is_described(name: str) -> None:
    _, node = operation(name)
    assert node["summary"]
    assert node["description"].endswith(".")
    assert node["tags"]
    assert {*node["tags"]} <= {tag["name"] for tag in OPENAPI["tags"]}


@pytest.mark.parametrize("name", METHODS)
def test_every_request_has_the_statuses_that_it_can_give(name: str) -> None:
    path, node = operation(name)
    errors = {status for status in node["responses"] if status >= "400"}
    expected = {"400", "403", "405", "500", "503"}
    expected |= {"401"} if node.get("security") != [] else set()
    expected |= {"404"} if "{name}" in path else set()
    expected |= {"408", "413", "415"} if "requestBody" in node else set()
    assert errors - {"409"} == expected
    assert ("409" in errors) == (node["operationId"] == "createTopic")
    (success,) = node["responses"].keys() - errors
    assert success == {"createTopic": "201", "publishMessage": "202"}.get(node["operationId"], "200")
    pages = ["text/html"] if node["operationId"] == "getIndex" else []
    assert [*node["responses"][success]["content"]] == ["application/json", *pages]


@pytest.mark.parametrize("name", METHODS)
def test_every_error_is_a_problem_document(name: str) -> None:
    problem = resolved(OPENAPI, OPENAPI["components"]["schemas"]["Problem"])
    for status, response in operation(name)[1]["responses"].items():
        if status >= "400":
            assert response["content"].keys() == {"application/problem+json"}, status
            media = response["content"]["application/problem+json"]
            assert media["schema"] == problem, status
            # The example is one of this error, not of any.
            assert media.get("example", {"status": int(status)})["status"] == int(status)


@pytest.mark.parametrize(("status", "header"), [("405", "Allow"), ("401", "WWW-Authenticate"), ("201", "Location")])
def test_headers_are_required_where_http_wants_them(status: str, header: str) -> None:
    responses = {name: operation(name)[1]["responses"].get(status) for name in METHODS}
    declared = {name: response for name, response in responses.items() if response}
    assert declared
    for name, response in declared.items():
        assert response["headers"][header]["required"] is True, name


def test_all_but_health_may_want_a_key() -> None:
    assert OPENAPI["security"] == [{}, {"apiKey": []}]
    open_to_all = [name for name in METHODS if "security" in operation(name)[1]]
    assert open_to_all == ["GET /health"]
    assert operation("GET /health")[1]["security"] == []


def test_links_lead_to_operations_with_all_they_need() -> None:
    by_id = {operation(name)[1]["operationId"]: METHODS[name] for name in METHODS}
    links = {}
    for name in METHODS:
        for status, response in operation(name)[1]["responses"].items():
            for link in response.get("links", {}).values():
                links[name, link["operationId"]] = link["parameters"]
                path, method = by_id[link["operationId"]]
                assert {*link["parameters"]} == {*re.findall(r"{(\w+)}", path)}
                (body,) = (media["schema"] for media in response["content"].values())
                for expression in link["parameters"].values():
                    assert expression.removeprefix("$response.body#/") in body["required"], (name, status, method)
    assert links.keys() >= {
        ("POST /topics", "getTopic"),
        ("POST /topics", "deleteTopic"),
        ("POST /topics", "publishMessage"),
        ("POST /topics", "getMessages"),
    }


# The shared schemas.

SHARED = {name: content for name, content in FILES.items() if content["title"] in OPENAPI["components"]["schemas"]}
"""What connexion reads too, which takes OpenAPI 3.0 and no more."""


def test_titles_are_unique_names() -> None:
    titles = [content["title"] for content in FILES.values()]
    assert len({*titles}) == len(titles)
    for name, content in FILES.items():
        assert re.fullmatch("([A-Z][a-z0-9]*)+", content["title"])
        assert re.sub("(?<!^)([A-Z])", r"_\1", content["title"]).lower() + ".yaml" == name
    inner = [
        node["title"]
        for content in FILES.values()
        for place, node in nodes(content)
        if place and isinstance(node, dict) and isinstance(node.get("title"), str)
    ]
    assert not {*inner} & {*titles}


@pytest.mark.parametrize("name", FILES)
def test_a_schema_file_is_described(name: str) -> None:
    assert FILES[name]["description"].endswith(".")


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_schema_is_in_what_all_readers_understand(name: str) -> None:
    content = SHARED[name]
    assert isinstance(content["type"], str)
    for place, node in nodes(content):
        if not isinstance(node, dict) or place.startswith("/example") or place.endswith("/properties"):
            continue
        assert not {"nullable", "const", "if", "$defs", "definitions", "patternProperties", "examples"} & node.keys(), (
            place
        )
        assert isinstance(node.get("exclusiveMinimum", True), bool), place
        assert isinstance(node.get("exclusiveMaximum", True), bool), place
        assert isinstance(node.get("type", ""), str), place
        assert "$ref" not in node or [*node] == ["$ref"], place
        assert "#" not in node.get("$ref", ""), place
        pattern = node.get("pattern", "^$")
        assert pattern.isascii(), place
        assert not re.search(r"\\[wWdDsSbBpP]|\(\?", pattern), place
        assert pattern[0] == "^", place
        assert pattern[-1] == "$", place


@pytest.mark.parametrize("name", FILES)
def test_no_schema_contains_itself(name: str) -> None:
    def follow(file: str, inside: tuple[str, ...]) -> None:
        assert file not in inside
        for ref in _refs(FILES[file]):
            follow(ref, (*inside, file))

    follow(name, ())


# What existing clients speak.

CLIENT_FRAMES = [
    '{"type":"subscribe","topic":"orders","client_id":"s1","last_n":5,"request_id":"550e8400-e29b-41d4-a716-446655440000"}',
    '{"type":"unsubscribe","topic":"orders","client_id":"s1","request_id":"340e8400-e29b-41d4-a716-4466554480098"}',
    '{"type":"publish","topic":"orders","message":{"id":"550e8400-e29b-41d4-a716-446655440000","payload":{"order_id":"ORD-123","amount":"99.5","currency":"USD"}},"request_id":"340e8400-e29b-41d4-a716-4466554480098"}',
    '{"type":"ping","request_id":"570t8400-e29b-41d4-a716-4466554412345"}',
]
SERVER_FRAMES = [
    '{"type":"ack","request_id":"550e8400-e29b-41d4-a716-446655440000","topic":"orders","status":"ok","ts":"2025-08-25T10:00:00Z"}',
    '{"type":"event","topic":"orders","message":{"id":"550e8400-e29b-41d4-a716-446655440000","payload":{"order_id":"ORD-123","amount":99.5,"currency":"USD"}},"offset":42,"ts":"2025-08-25T10:01:00Z"}',
    (
        '{"type":"error","request_id":"req-67890",'
        '"error":{"code":"BAD_REQUEST","message":"message.id must be a valid UUID"},"ts":"2025-08-25T10:02:00Z"}'
    ),
    '{"type":"pong","request_id":"ping-abc","ts":"2025-08-25T10:03:00Z"}',
    '{"type":"info","msg":"ping","ts":"2025-08-25T10:04:00Z"}',
    '{"type":"info","topic":"orders","msg":"topic_deleted","ts":"2025-08-25T10:05:00Z"}',
]
BODIES = [
    ("TopicCreated", {"status": "created", "topic": "orders"}),
    ("TopicDeleted", {"status": "deleted", "topic": "orders"}),
    ("TopicList", {"topics": [{"name": "orders", "subscribers": 3}]}),
    ("Health", {"uptime_sec": 123, "topics": 2, "subscribers": 4}),
    ("TopicStats", {"messages": 42, "subscribers": 3}),
]
COMMANDS = [json.loads(text)["type"] for text in CLIENT_FRAMES]
"""The operations that take them, each of which is named after the type of its frames."""


@pytest.fixture(scope="module")
def websocket() -> WebSocketContract[str]:
    return WebSocketContract(SPECS / "asyncapi.yaml", {name: name for name in COMMANDS})


@pytest.mark.parametrize(("text", "handler"), [*zip(CLIENT_FRAMES, COMMANDS, strict=True)])
def test_the_frames_of_clients_are_dispatched(websocket: WebSocketContract[str], text: str, handler: str) -> None:
    found, frame = websocket.dispatch(text.encode())
    assert found == handler
    expected = json.loads(text)
    if handler == "publish":
        assert json.loads(frame["message"].text) == expected["message"]
        expected["message"]["payload"] = None
    assert frame == expected


@pytest.mark.parametrize("text", SERVER_FRAMES)
def test_the_frames_of_the_service_are_declared(websocket: WebSocketContract[str], text: str) -> None:
    assert websocket.problems_of_sent(text.encode()) == []


REQUIRED = {
    "subscribe": {"type", "topic", "client_id"},
    "unsubscribe": {"type", "topic", "client_id"},
    "publish": {"type", "topic", "message"},
    "ping": {"type"},
    "message": {"id", "payload"},
    "new_topic": {"name"},
}


@pytest.mark.parametrize("name", REQUIRED)
def test_what_clients_must_and_may_send_is_settled(name: str) -> None:
    schema = FILES[f"{name}.yaml"]
    assert {*schema["required"]} == REQUIRED[name]
    assert schema["additionalProperties"] is False


def test_what_is_in_many_places_is_constrained_in_one() -> None:
    ones = {"topic": "topic_name", "ts": "timestamp"} | {name: name for name in ("request_id", "client_id", "message")}
    for name, content in FILES.items():
        fields = content.get("properties", {})
        for field, file in ones.items():
            if field in fields and name != "error_detail.yaml":
                assert fields[field] == {"$ref": f"{file}.yaml"}, name
    for name in ("new_topic", "topic_detail", "topic_summary"):
        assert FILES[f"{name}.yaml"]["properties"]["name"] == {"$ref": "topic_name.yaml"}
    assert OPENAPI["components"]["parameters"]["TopicName"]["schema"] == {"$ref": "#/components/schemas/TopicName"}


@pytest.mark.parametrize(("title", "body"), BODIES)
def test_no_field_of_a_body_is_renamed_or_dropped(title: str, body: dict[str, Any]) -> None:
    schema = resolved(OPENAPI, OPENAPI["components"]["schemas"][title])
    assert body.keys() <= {*schema["required"]}
    assert Schema(schema, title).problems({**schema["example"], **body}) == []


@pytest.mark.parametrize(
    ("name", "bodies"),
    [
        ("createTopic", [b'{"name":"orders"}']),
        (
            "publishMessage",
            [
                b'{"id":"550e8400-e29b-41d4-a716-446655440000","payload":null}',
                b'{"id":"550e8400-e29b-41d4-a716-446655440000","payload":"99.5"}',
            ],
        ),
    ],
)
def test_the_bodies_of_clients_are_taken(name: str, bodies: list[bytes]) -> None:
    body = RestContract(SPECS / "openapi.yaml").operations[name].body
    assert body is not None
    for data in bodies:
        assert {**body.parse(data), "payload": 0} == {**json.loads(data), "payload": 0}


def test_the_error_codes_are_those_of_the_wire() -> None:
    codes = {"BAD_REQUEST", "TOPIC_NOT_FOUND", "SLOW_CONSUMER", "UNAUTHORIZED", "INTERNAL"}
    assert codes <= {*FILES["error_code.yaml"]["enum"]}
    for code in FILES["error_code.yaml"]["enum"]:
        assert f"`{code}`: " in FILES["error_code.yaml"]["description"]
