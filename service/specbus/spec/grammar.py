"""Which objects stand where in a document: only so can a `$ref` that is a reference be told from one that is data.

`responses: {default: {$ref: ...}}` has a reference, `default: {$ref: ...}` in a schema has a value, and so do
`example`, `examples`, `enum`, `const` and all extensions (`x-...`). OpenAPI 3.0.3, AsyncAPI 3.0.0 and JSON Schema
(drafts 7 and 2019-09) say which objects have which fields; the tables below repeat what of that matters.

A kind is the name that the specification gives an object. `Kind[]` is a list of such (or one), `Kind{}` a mapping of
names to such. `ANY` is what the specifications do not know; a field is then judged by its name.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from specbus.spec import Json

Kind: TypeAlias = str
Table: TypeAlias = dict[Kind, dict[str, Kind | None]]
ANY = "?"
SCHEMA = "Schema"

_DATA = frozenset({"example", "examples", "default", "enum", "const"})
"""Fields whose values are data in every object, but for OpenAPI's `examples`, a mapping."""
_EXTENSIBLE = frozenset({"PathItem", "Response"})
"""Objects that stand in mappings in which a name with `x-` is an extension."""

_SCHEMA_FIELDS: dict[str, Kind | None] = {
    **dict.fromkeys(
        ("properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas"), "Schema{}"
    ),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "items", "prefixItems"), "Schema[]"),
    **dict.fromkeys(
        (
            *("not", "if", "then", "else", "contains", "propertyNames", "additionalItems", "additionalProperties"),
            *("unevaluatedItems", "unevaluatedProperties", "contentSchema"),
        ),
        "Schema",
    ),
}
_CONTENT: dict[str, Kind | None] = {"schema": "Schema", "examples": "Example{}", "content": "MediaType{}"}

OPENAPI: Table = {
    "Document": {"paths": "PathItem{}", "components": "Components"},
    "Components": {
        "schemas": "Schema{}",
        "responses": "Response{}",
        "parameters": "Parameter{}",
        "examples": "Example{}",
        "requestBodies": "RequestBody{}",
        "headers": "Header{}",
        "securitySchemes": "SecurityScheme{}",
        "links": "Link{}",
        "callbacks": "Callback{}",
    },
    "PathItem": {
        **dict.fromkeys(("get", "put", "post", "delete", "options", "head", "patch", "trace"), "Operation"),
        "parameters": "Parameter[]",
    },
    "Operation": {
        "parameters": "Parameter[]",
        "requestBody": "RequestBody",
        "responses": "Response{}",
        "callbacks": "Callback{}",
    },
    "Parameter": _CONTENT,
    "Header": _CONTENT,
    "RequestBody": {"content": "MediaType{}"},
    "MediaType": {"schema": "Schema", "examples": "Example{}", "encoding": "Encoding{}"},
    "Encoding": {"headers": "Header{}"},
    "Response": {"headers": "Header{}", "content": "MediaType{}", "links": "Link{}"},
    "Example": {"value": None},
    "Link": {"parameters": None, "requestBody": None},
    "SecurityScheme": {},
    SCHEMA: _SCHEMA_FIELDS,
}
ASYNCAPI: Table = {
    "Document": {
        "info": "Info",
        "servers": "Server{}",
        "channels": "Channel{}",
        "operations": "Operation{}",
        "components": "Components",
    },
    "Info": {"tags": "Tag[]", "externalDocs": "ExternalDocs"},
    "Components": {
        "schemas": "Schema{}",
        "servers": "Server{}",
        "channels": "Channel{}",
        "operations": "Operation{}",
        "messages": "Message{}",
        "securitySchemes": "SecurityScheme{}",
        "serverVariables": "ServerVariable{}",
        "parameters": "Parameter{}",
        "correlationIds": "CorrelationId{}",
        "replies": "OperationReply{}",
        "replyAddresses": "OperationReplyAddress{}",
        "externalDocs": "ExternalDocs{}",
        "tags": "Tag{}",
        "operationTraits": "OperationTrait{}",
        "messageTraits": "MessageTrait{}",
        "serverBindings": "Bindings{}",
        "channelBindings": "Bindings{}",
        "operationBindings": "Bindings{}",
        "messageBindings": "Bindings{}",
    },
    "Server": {
        "variables": "ServerVariable{}",
        "security": "SecurityScheme[]",
        "tags": "Tag[]",
        "externalDocs": "ExternalDocs",
        "bindings": "Bindings",
    },
    "Channel": {
        "messages": "Message{}",
        "servers": "Server[]",
        "parameters": "Parameter{}",
        "tags": "Tag[]",
        "externalDocs": "ExternalDocs",
        "bindings": "Bindings",
    },
    "Operation": {
        "channel": "Channel",
        "security": "SecurityScheme[]",
        "tags": "Tag[]",
        "externalDocs": "ExternalDocs",
        "bindings": "Bindings",
        "traits": "OperationTrait[]",
        "messages": "Message[]",
        "reply": "OperationReply",
    },
    "OperationTrait": {
        "security": "SecurityScheme[]",
        "tags": "Tag[]",
        "externalDocs": "ExternalDocs",
        "bindings": "Bindings",
    },
    "OperationReply": {"address": "OperationReplyAddress", "channel": "Channel", "messages": "Message[]"},
    "Message": {
        "headers": "Schema",
        "payload": "Schema",
        "correlationId": "CorrelationId",
        "tags": "Tag[]",
        "externalDocs": "ExternalDocs",
        "bindings": "Bindings",
        "traits": "MessageTrait[]",
        "x-on-invalid": "Schema",
    },
    "MessageTrait": {
        "headers": "Schema",
        "correlationId": "CorrelationId",
        "tags": "Tag[]",
        "externalDocs": "ExternalDocs",
        "bindings": "Bindings",
    },
    "Tag": {"externalDocs": "ExternalDocs"},
    "ExternalDocs": {},
    "ServerVariable": {},
    "Parameter": {},
    "CorrelationId": {},
    "OperationReplyAddress": {},
    "SecurityScheme": {},
    # The schemas that bindings have: of WebSockets and HTTP, of Kafka.
    "Bindings": dict.fromkeys(("ws", "http", "kafka"), "Binding"),
    "Binding": dict.fromkeys(("query", "headers", "key", "groupId", "clientId"), "Schema"),
    # `schema` is of the Multi Format Schema Object, which may stand wherever a message has a schema.
    SCHEMA: {**_SCHEMA_FIELDS, "schema": "Schema"},
}
PLAIN: Table = {"Document": _SCHEMA_FIELDS, SCHEMA: _SCHEMA_FIELDS}
"""A file that is neither: a schema, or a collection of them."""

for _table in (OPENAPI, ASYNCAPI, PLAIN):
    _table[ANY] = {field: kind for fields in _table.values() for field, kind in fields.items() if kind}


def grammar(document: Json) -> Table:
    """The table for `document`."""
    if not isinstance(document, dict):
        return PLAIN
    return OPENAPI if "openapi" in document else ASYNCAPI if "asyncapi" in document else PLAIN


def kind_of(table: Table, document: Json, node: Json) -> Kind:
    """The kind of `node`, an object or list that stands somewhere in `document`; `ANY` of one that does not."""
    waiting: list[tuple[Json, Kind]] = [(document, "Document")]
    while waiting:
        candidate, kind = waiting.pop()
        if candidate is node:
            return kind
        waiting += [
            (item, inner)
            for _, item, inner in fields(table, kind, candidate)
            if inner is not None and isinstance(item, dict | list)
        ]
    return ANY


def components_of(table: Table, kind: Kind) -> str:
    """The field of `components` in which objects of `kind` stand; "" if there is none."""
    if kind == ANY:
        return "schemas"
    sections = table.get("Components", {"schemas": "Schema{}"})
    return next((name for name, each in sections.items() if each == f"{kind}{{}}"), "")


def is_reference(node: Json) -> bool:
    """Whether `node`, which is no data, is a reference. A property that is called `$ref` makes none."""
    return isinstance(node, dict) and isinstance(node.get("$ref"), str)


def fields(table: Table, kind: Kind, node: Json) -> Iterator[tuple[str | int, Json, Kind | None]]:
    """The keys (indexes) of `node`, with what stands there and its kind; None for data, in which no `$ref` counts."""
    one = kind[:-2] if kind[-2:] in ("[]", "{}") else kind
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield index, item, one
    elif isinstance(node, dict) and (kind.endswith("{}") or kind == "Callback"):
        each = "PathItem" if kind == "Callback" else one
        for name, item in node.items():
            yield name, item, None if each in _EXTENSIBLE and name.startswith("x-") else each
    elif isinstance(node, dict):
        known = table.get(one, {})
        for name, item in node.items():
            if name in known and not (name in _DATA and isinstance(item, list)):
                inner = known[name]
                yield name, item, inner.removesuffix("[]") if inner and isinstance(item, dict) else inner
            else:
                yield name, item, None if name in _DATA or name.startswith("x-") else ANY


def transform(
    table: Table,
    kind: Kind,
    node: Json,
    replace: Callable[[dict[str, Json], Kind], Json],
    dropped: frozenset[str] = frozenset(),
) -> Json:
    """A copy of `node` in which each reference is what `replace` gives for it and its kind; data is only copied.

    `dropped` are fields of schemas that the copy does not get.
    """
    if is_reference(node):
        return replace(node, kind)
    if not isinstance(node, dict | list):
        return node
    is_schema = isinstance(node, dict) and kind == SCHEMA
    changed = {
        key: copied(item) if inner is None else transform(table, inner, item, replace, dropped)
        for key, item, inner in fields(table, kind, node)
        if not (is_schema and key in dropped)
    }
    return changed if isinstance(node, dict) else list(changed.values())


def references(table: Table, kind: Kind, node: Json) -> Iterator[tuple[str, Kind]]:
    """The references in `node`, each with the kind of object that is expected there."""
    if is_reference(node):
        yield node["$ref"], kind
        return
    for _, item, inner in fields(table, kind, node):
        if inner is not None and isinstance(item, dict | list):
            yield from references(table, inner, item)


def copied(value: Json) -> Json:
    """A copy of the data `value`, in which nothing stands twice."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value
