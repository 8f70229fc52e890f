"""OpenAPI documents as operations, parameters, bodies and responses."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from specbus.contract.decoding import Verbatim
from specbus.contract.requests import Body, InvalidRequest, Parameter, RestContract, RestOperation
from specbus.spec import ContractError
from specbus.spec.bundle import bundle
from tests.support.documents import SPECS
from tests.support.messages import UUID

CONTRACT = RestContract(SPECS / "openapi.yaml")
OPERATIONS = CONTRACT.operations

SHOP = """
openapi: 3.0.3
info: {title: Shop, version: 1.0.0}
security: [{key: []}]
paths:
  /items/{id}:
    parameters:
    - {name: id, in: path, required: true, schema: {type: string, maxLength: 3}}
    - {name: lang, in: query, schema: {type: string, enum: [de, en]}}
    get:
      operationId: getItem
      parameters:
      - {name: lang, in: query, required: true, schema: {type: string, maxLength: 2}}
      - {name: max, in: query, schema: {type: integer, minimum: 0}}
      - {name: price, in: query, schema: {type: number, maximum: 10}}
      - {name: sold, in: query, schema: {type: boolean}}
      responses:
        '200':
          description: Yes.
          headers: {ETag: {required: true, schema: {type: string}}, Age: {schema: {type: integer}}}
          content:
            application/json: {schema: {$ref: item.yaml}}
            text/plain: {schema: {type: string}}
        '304': {description: The same.}
    put:
      operationId: putItem
      security: []
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: item.yaml}}
      responses:
        '204': {description: Done.}
  /items/new:
    get:
      operationId: newItem
      responses:
        '200': {description: Yes.}
"""
ITEM = "title: Item\ntype: object\nrequired: [x]\nadditionalProperties: false\nproperties: {x: {type: integer}}\n"


@pytest.fixture
def shop() -> Any:
    """Another OpenAPI document."""
    return yaml.safe_load(SHOP)


def load(folder: Path, document: Any) -> RestContract:
    folder.joinpath("item.yaml").write_text(ITEM)
    path = folder / "shop.yaml"
    path.write_text(json.dumps(document))
    return RestContract(path)


@pytest.fixture
def item(tmp_path: Path, shop: Any) -> RestOperation:
    """The operation `getItem` of the other document."""
    return load(tmp_path, shop).operations["getItem"]


def test_the_document_is_at_hand_in_one_piece() -> None:
    assert CONTRACT.document == bundle(SPECS / "openapi.yaml")


def test_every_operation_is_known_by_its_id() -> None:
    found = {name: (operation.id, operation.method, operation.path) for name, operation in OPERATIONS.items()}
    assert found == {
        node["operationId"]: (node["operationId"], method, path)
        for path, item in CONTRACT.document["paths"].items()
        for method, node in item.items()
        if method != "parameters"
    }
    assert "publishMessage" in found


@pytest.mark.parametrize(
    ("name", "path"),
    [("orders", "orders"), ("a/b\n%", "a%2Fb%0A%25"), ("日", "%E6%97%A5"), ("a b?#", "a%20b%3F%23")],
)
def test_a_path_is_made_with_its_parameters_percent_encoded(name: str, path: str) -> None:
    assert OPERATIONS["getMessages"].path_with(name) == f"/topics/{path}/messages"


@pytest.mark.parametrize("url", ["/", "", "https://example.org", "https://example.org/behind/a/proxy"])
def test_a_server_may_be_anywhere(tmp_path: Path, shop: Any, url: str) -> None:
    assert load(tmp_path, {**shop, "servers": [{"url": url}]}).operations.keys() == {"getItem", "putItem", "newItem"}


def test_operations_are_secured_unless_they_say_otherwise(tmp_path: Path, shop: Any) -> None:
    def secured(document: Any) -> dict[str, bool]:
        return {name: operation.secured for name, operation in load(tmp_path, document).operations.items()}

    assert secured(shop) == {"getItem": True, "putItem": False, "newItem": True}
    del shop["security"]
    assert secured(shop) == {"getItem": False, "putItem": False, "newItem": False}
    assert [name for name, operation in OPERATIONS.items() if not operation.secured] == ["getHealth"]


def test_an_operations_own_parameter_replaces_the_paths(tmp_path: Path, shop: Any) -> None:
    operations = load(tmp_path, shop).operations

    def parameters(name: str) -> list[tuple[str, str, bool, str | None]]:
        return [(one.name, one.place, one.required, one.type) for one in operations[name].parameters]

    assert parameters("getItem") == [
        ("id", "path", True, "string"),
        ("lang", "query", True, "string"),
        ("max", "query", False, "integer"),
        ("price", "query", False, "number"),
        ("sold", "query", False, "boolean"),
    ]
    assert parameters("putItem") == [("id", "path", True, "string"), ("lang", "query", False, "string")]


def problem_of_query(operation: RestOperation, query: str) -> str | None:
    try:
        operation.check_query(query)
    except InvalidRequest as error:
        return str(error)
    return None


NO_INTEGER = "last_n must be an integer, not a string"


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("", None),
        ("&", None),
        ("last_n=0", None),
        ("last_n=5", None),
        ("last_n=-0", None),
        ("last%5Fn=%35", None),
        (f"last_n={10**30}", None),
        ("last_n=-1", "last_n must be 0 or more"),
        (f"last_n=-{10**30}", "last_n must be 0 or more"),
        ("last_n", NO_INTEGER),
        ("last_n=", NO_INTEGER),
        ("last_n=five", NO_INTEGER),
        ("last_n=1_0", NO_INTEGER),
        ("last_n=+1", NO_INTEGER),
        ("last_n=%201", NO_INTEGER),
        ("last_n=1%0A", NO_INTEGER),
        ("last_n=01", NO_INTEGER),
        ("last_n=1.0", NO_INTEGER),
        ("last_n=1e2", NO_INTEGER),
        ("last_n=%D9%A1", NO_INTEGER),
        ("last_n=true", NO_INTEGER),
        ("last_n=5&last_n=5", "last_n is given twice"),
        ("last_n=5&limit=1", 'unknown query parameter "limit"'),
        ("name=orders", 'unknown query parameter "name"'),
        ("=5", 'unknown query parameter ""'),
        ("Last_n=5", 'unknown query parameter "Last_n"'),
        (f"{'x' * 65}=5", f'unknown query parameter "{"x" * 61}..."'),
        ("a%0Ab=5", r'unknown query parameter "a\nb"'),
    ],
)
def test_a_query_has_just_what_the_operation_takes(query: str, problem: str | None) -> None:
    assert problem_of_query(OPERATIONS["getMessages"], query) == problem


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_integer_with_more_digits_than_python_reads_is_refused(sign: str) -> None:
    assert problem_of_query(OPERATIONS["getMessages"], f"last_n={sign}{'9' * 5000}") is not None


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("lang=de", None),
        ("", "lang is required"),
        ("max=1", "lang is required"),
        ("lang=deu", "lang must have at most 2 characters"),
        ("lang=fr", None),
        ("lang=de&sold=true", None),
        ("lang=de&sold=false", None),
        ("lang=de&sold=True", "sold must be true or false, not a string"),
        ("lang=de&sold=1", "sold must be true or false, not a string"),
        ("lang=12", None),
        ("lang=de&price=9.5", None),
        ("lang=de&price=10.5", "price must be 10 or less"),
        ("lang=de&price=cheap", "price must be a number, not a string"),
        ("lang=de&price=NaN", "price must be a number, not a string"),
        ("lang=de&price=1_0", "price must be a number, not a string"),
        ("lang=de&X-Trace=1", 'unknown query parameter "X-Trace"'),
        ("lang=de&id=1", 'unknown query parameter "id"'),
    ],
)
def test_query_parameters_of_every_type_are_judged(item: RestOperation, query: str, problem: str | None) -> None:
    assert problem_of_query(item, query) == problem


PATTERN = "^[A-Za-z0-9_][A-Za-z0-9._-]*$"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("orders", None),
        ("5", None),
        ("x" * 128, None),
        ("x" * 129, "name must have at most 128 characters"),
        ("orders\n", f"name must match the pattern {PATTERN}"),
        ("größe", f"name must match the pattern {PATTERN}"),
        ("a b", f"name must match the pattern {PATTERN}"),
        ("", f"name must not be empty; name must match the pattern {PATTERN}"),
    ],
)
def test_a_path_parameter_is_judged(text: str, problem: str | None) -> None:
    parameter: Parameter
    (parameter,) = OPERATIONS["getTopic"].parameters
    if problem is None:
        parameter.check(text)
        return
    with pytest.raises(InvalidRequest) as refusal:
        parameter.check(text)
    assert str(refusal.value) == problem


def body(name: str) -> Body:
    found = OPERATIONS[name].body
    assert found is not None
    return found


def test_a_good_body_is_parsed() -> None:
    assert body("createTopic").parse(b' {"name": "orders"}\n') == {"name": "orders"}


def test_a_published_message_comes_with_its_own_text() -> None:
    message = f'{{ "payload" : 99.50, "id":"{UUID}" }}'.encode()
    value = body("publishMessage").parse(b"\n" + message)
    assert value == {"id": UUID, "payload": None}
    assert isinstance(value, Verbatim)
    assert value.text == message


NEW_TOPIC = [
    ("", "the body is not valid JSON: a value is expected (line 1, column 1)"),
    ('{"name":"a"', "the body is not valid JSON: a comma or a closing bracket is expected (line 1, column 12)"),
    ('{"name":NaN}', "the body is not valid JSON: NaN is not a JSON value"),
    (r'{"name":"\ud800"}', "the body is not valid JSON: an escape is half a character (a lone surrogate)"),
    ('{"name":1e400}', "the body is not usable: a number is too large"),
    (f'{{"name":{"9" * 5000}}}', "the body is not usable: a number is too large"),
    ("[" * 10_000, "the body is nested more than 127 levels deep"),
    ("[]", "the body must be an object, not an array"),
    ("null", "the body must be an object, not null"),
    ('"orders"', "the body must be an object, not a string"),
    ("{}", "name is required"),
    ('{"name":5}', "name must be a string, not 5"),
    ('{"name":"a","name":"b c"}', f"name must match the pattern {PATTERN}"),
    ('{"name":"a\\n"}', f"name must match the pattern {PATTERN}"),
    ('{"name":"a","ttl":5}', "unknown field ttl"),
    ('{"name":"a","the value":5}', 'unknown field "the value"'),
    ('{"Name":"a"}', "unknown field Name; name is required"),
]
MESSAGE = [
    (f'{{"id":"{UUID}"}}', "payload is required"),
    ('{"id":"1","payload":null}', "id must be a valid UUID"),
    ('{"id":"1","payload":1e400}', "id must be a valid UUID"),
    (f'{{"id":"{UUID}","payload":1,"topic":"a"}}', "unknown field topic"),
]


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [("createTopic", *case) for case in NEW_TOPIC] + [("publishMessage", *case) for case in MESSAGE],
)
def test_a_bad_body_is_refused_in_words(name: str, data: str, problem: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        body(name).parse(data.encode())
    assert str(refusal.value) == problem


def test_a_body_that_is_not_utf_8_is_told_apart() -> None:
    with pytest.raises(UnicodeDecodeError):
        body("createTopic").parse(b'{"name":"\xff"}')


def test_an_operation_without_a_body_has_none() -> None:
    assert [name for name, operation in OPERATIONS.items() if operation.body] == ["createTopic", "publishMessage"]


JSON = {"content-type": "application/json"}
PROBLEM = {"content-type": "application/problem+json"}
DETAIL = b'{"type":"about:blank","title":"t","status":405,"detail":"d"}'
CREATED = b'{"status":"created","topic":"orders"}'


@pytest.mark.parametrize(
    ("name", "status", "headers", "content", "problems"),
    [
        ("createTopic", 201, {**JSON, "location": "/topics/orders"}, CREATED, []),
        ("createTopic", 201, {"content-type": "application/json; charset=utf-8", "location": ""}, CREATED, []),
        ("createTopic", 201, {**JSON, "location": "", "x-more": "1"}, CREATED[:-1] + b',"added":1}', []),
        ("createTopic", 201, JSON, CREATED, ["location is required"]),
        ("createTopic", 200, JSON, CREATED, ["status 200 is not declared"]),
        ("createTopic", 404, PROBLEM, DETAIL, ["status 404 is not declared"]),
        ("createTopic", 405, {**PROBLEM, "allow": "GET, POST"}, DETAIL, []),
        ("createTopic", 405, PROBLEM, DETAIL, ["allow is required"]),
        ("createTopic", 405, {**JSON, "allow": ""}, DETAIL, ['content type "application/json" is not declared']),
        ("createTopic", 405, {}, DETAIL, ["allow is required", 'content type "" is not declared']),
        ("createTopic", 401, {**PROBLEM, "www-authenticate": "ApiKey"}, DETAIL, []),
        ("createTopic", 401, PROBLEM, DETAIL, ["www-authenticate is required"]),
        ("createTopic", 201, JSON, b"{}", ["location is required", "status is required; topic is required"]),
        ("getHealth", 200, JSON, b"", ["the body is not valid JSON: a value is expected (line 1, column 1)"]),
        ("getHealth", 200, JSON, b"[]", ["the body must be an object, not an array"]),
        ("deleteTopic", 200, JSON, CREATED, ['status must be "deleted"']),
        (
            "getTopic",
            400,
            PROBLEM,
            b'{"type":"about:blank","title":"t","status":99,"detail":""}',
            ["status must be 400 or more; detail must not be empty"],
        ),
        ("getTopic", 400, PROBLEM, DETAIL[:-1] + b',"instance":"x"}', []),
    ],
)
def test_a_response_is_judged(
    name: str, status: int, headers: dict[str, str], content: bytes, problems: list[str]
) -> None:
    assert OPERATIONS[name].problems_of_response(status, headers, content) == problems


@pytest.mark.parametrize(
    ("status", "headers", "content", "problems"),
    [
        (200, {**JSON, "etag": "1"}, b'{"x":1}', []),
        (200, {"content-type": "text/html", "etag": "1"}, b'{"x":1}', ['content type "text/html" is not declared']),
        (304, {}, b"", []),
        (304, {}, b"x", ["has a body where none is declared"]),
        (304, JSON, b"{}", ["has a body where none is declared"]),
    ],
)
def test_a_response_without_a_body_has_none(
    item: RestOperation, status: int, headers: dict[str, str], content: bytes, problems: list[str]
) -> None:
    assert item.problems_of_response(status, headers, content) == problems


def test_a_response_that_is_not_utf_8_is_a_problem() -> None:
    (problem,) = OPERATIONS["getHealth"].problems_of_response(200, JSON, b'{"\xff":1}')
    assert problem


def test_a_response_may_have_payloads_of_any_size() -> None:
    message = f'{{"id":"{UUID}","payload":%s}}'
    event = f'{{"type":"event","topic":"a","message":{message},"offset":1,"ts":"2025-08-25T10:00:00Z"}}'
    events = ",".join(event % payload for payload in ("1e400", "9" * 5000, r'"\ud800"'))
    content = f'{{"topic":"a","events":[{events}]}}'.encode()
    assert OPERATIONS["getMessages"].problems_of_response(200, JSON, content) == []


DROP = object()


def changed(document: Any, place: str, value: Any) -> Any:
    """A copy of `document` with `value` at `place` (steps parted by spaces), or nothing."""
    document = copy.deepcopy(document)
    *steps, last = [int(step) if step in "0123456789" else step for step in place.split(" ")]
    owner = document
    for step in steps:
        owner = owner[step]
    if value is DROP:
        del owner[last]
    else:
        owner[last] = value
    return document


PUT = "paths /items/{id} put"
GET = "paths /items/{id} get"
OF_A_TYPE = "needs a schema of type string, integer, number or boolean"


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        ("openapi", DROP, "openapi must be 3.0.x"),
        ("openapi", "3.1.0", "openapi must be 3.0.x"),
        ("openapi", "2.0", "openapi must be 3.0.x"),
        (f"{PUT} operationId", DROP, "PUT /items/{id}: needs an operationId"),
        (f"{PUT} operationId", 5, "PUT /items/{id}: needs an operationId"),
        (f"{PUT} operationId", "getItem", 'operationId "getItem" stands twice'),
        (
            f"{PUT} requestBody content",
            {"text/plain": {}},
            "PUT /items/{id}: a request body must be application/json and nothing else",
        ),
        (
            f"{PUT} requestBody content text/xml",
            {},
            "PUT /items/{id}: a request body must be application/json and nothing else",
        ),
        (f"{PUT} requestBody required", DROP, "PUT /items/{id}: a request body must be required"),
        (f"{PUT} requestBody required", False, "PUT /items/{id}: a request body must be required"),
        ("servers", [{"url": "/v1"}], 'servers: the url "/v1" must be "/", where the service is'),
        (f"{GET} parameters 1 in", "header", "GET /items/{id}: parameter max: must be in path or query, not in header"),
        (f"{GET} parameters 1 in", "cookie", "GET /items/{id}: parameter max: must be in path or query, not in cookie"),
        (f"{GET} parameters 1 style", "spaceDelimited", "GET /items/{id}: parameter max: must have the style form"),
        (f"{GET} parameters 1 schema", DROP, f"GET /items/{{id}}: parameter max: {OF_A_TYPE}"),
        (f"{GET} parameters 1 schema", {}, f"GET /items/{{id}}: parameter max: {OF_A_TYPE}"),
        (f"{GET} parameters 1 schema type", "array", f"GET /items/{{id}}: parameter max: {OF_A_TYPE}"),
        (
            f"{GET} parameters 1",
            {"name": "max", "in": "query", "content": {"application/json": {}}},
            f"GET /items/{{id}}: parameter max: {OF_A_TYPE}",
        ),
        (
            f"{PUT} requestBody content application/json schema",
            {"required": "x"},
            'PUT /items/{id}: body: not a JSON Schema: required: "x" is not of type "array"',
        ),
        (
            f"{GET} parameters 1 schema minimum",
            "0",
            'GET /items/{id}: parameter max: not a JSON Schema: minimum: "0" is not of type "number"',
        ),
        (
            "paths /items/{id} parameters 0 schema maxLength",
            -1,
            "GET /items/{id}: parameter id: not a JSON Schema: maxLength: -1 is less than the minimum of 0",
        ),
        (
            f"{GET} responses 200 content text/plain schema",
            {"pattern": "("},
            'GET /items/{id}: response 200: not a JSON Schema: pattern: "(" is not a "regex"',
        ),
        (
            f"{GET} responses 200",
            {"$ref": "#/components/responses/None"},
            "$ref #/components/responses/None points at nothing",
        ),
        (f"{GET} responses 200", {"$ref": "#/paths"}, "$ref #/paths refers to itself"),
        (
            f"{GET} responses 200 content application/json schema $ref",
            "none.yaml",
            "$ref to none.yaml, which is not there",
        ),
    ],
)
def test_a_broken_document_gives_one_clear_line(
    tmp_path: Path, shop: Any, place: str, value: Any, problem: str
) -> None:
    with pytest.raises(ContractError) as failure:
        load(tmp_path, changed(shop, place, value))
    assert str(failure.value).removeprefix(f"{tmp_path.resolve()}/") == f"shop.yaml: {problem}"


def test_a_missing_document_gives_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as failure:
        RestContract(tmp_path / "none.yaml")
    assert str(failure.value) == f"{tmp_path.resolve()}/none.yaml: No such file or directory"


def _places(node: Any, place: tuple[str, ...] = ()) -> Iterator[str]:
    if place:
        yield " ".join(place)
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _places(value, (*place, str(key)))


@pytest.mark.parametrize("value", [DROP, None, [], "x"], ids=["nothing", "null", "array", "string"])
def test_whatever_is_wrong_in_a_document_costs_one_line_that_names_it(tmp_path: Path, shop: Any, value: Any) -> None:
    shop["components"] = {"schemas": {"Own": {}}}
    lines = {}
    for place in _places(shop):
        try:
            load(tmp_path, changed(shop, place, value))
        except ContractError as error:
            lines[place] = str(error).removeprefix(f"{tmp_path.resolve()}/")
        except Exception as error:
            lines[place] = repr(error)
    assert len(lines) > 10
    assert {place: line for place, line in lines.items() if not line.startswith("shop.yaml: ") or "\n" in line} == {}
