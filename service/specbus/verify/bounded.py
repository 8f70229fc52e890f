"""Answers over HTTP of which no more is read than a person would want to see, and no longer than a deadline."""

import time
from typing import Any

import httpx

MAX_BYTES = 32 * 1024 * 1024
"""Of the body of an answer, decoded."""
_OF_THE_TRANSFER = frozenset((b"content-encoding", b"transfer-encoding", b"content-length"))


class Unreadable(Exception):
    """No answer came, or none that can be read. The text is a part of a sentence."""


def request(client: httpx.Client, method: str, path: str, until: float, **options: Any) -> httpx.Response:
    """Send a request; its answer, whose body is there and decoded.

    Args:
        client: What sends it.
        method: The method.
        path: The path, or a URL.
        until: When all of the answer must have come, by the monotonic clock.
        options: Those of `httpx.Client.stream`.

    Raises:
        Unreadable: With the reason.

    """
    timeout = max(0.001, until - time.monotonic())
    try:
        with client.stream(method, path, timeout=timeout, **options) as response:
            body = _read(response, until)
        # What the fields say of the body as it was on its way is not true of this one.
        fields = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_TRANSFER]
        answer = httpx.Response(response.status_code, headers=fields, content=body, request=response.request)
        _make_readable(answer)
        return answer
    except httpx.TimeoutException:
        raise Unreadable("nothing came in time") from None
    # Of what a server sends, httpx raises all of these: for a URL, a charset, a header, a length that is none.
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError, LookupError) as error:
        raise Unreadable(f"{error}" or type(error).__name__) from None


def _read(response: httpx.Response, until: float) -> bytes:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > MAX_BYTES:
            raise Unreadable(f"the answer is longer than {MAX_BYTES} bytes")
        if time.monotonic() > until:
            raise Unreadable(f"the answer is not at its end in time, after {len(body)} bytes")
    return bytes(body)


def _make_readable(response: httpx.Response) -> None:
    """See that an answer has a text, whatever it says of its charset: codecs raise what they like."""
    try:
        _ = response.text
    except Exception:
        response.encoding = "utf-8"
