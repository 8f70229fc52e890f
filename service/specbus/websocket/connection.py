"""One WebSocket connection: the protocol class that uvicorn hands an upgraded connection to.

The handshake, control frames and closing are `websockets`' sans-I/O code. Frames are taken apart here, and fragments
put together: nearly all traffic is whole masked text frames, and an idle connection should cost little, so the sans-I/O
object is kept only while it has something to remember.
"""

import asyncio
import enum
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import msgspec
from websockets.datastructures import Headers
from websockets.exceptions import (
    HeaderLineTooLong,
    InvalidHeader,
    InvalidMethod,
    InvalidUpgrade,
    RequestLineTooLong,
    TooManyHeaders,
)
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask

from specbus.auth import keys as credentials
from specbus.bus.broker import LimitExceeded, TopicNotFound
from specbus.contract.commands import Refusal
from specbus.contract.schema import quoted
from specbus.log import event
from specbus.websocket.hub import Hub
from specbus.wire import messages as wire

_log = logging.getLogger(__name__)
_quiet = logging.getLogger("websockets.server")

_CLOSE_TIMEOUT = 5.0
"""Seconds that a peer has to complete the closing handshake."""
_MAX_FRAGMENTS = 16_384
"""Fragments that a message may have: empty ones cost time too. It is 1 MiB in pieces of 64 bytes."""
_FRAGMENTS_A_TURN = 256
"""Fragments of a message after which the other connections have their turn. No answers slow these down."""
_ANSWERS_AT_ONCE = 64
"""So many answers are sent without waiting for more."""
_PING = b"\x89\x00"

_FIN_TEXT = 0x81
_DATA_HEADS = {0x00, 0x80, 0x01, 0x81, 0x02, 0x82}
_CONTROL_HEADS = {0x88, 0x89, 0x8A}
_CLOSE_HEAD = 0x88
_PONG_HEAD = 0x8A


class _State(enum.Enum):
    """Where a connection is in its life."""

    HANDSHAKE = enum.auto()
    OPEN = enum.auto()
    CLOSING = enum.auto()


_OPEN = _State.OPEN
"""Looked at for each frame: by way of its class that takes Python 3.11 three times as long."""


class _Fragments:
    """A message of which not all fragments have come."""

    __slots__ = ("count", "data", "is_text")

    def __init__(self, is_text: bool) -> None:
        self.is_text = is_text
        self.data = bytearray()
        self.count = 0


class Connection(asyncio.Protocol):
    """A WebSocket connection. A subscriber, for the broker."""

    __slots__ = (
        "_answers",
        "_close_reason",
        "_closer",
        "_fragments",
        "_held",
        "_hub",
        "_limit_logged",
        "_need",
        "_paused",
        "_rest",
        "_sansio",
        "_state",
        "_stopping",
        "_transport",
        "connections",
        "deliver",
        "heard",
        "peer",
    )

    def __init__(self, hub: Hub, connections: set[Any]) -> None:
        """`connections` is where uvicorn keeps those that it tells of a shutdown."""
        self._hub = hub
        self.connections = connections
        self._state = _State.HANDSHAKE
        self._sansio: ServerProtocol | None = None
        self._rest: bytearray | None = None
        """The beginning of a frame that has not come whole, or frames that must wait."""
        self._need = 0
        """How many bytes of `_rest` it takes to get on."""
        self._held = False
        """Whether commands wait in `_rest` because the peer does not read the answers."""
        self._answers: list[bytes] = []
        """To commands that came together, and to be sent together: a write costs more than all else of a command."""
        self._fragments: _Fragments | None = None
        """The message that comes in fragments; None between messages."""
        self._paused = False
        self._stopping = False
        self._limit_logged = False
        """Whether the log has it that the peer wanted more than a connection may have."""
        self._close_reason = ""
        self._closer: asyncio.TimerHandle | None = None
        self.heard = True
        """Whether something came from the peer, or went to it, since it was last pinged."""

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection whose first request is an upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self.deliver = self._checked_write if self._hub.debug else self._transport.write
        address = transport.get_extra_info("peername")
        self.peer = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "?"
        """The peer's address, for the log."""
        self.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        self.heard = True
        if self._rest is not None:
            self._rest += data
            if self._held or len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest = None
        if self._state is _OPEN:
            self._read(data)
            self._send_answers()
        elif self._state is _State.CLOSING:
            self._feed(data)
        else:
            self._handshake(data)

    def pause_writing(self) -> None:
        """Have the broker queue: the peer does not read as fast as we write."""
        self._paused = True
        self._hub.broker.pause(self)

    def resume_writing(self) -> None:
        """Send what waited, and get on with the commands that were held."""
        self._paused = False
        self.heard = True
        self._hub.broker.resume(self)
        if self._held and not self._paused and not self._stopping:
            self._held = False
            data, self._rest = bytes(self._rest or b""), None
            self._transport.resume_reading()
            self._read(data)
            self._send_answers()
        if self._stopping:
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.connections.discard(self)
        if self._closer:
            self._closer.cancel()
        if self in self._hub.connections:
            self._hub.left(self)
            reason = self._close_reason or (f"connection lost ({exc})" if exc else "connection lost")
            event(_log, logging.INFO, "connection closed", peer=self.peer, reason=reason)

    def eof_received(self) -> None:
        """Let the transport close: a peer that will send no more cannot take part in a WebSocket."""

    # What uvicorn and the hub call

    def shutdown(self) -> None:
        """Close with 1001 once what waits for the peer is sent; within the deadline in any case."""
        if self._state is _State.HANDSHAKE:
            self._transport.close()
            return
        if not self._stopping:
            self._stopping = True
            self._hub.broker.flush()
            self._abort_after(self._hub.shutdown_deadline)
        if self._state is _State.OPEN and not self._hub.broker.waiting(self):
            self.close(CloseCode.GOING_AWAY, "the service is stopping")

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake (RFC 6455, 7.1.2)."""
        if self._state is _State.OPEN:
            sansio = self._sans_io()
            sansio.send_close(code, reason)
            self._close_reason = f"{code} {reason}"
            self._write_out(sansio)

    def ping(self) -> None:
        """Send a ping (RFC 6455, 5.5.2); an answer, or anything else, sets `heard`."""
        if self._state is _State.OPEN:
            self.heard = False
            self._transport.write(_PING)

    def give_up(self) -> None:
        """Close a connection whose peer is silent."""
        self.close(CloseCode.INTERNAL_ERROR, "no answer to a ping in time")

    def send_heartbeat(self, frame: bytes) -> None:
        """Send an `info` frame, unless the peer has more to read than it reads."""
        if not self._paused and self._state is _State.OPEN:
            self.send(frame)

    # What the commands and the broker call

    def send(self, frame: bytes) -> None:
        """Send `frame`, from `specbus.wire.messages`, after the answers given before."""
        self._send_answers()
        self.deliver(frame)

    def answer(self, frame: bytes) -> None:
        """Send `frame`, from `specbus.wire.messages`, with the answers to what came with its command."""
        self._answers.append(frame)
        if len(self._answers) == _ANSWERS_AT_ONCE:
            self._send_answers()

    def _send_answers(self) -> None:
        if answers := self._answers:
            self._answers = []
            self.deliver(answers[0] if len(answers) == 1 else b"".join(answers))

    def notify_dropped(self, topic: str, count: int) -> None:
        """Tell the peer that it was too slow."""
        event(_log, logging.WARNING, "slow consumer", peer=self.peer, topic=topic, dropped=count)
        self.send(self._slow_consumer(topic, count))

    def overflow(self, lost: Sequence[tuple[str, int]]) -> None:
        """Tell the peer that it was too slow, and close."""
        for topic, count in lost:
            event(_log, logging.WARNING, "slow consumer disconnected", peer=self.peer, topic=topic, dropped=count)
            self.send(self._slow_consumer(topic, count))
        self.close(CloseCode.TRY_AGAIN_LATER, "slow consumer")

    @staticmethod
    def _slow_consumer(topic: str, count: int) -> bytes:
        messages = "1 message" if count == 1 else f"{count} messages"
        were = "was" if count == 1 else "were"
        text = (
            f"{messages} of topic {quoted(topic, 128)} {were} dropped because this connection did not read fast enough"
        )
        return wire.error("SLOW_CONSUMER", text, topic=topic, dropped=count)

    # Handshake

    def _handshake(self, data: bytes) -> None:
        sansio = ServerProtocol(max_size=self._hub.max_frame_bytes, logger=_quiet)
        sansio.receive_data(data)
        if sansio.handshake_exc is None:
            # One request, and all of it: uvicorn has read it before.
            request = cast("Request", sansio.events_received()[0])
            response = self._refusal(request) or sansio.accept(request)
        if sansio.handshake_exc is not None:
            response = _broken_handshake(sansio.handshake_exc)
        self._transport.write(response.serialize())
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._transport.close()
            return
        self._state = _State.OPEN
        self._hub.joined(self)
        event(_log, logging.INFO, "connection opened", peer=self.peer)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a handshake that is refused for a reason of ours, not of RFC 6455's."""
        hub = self._hub
        path = request.path.partition("?")[0]
        if path != hub.contract.address:
            return _problem(
                HTTPStatus.NOT_FOUND,
                f"there is no WebSocket at {quoted(path)}; it is at {hub.contract.address}",
            )
        if not credentials.accepts(hub.api_key, request.headers.get_all("X-API-Key")):
            return _problem(HTTPStatus.UNAUTHORIZED, credentials.REFUSAL, credentials.CHALLENGE)
        if len(hub.connections) >= hub.max_connections:
            hub.limit_reached(limit="max_connections", peer=self.peer)
            return _problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the service may have at most {hub.max_connections} connections",
            )
        return None

    # Frames (RFC 6455, 5.2)

    def _read(self, data: bytes) -> None:
        """Carry out the whole frames in `data`, and keep the rest."""
        position, size, limit = 0, len(data), self._hub.max_frame_bytes
        while self._state is _OPEN:
            start = position + 2
            if size < start:
                self._keep(data, position, 2)
                return
            head, second = data[position], data[position + 1]
            length = second & 0x7F
            if length >= 126:
                start += 2 if length == 126 else 8
                if size < start:
                    self._keep(data, position, start - position)
                    return
                # Most frames are of medium length, which needs no slice.
                two = data[position + 2] << 8 | data[position + 3]
                length = two if length == 126 else int.from_bytes(data[position + 2 : start])
            if second < 0x80 or length > limit or (head != _FIN_TEXT and not _is_usual(head, length)):
                self._refuse_header(head, second, length)
                return
            end = start + 4 + length
            if size < end:
                self._keep(data, position, end - position)
                return
            if self._paused and head != _PONG_HEAD and head != _CLOSE_HEAD:
                # Every command has an answer, and the peer does not read those it has.
                self._keep(data, position, 0)
                self._held = True
                self._transport.pause_reading()
                return
            if head == _FIN_TEXT and self._fragments is None:
                self._carry_out(apply_mask(data[start + 4 : end], data[start : start + 4]))
            elif head in _DATA_HEADS:
                payload = apply_mask(data[start + 4 : end], data[start : start + 4])
                self._frame(Frame(Opcode(head & 0x0F), payload, fin=head >= 0x80))
            elif head != _PONG_HEAD:
                self._feed(data[position:end])
            position = end
            if position == size:
                return
        self._feed(data[position:])

    def _keep(self, data: bytes, position: int, need: int) -> None:
        if position < len(data):
            self._rest = bytearray(data[position:] if position else data)
            self._need = need

    def _feed(self, data: bytes) -> None:
        """Have the sans-I/O code read `data`: a control frame while the connection is open, then all that comes."""
        sansio = self._sans_io()
        sansio.receive_data(data)
        # It has answered them. But it would keep them.
        sansio.events_received()
        self._write_out(sansio)

    def _refuse_header(self, head: int, second: int, length: int) -> None:
        """Fail the connection because of the header of a frame, whose payload need not have come."""
        if not second & 0x80:
            self._fail(CloseCode.PROTOCOL_ERROR, "a client's frames must be masked")
        elif head & 0x70:
            self._fail(CloseCode.PROTOCOL_ERROR, "the reserved bits must be 0")
        elif head in _DATA_HEADS:
            limit = self._hub.max_frame_bytes
            self._fail(CloseCode.MESSAGE_TOO_BIG, f"a frame of {length} bytes is over the limit of {limit}")
        elif head | 0x80 in _CONTROL_HEADS:
            self._fail(CloseCode.PROTOCOL_ERROR, "a control frame must be whole and have at most 125 bytes")
        else:
            self._fail(CloseCode.PROTOCOL_ERROR, "the opcode is reserved")

    def _frame(self, frame: Frame) -> None:
        """Deal with a data frame that is not a whole text message (RFC 6455, 5.4)."""
        fragments = self._fragments
        if (frame.opcode is Opcode.CONT) is (fragments is None):
            expected = "no message has begun" if fragments is None else "the message before has not ended"
            self._fail(CloseCode.PROTOCOL_ERROR, expected)
            return
        if fragments is None:
            fragments = self._fragments = _Fragments(frame.opcode is Opcode.TEXT)
            if not fragments.is_text:
                # What follows of it is swallowed: one message, one error.
                self._refuse("the frame is binary; send JSON in text frames")
        fragments.data += frame.data
        fragments.count += 1
        if len(fragments.data) > self._hub.max_frame_bytes or fragments.count > _MAX_FRAGMENTS:
            limits = f"{self._hub.max_frame_bytes} bytes and {_MAX_FRAGMENTS} fragments"
            self._fail(CloseCode.MESSAGE_TOO_BIG, f"a message may have at most {limits}")
        elif frame.fin:
            self._fragments = None
            if fragments.is_text:
                self._carry_out(bytes(fragments.data))
        elif fragments.count % _FRAGMENTS_A_TURN == 0:
            # The event loop would read on as long as there is something to read.
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        """Read again after a turn of the others."""
        if not self._held and not self._transport.is_closing():
            self._transport.resume_reading()

    def _fail(self, code: CloseCode, reason: str) -> None:
        """Fail the connection (RFC 6455, 7.1.7)."""
        sansio = self._sans_io()
        sansio.fail(code, reason)
        self._write_out(sansio)

    def _sans_io(self) -> ServerProtocol:
        if self._sansio is None:
            self._sansio = ServerProtocol(state=OPEN, max_size=self._hub.max_frame_bytes, logger=_quiet)
        return self._sansio

    def _write_out(self, sansio: ServerProtocol) -> None:
        """Send what the sans-I/O code wants sent, and follow its state."""
        self._send_answers()
        for chunk in sansio.data_to_send():
            if chunk:
                self._transport.write(chunk)
            elif not self._transport.is_closing():
                # End of stream, not close: to close with bytes unread would reset the connection and lose our frame.
                self._transport.write_eof()
        if sansio.state is not OPEN:
            if self._state is _State.OPEN:
                self._state = _State.CLOSING
                if self._fragments is not None:
                    # Else the next fragment would be an error, and the close frame missed.
                    sansio.current_size = len(self._fragments.data)
                    self._fragments = None
                rest, self._rest = self._rest, None
                if rest:
                    # Else what comes next would be read from the middle of a frame, and the close frame missed.
                    sansio.receive_data(bytes(rest))
                if self._held:
                    self._held = False
                    self._transport.resume_reading()
                self._hub.broker.leave(self)
                if not self._close_reason:
                    self._close_reason = _reason(sansio)
                if not self._stopping:
                    self._abort_after(_CLOSE_TIMEOUT)
            if sansio.close_rcvd is not None and sansio.close_sent is not None:
                self._transport.close()
        else:
            self._sansio = None

    def _abort_after(self, seconds: float) -> None:
        """Abort the connection after `seconds`, if that is not to happen sooner already."""
        loop = asyncio.get_running_loop()
        if self._closer is not None:
            if self._closer.when() <= loop.time() + seconds:
                return
            self._closer.cancel()
        self._closer = loop.call_later(seconds, self._transport.abort)

    # Commands

    def _carry_out(self, text: bytes) -> None:
        """Do what the text message `text` asks for, and answer."""
        request_id = None
        try:
            command, frame = self._hub.contract.dispatch(text)
            request_id = frame.get("request_id")
            command(self, frame)
        except Refusal as refusal:
            self._refuse(str(refusal), refusal.request_id)
        except TopicNotFound as missing:
            text_ = f"there is no topic {quoted(str(missing), 128)}"
            self.answer(wire.error("TOPIC_NOT_FOUND", text_, request_id=request_id))
        except LimitExceeded as limit:
            if not self._limit_logged:
                self._limit_logged = True
                event(_log, logging.WARNING, "limit reached", limit="max_subscriptions", peer=self.peer)
            self.answer(wire.error("LIMIT_EXCEEDED", str(limit), request_id=request_id))
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "a text frame must be UTF-8")
        except Exception:
            _log.exception("a command failed")
            self.answer(wire.error("INTERNAL", "the service failed; its log says why", request_id=request_id))

    def _refuse(self, problem: str, request_id: str | None = None) -> None:
        self.answer(wire.error("BAD_REQUEST", problem, request_id=request_id))

    def _checked_write(self, data: bytes) -> None:
        """Write, and log where a frame breaks the contract."""
        for payload in wire.payloads(data):
            if problems := self._hub.contract.problems_of_sent(payload):
                shown = payload[:200].decode(errors="replace")
                event(_log, logging.ERROR, "contract violation", frame=shown, problem="; ".join(problems))
        self._transport.write(data)


def _is_usual(head: int, length: int) -> bool:
    """Whether a frame may begin with the byte `head` and be of that length."""
    return head in _DATA_HEADS or (head in _CONTROL_HEADS and length <= 125)


def _reason(sansio: ServerProtocol) -> str:
    """Why a connection closes, for the log."""
    received, sent = sansio.close_rcvd, sansio.close_sent
    if received is not None:
        return f"by the client, {received.code} {received.reason}".rstrip()
    return f"{sent.code} {sent.reason}" if sent is not None else "connection lost"


def _broken_handshake(error: Exception) -> Response:
    """The answer to a handshake that is not as RFC 6455, 4.2.1, and RFC 9112 have it."""
    match error:
        case RequestLineTooLong():
            return _problem(
                HTTPStatus.REQUEST_URI_TOO_LONG, f"the request line may have at most {MAX_LINE_LENGTH} bytes"
            )
        case HeaderLineTooLong() | TooManyHeaders():
            return _problem(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"a handshake may have at most {MAX_NUM_HEADERS} header lines, of {MAX_LINE_LENGTH} bytes each",
            )
        case InvalidMethod():
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "the method of a handshake is GET", {"Allow": "GET"})
        case InvalidUpgrade():
            detail = "a handshake upgrades to websocket and nothing else"
            return _problem(HTTPStatus.UPGRADE_REQUIRED, detail, {"Upgrade": "websocket"})
        case InvalidHeader():
            detail = f"{error.name} is missing or wrong"
            return _problem(HTTPStatus.BAD_REQUEST, detail, {"Sec-WebSocket-Version": "13"})
        case _:
            return _problem(HTTPStatus.BAD_REQUEST, "the request is no handshake, which is HTTP/1.1 and has no body")


def _problem(status: HTTPStatus, detail: str, more: Mapping[str, str] = {}) -> Response:
    """A refused handshake, with a problem document (RFC 9457) and `more` headers."""
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    body = msgspec.json.encode(document)
    headers = Headers(
        {
            "Connection": "close",
            "Content-Type": "application/problem+json",
            "Content-Length": str(len(body)),
            **more,
        }
    )
    return Response(status.value, status.phrase, headers, body)
