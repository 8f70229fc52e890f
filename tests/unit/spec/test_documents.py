"""Documents as they are read from files, bundled, pointed into and resolved."""

import copy
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from specbus.spec import ContractError
from specbus.spec.bundle import bundle
from specbus.spec.files import MAX_BYTES, read
from specbus.spec.pointer import at
from specbus.spec.references import resolved
from specbus.spec.yaml import MAX_VALUES
from tests.support.documents import SPECS

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files, each given by its name and text; the first one's path is returned."""

    def write_all(first: str, text: str | bytes, **more: str) -> Path:
        for name, content in {first: text, **{f"{name}.yaml": other for name, other in more.items()}}.items():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / first

    return write_all


def refs(node: Any) -> Iterator[str]:
    """Every reference in `node`."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for item in node:
            yield from refs(item)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a: {b: [1, 2.5, null, true, x]}", {"a": {"b": [1, 2.5, None, True, "x"]}}),
        ('{"a": {"b": [1, 2.5, null, true, "x"]}}', {"a": {"b": [1, 2.5, None, True, "x"]}}),
        ("a: 2025-08-25\nb: 2025-08-25T10:00:00Z", {"a": "2025-08-25", "b": "2025-08-25T10:00:00Z"}),
        (
            "200: a\n1.0: b\ntrue: c\nnull: d\n2025-08-25: e",
            {"200": "a", "1.0": "b", "true": "c", "null": "d", "2025-08-25": "e"},
        ),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: {b: 1}\nc: {b: 1}", {"a": {"b": 1}, "c": {"b": 1}}),
        ("é: ü", {"é": "ü"}),
    ],
    ids=["yaml", "json", "dates stay text", "keys are text as written", "an alias", "a key in two mappings", "umlauts"],
)
def test_a_file_is_read_as_json_would_have_it(write: Write, text: str, content: dict[str, Any]) -> None:
    assert read(write("a.yaml", text)) == content


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", ' line 3 the key "a" stands twice'),
        ('{a: 1, "a": 2}', ' line 1 the key "a" stands twice'),
        ("x:\n- b: {}\n  c: 1\n  b: 2", ' line 4 the key "b" stands twice'),
        ("200: a\n'200': b", ' line 2 the key "200" stands twice'),
        ("a: 1\n? [b]\n: 2", " line 2 a key must be plain text"),
        ("? {a: b}\n: 2", " line 1 a key must be plain text"),
        ("a: 1\nb: [1", " line 2 expected ',' or ']', but got '<stream end>'"),
        ("a: b: c", " line 1 mapping values are not allowed here"),
        ("a: *x", " line 1 found undefined alias 'x'"),
        ("a: &x [*x]", " line 1 found unconstructable recursive node"),
        ("a: !secret x", " line 1 could not determine a constructor for the tag '!secret'"),
        ("- a", " must be a mapping"),
        ("5", " must be a mapping"),
        ("", " must be a mapping"),
        (b"a: \xff", " not UTF-8"),
    ],
)
def test_a_bad_file_gives_one_line_that_names_it(write: Write, text: str | bytes, problem: str) -> None:
    path = write("a.yaml", text)
    with pytest.raises(ContractError) as failure:
        read(path)
    assert str(failure.value) == f"{path}:{problem}"


@pytest.mark.parametrize("value", ["!!int x", "!!binary aGk=", "!!timestamp 2025-08-25", "!!set {x}"])
def test_a_value_that_json_does_not_have_is_refused(write: Write, value: str) -> None:
    path = write("a.yaml", f"a: {value}")
    with pytest.raises(ContractError) as failure:
        read(path)
    line = str(failure.value)
    assert line.startswith(f"{path}: line 1 ")
    assert "\n" not in line


@pytest.mark.parametrize(("name", "problem"), [("none.yaml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, problem: str) -> None:
    path = tmp_path / name
    with pytest.raises(ContractError) as failure:
        read(path)
    assert str(failure.value) == f"{path}: {problem}"


@pytest.mark.parametrize("name", ["openapi.yaml", "openapi.json"])
def test_what_is_no_file_is_not_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    with pytest.raises(ContractError) as failure:
        bundle(path)  # does not wait for somebody who writes
    assert str(failure.value) == f"{path}: not a file"
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ContractError) as failure:
        bundle(path)
    assert str(failure.value) == f"{path}: not a file"


def test_a_reference_to_a_pipe_is_one_to_nothing(write: Write, tmp_path: Path) -> None:
    path = write("main.yaml", "x: {$ref: a.yaml}")
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(ContractError) as failure:
        bundle(path)
    assert str(failure.value) == f"{path}: $ref to a.yaml, which is not there"


def test_a_file_has_a_most_of_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ContractError) as failure:
        read(path)
    assert str(failure.value) == f"{path}: too large: the files of a document may have 4 MB"


def test_files_are_bounded_together(write: Write) -> None:
    long = f"title: T\ndescription: {'x' * (MAX_BYTES // 3)}"
    files = {name: long.replace("T", name) for name in "ABC"}
    path = write("main.yaml", "x: [{$ref: A.yaml}, {$ref: B.yaml}, {$ref: C.yaml}]", **files)
    with pytest.raises(ContractError, match=r"C\.yaml: too large: the files of a document may have 4 MB$"):
        bundle(path)
    many = json.dumps({"title": "T", "enum": [0] * (MAX_VALUES // 2)})
    path = write("main.json", '{"x": [{"$ref": "a.json"}, {"$ref": "b.json"}]}')
    for name in "ab":
        (path.parent / f"{name}.json").write_text(many.replace("T", name))
    with pytest.raises(ContractError, match=r"b\.json: the document has more than 100000 values with all that it "):
        bundle(path)


def test_copies_that_double_with_each_step_are_bounded(write: Write) -> None:
    path = write("main.json", '{"openapi": "3.0.3", "paths": {"/a": {"$ref": "p0.json"}}}')
    for level in range(40):
        callback = {"{$url}": {"$ref": f"p{level + 1}.json"}}
        item = {"get": {"responses": {}, "callbacks": {"a": callback, "b": callback}}}
        (path.parent / f"p{level}.json").write_text(json.dumps(item))
    (path.parent / "p40.json").write_text("{}")
    with pytest.raises(ContractError, match=r"the document has more than 100000 values with all that it refers to$"):
        bundle(path)


def test_names_that_are_the_same_are_told_apart_at_once(write: Write) -> None:
    many = range(8_000)
    path = write("main.json", json.dumps({"allOf": [{"$ref": f"x.json#/{number}/x"} for number in many]}))
    (path.parent / "x.json").write_text(json.dumps({number: {"x": {}} for number in many}))
    start = time.process_time()
    assert bundle(path)["components"]["schemas"].keys() == {"X", *(f"X{number}" for number in many[2:]), "X8000"}
    assert time.process_time() - start < 10  # quadratic, it is a minute


def test_references_that_lead_on_and_on_are_refused(write: Write) -> None:
    schemas = {f"S{number}": {"$ref": f"#/components/schemas/S{number + 1}"} for number in range(3000)}
    document = {"openapi": "3.0.3", "paths": {}, "components": {"schemas": {**schemas, "S3000": {}}}}
    path = write("main.json", json.dumps(document))
    with pytest.raises(ContractError, match=r"S1 leads on over more than 100 references$"):
        bundle(path)


def test_a_line_that_quotes_a_document_is_short(write: Write) -> None:
    path = write("main.json", json.dumps({"x": {"$ref": "#/" + "a/" * 100_000}}))
    with pytest.raises(ContractError, match=r"points at nothing$") as failure:
        bundle(path)
    assert len(str(failure.value)) < 1_100


def test_a_bundle_has_each_file_once_under_its_title(write: Write) -> None:
    path = write(
        "main.yaml",
        "paths: {x: [{$ref: parts/order.yaml}, {$ref: parts/id.yaml}]}\ncomponents: {schemas: {Own: {type: string}}}",
        **{
            "parts/order": "title: Order\nproperties: {id: {$ref: id.yaml}, other: {$ref: ../parts/id.yaml}}",
            "parts/id": "title: Id\ntype: string",
        },
    )
    identity = {"$ref": "#/components/schemas/Id"}
    assert bundle(path) == {
        "paths": {"x": [{"$ref": "#/components/schemas/Order"}, identity]},
        "components": {
            "schemas": {
                "Id": {"title": "Id", "type": "string"},
                "Order": {"title": "Order", "properties": {"id": identity, "other": identity}},
                "Own": {"type": "string"},
            }
        },
    }


def test_the_schemas_of_a_bundle_are_in_the_order_of_their_names(write: Write) -> None:
    path = write("main.yaml", "x: [{$ref: b.yaml}, {$ref: a.yaml}]", a="title: A", b="title: B")
    assert list(bundle(path)["components"]["schemas"]) == ["A", "B"]


def test_a_document_without_schemas_gets_none(write: Write) -> None:
    assert bundle(write("main.yaml", "a: {b: 1}\ncomponents: {x: 1}")) == {"a": {"b": 1}, "components": {"x": 1}}


def test_files_that_refer_to_each_other_are_bundled(write: Write) -> None:
    path = write(
        "main.yaml",
        "x: {$ref: a.yaml}",
        a="title: A\nitems: {$ref: b.yaml}",
        b="title: B\nitems: {$ref: a.yaml}",
    )
    document = bundle(path)
    assert document["components"]["schemas"] == {
        "A": {"title": "A", "items": {"$ref": "#/components/schemas/B"}},
        "B": {"title": "B", "items": {"$ref": "#/components/schemas/A"}},
    }
    with pytest.raises(ContractError, match=r"^\$ref #/components/schemas/A refers to itself$"):
        resolved(document, document["x"])


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_every_reference_of_a_bundle_resolves_inside_it(name: str) -> None:
    document = bundle(SPECS / f"{name}.yaml")
    found = set(refs(document))
    assert len(found) > 20
    assert {ref for ref in found if not ref.startswith("#/") or at(document, ref) is None} == set()
    assert list(refs(resolved(document, document))) == []


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_a_bundle_keeps_the_titles_of_its_files(name: str) -> None:
    schemas = bundle(SPECS / f"{name}.yaml")["components"]["schemas"]
    files = {content["title"]: content for content in map(read, SPECS.glob("schemas/*.yaml"))}
    assert schemas.keys() <= files.keys()
    assert {title: schema["title"] for title, schema in schemas.items()} == {title: title for title in schemas}
    assert {title: schema.keys() for title, schema in schemas.items()} == {
        title: files[title].keys() for title in schemas
    }


BROKEN_BUNDLES = {
    "a file that is not there": (
        "x: {$ref: none.yaml}",
        {},
        "main.yaml: $ref to none.yaml, which is not there",
    ),
    "a file that another one misses": (
        "x: {$ref: a.yaml}",
        {"a": "title: A\nitems: {$ref: none.yaml}"},
        "a.yaml: $ref to none.yaml, which is not there",
    ),
    "a file that is broken": (
        "x: {$ref: a.yaml}",
        {"a": "title: A\ntitle: B"},
        'a.yaml: line 2 the key "title" stands twice',
    ),
    "one title for two files": (
        "x: [{$ref: a.yaml}, {$ref: b.yaml}]",
        {"a": "title: A", "b": "title: A"},
        'b.yaml: the title "A" is taken by another file',
    ),
    "one title for a file and one within it": (
        "x: {$ref: a.yaml}",
        {"a": "title: A\nitems: {$ref: b.yaml}", "b": "title: A"},
        'b.yaml: the title "A" is taken by another file',
    ),
    "a title that the document uses": (
        "x: {$ref: a.yaml}\ncomponents: {schemas: {A: {}}}",
        {"a": "title: A"},
        'main.yaml: components.schemas has "A", the title of a file it refers to',
    ),
    "a part of another file that is not there": (
        "x: {$ref: 'a.yaml#/properties/c'}",
        {"a": "title: A\nproperties: {b: {}}"},
        "main.yaml: $ref a.yaml#/properties/c points at nothing",
    ),
    "a part of the file itself that is not there": (
        "x: {$ref: a.yaml}",
        {"a": "title: A\nitems: {$ref: '#/$defs/b'}"},
        "a.yaml: $ref #/$defs/b points at nothing",
    ),
    "a part that is no schema": (
        "x: {$ref: 'a.yaml#/title'}",
        {"a": "title: A"},
        "main.yaml: $ref a.yaml#/title points at no object",
    ),
    "an anchor": (
        "x: {$ref: 'a.yaml#b'}",
        {"a": "title: A\n$defs: {b: {$anchor: b}}"},
        "main.yaml: $ref a.yaml#b points at nothing",
    ),
    **{
        f"the URL {url}": (
            f"x: {{$ref: '{url}'}}",
            {},
            f"main.yaml: $ref {url}: only files beside the document can be referred to, no URL",
        )
        for url in (
            *("http://127.0.0.1/a.yaml", "HTTPS://example.org/a.yaml#/b", "file:///etc/passwd", "//example.org/a.yaml"),
            *("urn:example:a", "data:application/json,{}", "git+ssh://example.org/a"),
        )
    },
    "the document from a shared file": (
        "x: {$ref: a.yaml}",
        {"a": "title: A\nitems: {$ref: main.yaml}"},
        "a.yaml: $ref main.yaml points at the whole document, of which it is a part",
    ),
    "a line break": (
        'x: {$ref: "a\\nb.yaml"}',
        {},
        "main.yaml: $ref to a\\nb.yaml, which is not there",
    ),
    "a zero byte": (
        "x: {$ref: a%00b.yaml}",
        {},
        "main.yaml: $ref to 'a%00b.yaml', which is no file",
    ),
    "a folder": (
        "x: {$ref: .}",
        {},
        "main.yaml: $ref to ., which is not there",
    ),
}


@pytest.mark.parametrize("case", BROKEN_BUNDLES)
def test_a_bad_reference_gives_one_line_that_names_the_file(write: Write, tmp_path: Path, case: str) -> None:
    text, files, problem = BROKEN_BUNDLES[case]
    path = write("main.yaml", text, **files)
    with pytest.raises(ContractError) as failure:
        bundle(path)
    assert str(failure.value) == f"{tmp_path.resolve()}/{problem}"


@pytest.mark.parametrize("components", ["null", "[]", "{schemas: null}", "{schemas: 5}"])
def test_components_that_are_no_mapping_give_one_line(write: Write, components: str) -> None:
    path = write("main.yaml", f"components: {components}")
    with pytest.raises(ContractError) as failure:
        bundle(path)
    assert str(failure.value).startswith(f"{path.resolve()}: components")
    assert "\n" not in str(failure.value)


def test_a_reference_to_nothing_within_the_document_is_refused(write: Write) -> None:
    path = write("main.yaml", "x: {$ref: '#/components/schemas/None'}")
    with pytest.raises(ContractError) as failure:
        bundle(path)
    assert str(failure.value) == f"{path.resolve()}: $ref #/components/schemas/None points at nothing"


DOCUMENT: dict[str, Any] = {
    "a": {"b": [10, {"c": None}], "": "empty"},
    "x/y": {"m~n": 1, "~1": 2},
    "t {p}": 3,
    "0": {"5": 4},
}


@pytest.mark.parametrize(
    ("pointer", "target"),
    [
        ("#", DOCUMENT),
        ("#/a", DOCUMENT["a"]),
        ("#/a/b/0", 10),
        ("#/a/b/1/c", None),
        ("#/a/", "empty"),
        ("#/x~1y/m~0n", 1),
        ("#/x~1y/~01", 2),
        ("#/0/5", 4),
        ("#/t {p}", 3),
        ("#/t%20%7Bp%7D", 3),
    ],
)
def test_a_pointer_finds_its_target(pointer: str, target: Any) -> None:
    assert at(DOCUMENT, pointer) == target


@pytest.mark.parametrize("pointer", ["#/", "#a", "#/b", "#/a/b/2", "#/a/b/-1", "#/a/b/x", "#/a/b/0/c", "#/A", "#/a//"])
def test_a_pointer_to_nothing_is_named(pointer: str) -> None:
    with pytest.raises(ContractError) as failure:
        at(DOCUMENT, pointer)
    assert str(failure.value) == f"$ref {pointer} points at nothing"


def test_references_are_replaced_by_copies_of_what_they_point_at() -> None:
    document: dict[str, Any] = {"a": [{"$ref": "#/b"}, {"$ref": "#/b"}], "b": {"c": {"$ref": "#/d"}}, "d": {"e": [1]}}
    before = copy.deepcopy(document)
    found = resolved(document, document["a"])
    assert found == [{"c": {"e": [1]}}, {"c": {"e": [1]}}]
    found[0]["c"]["e"].append(2)
    assert found[1] == {"c": {"e": [1]}}
    assert document == before


def test_a_property_that_is_called_ref_is_no_reference() -> None:
    schema = {"properties": {"$ref": {"type": "string"}}}
    assert resolved({}, schema) == schema


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"a": {"$ref": "#/a"}}, "#/a"),
        ({"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}, "#/b"),
        ({"a": {"items": [{"$ref": "#/a"}]}}, "#/a"),
        ({"a": {"$ref": "#"}}, "#"),
    ],
    ids=["itself", "one another", "from within", "the whole"],
)
def test_a_reference_that_leads_back_to_itself_is_named(document: dict[str, Any], named: str) -> None:
    with pytest.raises(ContractError) as failure:
        resolved(document, document["a"])
    assert str(failure.value) == f"$ref {named} refers to itself"


def test_a_reference_to_nothing_is_named() -> None:
    with pytest.raises(ContractError, match=r"^\$ref #/b points at nothing$"):
        resolved({"a": 1}, {"x": [{"$ref": "#/b"}]})


def test_a_document_may_be_json(write: Write) -> None:
    path = write("main.json", json.dumps({"x": {"$ref": "a.yaml"}}), a="title: A")
    assert bundle(path) == {"x": {"$ref": "#/components/schemas/A"}, "components": {"schemas": {"A": {"title": "A"}}}}
