"""The WebSocket, from the AsyncAPI document alone: any document of commands with replies over one connection.

A valid frame gets a reply that is declared for it, with its correlation id; an invalid one exactly one refusal; and the
connection lives. Nothing here knows a name that stands in a document.
"""

import functools
import itertools
import json
import uuid
from collections.abc import Iterator
from typing import Any

from specbus.verify.asyncapi import INVALID, Message, Operation, WebSocketDocument
from specbus.verify.checks import Check, check
from specbus.verify.generate import bodies, for_each
from specbus.verify.target import Broken, Closed, Frame, Peer, Silent, Target

_INVALID_DATA = 1007
_TOO_BIG = 1009
_HUGE = 32 * 1024 * 1024
"""Bytes of a frame that is larger than a server should take."""


def checks(target: Target) -> Iterator[Check]:
    """The checks that the target's document gives."""
    for operation in target.document.operations:
        yield Check(
            "websocket",
            f"a valid `{operation.name}` gets a reply that is declared, with its correlation id",
            f"{operation.place}/reply",
            lambda target, operation=operation: _valid(target, operation),  # type: ignore[misc]
        )
        yield Check(
            "websocket",
            f"an invalid `{operation.name}` gets one refusal, and the connection lives",
            f"{operation.place}/messages",
            lambda target, operation=operation: _invalid(target, operation),  # type: ignore[misc]
        )
    yield from _CHECKS


def last(target: Target) -> Check:
    """The check of all that the others received, for the end of a run."""
    return Check("websocket", "every frame from the server keeps its schema", target.document.place, _strays)


_CHECKS: list[Check] = []


class Conversation:
    """A connection on which frames are sent one by one, each followed by one that is known to be good."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._document = target.document
        self._peer: Peer | None = None
        self._numbers = itertools.count()

    @property
    def peer(self) -> Peer:
        """The connection; a new one after it was lost."""
        if self._peer is None:
            self._peer = self.target.peer()
        return self._peer

    def lose(self) -> None:
        """Give the connection up: what is on it belongs to a case that is over."""
        if self._peer:
            self._peer.close()
        self._peer = None

    def replies_to(self, data: str | bytes | tuple[str, ...], *, text: bool = True) -> list[Frame]:
        """What answers the frame `data`: all replies that come before the one to a good frame sent after it."""
        good, message = self.good()
        try:
            self.peer.send(data, text=text)
            self.peer.send(good)
            replies = self._replies_until(good, message)
            if self._document.is_refusal(replies[-1]):
                raise Broken(f"after it, a valid {message.name} is refused")
            return replies[:-1]
        except Broken:
            self.lose()
            raise

    def good(self) -> tuple[Frame, Message]:
        """A frame that must be taken, with a correlation id of its own, and what it is."""
        frame, message = self._good
        return with_id(self._document, message, frame, "good", next(self._numbers)), message

    def _replies_until(self, good: Frame, message: Message) -> list[Frame]:
        """All replies up to that to `good`."""
        field = self._document.correlation
        known = field is not None and field in good
        replies: list[Frame] = []
        until = self.target.soon()
        # Without correlation ids, the second reply is taken for that to `good`, unless there are more.
        while not (replies and replies[-1].get(field) == good[field] if known and field else len(replies) == 2):
            try:
                frame = self.peer.receive(until)
            except Silent:
                its = f" with its {field}" if known else ""
                raise Broken(f"after it, a valid {message.name} is not answered{its}") from None
            if self._is_reply(frame):
                replies.append(frame)
        if not known:
            self.peer.raw.ping().wait(self.target.patience())
            replies += filter(self._is_reply, self.peer.arrived())
        return replies

    @functools.cached_property
    def _good(self) -> tuple[Frame, Message]:
        document = self._document
        accepted = [
            (message.ours(example, self.target.prefix), message)
            for operation in document.operations
            for message in operation.messages
            for example in [_smallest(message.schema), *message.examples]
            if message.rules.accepts(example)
        ]
        if not accepted:
            raise Broken(f"{document.place} has no message with an example that it allows", rule=document.place)
        # Its reply can be told from others if it has an id; the shortest asks for least.
        field = document.correlation
        return min(
            accepted,
            key=lambda pair: (field not in with_id(document, pair[1], pair[0], "good", 0), len(json.dumps(pair[0]))),
        )

    def _is_reply(self, frame: Frame) -> bool:
        return self._document.sent_as(frame) in self._document.replies


def with_id(document: WebSocketDocument, message: Message, frame: Frame, word: str, number: int) -> Frame:
    """`frame` with a correlation id that no other pair of `word` and `number` gets; as it is, if it may have none."""
    field = document.correlation
    if field is None:
        return frame
    whole = 2 * number + (word == "good")
    for value in (f"{word}-{number}", f"{whole:x}", str(uuid.UUID(int=whole, version=4)), whole):
        if message.rules.accepts({**frame, field: value}):
            return {**frame, field: value}
    return frame


def _valid(target: Target, operation: Operation) -> None:
    conversation = Conversation(target)
    field = target.document.correlation
    numbers = itertools.count()

    def one(body: tuple[Any, str]) -> None:
        frame, _ = body
        if not isinstance(frame, dict) or not message.rules.accepts(frame) or not _is_text(frame):
            return
        frame = message.ours(frame, target.prefix)
        number = next(numbers)
        if number % 3:
            frame = with_id(target.document, message, frame, "case", number)
        replies = conversation.replies_to(json.dumps(frame, ensure_ascii=bool(number % 2)))
        if len(replies) != 1:
            raise Broken(f"a valid {message.name} gets {_count(len(replies), 'reply', 'replies')} instead of one")
        (reply,) = replies
        kind = target.document.sent_as(reply)
        if kind not in operation.replies:
            raise Broken(f"a valid {message.name} is answered with {kind and kind.name}, which is not its reply")
        if target.document.refusal.on_invalid and target.document.is_refusal(reply):
            raise Broken(f"a valid {message.name} is refused")
        _check_correlation(field, frame, reply)

    for message in operation.messages:
        for_each(target, bodies(message.schema, valid=True), target.options.examples, one)


def _invalid(target: Target, operation: Operation) -> None:
    conversation = Conversation(target)

    def one(body: tuple[Any, str]) -> None:
        value, label = body
        value = message.ours(value, target.prefix)
        data = value if isinstance(value, bytes) else json.dumps(value, default=lambda _: None)
        _refused(target, conversation, data, f"an invalid {message.name} ({label})" if label else "an invalid frame")

    for message in operation.messages:
        for_each(target, bodies(message.schema, valid=False), target.options.examples, one)
        for label, frame in _near_misses(target, message):
            target.cases += 1
            target.steps = []
            _refused(target, conversation, json.dumps(frame), f"an invalid {message.name} ({label})")


def _refused(target: Target, conversation: Conversation, data: str | bytes, what: str) -> None:
    """Send `data` as text, which must be refused once unless it is valid by chance."""
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        _not_utf_8(target, conversation, raw)
        return
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        value = None
    else:
        if target.document.is_valid(value):
            return
    replies = conversation.replies_to(text)
    if len(replies) != 1:
        raise Broken(f"{what} gets {_count(len(replies), 'reply', 'replies')} instead of one refusal")
    _check_refusal(target, replies[0], what)
    if isinstance(value, dict) and (field := target.document.correlation) and _readable_id(target, value, field):
        _check_correlation(field, value, replies[0])


def _check_refusal(target: Target, reply: Frame, what: str) -> None:
    refusal = target.document.refusal
    if target.document.sent_as(reply) is not refusal:
        kind = target.document.sent_as(reply)
        raise Broken(f"{what} is answered with {kind and kind.name} instead of {refusal.name}")
    if refusal.on_invalid and (problem := refusal.on_invalid.problem(reply)):
        raise Broken(f"{what} is refused, but not as invalid: {problem[1]}", rule=f"{refusal.place}/{INVALID}")


def _not_utf_8(target: Target, conversation: Conversation, data: bytes) -> None:
    """A text frame that is not UTF-8 (RFC 6455, 8.1) is refused, or the connection closed with 1007."""
    try:
        replies = conversation.replies_to(data)
    except Closed as closed:
        if closed.code != _INVALID_DATA:
            raise Broken(f"{closed.problem} for text that is not UTF-8, not with {_INVALID_DATA}") from None
    else:
        if len(replies) != 1:
            raise Broken("text that is not UTF-8 is neither refused nor the connection closed with 1007")
        _check_refusal(target, replies[0], "text that is not UTF-8")


@check("websocket", "RFC 6455, 5.6", _CHECKS)
def a_binary_frame_gets_one_refusal(target: Target) -> None:
    conversation = Conversation(target)
    for data in (b"", b"\x00\xff", json.dumps(conversation.good()[0]).encode()):
        target.cases += 1
        replies = conversation.replies_to(data, text=False)
        if len(replies) != 1:
            raise Broken(f"a binary frame gets {_count(len(replies), 'reply', 'replies')} instead of one refusal")
        _check_refusal(target, replies[0], "a binary frame")


@check("websocket", "RFC 8259, 2", _CHECKS)
def text_that_is_not_JSON_gets_one_refusal(target: Target) -> None:
    conversation = Conversation(target)
    good = json.dumps(conversation.good()[0])
    for text in ("", " ", "{", good[:-1], good + "}", good + good, "'" + good[1:], "NaN", "nul", "\ufeff" + good):
        target.cases += 1
        target.steps = []
        _refused(target, conversation, text, "text that is not JSON")


@check("websocket", "RFC 8259, 2", _CHECKS)
def JSON_that_is_no_object_gets_one_refusal(target: Target) -> None:
    conversation = Conversation(target)
    for text in ("null", "0", "true", '""', "[]", "[{}]", "{}", f"[{json.dumps(conversation.good()[0])}]"):
        target.cases += 1
        target.steps = []
        _refused(target, conversation, text, "JSON that is no command")


@check("websocket", "RFC 8259, 9", _CHECKS)
def deep_nesting_gets_one_refusal(target: Target) -> None:
    conversation = Conversation(target)
    for text in ("[" * 100_000, "[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000):
        target.cases += 1
        target.steps = []
        replies = conversation.replies_to(text)
        if len(replies) != 1:
            raise Broken(f"deep nesting gets {_count(len(replies), 'reply', 'replies')} instead of one refusal")
        _check_refusal(target, replies[0], "deep nesting")


@check("websocket", "RFC 6455, 7.4.1", _CHECKS)
def a_huge_frame_is_refused_or_ends_its_connection_with_1009(target: Target) -> None:
    peer = target.peer()
    target.cases += 1
    try:
        peer.send('{"a":"' + "x" * _HUGE + '"}')
        until = target.soon()
        while not target.document.is_refusal(peer.receive(until)):
            pass
    except Closed as closed:
        if closed.code not in (_TOO_BIG, 1006):
            raise Broken(f"{closed.problem} for a frame of {_HUGE} bytes, not with {_TOO_BIG}") from None
    conversation = Conversation(target)
    try:
        conversation.replies_to(json.dumps(conversation.good()[0]))
    except Broken:
        raise Broken("after a huge frame, the server does not answer another connection") from None


@check("websocket", "RFC 6455, 8.1", _CHECKS)
def text_that_is_not_UTF_8_is_refused_or_ends_its_connection_with_1007(target: Target) -> None:
    conversation = Conversation(target)
    good = json.dumps(conversation.good()[0]).encode()
    for data in (b"\xff", b'{"a":"\xc3"}', good[:-2] + b"\xed\xa0\x80" + good[-2:]):
        target.cases += 1
        target.steps = []
        _not_utf_8(target, conversation, data)


@check("websocket", "RFC 6455, 5.4", _CHECKS)
def a_fragmented_message_is_one_message(target: Target) -> None:
    conversation = Conversation(target)
    for parts in (2, 7):
        target.cases += 1
        good, message = conversation.good()
        text = json.dumps(good)
        step = max(1, len(text) // parts)
        pieces = tuple(text[at : at + step] for at in range(0, len(text), step))
        target.steps = []
        replies = conversation.replies_to(pieces)
        if len(replies) != 1 or target.document.is_refusal(replies[0]):
            raise Broken(f"a {message.name} in {len(pieces)} fragments is not taken as one frame")


@check("websocket", "RFC 6455, 5.5.2", _CHECKS)
def a_WebSocket_ping_is_answered(target: Target) -> None:
    target.cases += 1
    peer = target.peer()
    if not peer.raw.ping(b"are you there").wait(target.patience()):
        raise Broken("no pong came for a WebSocket ping")


def _strays(target: Target) -> None:
    """What all checks of this run received."""
    target.cases = target.frames
    found = [
        Broken(f"{problem} ({text[:300]})", rule=rule, steps=[]) for rule, (problem, text) in target.strays.items()
    ]
    if found:
        raise ExceptionGroup("strays", found)


def _near_misses(target: Target, message: Message) -> Iterator[tuple[str, Frame]]:
    """Frames that are wrong in one place: for a server that looks at some places only."""
    frame = _smallest(message.schema)
    if not message.rules.accepts(frame):
        frame = next((example for example in message.examples if message.rules.accepts(example)), None)
    if not isinstance(frame, dict):
        return
    frame = with_id(target.document, message, message.ours(frame, target.prefix), "case", 0)
    for where, what, wrong in _spoilt(message.schema, frame):
        if not message.rules.accepts(wrong):
            yield f"{'.'.join(where)} {what}".strip(), message.ours(wrong, target.prefix)


_WRONG: list[Any] = [None, True, -1, 1.5, "", " ", "1", "\x00", "x" * 5000, "a\n", "urn:x", [], {}]


def _spoilt(schema: Any, value: Any) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """What `value`, which keeps `schema`, becomes with something changed: where, what, and the whole."""
    rules = schema if isinstance(schema, dict) else {}
    match value:
        case dict():
            for name in value:
                yield (name,), "missing", {key: kept for key, kept in value.items() if key != name}
            for name, inner in {**{name: {} for name in value}, **rules.get("properties", {})}.items():
                for where, what, wrong in _changed(inner, value.get(name, _smallest(inner))):
                    yield (name, *where), what, {**value, name: wrong}
            yield (), "unknown field", {**value, "unknown-field": 1}
        case list():
            inner = rules.get("items", {})
            item = value[0] if value else _smallest(inner)
            for length in (rules.get("maxItems", 0) + 1, max(rules.get("minItems", 0), 1) - 1):
                yield (), f"has {_count(length, 'item', 'items')}", [item] * length
            for where, what, wrong in _changed(inner, item):
                yield ("0", *where), what, [wrong]
        case str():
            for more in ("x", "\n"):
                yield (), f"ends with {json.dumps(more)}", value + more
                yield (), f"begins with {json.dumps(more)}", more + value
            for length in (rules.get("maxLength", 0) + 1, max(rules.get("minLength", 0), 1) - 1):
                yield (), f"has {_count(length, 'character', 'characters')}", ((value or "x") * length)[:length]
        case int() | float():
            for bound, step in (("minimum", -1), ("maximum", 1)):
                if bound in rules:
                    yield (), f"is {rules[bound] + step}", rules[bound] + step


def _changed(schema: Any, value: Any) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    for wrong in _WRONG:
        yield (), f"is {json.dumps(wrong)[:20]}", wrong
    yield from _spoilt(schema, value)


def _smallest(schema: Any) -> Any:
    """A value of `schema` with nothing that is not required, as far as it can be told without a search."""
    if not isinstance(schema, dict):
        return None
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {name: _smallest(properties.get(name, {})) for name in schema.get("required", [])}
    for key in ("const", "example", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum") or schema.get("examples"):
        return (schema.get("enum") or schema["examples"])[0]
    match schema.get("type"):
        case "array":
            return [_smallest(schema.get("items", {}))] * schema.get("minItems", 0)
        case "string":
            return (
                "550e8400-e29b-41d4-a716-446655440000"
                if schema.get("format") == "uuid"
                else "x" * max(1, schema.get("minLength", 0))
            )
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
    return None


def _check_correlation(field: str | None, frame: Frame, reply: Frame) -> None:
    if field is None:
        return
    if field in frame and reply.get(field) != frame[field]:
        raise Broken(
            f"the reply does not repeat {field}: {json.dumps(frame[field])} was sent, {_id(reply, field)} came"
        )
    if field not in frame and field in reply:
        raise Broken(f"the reply has a {field} though none was sent")


def _id(reply: Frame, field: str) -> str:
    return json.dumps(reply[field]) if field in reply else "none"


def _readable_id(target: Target, frame: Frame, field: str) -> bool:
    """Whether `frame`, wrong elsewhere, has a correlation id that some message would allow."""
    messages = [message for operation in target.document.operations for message in operation.messages]
    return field in frame and any(
        message.rules.accepts({**example, field: frame[field]})
        for message in messages
        for example in [*message.examples, _smallest(message.schema)]
        if isinstance(example, dict)
    )


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return False
    return True


def _refuse_constant(constant: str) -> Any:
    raise ValueError(constant)


def _count(number: int, one: str, many: str) -> str:
    return f"no {one}" if number == 0 else f"{number} {one if number == 1 else many}"
