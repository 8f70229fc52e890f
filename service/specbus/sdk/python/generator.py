"""A contract as a Python package: models by datamodel-code-generator, methods by templates, the runtime as it is."""

import json
import keyword
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specbus.sdk import examples
from specbus.sdk.contract import Command, Contract, Endpoint, Feed, Group, Json, Match, Parameter, Schema, Stream
from specbus.sdk.contract import Path as FieldPath
from specbus.sdk.keywords import readable, referred
from specbus.sdk.python.models import models
from specbus.sdk.writing import (
    URL,
    Argument,
    about,
    argument_text,
    command_wire,
    feed_wire,
    render,
    request_wire,
    tree,
)
from specbus.spec import ContractError
from specbus.spec.names import pascal, snake

_HERE = Path(__file__).parent
_BANNER = "Written by `specbus sdk python`. Do not edit."
_OPTIONS = {
    "raw": "Hand out the text of each frame, as it came.",
    "queue_size": "Most events that may wait to be read; then the oldest makes room, and is counted.",
    "retry": "Try again if the server refuses it after a reconnect, instead of ending.",
    "timeout": "Seconds in which the answer must come; the client's unless given.",
}
"""What methods have beside their own arguments."""
_MEMBERS = {
    "bool",
    "cached_property",
    "client_id",
    "close",
    "connect",
    "float",
    "int",
    "models",
    "on_notice",
    "overload",
    "state",
    "str",
}
"""What a client has beside its methods, and names that its annotations need."""
_WIDTH = 120


def generate(contract: Contract, package: str) -> dict[str, str]:
    """The files of the package called `package`, by path.

    Raises ContractError for what has no form in Python.
    """
    view = _view(contract, package)
    folder = view["module"]
    sources = {f"{folder}/runtime/{file.name}": file.read_text() for file in sorted((_HERE / "runtime").glob("*.py"))}
    written = {f"{folder}/models.py": models(contract.schemas, _BANNER)}
    _check_models(contract, written[f"{folder}/models.py"])
    for name in ("__init__", "client", "sync", *(["protocol"] if contract.socket else [])):
        written[f"{folder}/{name}.py"] = _render(f"{name}.py.j2", view)
    for name in ("README", "API"):
        written[f"{name}.md"] = _render(f"{name}.md.j2", view)
    written["pyproject.toml"] = _render("pyproject.toml.j2", view)
    written[f"{folder}/py.typed"] = ""
    return dict(sorted({**sources, **_formatted(written)}.items()))


@dataclass(frozen=True, slots=True)
class _Method:
    """A method as Python has it."""

    name: str
    summary: str
    text: str
    positional: list[Argument]
    optional: list[Argument]
    result: str
    wire: str
    """What goes over the wire, for a person."""
    constant: str
    """What the runtime knows of it: a name among the tables, or of a module's own."""
    frame: str
    """The expression for what is surely sent: a frame, or the parts of a request."""
    more: list[tuple[FieldPath, str]]
    """What else is sent unless it is None: where it stands, and the expression for it."""
    address: tuple[str, str] = ("", "")
    """Of a request: method and path."""


def _view(contract: Contract, package: str) -> dict[str, Any]:
    """What the templates read."""
    methods: dict[str, list[_Method]] = {"commands": [], "streams": [], "feeds": []}
    if socket := contract.socket:
        for command in socket.commands:
            methods["streams" if command.stream else "commands"].append(_command(contract, command))
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
    requests = [method for group in groups for method in group["methods"]]
    return {
        "banner": _BANNER,
        "contract": contract,
        "package": package,
        "module": _module(package),
        "version": _version(contract.version),
        "groups": groups,
        **methods,
        "requests": requests,
        "everything": [*methods["commands"], *methods["streams"], *methods["feeds"], *requests],
        "streaming": [*methods["streams"], *methods["feeds"]],
        "tables": _tables(contract),
        "tour": _tour(contract, package),
        "script": _script(contract, package),
        "tour_key": _tour_key(contract),
    }


def _module(package: str) -> str:
    """The name by which `package` is imported."""
    name = re.sub(r"\W+", "_", package, flags=re.ASCII).strip("_").lower() or "client"
    return f"client_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name


def _tables(contract: Contract) -> dict[str, str]:
    """What the runtime has to know of the WebSocket, as Python, by the name that it has in `protocol.py`."""
    socket = contract.socket
    if socket is None:
        return {}
    found = {}
    for command in socket.commands:
        found[f"{_constant(command)}: Command[{_replies(command)}]"] = _command_table(command)
        if command.stream:
            found[_stream_constant(command)] = _stream_table(command, command.stream)
    kinds = [
        f"Kind({each.name!r}, models.{each.type}, {each.constants!r}, {each.required!r})" for each in socket.received
    ]
    refusals = [
        f"{each.message.name!r}: Refusal({each.code!r}, {each.text!r}{', unasked=True' if each.unasked else ''})"
        for each in socket.refusals
    ]
    streams = [_stream_constant(command) for command in socket.commands if command.stream]
    found["PROTOCOL"] = (
        f"Protocol(address={socket.address!r}, kinds=({', '.join(kinds)},), tag={socket.tag!r},"
        f" refusals={{{', '.join(refusals)}}},"
        f" correlation={socket.correlation.path if socket.correlation else ()!r},"
        f" correlation_kind={socket.correlation.kind if socket.correlation else 'text'!r},"
        f" streams=({''.join(f'{each}, ' for each in streams)}))"
    )
    return found


def _constant(command: Command) -> str:
    return snake(command.name).upper() + "_COMMAND"


def _stream_constant(command: Command) -> str:
    return snake(command.name).upper() + "_STREAM"


def _replies(command: Command) -> str:
    return " | ".join(dict.fromkeys(f"models.{each.type}" for each in command.replies)) or "None"


def _command_table(command: Command) -> str:
    names = ", ".join(repr(each.name) for each in command.replies)
    return f"Command({command.name!r}, frozenset({f'{{{names}}}' if names else ''}))"


def _stream_table(command: Command, stream: Stream) -> str:
    stop = "None"
    if stream.stop:
        given = {each.name: each for each in command.parameters}
        shared = [each for each in stream.stop.parameters if each.name in given]
        missing = [each.name for each in stream.stop.parameters if each.required and each.name not in given]
        moved = [each.name for each in shared if each.path[0] != given[each.name].path[0]]
        if missing or moved:
            raise ContractError(
                f'x-stream of {command.name}: "{(missing + moved)[0]}" is needed to stop it, and not sent to start it'
            )
        copied = tuple(dict.fromkeys(each.path[0] for each in shared))
        stop = f"Stop({_command_table(stream.stop)}, {tree(stream.stop.fixed)!r}, {copied!r})"
    return (
        f"StreamKind(command={_constant(command)}, key={stream.key!r}, event={stream.event.name!r}, stop={stop},"
        f" once={stream.once!r}, ended={_match(stream.ended)}, dropped={_match(stream.dropped)},"
        f" count={stream.count!r})"
    )


def _match(match: Match | None) -> str:
    return f"Match({match.message.name!r}, {match.where!r})" if match else "None"


def _command(contract: Contract, command: Command) -> _Method:
    """A command, or the subscription that it starts."""
    positional, optional = _arguments(command.parameters)
    arguments = zip(command.parameters, [*positional, *optional], strict=True)
    # In the order of the schema, which is how people know the frame.
    ordered = sorted(arguments, key=lambda each: _rank(contract, command.message.type, each[0].path))
    frame, more = _object(command.fixed, ordered)
    return _Method(
        _member(command.name),
        command.summary,
        command.description,
        positional,
        optional,
        f"models.{command.stream.event.type}" if command.stream else _replies(command),
        command_wire(command),
        _stream_constant(command) if command.stream else _constant(command),
        frame,
        more,
    )


def _rank(contract: Contract, name: str, path: FieldPath) -> list[int]:
    """Where `path` comes among the properties of the schema called `name`, and of those in it."""
    schema: Schema = contract.schemas[name]
    rank = []
    for step in path:
        while "$ref" in schema:
            schema = contract.schemas[referred(schema["$ref"])]
        rank.append(list(schema["properties"]).index(step))
        schema = schema["properties"][step]
    return rank


def _feed(feed: Feed) -> _Method:
    names = tuple(each.name for each in feed.messages)
    result = " | ".join(dict.fromkeys(f"models.{each.type}" for each in feed.messages))
    text = feed.description or "\n".join(each.description for each in feed.messages)
    return _Method(_member(feed.name), feed.summary, text, [], [], result, feed_wire(feed), repr(names), "", [])


def _endpoint(group: str, endpoint: Endpoint) -> _Method:
    positional, optional = _arguments(endpoint.parameters)
    arguments = list(zip(endpoint.parameters, [*positional, *optional], strict=True))
    parts = []
    more: list[tuple[FieldPath, str]] = []
    for place, name in (("path", "path"), ("query", "query"), ("header", "headers")):
        here = [(parameter, argument) for parameter, argument in arguments if parameter.place == place]
        if here:
            # Those that are None are left out by the runtime.
            fields = ", ".join(f"{parameter.name!r}: {argument.value}" for parameter, argument in here)
            parts.append(f"{name}={{{fields}}}")
    body = [(parameter, argument) for parameter, argument in arguments if parameter.place == "body"]
    if [parameter.path for parameter, _ in body] == [()]:
        (parameter, argument) = body[0]
        absent = "" if parameter.required else f"... if {argument.value} is None else "
        parts.append(f"body={absent}{argument.value}")
    elif body or endpoint.fixed:
        whole, more = _object(endpoint.fixed, body)
        parts.append("body=_frame" if more else f"body={whole}")
        if more:
            parts.insert(0, whole)  # the template puts it into `_frame` first
    return _Method(
        snake(endpoint.name) + "_" * _is_taken(snake(endpoint.name), _MEMBERS) if group else _member(endpoint.name),
        endpoint.summary,
        endpoint.description,
        positional,
        optional,
        _type(endpoint.result, "models.") if endpoint.result is not None else "None",
        request_wire(endpoint),
        f"_{snake(group)}_{snake(endpoint.name)}".upper().replace("__", "_"),
        ", ".join(parts[1:] if more else parts),
        [((), parts[0]), *more] if more else [],
        (endpoint.method, endpoint.path),
    )


def _arguments(parameters: Iterable[Parameter]) -> tuple[list[Argument], list[Argument]]:
    """The arguments for `parameters`, whose required ones come first: those that stand in place, and the others."""
    positional, optional = [], []
    for parameter in parameters:
        name = snake(parameter.name) or "value"
        name = "_" * name[0].isdigit() + name + "_" * _is_taken(name, {"self", *_OPTIONS})
        type_, text = _type(parameter.schema, "models."), argument_text(parameter)
        if parameter.required:
            positional.append(Argument(name, type_, text, name))
            continue
        made = {"client": "self.client_id", "uuid": "_uuid4()", None: ""}[parameter.default]
        value = f"{made} if {name} is None else {name}" if made else name
        optional.append(Argument(name, type_, text, value))
    return positional, optional


def _is_taken(name: str, others: set[str]) -> bool:
    return keyword.iskeyword(name) or name in others


def _object(
    fixed: tuple[tuple[FieldPath, Json], ...], arguments: Iterable[tuple[Parameter, Argument]]
) -> tuple[str, list[tuple[FieldPath, str]]]:
    """The expression for an object with what is surely sent; and what else is, unless it is None."""
    sure: list[tuple[FieldPath, str]] = [(path, repr(value)) for path, value in fixed]
    more: list[tuple[FieldPath, str]] = []
    for parameter, argument in arguments:
        is_sure = parameter.required or parameter.default is not None
        (sure if is_sure else more).append((parameter.path, argument.value))

    def write(depth: int, here: list[tuple[FieldPath, str]]) -> str:
        fields = []
        for name in dict.fromkeys(path[depth] for path, _ in here):
            inner = [leaf for leaf in here if leaf[0][depth] == name]
            code = inner[0][1] if len(inner[0][0]) == depth + 1 else write(depth + 1, inner)
            fields.append(f"{name!r}: {code}")
        return f"{{{', '.join(fields)}}}"

    return write(0, sure), more


_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def _type(schema: Schema, prefix: str) -> str:
    """The Python type of `schema`, which names objects by `$ref`; `prefix` stands before those names."""
    if "$ref" in schema:
        return prefix + referred(schema["$ref"])
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values and all(isinstance(value, str | int | None) for value in values):
        return f"Literal[{', '.join(map(repr, values))}]"
    for name in ("oneOf", "anyOf"):
        if name in schema:
            return " | ".join(dict.fromkeys(_type(each, prefix) for each in schema[name]))
    kinds = schema.get("type", "any")
    found = [_plain_type(kind, schema, prefix) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    return " | ".join([*found, "None"] if schema.get("nullable") else found)


def _plain_type(kind: str, schema: Schema, prefix: str) -> str:
    if kind == "array":
        return f"Sequence[{_type(schema.get('items', {}), prefix)}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"Mapping[str, {_type(values, prefix) if isinstance(values, dict) else 'Any'}]"
    if kind == "string" and schema.get("format") == "uuid":
        return "UUID"
    return _PLAIN.get(kind, "Any")


def _member(name: str) -> str:
    """`name` as a member of the client."""
    name = snake(name)
    return name + "_" * _is_taken(name, _MEMBERS)


def _check_models(contract: Contract, text: str) -> None:
    """Raise ContractError if a schema has another name in Python."""
    names = set(re.findall(r"^(?:class )?(\w+)(?:\(| = |: )", text, re.MULTILINE))
    if lost := contract.schemas.keys() - names:
        raise ContractError(f'no Python class can be called as the schema "{min(lost)}" is; give it another title')


# Text


def _string(text: str) -> str:
    """`text` as a string of Python, with double quotes. What is invisible is escaped."""
    return '"' + repr(f"'{text}")[2:-1].replace("\\'", "'").replace('"', '\\"') + '"'


def _toml(text: str) -> str:
    """`text` as a basic string of TOML (1.0.0, "String"): it has JSON's escapes, but none for pairs of surrogates."""
    return json.dumps(readable(text), ensure_ascii=False)


def _doc(text: str, indent: int) -> str:
    """`text` as a docstring behind `indent` spaces."""
    margin = " " * indent
    text = readable(text).strip().replace("\\", "\\\\").replace('"""', r"\"\"\"")
    lines = [
        line
        for paragraph in text.split("\n")
        for line in textwrap.wrap(paragraph, _WIDTH - indent, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    if len(lines) == 1 and len(lines[0]) <= _WIDTH - indent - 6:
        return f'"""{lines[0]}{" " * lines[0].endswith(chr(34))}"""'
    first = textwrap.wrap(lines[0], _WIDTH - indent - 3, break_long_words=False, break_on_hyphens=False)
    return "\n".join(
        [f'"""{first[0]}', *(f"{margin}{line}".rstrip() for line in [*first[1:], *lines[1:]]), f'{margin}"""']
    )


def _about(method: _Method, options: list[str]) -> str:
    """The docstring of a method that takes `options` beside its own arguments."""
    text = about(method.summary, method.text, method.wire)
    told = [
        f"{each.name}: {' '.join(each.text.split())}" for each in [*method.positional, *method.optional] if each.text
    ]
    told += [f"{name}: {_OPTIONS[name]}" for name in options]
    return _doc("\n\n".join([text, "\n".join(told)]), 8)


def _tour(contract: Contract, package: str) -> str:
    """The first program: it runs as it is beside a server."""
    tour = examples.tour(contract)
    lines = []
    if tour.create:
        group, endpoint = tour.create
        lines.append(f"await client.{_path(group, endpoint)}({_call(contract, endpoint)})")
    if tour.stream:
        lines.append(f"subscription = client.{_member(tour.stream.name)}({_call(contract, tour.stream)})")
        lines.append("await subscription.ready()")
    if tour.command:
        lines.append(f"print(await client.{_member(tour.command.name)}({_call(contract, tour.command)}))")
    if tour.stream:
        lines += ["async for event in subscription:", "    print(event)", "    break"]
    lines = lines or [f"print(await client.{_simplest(contract)})"]
    head = ["import asyncio", "", *_imports(lines, package, "Client"), "", ""]
    body = ["async def main() -> None:", f'    async with Client("{URL}") as client:']
    return "\n".join([*head, *body, *(f"        {each}" for each in lines), "", "", "asyncio.run(main())"])


def _script(contract: Contract, package: str) -> str:
    """The same for a script without asyncio, beside a server that the first program has left as it does."""
    tour = examples.tour(contract)
    lines = []
    if tour.stream:
        lines.append(f"subscription = client.{_member(tour.stream.name)}({_call(contract, tour.stream)})")
        lines.append("subscription.ready()")
    if tour.command:
        lines.append(f"print(client.{_member(tour.command.name)}({_call(contract, tour.command)}))")
    if tour.stream:
        lines.append("print(subscription.get(timeout=5))")
    lines = lines or [f"print(client.{_simplest(contract)})"]
    body = [f'with SyncClient("{URL}") as client:', *(f"    {each}" for each in lines)]
    return "\n".join([*_imports(lines, package, "SyncClient"), "", *body])


def _path(group: Group, endpoint: Endpoint) -> str:
    """Where the client has a request."""
    return f"{_member(group.name)}.{snake(endpoint.name)}" if group.name else _member(endpoint.name)


def _simplest(contract: Contract) -> str:
    """A call of a request without arguments, or the client's label."""
    for group in contract.groups:
        for endpoint in group.endpoints:
            if endpoint.method == "GET" and not any(each.required for each in endpoint.parameters):
                return f"{_path(group, endpoint)}()"
    return "client_id"


def _imports(lines: list[str], package: str, client: str) -> list[str]:
    """The imports of a program with `lines` in it, save for asyncio."""
    code = "\n".join(lines)
    found = ["from uuid import UUID", ""] if "UUID(" in code else []
    return [*found, f"from {_module(package)} import {client}{', models' if 'models.' in code else ''}"]


def _call(contract: Contract, command: Command | Endpoint) -> str:
    """Arguments for `command`, with the values of the examples."""
    return ", ".join(
        _expression(contract, each.schema, examples.example(contract, command, each))
        for each in command.parameters
        if each.required
    )


def _expression(contract: Contract, schema: Schema, value: Json) -> str:
    """`value`, which `schema` describes, as Python."""
    name = ""
    while "$ref" in schema:
        name = referred(schema["$ref"])
        schema = contract.schemas[name]
    if "properties" in schema and isinstance(value, dict):
        if not all(each.isidentifier() and not keyword.iskeyword(each) for each in value):
            return f"models.{name}.model_validate({value!r})"
        fields = [
            f"{key}={_expression(contract, schema['properties'].get(key, {}), each)}" for key, each in value.items()
        ]
        return f"models.{name}({', '.join(fields)})"
    if isinstance(value, list):
        return f"[{', '.join(_expression(contract, schema.get('items', {}), each) for each in value)}]"
    if schema.get("format") == "uuid":
        return f"UUID({_plain(str(value))})"
    return _plain(value)


def _plain(value: Json) -> str:
    """JSON as Python, with double quotes."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_plain(name)}: {_plain(each)}' for name, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    return _string(value) if isinstance(value, str) else repr(value)


def _tour_key(contract: Contract) -> str:
    """The arguments of a subscription in the README."""
    stream = examples.tour(contract).stream
    return _call(contract, stream) if stream else ""


def _version(version: str) -> str:
    """`version` as a package has it: numbers."""
    found = re.match(r"v?([0-9]+(?:\.[0-9]+)*)", version)
    return found[1] if found else "0"


def _formatted(files: dict[str, str]) -> dict[str, str]:
    """`files` in the form that ruff gives them, programs in pages too, without imports that are not used."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
        options = ["--quiet", "--isolated", "--no-cache", "--target-version=py311", f"--config=line-length={_WIDTH}"]
        # Templates import all that may be needed.
        for command in (["check", "--fix", "--select=F401,I"], ["format"]):
            ruff = [sys.executable, "-P", "-m", "ruff", *command, *options, str(folder)]
            done = subprocess.run(ruff, check=False, capture_output=True, text=True)
            if done.returncode:
                raise ContractError(f"no Python can be made of these documents: {done.stdout[:200]}{done.stderr[:200]}")
        return {path: (folder / path).read_text() for path in files}


def _render(template: str, view: dict[str, Any]) -> str:
    return render(_HERE / "templates", template, view, about=_about, doc=_doc, py=_string, toml=_toml)
