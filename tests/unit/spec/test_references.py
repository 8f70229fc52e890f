"""Where a `$ref` is a reference and where it is data; pointers; files that are referred to."""

import copy
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specbus.contract.schema import Schema
from specbus.spec import ContractError
from specbus.spec.bundle import bundle
from specbus.spec.pointer import at, pointer, steps
from specbus.spec.references import Copies, check_references, depth, follow, resolved, self_contained
from specbus.spec.yaml import MAX_DEPTH

Files = Callable[..., Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write files, each text under its path; the first one's path is returned."""

    def write(texts: dict[str, str]) -> Path:
        for name, text in texts.items():
            file = tmp_path / "specs" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / "specs" / next(iter(texts))

    return write


# RFC 6901.

RFC_6901 = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("fragment", "value"),
    [
        *(("#", RFC_6901), ("#/foo", ["bar", "baz"]), ("#/foo/0", "bar"), ("#/", 0), ("#/a~1b", 1), ("#/c%25d", 2)),
        *(("#/e%5Ef", 3), ("#/g%7Ch", 4), ("#/i%5Cj", 5), ("#/k%22l", 6), ("#/%20", 7), ("#/m~0n", 8)),
    ],
)
def test_the_examples_of_rfc_6901_are_found(fragment: str, value: Any) -> None:
    assert at(RFC_6901, fragment) == value


@pytest.mark.parametrize(
    "fragment",
    [
        "#/foo/00",
        "#/foo/01",
        "#/foo/-",
        "#/foo/2",
        "#/foo/-1",
        "#/foo/٠",
        "#/m~n",
        "#/m~2n",
        "#foo",
        "foo",
        "#/%FF",
        "#%",
    ],
)
def test_what_is_no_pointer_points_at_nothing(fragment: str) -> None:
    with pytest.raises(ContractError) as failure:
        at({**RFC_6901, "#foo": 1, "foo": ["bar", "baz"]}, fragment)
    assert str(failure.value) == f"$ref {fragment} points at nothing"


@given(st.lists(st.text()))
def test_a_pointer_has_the_steps_that_it_was_made_of(names: list[str]) -> None:
    assert steps("#" + pointer(*names).replace("%", "%25")) == names


# What is a reference.

DATA = {"$ref": "none.yaml"}
REF = {"$ref": "#/components/schemas/Id"}
OPENAPI = {
    "openapi": "3.0.3",
    "x-data": DATA,
    "info": {"title": "T", "version": "1", "x-data": {"deep": [DATA]}},
    "paths": {
        "x-data": DATA,
        "/default": {
            "post": {
                "parameters": [{"name": "example", "in": "query", "schema": REF, "example": DATA}],
                "requestBody": {
                    "content": {"application/json": {"schema": REF, "examples": {"default": {"value": DATA}}}}
                },
                "responses": {
                    "x-data": DATA,
                    "default": {"$ref": "#/components/responses/example"},
                    "200": {"description": "D", "headers": {"default": {"schema": REF}}},
                },
                "callbacks": {
                    "default": {"{$url}": {"post": {"responses": {"default": {"content": {"a/b": {"schema": REF}}}}}}}
                },
            }
        },
    },
    "components": {
        "schemas": {
            "Id": {
                "type": "object",
                **dict.fromkeys(("default", "example", "const", "x-data"), DATA),
                "enum": [DATA],
                "examples": [DATA, {"a": DATA}],
                "properties": dict.fromkeys(("default", "example", "const", "enum", "examples", "x-data", "$ref"), REF),
                "patternProperties": {"default": REF},
                "dependencies": {"enum": ["a"], "const": REF},
                "if": REF,
                "items": [REF],
                "additionalProperties": REF,
            },
            "default": REF,
        },
        "responses": {"example": {"description": "D", "content": {"default/x-data": {"example": DATA, "schema": REF}}}},
        "examples": {"default": {"value": DATA}, "other": {"$ref": "#/components/examples/default"}},
        "links": {"l": {"operationId": "o", "parameters": {"a": DATA}, "requestBody": DATA}},
    },
}
ASYNCAPI = {
    "asyncapi": "3.0.0",
    "servers": {"default": {"host": "h", "variables": {"default": {"default": "a", "enum": ["a"], "examples": ["a"]}}}},
    "channels": {
        "example": {
            "messages": {"default": {"$ref": "#/components/messages/examples"}},
            "bindings": {"ws": {"query": REF}},
        }
    },
    "operations": {
        "default": {"channel": {"$ref": "#/channels/example"}, "x-stream": DATA},
        "x-named": {"channel": {"$ref": "#/channels/example"}},
    },
    "components": {
        "messages": {
            "examples": {
                "headers": {"properties": {"examples": REF}, "examples": [DATA]},
                "payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": REF},
                "examples": [{"payload": DATA, "headers": DATA}],
                "x-error": DATA,
            }
        },
        "schemas": {"Id": {"default": DATA, "properties": {"default": REF}}},
    },
}


def count(node: Any, ref: str) -> int:
    """How many mappings in `node` refer to `ref`."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return (isinstance(node, dict) and node.get("$ref") == ref) + sum(count(item, ref) for item in inner)


@pytest.mark.parametrize("document", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
def test_data_is_no_reference_and_a_name_like_a_keyword_hides_none(document: dict[str, Any]) -> None:
    check_references(document)  # which would not find none.yaml
    wrong = copy.deepcopy(document)
    wrong["components"]["schemas"]["Identity"] = wrong["components"]["schemas"].pop("Id")
    with pytest.raises(ContractError, match=r"^\$ref #/components/schemas/Id points at nothing$"):
        check_references(wrong)


@pytest.mark.parametrize("document", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
def test_every_reference_and_no_data_is_replaced(document: dict[str, Any]) -> None:
    flat = copy.deepcopy(document)
    flat["components"]["schemas"]["Id"] = {"type": "string", "default": DATA}
    data = count(flat, "none.yaml")
    done = resolved(flat, flat)
    assert count(done, REF["$ref"]) == 0
    assert count(done, "none.yaml") >= data
    operations = resolved(flat, flat["operations"] if "operations" in flat else flat["paths"])
    assert count(operations, REF["$ref"]) == 0


@pytest.mark.parametrize("document", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
def test_a_bundle_follows_every_reference_and_no_data(files: Files, document: dict[str, Any]) -> None:

    text = json.dumps(document).replace(REF["$ref"], "id.yaml")
    written = json.loads(text)
    written["components"]["schemas"] = {"Own": written["components"]["schemas"]["Id"]}
    path = files({"main.json": json.dumps(written), "id.yaml": "title: Id\ntype: string\ndefault: {$ref: none.yaml}\n"})
    done = bundle(path)
    assert count(done, "id.yaml") == 0
    assert count(done, REF["$ref"]) == count(written, "id.yaml") > 1
    assert count(done, "none.yaml") == count(written, "none.yaml") + 1


def test_data_in_a_schema_is_still_data_for_the_validator() -> None:
    schema = {"properties": {"a": {"const": {"$ref": "none.yaml"}}, "b": {"enum": [{"$ref": "#/nowhere"}]}}}
    judge = Schema(self_contained({}, schema), "test")
    assert judge.accepts({"a": {"$ref": "none.yaml"}, "b": {"$ref": "#/nowhere"}})
    assert not judge.accepts({"a": {}})


# Files.

ID = {"title": "Id", "type": "string"}


@pytest.mark.parametrize(
    ("texts", "schemas"),
    [
        (
            {"m.yaml": "x: {$ref: 'a.yaml#/x/y'}", "a.yaml": "x: {y: {title: Id, type: string}}"},
            {"Id": ID},
        ),
        (
            {"m.yaml": "x: {$ref: 'a.yaml#/$defs/order_id'}", "a.yaml": "$defs: {order_id: {type: string}}"},
            {"OrderId": {"type": "string"}},
        ),
        (
            {
                "m.yaml": "x: {$ref: a.yaml}",
                "a.yaml": "title: A\nitems: {$ref: '#/$defs/Id'}\n$defs: {Id: {type: string}}",
            },
            {"A": {"title": "A", "items": {"$ref": "#/components/schemas/Id"}}, "Id": {"type": "string"}},
        ),
        (
            {"m.yaml": "x: {$ref: tree.yaml}", "tree.yaml": "items: {$ref: '#'}"},
            {"Tree": {"items": {"$ref": "#/components/schemas/Tree"}}},
        ),
        (
            {"m.yaml": "x: {$ref: tree.yaml}", "tree.yaml": "items: {$ref: tree.yaml}\nnot: {$ref: './tree.yaml#'}"},
            {"Tree": {k: {"$ref": "#/components/schemas/Tree"} for k in ("items", "not")}},
        ),
        (
            {"m.yaml": "x: {$ref: 'an%20order.yaml'}", "an order.yaml": "type: string"},
            {"AnOrder": {"type": "string"}},
        ),
        (
            {"m.yaml": "x: {$ref: 'an order.yaml'}", "an order.yaml": "title: An order (v2)"},
            {"AnOrderV2": {"title": "An order (v2)"}},
        ),
        (
            {"m.yaml": "x: {$ref: 'a.yaml#/x%20y/a~1b~0c%25'}", "a.yaml": "x y: {'a/b~c%': {type: string}}"},
            {"ABC": {"type": "string"}},
        ),
        ({"m.yaml": "x: {$ref: '404.yaml'}", "404.yaml": "{}"}, {"Schema404": {}}),
        ({"m.yaml": "x: {$ref: '%E6%97%A5.yaml'}", "日.yaml": "{}"}, {"Schema": {}}),
        (
            {
                "m.yaml": "x: [{$ref: a/id.yaml}, {$ref: b/id.yaml}, {$ref: a/id.yaml}]",
                "a/id.yaml": "{}",
                "b/id.yaml": "{not: {}}",
            },
            {"Id": {}, "Id2": {"not": {}}},
        ),
        (
            {"m.yaml": "x: [{$ref: id.yaml}, {$ref: b.yaml}]", "id.yaml": "{}", "b.yaml": "title: Id"},
            {"Id2": {}, "Id": {"title": "Id"}},
        ),
        (
            {"m.yaml": "x: {$ref: id.yaml}\ncomponents: {schemas: {Id: {not: {}}}}", "id.yaml": "{}"},
            {"Id2": {}, "Id": {"not": {}}},
        ),
        (
            {"m.yaml": "x: {$ref: id.yaml}\ncomponents: {schemas: {Key: {$ref: id.yaml}}}", "id.yaml": "title: Id"},
            {"Key": {"$ref": "#/components/schemas/Id"}, "Id": {"title": "Id"}},
        ),
        (
            {"m.yaml": "x: {$ref: id.yaml}\ncomponents: {schemas: {Id: {$ref: id.yaml}}}", "id.yaml": "title: Id"},
            {"Id": {"title": "Id"}},
        ),
        (
            {"m.yaml": "x: {$ref: id.yaml}\ncomponents: {schemas: {Key: {$ref: id.yaml}}}", "id.yaml": "{}"},
            {"Key": {}},
        ),
        (
            {
                "m.yaml": "x: {$ref: a.yaml}\ncomponents: {schemas: {B: {}}}",
                "a.yaml": "items: {$ref: 'm.yaml#/components/schemas/B'}",
            },
            {"A": {"items": {"$ref": "#/components/schemas/B"}}, "B": {}},
        ),
        (
            {"m.yaml": "x: {$ref: ''}\ny: {$ref: 'm.yaml#/z'}\nz: {$ref: a.yaml}", "a.yaml": "{}"},
            {"A": {}},
        ),
        (
            {"m.yaml": "x: {$ref: a.json}", "a.json": '{"$id": "https://example.org/a", "$schema": "s", "title": "A"}'},
            {"A": {"title": "A"}},
        ),
        ({"m.yaml": "x: {$ref: sub/../a.yaml}", "a.yaml": "{}"}, {"A": {}}),
        (
            {"m.yaml": "x: {$ref: sub/a.yaml}", "sub/a.yaml": "not: {$ref: ../b.yaml}", "b.yaml": "{}"},
            {"A": {"not": {"$ref": "#/components/schemas/B"}}, "B": {}},
        ),
        ({"m.yaml": "x: {$ref: 'a.yaml#/properties/Flag'}", "a.yaml": "properties: {Flag: true}"}, {"Flag": True}),
    ],
)  # fmt: skip
def test_what_a_reference_names_is_found_and_gets_a_name(
    files: Files, texts: dict[str, str], schemas: dict[str, Any]
) -> None:
    assert bundle(files(texts))["components"]["schemas"] == schemas


def test_parts_of_other_kinds_go_where_they_belong(files: Files) -> None:
    path = files(
        {
            "openapi.yaml": (
                "openapi: 3.0.3\npaths: {$ref: paths/index.yaml}\ncomponents: {schemas: {$ref: schemas.yaml}}"
            ),
            "paths/index.yaml": "/a: {$ref: a.yaml}",
            "paths/a.yaml": (
                "get:\n  parameters: [{$ref: '../parts.yaml#/limit'}]\n"
                "  responses: {default: {$ref: '../parts.yaml#/error'}}"
            ),
            "parts.yaml": (
                "limit: {name: limit, in: query, schema: {$ref: 'schemas.yaml#/Limit'}}\n"
                "error: {description: E, content: {application/json: {schema: {$ref: 'schemas.yaml#/Error'}}}}"
            ),
            "schemas.yaml": "Limit: {type: integer}\nError: {properties: {limit: {$ref: '#/Limit'}}}",
        }
    )
    limit = {"$ref": "#/components/schemas/Limit"}
    assert bundle(path) == {
        "openapi": "3.0.3",
        "paths": {
            "/a": {
                "get": {
                    "parameters": [{"$ref": "#/components/parameters/Limit"}],
                    "responses": {"default": {"$ref": "#/components/responses/Error"}},
                }
            }
        },
        "components": {
            "schemas": {"Error": {"properties": {"limit": limit}}, "Limit": {"type": "integer"}},
            "parameters": {"Limit": {"name": "limit", "in": "query", "schema": limit}},
            "responses": {
                "Error": {
                    "description": "E",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
            },
        },
    }


def test_a_message_of_another_file_is_a_message(files: Files) -> None:
    path = files(
        {
            "asyncapi.yaml": "asyncapi: 3.0.0\nchannels: {bus: {messages: {Ping: {$ref: messages/ping.yaml}}}}",
            "messages/ping.yaml": "payload: {$ref: ../ping.yaml}\nexamples: [{payload: {$ref: x}}]",
            "ping.yaml": "type: object",
        }
    )
    document = bundle(path)
    assert document["channels"]["bus"]["messages"] == {"Ping": {"$ref": "#/components/messages/Ping"}}
    assert document["components"]["messages"] == {
        "Ping": {"payload": {"$ref": "#/components/schemas/Ping"}, "examples": [{"payload": {"$ref": "x"}}]}
    }


@pytest.mark.parametrize(
    ("ref", "link"),
    [
        ("../secret.yaml", None),
        ("sub/../../secret.yaml", None),
        ("%2E%2E/secret.yaml", None),
        ("..%2Fsecret.yaml", None),
        ("ABSOLUTE", None),
        ("link.yaml", "../secret.yaml"),
        ("linked/secret.yaml", ".."),
        ("../secret.yaml#/properties/a", None),
    ],
)
def test_a_file_outside_the_folder_is_refused_by_name(files: Files, tmp_path: Path, ref: str, link: str | None) -> None:
    ref = ref.replace("ABSOLUTE", str(tmp_path / "secret.yaml"))
    (tmp_path / "secret.yaml").write_text("title: Secret\nproperties: {a: {}}")
    path = files({"m.yaml": f"x: {{$ref: '{ref}'}}"})
    if link:
        os.symlink(link, path.parent / ref.partition("/")[0])
    with pytest.raises(ContractError) as failure:
        bundle(path)
    folder = path.parent.resolve()
    assert str(failure.value) == (f"{folder}/m.yaml: $ref {ref}: the file is outside {folder}, the document's folder")


def test_links_that_stay_in_the_folder_are_followed(files: Files) -> None:
    path = files({"..2025/m.yaml": "x: {$ref: schemas/a.yaml}", "..2025/schemas/a.yaml": "title: A"})
    folder = path.parent.parent
    for link, target in (("..data", "..2025"), ("m.yaml", "..data/m.yaml"), ("schemas", "..data/schemas")):
        (folder / link).symlink_to(target)
    assert bundle(folder / "m.yaml")["components"]["schemas"] == {"A": {"title": "A"}}


def test_a_link_to_itself_is_refused(files: Files) -> None:
    path = files({"m.yaml": "x: {$ref: a.yaml}"})
    (path.parent / "a.yaml").symlink_to("a.yaml")
    with pytest.raises(ContractError, match=r"m\.yaml: \$ref to "):
        bundle(path)


def test_a_long_chain_of_files_is_followed(files: Files) -> None:
    chain = {f"s{n}.yaml": f"items: {{$ref: s{n + 1}.yaml}}" for n in range(1500)}
    path = files({"m.yaml": "x: {$ref: s0.yaml}", **chain, "s1500.yaml": "type: string"})
    assert len(bundle(path)["components"]["schemas"]) == 1501


def test_path_items_that_contain_each_other_are_refused(files: Files) -> None:
    callback = "get: {{callbacks: {{c: {{'{{$url}}': {{$ref: {}}}}}}}}}"
    path = files(
        {
            "m.yaml": "openapi: 3.0.3\npaths: {/a: {$ref: a.yaml}}",
            "a.yaml": callback.format("b.yaml"),
            "b.yaml": callback.format("a.yaml"),
        }
    )
    with pytest.raises(ContractError, match=r"\$ref a\.yaml refers to itself$"):
        bundle(path)


# Schemas that contain themselves, and large ones.

TREE = {"components": {"schemas": {
    "Tree": {"type": "object", "required": ["id"], "additionalProperties": False, "properties": {
        "id": {"$ref": "#/components/schemas/Id"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
    }},
    "Id": {"type": "string"},
}}}  # fmt: skip


def test_a_schema_that_contains_itself_keeps_that_reference_alone() -> None:
    found = self_contained(TREE, {"$ref": "#/components/schemas/Tree"})
    assert found["properties"]["id"] == {"type": "string"}
    assert found["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    judge = Schema(found, "test")
    assert judge.problems({"id": "a", "children": [{"id": "b", "children": [{"id": "c"}]}]}) == []
    assert judge.problems({"id": "a", "children": [{"id": "b", "children": [{"id": 5}]}]}) == [
        "children[0].children[0].id must be a string, not 5"
    ]
    assert judge.problems({"id": "a", "children": [{"id": "b", "more": 1}]}) == ["unknown field children[0].more"]


def test_schemas_that_contain_each_other_are_judged() -> None:
    document = {"components": {"schemas": {
        "A": {"properties": {"b": {"$ref": "#/components/schemas/B"}}, "additionalProperties": False},
        "B": {"properties": {"a": {"$ref": "#/components/schemas/A"}}, "additionalProperties": False},
    }}}  # fmt: skip
    judge = Schema(
        self_contained(document, {"type": "object", "items": {}, "not": {"$ref": "#/components/schemas/A"}}), "t"
    )
    assert not judge.accepts({"b": {"a": {"b": {}}}})
    assert judge.accepts({"b": {"a": {"b": {"c": 1}}}})


def test_two_definitions_of_the_same_name_stay_apart() -> None:
    document = {
        "x": {"a/b": {"items": {"$ref": "#/x/a~1b"}}},
        "y": {"a_b": {"properties": {"k": {"$ref": "#/y/a_b"}}}},
    }
    found = self_contained(document, {"allOf": [{"$ref": "#/x/a~1b"}, {"$ref": "#/y/a_b"}]})
    assert found["$defs"].keys() == {"a_b", "a_b1"}
    assert Schema(found, "t").accepts([])


def test_a_document_is_not_changed_and_what_needs_nothing_stays_as_it_is() -> None:
    before = copy.deepcopy(TREE)
    self_contained(TREE, {"$ref": "#/components/schemas/Tree"})
    assert before == TREE
    assert self_contained({}, {"const": 1, "properties": {"$ref": {"type": "string"}}}) == {
        "const": 1,
        "properties": {"$ref": {"type": "string"}},
    }


def doubling(levels: int) -> dict[str, Any]:
    schemas: dict[str, Any] = {
        f"S{n}": {"properties": {side: {"$ref": f"#/components/schemas/S{n + 1}"} for side in "ab"}}
        for n in range(levels)
    }
    return {"components": {"schemas": {**schemas, f"S{levels}": {"type": "string"}}}}


def test_references_that_double_with_each_step_cost_no_more_than_their_definitions() -> None:
    start = time.process_time()
    found = self_contained(doubling(60), {"$ref": "#/components/schemas/S0"})
    judge = Schema(found, "test")
    value: Any = "x"
    for _ in range(60):
        value = {"a": value}
    assert judge.accepts(value)
    with pytest.raises(ContractError, match=r"too large once all references are followed$"):
        resolved(doubling(60), {"$ref": "#/components/schemas/S0"})
    assert time.process_time() - start < 10


def test_references_nest_no_deeper_than_a_document() -> None:
    schemas: dict[str, Any] = {}
    for number in range(60):
        node: Any = {"$ref": f"#/components/schemas/S{number + 1}"}
        for _ in range(90):
            node = {"items": node}
        schemas[f"S{number}"] = node
    schemas["S60"] = {"type": "string"}
    found = self_contained({"components": {"schemas": schemas}}, {"$ref": "#/components/schemas/S0"})
    assert depth(found) <= MAX_DEPTH + 2
    assert Schema(found, "test").accepts([[5]])


def test_the_schemas_of_a_document_are_bounded_together() -> None:
    large: Any = {"properties": {f"p{number}": {} for number in range(15_000)}}
    copies = Copies({"components": {"schemas": {"S": large}}})
    for _ in range(33):
        copies.of({"items": {"$ref": "#/components/schemas/S"}})
    with pytest.raises(ContractError, match=r"^the schemas are too large once all references are followed$"):
        copies.of({"items": {"$ref": "#/components/schemas/S"}})


def test_a_reference_to_no_schema_is_named() -> None:
    with pytest.raises(ContractError, match=r"^\$ref #/a points at no schema$"):
        self_contained({"a": [1]}, {"items": {"$ref": "#/a"}})


def test_following_stops_at_a_circle() -> None:
    document = {"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}, "c": {"$ref": "#/d"}, "d": {"e": 1}}
    assert follow(document, {"$ref": "#/c"}) == {"e": 1}
    with pytest.raises(ContractError, match=r"^\$ref #/a refers to itself$"):
        follow(document, {"$ref": "#/a"})


# Anything.

REFS = st.sampled_from(
    [
        "#",
        "#/a",
        "#/a/b",
        "a.yaml",
        "a.yaml#/a",
        "main.yaml#/a",
        "../x",
        "b.yaml#/b/c",
        "http://x",
        "",
        "%",
        "#x",
        "a.yaml#/a/b",
    ]
)
KEYS = st.sampled_from(
    ["a", "b", "c", "title", "properties", "items", "components", "schemas", "default", "x-a", "openapi"]
)
NODES = st.recursive(
    st.none() | st.sampled_from(["A", "B c", ""]) | st.integers(0, 3) | REFS.map(lambda ref: {"$ref": ref}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(main=st.dictionaries(KEYS, NODES, max_size=4), other=NODES, third=NODES)
def test_whatever_the_files_say_there_is_a_document_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, main: Any, other: Any, third: Any
) -> None:

    folder = tmp_path_factory.getbasetemp() / "anything"
    folder.mkdir(exist_ok=True)
    for name, content in (("main", main), ("a", other), ("b", third)):
        (folder / f"{name}.yaml").write_text(json.dumps(content))
    try:
        document = bundle(folder / "main.yaml")
    except ContractError as error:
        line = str(error)
        assert line.startswith(str(folder.resolve()))
        assert line.isprintable()
    else:
        check_references(document)
        json.dumps(document)
