"""Mutants: the service with one deliberate defect each, so that `contract_tests` can be seen to fail.

`python -m tests.mutants.mutants` lists them; with NAME [OPTIONS OF specbus serve] after it, it runs one.
A mutant is a patch of `specbus.*`, put on before the service is constructed. Nothing of it is in `service/`.
"""

import asyncio
import copy
import functools
import inspect
import itertools
import json
import math
import re
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any, Literal

import msgspec
import pytest
from starlette.datastructures import Headers
from starlette.responses import Response
from websockets.frames import Opcode

from specbus.bus.broker import Broker, Topic, TopicNotFound
from specbus.cli import main as cli
from specbus.contract import decoding, jsontext, requests
from specbus.contract.commands import Refusal, WebSocketContract
from specbus.contract.schema import Schema
from specbus.http import edge, validation
from specbus.http.operations import Operations
from specbus.http.problems import ProblemError
from specbus.websocket.commands import Commands
from specbus.websocket.connection import Connection
from specbus.websocket.hub import Hub
from specbus.wire import messages as wire

Area = Literal["rest", "websocket", "behaviour"]
Patch = pytest.MonkeyPatch
Apply = Callable[[Patch], None]


@dataclass(frozen=True)
class Mutant:
    """The service with one defect."""

    name: str
    area: Area
    """The area of `contract_tests` that should notice."""
    defect: str
    apply: Apply
    """Patches the service; to be called before it is constructed, once for each service."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings without which the defect cannot show."""


MUTANTS: dict[str, Mutant] = {}


def mutant(area: Area, defect: str, **settings: Any) -> Callable[[Apply], Apply]:
    """Enter the decorated patch into `MUTANTS`, under its own name."""

    def enter(apply: Apply) -> Apply:
        name = apply.__name__.replace("_", "-")
        MUTANTS[name] = Mutant(name, area, defect, apply, settings)
        return apply

    return enter


# Tools


def wrap(patch: Patch, owner: Any, name: str, stand_in: Callable[..., Any]) -> None:
    """Have `stand_in`, called with the original and its arguments, take the place of `owner.name`."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def plain(*args: Any, **options: Any) -> Any:
        return stand_in(original, *args, **options)

    @functools.wraps(original)
    async def awaited(*args: Any, **options: Any) -> Any:
        return await stand_in(original, *args, **options)

    patch.setattr(owner, name, awaited if inspect.iscoroutinefunction(original) else plain)


def edit_response(patch: Patch, operation: str, edit: Callable[[Response], object]) -> None:
    """Have `edit` change the responses of an operation."""

    async def edited(original: Any, *args: Any, **options: Any) -> Response:
        response: Response = await original(*args, **options)
        edit(response)
        return response

    wrap(patch, Operations, operation, edited)


def edit_answer(patch: Patch, operation: str, edit: Callable[[Any], object]) -> None:
    """Have `edit` change the JSON that an operation answers with."""
    edit_response(patch, operation, lambda response: edit_body(response, edit))


def edit_body(response: Response, edit: Callable[[Any], object]) -> None:
    """Have `edit` change the body of a JSON response."""
    body = msgspec.json.decode(response.body)
    edit(body)
    response.body = msgspec.json.encode(body)
    response.headers["content-length"] = str(len(response.body))


def edit_problem(patch: Patch, status: HTTPStatus, edit: Callable[[Response], object]) -> None:
    """Have `edit` change the problem documents of one status."""

    def edited(original: Any, self: ProblemError) -> Response:
        response: Response = original(self)
        if response.status_code == status:
            edit(response)
        return response

    wrap(patch, ProblemError, "response", edited)


def edit_frames(patch: Patch, makers: str, edit: Callable[[dict[str, Any]], object]) -> None:
    """Have `edit` change the frames that these functions of `wire.messages` make. It encodes anew: not for events."""

    def edited(original: Any, *args: Any, **options: Any) -> bytes:
        frame = msgspec.json.decode(wire.frame_payload(original(*args, **options)))
        edit(frame)
        return wire.text_frame(msgspec.json.encode(frame))

    for maker in makers.split():
        wrap(patch, wire, maker, edited)


def edit_schema(patch: Patch, places: str, edit: Callable[[dict[str, Any]], object]) -> None:
    """Have the service judge by schemas that `edit` has changed; `places` (in a Schema's `place`) says which."""

    def compiled(original: Any, self: Schema, schema: Any, place: str) -> None:
        if any(place.endswith(wanted) for wanted in places.split("; ")):
            schema = copy.deepcopy(schema)
            edit(schema)
        original(self, schema, place)

    wrap(patch, Schema, "__init__", compiled)


def edit_message(patch: Patch, edit: Callable[[dict[str, str]], object]) -> None:
    """Have `edit` change the message in events, whose fields it gets as JSON texts."""

    def event(original: Any, topic: str, message: bytes) -> bytes:
        fields = texts(message.decode())
        edit(fields)
        return bytes(original(topic, joined(fields).encode()))

    wrap(patch, wire, "event", event)


def texts(text: str) -> dict[str, str]:
    """The own text of each field of an object; of a repeated one, the last."""
    return {str(name): part for name, part in jsontext.parts(text).items()}


def joined(fields: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in fields.items()) + "}"


def lenient_parameter(patch: Patch, lenient: Callable[[requests.Parameter, str], str]) -> None:
    """Have `lenient` change the text of a parameter before it is judged."""
    wrap(patch, requests.Parameter, "check", lambda original, self, text: original(self, lenient(self, text)))


def later(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)


def decoded(text: bytes) -> Any:
    """`text` decoded; NaN, which no JSON text is, where it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return math.nan


def too_deep(text: bytes) -> bool:
    """Whether `text` is nested deeper than the service takes."""
    brackets = re.sub(rb'"(?:\\.|[^"\\])*"|[^][{}]', b"", text)
    depths = itertools.accumulate(1 if bracket in b"[{" else -1 for bracket in brackets)
    return max(depths, default=0) > decoding.MAX_DEPTH


@contextmanager
def nobody_subscribed(broker: Broker, topic: Topic) -> Iterator[None]:
    """Meanwhile, `topic` delivers to nobody."""
    broker._flush_topic(topic)
    live, queued, topic.live, topic.queued = topic.live, topic.queued, {}, {}
    try:
        yield
    finally:
        topic.live, topic.queued = live, queued


@contextmanager
def retaining(topic: Topic, events: list[bytes]) -> Iterator[None]:
    """Meanwhile, `events` are what `topic` retains."""
    retained, topic.retained = topic.retained, deque(events, topic.retained.maxlen)
    try:
        yield
    finally:
        topic.retained = retained


def deaf(broker: Broker, name: str, peer: Any, seconds: float) -> None:
    """Have `peer`, a live subscriber, miss the topic's events for a while."""
    topic = broker.topics[name]

    def miss(data: bytes) -> None:
        if not wire.payloads(data)[0].startswith(b'{"type":"event"'):
            peer.deliver(data)

    def hear() -> None:
        if topic.live.get(peer) is miss:
            topic.live[peer] = peer.deliver

    topic.live[peer] = miss
    later(seconds, hear)


# REST: statuses, bodies, headers


@mutant("rest", "a 404 is a plain text, not a problem document")
def not_found_as_plain_text(patch: Patch) -> None:
    def response(original: Any, self: ProblemError) -> Response:
        found: Response = original(self)
        return Response(str(self), 404, media_type="text/plain") if found.status_code == HTTPStatus.NOT_FOUND else found

    wrap(patch, ProblemError, "response", response)


@mutant("rest", "the problem document of a 400 lacks its detail")
def problem_without_detail(patch: Patch) -> None:
    edit_problem(patch, HTTPStatus.BAD_REQUEST, lambda response: edit_body(response, lambda body: body.pop("detail")))


@mutant("rest", "the problem document of a 409 says that its status is 400")
def problem_with_another_status(patch: Patch) -> None:
    edit_problem(patch, HTTPStatus.CONFLICT, lambda response: edit_body(response, lambda body: body.update(status=400)))


@mutant("rest", "creating a topic answers 200 instead of 201")
def create_answers_200(patch: Patch) -> None:
    edit_response(patch, "create_topic", lambda response: setattr(response, "status_code", 200))


@mutant("rest", "creating a topic that exists answers 201 instead of 409")
def duplicate_create_answers_201(patch: Patch) -> None:
    def create(original: Any, self: Broker, name: str) -> Topic:
        return self.topics.get(name) or original(self, name)

    wrap(patch, Broker, "create", create)


@mutant("rest", "deleting a topic that does not exist answers 200 instead of 404")
def delete_of_nothing_answers_200(patch: Patch) -> None:
    async def delete(original: Any, self: Operations, name: str) -> Any:
        if name in self._broker.topics:
            return await original(self, name=name)
        return Response(b'{"status":"deleted","topic":"%b"}' % name.encode(), media_type="application/json")

    wrap(patch, Operations, "delete_topic", delete)


@mutant("rest", "the 201 for a new topic has no Location")
def create_without_location(patch: Patch) -> None:
    edit_response(patch, "create_topic", lambda response: response.headers.__delitem__("location"))


@mutant("rest", "the list of topics leaves out the newest one")
def newest_topic_not_listed(patch: Patch) -> None:
    edit_answer(patch, "list_topics", lambda body: body.update(topics=body["topics"][:-1]))


@mutant("rest", "topics are listed by name, not in the order of their creation")
def topics_listed_by_name(patch: Patch) -> None:
    edit_answer(patch, "list_topics", lambda body: body["topics"].sort(key=lambda topic: topic["name"]))


@mutant("rest", "a new topic answers 404 until something is published on it")
def new_topic_answers_404(patch: Patch) -> None:
    async def get(original: Any, self: Operations, name: str) -> Any:
        if name in self._broker.topics and not self._broker.topics[name].messages:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no topic {name}", "topic-not-found", "Topic not found")
        return await original(self, name=name)

    wrap(patch, Operations, "get_topic", get)


@mutant("rest", "HEAD is refused with 405 where GET is answered")
def head_refused(patch: Patch) -> None:
    def without_head(original: Any, operations: list[requests.Operation]) -> str:
        return ", ".join(method for method in original(operations).split(", ") if method != "HEAD")

    def operation(original: Any, self: edge.Edge, scope: Any) -> Any:
        operations = self._contract.at_path(scope["raw_path"].decode("latin-1"))
        if scope["method"] == "HEAD" and operations:
            allow = {"Allow": edge._allow(operations)}
            raise ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, f"{scope['path']} has no HEAD", headers=allow)
        return original(self, scope)

    wrap(patch, edge, "_allow", without_head)
    wrap(patch, edge.Edge, "_operation", operation)


@mutant("rest", "a 405 has no Allow header")
def method_not_allowed_without_allow(patch: Patch) -> None:
    edit_problem(patch, HTTPStatus.METHOD_NOT_ALLOWED, lambda response: response.headers.__delitem__("allow"))


@mutant("rest", "Allow lists one of a path's operations and forgets the others")
def stale_allow(patch: Patch) -> None:
    wrap(patch, edge, "_allow", lambda original, operations: original(operations[:1]))


@mutant("rest", "the answer to OPTIONS has no Allow header")
def options_without_allow(patch: Patch) -> None:
    patch.setattr(edge, "_options", lambda _: Response(status_code=204))


@mutant("rest", "a 401 has no WWW-Authenticate header", api_key="secret")
def unauthorized_without_challenge(patch: Patch) -> None:
    edit_problem(patch, HTTPStatus.UNAUTHORIZED, lambda response: response.headers.__delitem__("www-authenticate"))


@mutant("rest", "any API key will do, a wrong one too", api_key="secret")
def wrong_key_accepted(patch: Patch) -> None:
    def check_key(original: Any, self: edge.Edge, headers: Headers) -> None:
        if "x-api-key" not in headers:
            original(self, headers)

    wrap(patch, edge.Edge, "_check_key", check_key)


@mutant("rest", "a chunked body is refused as missing")
def chunked_body_refused(patch: Patch) -> None:
    async def read(original: Any, receive: Any, scope: Any, most: int) -> bytes:
        data: bytes = await original(receive, scope, most)
        return data if "content-length" in Headers(scope=scope) else b""

    wrap(patch, validation, "_read", read)


@mutant("rest", "a body declared as charset=utf-16 is accepted")
def utf_16_accepted(patch: Patch) -> None:
    wrap(
        patch,
        edge,
        "check_content_type",
        lambda original, values: original([value.lower().replace("utf-16", "utf-8") for value in values]),
    )


@mutant("rest", "a body without Content-Type is accepted")
def missing_content_type_accepted(patch: Patch) -> None:
    def check(original: Any, self: edge.Edge, operation: requests.Operation, scope: Any) -> None:
        if operation.body and "content-type" not in Headers(scope=scope):
            scope["headers"] = [*scope["headers"], (b"content-type", b"application/json")]
        original(self, operation, scope)

    wrap(patch, edge.Edge, "_check", check)


@mutant("rest", "a body of another Content-Type answers 400 instead of 415")
def wrong_content_type_answers_400(patch: Patch) -> None:
    def check(original: Any, values: list[str]) -> None:
        try:
            original(values)
        except ProblemError as problem:
            raise ProblemError(HTTPStatus.BAD_REQUEST, str(problem)) from None

    wrap(patch, edge, "check_content_type", check)


@mutant("rest", "unknown query parameters are accepted")
def unknown_query_accepted(patch: Patch) -> None:
    def check(original: Any, self: requests.Operation, query: str) -> None:
        known = {parameter.name for parameter in self.parameters if parameter.place == "query"}
        original(self, "&".join(part for part in query.split("&") if part.partition("=")[0] in known))

    wrap(patch, requests.Operation, "check_query", check)


@mutant("rest", "reading messages pays no heed to last_n")
def last_n_ignored(patch: Patch) -> None:
    async def get(original: Any, self: Operations, name: str, last_n: int | None = None) -> Any:
        return await original(self, name=name)

    wrap(patch, Operations, "get_messages", get)


@mutant("rest", "a negative last_n in the query is accepted")
def negative_query_last_n_accepted(patch: Patch) -> None:
    lenient_parameter(patch, lambda parameter, text: text.lstrip("-") if parameter.name == "last_n" else text)


@mutant("rest", "a body with an unknown field creates the topic")
def extra_body_field_accepted(patch: Patch) -> None:
    edit_schema(patch, "POST /topics: body", lambda schema: schema.pop("additionalProperties"))


@mutant("rest", "a topic's name may have any printable ASCII character")
def name_pattern_not_enforced(patch: Patch) -> None:
    def loosen(schema: dict[str, Any]) -> None:
        schema.get("properties", {}).get("name", schema)["pattern"] = "^[ -~]+$"

    edit_schema(patch, "POST /topics: body; parameter name", loosen)


@mutant("rest", "publishing over HTTP accepts an id that is no UUID")
def http_uuid_unchecked(patch: Patch) -> None:
    edit_schema(patch, "POST /topics/{name}/messages: body", lambda schema: schema["properties"]["id"].pop("format"))


@mutant("rest", "the answer to publishing over HTTP lacks the message's id")
def accepted_without_id(patch: Patch) -> None:
    edit_answer(patch, "publish_message", lambda body: body.pop("id"))


@mutant("rest", "/stats lacks the counter of dropped messages")
def stats_without_dropped(patch: Patch) -> None:
    edit_answer(patch, "get_stats", lambda body: [each.pop("dropped") for each in body["topics"].values()])


@mutant("rest", "the uptime in /health is a text, not a number")
def uptime_as_text(patch: Patch) -> None:
    edit_answer(patch, "get_health", lambda body: body.update(uptime_sec=str(body["uptime_sec"])))


@mutant("rest", "a body that is not UTF-8 gives 500")
def invalid_utf_8_gives_500(patch: Patch) -> None:
    def judged(original: Any, parse: Any, data: bytes) -> Any:
        data.decode()
        return original(parse, data)

    wrap(patch, validation, "_judged", judged)


@mutant("rest", "a deeply nested body gives 500")
def deep_body_gives_500(patch: Patch) -> None:
    def judged(original: Any, parse: Any, data: bytes) -> Any:
        if too_deep(data):
            raise RecursionError
        return original(parse, data)

    wrap(patch, validation, "_judged", judged)


# WebSocket: frames


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
    def now() -> datetime:
        return datetime.now(timezone(timedelta(hours=2))).replace(microsecond=0)

    patch.setattr(wire, "_now", lambda: now().isoformat().encode())


@mutant("websocket", "the error for a refused frame has no code")
def error_without_code(patch: Patch) -> None:
    edit_frames(patch, "error", lambda frame: frame["error"].pop("code"))


@mutant("websocket", "a frame that breaks the contract gets the code INTERNAL")
def bad_request_as_internal(patch: Patch) -> None:
    wrap(
        patch,
        wire,
        "error",
        lambda original, code, *args, **options: original(
            "INTERNAL" if code == "BAD_REQUEST" else code, *args, **options
        ),
    )


@mutant("websocket", "a frame that breaks the contract gets two errors")
def two_errors_for_one_frame(patch: Patch) -> None:
    def refuse(original: Any, *args: Any) -> None:
        original(*args)
        original(*args)

    wrap(patch, Connection, "_refuse", refuse)


@mutant("websocket", "a frame that is not JSON gets no answer")
def broken_json_unanswered(patch: Patch) -> None:
    def carry_out(original: Any, self: Connection, text: bytes) -> None:
        if decoded(text) is not math.nan:
            original(self, text)

    wrap(patch, Connection, "_carry_out", carry_out)


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
    def refuse(original: Any, self: Connection, *args: Any) -> None:
        original(self, *args)
        self.close(1008, "bad frame")

    wrap(patch, Connection, "_refuse", refuse)


@mutant("websocket", "after a frame that breaks the contract, the connection answers nothing more")
def dead_after_bad_frame(patch: Patch) -> None:
    dead: set[Connection] = set()

    def refuse(original: Any, self: Connection, *args: Any) -> None:
        if self not in dead:
            original(self, *args)
        dead.add(self)

    def carry_out(original: Any, self: Connection, text: bytes) -> None:
        if self not in dead:
            original(self, text)

    wrap(patch, Connection, "_refuse", refuse)
    wrap(patch, Connection, "_carry_out", carry_out)


@mutant("websocket", "a binary frame closes the connection")
def binary_frame_closes(patch: Patch) -> None:
    def frame(original: Any, self: Connection, frame: Any) -> None:
        if frame.opcode is Opcode.BINARY:
            self.close(1003, "binary")
        else:
            original(self, frame)

    wrap(patch, Connection, "_frame", frame)


@mutant("websocket", "a binary frame is carried out like a text frame")
def binary_frame_carried_out(patch: Patch) -> None:
    def frame(original: Any, self: Connection, frame: Any) -> None:
        if frame.opcode is Opcode.BINARY and frame.fin and decoded(bytes(frame.data)) is not math.nan:
            self._carry_out(bytes(frame.data))
        else:
            original(self, frame)

    wrap(patch, Connection, "_frame", frame)


@mutant("websocket", "a frame of unknown type is acknowledged")
def unknown_type_acknowledged(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        try:
            return original(self, data)
        except Refusal as refusal:
            frame = decoded(data)
            kind = frame.get("type") if isinstance(frame, dict) else None
            if not isinstance(kind, str) or kind in self._operations:
                raise
            request_id = refusal.request_id
            return lambda peer, _frame: peer.send(wire.ack("unknown", request_id)), {}

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
        Broker,
        "subscribe",
        lambda original, self, name, peer, last_n=0: original(self, name, peer, max(last_n, 0)),
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
    def publish(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        if not json.loads(frame["message"].text)["payload"]:
            raise Refusal("message.payload is required", frame.get("request_id"))
        original(self, peer, frame)

    wrap(patch, Commands, "publish", publish)


@mutant("websocket", "a ping is answered by an ack")
def ping_answered_by_ack(patch: Patch) -> None:
    def ping(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        peer.send(wire.ack("ping", frame.get("request_id")))

    wrap(patch, Commands, "ping", ping)


@mutant("websocket", "an unsubscribe is answered by a pong")
def unsubscribe_answered_by_pong(patch: Patch) -> None:
    def unsubscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        self._broker.unsubscribe(frame["topic"], peer)
        peer.send(wire.pong(frame.get("request_id")))

    wrap(patch, Commands, "unsubscribe", unsubscribe)


@mutant("websocket", "a ping without request_id gets no answer")
def ping_without_request_id_unanswered(patch: Patch) -> None:
    def ping(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        if "request_id" in frame:
            original(self, peer, frame)

    wrap(patch, Commands, "ping", ping)


@mutant("websocket", "the service greets with a frame that the document does not have")
def undeclared_welcome(patch: Patch) -> None:
    def joined(original: Any, self: Hub, connection: Any) -> None:
        original(self, connection)
        connection.send(wire.text_frame(b'{"type":"welcome","ts":"%b"}' % wire._now()))

    wrap(patch, Hub, "joined", joined)


@mutant("websocket", "the heartbeat's info frame has no msg", heartbeat_interval=0.2)
def heartbeat_without_msg(patch: Patch) -> None:
    edit_frames(patch, "info", lambda frame: frame.pop("msg") if frame["msg"] == "ping" else None)


# Behaviour: acceptance, fan-out, order


@mutant("behaviour", "a publish is acknowledged before the topic takes it")
def publish_acked_before_acceptance(patch: Patch) -> None:
    def publish(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        event = wire.event(topic.name, frame["message"].text)
        peer.send(wire.ack(topic.name, frame.get("request_id")))
        later(0.05, lambda: self._broker.publish(topic, event))

    wrap(patch, Commands, "publish", publish)


@mutant("behaviour", "a subscription takes effect some time after its ack")
def subscribe_acked_before_effect(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        known = peer in topic.live
        original(self, peer, frame)
        if not known and not frame.get("last_n") and peer in topic.live:
            deaf(self._broker, topic.name, peer, 0.05)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "every fifth message of a topic is not delivered live")
def every_fifth_event_lost(patch: Patch) -> None:
    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        if topic.messages % 5 == 4:
            with nobody_subscribed(self, topic):
                original(self, topic, event)
        else:
            original(self, topic, event)

    wrap(patch, Broker, "publish", publish)


@mutant("behaviour", "every fifth message of a topic is delivered twice")
def every_fifth_event_twice(patch: Patch) -> None:
    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        original(self, topic, event)
        if topic.messages % 5 == 0 and topic.pending:
            topic.pending.append(event)

    wrap(patch, Broker, "publish", publish)


@mutant("behaviour", "of messages published close together, one subscriber gets the newest first")
def subscribers_see_another_order(patch: Patch) -> None:
    def init(original: Any, self: Broker, _schedule: Any, **options: Any) -> None:
        original(self, lambda flush: later(0.02, flush), **options)

    def backwards(deliver: Callable[[bytes], object]) -> Callable[[bytes], object]:
        return lambda data: deliver(b"".join(wire.text_frame(payload) for payload in reversed(wire.payloads(data))))

    def flush(original: Any, self: Broker, topic: Topic) -> None:
        others = list(topic.live.items())[1:]
        topic.live.update((peer, backwards(deliver)) for peer, deliver in others)
        original(self, topic)
        topic.live.update((peer, deliver) for peer, deliver in others if peer in topic.live)

    wrap(patch, Broker, "__init__", init)
    wrap(patch, Broker, "_flush_topic", flush)


@mutant("behaviour", "events reach the subscribers of other topics too")
def leak_across_topics(patch: Patch) -> None:
    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        original(self, topic, event)
        others = {peer: deliver for other in self.topics.values() for peer, deliver in other.live.items()}
        for peer, deliver in others.items():
            if peer not in topic.live and peer not in topic.queued:
                deliver(event)

    wrap(patch, Broker, "publish", publish)


@mutant("behaviour", "a publisher that is subscribed does not get its own messages")
def no_own_copy(patch: Patch) -> None:
    def publish(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        self._broker._flush_topic(topic)
        own = topic.live.pop(peer, None)
        original(self, peer, frame)
        self._broker._flush_topic(topic)
        if own:
            topic.live[peer] = own

    wrap(patch, Commands, "publish", publish)


@mutant("behaviour", "what is published over HTTP is retained but not delivered")
def http_publish_not_delivered(patch: Patch) -> None:
    async def publish(original: Any, self: Operations, name: str) -> Any:
        if name not in self._broker.topics:
            return await original(self, name=name)
        with nobody_subscribed(self._broker, self._broker.topics[name]):
            return await original(self, name=name)

    wrap(patch, Operations, "publish_message", publish)


@mutant("behaviour", "what is published over HTTP is delivered but not retained")
def http_publish_not_retained(patch: Patch) -> None:
    async def publish(original: Any, self: Operations, name: str) -> Any:
        if name not in self._broker.topics:
            return await original(self, name=name)
        topic = self._broker.topics[name]
        with retaining(topic, list(topic.retained)):
            return await original(self, name=name)

    wrap(patch, Operations, "publish_message", publish)


# Behaviour: what an event holds


@mutant("behaviour", "an event carries a message id of the server's own")
def message_id_replaced(patch: Patch) -> None:
    edit_message(patch, lambda message: message.update(id=f'"{uuid.uuid4()}"'))


@mutant("behaviour", "a payload is decoded and encoded again, so that 99.50 comes out as 99.5")
def payload_reencoded(patch: Patch) -> None:
    def reencode(message: dict[str, str]) -> None:
        try:
            text = json.dumps(
                json.loads(message["payload"]), ensure_ascii=False, allow_nan=False, separators=(",", ":")
            )
            text.encode()
        except ValueError:  # a number or an escape that Python cannot hold
            return
        message["payload"] = text

    edit_message(patch, reencode)


@mutant("behaviour", "the keys of a payload come out sorted")
def payload_keys_sorted(patch: Patch) -> None:
    def sort(message: dict[str, str]) -> None:
        if message["payload"].startswith("{"):
            message["payload"] = joined(dict(sorted(texts(message["payload"]).items())))

    edit_message(patch, sort)


@mutant("behaviour", "a payload with a number too large for a float is refused")
def large_number_refused(patch: Patch) -> None:
    def publish(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        try:
            json.dumps(json.loads(frame["message"].text), allow_nan=False)
        except ValueError:
            raise Refusal("message.payload has a number that is too large", frame.get("request_id")) from None
        original(self, peer, frame)

    wrap(patch, Commands, "publish", publish)


# Behaviour: replay and what is retained


def edit_replay(patch: Patch, edit: Callable[[list[bytes], int], list[bytes]]) -> None:
    """Have `edit` change what a topic seems to retain to a subscription with `last_n`."""

    def subscribe(original: Any, self: Broker, name: str, peer: Any, last_n: int = 0) -> None:
        topic = self.topic(name)
        if not last_n:
            original(self, name, peer, last_n)
            return
        with retaining(topic, edit(list(topic.retained), last_n)):
            original(self, name, peer, last_n)

    wrap(patch, Broker, "subscribe", subscribe)


@mutant("behaviour", "a replay leaves out the newest message")
def replay_without_newest(patch: Patch) -> None:
    edit_replay(patch, lambda events, _last_n: events[:-1])


@mutant("behaviour", "a replay gives one message more than last_n asks for")
def replay_one_too_many(patch: Patch) -> None:
    wrap(
        patch,
        Broker,
        "subscribe",
        lambda original, self, name, peer, last_n=0: original(self, name, peer, last_n and last_n + 1),
    )


@mutant("behaviour", "a replay comes newest first")
def replay_newest_first(patch: Patch) -> None:
    edit_replay(patch, lambda events, last_n: [*events[:-last_n], *reversed(events[-last_n:])])


@mutant("behaviour", "a replay gives the oldest retained messages, not the newest")
def replay_of_oldest(patch: Patch) -> None:
    edit_replay(patch, lambda events, last_n: events[:last_n])


@mutant("behaviour", "replayed events come before the subscription's ack")
def replay_before_ack(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        self._broker.subscribe(frame["topic"], peer, int(frame.get("last_n", 0)))
        self._broker.replay(peer)
        peer.send(wire.ack(frame["topic"], frame.get("request_id")))

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a message published just before a replay comes twice, replayed and live")
def duplicate_at_seam(patch: Patch) -> None:
    published: dict[Topic, float] = {}

    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        published[topic] = time.monotonic()
        original(self, topic, event)

    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        original(self, peer, frame)
        topic = self._broker.topic(frame["topic"])
        if frame.get("last_n") and topic.retained and time.monotonic() - published[topic] < 0.2:
            peer.deliver(topic.retained[-1])

    wrap(patch, Broker, "publish", publish)
    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "messages published while a replay is under way are lost to the subscriber")
def event_lost_during_replay(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        original(self, peer, frame)
        if frame.get("last_n") and peer in self._broker.topics[frame["topic"]].live:
            deaf(self._broker, frame["topic"], peer, 0.05)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a replay goes to all subscribers of the topic")
def replay_to_everyone(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        original(self, peer, frame)
        topic = self._broker.topic(frame["topic"])
        count = min(int(frame.get("last_n", 0)), len(topic.retained))
        replayed = list(topic.retained)[len(topic.retained) - count :]
        for other, deliver in list(topic.live.items()):
            if other is not peer and replayed:
                deliver(b"".join(replayed))

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "asking for more messages than are retained is refused")
def last_n_beyond_retained_refused(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        if frame.get("last_n", 0) > len(self._broker.topic(frame["topic"]).retained):
            raise Refusal("last_n must not be more than is retained", frame.get("request_id"))
        original(self, peer, frame)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a topic retains one message less than it should")
def history_one_short(patch: Patch) -> None:
    wrap(patch, Topic, "__init__", lambda original, self, name, history_size: original(self, name, history_size - 1))


@mutant("behaviour", "a topic whose history is full retains no newer message")
def full_history_keeps_oldest(patch: Patch) -> None:
    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        if len(topic.retained) < (topic.retained.maxlen or 0):
            original(self, topic, event)
            return
        with retaining(topic, list(topic.retained)):
            original(self, topic, event)

    wrap(patch, Broker, "publish", publish)


# Behaviour: subscriptions and topics


@mutant("behaviour", "a second subscribe to a topic doubles delivery")
def resubscribe_doubles(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        known = peer in topic.live
        original(self, peer, frame)
        if known and peer in topic.live:
            topic.live[peer] = lambda data: (peer.deliver(data), peer.deliver(data))

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a second subscribe to a topic does not replay")
def resubscribe_without_replay(patch: Patch) -> None:
    def subscribe(original: Any, self: Broker, name: str, peer: Any, last_n: int = 0) -> None:
        known = peer in self.topic(name).live
        original(self, name, peer, 0 if known else last_n)

    wrap(patch, Broker, "subscribe", subscribe)


@mutant("behaviour", "a subscriber with a client_id that is in use takes the topic from the one who had it")
def client_id_taken_over(patch: Patch) -> None:
    holders: dict[tuple[str, str], Any] = {}

    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        original(self, peer, frame)
        key = (frame["topic"], frame["client_id"])
        if (holder := holders.get(key)) is not None and holder is not peer:
            self._broker.unsubscribe(frame["topic"], holder)
        holders[key] = peer

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "unsubscribe is acknowledged and has no effect")
def unsubscribe_ineffective(patch: Patch) -> None:
    def unsubscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        peer.send(wire.ack(self._broker.topic(frame["topic"]).name, frame.get("request_id")))

    wrap(patch, Commands, "unsubscribe", unsubscribe)


@mutant("behaviour", "unsubscribe without a subscription is refused")
def unsubscribe_of_nothing_refused(patch: Patch) -> None:
    def unsubscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        if peer not in topic.live and peer not in topic.queued:
            raise Refusal("there is no subscription to end", frame.get("request_id"))
        original(self, peer, frame)

    wrap(patch, Commands, "unsubscribe", unsubscribe)


@mutant("behaviour", "publishing to a topic that does not exist creates it")
def publish_creates_topic(patch: Patch) -> None:
    def publish(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        if frame["topic"] not in self._broker.topics:
            self._broker.create(frame["topic"])
        original(self, peer, frame)

    wrap(patch, Commands, "publish", publish)


@mutant("behaviour", "subscribing to a topic that does not exist is refused and creates it all the same")
def refused_subscribe_creates_topic(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        try:
            original(self, peer, frame)
        except TopicNotFound:
            self._broker.create(frame["topic"])
            raise

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a topic that does not exist gives the code BAD_REQUEST")
def topic_not_found_as_bad_request(patch: Patch) -> None:
    wrap(
        patch,
        wire,
        "error",
        lambda original, code, *args, **options: original(
            "BAD_REQUEST" if code == "TOPIC_NOT_FOUND" else code, *args, **options
        ),
    )


@mutant("behaviour", "subscribers of a deleted topic are not told")
def topic_deleted_missing(patch: Patch) -> None:
    wrap(patch, Broker, "delete", lambda original, self, name, _farewell: original(self, name, b""))


@mutant("behaviour", "the news that a topic is deleted does not say which")
def topic_deleted_names_no_topic(patch: Patch) -> None:
    edit_frames(patch, "info", lambda frame: frame.pop("topic", None))


@mutant("behaviour", "deleting a topic closes its subscribers' connections")
def deletion_closes_connections(patch: Patch) -> None:
    def delete(original: Any, self: Broker, name: str, farewell: bytes) -> None:
        subscribers: list[Any] = list(self.topic(name).live)
        original(self, name, farewell)
        for subscriber in subscribers:
            subscriber.close(1000, "topic deleted")

    wrap(patch, Broker, "delete", delete)


@mutant("behaviour", "subscribers of a deleted topic are subscribed to the next one of its name")
def subscription_survives_deletion(patch: Patch) -> None:
    subscribers: dict[str, list[Any]] = {}

    def delete(original: Any, self: Broker, name: str, farewell: bytes) -> None:
        if name in self.topics:
            subscribers[name] = list(self.topics[name].live)
        original(self, name, farewell)

    def create(original: Any, self: Broker, name: str) -> Topic:
        topic: Topic = original(self, name)
        for subscriber in subscribers.pop(name, ()):
            if subscriber in self._members:
                self.subscribe(name, subscriber)
        return topic

    wrap(patch, Broker, "delete", delete)
    wrap(patch, Broker, "create", create)


@mutant("behaviour", "a topic that is created again has the old one's messages")
def history_survives_deletion(patch: Patch) -> None:
    retained: dict[str, deque[bytes]] = {}

    def delete(original: Any, self: Broker, name: str, farewell: bytes) -> None:
        if name in self.topics:
            retained[name] = self.topics[name].retained
        original(self, name, farewell)

    def create(original: Any, self: Broker, name: str) -> Topic:
        topic: Topic = original(self, name)
        topic.retained.extend(retained.pop(name, ()))
        return topic

    wrap(patch, Broker, "delete", delete)
    wrap(patch, Broker, "create", create)


# Behaviour: counts


@mutant("behaviour", "a connection that is gone still counts among its topics' subscribers")
def ghost_subscriber(patch: Patch) -> None:
    def leave(original: Any, self: Broker, subscriber: Any) -> None:
        if member := self._members.get(subscriber):
            member.queues.clear()
            for topic in member.topics:
                topic.queued.pop(subscriber, None)
                topic.live[subscriber] = lambda data: None

    wrap(patch, Broker, "leave", leave)


@mutant("behaviour", "the subscribers in /health do not become fewer when a connection goes without unsubscribing")
def counter_drift_on_disconnect(patch: Patch) -> None:
    drift = 0

    def leave(original: Any, self: Broker, subscriber: Any) -> None:
        nonlocal drift
        if member := self._members.get(subscriber):
            drift += len(member.topics)
        original(self, subscriber)

    wrap(patch, Broker, "leave", leave)
    edit_answer(patch, "get_health", lambda body: body.update(subscribers=body["subscribers"] + drift))


@mutant("behaviour", "/health counts a connection with two subscriptions once")
def health_counts_subscribers_once(patch: Patch) -> None:
    async def health(original: Any, self: Operations) -> Response:
        response: Response = await original(self)
        topics = self._broker.topics.values()
        count = len({peer for topic in topics for peer in (*topic.live, *topic.queued)})
        edit_body(response, lambda body: body.update(subscribers=count))
        return response

    wrap(patch, Operations, "get_health", health)


@mutant("behaviour", "a topic's messages do not count those published over HTTP")
def http_publish_not_counted(patch: Patch) -> None:
    async def publish(original: Any, self: Operations, name: str) -> Response:
        response: Response = await original(self, name=name)
        self._broker.topics[name].messages -= 1
        return response

    wrap(patch, Operations, "publish_message", publish)


@mutant("behaviour", "a topic's delivered events are counted once, however many subscribers got them")
def delivered_counted_once(patch: Patch) -> None:
    def flush(original: Any, self: Broker, topic: Topic) -> None:
        delivered = topic.delivered + (len(topic.pending) if topic.live else 0)
        original(self, topic)
        topic.delivered = delivered

    wrap(patch, Broker, "_flush_topic", flush)


# Behaviour: slow consumers, heartbeat


@mutant("behaviour", "a slow consumer is not told that messages were dropped")
def silent_drop(patch: Patch) -> None:
    wrap(patch, Connection, "notify_dropped", lambda original, self, topic, count: None)


@mutant("behaviour", "a slow consumer is told of one message more than was dropped")
def wrong_drop_count(patch: Patch) -> None:
    wrap(patch, Connection, "notify_dropped", lambda original, self, topic, count: original(self, topic, count + 1))


@mutant("behaviour", "dropped messages are not counted in /stats")
def drops_not_counted(patch: Patch) -> None:
    def enqueue(original: Any, self: Broker, topic: Topic, queue: Any, events: list[bytes]) -> bool:
        dropped = topic.dropped
        try:
            return bool(original(self, topic, queue, events))
        finally:
            topic.dropped = dropped

    wrap(patch, Broker, "_enqueue", enqueue)


@mutant("behaviour", "a slow consumer loses the newest messages, not the oldest")
def newest_dropped(patch: Patch) -> None:
    def enqueue(original: Any, self: Broker, topic: Topic, queue: Any, events: list[bytes]) -> bool:
        room = max(queue.limit - len(queue.events), 0)
        over = max(len(events) - room, 0)
        queue.dropped += over
        topic.dropped += over
        return bool(original(self, topic, queue, events[:room]))

    wrap(patch, Broker, "_enqueue", enqueue)


@mutant("behaviour", "what is dropped for a slow consumer is lost to the fast ones too")
def fast_consumers_lose_too(patch: Patch) -> None:
    def flush(original: Any, self: Broker, topic: Topic) -> None:
        live: dict[Any, Any] = {}
        if any(len(queue.events) + len(topic.pending) > queue.limit for queue in topic.queued.values()):
            live, topic.live = topic.live, {}
        original(self, topic)
        topic.live.update(live)

    wrap(patch, Broker, "_flush_topic", flush)


@mutant("behaviour", "there are no heartbeats", heartbeat_interval=0.2)
def heartbeat_missing(patch: Patch) -> None:
    wrap(patch, Hub, "_heartbeat", lambda original, self, connection: None)


def main(args: list[str]) -> None:
    """List the mutants, or run one as the service."""
    if not args:
        for each in MUTANTS.values():
            print(f"{each.area:9}  {each.name:34}  {each.defect}")
        return
    name, *options = args
    if name not in MUTANTS:
        sys.exit(f"there is no mutant {name}")
    MUTANTS[name].apply(Patch())
    settings = [f"--{setting.replace('_', '-')}={value}" for setting, value in MUTANTS[name].settings.items()]
    cli.main(["serve", *settings, *options], prog_name="specbus")


if __name__ == "__main__":
    main(sys.argv[1:])
