"""Bodies that must be taken, and bodies that must be refused."""

import functools
import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx

from specbus.verify.asyncapi import Rules
from specbus.verify.checks import RISKY
from specbus.verify.failures import Broken
from specbus.verify.rest.cases import CLIENT_ERRORS, Mistake, check_cases, mistakes, perform
from specbus.verify.rest.client import Client
from specbus.verify.rest.document import EXAMPLE_ID, JSON_TYPE, HttpOperation, RestDocument, place


def _must_be_taken(operation: HttpOperation, response: httpx.Response, how: str) -> None:
    if not response.is_success:
        rule = operation.place("requestBody", "content", JSON_TYPE)
        raise Broken(f"{operation} with {how} is answered with {response.status_code}", rule=rule)


@check_cases("RFC 9112, 7.1", RestDocument.with_body)
def a_chunked_body_is_taken(client: Client, operation: HttpOperation) -> None:
    _must_be_taken(operation, client.perform(operation, chunked=True), "a chunked body")


@check_cases(
    "RFC 9110, 8.3.1",
    lambda document: itertools.product(
        document.with_body(),
        ("application/json; charset=utf-8", 'application/json;charset="UTF-8"', "Application/JSON"),
    ),
)
def JSON_may_be_declared_in_any_way_that_HTTP_allows(client: Client, case: tuple[HttpOperation, str]) -> None:
    operation, content_type = case
    response = client.perform(operation, headers={"Content-Type": content_type})
    _must_be_taken(operation, response, f"Content-Type: {content_type}")


def _wrong_body(operation: HttpOperation, what: str, body: bytes) -> Mistake:
    return Mistake(
        f"{operation} with {what}",
        lambda client: client.ask_for(operation, client.path(operation), body),
        operation.place("requestBody"),
    )


@mistakes(place("paths"))
def an_empty_body_is_refused(document: RestDocument) -> Iterator[Mistake]:
    for operation in document.with_body():
        yield _wrong_body(operation, "an empty body", b"")


@mistakes("RFC 8259")
def a_body_that_is_not_JSON_is_refused(document: RestDocument) -> Iterator[Mistake]:
    for operation in document.with_body():
        for body in (b"{", b"NaN", b"nonsense", b"'a'", b"{} {}"):
            yield _wrong_body(operation, f"the body {body.decode()}", body)


@mistakes("RFC 8259, 8.1")
def a_body_in_another_encoding_is_refused(document: RestDocument) -> Iterator[Mistake]:
    for operation in document.with_body():
        for wrong in (b"\xff", b"\xc3", b"\xed\xa0\x80"):
            body = json.dumps(operation.body(document.sample_name)).encode()
            body = body.replace(b'": "', b'": "' + wrong, 1) if b'": "' in body else wrong + body
            yield _wrong_body(operation, f"a body that has the bytes {wrong.hex(' ')}", body)
        yield _wrong_body(
            operation, "a body in UTF-16", json.dumps(operation.body(document.sample_name)).encode("utf-16")
        )


@mistakes("RFC 8259, 9", order=RISKY)
def a_body_that_is_nested_too_deep_is_refused(document: RestDocument) -> Iterator[Mistake]:
    for operation in document.with_body():
        for what, body in (("closed", b"[" * 10_000 + b"]" * 10_000), ("left open", b"[" * 10_000)):
            yield _wrong_body(operation, f"10,000 nested arrays, {what}", body)


@check_cases("RFC 8259, 9", RestDocument.with_body, order=RISKY)
def deep_nesting_inside_a_body_does_no_harm(client: Client, operation: HttpOperation) -> None:
    body = operation.body(client.name())
    for field in body if isinstance(body, dict) else ():
        text = json.dumps({**body, field: "@@"}).replace('"@@"', "[" * 10_000 + "]" * 10_000)
        response = client.ask_for(operation, client.path(operation), text.encode())
        if response.status_code >= 500:
            problem = f"{operation} with 10,000 nested arrays as {field} is answered with {response.status_code}"
            raise Broken(problem, rule=operation.place("requestBody"))


@mistakes(place("paths"))
def a_body_that_is_not_declared_as_JSON_is_refused(document: RestDocument) -> Iterator[Mistake]:
    wrong = (
        *("application/json; charset=utf-16", "application/json; charset=latin-1", "text/plain"),
        *("application/x-www-form-urlencoded", "application/xml", 'application/json; charset="utf-16"'),
        *("application/problem+json", "application/vnd.api+json", "application/json-seq", "application/jsonl"),
        *("application/x-json", "text/json", "text/json; charset=utf-8", "json"),
    )
    for operation in document.with_body():
        statuses = frozenset([415]) if "415" in operation.responses else CLIENT_ERRORS
        rule = operation.place("responses", "415") if "415" in operation.responses else operation.place("requestBody")
        for content_type in wrong:
            headers = {"Content-Type": content_type}
            send = functools.partial(perform, operation=operation, headers=headers)
            yield Mistake(f"{operation} with Content-Type: {content_type}", send, rule, statuses)
        send = functools.partial(perform, operation=operation, headers={})
        yield Mistake(f"{operation} without Content-Type", send, rule, statuses)


@mistakes("RFC 9110, 15.5.16")
def a_body_that_is_not_encoded_as_it_says_is_refused(document: RestDocument) -> Iterator[Mistake]:
    for operation in document.with_body():
        rule = operation.place("responses", "415") if "415" in operation.responses else "RFC 9110, 8.4"
        for coding in ("gzip", "br", "no-such-coding"):
            # Who knows the coding finds that the body does not have it: a 400, say.
            send = functools.partial(
                perform, operation=operation, headers={"Content-Type": JSON_TYPE, "Content-Encoding": coding}
            )
            yield Mistake(f"{operation} with Content-Encoding: {coding}, which its body is not", send, rule)


@mistakes(place("info", "description"))
def an_unknown_field_of_a_body_is_refused(document: RestDocument) -> Iterator[Mistake]:
    def send(client: Client, operation: HttpOperation) -> httpx.Response:
        body = {**operation.body(client.name()), "unknown-field": 1}
        return client.ask_for(operation, client.path(operation), json.dumps(body).encode())

    for operation in document.with_body():
        if (operation.body_schema or {}).get("additionalProperties") is False:
            rule = operation.place("requestBody", "content", JSON_TYPE, "schema", "additionalProperties")
            yield Mistake(f"{operation} with an unknown field", functools.partial(send, operation=operation), rule)


@mistakes(place("paths"))
def a_field_that_breaks_its_schema_is_refused(document: RestDocument) -> Iterator[Mistake]:
    def send(client: Client, operation: HttpOperation, change: dict[str, Any]) -> httpx.Response:
        body = {**operation.body(client.name()), **change}
        return client.ask_for(operation, client.path(operation), json.dumps(body).encode())

    for operation in document.with_body():
        schema = operation.body_schema or {}
        body = operation.body(document.sample_name)
        if not isinstance(body, dict):
            continue
        wrong: tuple[Any, ...] = (None, True, 1, "", "x", EXAMPLE_ID + "0", f"{{{EXAMPLE_ID}}}", [], {})
        for name, value in itertools.product(body, wrong):
            # Nor must a topic be made whose name tells nobody to delete it: names have a check of their own.
            if name != operation.name_field and not Rules(schema).accepts({**body, name: value}):
                sender = functools.partial(send, operation=operation, change={name: value})
                rule = operation.place("requestBody", "content", JSON_TYPE, "schema", "properties", name)
                yield Mistake(f"{operation} with {json.dumps(value)} as {name}", sender, rule)
