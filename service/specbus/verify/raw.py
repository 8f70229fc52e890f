"""Requests as bytes, such as no client library sends, and what comes back."""

import base64
import contextlib
import http.client
import io
import json
import re
import secrets
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import quote

import httpx
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from specbus.verify.failures import Broken, NotOffered, TimedOut, Unanswered
from specbus.verify.record import Step, without_key
from specbus.verify.rest.commands import quoted
from specbus.verify.rest.document import KEY_HEADER
from specbus.verify.target import Target

WRONG_HOSTS: tuple[tuple[str, ...], ...] = (
    *((), ("{0}", "other.invalid"), ("other.invalid", "{0}")),
    *(("{0} {0}",), ("{0}/",), ("user@{0}",), ("[::1",), ("{0}:port",)),
)
"""Values of the Host fields that a request must not have (RFC 9112, 3.2; RFC 3986, 3.2.2); `{0}` is the right one.

Nor may it have that one twice, but proxies (HAProxy) make one field of the two, which does no harm.
"""
_SILENCE = 0.3
"""Seconds without a byte after which nothing more is expected."""


def request(target: Target, method: str, path: str, *fields: str, **options: Any) -> bytes:
    """The head of a request, as `_head` has it. Raises NotOffered if the profile leaves such requests out."""
    if reason := target.options.profile.refusal(makes_topics=target.topics.is_making(method, path)):
        raise NotOffered(reason)
    return _head(target, method, path, *fields, **options)


def _head(
    target: Target,
    method: str,
    path: str,
    *fields: str,
    hosts: Sequence[str] = ("{0}",),
    version: str = "1.1",
    has_key: bool = True,
    absolute: bool = False,
) -> bytes:
    """The head of a request to `target`, with its key.

    Args:
        target: The server; its Host is the default.
        method: The method.
        path: The path, below that of the server's URL.
        fields: More header fields, each a line.
        hosts: The values of the Host fields, for another number or others than there must be; `{0}` is the right one.
        version: That of HTTP.
        has_key: Whether the key is sent, where there is one.
        absolute: Whether the target is a whole URL (RFC 9112, 3.2.2).

    """
    url = httpx.URL(target.options.url)
    origin = f"{url.scheme}://{url.netloc.decode()}" if absolute else ""
    lines = [f"{method} {origin}{url.raw_path.decode().rstrip('/')}{path} HTTP/{version}"]
    lines += [f"Host: {host.format(url.netloc.decode())}" for host in hosts]
    lines += [_key_field(target)] if target.options.api_key and has_key else []
    return "\r\n".join([*lines, *fields, "", ""]).encode()


def handshake(
    target: Target, changed: Mapping[str, str | None] = {}, *, method: str = "GET", path: str = "", **options: Any
) -> bytes:
    """The opening handshake of a WebSocket (RFC 6455, 4.1).

    Args:
        target: The server.
        changed: Header fields that are added or replaced; None for those to leave out.
        method: The method.
        path: The path, instead of the one that the document has.
        options: Those of `_head`.

    """
    fields = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        **changed,
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return _head(target, method, path or target.document.address, *lines, **options)


def wrong_keys(key: str) -> list[tuple[str, str | None]]:
    """Keys that are not `key`, though some are near it, and what each is; None for none at all."""
    wrong = {
        "no key": None,
        "the beginning of the key": key[:-1],
        "the key and more": f"{key}x",
        "the key in another case": key.swapcase(),
        "the key in quotes": f'"{key}"',
        "a key of the same length": "x" * len(key),
        "an empty key": "",
        "the key in a list": f"wrong, {key}",
    }
    # One that has no letters is the same in another case; it is told by the others.
    return [(what, f"x{key}" if value == key else value) for what, value in wrong.items()]


def other_places(key: str) -> list[tuple[str, str, dict[str, str]]]:
    """Where `key` does not count, though programs put keys there: what is done, a query, header fields."""
    credentials = base64.b64encode(f"{KEY_HEADER}:{key}".encode()).decode()
    return [
        ("as the token of Authorization: Bearer", "", {"Authorization": f"Bearer {key}"}),
        ("as the password of Authorization: Basic", "", {"Authorization": f"Basic {credentials}"}),
        ("as it is in Authorization", "", {"Authorization": key}),
        ("in a cookie", "", {"Cookie": f"{KEY_HEADER}={quote(key)}"}),
        *(
            (f"as {name} in the query, which logs keep,", f"?{name}={quote(key)}", {})
            for name in ("api_key", "apiKey", "key", "token", "access_token", KEY_HEADER)
        ),
    ]


def escaped(path: str) -> str:
    """`path` with the first letter of each segment percent-encoded: the same path (RFC 3986, 6.2.2.2)."""
    return re.sub(r"(?<=/)[A-Za-z]", lambda letter: f"%{ord(letter[0]):02X}", path)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request."""

    status: int
    fields: http.client.HTTPMessage
    body: bytes


def told_hosts(hosts: Sequence[str]) -> str:
    """Those of `WRONG_HOSTS`, for a person."""
    return " and ".join(f"Host: {each.format('HOST')}" for each in hosts) or "no Host"


def told(answer: Answer | None) -> str:
    """What became of a request: a part of a sentence."""
    return f"answered with {answer.status}" if answer else "not answered: the connection is closed"


class Exchange:
    """A connection of its own, over which some bytes are sent. Use it as a context manager."""

    def __init__(self, target: Target, data: bytes) -> None:
        """Send `data` when the context is entered, which raises Unanswered if that cannot be done."""
        self._target = target
        self._data = data
        self._connection: socket.socket
        self._incoming: _Incoming
        self._protocol: ClientProtocol | None = None
        self._unread: deque[Frame] = deque()

    @property
    def command(self) -> str:
        """A shell command that sends the same."""
        url = httpx.URL(self._target.options.url)
        is_secure = url.scheme == "https"
        port = url.port or (443 if is_secure else 80)
        program = f"openssl s_client -quiet -connect {url.host}:{port}" if is_secure else f"nc {url.host} {port}"
        # printf reads both.
        data = self._shown.replace(b"\\", b"\\\\").replace(b"%", b"%%")
        return f"printf {quoted(data)} | {program}"

    def __enter__(self) -> Self:
        self._target.steps.append(Step("raw", self._shown, None))
        try:
            self._connection = self._target.connection()
        except OSError as error:
            raise Unanswered(f"there is no connection: {error}") from None
        self._incoming = _Incoming(self._connection)
        # A server that refuses may close before it has read all; its answer tells.
        with contextlib.suppress(OSError):
            self._connection.settimeout(self._target.timeout())
            self._connection.sendall(self._data)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def answer(self, method: str = "GET") -> Answer | None:
        """The next answer, to a request of that method; None if the server closes instead. Raises Unanswered."""
        self._incoming.until = self._target.deadline()
        response = http.client.HTTPResponse(cast("Any", self._incoming), method=method)
        try:
            try:
                response.begin()
            except ConnectionError:  # http.client.RemoteDisconnected, too
                self._note("closed")
                return None
            body = response.read()
        except TimeoutError:
            self._target.timeout()
            raise Unanswered(f"nothing answers {beginning(self._shown)}") from None
        except (http.client.HTTPException, OSError, ValueError) as error:
            what = f"{type(error).__name__} {error}"
            raise Unanswered(f"the answer to {beginning(self._shown)} cannot be read: {what}") from None
        self._note(f"{response.status} {body[:400].decode(errors='replace')}")
        return Answer(response.status, response.msg, body)

    def is_told_to_go_on(self) -> bool:
        """Whether what comes next is a 100 (RFC 9110, 10.1.1), and no answer, nor the end. Raises Unanswered."""
        self._incoming.until = self._target.deadline()
        try:
            return self._incoming.peek(12)[:12].endswith(b" 100")
        except TimeoutError:
            self._target.timeout()
            raise Unanswered(f"nothing answers {beginning(self._shown)}") from None
        except OSError:
            return False

    def rest(self) -> bytes:
        """What comes behind the answers, until the server closes or is silent."""
        data = b""
        end = self._target.deadline()
        with contextlib.suppress(OSError):
            while (now := time.monotonic()) < end:
                self._incoming.until = min(now + _SILENCE, end)
                if not (more := self._incoming.read1(65536)):
                    break
                data += more
        return data

    def send(self, data: bytes) -> None:
        """Send more."""
        self._target.steps.append(Step("raw", data[:400], None))
        # A server that has closed may say so in what is still to be read.
        with contextlib.suppress(OSError):
            self._connection.settimeout(self._target.timeout())
            self._connection.sendall(data)

    def frames(self) -> Iterator[Any]:
        """What is in the text frames that come behind a 101, until the server closes. Raises TimedOut, Broken."""
        message = b""
        for frame in self.all_frames():
            if frame.opcode in (Opcode.TEXT, Opcode.CONT):
                message += frame.data
                if frame.fin:
                    yield _decoded(message)
                    message = b""

    def all_frames(self) -> Iterator[Frame]:
        """The frames that come behind a 101, control frames too, until the server closes. Raises TimedOut, Broken."""
        self._incoming.until = self._target.deadline()
        if self._protocol is None:
            self._protocol = ClientProtocol(parse_uri(self._target.ws_url), state=State.OPEN, max_size=None)
        with contextlib.suppress(ConnectionError):
            while True:
                while self._unread:
                    frame = self._unread.popleft()
                    self._note(str(frame)[:400])
                    yield frame
                if not (data := self._read()):
                    return
                self._protocol.receive_data(data)
                self._unread += [event for event in self._protocol.events_received() if isinstance(event, Frame)]

    def _read(self) -> bytes:
        try:
            return self._incoming.read1(65536)
        except TimeoutError:
            self._target.timeout()
            raise TimedOut("what the server must send did not come in time") from None

    def _note(self, received: str) -> None:
        self._target.note_answer()
        self._target.steps.append(Step("raw", None, received))

    @property
    def _shown(self) -> bytes:
        """What is sent, for a person: without the key."""
        return shown(self._target, self._data)


class _Received(io.RawIOBase):
    """What a connection receives, as a file with a deadline."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.until = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if (left := self.until - time.monotonic()) <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Incoming(io.BufferedReader):
    """What `http.client.HTTPResponse` reads from: it takes it for a socket, and closes it after one answer."""

    raw: _Received

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(_Received(connection))

    @property
    def until(self) -> float:
        """When a wait must be over, by the monotonic clock."""
        return self.raw.until

    @until.setter
    def until(self, time: float) -> None:
        self.raw.until = time

    def makefile(self, mode: str) -> Self:
        """The file of an answer."""
        del mode
        return self

    def close(self) -> None:
        """Stay open: there is more to read."""


def _decoded(message: bytes) -> Any:
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        raise Broken("the server sent a frame that is no JSON") from None


def beginning(data: bytes) -> str:
    """The beginning of `data`, for a person."""
    return repr(data[:80])[1:]


def shown(target: Target, data: bytes) -> bytes:
    """What is sent, for a person: without the key."""
    key = target.options.api_key
    if key:
        data = data.replace(_key_field(target).encode(), f"{KEY_HEADER}: KEY".encode())
    return without_key(data.decode("latin-1"), key).encode("latin-1")


def _key_field(target: Target) -> str:
    return f"{KEY_HEADER}: {target.options.api_key}"
