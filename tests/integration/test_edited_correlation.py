"""The field that a command and its answer have in common is where the documents have it, and what they say it is."""

import json
from typing import Any

import pytest

from tests.support.edited import Serve, Specs, both_sides, broken_line
from tests.support.messages import UUID

WITH_ID = ("subscribe", "unsubscribe", "publish", "ping", "ack", "pong", "error")


def rename(specs: Specs, *schemas: str) -> None:
    """Have the field be called `seq` in those schemas."""
    for name in schemas:
        with specs.opened(f"schemas/{name}.yaml") as schema:
            schema["properties"]["seq"] = schema["properties"].pop("request_id")


def point(specs: Specs, *messages: str) -> None:
    """Have the correlationIds of those messages point at the field `seq`."""
    with specs.opened("asyncapi.yaml") as document:
        for name in messages:
            document["components"]["messages"][name]["correlationId"] = {"location": "$message.payload#/seq"}


def have_type(specs: Specs, schema: str) -> None:
    (specs.folder / "schemas" / "request_id.yaml").write_text(schema)


COMMANDS: list[tuple[dict[str, Any], str]] = [
    ({"type": "subscribe", "topic": "orders", "client_id": "s"}, "ack"),
    ({"type": "unsubscribe", "topic": "orders", "client_id": "s"}, "ack"),
    ({"type": "publish", "topic": "orders", "message": {"id": UUID, "payload": 1}}, "ack"),
    ({"type": "ping"}, "pong"),
    ({"type": "unsubscribe", "topic": "none", "client_id": "s"}, "error"),
    ({"type": "publish", "topic": "orders"}, "error"),
    ({"type": "none"}, "error"),
]
"""Frames, and what answers them."""


async def check_all(sides: Any, field: str, value: Any) -> None:
    """Check that `value`, given in the field of that name, comes back in it in whatever answers a frame."""
    for frame, answered_by in COMMANDS:
        answer = await sides.socket.ask({**frame, field: value})
        assert (answer["type"], answer.get(field)) == (answered_by, value), frame
        assert type(answer[field]) is type(value)
        assert answer.keys() & {"request_id", "seq"} == {field}
        assert not (await sides.socket.ask(frame)).keys() & {"request_id", "seq"}
    text = json.dumps(value)
    for unreadable in (f'{{"{field}":{text},"type":}}', f'{{"{field}":{text},"x":{"[" * 200}{"]" * 200}}}'):
        answer = await sides.socket.ask(unreadable)
        assert (answer["type"], answer.get(field)) == ("error", value)
        answer = await sides.socket.ask(unreadable.encode())
        assert (answer["type"], answer.get(field)) == ("error", value)


async def test_a_field_of_another_name_comes_back_under_it(specs: Specs, serve: Serve) -> None:
    rename(specs, *WITH_ID)
    specs.edit("asyncapi.yaml", "#/request_id\n", "#/seq\n")
    async with both_sides(serve(specs=specs.folder), "seq") as sides:
        await check_all(sides, "seq", "r")
        answer = await sides.socket.ask({"type": "ping", "request_id": "r"})
        assert answer["error"]["message"] == "unknown field request_id"


async def test_a_field_of_another_name_in_one_command_comes_back_in_its_answer(specs: Specs, serve: Serve) -> None:
    rename(specs, "subscribe")
    point(specs, "Subscribe")
    async with both_sides(serve(specs=specs.folder)) as sides:
        assert (await sides.socket.subscribe("orders", seq="r"))["request_id"] == "r"
        assert (await sides.socket.subscribe("none", seq="r"))["request_id"] == "r"
        assert (await sides.socket.publish("none", request_id="r"))["request_id"] == "r"


async def test_a_field_of_another_name_in_one_answer_is_where_it_comes_back(specs: Specs, serve: Serve) -> None:
    rename(specs, "pong", "error")
    point(specs, "Pong", "Error")
    async with both_sides(serve(specs=specs.folder), None) as sides:
        assert (await sides.socket.ask({"type": "ping", "request_id": "r"}))["seq"] == "r"
        assert (await sides.socket.publish("none", request_id="r"))["seq"] == "r"
        assert (await sides.socket.subscribe("orders", request_id="r"))["request_id"] == "r"


@pytest.mark.parametrize(
    ("schema", "value", "wrong"),
    [
        ("type: integer\nexample: 7", 7, "7"),
        ("type: integer\nexample: 7", -12345678901234567890123, 1.5),
        ("type: string\nformat: uuid", UUID, "r"),
        ("type: string\nmaxLength: 8\nexample: r", "8letters", "9 letters"),
        ("type: [string, integer]\nminimum: 1\nminLength: 1\nexample: r", 1, 0),
    ],
    ids=["integer", "long integer", "UUID", "short", "two types"],
)
async def test_an_id_is_what_its_schema_says(specs: Specs, serve: Serve, schema: str, value: Any, wrong: Any) -> None:
    have_type(specs, schema)
    async with both_sides(serve(specs=specs.folder), None) as sides:
        await check_all(sides, "request_id", value)
        answer = await sides.socket.ask({"type": "ping", "request_id": wrong})
        assert answer["error"]["message"].startswith("request_id must ")
        assert "request_id" not in answer


async def test_a_command_without_an_id_is_answered_without_one(specs: Specs, serve: Serve) -> None:
    specs.edit("schemas/ping.yaml", "  request_id:\n    $ref: request_id.yaml\n", "")
    with specs.opened("asyncapi.yaml") as document:
        del document["components"]["messages"]["Ping"]["correlationId"]
    async with both_sides(serve(specs=specs.folder), None) as sides:
        assert (await sides.socket.ask({"type": "ping"})).keys() == {"type", "ts"}
        answer = await sides.socket.ask({"type": "ping", "request_id": "r"})
        assert answer["error"]["message"] == "unknown field request_id"
        assert "request_id" not in answer
        assert (await sides.socket.subscribe("orders", request_id="r"))["request_id"] == "r"


@pytest.mark.parametrize("schema", ["type: number", "type: object", "description: Anything."])
def test_an_id_that_cannot_come_back_as_it_was_stops_the_start(specs: Specs, schema: str) -> None:
    have_type(specs, schema)
    line = "asyncapi.yaml: #/components/messages/Subscribe: request_id is the correlation id: "
    line += "its type must be string or integer"
    assert broken_line(specs) == line


def test_ids_in_two_places_for_one_operation_stop_the_start(specs: Specs) -> None:
    hello = {"type": "object", "required": ["type"], "properties": {"type": {"enum": ["hello"]}}}
    with specs.opened("asyncapi.yaml") as document:
        document["components"]["messages"]["Hello"] = {"payload": hello}
        document["channels"]["bus"]["messages"]["Hello"] = {"$ref": "#/components/messages/Hello"}
        document["operations"]["ping"]["messages"].append({"$ref": "#/channels/bus/messages/Hello"})
    assert broken_line(specs) == 'asyncapi.yaml: operation "ping": its messages must have one correlationId location'
