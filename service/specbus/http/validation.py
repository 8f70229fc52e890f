"""What a request must have beside its path: a key, a body that is declared and readable."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope
from werkzeug.http import parse_options_header

from specbus.auth import keys
from specbus.contract.requests import InvalidRequest
from specbus.http.problems import ProblemError


def check_key(api_key: str | None, headers: Headers, peer: str) -> None:
    """Raise ProblemError unless the request has `api_key`, where one is wanted. `peer` is where it comes from."""
    given = headers.getlist("x-api-key")
    if not keys.accepts(api_key, given):
        keys.note_refused(given, peer)
        raise ProblemError(HTTPStatus.UNAUTHORIZED, keys.REFUSAL, headers=keys.CHALLENGE)


def check_content_type(values: list[str]) -> None:
    """Raise ProblemError unless the content is declared as JSON, in UTF-8 if at all (RFC 8259, 8.1).

    `values` are those of all the request's `Content-Type` fields.
    """
    media_type, options = parse_options_header(values[0]) if len(values) == 1 else ("", {})
    if media_type.lower() != "application/json" or options.get("charset", "utf-8").lower() != "utf-8":
        given = ", ".join(values)[:128] or "none"
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type must be application/json, in UTF-8, not {given}",
            headers={"Accept": "application/json"},
        )


def check_content_encoding(values: list[str]) -> None:
    """Raise ProblemError if the content is declared to be encoded (RFC 9110, 8.4).

    `values` are those of all the request's `Content-Encoding` fields.
    """
    codings = ", ".join(values)
    if codings.strip().lower() not in ("", "identity"):
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding must be absent, not {codings[:64]}: a body is taken as it is",
            headers={"Accept-Encoding": "identity"},
        )


async def read_body(receive: Receive, scope: Scope, most: int) -> bytes:
    """The whole body, chunked or not. Raises ProblemError if it is larger than `most` bytes or breaks off."""
    request = Request(scope, receive)
    size = int(request.headers.get("content-length", 0))
    parts: list[bytes] = []
    try:
        if size <= most:
            size = 0
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > most:
                    break
    except ClientDisconnect:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body ended before its length") from None
    if size > most:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body must be at most {most} bytes",
            headers={"Connection": "close"},
        )
    return b"".join(parts)


def parse_body(parse: Callable[[bytes], Any], data: bytes) -> Any:
    """What `parse`, a `contract.requests.Body`'s, makes of `data`. Raises ProblemError."""
    if not data.strip():
        raise ProblemError(HTTPStatus.BAD_REQUEST, "a body is required")
    try:
        return parse(data)
    except InvalidRequest as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from None
    except UnicodeDecodeError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is not valid UTF-8") from None
