"""The API key, where the server asks for one."""

from collections.abc import Iterator

import httpx

from specbus.verify.checks import needs_key
from specbus.verify.failures import Broken
from specbus.verify.raw import wrong_keys
from specbus.verify.rest.cases import check_cases
from specbus.verify.rest.client import Client, json_of, media_type_of
from specbus.verify.rest.document import JSON_TYPE, KEY_HEADER, PROBLEM_TYPE, HttpOperation, RestDocument, place


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
    response = _without_key(client, operation, None)
    if response.status_code == 401:
        raise Broken(f"{operation} without a key is answered with 401", rule=operation.place("security"))
