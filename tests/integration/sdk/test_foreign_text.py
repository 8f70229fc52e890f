"""A document from a server that nobody vouches for: whatever stands in it, nothing but data comes out in a client."""

import ast
import copy
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader

from specbus.sdk import contract, python, typescript, writing
from specbus.sdk.python import generator as python_generator
from specbus.sdk.typescript import toolchain
from specbus.spec import ContractError

SKELETON = Path(__file__).with_name("skeleton.mjs")
PAYLOADS = {
    "docstring": '"""\nraise SystemExit("owned")\n"""',
    "quote": "'); raise SystemExit('owned'); ('",
    "double quote": '"); process.exit(1); raise SystemExit("owned"); ("',
    "comment": "*/ throw 1; /*",
    "comments": "*/*/ throw 1; /*/*",
    "template": "`${process.exit(1)}`",
    "backslash": "it ends so \\",
    "backslashes": '\\""" \\\'\\"; raise SystemExit; \\u0022\\N{QUOTATION MARK}\\',
    "lines": "one\nraise SystemExit\r\nthrow 1\rthrow 1\u2028throw 1\u2029throw 1\x85throw 1\x0cthrow 1",
    "controls": "a\0b\x1b]0;c\x07\x9bd",
    "hash": "x # noqa\nimport os; os._exit(1)",
    "expression": "__import__('os')._exit(1)",
    "braces": "{__import__('os')._exit(1)} {{ 7*7 }} {% raise %} ${throw 1}",
    "fence": "```\n~~~\n# x",
    "markup": "<script>alert(1)</script> ]( javascript:x )",
    "look-alike": "ｅval(1); \u0430wait",
    "prototype": "__proto__",
    "constructor": "constructor",
    "reserved": "class",
    "dunder": "__init_subclass__",
    "empty": "",
    "number": "1e9999",
    "half a character": "a\ud800",
    "file": "file:///etc/passwd#/x",
}
ALL = "\n".join(PAYLOADS[name] for name in ("docstring", "quote", "double quote", "comments", "template", "lines"))
ALL += PAYLOADS["backslashes"]
FOREIGN: dict[str, Any] = {
    "tsType": "any; throw 1; type X = any",
    "tsEnumNames": ["a = (() => { throw 1 })()"],
    "tsEnumVarNames": ["a = (() => { throw 1 })()"],
    "customTypePath": "os.system",
    "customBasePath": "os.environ",
    "x-python-type": "os.system('x')",
    "x-python-import": {"module": "os", "name": "system"},
    "x-enum-varnames": ["a: 1 = __import__('os')"],
    "x-is-classvar": True,
    "x-propertyNames": {"a": "b"},
    "extends": {"$ref": "#/components/schemas/Other"},
    "id": "file:///etc/passwd",
    "definitions": {"*/": {"type": "string", "tsType": "x"}},
    "default": {"$ref": "file:///etc/passwd"},
    "example": {"$ref": "http://127.0.0.1:9/x"},
}
"""Keywords that the programs have which write models and types."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Thing",
    "description": "A thing.",
    "required": ["kind", "words"],
    "properties": {
        "kind": {"enum": ["thing"]},
        "words": {"type": "string", "description": "Words.", "pattern": "^a*/?$", "format": "uri", "default": "none"},
        "choice": {"type": "string", "enum": ["one", "two"], "default": "one", "description": "Which."},
        "constant": {"const": "always"},
        "list": {"type": "array", "items": {"type": "string", "description": "One of them."}, "default": ["a"]},
        "free": {"type": "object", "additionalProperties": {"type": "string"}, "example": {"a": "b"}},
        "inner": {
            "type": "object",
            "description": "Inside.",
            "properties": {"deep": {"type": "string", "description": "Deep.", "examples": ["deep"]}},
        },
        "other": {"$ref": "#/components/schemas/Other", "description": "Another."},
        "either": {
            "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
            "discriminator": {
                "propertyName": "pet",
                "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"},
            },
        },
        "patterns": {"type": "object", "patternProperties": {"^x": {"type": "string", "description": "By pattern."}}},
        "encoded": {"type": "string", "contentEncoding": "base64", "contentMediaType": "text/plain"},
    },
    "x-note": "Nobody reads it.",
}
SCHEMAS: dict[str, Any] = {
    "Thing": SCHEMA,
    "Other": {"type": "string", "description": "Other.", "example": "other", "minLength": 1},
    "Cat": {"type": "object", "required": ["pet"], "properties": {"pet": {"type": "string", "enum": ["cat"]}}},
    "Dog": {"type": "object", "required": ["pet"], "properties": {"pet": {"type": "string", "enum": ["dog"]}}},
    "Alias": {"$ref": "#/components/schemas/Other"},
}
OPENAPI: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Things", "version": "1.2.3", "description": "About things.", "x-logo": "logo"},
    "servers": [{"url": "https://example.org/{base}", "description": "Ours."}],
    "tags": [{"name": "things", "description": "What things do."}],
    "security": [{"key": []}],
    "paths": {
        "/things/{thing-id}": {
            "put": {
                "operationId": "putThing",
                "tags": ["things"],
                "summary": "Put a thing.",
                "description": "It is put.",
                "parameters": [
                    {"name": "thing-id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {
                        "name": "flag",
                        "in": "query",
                        "description": "A flag.",
                        "schema": {"type": "string", "enum": ["a", "b"], "default": "a"},
                    },
                    {"name": "X-Depth", "in": "header", "schema": {"type": "array", "items": {"type": "integer"}}},
                    {"name": "other", "in": "query", "schema": {"$ref": "#/components/schemas/Other"}},
                    {"name": "label", "in": "query", "schema": {"type": "string", "x-default": "client"}},
                ],
                "requestBody": {
                    "required": True,
                    "description": "It.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                },
                "responses": {
                    "200": {
                        "description": "Done.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    }
                },
            }
        },
        "/free": {
            "get": {
                "x-client-name": "things.look",
                "responses": {
                    "200": {
                        "description": "x",
                        "content": {"application/json": {"schema": {"type": "array", "items": {"enum": ["x", "y"]}}}},
                    }
                },
            }
        },
    },
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key", "description": "A key."}},
        "schemas": SCHEMAS,
    },
}


def _message(name: str, **fields: Any) -> dict[str, Any]:
    properties = {
        "type": {"enum": [name.lower()]},
        "id": {"type": "string", "description": "Correlates."},
        "topic": {"type": "string", "description": "About what.", "example": "orders"},
        **fields,
    }
    return {
        "name": name,
        "description": f"The frame {name}.",
        "correlationId": {"location": "$message.payload#/id"},
        "payload": {"type": "object", "title": name, "required": ["type", "topic", *fields], "properties": properties},
    }


ASYNCAPI: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Things", "version": "1.2.3", "description": "About things."},
    "channels": {
        "bus": {
            "address": "/bus",
            "messages": {
                name.lower(): {"$ref": f"#/components/messages/{name}"}
                for name in ("Follow", "Leave", "Done", "Refused", "Event", "Ended", "News")
            },
        }
    },
    "operations": {
        "follow": {
            "action": "receive",
            "channel": {"$ref": "#/channels/bus"},
            "summary": "Follow.",
            "description": "Follow things.",
            "messages": [{"$ref": "#/channels/bus/messages/follow"}],
            "reply": {
                "messages": [{"$ref": "#/channels/bus/messages/done"}, {"$ref": "#/channels/bus/messages/refused"}]
            },
            "x-stream": {
                "key": "topic",
                "events": "Event",
                "stop": "leave",
                "once": ["words"],
                "ended": {"message": "Ended", "where": {"why": "gone"}},
            },
        },
        "leave": {
            "action": "receive",
            "channel": {"$ref": "#/channels/bus"},
            "messages": [{"$ref": "#/channels/bus/messages/leave"}],
            "reply": {
                "messages": [{"$ref": "#/channels/bus/messages/done"}, {"$ref": "#/channels/bus/messages/refused"}]
            },
        },
        "news": {
            "action": "send",
            "channel": {"$ref": "#/channels/bus"},
            "messages": [{"$ref": "#/channels/bus/messages/news"}],
        },
        "event": {
            "action": "send",
            "channel": {"$ref": "#/channels/bus"},
            "messages": [{"$ref": "#/channels/bus/messages/event"}, {"$ref": "#/channels/bus/messages/ended"}],
        },
    },
    "components": {
        "messages": {
            "Follow": _message("Follow", words={"type": "string", "description": "Words.", "default": "a"}),
            "Leave": _message("Leave"),
            "Done": _message("Done"),
            "Refused": {
                **_message("Refused", code={"type": "string"}, text={"type": "string"}),
                "x-error": {"code": "code", "message": "text"},
            },
            "Event": _message("Event", thing={"$ref": "#/components/schemas/Thing"}),
            "Ended": _message("Ended", why={"type": "string"}),
            "News": _message("News"),
        },
        "schemas": SCHEMAS,
    },
}
DOCUMENTS = {"openapi": OPENAPI, "asyncapi": ASYNCAPI}

Place = tuple[str | int, ...]
"""The steps to a value, of which the first is the document's name. With `KEY` at the end: the name of a field."""
KEY = -1


def places(node: Any, here: Place = ()) -> Iterator[Place]:
    """Where a text stands in `node`: each string, and each field's name."""
    if isinstance(node, str):
        yield here
    elif isinstance(node, dict | list):
        for step, inner in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(inner, (*here, step))
            if isinstance(step, str) and here:
                yield (*here, step, KEY)


def schema_places(node: Any, here: Place = ()) -> Iterator[Place]:
    """Where a schema stands in `node`, or what could be one."""
    if isinstance(node, dict | list):
        for step, inner in node.items() if isinstance(node, dict) else enumerate(node):
            yield from schema_places(inner, (*here, step))
        if isinstance(node, dict) and node.keys() & {"type", "enum", "const", "oneOf", "$ref"} and "in" not in node:
            yield here


def changed(documents: dict[str, Any], place: Place, text: str, added: bool = False) -> dict[str, Any]:
    """A copy of `documents` in which `text` stands at `place`; behind what is there if it is `added`."""
    documents = copy.deepcopy(documents)
    is_key = place[-1] == KEY
    *way, last = place[:-1] if is_key else place
    owner: Any = documents
    for step in way:
        owner = owner[step]
    if not is_key:
        owner[last] = owner[last] + text if added else text
        return documents
    fields = [(f"{last}{text}" if added else text) if name == last else name for name in owner]
    values = list(owner.values())
    owner.clear()
    owner.update(zip(fields, values, strict=True))
    return documents


def at(documents: Any, place: Place) -> Any:
    for step in place:
        documents = documents[step]
    return documents


@pytest.fixture
def unformatted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generate only what the templates write: without models, types, a formatter and a compiler, all of which cost."""

    def stub(schemas: dict[str, Any], banner: str) -> str:
        return "".join(f"class {name}(BaseModel): ...\n" for name in schemas)

    environments: dict[tuple[str, ...], Environment] = {}

    def environment(loader: FileSystemLoader, **options: Any) -> Environment:
        return environments.setdefault(tuple(loader.searchpath), Environment(loader=loader, **options))

    monkeypatch.setattr(writing, "Environment", environment)  # so that templates are compiled once
    monkeypatch.setattr(python_generator, "models", stub)
    monkeypatch.setattr(python_generator, "_formatted", lambda files: files)
    monkeypatch.setattr(toolchain, "write", lambda sources, schemas, banner: json.loads(json.dumps(sources)))
    monkeypatch.setattr(toolchain, "compiled", lambda sources: {"dist/types.js": "export {};"})


def generated(language: Any, documents: dict[str, Any]) -> dict[str, str] | None:
    """The sources of a client of `documents` that are not the runtime's; None if it is refused, in words."""
    try:
        files: dict[str, str] = language.generate(
            contract.read(documents["openapi"], documents["asyncapi"]), "some-client"
        )
    except ContractError:
        return None
    return {
        name: text
        for name, text in files.items()
        if (name.endswith((".py", ".toml")) and "runtime" not in name) or name in ("src/client.ts", "src/index.ts")
    }


_NAMES = ("id", "attr", "arg", "name", "asname", "module")


def python_skeleton(text: str) -> str:
    """The syntax tree of a Python module without what is data in it: strings and names."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field in _NAMES:
            if isinstance(getattr(node, field, None), str):
                name = getattr(node, field)
                assert name.isascii(), name
                setattr(node, field, "NAME")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
        if isinstance(node, ast.Tuple) and all(isinstance(each, ast.Constant) for each in node.elts):
            node.elts = []  # a path, as many steps as it has
    return ast.dump(tree)


def typescript_skeletons(environment: dict[str, str], sources: list[str]) -> list[str]:
    """The same of sources in TypeScript."""
    program = ["node", "--input-type=module", "--eval", SKELETON.read_text()]
    done = subprocess.run(
        program,
        env=environment,
        cwd=toolchain.compiler().parents[3],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        check=True,
    )
    made: list[str] = json.loads(done.stdout)
    return made


def cases() -> Iterator[tuple[Place, str, str, bool]]:
    """Where what is tried: the place, the payload's name and text, and whether it is added to what stands there."""
    for index, place in enumerate(places(DOCUMENTS)):
        yield place, "all", ALL, True
        name = list(PAYLOADS)[index % len(PAYLOADS)]
        yield place, name, PAYLOADS[name], False


@pytest.mark.slow
@pytest.mark.usefixtures("unformatted")
def test_no_text_changes_what_a_python_client_does() -> None:
    harmless: dict[tuple[Place, bool], dict[str, str] | None] = {}
    wrong = []
    for place, name, text, added in cases():
        files = generated(python, changed(DOCUMENTS, place, text, added))
        if files is None:
            continue
        if (place, added) not in harmless:
            plain = (
                generated(python, changed(DOCUMENTS, place, "harmless", added)) or generated(python, DOCUMENTS) or {}
            )
            harmless[place, added] = {path: python_skeleton(each) for path, each in plain.items() if path.endswith("y")}
        expected = harmless[place, added] or {}
        for path, each in files.items():
            if path.endswith(".py"):
                try:
                    same = python_skeleton(each) == expected.get(path)
                except (SyntaxError, ValueError):
                    same = False
                if not same:
                    wrong.append((place, name, added, path))
    assert wrong == []


@pytest.mark.slow
@pytest.mark.usefixtures("unformatted")
def test_no_text_changes_what_a_typescript_client_does(node_environment: dict[str, str]) -> None:
    told = []
    sources: dict[str, int] = {}
    for place, name, text, added in cases():
        files = generated(typescript, changed(DOCUMENTS, place, text, added))
        if files is None:
            continue
        plain = generated(typescript, changed(DOCUMENTS, place, "harmless", added))
        plain = plain or generated(typescript, DOCUMENTS) or {}
        for path, each in files.items():
            pair = [sources.setdefault(source, len(sources)) for source in (each, plain.get(path, ""))]
            told.append(((place, name, added, path), pair))
    skeletons = typescript_skeletons(node_environment, list(sources))
    wrong = [case for case, (one, two) in told if skeletons[one] != skeletons[two] or skeletons[one].startswith("no ")]
    assert wrong == []


# What the programs write that make models and types


def hostile(text: str) -> dict[str, Any]:
    """The documents with `text` in all places at once, each with a number of its own, in which it is not refused.

    Every schema has keywords that those programs, or others, put into code as they are.
    """
    documents: dict[str, Any] = copy.deepcopy(DOCUMENTS)
    for index, place in enumerate(places(DOCUMENTS)):
        is_of_a_schema = "schemas" in place or "payload" in place or "schema" in place
        if place[-1] == KEY or not isinstance(place[-1], str | int):
            continue
        if place[-1] in ("description", "title", "summary", "address", "default", "pattern", "format", "example"):
            pass
        elif not (is_of_a_schema and {"enum", "const", "default", "examples", "example"} & set(map(str, place[-3:]))):
            continue
        # A pattern must be one, or the models cannot be made when they are imported.
        given = re.escape(text) if place[-1] == "pattern" else text
        candidate = changed(documents, place, f"{index} {given}", added=True)
        if generated_contract(candidate):
            documents = candidate
    for name in ("openapi", "asyncapi"):
        for node in schema_nodes(documents[name]):
            node.update({key: value for key, value in copy.deepcopy(FOREIGN).items() if key not in node})
        # The names of fields.
        for schema in documents[name]["components"]["schemas"].values():
            if "properties" in schema:
                schema["properties"][text] = {"type": "string", "description": text, "default": text}
    return documents


def schema_nodes(document: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = [at(document, place) for place in schema_places(document)]
    return [node for node in nodes if "properties" in node or ("type" in node and isinstance(node["type"], str))]


def generated_contract(documents: dict[str, Any]) -> bool:
    try:
        contract.read(documents["openapi"], documents["asyncapi"])
    except ContractError:
        return False
    return True


def test_models_have_nothing_but_data_in_them(tmp_path: Path) -> None:
    files = python.generate(contract.read(*hostile(ALL).values()), "some-client")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    tomllib.loads(files["pyproject.toml"])
    assert "os.system" not in files["some_client/models.py"]
    program = "import some_client; print('imported')"
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "imported\n"), ran.stderr[-2000:]


def test_types_have_nothing_but_data_in_them(tmp_path: Path, node_environment: dict[str, str]) -> None:
    files = typescript.generate(contract.read(*hostile(ALL).values()), "some-client")
    assert files["dist/types.js"].strip() == "export {};"
    assert "type X = any" not in files["src/types.ts"]
    json.loads(files["package.json"])
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    program = 'await import("./dist/index.js"); await import("./dist/types.js"); console.log("imported")'
    ran = subprocess.run(
        ["node", "--input-type=module", "--eval", program],
        cwd=tmp_path,
        env=node_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "imported\n"), ran.stderr[-2000:]
