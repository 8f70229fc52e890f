"""The API key, where the server asks for one."""

from collections.abc import Iterator

import httpx

from specbus.verify.checks import needs_key
from specbus.verify.failures import Broken
from specbus.verify.raw import other_places, wrong_keys
from specbus.verify.rest.cases import check_cases
from specbus.verify.rest.client import Client, json_of, media_type_of
from specbus.verify.rest.document import (
    JSON_TYPE,
    KEY_HEADER,
    PROBLEM_TYPE,
    HttpOperation,
    RestDocument,
    place,
    with_query,
)
from specbus.verify.target import Target


def _without_key(client: Client, operation: HttpOperation, key: str | None) -> httpx.Response:
    """The answer to a request with a wrong key, or with none. Raises Unanswered, and Skipped."""
    body = client.body(operation)
    headers = {**({} if body is None else {"Content-Type": JSON_TYPE}), **({} if key is None else {KEY_HEADER: key})}
    return client.ask_for(operation, client.path(operation), body, headers, has_key=False)


def _keyless(document: RestDocument) -> Iterator[tuple[HttpOperation, str | None]]:
    for operation in document.operations:
        if operation.needs_key:
            yield from ((operation, None), (operation, "not-the-key"))


@check_cases(place("components", "responses", "Unauthorized"), _keyless, when=needs_key)
def a_request_without_the_right_key_is_a_401(client: Client, case: tuple[HttpOperation, str | None]) -> None:
    operation, key = case
    response = _without_key(client, operation, key)
    if response.status_code != 401:
        how = "with a wrong key" if key else "without a key"
        problem = f"{operation} {how} is answered with {response.status_code}, not 401"
        raise Broken(problem, rule=operation.place("responses", "401"))


def _wrong_keys(document: RestDocument) -> Iterator[tuple[HttpOperation, tuple[int, str]]]:
    """An operation that only reads, with each of what `wrong_keys` has: its place there, and what it is."""
    for operation in document.operations:
        if operation.needs_key and operation.method == "GET":
            yield from ((operation, (at, what)) for at, (what, _) in enumerate(wrong_keys("key")))
            return


@check_cases(place("components", "securitySchemes"), _wrong_keys, when=needs_key)
def a_key_that_is_but_like_the_key_is_a_401(client: Client, case: tuple[HttpOperation, tuple[int, str]]) -> None:
    operation, (at, what) = case
    _, key = wrong_keys(client.target.options.api_key or "")[at]
    response = _without_key(client, operation, key)
    if response.status_code != 401:
        raise Broken(f"{operation} with {what} is answered with {response.status_code}, not 401")


def _elsewhere(target: Target) -> str | None:
    """Why the key may count in other places than one header field, or need not be sent at all."""
    return needs_key(target) or _other_schemes(target)


def _other_schemes(target: Target) -> str | None:
    if not target.rest.key_is_in_header:
        return f"the document does not say that a key is in {KEY_HEADER} and nowhere else"
    return None


def _misplaced(document: RestDocument) -> Iterator[tuple[HttpOperation, int]]:
    """The operations that want the key, with each place where it is not."""
    for operation in document.operations:
        if operation.needs_key:
            yield from ((operation, at) for at, _ in enumerate(other_places("key")))


@check_cases(place("components", "securitySchemes"), _misplaced, when=_elsewhere)
def a_key_that_is_not_in_its_field_is_none(client: Client, case: tuple[HttpOperation, int]) -> None:
    operation, at = case
    what, query, fields = other_places(client.target.options.api_key or "")[at]
    path = with_query(operation.path_of(client.name() if operation.names_topic else ""), query)
    body = client.body(operation)
    declared = {} if body is None else {"Content-Type": JSON_TYPE}
    response = client.ask_for(operation, path, body, {**declared, **fields}, has_key=False)
    # What it is refused for may be the query.
    if response.status_code not in ((401, 400) if query else (401,)):
        raise Broken(f"{operation} with the key {what} is answered with {response.status_code}, not 401")


@check_cases(
    place("components", "securitySchemes"),
    lambda document: [each for each in document.operations if each.needs_key and each.method == "GET"],
    when=needs_key,
)
def a_HEAD_without_the_right_key_is_refused(client: Client, operation: HttpOperation) -> None:
    # A HEAD is what a GET is, but for the body (RFC 9110, 9.3.2); who has none may say so.
    path = client.path(operation)
    for key in (None, "not-the-key"):
        fields = {**operation.headers(), **({} if key is None else {KEY_HEADER: key})}
        response = client.ask("HEAD", path, headers=fields, has_key=False)
        if response.is_success:
            how = "with a wrong key" if key else "without a key"
            raise Broken(f"HEAD {operation.path} {how} is answered with {response.status_code}, not 401")


@check_cases("RFC 9110, 11.6.1", _keyless, when=needs_key)
def a_401_says_how_to_authenticate(client: Client, case: tuple[HttpOperation, str | None]) -> None:
    response = _without_key(client, *case)
    if response.status_code == 401 and not response.headers.get("www-authenticate"):
        raise Broken("a 401 has no WWW-Authenticate")


@check_cases("RFC 9457, 3", _keyless, when=needs_key)
def a_401_is_a_problem_document(client: Client, case: tuple[HttpOperation, str | None]) -> None:
    response = _without_key(client, *case)
    if response.status_code == 401:
        problem = json_of(response)
        if media_type_of(response) != PROBLEM_TYPE or not isinstance(problem, dict) or problem.get("status") != 401:
            raise Broken("a 401 is no problem document with its status")


@check_cases(
    place("paths"),
    lambda document: [each for each in document.operations if not each.needs_key],
    when=needs_key,
)
def what_needs_no_key_is_open(client: Client, operation: HttpOperation) -> None:
    for key in (None, "not-the-key"):
        response = _without_key(client, operation, key)
        if response.status_code == 401:
            how = "with a wrong key, which it does not need," if key else "without a key"
            raise Broken(f"{operation} {how} is answered with 401", rule=operation.place("security"))


def _key_is_wanted(target: Target) -> str | None:
    return "the server wants a key" if target.options.api_key else _other_schemes(target)


@check_cases(
    place("components", "securitySchemes", "apiKey", "description"),
    lambda document: document.operations,
    when=_key_is_wanted,
)
def a_key_that_is_not_wanted_is_not_looked_at(client: Client, operation: HttpOperation) -> None:
    declared = {} if operation.body_schema is None else {"Content-Type": JSON_TYPE}
    for key in ("any-key", ""):
        status = client.perform(operation, headers={**declared, KEY_HEADER: key}).status_code
        if status in (401, 403):
            raise Broken(f"{operation} with {KEY_HEADER}: {key}, where no key is wanted, is answered with {status}")
