"""AsyncAPI documents as plain data."""

import copy
from typing import Any

import pytest

from specbus.spec import ContractError, asyncapi
from specbus.spec.bundle import bundle
from tests.support.documents import SPECS

BUS = asyncapi.read(bundle(SPECS / "asyncapi.yaml"))
SHOP: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Shop", "version": 2},
    "channels": {
        "a/b": {
            "address": "/shop",
            "messages": {"Order": {"$ref": "#/components/messages/Order"}, "Paid": {"payload": {"type": "object"}}},
        },
        "none": {"address": None},
    },
    "operations": {
        "order": {
            "action": "receive",
            "channel": {"$ref": "#/channels/a~1b"},
            "messages": [{"$ref": "#/channels/a~1b/messages/Order"}],
            "traits": [{"summary": "From a trait.", "x-a": 1}, {"summary": "From the last trait."}],
            "x-b": {"$ref": "data"},
            "reply": {"$ref": "#/components/replies/Paid"},
        },
        "all": {"action": "send", "channel": {"$ref": "#/channels/a~1b"}},
    },
    "components": {
        "replies": {"Paid": {"channel": {"$ref": "#/channels/a~1b"}}},
        "messages": {
            "Order": {
                "summary": "Own.",
                "traits": [{"$ref": "#/components/messageTraits/T"}],
                "payload": {"$ref": "#/components/schemas/Tree"},
                "examples": [{"name": "no payload"}, {"payload": {"$ref": "data"}}],
            },
        },
        "messageTraits": {
            "T": {
                "summary": "A trait's.",
                "description": "Of the trait.",
                "correlationId": {"$ref": "#/components/correlationIds/C"},
            }
        },
        "correlationIds": {"C": {"location": "$message.payload#/a~1b/c%20d"}},
        "securitySchemes": {"k": {"$ref": "#/components/securitySchemes/l"}, "l": {"type": "http", "scheme": "bearer"}},
        "schemas": {"Tree": {"properties": {"c": {"$ref": "#/components/schemas/Tree"}}}},
    },
}


def test_the_own_document_is_read() -> None:
    assert [(one.name, one.action, [each.name for each in one.messages]) for one in BUS.operations[:2]] == [
        ("subscribe", "receive", ["Subscribe"]),
        ("unsubscribe", "receive", ["Unsubscribe"]),
    ]
    publish = next(operation for operation in BUS.operations if operation.name == "publish")
    assert publish.place == "#/operations/publish"
    assert publish.channel.address == "/ws"
    assert publish.reply is not None
    assert [message.name for message in publish.reply.messages] == ["Ack", "Error"]
    assert publish.messages[0].payload == {"$ref": "#/components/schemas/Publish"}
    assert publish.messages[0].schema["properties"]["topic"]["type"] == "string"
    assert publish.messages[0].correlation_id == asyncapi.CorrelationId("$message.payload#/request_id", ("request_id",))
    assert BUS.operations[0].extensions["x-stream"]["events"] == "Event"


def test_another_document_is_read() -> None:
    shop = asyncapi.read(SHOP)
    order, everything = shop.operations
    assert (shop.title, shop.version, shop.description) == ("Shop", "2", "")
    assert (order.summary, order.extensions) == ("From the last trait.", {"x-a": 1, "x-b": {"$ref": "data"}})
    (message,) = order.messages
    assert (message.name, message.place) == ("Order", "#/components/messages/Order")
    assert (message.summary, message.description) == ("Own.", "Of the trait.")
    assert message.examples == ({"$ref": "data"},)
    assert message.correlation_id is not None
    assert message.correlation_id.path == ("a/b", "c d")
    assert message.schema["properties"]["c"] == {"$ref": "#/$defs/Tree"}
    assert order.reply is not None
    assert [each.name for each in order.reply.messages] == ["Order", "Paid"]
    assert everything.messages == order.reply.messages
    assert everything.reply is None
    assert shop.security_schemes == ({"type": "http", "scheme": "bearer"},) * 2


@pytest.mark.parametrize(
    "location", ["$message.header#/id", "$message.payload", "$message.payload#", "$message.payload#x"]
)
def test_a_correlation_id_that_is_in_no_field_has_no_path(location: str) -> None:
    document = copy.deepcopy(SHOP)
    document["components"]["correlationIds"]["C"]["location"] = location
    found = asyncapi.read(document).operations[0].messages[0].correlation_id
    assert found == asyncapi.CorrelationId(location, None)


@pytest.mark.parametrize("version", ["3.0.0", "3.1.0"])
def test_3_1_is_read_as_3_0_is(version: str) -> None:
    assert asyncapi.read({**SHOP, "asyncapi": version}).operations == asyncapi.read(SHOP).operations


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        ("asyncapi", "2.6.0", "asyncapi must be 3.0.x or 3.1.x"),
        ("asyncapi", 3.1, "asyncapi must be 3.0.x or 3.1.x"),
        ("operations", [], "#/operations must be a mapping"),
        ("operations/all", None, "#/operations/all must be a mapping"),
        ("operations/all/action", "subscribe", "operations.all.action must be send or receive"),
        ("operations/all/channel", None, "#/operations/all/channel must be a $ref"),
        ("operations/all/messages", [], "#/operations/all: needs messages"),
        ("operations/all/messages", [5], "#/operations/all/messages/0 must be a mapping"),
        ("operations/order/traits", {}, "#/operations/order/traits must be a list"),
        ("operations/order/reply", [], "#/operations/order/reply must be a mapping"),
        ("components/messages/Order/payload", [], "#/components/messages/Order/payload must be a schema"),
        ("components/messages/Order/examples", [5], "#/components/messages/Order/examples must be a mapping"),
        (
            "components/messages/Order/payload",
            {"schemaFormat": 5},
            "#/components/messages/Order/payload/schemaFormat must be a text",
        ),
        ("components/securitySchemes/l", 5, "#/components/securitySchemes/l must be a mapping"),
        ("info", 5, "#/info must be a mapping"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(place: str, value: Any, line: str) -> None:
    document = copy.deepcopy(SHOP)
    *steps, last = place.split("/")
    owner = document
    for step in steps:
        owner = owner[step]
    owner[last] = value
    with pytest.raises(ContractError) as failure:
        asyncapi.read(document)
    assert str(failure.value) == line


def test_two_messages_of_one_name_are_told_apart() -> None:
    document = copy.deepcopy(SHOP)
    for message in (document["components"]["messages"]["Order"], document["channels"]["a/b"]["messages"]["Paid"]):
        message["name"] = "Same"
    assert [message.name for message in asyncapi.read(document).operations[1].messages] == ["Same", "Paid"]
