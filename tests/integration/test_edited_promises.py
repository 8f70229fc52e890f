"""Edited documents that say of the service what it does not do stop the start, with one line; lawful ones do not.

None of these needs a socket: what is judged is what the service would say, before it starts.
"""

from collections.abc import Callable
from typing import Any

import pytest

from specbus.app import App
from specbus.settings import Auth, Settings
from specbus.spec import ContractError
from tests.support.edited import Specs

Edit = Callable[[Any], object]
KEY = Auth(api_key="k")  # type: ignore[arg-type] # pydantic makes a secret of it


def start(specs: Specs, auth: Auth | None = None) -> App:
    """The service, from edited documents. Raises ContractError."""
    return App(Settings(specs=specs.folder, auth=auth or Auth()))


def stopped(specs: Specs, auth: Auth | None = None) -> str:
    """The line with which the service refuses to start."""
    with pytest.raises(ContractError) as stop:
        start(specs, auth)
    line = str(stop.value)
    assert "\n" not in line
    return line


def edit(specs: Specs, file: str, *steps: str | int, value: Any) -> None:
    """Put `value` where `steps` lead in `file`; None takes away what is there, a function changes it."""
    with specs.opened(file) as content:
        node: Any = content
        for step in steps[:-1]:
            node = node[step]
        if value is None:
            del node[steps[-1]]
        elif callable(value):
            value(node[steps[-1]])
        else:
            node[steps[-1]] = value


def renamed(old: str, new: str) -> Edit:
    """Have a schema's field have another name."""

    def rename(schema: dict[str, Any]) -> None:
        schema["properties"][new] = schema["properties"].pop(old)
        schema["required"] = [new if name == old else name for name in schema["required"]]

    return rename


def rename(specs: Specs, old: str, new: str, *names: str) -> None:
    """Have a field of the schemas of those names have another name."""
    for name in names:
        with specs.opened(f"schemas/{name}.yaml") as schema:
            renamed(old, new)(schema)


MESSAGES = "asyncapi.yaml: #/components/messages"
OPERATIONS = "asyncapi.yaml: #/operations"
NOT_SENT = "is required, but the service sends no such field: make it optional"

FRAMES: list[tuple[str, tuple[str | int, ...], Any, str]] = [
    ("ack", ("required",), lambda names: names.append("server"), f"{MESSAGES}/Ack/payload: server {NOT_SENT}"),
    ("ack", ("required",), lambda names: names.append("position"), f"{MESSAGES}/Ack/payload: position {NOT_SENT}"),
    ("ack", ("required",), lambda names: names.append("request_id"), f"{MESSAGES}/Ack/payload: request_id {NOT_SENT}"),
    (
        "ack",
        ("properties", "status", "enum"),
        ["done"],
        f'{MESSAGES}/Ack/payload: status must be "done", but the service may send "ok": allow that',
    ),
    (
        "ack",
        ("properties", "request_id"),
        {"type": "string", "maxLength": 8},
        f"{MESSAGES}/Ack/payload: request_id must have at most 8 characters, but the service may send "
        '"550e8400-e29b-41d4-a716-446655440000": allow that',
    ),
    (
        "ping",
        ("properties", "request_id"),
        {"type": "integer"},
        f"{MESSAGES}/Error/payload: request_id must be a string, not 1, but the service may send 1: allow that",
    ),
    ("event", ("required",), lambda names: names.append("seq"), f"{MESSAGES}/Event/payload: seq {NOT_SENT}"),
    (
        "event",
        ("properties", "message"),
        {"type": "object", "properties": {"payload": {"type": "object"}}},
        f"{MESSAGES}/Event/payload: message.payload must be an object, not a string, "
        'but the service may send "text": allow that',
    ),
    (
        "error_code",
        ("enum",),
        lambda codes: codes.remove("LIMIT_EXCEEDED"),
        f'{MESSAGES}/Error/payload: error.code must be "BAD_REQUEST" or "TOPIC_NOT_FOUND" or "SLOW_CONSUMER" or '
        '"UNAUTHORIZED" or "INTERNAL", but the service may send "LIMIT_EXCEEDED": allow that',
    ),
    (
        "info",
        ("properties", "msg", "enum"),
        ["ping"],
        f'{MESSAGES}/Info/payload: msg must be "ping", but the service may send "topic_deleted": allow that',
    ),
    (
        "offset",
        ("type",),
        "string",
        f"{MESSAGES}/Ack/payload: position.offset must be a string, not 0, but the service may send 0: allow that",
    ),
    (
        "subscribe",
        ("properties", "last_n"),
        {"type": ["integer", "null"]},
        'asyncapi.yaml: operation "subscribe": its last_n must be of type integer',
    ),
    (
        "subscribe",
        ("properties", "last_n", "default"),
        "2",
        'asyncapi.yaml: operation "subscribe": the default of its last_n must be an integer',
    ),
    (
        "subscribe",
        ("properties", "last_n"),
        None,
        f'{OPERATIONS}/subscribe/x-stream/once: "last_n" is no field of the operation\'s message: name one that is',
    ),
    (
        "ack",
        ("properties", "type", "enum"),
        ["ok"],
        f'{OPERATIONS}/subscribe/reply: the service sends a message whose type is "ack": list one',
    ),
]


@pytest.mark.parametrize(("schema", "steps", "value", "line"), FRAMES)
def test_a_frame_that_is_said_otherwise_stops_the_start(
    specs: Specs, schema: str, steps: tuple[str | int, ...], value: Any, line: str
) -> None:
    edit(specs, f"schemas/{schema}.yaml", *steps, value=value)
    assert stopped(specs) == line


def test_a_field_that_is_sent_and_excluded_stops_the_start(specs: Specs) -> None:
    with specs.opened("schemas/ack.yaml") as ack:
        ack["additionalProperties"] = False
        del ack["properties"]["position"]
    line = f"{MESSAGES}/Ack/payload: unknown field position, which the service sends: allow it"
    assert stopped(specs) == line


def test_a_time_of_another_type_stops_the_start(specs: Specs) -> None:
    (specs.folder / "schemas" / "timestamp.yaml").write_text("type: integer")
    assert ": ts must be an integer, not a string, but the service may send " in stopped(specs)


@pytest.mark.parametrize("schema", ["ack", "event"])
def test_a_topic_of_another_name_in_what_is_said_stops_the_start(specs: Specs, schema: str) -> None:
    rename(specs, "topic", "channel", schema)
    assert stopped(specs) == f"{MESSAGES}/{schema.capitalize()}/payload: channel {NOT_SENT}"


def test_another_tag_in_what_is_said_stops_the_start(specs: Specs) -> None:
    rename(specs, "type", "kind", "ack", "pong", "error", "event", "info")
    assert stopped(specs) == f'{OPERATIONS}: what the service sends must be told apart by "type", not by "kind"'


@pytest.mark.parametrize(
    ("steps", "value", "line"),
    [
        (
            ("operations", "ping", "reply", "messages", 0, "$ref"),
            "#/channels/bus/messages/Ack",
            '/ping/reply: the service sends a message whose type is "pong": list one',
        ),
        (("operations", "event"), None, ': the service sends a message whose type is "event": list one'),
        (("operations", "info"), None, ': the service sends a message whose type is "info": list one'),
        (
            ("operations", "subscribe", "x-stream", "key"),
            "channel",
            '/subscribe/x-stream/key: must be "topic", as the service has it',
        ),
        (
            ("operations", "subscribe", "x-stream", "replay"),
            "replay",
            '/subscribe/x-stream/replay: must be "last_n", as the service has it',
        ),
        (
            ("operations", "subscribe", "x-stream", "stop"),
            "ping",
            '/subscribe/x-stream/stop: must be "unsubscribe", as the service has it',
        ),
        (
            ("operations", "subscribe", "x-stream", "events"),
            "Info",
            '/subscribe/x-stream/events: must be the name of the message whose type is "event"',
        ),
        (
            ("operations", "subscribe", "x-stream", "ended", "where"),
            {"msg": "gone"},
            "/subscribe/x-stream/ended/where: must be what the service sends: msg: topic_deleted",
        ),
        (
            ("operations", "subscribe", "x-stream", "dropped", "count"),
            "lost",
            "/subscribe/x-stream/dropped/count: must lead to a number that the service sends: error/dropped",
        ),
        (
            ("operations", "subscribe", "x-stream", "once"),
            ["note"],
            '/subscribe/x-stream/once: "note" is no field of the operation\'s message: name one that is',
        ),
        (
            ("operations", "ping", "x-stream"),
            {"key": "topic"},
            '/ping/x-stream: must be at the operation "subscribe", where the service does that',
        ),
        (("operations", "subscribe", "x-stream"), "topic", "/subscribe/x-stream: must be a mapping"),
        (
            ("operations", "publish", "x-publish"),
            {"key": "channel", "message": "message"},
            '/publish/x-publish/key: must be "topic", as the service has it',
        ),
        (
            ("operations", "info", "x-heartbeat"),
            {"message": "Info", "where": {"msg": "beat"}},
            "/info/x-heartbeat/where: must be what the service sends: msg: ping",
        ),
    ],
)
def test_operations_that_are_otherwise_stop_the_start(
    specs: Specs, steps: tuple[str | int, ...], value: Any, line: str
) -> None:
    edit(specs, "asyncapi.yaml", *steps, value=value)
    assert stopped(specs) == f"{OPERATIONS}{line}"


@pytest.mark.parametrize(
    ("extension", "value", "line"),
    [
        (
            "x-error",
            {"code": "code", "message": "error/message"},
            '/code: must be "error/code", where the service has it',
        ),
        (
            "x-on-invalid",
            {"properties": {"error": {"properties": {"code": {"enum": ["INVALID"]}}}}},
            ': error.code must be "INVALID", but the service may send "BAD_REQUEST": allow that',
        ),
    ],
)
def test_extensions_of_an_error_that_are_otherwise_stop_the_start(
    specs: Specs, extension: str, value: Any, line: str
) -> None:
    edit(specs, "asyncapi.yaml", "components", "messages", "Error", extension, value=value)
    assert stopped(specs) == f"{MESSAGES}/Error/{extension}{line}"


def test_a_replay_that_is_asked_for_by_another_name_stops_the_start(specs: Specs) -> None:
    edit(specs, "schemas/subscribe.yaml", "properties", value=lambda fields: fields.update(n=fields.pop("last_n")))
    edit(specs, "asyncapi.yaml", "operations", "subscribe", "x-stream", "once", value=["n"])
    line = 'the service replays what "last_n" asks for, and knows no field of another name'
    assert stopped(specs) == f"{OPERATIONS}/subscribe/x-stream/once: {line}"


@pytest.mark.parametrize("address", ["/ws/{room}", "/ws?a=1"])
def test_an_address_that_is_no_plain_path_stops_the_start(specs: Specs, address: str) -> None:
    edit(specs, "asyncapi.yaml", "channels", "bus", "address", value=address)
    assert stopped(specs) == "asyncapi.yaml: #/channels/bus: its address must have neither parameters nor a query"


@pytest.mark.parametrize(("message", "field"), [("Ack", "position"), ("Pong", "ts"), ("Error", "topic")])
def test_an_id_in_a_field_that_says_something_else_stops_the_start(specs: Specs, message: str, field: str) -> None:
    location = f"$message.payload#/{field}"
    if field == "position":
        edit(specs, "schemas/position.yaml", "type", value="string")
    edit(specs, "asyncapi.yaml", "components", "messages", message, "correlationId", value={"location": location})
    words = f'the correlationId of "{message.lower()}" is {field}, in which the service says something else'
    assert stopped(specs) == f"asyncapi.yaml: {words}: name a field of its own"


def test_a_path_before_the_address_stops_the_start(specs: Specs) -> None:
    edit(specs, "asyncapi.yaml", "servers", "this", "pathname", value="/api")
    assert stopped(specs) == 'asyncapi.yaml: #/servers/this/pathname must be "/", where the service is'


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_documents_need_what_they_are_called(specs: Specs, name: str) -> None:
    edit(specs, f"{name}.yaml", "info", value=None)
    assert stopped(specs) == f"{name}.yaml: needs 'info'"


@pytest.mark.parametrize(("name", "type_"), [("openapi", "apiKey"), ("asyncapi", "httpApiKey")])
def test_another_way_to_show_a_key_stops_the_start(specs: Specs, name: str, type_: str) -> None:
    scheme = ("components", "securitySchemes", "apiKey")
    edit(specs, f"{name}.yaml", *scheme, "name", value="X-Token")
    words = f"must be of type {type_}, in header, with the name X-API-Key: the service knows no other way"
    assert stopped(specs) == f"{name}.yaml: #/{'/'.join(scheme)}: {words}"


def test_a_key_that_no_operation_asks_for_stops_the_start(specs: Specs) -> None:
    edit(specs, "openapi.yaml", "security", value=None)
    start(specs)
    assert stopped(specs, KEY) == "openapi.yaml: security: a key is set, but no operation asks for one"


def test_security_by_a_scheme_that_is_not_there_stops_the_start(specs: Specs) -> None:
    edit(specs, "openapi.yaml", "security", value=[{"token": []}])
    line = 'openapi.yaml: operation "getIndex": its security has token, which is not in #/components/securitySchemes'
    assert stopped(specs) == line


# REST

TOPIC = ("paths", "/topics/{name}")
MESSAGES_PATH = ("paths", "/topics/{name}/messages")
CREATE = ("paths", "/topics", "post", "responses")
ETAG = {"ETag": {"required": True, "schema": {"type": "string"}}}

REST: list[tuple[str, tuple[str | int, ...], Any, str]] = [
    (
        "openapi",
        (*MESSAGES_PATH, "post", "responses", "202"),
        None,
        'operation "publishMessage": needs a response for its success, such as 202',
    ),
    (
        "openapi",
        (*TOPIC, "get", "responses", "404"),
        None,
        'operation "getTopic": needs the response "404", which the service gives',
    ),
    ("openapi", (*CREATE, "409"), None, 'operation "createTopic": needs the response "409", which the service gives'),
    (
        "openapi",
        (*CREATE, "201", "headers"),
        lambda headers: headers.update(ETAG),
        'operation "createTopic": response 201: etag is required, but the service sends no such header: '
        "make it optional",
    ),
    (
        "openapi",
        ("paths", "/stats", "get", "responses", "200", "content"),
        {"application/xml": {"schema": {}}},
        'operation "getStats": response 200: its content must have application/json, which the service sends',
    ),
    (
        "openapi",
        (*MESSAGES_PATH, "get", "parameters", 0, "name"),
        "limit",
        'operation "getMessages": its parameter limit is none that the service reads: last_n is',
    ),
    (
        "openapi",
        (*MESSAGES_PATH, "get", "parameters", 0, "schema", "default"),
        -1,
        "GET /topics/{name}/messages: parameter last_n: its default must keep its schema",
    ),
    (
        "openapi",
        (*MESSAGES_PATH, "get", "parameters", 0, "schema"),
        {"type": ["integer", "null"]},
        "GET /topics/{name}/messages: parameter last_n: needs a schema of type string, integer, number or boolean",
    ),
    (
        "openapi",
        (*MESSAGES_PATH, "get", "parameters", 0, "schema"),
        {"type": "integer", "nullable": "yes"},
        "#/paths/~1topics~1{name}~1messages/get/parameters/0/schema/nullable: must be of type boolean",
    ),
    (
        "openapi",
        (*TOPIC, "delete", "responses", "200", "description"),
        None,
        "#/paths/~1topics~1{name}/delete/responses/200: description is required",
    ),
    (
        "openapi",
        ("paths", "/health", "get", "sumary"),
        "x",
        "#/paths/~1health/get: OpenAPI 3.0 has no field sumary here",
    ),
    ("openapi", ("paths", "stats"), {}, "#/paths: OpenAPI 3.0 has no field stats here"),
    (
        "health",
        ("required",),
        lambda names: names.append("version"),
        f'operation "getHealth": response 200: version {NOT_SENT}',
    ),
    (
        "topic_created",
        ("properties", "status", "enum"),
        ["made"],
        'operation "createTopic": response 201: status must be "made", but the service may send "created": allow that',
    ),
    (
        "problem",
        ("properties", "type", "enum"),
        ["about:blank", "urn:specbus:problem:topic-exists", "urn:specbus:problem:topic-limit"],
        'operation "getTopic": response 404: type must be "about:blank" or "urn:specbus:problem:topic-exists" or '
        '"urn:specbus:problem:topic-limit", but the service may send "urn:specbus:problem:topic-not-found": allow that',
    ),
    (
        "problem",
        ("required",),
        lambda names: names.append("instance"),
        f'operation "getIndex": response 400: instance {NOT_SENT}',
    ),
]


@pytest.mark.parametrize(("file", "steps", "value", "line"), REST)
def test_an_answer_or_a_request_that_is_otherwise_stops_the_start(
    specs: Specs, file: str, steps: tuple[str | int, ...], value: Any, line: str
) -> None:
    edit(specs, "openapi.yaml" if file == "openapi" else f"schemas/{file}.yaml", *steps, value=value)
    assert stopped(specs) == f"openapi.yaml: {line}"


def test_another_parameter_in_a_path_stops_the_start(specs: Specs) -> None:
    tenant = {"name": "tenant", "in": "path", "required": True, "schema": {"type": "string"}}
    with specs.opened("openapi.yaml") as document:
        item = document["paths"].pop("/topics/{name}")
        item["parameters"].append(tenant)
        document["paths"]["/{tenant}/topics/{name}"] = item
    line = 'openapi.yaml: operation "getTopic": its path has the parameter tenant, which the service does not read'
    assert stopped(specs) == line


def test_a_refused_key_needs_a_response_where_a_key_is_asked_for(specs: Specs) -> None:
    edit(specs, "openapi.yaml", "paths", "/stats", "get", "responses", "401", value=None)
    start(specs)
    assert (
        stopped(specs, KEY) == 'openapi.yaml: operation "getStats": needs the response "401", which the service gives'
    )


def test_a_message_that_is_taken_on_one_side_and_excluded_on_the_other_stops_the_start(specs: Specs) -> None:
    any_id = {
        "type": "object",
        "required": ["id", "payload"],
        "x-verbatim": True,
        "properties": {"id": {"type": "string"}},
    }
    any_id["additionalProperties"] = False
    any_id["properties"]["payload"] = {}  # type: ignore[index]
    content = (*MESSAGES_PATH, "post", "requestBody", "content", "application/json", "schema")
    edit(specs, "openapi.yaml", *content, value=any_id)
    line = f'{MESSAGES}/Event/payload: message.id must be a valid UUID, but the service may send "text": allow that'
    assert stopped(specs) == line


# Lawful

TREE = {
    "title": "Tree",
    "type": "object",
    "required": ["v"],
    "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/properties/payload"}},
}
LAWFUL: list[tuple[str, tuple[str | int, ...], Any]] = [
    *(
        ("topic_name", (), schema)
        for schema in (
            {"type": "string", "maxLength": 8},
            {"type": "string", "pattern": "^t-[0-9]{4}$"},
            {"type": "string", "pattern": "^t-[0-9]{4}$", "example": "orders"},
            {"type": "string", "enum": ["bills", "orders"]},
            {"enum": ["bills", "orders"]},
            {"allOf": [{"type": "string"}, {"pattern": "^[a-z]{3}$"}]},
            {"oneOf": [{"type": "string", "enum": ["orders"]}, {"type": "string", "pattern": "^t-"}]},
            {"type": "string", "format": "uuid"},
            {"type": "string", "minLength": 70, "maxLength": 2_000},
        )
    ),
    *(
        ("message_id", (), schema)
        for schema in ({"type": "string"}, {"type": "string", "pattern": "^m-[0-9]+$"}, {"enum": ["only"]})
    ),
    *(
        ("message", ("properties", "payload"), schema)
        for schema in (
            {"type": "object", "required": ["n"], "properties": {"n": {"type": "string", "pattern": "^x{9}$"}}},
            {"oneOf": [{"type": "string"}, {"type": "object", "required": ["a"]}]},
            {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]},
            {"type": "object", "nullable": True},
            {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "number", "multipleOf": 0.5}},
            {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3},
            {"type": "number", "minimum": 0.25, "exclusiveMaximum": 0.5},
            {"not": {"type": "string"}},
            {"const": [1, {"a": None}]},
            {
                "if": {"type": "object"},
                "then": {"required": ["a"]},
                "else": {"type": "string", "pattern": "^[0-9]{7}$"},
            },
            TREE,
        )
    ),
    ("message", ("additionalProperties",), True),
    ("publish", ("properties",), lambda fields: fields.update(trace={"type": "string"})),
    ("ack", ("properties",), lambda fields: fields.update(node={"type": "string"})),
    ("ack", ("additionalProperties",), False),
    ("ack", ("title",), "Receipt"),
    ("error_code", ("enum",), lambda codes: codes.append("TEAPOT")),
    ("error_code", ("enum",), lambda codes: codes.remove("UNAUTHORIZED")),
    ("request_id", (), {"type": "string", "pattern": "^req-[0-9]{4}$"}),
    ("request_id", (), {"type": "string", "nullable": True}),
    ("client_id", (), {"type": "string", "enum": ["a", "b"]}),
    ("client_id", (), {"type": "integer"}),
    ("subscribe", ("required",), lambda names: names.remove("client_id")),
    ("subscribe", ("required",), lambda names: names.append("last_n")),
    ("subscribe", ("properties", "last_n", "maximum"), 10),
    ("new_topic", ("properties",), lambda fields: fields.update(owner={"type": "string", "pattern": "^[A-Z]{3}$"})),
]


@pytest.mark.parametrize(("schema", "steps", "value"), LAWFUL)
def test_a_lawful_edit_does_not_stop_the_start(
    specs: Specs, schema: str, steps: tuple[str | int, ...], value: Any
) -> None:
    file = f"schemas/{schema}.yaml"
    if steps:
        edit(specs, file, *steps, value=value)
    else:
        with specs.opened(file) as content:
            content.clear()
            content.update(value)
    start(specs)


def test_extensions_that_say_what_the_service_does_do_not_stop_the_start(specs: Specs) -> None:
    with specs.opened("asyncapi.yaml") as document:
        operations = document["operations"]
        operations["subscribe"]["x-stream"]["replay"] = "last_n"
        operations["publish"]["x-publish"] = {"key": "topic", "message": "message"}
        operations["info"]["x-heartbeat"] = {"message": "Info", "where": {"msg": "ping"}}
        operations["info"]["x-other"] = 5
    start(specs)


def test_a_new_required_field_of_a_command_or_a_body_does_not_stop_the_start(specs: Specs) -> None:
    for schema in ("publish", "subscribe", "message", "new_topic"):
        specs.require(f"schemas/{schema}.yaml", "trace", "{type: string, pattern: '^[0-9]{9}$'}")
    start(specs)


def test_messages_of_other_names_do_not_stop_the_start(specs: Specs) -> None:
    path = specs.folder / "asyncapi.yaml"
    text = path.read_text().replace("messages/Ack", "messages/Receipt").replace(" Ack:", " Receipt:")
    path.write_text(text.replace("name: Ack\n", "name: Receipt\n"))
    start(specs)


def test_two_messages_with_one_tag_do_not_stop_the_start(specs: Specs) -> None:
    with specs.opened("schemas/ack.yaml") as ack:
        ack["required"].append("position")
    unsubscribed = (specs.folder / "schemas" / "ack.yaml").read_text().replace("title: Ack", "title: Unsubscribed")
    (specs.folder / "schemas" / "unsubscribed.yaml").write_text(unsubscribed.replace("- position\n", ""))
    with specs.opened("asyncapi.yaml") as document:
        messages = document["components"]["messages"]
        messages["Unsubscribed"] = {**messages["Ack"], "name": "Unsubscribed"}
        messages["Unsubscribed"]["payload"] = {"$ref": "schemas/unsubscribed.yaml"}
        document["channels"]["bus"]["messages"]["Unsubscribed"] = {"$ref": "#/components/messages/Unsubscribed"}
        reply = {"$ref": "#/channels/bus/messages/Unsubscribed"}
        document["operations"]["unsubscribe"]["reply"]["messages"][0] = reply
    start(specs)


def test_a_name_that_only_one_side_takes_does_not_stop_the_start(specs: Specs) -> None:
    """Each side judges by its own document: a topic that the other cannot name is not to be had there."""
    narrow = {"type": "string", "pattern": "^[a-z]+$"}
    edit(specs, "openapi.yaml", "components", "parameters", "TopicName", "schema", value=narrow)
    start(specs)
    for command in ("subscribe", "unsubscribe", "publish"):
        edit(specs, f"schemas/{command}.yaml", "properties", "topic", value={"type": "string", "enum": ["bills"]})
    start(specs)
