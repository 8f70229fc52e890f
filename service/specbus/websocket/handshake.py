"""The opening handshake (RFC 6455, 4.2): accepted, or refused with a problem document (RFC 9457)."""

from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import cast

from websockets.datastructures import Headers
from websockets.exceptions import (
    HeaderLineTooLong,
    InvalidHeader,
    InvalidMethod,
    InvalidUpgrade,
    RequestLineTooLong,
    TooManyHeaders,
)
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request, Response
from websockets.server import ServerProtocol

from specbus.wire import problem
from specbus.wire.paths import decoded
from specbus.wire.websocket import LIBRARY_LOGGER


class Refused(Exception):
    """A handshake that is refused for a reason of ours, not of RFC 6455's."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] = {}) -> None:
        """`detail` is for a person; `headers` are added to the answer's."""
        super().__init__(detail)
        self.status = status
        self.headers = headers


def respond(data: bytes, check: Callable[[str, Callable[[str], list[str]]], None]) -> Response:
    """The answer to a handshake. Its status is 101 if that is accepted.

    Args:
        data: The whole request, a head that uvicorn's HTTP parser has accepted.
        check: Is given the path, decoded and without its query, and what gives the values of a field. Raises Refused.

    """
    sansio = ServerProtocol(logger=LIBRARY_LOGGER)
    sansio.receive_data(data)
    if sansio.handshake_exc is None:
        request = cast("Request", sansio.events_received()[0])
        try:
            check(decoded(request.path.partition("?")[0]), request.headers.get_all)
        except Refused as refused:
            return _refusal(refused.status, str(refused), refused.headers)
        response = sansio.accept(request)
    # `accept` finds faults too.
    return response if sansio.handshake_exc is None else _broken(sansio.handshake_exc)


def _broken(error: Exception) -> Response:
    """The answer to a handshake that is not as RFC 6455, 4.2.1, and RFC 9112 have it."""
    match error:
        case RequestLineTooLong():
            return _refusal(
                HTTPStatus.REQUEST_URI_TOO_LONG, f"the request line may have at most {MAX_LINE_LENGTH} bytes"
            )
        case HeaderLineTooLong() | TooManyHeaders():
            return _refusal(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"a handshake may have at most {MAX_NUM_HEADERS} header lines, of {MAX_LINE_LENGTH} bytes each",
            )
        case InvalidMethod():
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "the method of a handshake is GET", {"Allow": "GET"})
        case InvalidUpgrade():
            detail = "a handshake upgrades to websocket and nothing else"
            return _refusal(HTTPStatus.UPGRADE_REQUIRED, detail, {"Upgrade": "websocket"})
        case InvalidHeader():
            detail = f"{error.name} is missing or wrong"
            return _refusal(HTTPStatus.BAD_REQUEST, detail, {"Sec-WebSocket-Version": "13"})
        case _:
            return _refusal(HTTPStatus.BAD_REQUEST, "the request is no handshake, which is HTTP/1.1 and has no body")


def _refusal(status: HTTPStatus, detail: str, more: Mapping[str, str] = {}) -> Response:
    """A refused handshake, with `more` headers."""
    body = problem.encode(status, detail)
    headers = Headers(
        {
            "Date": formatdate(usegmt=True),
            "Connection": "close",
            "Cache-Control": "no-store",
            "Content-Type": problem.MEDIA_TYPE,
            "Content-Length": str(len(body)),
            **more,
        }
    )
    return Response(status.value, status.phrase, headers, body)
