"""A contract as a TypeScript package: types by json-schema-to-typescript, methods by templates, the runtime as is."""

import json
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specbus.sdk import examples
from specbus.sdk.contract import Command, Contract, Endpoint, Feed, Json, Message, Parameter, Refusal, Schema, Stream
from specbus.sdk.contract import Path as FieldPath
from specbus.sdk.keywords import inner, readable, referred
from specbus.sdk.typescript import toolchain
from specbus.sdk.writing import (
    URL,
    Argument,
    about,
    argument_text,
    command_wire,
    feed_wire,
    oneline,
    render,
    request_wire,
    tree,
)
from specbus.spec import ContractError
from specbus.spec.names import camel, pascal, snake

_HERE = Path(__file__).parent
_BANNER = "Written by `specbus sdk typescript`. Do not edit."
_OPTIONS = {"timeout", "signal", "raw", "queueSize", "retry"}
"""What the runtime takes beside a method's own optional arguments."""
_MEMBERS = {"clientId", "close", "connect", "on", "state", "constructor", "then"}
"""What a client has beside its methods. A thing with `then` would be taken for a promise."""
_RESERVED = re.compile(
    "arguments|await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|eval|export|extends|"
    "false|finally|for|function|if|implements|import|in|instanceof|interface|let|new|null|options|package|private|"
    "protected|public|return|static|super|switch|this|throw|true|try|typeof|undefined|var|void|while|with|yield"
)
"""What no argument can be called."""
_LABEL = "\0"
"""Stands for the client's label until it is known how that is reached. No name and no text has it."""
_WIDTH = 112


def generate(contract: Contract, package: str) -> dict[str, str]:
    """The files of the package called `package`, by path, its compiled form among them.

    Raises ContractError for what has no form in TypeScript, ToolchainError if Node is missing or its packages cannot
    be installed.
    """
    view = _view(contract, package)
    written = {f"src/{name}.ts": _render(f"{name}.ts.j2", view) for name in ("client", "index")}
    # One that is but another name for a second would be lost.
    schemas = {
        name: {"title": name, "allOf": [_draft(schema)]} if "$ref" in schema else _draft(schema)
        for name, schema in contract.schemas.items()
    }
    sources = {f"src/{file.name}": file.read_text() for file in sorted((_HERE / "runtime").glob("*.ts"))}
    sources |= toolchain.write(written, schemas, _BANNER)
    sources["package.json"] = _package(contract, package)
    sources["tsconfig.json"] = (_HERE / "tsconfig.json").read_text()
    pages = {f"{name}.md": _render(f"{name}.md.j2", view) for name in ("README", "API")}
    compiled = toolchain.compiled(sources)
    if compiled["dist/types.js"].strip() != "export {};":
        raise ContractError("the types of these schemas would have more in them than types")
    return dict(sorted({**sources, **compiled, **pages}.items()))


@dataclass(frozen=True, slots=True)
class _Method:
    """A method as TypeScript has it."""

    name: str
    summary: str
    text: str
    positional: list[Argument]
    optional: list[Argument]
    base: str
    """The type of the options that every such method has."""
    options: str
    """The type of its options."""
    result: str
    call: str
    """What its body hands to the runtime."""
    wire: str
    """What goes over the wire, for a person."""
    probe: bool = False


def _view(contract: Contract, package: str) -> dict[str, Any]:
    """What the templates read."""
    methods: dict[str, list[_Method]] = {"commands": [], "streams": [], "feeds": []}
    if socket := contract.socket:
        for command in socket.commands:
            methods["streams" if command.stream else "commands"].append(_command(command))
        methods["feeds"] = [_feed(feed) for feed in socket.feeds]
    groups: list[dict[str, Any]] = [
        {
            "name": _member(group.name) if group.name else "",
            "type": pascal(group.name) + "Requests" if group.name else "",
            "text": group.description,
            "methods": [_endpoint(group.name, endpoint) for endpoint in group.endpoints],
        }
        for group in contract.groups
    ]
    streaming = [*methods["streams"], *methods["feeds"]]
    everything = [*(method for all_ in methods.values() for method in all_), *(m for g in groups for m in g["methods"])]
    code = "\n".join(method.call for method in everything)
    bases = {method.base for method in everything}
    constants = _constants(contract, package)
    return {
        "banner": _BANNER,
        "contract": contract,
        "package": package,
        "groups": groups,
        **methods,
        "own_options": [method for method in everything if method.optional],
        "constants": constants,
        "uses": {
            "bus": sorted(bases & {"CommandOptions", "StreamOptions"}),
            "contract": [
                *(f"type {name}" for name in sorted({each["type"].partition(" ")[0] for each in constants.values()})),
                *(name for name in ("some", "uuid") if re.search(rf"\b{name}\(", code)),
            ],
            "rest": sorted(
                bases & {"RequestOptions"} | ({"Rest"} if any(group["name"] for group in groups) else set())
            ),
            "subscription": sorted(bases & {"SubscriptionOptions"} | ({"Subscription"} if streaming else set())),
        },
        "tour": _tour(contract, package),
        "tour_key": _tour_key(contract),
    }


def _constants(contract: Contract, package: str) -> dict[str, dict[str, str]]:
    """What the runtime has to know of the documents, as TypeScript, by the name that it has there."""
    credential = contract.credential
    key = credential and {"place": credential.place, "name": credential.name, "prefix": credential.prefix}
    found = {"credential": {"type": "Credential | undefined", "code": _code(key) if key else "undefined"}}
    if socket := contract.socket:
        probe = next((command for command in socket.commands if command.probe), None)
        known: dict[str, Json] = {
            "name": package,
            "address": socket.address,
            "kinds": [_kind(each, socket.tag) for each in socket.received],
            "refusals": {each.message.name: _refusal(each) for each in socket.refusals},
        }
        if socket.correlation:
            if "__proto__" in socket.correlation.path:
                raise ContractError("no correlation id can stand in a field called __proto__")
            known["correlation"] = {"path": list(socket.correlation.path), "kind": socket.correlation.kind}
        if probe:
            known["probe"] = {"frame": tree(probe.fixed), "replies": [each.name for each in probe.replies]}
        found["contract"] = {"type": "Contract", "code": _code(known)}
        for command in socket.commands:
            if command.stream:
                found[_constant(command.name)] = {"type": "Stream", "code": _code(_stream(command, command.stream))}
    return found


def _kind(message: Message, tag: str | None) -> Json:
    if tag:
        return {"name": message.name, "constants": {tag: message.constants[tag]}, "required": []}
    return {"name": message.name, "constants": message.constants, "required": list(message.required)}


def _refusal(refusal: Refusal) -> Json:
    places = {"code": refusal.code, "text": refusal.text}
    found: dict[str, Json] = {name: list(path) for name, path in places.items() if path}
    return {**found, "unasked": True} if refusal.unasked else found


def _command(command: Command) -> _Method:
    """A command, or the subscription that it starts."""
    name = _member(command.name)
    positional, optional = _arguments(command.parameters)
    frame = _frame(command.fixed, zip(command.parameters, [*positional, *optional], strict=True), "this.clientId")
    own = pascal(command.name) + "Options"
    base = "StreamOptions" if command.stream else "CommandOptions"
    replies = [each.name for each in command.replies]
    if command.stream:
        call = f"{_constant(command.name)}, {frame}, {_stop(command)}, options"
        result = f"types.{command.stream.event.type}"
    else:
        call = f"{frame}, {_code(replies)}, options"
        result = " | ".join(f"types.{each.type}" for each in command.replies) or "void"
    return _Method(
        name,
        command.summary,
        command.description,
        positional,
        optional,
        base,
        own if optional else base,
        result,
        call,
        command_wire(command),
        command.probe,
    )


def _constant(name: str) -> str:
    return snake(name).upper()


def _stream(command: Command, stream: Stream) -> Json:
    known: dict[str, Json] = {
        "key": stream.key,
        "event": stream.event.name,
        "replies": [each.name for each in command.replies],
        "once": list(stream.once),
    }
    for name, match in (("ended", stream.ended), ("dropped", stream.dropped)):
        if match:
            known[name] = {
                "kind": match.message.name,
                "where": [[list(path), value] for path, value in match.where],
            }
    if stream.dropped and stream.count:
        known["dropped"]["count"] = list(stream.count)
    return known


def _stop(command: Command) -> str:
    """The frame that ends a subscription, and its replies: its arguments are those of the same name that began it."""
    stop = command.stream.stop if command.stream else None
    if stop is None:
        return "undefined, []"
    given = {each.name: each for each in command.parameters}
    shared = [each for each in stop.parameters if each.name in given]
    positional, optional = _arguments([given[each.name] for each in shared])
    by_name = dict(
        zip([each.name for each in _sorted(given[each.name] for each in shared)], [*positional, *optional], strict=True)
    )
    frame = _frame(stop.fixed, [(each, by_name[each.name]) for each in shared], "this.clientId")
    return f"{frame}, {_code([each.name for each in stop.replies])}"


def _feed(feed: Feed) -> _Method:
    result = " | ".join(f"types.{each.type}" for each in feed.messages)
    names = [each.name for each in feed.messages]
    call = f"{_code(names)}, options"
    text = feed.description or "\n".join(each.description for each in feed.messages)
    return _Method(
        _member(feed.name),
        feed.summary,
        text,
        [],
        [],
        "SubscriptionOptions",
        "SubscriptionOptions",
        result,
        call,
        feed_wire(feed),
    )


def _endpoint(group: str, endpoint: Endpoint) -> _Method:
    positional, optional = _arguments(endpoint.parameters)
    arguments = list(zip(endpoint.parameters, [*positional, *optional], strict=True))
    label = "this.#rest.clientId" if group else "this.clientId"
    parts = []
    for place, key in (("path", "path"), ("query", "query"), ("header", "headers")):
        here = [(parameter, argument) for parameter, argument in arguments if parameter.place == place]
        if here:
            parts.append(f"{key}: {_frame((), here, label)}")
    body = [(parameter, argument) for parameter, argument in arguments if parameter.place == "body"]
    if [parameter.path for parameter, _ in body] == [()]:
        parts.append(f"body: {body[0][1].value}")
    elif body or endpoint.fixed:
        parts.append(f"body: {_frame(endpoint.fixed, body, label)}")
    braces = f"{{ {', '.join(parts)} }}" if parts else "{}"
    own = pascal(group) + pascal(endpoint.name) + "Options"
    return _Method(
        _method(group, endpoint.name),
        endpoint.summary,
        endpoint.description,
        positional,
        optional,
        "RequestOptions",
        own if optional else "RequestOptions",
        _type(endpoint.result, "types.") if endpoint.result is not None else "void",
        f"{_code(endpoint.method)}, {_code(endpoint.path)}, {braces}, options",
        request_wire(endpoint),
    )


def _sorted(parameters: Iterable[Parameter]) -> list[Parameter]:
    return sorted(parameters, key=lambda each: not each.required)


def _arguments(parameters: Iterable[Parameter]) -> tuple[list[Argument], list[Argument]]:
    """The arguments for `parameters`: those that stand in place, and those in the options."""
    positional, optional = [], []
    for parameter in _sorted(parameters):
        name = camel(parameter.name) or "value"
        name = "_" * name[0].isdigit() + name
        type_, text = _type(parameter.schema, "types."), argument_text(parameter)
        if parameter.required:
            name += "_" * bool(_RESERVED.fullmatch(name))
            positional.append(Argument(name, type_, text, name))
        else:
            name += "_" * (name in _OPTIONS)
            made = {"client": f" ?? {_LABEL}", "uuid": " ?? uuid()", None: ""}[parameter.default]
            optional.append(Argument(name, type_, text, f"options.{name}{made}"))
    return positional, optional


def _frame(
    fixed: tuple[tuple[FieldPath, Json], ...], arguments: Iterable[tuple[Parameter, Argument]], label: str
) -> str:
    """The expression for an object with `fixed` fields and those of `arguments`; `label` is that for the client's."""
    leaves: list[tuple[FieldPath, str, bool]] = [(path, _code(value), True) for path, value in fixed]
    for parameter, argument in arguments:
        sure = parameter.required or parameter.default is not None
        leaves.append((parameter.path, argument.value.replace(_LABEL, label), sure))

    def write(depth: int, here: list[tuple[FieldPath, str, bool]]) -> str:
        fields = []
        for name in dict.fromkeys(path[depth] for path, _, _ in here):
            inner = [leaf for leaf in here if leaf[0][depth] == name]
            (path, code, _) = inner[0]
            if len(path) > depth + 1:
                code = write(depth + 1, inner)
                code = code if any(sure for _, _, sure in inner) else f"some({code})"
            fields.append(code if code == name else f"{_key(name)}: {code}")
        return f"{{ {', '.join(fields)} }}" if fields else "{}"

    return write(0, leaves)


def _type(schema: Schema, types: str) -> str:
    """The TypeScript type of `schema`, which names objects by `$ref`; `types` stands before those names."""
    if "$ref" in schema:
        return types + referred(schema["$ref"])
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return " | ".join(map(_code, schema["enum"]))
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema:
            return " | ".join(dict.fromkeys(_type(each, types) for each in schema[keyword]))
    kinds = schema.get("type", "unknown")
    found = [_plain_type(kind, schema, types) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    return " | ".join([*found, "null"] if schema.get("nullable") else found)


_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def _plain_type(kind: str, schema: Schema, types: str) -> str:
    if kind == "array":
        return f"Array<{_type(schema.get('items', {}), types)}>"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values, types) if isinstance(values, dict) else 'unknown'}>"
    return _PLAIN.get(kind, "unknown")


_SHAPE = frozenset(
    {
        *("type", "properties", "enum", "const", "items", "additionalProperties", "not", "oneOf", "anyOf", "allOf"),
        "patternProperties",
    }
)
_HANDED = _SHAPE | {"required", "title", "description", "deprecated", "additionalItems", "minItems", "maxItems"}
"""The keywords that say something of a type; others are not handed on."""


def _draft(schema: Json) -> Json:
    """`schema` as json-schema-to-typescript takes it."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": "#/definitions/" + referred(schema["$ref"])}
    made = inner({name: value for name, value in schema.items() if name in _HANDED}, _draft)
    if "description" in made:
        made["description"] = _uncommented(made["description"])
    if "patternProperties" in made:
        # It writes patterns into comments, of which only the types of the fields are wanted.
        made["patternProperties"] = {str(index): each for index, each in enumerate(made["patternProperties"].values())}
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        made["type"] = [schema["type"], "null"]
    # Without this, what may be anything becomes an object.
    return made if made.keys() & _SHAPE else {**made, "tsType": "unknown"}


def _member(name: str) -> str:
    """`name` as a member of the client."""
    name = camel(name)
    return name + "_" * (name in _MEMBERS)


def _method(group: str, name: str) -> str:
    """The request called `name` as a member of `group`, or of the client."""
    return camel(name) + "_" * (camel(name) in ("constructor", "then")) if group else _member(name)


def _key(name: str) -> str:
    if name == "__proto__":
        return f"[{_code(name)}]"  # otherwise it sets the prototype, as a string too
    return name if re.fullmatch("[A-Za-z_$][A-Za-z0-9_$]*", name) else _code(name)


def _code(value: Json) -> str:
    """`value` as TypeScript."""
    if isinstance(value, dict):
        fields = ", ".join(f"{_key(name)}: {_code(inner)}" for name, inner in value.items())
        return f"{{ {fields} }}" if fields else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_code, value))}]"
    return json.dumps(value)


def _uncommented(text: str) -> str:
    """`text` for a comment, which it cannot end."""
    return readable(text).replace("*/", "*\\/")


def _comment(text: str, indent: int) -> str:
    """`text` as a comment that documents what follows it, behind `indent` spaces."""
    margin = " " * indent
    paragraphs = [
        line
        for paragraph in _uncommented(text).strip().split("\n")
        for line in textwrap.wrap(paragraph, _WIDTH - indent, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    if len(paragraphs) == 1 and len(paragraphs[0]) < _WIDTH - indent - 4:
        return f"/** {paragraphs[0]} */"
    return "\n".join(["/**", *(f"{margin} * {line}".rstrip() for line in paragraphs), f"{margin} */"])


def _about(method: _Method, indent: int = 2) -> str:
    """The comment for a method."""
    text = about(method.summary, method.text, method.wire) + "\n"
    for argument in method.positional:
        if argument.text:
            text += f"\n@param {argument.name} - {' '.join(argument.text.split())}"
    return _comment(text, indent)


def _tour(contract: Contract, package: str) -> str:
    """The first program: it runs as it is beside a server."""
    tour = examples.tour(contract)

    def call(command: Command | Endpoint) -> str:
        return ", ".join(
            _code(examples.example(contract, command, each)) for each in command.parameters if each.required
        )

    lines = [f'import {{ Client }} from "{package}";', "", f'const client = new Client("{URL}");']
    if contract.socket:
        lines.append("await client.connect();")
    if tour.create:
        group, endpoint = tour.create
        owner = f"client.{_member(group.name)}" if group.name else "client"
        lines.append(f"await {owner}.{_method(group.name, endpoint.name)}({call(endpoint)});")
    if tour.stream:
        lines.append(f"const subscription = client.{_member(tour.stream.name)}({call(tour.stream)});")
        lines.append("await subscription.ready();")
    if tour.command:
        lines.append(f"console.log(await client.{_member(tour.command.name)}({call(tour.command)}));")
    if tour.stream:
        lines += ["for await (const event of subscription) {", "  console.log(event);", "  break;", "}"]
    if contract.socket:
        lines.append("await client.close();")
    return "\n".join(lines)


def _tour_key(contract: Contract) -> str:
    """The arguments of a subscription in the README."""
    stream = examples.tour(contract).stream
    needed = [each for each in stream.parameters if each.required] if stream else []
    return ", ".join(_code(examples.example(contract, stream, each)) for each in needed if stream)


def _package(contract: Contract, package: str) -> str:
    described = {
        "name": package,
        "version": _version(contract.version),
        "description": f"A client of {oneline(contract.title)}, written from its documents",
        "type": "module",
        "sideEffects": False,
        "engines": {"node": ">=20"},
        "files": ["API.md", "dist", "src", "tsconfig.json"],
        "types": "./dist/index.d.ts",
        "exports": {
            ".": {"types": "./dist/index.d.ts", "default": "./dist/index.js"},
            "./types": {"types": "./dist/types.d.ts", "default": "./dist/types.js"},
        },
    }
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _version(version: str) -> str:
    """`version` as npm wants it: three numbers."""
    found = re.match(r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?", version)
    return ".".join(str(int(part or 0)) for part in found.groups()) if found else "0.0.0"


def _render(template: str, view: dict[str, Any]) -> str:
    return render(_HERE / "templates", template, view, about=_about, comment=_comment)
