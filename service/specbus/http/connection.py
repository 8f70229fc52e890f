"""One HTTP connection: uvicorn's protocol class, with what it lacks.

# Theory of operation

What comes is kept in `_unread` and given to the parser in pieces, as long as at most `MAX_PIPELINED` requests wait for
those before them. While one waits, or anything is unread, the flow is held: nothing more is read from the transport,
whoever asks for it. Each answer that is complete goes on with what is unread.

The parser stops after the head of a request that asks for an upgrade:

    to WebSocket    Once all requests before it are answered, the transport goes to the WebSocket's protocol class, with
                    what has come behind the head.
    to all else     The head is parsed again without the wish, and so is what follows it: its body, and other requests
                    (RFC 9110, 7.8). uvicorn would drop the body and take what comes next for a request.

What cannot be parsed is refused when what came before it is answered, and then the connection ends.

Behind the last answer, the stream ends first, and what still comes is thrown away until the client ends its own stream,
`request_timeout` is over or `MAX_BEHIND` has come: to close with bytes unread would reset the connection, and the
client might lose the answer (RFC 9112, 9.6). Meanwhile the connection counts as one that is idle.

A client that is silent is waited for so long: `HEAD_TIMEOUT` for a head, `request_timeout` for a body, and as long for
some of an answer to be read; `keep_alive` between requests.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, TypeAlias, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from specbus.http.admission import Admission
from specbus.http.limits import HttpLimits
from specbus.timers import after_reading
from specbus.wire import problem

MAX_HEAD_BYTES = 65_536
"""How large the head of a request may be: its first line and its header fields."""
HEAD_TIMEOUT = 10.0
"""Seconds that the head of a request may take to come."""
MAX_PIPELINED = 16
"""Requests that may wait for the answers to those before them on their connection."""
MAX_BEHIND = 33_554_432
"""Bytes that are thrown away behind the last answer."""
_PIECE = 4_096
"""Bytes that are parsed before it is looked whether more requests wait than may. A body comes in such pieces too."""
_REFUSAL_TIMEOUT = 1.0
"""Seconds that a client which is one too many has to read so."""

_Timer: TypeAlias = Callable[[], asyncio.TimerHandle | None]
"""Gives a timer as it is now."""
_Problem: TypeAlias = tuple[HTTPStatus, str]
"""How a request is refused: the status, and the detail for a person."""

_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([/?].*)?", re.IGNORECASE | re.DOTALL)
"""A target in absolute form: the authority, and the rest (RFC 9112, 3.2.2)."""
_HOST = re.compile(rb"(\[[0-9A-Fa-fvV:.]+\]|([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(:[0-9]*)?")
"""RFC 9110, 7.2, and RFC 3986, 3.2.2."""


class _Flow(FlowControl):
    """Flow control that does not read while it is held, even if uvicorn would."""

    held = False

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()


class _AnswerTransport:
    """What uvicorn writes an answer to, and closes behind the last."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write, self.is_closing = transport.write, transport.is_closing
        self.close = close


class HttpConnection(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with limits; what is not HTTP gets a problem document too."""

    flow: _Flow

    def __init__(self, *args: Any, limits: HttpLimits, admission: Admission, **options: Any) -> None:
        """Take what uvicorn's class takes.

        Args:
            *args: uvicorn's.
            limits: How long this connection may take.
            admission: What it asks whether there is room for it.
            **options: uvicorn's.

        """
        super().__init__(*args, **options)
        self._limits = limits
        self._admission = admission
        self._body_timer: asyncio.TimerHandle | None = None
        """Until when a body may come."""
        self._read_timer: asyncio.TimerHandle | None = None
        """Until when the client must read something, set while it does not."""
        self._body_comes = False
        """Whether the last request has not come in full."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._between = 0
        """How many bytes came since the last head or part of a body: of the next head, or of a body's trailer."""
        self._unread = b""
        """What has come and is not yet parsed."""
        self._unanswered = 0
        """Requests that were parsed and have not been answered in full."""
        self._handshake = False
        """Whether the last request asks for a WebSocket, and waits for the answers before its own."""
        self._refusal: _Problem | None = None
        """How what could not be parsed is refused, once what came before it is answered."""
        self._over = False
        """Whether nothing of what comes is looked at any more."""
        self._ended = False
        """Whether the last answer is written, and our stream ends behind it."""
        self._behind = 0
        """How many bytes have come since."""

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Wait for the head of the first request."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        if self._admission.admit(self, self._peer):
            self._await_head()
        else:
            self._turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what is left."""
        self._unread = b""
        self._over = True
        self._admission.discard(self)
        self._stop_timers()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Have the answer wait, and the client read within the time."""
        super().pause_writing()
        if self._read_timer is None:
            self._await_reading()

    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        if self._read_timer and not self._ended and not self.transport.is_closing():
            self._read_timer.cancel()
            self._read_timer = None

    def data_received(self, data: bytes) -> None:
        """Parse what came, or keep it until more requests may wait."""
        if self._ended:
            self._behind += len(data)
            if self._behind > MAX_BEHIND:
                self.transport.abort()
            return
        self._unread = self._unread + data if self._unread else data
        self._parse()

    # What the parser calls

    def on_headers_complete(self) -> None:
        """Have a head, and the request begin."""
        self._head_came()
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refuse_head()
            raise ValueError  # so that the parser stops
        if self.parser.get_method() == b"CONNECT":
            self._refuse(HTTPStatus.NOT_IMPLEMENTED, "CONNECT is for proxies")
            raise ValueError
        if problem := self._version_problem() or self._host_problem() or self._coding_problem():
            self._refuse(*problem)
            raise ValueError
        self._take_target()
        if not self.parser.should_upgrade():
            self._body_comes = True
            self._stop_body_timer()
            asterisk = self.url == b"*"
            if asterisk:  # which uvicorn cannot parse
                self.url = b"/"
            super().on_headers_complete()
            if asterisk:
                self.scope["path"], self.scope["raw_path"] = "*", b"*"
            self.cycle.transport = cast("Any", _AnswerTransport(self.transport, self._end))
            self._unanswered += 1

    def on_body(self, body: bytes) -> None:
        """Have a part of a body."""
        self._between = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Have the end of a request."""
        if not self.parser.should_upgrade():
            self._body_comes = False
            super().on_message_complete()

    # What uvicorn calls

    def _should_upgrade(self) -> bool:
        """Whether uvicorn is to deal with the upgrade that the parser has found. It is done here."""
        return False

    def on_response_complete(self) -> None:
        """Begin the next request, and parse more."""
        self._unanswered -= 1
        if self._ended:
            return
        super().on_response_complete()
        if not self.transport.is_closing():
            self._parse()
            if self.timeout_keep_alive_task:
                self._admission.note_idle(self)

    def shutdown(self) -> None:
        """Close, if need be once the answer under way is complete."""
        if self._ended:
            self._close()
        else:
            super().shutdown()

    def _unset_keepalive_if_required(self) -> None:
        super()._unset_keepalive_if_required()
        self._admission.note_busy(self)

    def timeout_keep_alive_handler(self) -> None:
        """Close, unless the next request has come meanwhile."""
        self._unless_changed(lambda: self.timeout_keep_alive_task, self._close)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP/1.1 (RFC 9112, 2.2) and close."""
        self._refuse(HTTPStatus.BAD_REQUEST, "the request is not valid HTTP/1.1")

    # What the admission calls

    def end_idle(self) -> None:
        """Close, as no request is under way."""
        self._close()

    # Inside

    @property
    def _peer(self) -> str:
        """The client's address, for the log."""
        return "{}:{}".format(*self.client) if self.client else "?"

    def _parse(self) -> None:
        """Parse what is unread, as far as it may be."""
        if self._unread and not self._over:
            if self.timeout_keep_alive_task:  # which ends here
                self._unset_keepalive_if_required()
                self._await_head()
            self._feed()
        if self._ended or self.transport.is_closing():
            return
        self._time_body()
        if not self._unanswered and self._refusal:
            self._write_refusal(*self._refusal)
            return
        if not self._unanswered and self._handshake:
            self._open_websocket()
            return
        self.flow.held = self._over or bool(self.pipeline or self._unread)
        if self.flow.held:
            self.flow.pause_reading()
        else:
            self.flow.resume_reading()

    def _feed(self) -> None:
        """Give the parser what is unread, as long as few requests wait."""
        data, position = self._unread, 0
        while position < len(data) and len(self.pipeline) < MAX_PIPELINED and not self._over:
            piece = data[position : position + _PIECE]
            position += len(piece)
            self._between += len(piece)
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as stop:
                position -= len(piece) - stop.args[0]
                if self._asks_for_websocket():
                    self._handshake = self._over = True
                    break
                head = self._head_without_upgrade()
                self.parser = httptools.HttpRequestParser(self)
                self.parser.feed_data(head)
            except httptools.HttpParserError:
                self.send_400_response("")
            if self._between > MAX_HEAD_BYTES and not self._over:
                self._refuse_head()
        self._unread = data[position:]

    def _version_problem(self) -> _Problem | None:
        """What is wrong with the version of the head that was read last (RFC 9110, 15.6.6)."""
        version = self.parser.get_http_version()
        if version in ("1.0", "1.1"):
            return None
        return HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"HTTP/{version} is not spoken here, but HTTP/1.1"

    def _host_problem(self) -> _Problem | None:
        """What is wrong with its Host and its target (RFC 9112, 3.2)."""
        hosts = self._values(b"host")
        if len(hosts) != 1 and (hosts or self.parser.get_http_version() != "1.0"):
            return HTTPStatus.BAD_REQUEST, "a request has just one Host field"
        if found := _ABSOLUTE.fullmatch(self.url):
            hosts.append(found[1] or b" ")
        elif not self.url.startswith(b"/") and (self.url, self.parser.get_method()) != (b"*", b"OPTIONS"):
            return HTTPStatus.BAD_REQUEST, "the target of a request is a path or a URL"
        if not all(map(_HOST.fullmatch, hosts)):
            return HTTPStatus.BAD_REQUEST, "Host must be the name or address of a host, with its port or without"
        return None

    def _coding_problem(self) -> _Problem | None:
        """What is wrong with its transfer coding (RFC 9112, 6.1)."""
        codings = b",".join(self._values(b"transfer-encoding")).lower().replace(b" ", b"").replace(b"\t", b"")
        if not codings:
            return None
        if self.parser.get_http_version() == "1.0":
            return HTTPStatus.BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding"
        if codings != b"chunked":
            return HTTPStatus.NOT_IMPLEMENTED, "the only Transfer-Encoding is chunked"
        return None

    def _values(self, field: bytes) -> list[bytes]:
        """The values of `field` in the head that was read last."""
        return [value for name, value in self.headers if name == field]

    def _take_target(self) -> None:
        """Have a target in absolute form as a path, and its host for the Host (RFC 9112, 3.2.2)."""
        if found := _ABSOLUTE.fullmatch(self.url):
            host, rest = found[1], found[2] or b""
            nothing = b"*" if self.parser.get_method() == b"OPTIONS" else b"/"
            self.url = rest if rest.startswith(b"/") else b"/" + rest if rest else nothing
            # In place: the scope has this list.
            self.headers[:] = [(b"host", host), *(pair for pair in self.headers if pair[0] != b"host")]

    def _asks_for_websocket(self) -> bool:
        """Whether the upgrade asked for is to WebSocket. With HTTP/1.0 there is none (RFC 9110, 7.8)."""
        protocols = [token.strip().lower() for value in self._values(b"upgrade") for token in value.split(b",")]
        return b"websocket" in protocols and self.parser.get_http_version() == "1.1"

    def _head_without_upgrade(self) -> bytes:
        """The head that was read last, as if it asked for no upgrade."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                value = b", ".join(token for token in tokens if token.lower() != b"upgrade")
            if name != b"upgrade":
                lines.append(b"%b: %b" % (name, value))
        return b"\r\n".join([*lines, b"", b""])

    def _open_websocket(self) -> None:
        """Hand the transport over, with what has come behind the handshake."""
        behind, self._unread = self._unread, b""
        self._handshake = False
        self._admission.discard(self)
        self._stop_timers()
        self.flow.held = False
        self.flow.resume_reading()
        self.scope["method"] = self.parser.get_method().decode()
        self.handle_websocket_upgrade()
        if behind and not self.transport.is_closing():
            cast("asyncio.Protocol", self.transport.get_protocol()).data_received(behind)

    def _refuse_head(self) -> None:
        detail = f"the head of a request may have at most {MAX_HEAD_BYTES} bytes"
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer with a problem document in the place of the request that is parsed, and close."""
        if self._over:
            return
        self._over = True
        if self.pipeline and self.pipeline[0][0].more_body:
            # It is this one's body. Its turn has not come.
            self.pipeline.popleft()
            self._unanswered -= 1
        elif self.cycle and self.cycle.more_body:
            self._write_refusal(status, detail)
            return
        self._refusal = status, detail

    def _write_refusal(self, status: HTTPStatus, detail: str) -> None:
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self._close()
            return
        self.transport.write(_answer(status, detail))
        self._end()

    def _turn_away(self) -> None:
        """Refuse the connection, as there are too many. What it asks for is not looked at."""
        detail = "the service has as many connections as it may have"
        self.transport.write(_answer(HTTPStatus.SERVICE_UNAVAILABLE, detail, problem.TRY_LATER))
        if self._admission.turn_away(self):
            self._end(_REFUSAL_TIMEOUT)
        else:
            self.transport.close()

    def _end(self, timeout: float | None = None) -> None:
        """End the stream behind the last answer, and wait for the client to do the same: `request_timeout`, or less."""
        if self._ended or self.transport.is_closing():
            return
        self._over = self._ended = True
        self._unread = b""
        self._stop_timers()
        if self.cycle and not self.cycle.response_complete:  # it was refused
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write_eof()
        self.flow.held = False
        self.flow.resume_reading()
        self._admission.note_idle(self)
        self._await_reading(timeout)

    def _close(self) -> None:
        """Close once what is written has been read, or the time for that is over."""
        self.transport.close()
        self._await_reading()

    def _await_reading(self, timeout: float | None = None) -> None:
        """Abort the connection if the client does not read of its answer in time, or sends on behind the last."""
        if self._read_timer:
            self._read_timer.cancel()
        seconds = timeout or self._limits.request_timeout
        self._read_timer = self._timer(seconds, lambda: self._read_timer, self._give_up_answer)

    def _give_up_answer(self) -> None:
        if unread := self.transport.get_write_buffer_size():
            self._admission.note_unread("request_timeout", peer=self._peer, unread_bytes=unread)
        self.transport.abort()

    def _time_body(self) -> None:
        """Have a timer run while a body comes."""
        if self._body_comes and self._body_timer is None:
            seconds = self._limits.request_timeout
            self._body_timer = self._timer(seconds, lambda: self._body_timer, self._give_up_body)
        elif not self._body_comes:
            self._stop_body_timer()

    def _stop_body_timer(self) -> None:
        if self._body_timer:
            self._body_timer.cancel()
            self._body_timer = None

    def _give_up_body(self) -> None:
        """Refuse a request of which the body does not come (RFC 9110, 15.5.9)."""
        if self.pipeline or not self.cycle.response_complete:
            seconds = self._limits.request_timeout
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the body of a request must come within {seconds:g} seconds")
            self._parse()
        else:  # it is answered already
            self._close()

    def _stop_timers(self) -> None:
        # Not only for the time: a timer keeps the connection in memory until then.
        self._unset_keepalive_if_required()
        self._head_came()
        self._stop_body_timer()
        if self._read_timer:
            self._read_timer.cancel()
            self._read_timer = None

    def _await_head(self) -> None:
        self._head_timer = self._timer(HEAD_TIMEOUT, lambda: self._head_timer, self._close)

    def _timer(self, seconds: float, timer: _Timer, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Have `action` done in `seconds`, unless `timer`, where what this returns is kept, has changed by then."""
        return self.loop.call_later(seconds, lambda: self._unless_changed(timer, action))

    def _unless_changed(self, timer: _Timer, action: Callable[[], None]) -> None:
        """Do `action` unless what has come by now, or was read, has changed the `timer` that is over."""
        over = timer()

        def judge() -> None:
            if timer() is over:
                action()

        after_reading(judge)

    def _head_came(self) -> None:
        self._between = 0
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None


def _answer(status: HTTPStatus, detail: str, more: Mapping[str, str] = {}) -> bytes:
    """An answer that is a problem document and the last on its connection, with `more` fields."""
    body = problem.encode(status, detail)
    fields = {
        "date": formatdate(usegmt=True),  # which uvicorn adds to all others (RFC 9110, 6.6.1)
        "content-type": problem.MEDIA_TYPE,
        "content-length": len(body),
        "cache-control": "no-store",
        "connection": "close",
        **more,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
    return b"%b%b\r\n%b" % (STATUS_LINE[status], head, body)
