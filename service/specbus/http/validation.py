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
from specbus.wire import problem


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


class Bodies:
    """Reads bodies, each within its limit and all that are on their way within another."""

    def __init__(self, most: int, most_together: int) -> None:
        """Allow a body `most` bytes, and `most_together` those of which the end has not come."""
        self._most = most
        self._most_together = most_together
        self._together = 0

    async def read(self, receive: Receive, scope: Scope) -> bytes:
        """The whole body, chunked or not. Raises ProblemError if it is too large or breaks off."""
        request = Request(scope, receive)
        if int(request.headers.get("content-length", 0)) > self._most:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async for part in request.stream():
                parts.append(part)
                came = len(part)
                size += came
                self._together += came
                if size > self._most:
                    raise self._too_large()
                if self._together > self._most_together:
                    headers = {**problem.TRY_LATER, "Connection": "close"}
                    detail = "too many bodies are on their way at once"
                    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=headers)
        except ClientDisconnect:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the body ended before its length") from None
        finally:
            self._together -= size
        return b"".join(parts)

    def _too_large(self) -> ProblemError:
        detail = f"the body must be at most {self._most} bytes"
        return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, headers={"Connection": "close"})


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
