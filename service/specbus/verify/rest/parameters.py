"""Names of topics and query parameters that must be refused."""

import contextlib
import functools
import itertools
import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from specbus.verify.asyncapi import Rules
from specbus.verify.checks import RISKY
from specbus.verify.failures import Skipped
from specbus.verify.rest.cases import Mistake, mistakes, perform
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import HttpOperation, RestDocument, as_text, place
from specbus.verify.topics import CREATE, DELETE
from specbus.verify.values import one


def _asked(operation: HttpOperation, query: str, rule: str) -> Mistake:
    """A request for `operation` that is right but for its query."""
    return Mistake(f"{operation}{query}", functools.partial(perform, operation=operation, query=query), rule)


def _in_query(operation: HttpOperation) -> dict[str, list[str]]:
    """Values of the query parameters of `operation`, as texts, by their names: two where two are known."""
    return {each.name: _values(each.schema) for each in operation.parameters if each.location == "query"}


def _values(schema: Any) -> list[str]:
    schema = schema if isinstance(schema, dict) else {}
    if schema.get("type") in ("array", "object"):
        return []  # They are written in another way.
    with contextlib.suppress(Skipped):
        first = one(schema, "a parameter")
        more = range(first + 1, first + 10) if isinstance(first, int) else ()
        accepts = Rules(schema).accepts
        return [as_text(first), *(as_text(each) for each in (*schema.get("enum", ()), *more) if accepts(each))][:2]
    return []


@mistakes(place("info", "description"))
def an_unknown_query_parameter_is_refused(document: RestDocument) -> Iterator[Mistake]:
    for operation in document.operations:
        for query in ("unknown-parameter=1", "unknown-parameter=", "unknown-parameter", "=1"):
            yield _asked(operation, f"?{query}", place("info", "description"))
        known = _in_query(operation)
        for name, values in known.items():
            near = (name.upper(), name.lower(), name.title(), f"{name}[]", f"{name}x", f" {name}", name[:-1])
            for other, value in itertools.product(dict.fromkeys(near), values[:1]):
                if other and other not in known:
                    yield _asked(operation, f"?{quote(other)}={value}", place("info", "description"))


@mistakes(place("paths"))
def a_query_parameter_that_is_given_twice_is_refused(document: RestDocument) -> Iterator[Mistake]:
    for operation in document.operations:
        for name, values in _in_query(operation).items():
            for pair in dict.fromkeys(itertools.product(values, values)):
                query = "&".join(f"{quote(name)}={value}" for value in pair)
                yield _asked(operation, f"?{query}", operation.place("parameters"))


def _wrong_names(document: RestDocument, prefix: str) -> list[str]:
    rules = Rules(document.name_schema)
    names = [prefix + end for end in ("\n", "\r\n", " ", "\x00", "\u00e9", "\u2028", "/", "%", "a b", "$", "+", ":")]
    names += [start + prefix for start in ("\n", ".", "-", " ", "~")]
    names.append(prefix + "x" * int(document.name_schema.get("maxLength", 0)))
    return [name for name in names if not rules.accepts(name)]


@mistakes(place("components", "schemas", "TopicName"), order=RISKY)
def a_name_that_breaks_the_rule_for_names_is_refused(document: RestDocument) -> Iterator[Mistake]:
    def send(client: Client, place: int, operation: HttpOperation) -> httpx.Response:
        name = _wrong_names(document, client.target.prefix + secrets.token_hex(4))[place]
        if operation.names_topic:
            return client.ask_for(operation, operation.path_of(name), client.body(operation))
        response = client.ask_for(operation, operation.path_of(), json.dumps(operation.body(name)).encode())
        if response.is_success and operation.id == CREATE:
            with contextlib.suppress(Skipped):
                client.read(DELETE, name)  # nobody else would
        return response

    for operation in document.operations:
        if operation.names_topic or operation.name_field:
            for place, name in enumerate(_wrong_names(document, "NAME")):
                shown = json.dumps(name if len(name) < 20 else f"{name[:8]}...")
                rule = operation.place("parameters" if operation.names_topic else "requestBody")
                sender = functools.partial(send, place=place, operation=operation)
                yield Mistake(f"{operation} with {shown} as the topic's name", sender, rule)


@mistakes(place("paths"))
def a_query_parameter_that_is_no_integer_is_refused(document: RestDocument) -> Iterator[Mistake]:
    for operation in document.operations:
        for parameter in operation.parameters:
            schema = parameter.schema if isinstance(parameter.schema, dict) else {}
            if parameter.location != "query" or schema.get("type") != "integer":
                continue
            wrong = ["1_0", "+1", "%2B1", "%201", "1%20", "1%0A", "0x1", "1e", "true", "null", "", "%D9%A1"]
            if "minimum" in schema:
                wrong.append(str(schema["minimum"] - 1))
            for text in wrong:
                yield _asked(operation, f"?{parameter.name}={text}", operation.place("parameters"))
