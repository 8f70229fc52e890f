"""Defects of WebSocket's own handshake and frames (RFC 6455).

asyncapi.yaml, "Bad input": "The connection is closed only when the WebSocket protocol itself is broken (1002, 1007)".
"""

import struct
from http import HTTPStatus
from typing import Any

from websockets.frames import CloseCode, Frame, Opcode

from specbus.websocket import connection, handshake, session
from specbus.websocket.connection import Connection
from specbus.websocket.session import Session
from specbus.wire import messages, websocket
from specbus.wire.websocket import OUTPUT, FrameReader
from tests.mutants.registry import Patch, mutant, wrap


def edit_read(patch: Patch, edit: Any) -> None:
    """Have `edit` change what is read, where it begins with a frame."""

    def read(original: Any, self: FrameReader, data: bytes, handler: Any) -> None:
        original(self, edit(data) if self._rest is None else data, handler)

    wrap(patch, FrameReader, "read", read)


def edit_sent(patch: Patch, edit: Any) -> None:
    """Have `edit` make the frames of what is sent, but for events that are handed on together."""
    patch.setattr(session, "text_frame", edit)


def edit_request(patch: Patch, edit: Any) -> None:
    """Have `edit` change the heads of handshakes before they are judged."""
    wrap(patch, handshake, "respond", lambda original, data, check: original(edit(data), check))


def edit_response(patch: Patch, edit: Any) -> None:
    """Have `edit` change the answers to handshakes; it gets the request too."""

    def respond(original: Any, data: bytes, check: Any) -> Any:
        response = original(data, check)
        edit(data.lower(), response)
        return response

    wrap(patch, handshake, "respond", respond)


def masked(head: int, payload: bytes) -> bytes:
    return bytes([head, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


# What comes


@mutant("websocket", "a ping between the fragments of a message ends it (RFC 6455, 5.4)")
def ping_between_fragments_breaks(patch: Patch) -> None:
    def receive(original: Any, self: FrameReader, data: bytes) -> None:
        self._fragments = None
        original(self, data)

    wrap(patch, FrameReader, "_receive", receive)


@mutant("websocket", "a ping between the fragments of a message is answered after its end (RFC 6455, 5.4)")
def ping_between_fragments_waits(patch: Patch) -> None:
    held: dict[FrameReader, list[bytes]] = {}

    def receive(original: Any, self: FrameReader, data: bytes) -> None:
        if self._fragments is not None and data[0] == 0x89:
            held.setdefault(self, []).append(data)
        else:
            original(self, data)

    def data_frame(original: Any, self: FrameReader, frame: Frame, handler: Any) -> None:
        original(self, frame, handler)
        if frame.fin:
            for data in held.pop(self, []):
                self._receive(data)
                handler.hear(OUTPUT)

    wrap(patch, FrameReader, "_receive", receive)
    wrap(patch, FrameReader, "_data_frame", data_frame)


@mutant("websocket", "a frame whose first byte comes alone is lost")
def lone_first_byte_lost(patch: Patch) -> None:
    def keep(original: Any, self: FrameReader, data: bytes, position: int, need: int) -> None:
        if not (need == 2 and len(data) - position == 1):
            original(self, data, position, need)

    wrap(patch, FrameReader, "_keep", keep)


@mutant("websocket", "a frame whose head comes in two pieces breaks the connection")
def head_in_two_pieces_breaks(patch: Patch) -> None:
    def keep(original: Any, self: FrameReader, data: bytes, position: int, need: int) -> None:
        if need in (4, 10) and 0 < len(data) - position < need:
            self.fail(CloseCode.PROTOCOL_ERROR, "a frame's head is incomplete")
        else:
            original(self, data, position, need)

    wrap(patch, FrameReader, "_keep", keep)


@mutant("websocket", "frames that are not masked are taken (RFC 6455, 5.1)")
def unmasked_frames_taken(patch: Patch) -> None:
    def edit(data: bytes) -> bytes:
        if len(data) >= 2 and data[1] < 126 and len(data) == 2 + data[1]:
            return masked(data[0], data[2:])
        return data

    edit_read(patch, edit)


@mutant("websocket", "a reserved bit is ignored (RFC 6455, 5.2)")
def reserved_bit_ignored(patch: Patch) -> None:
    edit_read(patch, lambda data: bytes([data[0] & ~0x10]) + data[1:])


@mutant("websocket", "RSV1, which compression would use, is ignored (RFC 6455, 5.2)")
def rsv1_ignored(patch: Patch) -> None:
    edit_read(patch, lambda data: bytes([data[0] & ~0x40]) + data[1:])


@mutant("websocket", "frames with a reserved data opcode are ignored (RFC 6455, 5.2)")
def reserved_data_opcode_ignored(patch: Patch) -> None:
    edit_read(patch, lambda data: masked(0x8A, b"") if data[0] & 0x0F in range(3, 8) else data)


@mutant("websocket", "frames with a reserved control opcode are ignored (RFC 6455, 5.2)")
def reserved_control_opcode_ignored(patch: Patch) -> None:
    edit_read(patch, lambda data: masked(0x8A, b"") if data[0] & 0x0F in range(11, 16) else data)


@mutant("websocket", "a control frame may have more than 125 bytes (RFC 6455, 5.5)")
def long_control_frames_taken(patch: Patch) -> None:
    def edit(data: bytes) -> bytes:
        if data[0] in (0x89, 0x8A) and data[1] == 0xFE and len(data) >= 8 + int.from_bytes(data[2:4]):
            return masked(data[0], b"") + data[8 + int.from_bytes(data[2:4]) :]
        return data

    edit_read(patch, edit)


@mutant("websocket", "a control frame may be a fragment (RFC 6455, 5.5)")
def fragmented_control_frames_taken(patch: Patch) -> None:
    edit_read(patch, lambda data: bytes([data[0] | 0x80]) + data[1:] if data[0] in (0x08, 0x09, 0x0A) else data)


@mutant("websocket", "a continuation without a beginning is a message (RFC 6455, 5.4)")
def lone_continuation_taken(patch: Patch) -> None:
    def data_frame(original: Any, self: FrameReader, frame: Frame, handler: Any) -> None:
        if frame.opcode is Opcode.CONT and self._fragments is None:
            frame = Frame(Opcode.TEXT, frame.data, fin=frame.fin)
        original(self, frame, handler)

    wrap(patch, FrameReader, "_data_frame", data_frame)


@mutant("websocket", "a message that begins before the one before it has ended takes its place (RFC 6455, 5.4)")
def interleaved_message_taken(patch: Patch) -> None:
    def data_frame(original: Any, self: FrameReader, frame: Frame, handler: Any) -> None:
        if frame.opcode is not Opcode.CONT:
            self._fragments = None
        original(self, frame, handler)

    wrap(patch, FrameReader, "_data_frame", data_frame)


@mutant("websocket", "an empty fragment at the end does not end a message (RFC 6455, 5.4)")
def empty_last_fragment_ignored(patch: Patch) -> None:
    def data_frame(original: Any, self: FrameReader, frame: Frame, handler: Any) -> None:
        if frame.data or frame.opcode is not Opcode.CONT:
            original(self, frame, handler)

    wrap(patch, FrameReader, "_data_frame", data_frame)


@mutant("websocket", "each fragment must be UTF-8 by itself (RFC 6455, 5.6)")
def fragment_must_be_utf8(patch: Patch) -> None:
    def data_frame(original: Any, self: FrameReader, frame: Frame, handler: Any) -> None:
        try:
            bytes(frame.data).decode()
        except UnicodeDecodeError:
            self.fail(CloseCode.INVALID_DATA, "a text frame must be UTF-8")
            handler.hear(OUTPUT)
        else:
            original(self, frame, handler)

    wrap(patch, FrameReader, "_data_frame", data_frame)


@mutant("websocket", "a fragmented binary message is taken for text (RFC 6455, 5.4)")
def fragmented_binary_is_text(patch: Patch) -> None:
    def data_frame(original: Any, self: FrameReader, frame: Frame, handler: Any) -> None:
        opcode = Opcode.TEXT if frame.opcode is Opcode.BINARY else frame.opcode
        original(self, Frame(opcode, frame.data, fin=frame.fin), handler)

    wrap(patch, FrameReader, "_data_frame", data_frame)


@mutant("websocket", "bytes that are no UTF-8 are replaced in text (RFC 6455, 8.1)")
def invalid_utf8_replaced(patch: Patch) -> None:
    wrap(
        patch,
        Session,
        "receive",
        lambda original, self, text: original(self, text.decode(errors="replace").encode()),
    )


@mutant("websocket", "text that is no UTF-8 is answered with BAD_REQUEST (RFC 6455, 8.1)")
def invalid_utf8_is_bad_request(patch: Patch) -> None:
    def fail(original: Any, self: Connection, code: CloseCode, reason: str) -> None:
        if code == CloseCode.INVALID_DATA:
            self.answer(messages.error("BAD_REQUEST", reason))
        else:
            original(self, code, reason)

    wrap(patch, Connection, "fail", fail)


@mutant("websocket", "surrogates in UTF-8 are taken (RFC 3629, 3)")
def surrogates_in_utf8_taken(patch: Patch) -> None:
    wrap(
        patch,
        Session,
        "receive",
        lambda original, self, text: original(self, text.replace(b"\xed\xa0\x80", b"\xef\xbf\xbd")),
    )


@mutant("websocket", "an empty text frame is ignored")
def empty_frame_ignored(patch: Patch) -> None:
    wrap(patch, Session, "receive", lambda original, self, text: original(self, text) if text else None)


@mutant("websocket", "a masking key of zeros is refused")
def zero_mask_refused(patch: Patch) -> None:
    def read(original: Any, self: FrameReader, data: bytes, handler: Any) -> None:
        if self._rest is None and len(data) > 6 and data[1] & 0x7F < 126 and data[2:6] == b"\0\0\0\0":
            self.fail(CloseCode.PROTOCOL_ERROR, "a client's frames must be masked")
            handler.hear(OUTPUT)
            return
        original(self, data, handler)

    wrap(patch, FrameReader, "read", read)


@mutant("websocket", "of a close frame with one byte the code is 0 (RFC 6455, 5.5.1)")
def close_of_one_byte_taken(patch: Patch) -> None:
    edit_read(patch, lambda data: masked(0x88, b"") if data[:2] == b"\x88\x81" else data)


def take_close(patch: Patch, wrong: Any) -> None:
    """Have a close be answered with 1000 as if it were right, where `wrong` says so of its payload."""

    def receive(original: Any, self: FrameReader, data: bytes) -> None:
        payload = bytes(byte ^ data[2 + index % 4] for index, byte in enumerate(data[6:]))
        if data[0] == 0x88 and len(payload) >= 2 and wrong(int.from_bytes(payload[:2]), payload[2:]):
            data = masked(0x88, b"\x03\xe8")
        original(self, data)

    wrap(patch, FrameReader, "_receive", receive)


@mutant("websocket", "a close with a code below 1000 is taken (RFC 6455, 7.4.2)")
def close_code_below_1000_taken(patch: Patch) -> None:
    take_close(patch, lambda code, reason: code < 1000)


@mutant("websocket", "a close with 1005, 1006 or 1015 is taken (RFC 6455, 7.4.1)")
def close_code_never_sent_taken(patch: Patch) -> None:
    take_close(patch, lambda code, reason: code in (1005, 1006, 1015))


@mutant("websocket", "a close with a code above 4999 is taken (RFC 6455, 7.4.2)")
def close_code_above_4999_taken(patch: Patch) -> None:
    take_close(patch, lambda code, reason: code > 4999)


@mutant("websocket", "a close whose reason is no UTF-8 is taken (RFC 6455, 5.5.1)")
def close_reason_of_any_bytes_taken(patch: Patch) -> None:
    take_close(patch, lambda code, reason: reason.decode(errors="replace").encode() != reason)


@mutant("websocket", "who breaks the protocol is cut off without a close frame (RFC 6455, 7.1.7)")
def failed_without_close_frame(patch: Patch) -> None:
    def write_out(original: Any, self: Connection) -> None:
        if self._reader._sansio and self._reader._sansio.close_rcvd is None and self._reader._sansio.close_sent:
            self._transport.abort()
        original(self)

    wrap(patch, Connection, "_write_out", write_out)


@mutant("websocket", "who breaks the protocol is closed with 1008")
def failed_with_1008(patch: Patch) -> None:
    def fail(original: Any, self: FrameReader, code: CloseCode, reason: str) -> None:
        original(self, CloseCode.POLICY_VIOLATION if code == CloseCode.PROTOCOL_ERROR else code, reason)

    wrap(patch, FrameReader, "fail", fail)


# What is sent


@mutant("websocket", "what is said is sent as binary (asyncapi.yaml: JSON text frames)")
def answers_are_binary(patch: Patch) -> None:
    edit_sent(patch, lambda payload: b"\x82" + websocket.text_frame(payload)[1:])


@mutant("websocket", "a text of less than 126 bytes has a length of 16 bits (RFC 6455, 5.2)")
def short_frame_with_long_length(patch: Patch) -> None:
    edit_sent(
        patch,
        lambda payload: (
            struct.pack(">BBH", 0x81, 126, len(payload)) + payload
            if len(payload) < 126
            else websocket.text_frame(payload)
        ),
    )


@mutant("websocket", "a text of 126 bytes or more has a length of 64 bits (RFC 6455, 5.2)")
def medium_frame_with_64_bits(patch: Patch) -> None:
    edit_sent(
        patch,
        lambda payload: (
            struct.pack(">BBQ", 0x81, 127, len(payload)) + payload
            if len(payload) > 125
            else websocket.text_frame(payload)
        ),
    )


@mutant("websocket", "an event of just 65535 bytes has a length of 64 bits (RFC 6455, 5.2)")
def frame_of_65535_with_64_bits(patch: Patch) -> None:
    edit_sent(
        patch,
        lambda payload: (
            struct.pack(">BBQ", 0x81, 127, len(payload)) + payload
            if len(payload) == 65_535
            else websocket.text_frame(payload)
        ),
    )


@mutant("websocket", "what is sent is masked (RFC 6455, 5.1)")
def sent_frames_masked(patch: Patch) -> None:
    edit_sent(
        patch,
        lambda payload: masked(0x81, payload) if len(payload) < 126 else websocket.text_frame(payload),
    )


@mutant("websocket", "the service's pings are masked (RFC 6455, 5.1)", ping_interval=1)
def sent_pings_masked(patch: Patch) -> None:
    patch.setattr(connection, "PING", b"\x89\x80\0\0\0\0")


@mutant("websocket", "the service's pings are fragments (RFC 6455, 5.5)", ping_interval=1)
def sent_pings_fragmented(patch: Patch) -> None:
    patch.setattr(connection, "PING", b"\x09\x00")


@mutant("websocket", "what is sent has RSV1 set, without an extension (RFC 6455, 5.2)")
def sent_frames_with_rsv1(patch: Patch) -> None:
    edit_sent(patch, lambda payload: b"\xc1" + websocket.text_frame(payload)[1:])


@mutant("websocket", "several answers are sent in one frame, a line each (asyncapi.yaml: a frame each)")
def answers_joined_in_a_frame(patch: Patch) -> None:
    def send_answers(original: Any, self: Session) -> None:
        if self._answers and len(self._answers) > 1:
            texts = [payload for frame in self._answers for payload in websocket.payloads(frame)]
            self._answers[:] = [websocket.text_frame(b"\n".join(texts))]
        original(self)

    wrap(patch, Session, "send_answers", send_answers)


# The opening handshake (RFC 6455, 4.2)


@mutant("websocket", "Upgrade: WebSocket is refused, as it is not in lower case (RFC 6455, 4.2.1)")
def upgrade_case_sensitive(patch: Patch) -> None:
    edit_request(
        patch, lambda data: data if b"upgrade: websocket\r\n" in data else data.replace(b"upgrade: ", b"x-upgrade: ")
    )


@mutant("websocket", "Connection: keep-alive, Upgrade is refused (RFC 6455, 4.2.1)")
def connection_list_refused(patch: Patch) -> None:
    edit_request(
        patch,
        lambda data: data.replace(b"connection: ", b"x-connection: ") if b"keep-alive, " in data.lower() else data,
    )


@mutant("websocket", "a handshake of version 12 is taken (RFC 6455, 4.2.1)")
def version_12_taken(patch: Patch) -> None:
    edit_request(patch, lambda data: data.replace(b"sec-websocket-version: 12\r\n", b"sec-websocket-version: 13\r\n"))


@mutant("websocket", "a handshake of another version is not told which one is spoken (RFC 6455, 4.2.2)")
def version_not_told(patch: Patch) -> None:
    edit_response(patch, lambda data, response: response.headers.pop("Sec-WebSocket-Version", None))


@mutant("websocket", "a handshake without a Sec-WebSocket-Key is taken (RFC 6455, 4.2.1)")
def handshake_without_websocket_key(patch: Patch) -> None:
    edit_request(
        patch,
        lambda data: (
            data if b"sec-websocket-key" in data else data[:-2] + b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ),
    )


@mutant("websocket", "a Sec-WebSocket-Key of any length is taken (RFC 6455, 4.2.1)")
def websocket_key_of_any_length(patch: Patch) -> None:
    def edit(data: bytes) -> bytes:
        head, found, tail = data.partition(b"sec-websocket-key: ")
        value, _, rest = tail.partition(b"\r\n")
        right = b"AAAAAAAAAAAAAAAAAAAAAA=="
        return head + found + (value if len(value) == 24 else right) + b"\r\n" + rest if found else data

    edit_request(patch, edit)


@mutant("websocket", "the handshake agrees to a subprotocol that the service does not speak (RFC 6455, 4.2.2)")
def subprotocol_agreed_to(patch: Patch) -> None:
    def edit(data: bytes, response: Any) -> None:
        _, found, tail = data.partition(b"sec-websocket-protocol: ")
        if found and response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            response.headers["Sec-WebSocket-Protocol"] = tail.split(b"\r\n")[0].split(b",")[0].decode()

    edit_response(patch, edit)


@mutant("websocket", "a handshake that asks for subprotocols is refused (RFC 6455, 4.2.2: none is agreed to)")
def subprotocol_refused(patch: Patch) -> None:
    edit_request(
        patch, lambda data: data.replace(b"sec-websocket-key", b"x-key") if b"sec-websocket-protocol" in data else data
    )


@mutant("websocket", "the handshake agrees to compression, which the service does not have (RFC 6455, 9.1)")
def compression_agreed_to(patch: Patch) -> None:
    def edit(data: bytes, response: Any) -> None:
        if b"permessage-deflate" in data and response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            response.headers["Sec-WebSocket-Extensions"] = "permessage-deflate"

    edit_response(patch, edit)


@mutant("websocket", "the handshake has an extension that was not offered (RFC 6455, 9.1)")
def extension_not_offered(patch: Patch) -> None:
    def edit(data: bytes, response: Any) -> None:
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            response.headers["Sec-WebSocket-Extensions"] = "x-specbus-batch"

    edit_response(patch, edit)


@mutant("websocket", "a handshake with a query is refused")
def handshake_with_query_refused(patch: Patch) -> None:
    edit_request(patch, lambda data: data.replace(b"/ws?", b"/ws/?"))


@mutant("websocket", "a refused handshake has no body that says why (RFC 9457)")
def refused_handshake_without_problem(patch: Patch) -> None:
    def edit(data: bytes, response: Any) -> None:
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            response.body = b""
            del response.headers["Content-Length"]
            response.headers["Content-Length"] = "0"

    edit_response(patch, edit)


@mutant("websocket", "a refused handshake's problem document is called application/json (RFC 9457, 3)")
def refused_handshake_is_json(patch: Patch) -> None:
    def edit(data: bytes, response: Any) -> None:
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            del response.headers["Content-Type"]
            response.headers["Content-Type"] = "application/json"

    edit_response(patch, edit)
