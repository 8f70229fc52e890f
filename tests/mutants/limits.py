"""Defects of limits: more is taken than may be, or less."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from specbus.bus.errors import TooManySubscriptions, TooManyTopics
from specbus.bus.hub import Hub
from specbus.bus.memory import MemoryEngine, MemoryTopic
from specbus.bus.outbox import Outbox
from specbus.contract import decoding, jsontext
from specbus.contract.commands import Refusal, WebSocketContract
from specbus.contract.decoding import Decoder
from specbus.contract.requests import InvalidRequest, RestOperation
from specbus.http import connection as http_connection
from specbus.http import validation
from specbus.http.connection import HttpConnection
from specbus.http.operations import RestOperations
from specbus.websocket.commands import Commands
from specbus.websocket.session import Frame, Session
from specbus.wire import problem, websocket
from specbus.wire.websocket import FrameReader
from tests.mutants.edits import edit_schema
from tests.mutants.registry import Patch, mutant, wrap


def edit_frame_limit(patch: Patch, edit: Any) -> None:
    """Have `edit` change the largest size of a WebSocket message."""
    wrap(patch, FrameReader, "__init__", lambda original, self, size, *args: original(self, edit(size), *args))


def edit_depth(patch: Patch, edit: Any) -> None:
    """Have `edit` change how deep what comes may be nested."""

    def init(original: Any, self: Decoder, schemas: Any, tag: str | None = None, max_depth: int = 128) -> None:
        original(self, schemas, tag, edit(max_depth))

    wrap(patch, Decoder, "__init__", init)


def edit_fields(patch: Patch, field: str, edit: Any) -> None:
    """Have `edit` change the schema of a field of the commands."""

    def edited(schema: dict[str, Any]) -> None:
        if field in schema.get("properties", {}):
            edit(schema["properties"][field])

    edit_schema(patch, "message Subscribe; message Unsubscribe; message Publish; message Ping", edited)


# asyncapi.yaml, "Bad input": "a message is larger than the service takes (1009; 1 MiB unless set otherwise)"


@mutant("websocket", "a WebSocket message may be sixteen times as large as max_frame_bytes")
def frame_limit_sixteenfold(patch: Patch) -> None:
    edit_frame_limit(patch, lambda size: size * 16)


@mutant("websocket", "a WebSocket message may be half as large as max_frame_bytes")
def frame_limit_half(patch: Patch) -> None:
    edit_frame_limit(patch, lambda size: size // 2)


@mutant("websocket", "a WebSocket message of just max_frame_bytes is refused")
def frame_of_the_limit_refused(patch: Patch) -> None:
    edit_frame_limit(patch, lambda size: size - 1)


@mutant("websocket", "a WebSocket message may have one byte more than max_frame_bytes")
def frame_limit_and_one(patch: Patch) -> None:
    edit_frame_limit(patch, lambda size: size + 1)


@mutant("websocket", "the limit holds for each fragment, not for their message")
def fragments_without_sum(patch: Patch) -> None:
    def data_frame(original: Any, self: FrameReader, frame: Any, handler: Any) -> None:
        size = self._max_size
        self._max_size = size * 1000
        original(self, frame, handler)
        self._max_size = size

    wrap(patch, FrameReader, "_data_frame", data_frame)


@mutant("websocket", "a message may have any number of fragments")
def fragments_without_number(patch: Patch) -> None:
    patch.setattr(websocket, "MAX_FRAGMENTS", 10_000_000)


@mutant("websocket", "a message may have a thousand fragments")
def fragments_to_a_thousand(patch: Patch) -> None:
    patch.setattr(websocket, "MAX_FRAGMENTS", 1_000)


@mutant("websocket", "a message that is too large is answered with BAD_REQUEST, and the connection goes on")
def large_message_is_bad_request(patch: Patch) -> None:
    edit_frame_limit(patch, lambda size: size * 16)

    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        if len(data) > 1_048_576:
            raise Refusal("the frame is too large")
        return original(self, data)

    wrap(patch, WebSocketContract, "dispatch", dispatch)


# asyncapi.yaml, "Bad input": "frames nest at most 128 levels deep, and so payloads 126"


@mutant("websocket", "a frame may be nested 129 levels deep")
def nested_129(patch: Patch) -> None:
    edit_depth(patch, lambda most: most + 1)


@mutant("websocket", "a frame that is nested 128 levels deep is refused")
def nested_128_refused(patch: Patch) -> None:
    edit_depth(patch, lambda most: most - 1)


@mutant("websocket", "a frame that is nested more than 64 levels deep is refused")
def nested_65_refused(patch: Patch) -> None:
    edit_depth(patch, lambda most: most // 2)


@mutant("websocket", "brackets in strings count as levels")
def brackets_in_strings_count(patch: Patch) -> None:
    brackets = bytes(b for b in range(256) if b not in b"[]{}")
    patch.setattr(jsontext, "_brackets", lambda data: (False, data.translate(None, brackets)))


@mutant("websocket", "brackets beside each other count as levels")
def brackets_beside_each_other_count(patch: Patch) -> None:
    def check_depth(original: Any, data: bytes, most: int) -> None:
        if data.count(b"[") > most:
            raise jsontext.NotJson(f"nested more than {most} levels deep")
        original(data, most)

    wrap(patch, decoding, "check_depth", check_depth)


@mutant("rest", "a body may be nested a level deeper than a frame can carry it")
def body_nested_deeper(patch: Patch) -> None:
    edit_depth(patch, lambda most: 128 if most == 127 else most)


# topic_name.yaml, request_id.yaml, client_id.yaml


@mutant("rest", "a topic's name may have 129 characters")
def names_of_129(patch: Patch) -> None:
    for kind in ("body", "parameter name"):
        edit_schema(patch, kind, _longer)


def _longer(schema: dict[str, Any]) -> None:
    schema = schema.get("properties", {}).get("name", schema)
    if "maxLength" in schema:
        schema["maxLength"] += 1


@mutant("rest", "a topic's name of 128 characters is refused")
def names_of_128_refused(patch: Patch) -> None:
    edit_schema(patch, "POST /topics: body", lambda schema: schema["properties"]["name"].update(maxLength=127))


@mutant("rest", "a topic's name cannot begin with _")
def names_with_underscore_refused(patch: Patch) -> None:
    edit_schema(
        patch,
        "POST /topics: body",
        lambda schema: schema["properties"]["name"].update(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    )


@mutant("rest", "a topic's name cannot be digits alone")
def names_of_digits_refused(patch: Patch) -> None:
    edit_schema(
        patch,
        "POST /topics: body",
        lambda schema: schema["properties"]["name"].update(pattern="^(?![0-9]+$)[A-Za-z0-9_][A-Za-z0-9._-]*$"),
    )


@mutant("rest", "a topic's name may have letters of all scripts")
def names_of_all_scripts(patch: Patch) -> None:
    edit_schema(
        patch,
        "POST /topics: body",
        lambda schema: schema["properties"]["name"].update(pattern=r"^[\p{L}0-9_][\p{L}0-9._-]*$"),
    )


@mutant("websocket", "a request_id may have as many bytes, not characters")
def request_id_counted_in_bytes(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        handler, frame = original(self, data)
        if len(str(frame.get("request_id", "")).encode()) > 256:
            raise Refusal("request_id must have at most 256 characters")
        return handler, frame

    wrap(patch, WebSocketContract, "dispatch", dispatch)


@mutant("websocket", "a request_id may have 257 characters")
def request_id_of_257(patch: Patch) -> None:
    edit_fields(patch, "request_id", lambda schema: schema.update(maxLength=257))


@mutant("websocket", "a request_id of 256 characters is refused")
def request_id_of_256_refused(patch: Patch) -> None:
    edit_fields(patch, "request_id", lambda schema: schema.update(maxLength=255))


@mutant("websocket", "an empty request_id is refused")
def request_id_empty_refused(patch: Patch) -> None:
    edit_fields(patch, "request_id", lambda schema: schema.update(minLength=1))


@mutant("websocket", "a client_id may be empty")
def client_id_empty(patch: Patch) -> None:
    edit_fields(patch, "client_id", lambda schema: schema.pop("minLength"))


@mutant("websocket", "a client_id of more than 64 characters is refused")
def client_id_of_65_refused(patch: Patch) -> None:
    edit_fields(patch, "client_id", lambda schema: schema.update(maxLength=64))


@mutant("websocket", "a client_id must be a name like a topic's")
def client_id_of_any_text_refused(patch: Patch) -> None:
    edit_fields(patch, "client_id", lambda schema: schema.update(pattern="^[A-Za-z0-9._-]+$"))


# last_n. subscribe.yaml: "More than there are is not an error: all retained ones are replayed."


@mutant("behaviour", "at most fifty messages are replayed")
def replay_of_fifty(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        original(self, session, {**frame, "last_n": min(frame.get("last_n", 0), 50)})

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a last_n of 0 replays all")
def last_n_of_zero_replays_all(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        last_n = frame.get("last_n")
        original(self, session, {**frame, "last_n": 1_000_000} if last_n == 0 else frame)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("rest", "a last_n of 0 reads all")
def last_n_of_zero_reads_all(patch: Patch) -> None:
    async def get_messages(original: Any, self: RestOperations, name: str, last_n: int | None = None) -> Any:
        return await original(self, name, last_n or None)

    wrap(patch, RestOperations, "get_messages", get_messages)


@mutant("websocket", "a last_n of more than 32 bits is refused")
def last_n_of_64_bits_refused(patch: Patch) -> None:
    edit_fields(patch, "last_n", lambda schema: schema.update(maximum=2**32 - 1))


@mutant("rest", "a last_n of more than 32 bits is refused over HTTP")
def last_n_of_64_bits_refused_over_http(patch: Patch) -> None:
    def check_query(original: Any, self: RestOperation, query: str) -> Any:
        values = original(self, query)
        if values.get("last_n", 0) >= 2**31:
            raise InvalidRequest("last_n must be 2147483647 or less")
        return values

    wrap(patch, RestOperation, "check_query", check_query)


@mutant("websocket", "a last_n of 5.0, an integer in JSON Schema, is refused")
def last_n_with_fraction_of_zero_refused(patch: Patch) -> None:
    def dispatch(original: Any, self: Any, data: bytes) -> Any:
        handler, frame = original(self, data)
        if isinstance(frame.get("last_n"), float):
            raise Refusal("last_n must be an integer, not a number")
        return handler, frame

    wrap(patch, WebSocketContract, "dispatch", dispatch)


@mutant("websocket", "a last_n of true is taken for 1")
def last_n_of_true(patch: Patch) -> None:
    edit_fields(patch, "last_n", lambda schema: schema.update(type=["integer", "boolean"]))


@mutant("websocket", "a last_n in quotes is taken")
def last_n_in_quotes(patch: Patch) -> None:
    edit_fields(patch, "last_n", lambda schema: schema.update(type=["integer", "string"], pattern="^[0-9]+$"))


# Bodies. openapi.yaml, "Bodies and errors": "of at most the service's frame size"


@mutant("rest", "the size of a chunked body is not limited")
def chunked_body_unlimited(patch: Patch) -> None:
    async def read(original: Any, self: Any, receive: Any, scope: Any) -> bytes:
        request = Request(scope, receive)
        return await request.body() if "content-length" not in request.headers else await original(self, receive, scope)

    wrap(patch, validation.Bodies, "read", read)


@mutant("rest", "a body of just max_frame_bytes is refused")
def body_of_the_limit_refused(patch: Patch) -> None:
    wrap(patch, validation.Bodies, "__init__", lambda original, self, most, all_: original(self, most - 1, all_))


@mutant("rest", "a body may have one byte more than max_frame_bytes")
def body_limit_and_one(patch: Patch) -> None:
    wrap(patch, validation.Bodies, "__init__", lambda original, self, most, all_: original(self, most + 1, all_))


# Heads. openapi.yaml: "The head of a request is at most 64 KiB (431) and comes within 10 seconds."


@mutant("rest", "the head of a request may have 8 KiB")
def head_of_8_kib(patch: Patch) -> None:
    patch.setattr(http_connection, "MAX_HEAD_BYTES", 8_192)


@mutant("rest", "the head of a request may have a megabyte")
def head_of_1_mib(patch: Patch) -> None:
    patch.setattr(http_connection, "MAX_HEAD_BYTES", 1_048_576)


@mutant("rest", "a connection whose head is too large is closed without an answer")
def large_head_unanswered(patch: Patch) -> None:
    wrap(patch, HttpConnection, "_refuse_head", lambda original, self: self.transport.abort())


@mutant("rest", "a head that is too large is answered with 400")
def large_head_is_bad_request(patch: Patch) -> None:
    def refuse(original: Any, self: HttpConnection, status: HTTPStatus, detail: str) -> None:
        original(self, HTTPStatus.BAD_REQUEST if status == 431 else status, detail)

    wrap(patch, HttpConnection, "_refuse", refuse)


@mutant("rest", "a head may take forever")
def head_without_timeout(patch: Patch) -> None:
    patch.setattr(http_connection, "HEAD_TIMEOUT", 3600.0)


@mutant("rest", "a head must come within half a second")
def head_within_half_a_second(patch: Patch) -> None:
    patch.setattr(http_connection, "HEAD_TIMEOUT", 0.5)


# Subscriptions, topics, connections


@mutant("websocket", "a connection may have one subscription more than max_subscriptions", max_subscriptions=5)
def subscriptions_limit_and_one(patch: Patch) -> None:
    def init(original: Any, self: Hub, engine: Any, schedule: Any, limits: Any, **options: Any) -> None:
        original(self, engine, schedule, limits, **options)
        self.limits = replace(limits, max_subscriptions=limits.max_subscriptions + 1)

    wrap(patch, Hub, "__init__", init)


@mutant("websocket", "at its limit, a connection's second subscribe to a topic is refused", max_subscriptions=5)
def second_subscribe_refused_at_limit(patch: Patch) -> None:
    def join(original: Any, self: Hub, topic: str, subscriber: Any, *args: Any) -> None:
        if len(self._member(subscriber).topics) >= self.limits.max_subscriptions:
            raise TooManySubscriptions(self.limits.max_subscriptions)
        original(self, topic, subscriber, *args)

    wrap(patch, Hub, "join", join)


@mutant("websocket", "subscriptions that have ended count for max_subscriptions", max_subscriptions=5)
def ended_subscriptions_count(patch: Patch) -> None:
    ever: dict[Any, set[str]] = {}

    def join(original: Any, self: Hub, topic: str, subscriber: Any, *args: Any) -> None:
        topics = ever.setdefault(subscriber, set())
        if topic not in topics and len(topics) >= self.limits.max_subscriptions:
            raise TooManySubscriptions(self.limits.max_subscriptions)
        original(self, topic, subscriber, *args)
        topics.add(topic)

    wrap(patch, Hub, "join", join)


@mutant("rest", "topics that were deleted count for max_topics", max_topics=300)
def deleted_topics_count(patch: Patch) -> None:
    ever: set[str] = set()

    def create(original: Any, self: MemoryEngine, topic: str) -> None:
        if len(ever) >= self._limits.max_topics and topic not in self.topics:
            raise TooManyTopics(self._limits.max_topics)
        original(self, topic)
        ever.add(f"{topic} {self.topics[topic].epoch}")

    wrap(patch, MemoryEngine, "create", create)


@mutant("rest", "the limit of topics is answered as if the topic existed", max_topics=20)
def topic_limit_as_topic_exists(patch: Patch) -> None:
    patch.setattr(TooManyTopics, "problem", "topic-exists")
    patch.setattr(TooManyTopics, "title", "Topic exists")


@mutant("websocket", "a handshake over max_connections has no Retry-After", max_connections=20)
def full_without_retry_after(patch: Patch) -> None:
    patch.setattr(problem, "TRY_LATER", {})


# Histories. asyncapi.yaml, "Replay"; topic_stats.yaml, retained


@mutant("behaviour", "a topic retains one message more than history_size", history_size=10)
def history_and_one(patch: Patch) -> None:
    wrap(patch, MemoryTopic, "__init__", lambda original, self, name, size: original(self, name, size + 1))


@mutant("behaviour", "a topic retains a message less than history_size", history_size=10)
def history_less_one(patch: Patch) -> None:
    wrap(patch, MemoryTopic, "__init__", lambda original, self, name, size: original(self, name, size - 1))


@mutant("behaviour", "history_bytes is not looked at", history_bytes=20_000)
def history_bytes_ignored(patch: Patch) -> None:
    wrap(patch, MemoryEngine, "_evict", lambda original, self, topic: None)


@mutant("behaviour", "a topic over history_bytes forgets all it retains", history_bytes=20_000)
def history_emptied_over_bytes(patch: Patch) -> None:
    def evict(original: Any, self: MemoryEngine, topic: MemoryTopic) -> None:
        original(self, topic)
        while topic.retained > 1:
            self._retained_bytes -= topic.evict_oldest()

    wrap(patch, MemoryEngine, "_evict", evict)


@mutant("behaviour", "a replay is cut to max_queue_size", max_queue_size=10)
def replay_cut_to_queue(patch: Patch) -> None:
    def put_replay(original: Any, self: Outbox, publications: Any) -> None:
        original(self, list(publications)[-self._limits.max_queue_size :])

    wrap(patch, Outbox, "put_replay", put_replay)
