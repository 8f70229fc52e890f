"""The edits: each changes a copy of `specs/` in one way, or in two.

`KEPT` are those from which the service runs, and which it then keeps: `verify` may skip what they no longer allow, and
finds nothing broken. `VISIBLE` are those of them that a service which runs from the unedited documents breaks.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from tests.support.documents import copied_specs

Document: TypeAlias = dict[str, Any]


class Documents:
    """A copy of the documents, read to be edited."""

    def __init__(self, folder: Path) -> None:
        """Copy the documents into `folder`."""
        self.folder = copied_specs(folder)
        self._read: dict[str, Document] = {}

    def __getitem__(self, name: str) -> Document:
        """The document or schema in the file `name`, without its ending."""
        if name not in self._read:
            self._read[name] = yaml.safe_load((self.folder / f"{name}.yaml").read_text())
        return self._read[name]

    def schema(self, name: str) -> Document:
        """The schema of that name."""
        return self[f"schemas/{name}"]

    def save(self) -> None:
        """Write what was read, and perhaps edited."""
        for name, document in self._read.items():
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))

    def examples(self, *names: str) -> None:
        """Take the examples from schemas and messages, which an edit has made untrue."""
        for name in names:
            self.schema(name).pop("example", None)
        for message in self["asyncapi"]["components"]["messages"].values():
            message.pop("examples", None)


Edit: TypeAlias = Callable[[Documents], None]
KEPT: dict[str, Edit] = {}
VISIBLE: set[str] = set()


def kept(name: str, *, visible: bool = False) -> Callable[[Edit], Edit]:
    """Enter the decorated edit."""

    def enter(edit: Edit) -> Edit:
        assert name not in KEPT, name
        KEPT[name] = edit
        if visible:
            VISIBLE.add(name)
        return edit

    return enter


def _schema(edited: str, **keywords: Any) -> Edit:
    """An edit of one schema: keywords are set, and those that are None taken away."""

    def edit(documents: Documents) -> None:
        schema = documents.schema(edited)
        for keyword, value in keywords.items():
            if value is None:
                schema.pop(keyword, None)
            else:
                schema[keyword] = value
        documents.examples(edited, "message", "publish", "subscribe", "unsubscribe", "new_topic", "event", "ack")
        for name in ("error", "info", "pong", "ping", "topic_detail", "retained_events", "publish_accepted", "stats"):
            documents.schema(name).pop("example", None)

    return edit


def _both(*edits: Edit) -> Edit:
    def edit(documents: Documents) -> None:
        for each in edits:
            each(documents)

    return edit


# Names of topics

NAMES: dict[str, Document] = {
    "short names": {"maxLength": 8},
    "long names": {"minLength": 20},
    "names of letters": {"pattern": "^[a-z]+$"},
    "names in capitals": {"pattern": "^[A-Z]{3,9}$"},
    "names with a beginning of their own": {"pattern": "^orders\\.[a-z0-9]{1,20}$"},
    "names of three parts": {"pattern": "^[a-z]+\\.[a-z]+\\.[0-9]+$"},
    "names of one character": {"maxLength": 1},
    "names that are UUIDs": {"format": "uuid", "pattern": None, "maxLength": None},
    "a list of names": {"enum": ["orders", "news", "alerts", "audit"], "pattern": None},
    "two names": {"enum": ["orders", "news"], "pattern": None},
    "any name": {"pattern": None, "maxLength": None},
    "names without mark": {"x-test-prefix": None},
    "longer names": {"maxLength": 300},
}
for _name, _keywords in NAMES.items():
    kept(_name, visible=_name not in ("names without mark",))(_schema("topic_name", **_keywords))

# Ids of messages

IDS: dict[str, Document] = {
    "ids of any form": {"format": None, "x-default": None},
    "ids with a pattern": {"format": None, "x-default": None, "pattern": "^msg-[0-9a-f]{8}$"},
    "short ids": {"format": None, "x-default": None, "maxLength": 6},
    "ids that are listed": {"format": None, "x-default": None, "enum": ["a", "b", "c"]},
    "ids that are dates": {"format": "date-time", "x-default": None},
}
for _name, _keywords in IDS.items():
    kept(_name, visible=True)(_schema("message_id", **_keywords))

# Payloads

PAYLOADS: dict[str, Document] = {
    "an object": {
        "type": "object",
        "required": ["order_id"],
        "additionalProperties": False,
        "properties": {"order_id": {"type": "string", "pattern": "^ORD-[0-9]+$"}, "amount": {"type": "number"}},
    },
    "one of two": {"oneOf": [{"type": "string", "maxLength": 20}, {"type": "integer", "minimum": 0}]},
    "all of two": {
        "allOf": [
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
            {"type": "object", "required": ["b"], "properties": {"b": {"type": "string", "minLength": 2}}},
        ]
    },
    "a text or null": {"type": "string", "nullable": True, "maxLength": 100},
    "an email address": {"type": "string", "format": "email"},
    "a moment": {"type": "string", "format": "date-time"},
    "a list": {"type": "array", "minItems": 1, "maxItems": 5, "items": {"type": "integer", "maximum": 100}},
    "a map": {"type": "object", "additionalProperties": {"type": "number"}, "minProperties": 1},
    "a number": {"type": "number", "multipleOf": 0.5, "minimum": 1},
    "a word": {"type": "string", "enum": ["red", "green"]},
    "a switch": {"type": "boolean"},
    "one of kinds": {
        "oneOf": [
            {
                "type": "object",
                "required": ["kind", "text"],
                "properties": {"kind": {"type": "string", "enum": ["note"]}, "text": {"type": "string"}},
            },
            {
                "type": "object",
                "required": ["kind", "level"],
                "properties": {"kind": {"type": "string", "enum": ["alarm"]}, "level": {"type": "integer"}},
            },
        ]
    },
}


def _payload(schema: Document) -> Edit:
    def edit(documents: Documents) -> None:
        documents.schema("message")["properties"]["payload"] = schema
        documents.examples("message", "publish", "event", "retained_events")

    return edit


for _name, _keywords in PAYLOADS.items():
    kept(f"payload: {_name}", visible=True)(_payload(_keywords))


@kept("payload: a tree", visible=True)
def _tree(documents: Documents) -> None:
    tree = {
        "type": "object",
        "required": ["value"],
        "additionalProperties": False,
        "properties": {
            "value": {"type": "integer"},
            "children": {"type": "array", "items": {"$ref": "tree.yaml"}},
        },
    }
    (documents.folder / "schemas" / "tree.yaml").write_text(yaml.safe_dump(tree))
    _payload({"$ref": "tree.yaml"})(documents)


# More fields


def _more(where: str, name: str, schema: Document, *, required: bool = True) -> Edit:
    def edit(documents: Documents) -> None:
        edited = documents.schema(where)
        edited["properties"][name] = schema
        if required:
            edited.setdefault("required", []).append(name)
        documents.examples(where, "publish", "event", "retained_events", "message")

    return edit


MORE: dict[str, tuple[str, str, Document, bool]] = {
    "a subscribe says why": ("subscribe", "reason", {"type": "string", "minLength": 3}, True),
    "a subscribe has an object": (
        "subscribe",
        "filter",
        {"type": "object", "required": ["region"], "properties": {"region": {"type": "string", "enum": ["eu", "us"]}}},
        True,
    ),
    "an unsubscribe says why": ("unsubscribe", "reason", {"type": "string", "enum": ["bored", "done"]}, True),
    "a publish has a priority": ("publish", "priority", {"type": "integer", "minimum": 1, "maximum": 9}, True),
    "a publish may have a priority": ("publish", "priority", {"type": "integer", "minimum": 1}, False),
    "a message has a sender": ("message", "sender", {"type": "string", "pattern": "^[a-z]{2,}$"}, True),
    "a message may have a sender": ("message", "sender", {"type": "string"}, False),
    "a message has tags": ("message", "tags", {"type": "array", "minItems": 2, "items": {"type": "string"}}, True),
    "a topic has an owner": ("new_topic", "owner", {"type": "string", "format": "email"}, True),
    "a topic may have a title": ("new_topic", "title", {"type": "string", "maxLength": 40}, False),
    "a ping has a number": ("ping", "number", {"type": "integer"}, True),
    "an answer may have more": ("ack", "hint", {"type": "string"}, False),
    "an event may have more": ("event", "hint", {"type": "string"}, False),
}
for _name, (_where, _field, _keywords, _required) in MORE.items():
    kept(_name, visible=_where not in ("ack", "event"))(_more(_where, _field, _keywords, required=_required))


@kept("unknown fields are taken", visible=True)
def _unknown(documents: Documents) -> None:
    for name in ("subscribe", "unsubscribe", "publish", "ping", "new_topic", "message"):
        documents.schema(name).pop("additionalProperties")


# Labels, request ids, replays

REQUEST_IDS: dict[str, Document] = {
    "short request ids": {"maxLength": 8},
    "request ids with a pattern": {"pattern": "^[a-z]{4}-[0-9]+$"},
    "request ids that are UUIDs": {"format": "uuid"},
    "request ids that are listed": {"enum": ["a", "b"]},
}
for _name, _keywords in REQUEST_IDS.items():
    kept(_name, visible=True)(_schema("request_id", **_keywords))


@kept("a ping has no request id")
def _no_id(documents: Documents) -> None:
    del documents.schema("ping")["properties"]["request_id"]
    documents.examples("ping")
    del documents["asyncapi"]["components"]["messages"]["Ping"]["correlationId"]


@kept("request ids are required", visible=True)
def _ids_required(documents: Documents) -> None:
    for name in ("subscribe", "unsubscribe", "publish", "ping"):
        documents.schema(name)["required"].append("request_id")
    documents.examples("subscribe")


CLIENT_IDS: dict[str, Document] = {
    "labels with a pattern": {"pattern": "^client-[0-9]+$"},
    "labels that are listed": {"enum": ["web", "worker"]},
    "labels that are UUIDs": {"format": "uuid", "x-default": None},
}
for _name, _keywords in CLIENT_IDS.items():
    kept(_name, visible=True)(_schema("client_id", **_keywords))


@kept("labels need not be", visible=True)
def _labels_optional(documents: Documents) -> None:
    for name in ("subscribe", "unsubscribe"):
        documents.schema(name)["required"].remove("client_id")


REPLAYS: dict[str, Document] = {
    "replays of ten at most": {"maximum": 10},
    "replays of one at least": {"minimum": 1},
    "replays of twos": {"multipleOf": 2},
    "replays of five, or none": {"enum": [0, 5]},
}


def _replay(keywords: Document) -> Edit:
    def edit(documents: Documents) -> None:
        documents.schema("subscribe")["properties"]["last_n"].update(keywords)
        (parameter,) = documents["openapi"]["paths"]["/topics/{name}/messages"]["get"]["parameters"]
        parameter["schema"].update(keywords)
        parameter.pop("example")
        documents.examples("subscribe")

    return edit


for _name, _keywords in REPLAYS.items():
    kept(_name, visible=True)(_replay(_keywords))


@kept("replays must be asked for", visible=True)
def _replay_required(documents: Documents) -> None:
    documents.schema("subscribe")["required"].append("last_n")
    documents.examples("subscribe")


@kept("no replays")
def _no_replay(documents: Documents) -> None:
    del documents.schema("subscribe")["properties"]["last_n"]
    documents.examples("subscribe")
    stream = documents["asyncapi"]["operations"]["subscribe"]["x-stream"]
    del stream["replay"], stream["once"]


# Where things are


@kept("the WebSocket at another path", visible=True)
def _address(documents: Documents) -> None:
    documents["asyncapi"]["channels"]["bus"]["address"] = "/v2/socket"


def _moved(old: str, new: str) -> Edit:
    def edit(documents: Documents) -> None:
        paths = documents["openapi"]["paths"]
        documents["openapi"]["paths"] = {path.replace(old, new): item for path, item in paths.items()}

    return edit


kept("topics at another path", visible=True)(_moved("/topics", "/v1/channels"))
kept("health at another path", visible=True)(_moved("/health", "/healthz"))
kept("messages at another path", visible=True)(_moved("/messages", "/events"))


@kept("other words", visible=False)
def _words(documents: Documents) -> None:
    documents["openapi"]["info"].update(title="Our bus", version="7.0.0", description="Ours.")
    documents["asyncapi"]["info"].update(title="Our bus", version="7.0.0", description="Ours.")
    for schema in ("ack", "event", "health", "message", "publish"):
        documents.schema(schema)["title"] = f"Our{documents.schema(schema)['title']}"


@kept("another name for a message", visible=False)
def _renamed(documents: Documents) -> None:
    asyncapi = documents["asyncapi"]
    asyncapi["components"]["messages"]["Event"]["name"] = "Delivery"
    asyncapi["operations"]["subscribe"]["x-stream"]["events"] = "Delivery"


# Two at once

PAIRS = [
    ("short names", "payload: an object"),
    ("a list of names", "ids with a pattern"),
    ("names of letters", "request ids that are UUIDs"),
    ("payload: a list", "a publish has a priority"),
    ("payload: one of kinds", "short ids"),
    ("topics at another path", "names in capitals"),
    ("the WebSocket at another path", "labels that are listed"),
    ("no replays", "payload: a number"),
    ("a topic has an owner", "short names"),
    ("a message has a sender", "payload: a map"),
    ("replays of ten at most", "short request ids"),
    ("request ids are required", "a subscribe says why"),
]
for _one, _other in PAIRS:
    kept(f"{_one}; {_other}", visible=True)(_both(KEPT[_one], KEPT[_other]))
