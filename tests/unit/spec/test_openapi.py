"""OpenAPI documents as plain data."""

import copy
from typing import Any

import pytest

from specbus.spec import ContractError, openapi
from specbus.spec.bundle import bundle
from tests.support.documents import SPECS

REF = {"$ref": "#/components/schemas/Tree"}
SHOP: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1", "description": "D"},
    "servers": [{"url": "/"}],
    "tags": [{"name": "items", "description": "Things."}, {"name": "bare"}],
    "security": [{}, {"key": []}],
    "paths": {
        "x-data": 5,
        "/items/{id}": {
            "$ref": "#/components/x-paths/item",
            "parameters": [{"$ref": "#/components/parameters/Id"}, {"name": "lang", "in": "query", "required": True}],
        },
    },
    "components": {
        "x-paths": {
            "item": {
                "get": {
                    "operationId": "getItem",
                    "tags": ["items"],
                    "summary": "S",
                    "x-a": {"$ref": "data"},
                    "parameters": [{"name": "lang", "in": "query", "style": "form", "schema": {"type": "string"}}],
                    "responses": {"200": {"$ref": "#/components/responses/Item"}, "x-b": 1, "default": {}},
                },
                "put": {"security": [], "requestBody": {"$ref": "#/components/requestBodies/Item"}, "responses": {}},
            }
        },
        "parameters": {
            "Id": {"name": "id", "in": "path", "required": True, "schema": {"$ref": "#/components/schemas/Id"}}
        },
        "requestBodies": {
            "Item": {"required": True, "content": {"application/json": {"schema": REF}}}
        },
        "responses": {
            "Item": {
                "description": "Yes.",
                "headers": {"ETag": {"required": True}, "Age": {"$ref": "#/components/headers/Age"}},
                "content": {"application/json": {"schema": REF}, "text/plain": {}},
            }
        },
        "headers": {"Age": {"schema": {"type": "integer"}}},
        "schemas": {
            "Id": {"type": "string"},
            "Tree": {"properties": {"id": {"$ref": "#/components/schemas/Id"}, "c": REF}},
        },
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
    },
}  # fmt: skip
TREE = {"properties": {"id": {"type": "string"}, "c": {"$ref": "#/$defs/Tree"}}}


def test_the_own_document_is_read() -> None:
    document = openapi.read(bundle(SPECS / "openapi.yaml"))
    assert [(each.method, each.path, each.id) for each in document.operations if each.body] == [
        ("post", "/topics", "createTopic"),
        ("post", "/topics/{name}/messages", "publishMessage"),
    ]


def test_another_document_is_read() -> None:
    shop = openapi.read(SHOP)
    get, put = shop.operations
    assert (shop.title, shop.version, shop.description, shop.servers) == ("Shop", "1", "D", ("/",))
    assert shop.tags == {"items": "Things.", "bare": ""}
    assert shop.security_schemes == ({"type": "http", "scheme": "bearer"},)
    assert (get.id, get.method, get.path, get.place) == ("getItem", "get", "/items/{id}", "#/paths/~1items~1{id}/get")
    assert (get.tags, get.summary, get.description, get.extensions) == (("items",), "S", "", {"x-a": {"$ref": "data"}})
    assert (get.security, put.security, put.id) == (({}, {"key": []}), (), None)
    assert [(each.name, each.location, each.required, each.style, each.schema) for each in get.parameters] == [
        ("id", "path", True, None, {"type": "string"}),
        ("lang", "query", False, "form", {"type": "string"}),
    ]
    assert [(each.name, each.required, each.schema) for each in put.parameters][1:] == [("lang", True, None)]
    assert put.body is not None
    content = put.body.content["application/json"]
    assert content.written == {"$ref": "#/components/schemas/Tree"}
    assert {name: content.schema[name] for name in TREE} == TREE
    assert content.schema["$defs"].keys() == {"Tree", "Id"}
    assert get.responses.keys() == {"200", "default"}
    assert get.responses["200"].headers == {"ETag": True, "Age": False}
    assert get.responses["200"].content["text/plain"] == openapi.Content(None, None)


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        ("openapi", "2.0", "openapi must be 3.x"),
        ("paths", 5, "#/paths must be a mapping"),
        ("paths /items/{id}", 5, "#/paths/~1items~1{id} must be a mapping"),
        ("components x-paths item get", 5, "#/paths/~1items~1{id}/get must be a mapping"),
        ("components x-paths item get parameters", {}, "#/paths/~1items~1{id}/get/parameters must be a list"),
        ("components parameters Id name", 5, "#/components/parameters/Id/name must be a text"),
        ("components x-paths item get responses", [], "#/paths/~1items~1{id}/get/responses must be a mapping"),
        ("components responses Item content", [], "#/components/responses/Item/content must be a mapping"),
        ("servers", [5], "#/servers/0 must be a mapping"),
        ("servers", [{}], "#/servers/0/url must be a text"),
        ("tags", [{"name": None}], "#/tags/0/name must be a text"),
        ("security", [5], "#/security must be a mapping"),
        ("components headers Age", 5, "#/components/headers/Age must be a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(place: str, value: Any, line: str) -> None:
    document = copy.deepcopy(SHOP)
    *steps, last = place.split(" ")
    owner = document
    for step in steps:
        owner = owner[step]
    owner[last] = value
    with pytest.raises(ContractError) as failure:
        openapi.read(document)
    assert str(failure.value) == line
