"""Names of topics and query parameters that must be refused."""

import contextlib
import functools
import json
import secrets
from collections.abc import Iterator

import httpx

from specbus.verify.asyncapi import Rules
from specbus.verify.checks import RISKY
from specbus.verify.failures import Skipped
from specbus.verify.rest.cases import Mistake, mistakes, perform
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import HttpOperation, RestDocument, place
from specbus.verify.topics import CREATE, DELETE


@mistakes(place("info", "description"))
def an_unknown_query_parameter_is_refused(document: RestDocument) -> Iterator[Mistake]:
    for operation in document.operations:
        send = functools.partial(perform, operation=operation, query="?unknown-parameter=1")
        yield Mistake(f"{operation}?unknown-parameter=1", send, place("info", "description"))


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
                query = f"?{parameter.name}={text}"
                send = functools.partial(perform, operation=operation, query=query)
                yield Mistake(f"{operation}{query}", send, operation.place("parameters"))
