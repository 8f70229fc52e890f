"""Defects of the WebSocket side: handshakes and frames."""

import json
import math
import re
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

from websockets.speedups import apply_mask

from specbus.bus.operations import Operations
from specbus.contract.commands import Refusal, WebSocketContract
from specbus.http.connection import HttpConnection
from specbus.websocket import handshake
from specbus.websocket.commands import Commands
from specbus.websocket.registry import Registry
from specbus.websocket.session import Session
from specbus.wire import messages
from specbus.wire.websocket import FrameReader
from tests.mutants.edits import (
    after_refusal,
    decoded,
    edit_events,
    edit_frames,
    edit_schema,
    running,
    too_deep,
)
from tests.mutants.registry import Patch, mutant, wrap


@mutant("websocket", "ack and pong do not carry the request_id of what they answer")
def request_id_not_echoed(patch: Patch) -> None:
    edit_frames(patch, "ack pong", lambda frame: frame.pop("request_id", None))


@mutant("websocket", "errors do not carry the request_id of what they answer")
def error_without_request_id(patch: Patch) -> None:
    edit_frames(patch, "error", lambda frame: frame.pop("request_id", None))


@mutant("websocket", "ack and pong carry a request_id of the server's own where none was given")
def request_id_invented(patch: Patch) -> None:
    edit_frames(patch, "ack pong", lambda frame: frame.setdefault("request_id", str(uuid.uuid4())))


@mutant("websocket", "a pong has no ts")
def pong_without_ts(patch: Patch) -> None:
    edit_frames(patch, "pong", lambda frame: frame.pop("ts"))


@mutant("websocket", "ts is the local time of a zone east of UTC")
def ts_not_utc(patch: Patch) -> None:
    def local(ts: str) -> str:
        return datetime.fromisoformat(ts).astimezone(timezone(timedelta(hours=2))).isoformat()

    def event(text: bytes) -> bytes:
        return re.sub(rb'"ts":"([^"]*)"}$', lambda ts: b'"ts":"%b"}' % local(ts[1].decode()).encode(), text)

    edit_frames(patch, "ack pong error info", lambda frame: frame.update(ts=local(frame["ts"])))
    edit_events(patch, event)


@mutant("websocket", "the error for a refused frame has no code")
def error_without_code(patch: Patch) -> None:
    edit_frames(patch, "error", lambda frame: frame["error"].pop("code"))


@mutant("websocket", "a frame that breaks the contract gets the code INTERNAL")
def bad_request_as_internal(patch: Patch) -> None:
    wrap(
        patch,
        messages,
        "error",
        lambda original, code, *args, **options: original(
            "INTERNAL" if code == "BAD_REQUEST" else code, *args, **options
        ),
    )


@mutant("websocket", "a frame that breaks the contract gets two errors")
def two_errors_for_one_frame(patch: Patch) -> None:
    after_refusal(patch, lambda answer, session, message: answer(session, message))


@mutant("websocket", "a frame that is not JSON gets no answer")
def broken_json_unanswered(patch: Patch) -> None:
    def receive(original: Any, self: Session, text: bytes) -> None:
        if decoded(text) is not math.nan:
            original(self, text)

    wrap(patch, Session, "receive", receive)


@mutant("websocket", "a JSON frame that is no object gives the code INTERNAL")
def array_gives_internal(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        frame = decoded(data)
        if frame is not math.nan:
            frame.get("type") if isinstance(frame, dict) else frame["type"]
        return original(self, data)

    wrap(patch, WebSocketContract, "dispatch", dispatch)


@mutant("websocket", "a deeply nested frame gives the code INTERNAL")
def deep_frame_gives_internal(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        if too_deep(data):
            raise RecursionError
        return original(self, data)

    wrap(patch, WebSocketContract, "dispatch", dispatch)


@mutant("websocket", "a frame that breaks the contract gets its error and then costs the connection")
def closed_on_bad_frame(patch: Patch) -> None:
    after_refusal(patch, lambda _answer, session, _message: session.close(1008, "bad frame"))


@mutant("websocket", "after a frame that breaks the contract, the connection answers nothing more")
def dead_after_bad_frame(patch: Patch) -> None:
    dead: set[Session] = set()

    def unless_dead(original: Any, self: Session, text: bytes) -> None:
        if self not in dead:
            original(self, text)

    after_refusal(patch, lambda _answer, session, _message: dead.add(session))
    wrap(patch, Session, "answer", unless_dead)
    wrap(patch, Session, "receive", unless_dead)


@mutant("websocket", "a binary frame closes the connection")
def binary_frame_closes(patch: Patch) -> None:
    wrap(patch, Session, "receive_binary", lambda original, self, data: self.close(1003, "binary"))


@mutant("websocket", "a binary frame is carried out like a text frame")
def binary_frame_carried_out(patch: Patch) -> None:
    def as_text(data: bytes) -> bytes:
        """`data` with the binary frames that are whole in it, and have JSON, made text frames (RFC 6455, 5.2)."""
        changed, at = bytearray(data), 0
        while len(data) >= at + 6:
            length = data[at + 1] & 0x7F
            mask = at + {126: 4, 127: 10}.get(length, 2)
            start = mask + 4
            end = start + (length if length < 126 else int.from_bytes(data[at + 2 : mask]))
            if data[at] == 0x82 and len(data) >= end:
                payload = apply_mask(data[start:end], data[mask:start])
                changed[at] = 0x82 if decoded(payload) is math.nan else 0x81
            at = end
        return bytes(changed)

    wrap(patch, FrameReader, "read", lambda original, self, data, handler: original(self, as_text(data), handler))


@mutant("websocket", "a frame of unknown type is acknowledged")
def unknown_type_acknowledged(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        try:
            return original(self, data)
        except Refusal as refusal:
            frame = decoded(data)
            kind = frame.get("type") if isinstance(frame, dict) else None
            if not isinstance(kind, str) or kind in ("subscribe", "unsubscribe", "publish", "ping"):
                raise
            request_id = refusal.request_id
            return lambda session, _frame: session.answer(messages.ack("unknown", request_id)), {}

    wrap(patch, WebSocketContract, "dispatch", dispatch)


@mutant("websocket", "unknown fields of a frame are accepted")
def extra_frame_field_accepted(patch: Patch) -> None:
    edit_schema(
        patch,
        "message Subscribe; message Unsubscribe; message Publish; message Ping",
        lambda schema: schema.pop("additionalProperties"),
    )


@mutant("websocket", "subscribe accepts a negative last_n")
def negative_last_n_accepted(patch: Patch) -> None:
    edit_schema(patch, "message Subscribe", lambda schema: schema["properties"]["last_n"].pop("minimum"))
    wrap(
        patch,
        Operations,
        "subscribe",
        lambda original, self, topic, subscriber, last_n, done: original(self, topic, subscriber, max(last_n, 0), done),
    )


@mutant("websocket", "subscribe takes a last_n that is a text of digits")
def last_n_coerced(patch: Patch) -> None:
    edit_schema(
        patch,
        "message Subscribe",
        lambda schema: schema["properties"].update(
            last_n={"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]{1,9}$"}
        ),
    )


@mutant("websocket", "subscribe and unsubscribe do without a client_id")
def client_id_not_required(patch: Patch) -> None:
    edit_schema(patch, "message Subscribe; message Unsubscribe", lambda schema: schema["required"].remove("client_id"))


@mutant("websocket", "publish accepts a message id that is no UUID")
def uuid_unchecked(patch: Patch) -> None:
    edit_schema(
        patch, "message Publish", lambda schema: schema["properties"]["message"]["properties"]["id"].pop("format")
    )


@mutant("websocket", "a request_id that is no UUID is refused")
def request_id_must_be_uuid(patch: Patch) -> None:
    edit_schema(
        patch,
        "message Subscribe; message Unsubscribe; message Publish; message Ping",
        lambda schema: schema["properties"]["request_id"].update(format="uuid"),
    )


@mutant("websocket", "a publish whose payload is null, false, 0 or empty is refused")
def empty_payload_refused(patch: Patch) -> None:
    def publish(original: Any, self: Commands, session: Session, frame: Any) -> None:
        if not json.loads(frame["message"].text)["payload"]:
            raise Refusal("message.payload is required", frame.get("request_id"))
        original(self, session, frame)

    wrap(patch, Commands, "publish", publish)


@mutant("websocket", "a ping is answered by an ack")
def ping_answered_by_ack(patch: Patch) -> None:
    def ping(original: Any, self: Commands, session: Session, frame: Any) -> None:
        session.answer(messages.ack("ping", frame.get("request_id")))

    wrap(patch, Commands, "ping", ping)


@mutant("websocket", "an unsubscribe is answered by a pong")
def unsubscribe_answered_by_pong(patch: Patch) -> None:
    service = running(patch)

    def unsubscribe(original: Any, self: Commands, session: Session, frame: Any) -> None:
        service().operations.unsubscribe(frame["topic"], session)
        session.answer(messages.pong(frame.get("request_id")))

    wrap(patch, Commands, "unsubscribe", unsubscribe)


@mutant("websocket", "a ping without request_id gets no answer")
def ping_without_request_id_unanswered(patch: Patch) -> None:
    def ping(original: Any, self: Commands, session: Session, frame: Any) -> None:
        if "request_id" in frame:
            original(self, session, frame)

    wrap(patch, Commands, "ping", ping)


@mutant("websocket", "the service greets with a frame that the document does not have")
def undeclared_welcome(patch: Patch) -> None:
    def add(original: Any, self: Registry, connection: Any) -> None:
        original(self, connection)
        connection.send(json.dumps({"type": "welcome", "ts": decoded(messages.pong(None))["ts"]}).encode())

    wrap(patch, Registry, "add", add)


@mutant("websocket", "the heartbeat's info frame has no msg", heartbeat_interval=0.2)
def heartbeat_without_msg(patch: Patch) -> None:
    edit_frames(patch, "info", lambda frame: frame.pop("msg") if frame["msg"] == "ping" else None)


@mutant("websocket", "a frame that comes with its handshake is lost")
def frame_with_handshake_lost(patch: Patch) -> None:
    def open_websocket(original: Any, self: HttpConnection) -> None:
        self._unread = b""
        original(self)

    wrap(patch, HttpConnection, "_open_websocket", open_websocket)


@mutant("websocket", "a handshake in HTTP/1.0 is accepted")
def handshake_in_http_1_0_accepted(patch: Patch) -> None:
    patch.setattr(
        HttpConnection,
        "_asks_for_websocket",
        lambda self: any(b"websocket" in value for value in self._values(b"upgrade")),
    )


@mutant("websocket", "a handshake of any version of the protocol is accepted")
def handshake_of_any_version_accepted(patch: Patch) -> None:
    def respond(original: Any, data: bytes, check: Any) -> Any:
        return original(re.sub(rb"(?i)(sec-websocket-version: )\d+", rb"\g<1>13", data), check)

    wrap(patch, handshake, "respond", respond)


@mutant("websocket", "a handshake needs no Host")
def handshake_without_host_accepted(patch: Patch) -> None:
    def host_problem(original: Any, self: HttpConnection) -> Any:
        return original(self) if self._values(b"host") or not self.parser.should_upgrade() else None

    wrap(patch, HttpConnection, "_host_problem", host_problem)


@mutant("websocket", "the path of a handshake is compared as it was sent")
def escaped_handshake_path_not_found(patch: Patch) -> None:
    patch.setattr(handshake, "decoded", lambda path: path)
