"""Fields whose names are odd: whatever a document calls one, what is sent is decoded, judged and told by it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specbus.contract.commands import Refusal, WebSocketContract
from specbus.contract.decoding import Decoder
from specbus.contract.requests import InvalidRequest, RestContract
from specbus.spec.bundle import bundle
from tests.support.documents import COMMANDS, SPECS
from tests.support.messages import UUID

ASYNCAPI, OPENAPI = (json.dumps(bundle(SPECS / f"{name}.yaml")) for name in ("asyncapi", "openapi"))
NAMES = [
    *(
        "\\",
        '"',
        'a"b',
        '\\"',
        "\n",
        "\r\n",
        "\0",
        "\x1f",
        "\x7f",
        "\x85",
        "\u2028",
        "\ufeff",
        "\u202e",
        "😀",
        "\U0010ffff",
    ),
    *(
        "{}",
        "{0}",
        "%s",
        "%",
        "$",
        "${x}",
        "`",
        "*/",
        "'''",
        '"""',
        "é",
        "",
        "0",
        "-1",
        "a.b",
        "a/b~1",
        "$ref",
        "__proto__",
    ),
    *("self", "class", "value", "unset", "Verbatim", "instance", "f0", "x" * 300, "ﬁ", "properties"),
]


def with_field(document: str, schemas: list[str], name: str) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(document)
    for schema in schemas:
        changed["components"]["schemas"][schema]["properties"][name] = {"type": "string", "maxLength": 3}
    return changed


def odd(names: list[str]) -> st.SearchStrategy[str]:
    known = {"type", "topic", "message", "request_id", "id", "payload", "name"}
    return (st.sampled_from(names) | st.text(st.characters(codec="utf-8"), max_size=5)).filter(
        lambda name: name not in known
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(odd(NAMES), st.booleans())
def test_a_field_of_any_name_is_decoded_judged_and_told(tmp_path: Path, name: str, ascii_: bool) -> None:
    file = tmp_path / "asyncapi.json"
    file.write_text(json.dumps(with_field(ASYNCAPI, ["Publish", "Message"], name)))
    contract = WebSocketContract(file, {command: command for command in COMMANDS})
    for inside in (False, True):
        for value, problem in (("abc", ""), ("abcd", "must have at most 3 characters"), (1, "must be a string, not 1")):
            frame: dict[str, Any] = {"type": "publish", "topic": "t", "message": {"id": UUID, "payload": 1}}
            (frame["message"] if inside else frame)[name] = value
            text = json.dumps(frame, ensure_ascii=ascii_).encode()
            if problem:
                with pytest.raises(Refusal) as refusal:
                    contract.dispatch(text)
                assert str(refusal.value).endswith(f" {problem}")
                assert str(refusal.value).isprintable()
            else:
                handler, decoded = contract.dispatch(text)
                assert handler == "publish"
                assert (decoded["message"] if inside else decoded)[name] == value


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(odd(NAMES))
def test_a_field_of_any_name_is_one_of_a_body(tmp_path: Path, name: str) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(with_field(OPENAPI, ["NewTopic"], name)))
    body = RestContract(file).operations["createTopic"].body
    assert body
    assert body.parse(json.dumps({"name": "a", name: "abc"}).encode()) == {"name": "a", name: "abc"}
    with pytest.raises(InvalidRequest, match=r" must be a string, not 1$") as refusal:
        body.parse(json.dumps({"name": "a", name: 1}).encode())
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("required", [[], ["a"]], ids=["optional", "required"])
@pytest.mark.parametrize("depth", [1, 49, 60, 98, 190])
def test_objects_may_nest_as_deep_as_a_document(depth: int, required: list[str]) -> None:
    schema: Any = {"type": "object", "x-verbatim": True, "properties": {"a": {}}}
    value: Any = {"a": [1]}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": required}
        value = {"a": value}
    decoder = Decoder({"": schema}, max_depth=500)
    text = json.dumps(value).encode()
    _, decoded = decoder.quick(text) or decoder.thorough(text)
    for _ in range(depth):
        decoded = decoded["a"]
    assert decoded.text == b'{"a": [1]}'
