"""HTTP requests, and the client that has nothing else."""

import os
import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypedDict, TypeVar, Unpack, cast
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from .deadline import within
from .encoding import decode_object, encode
from .errors import ConnectError, InvalidReply, ProblemError, ReplyTimeout, UnknownOutcome
from .route import Route

T = TypeVar("T")

_NOTHING: Mapping[str, Any] = {}


class RestOptions(TypedDict, total=False):
    """Options of a client. Durations are in seconds."""

    api_key: str | None
    """The service's API key."""
    client_id: str | None
    """A label of this client, for the service's logs; random by default."""
    tls: ssl.SSLContext | None
    """What judges the server's certificate, of `https://`: by default the system's authorities, or those that
    `SSL_CERT_FILE` and `SSL_CERT_DIR` name."""
    timeout: float
    """Time in which a reply must come, and a connection be opened or closed: 10."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Where the API key is sent."""

    place: Literal["header", "query"]
    name: str
    prefix: str

    def put(self, key: str | None, headers: dict[str, str], query: dict[str, Any]) -> None:
        """Add `key` to the headers or the query, if there is one."""
        if key is not None:
            place: dict[str, Any] = headers if self.place == "header" else query
            place[self.name] = self.prefix + key


class Rest:
    """Requests to the service at `url`, with JSON bodies."""

    def __init__(
        self,
        url: str,
        timeout: float,
        api_key: str | None,
        credential: Credential | None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url
        self.route = Route(url, tls)
        """How the service is reached."""
        self._timeout = timeout
        self._api_key = api_key
        self._credential = credential
        self._client: httpx.AsyncClient | None = None

    async def request(
        self,
        method: str,
        template: str,
        result: TypeAdapter[T] | None,
        timeout: float | None,
        *,
        path: Mapping[str, Any] = _NOTHING,
        query: Mapping[str, Any] = _NOTHING,
        headers: Mapping[str, Any] = _NOTHING,
        body: Any = ...,
    ) -> T:
        """Make a request, and return the response's body as `result`; None if no body is described.

        `template` has `{name}` for each item of `path`.

        Raises:
            ValueError: A value of `path` would lead to another resource. Nothing was sent.
            ProblemError: The request was refused.
            ConnectError: The server cannot be reached.
            ReplyTimeout: No response came in time.
            UnknownOutcome: The connection broke before the response came.
            InvalidReply: The response is not a `result`.
        """
        address = _address(template, path)
        fields = {name: value for name, value in to_jsonable_python(query).items() if value is not None}
        head = {"Accept": "application/json"}
        head |= {name: _plain(value) for name, value in headers.items() if value is not None}
        if self._credential:
            self._credential.put(self._api_key, head, fields)
        content = None
        if body is not ...:
            head["Content-Type"] = "application/json"
            content = encode(body).encode()
        asked = {"method": method, "path": address} | ({} if body is ... else {"body": body})
        seconds = self._timeout if timeout is None else timeout
        if self._client is None:
            # Of the environment only what the route says: a .netrc, say, is for other programs.
            self._client = httpx.AsyncClient(
                timeout=None,  # noqa: S113 - the limit is below
                proxy=self.route.proxy,
                verify=self.route.tls,
                trust_env=False,
            )
        asking = self._client.build_request(method, self._url + address, params=fields, headers=head, content=content)
        parts: list[bytes] = []
        try:
            async with within(seconds, lambda: len(parts)):
                answer = await self._client.send(asking, stream=True)
                try:
                    parts.append(b"")
                    async for part in answer.aiter_bytes():
                        parts.append(part)
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise ReplyTimeout(seconds, asked, sent=True) from None
        except (httpx.ConnectError, httpx.ProxyError) as error:
            raise unreachable(self.route.shown, error) from error
        except httpx.TransportError as error:
            raise UnknownOutcome(asked, str(error) or type(error).__name__) from error
        content = b"".join(parts)
        if not answer.is_success:
            raise problem(answer.status_code, content, answer.headers)
        if result is None:
            return cast("T", None)
        try:
            return result.validate_json(content or b"null")
        except ValidationError as error:
            raise InvalidReply(f"the answer to {method} {address} is not what the document says: {error}") from error

    async def close(self) -> None:
        """Close the connections that are kept open for further requests."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


class RestClient:
    """A client for HTTP; `async with` closes it."""

    _credential: ClassVar[Credential | None] = None

    def __init__(self, url: str, **options: Unpack[RestOptions]) -> None:
        """Make a client of the service at `url`, `http://...` or `ws://...`.

        Raises ValueError if the URL, the API key or the environment's proxy is invalid.
        """
        self._options(url, options)

    def _options(self, url: str, options: RestOptions) -> None:
        self._url = _http(url)
        self._timeout = options.get("timeout", 10.0)
        self._api_key = options.get("api_key")
        if self._api_key is not None and not (self._api_key.isascii() and self._api_key.isprintable()):
            raise ValueError("the API key must be printable ASCII, as a header is")
        self.client_id: str = options.get("client_id") or f"client-{uuid4().hex[:8]}"
        """The client's label."""
        self._rest = Rest(self._url, self._timeout, self._api_key, self._credential, options.get("tls"))

    async def close(self) -> None:
        """Close the client's connections. A later request opens new ones."""
        await self._rest.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _address(template: str, values: Mapping[str, Any]) -> str:
    """`template` with `values` in it. Raises ValueError for a value that would lead to another resource.

    Whatever carries a URL removes the segments `.` and `..` (RFC 3986, 5.2.4), and no encoding protects them: `%2E` is
    a dot (6.2.2.2). An empty segment is the collection, or nothing.
    """
    filled: list[str] = []
    for segment in template.split("/"):
        made = segment
        for name, value in values.items():
            if f"{{{name}}}" in segment:
                text = _plain(value)
                try:
                    made = made.replace(f"{{{name}}}", quote(text, safe=""))
                except UnicodeEncodeError:
                    raise ValueError(f"{name} must be a text that UTF-8 can express, not {text!r}") from None
                if not text or re.sub("%2e", ".", made, flags=re.IGNORECASE) in (".", ".."):
                    raise ValueError(f"{name} must not be {text!r}: in a path, that leads to another resource")
        filled.append(made)
    return "/".join(filled)


def problem(status: int, body: bytes | bytearray, fields: httpx.Headers) -> ProblemError:
    """The error for a response with that status: from its problem document (RFC 9457), if it has one."""
    try:
        document = decode_object(bytes(body)) or {}
    except ValueError:
        document = {}
    try:
        title = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        title = f"HTTP status {status}"
    detail = document.get("detail")
    return ProblemError(
        status,
        str(document.get("type") or "about:blank"),
        str(document.get("title") or title),
        str(detail) if detail else "",
        _retry_after(fields),
    )


def _retry_after(fields: httpx.Headers) -> float | None:
    """Seconds until the server wants to be asked again: `Retry-After` (RFC 9110, 10.2.3); None if it is not told.

    A date is taken as the server's clock has it, which `Date` tells.
    """
    told = fields.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]{1,9}", told):
        return float(told)
    now = datetime.now(UTC)
    try:
        with suppress(KeyError, ValueError):
            now = _date(fields["Date"])
        return max(0.0, (_date(told) - now).total_seconds())
    except ValueError:
        return None


def _date(text: str) -> datetime:
    """An HTTP date (RFC 9110, 5.6.7). Raises ValueError."""
    date = parsedate_to_datetime(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def unreachable(url: str, error: Exception) -> ConnectError:
    """The error for a server at `url` that cannot be reached."""
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OSError) and cause.errno):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLError | socket.gaierror):  # whose numbers are their own
        reason = cause.strerror
    else:
        reason = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else str(error)
    return ConnectError(f"nothing answers at {url} ({reason or type(error).__name__})")


def _http(url: str) -> str:
    """The HTTP URL of a service, without a trailing slash. Raises ValueError."""
    with suppress(ValueError):
        parts = urlsplit(url)
        is_usable = parts.hostname and parts.port != 0 and not parts.query and not parts.fragment
        if is_usable and parts.scheme in ("http", "https", "ws", "wss"):
            return f"{parts.scheme.replace('ws', 'http')}://{parts.netloc}{parts.path.rstrip('/')}"
    raise ValueError(f"the URL must begin with http:// or ws:// and go on with HOST:PORT, not {url!r}")


def _plain(value: Any) -> str:
    """`value` as text for a path or a header."""
    value = to_jsonable_python(value)
    return value if isinstance(value, str) else encode(value)
