"""The WebSocket, from the AsyncAPI document alone: any document of commands with replies over one connection.

A valid frame gets a reply that is declared for it, with its correlation id; an invalid one exactly one refusal; and the
connection lives. Nothing here knows a name that stands in a document.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from contract_tests.asyncapi import INVALID, Message, Operation
from contract_tests.checks import Check, check
from contract_tests.generate import bodies, for_each
from contract_tests.target import Broken, Closed, Frame, Peer, Target

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
    yield Check("websocket", "every frame from the server keeps its schema", target.document.place, _strays)


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

    def replies_to(self, data: str | bytes, *, text: bool = True) -> list[Frame]:
        """What answers the frame `data`: all replies that come before the one to a good frame sent after it."""
        good, message = self.good()
        try:
            self.peer.send(data, text=text)
            self.peer.send(good)
            replies = []
            while True:
                frame = self.peer.receive()
                if not self._is_reply(frame):
                    continue
                if self._answers(frame, good, len(replies)):
                    if self._document.is_refusal(frame):
                        problem = f"after it, a valid {message.name} is refused"
                        raise Broken(problem)
                    return replies
                replies.append(frame)
        except Broken:
            self.lose()
            raise

    def good(self) -> tuple[Frame, Message]:
        """A frame that must be taken, with a correlation id of its own."""
        shortest = min(
            (
                (example, message)
                for operation in self._document.operations
                for message in operation.messages
                for example in [*message.examples, _smallest(message.schema)]
                if message.rules.accepts(example)
            ),
            key=lambda pair: len(json.dumps(pair[0])),
        )
        frame = dict(shortest[0])
        if self._document.correlation:
            frame[self._document.correlation] = f"good-{next(self._numbers)}"
        return frame, shortest[1]

    def _is_reply(self, frame: Frame) -> bool:
        return self._document.sent_as(frame) in self._document.replies

    def _answers(self, frame: Frame, good: Frame, before: int) -> bool:
        """Whether `frame` answers `good`; without correlation ids, the second reply must."""
        field = self._document.correlation
        return before == 1 if field is None else frame.get(field) == good[field]


def _valid(target: Target, operation: Operation) -> None:
    conversation = Conversation(target)
    field = target.document.correlation
    numbers = itertools.count()

    def one(body: tuple[Any, str]) -> None:
        frame, _ = body
        if not isinstance(frame, dict) or not message.rules.accepts(frame) or not _is_text(frame):
            return
        number = next(numbers)
        if field and number % 3 and message.rules.accepts({**frame, field: f"case-{number}"}):
            frame = {**frame, field: f"case-{number}"}
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
        data = value if isinstance(value, bytes) else json.dumps(value, default=lambda _: None)
        _refused(target, conversation, data, f"an invalid {message.name} ({label})" if label else "an invalid frame")

    for message in operation.messages:
        for_each(target, bodies(message.schema, valid=False), target.options.examples, one)
        for label, frame in _near_misses(message):
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
        raise Broken(f"{what} is refused, but not as invalid: {problem}", rule=f"{refusal.place}/{INVALID}")


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
def text_that_is_not_JSON_gets_one_refusal(target: Target) -> None:  # noqa: N802 - the name is the report's
    conversation = Conversation(target)
    good = json.dumps(conversation.good()[0])
    for text in ("", " ", "{", good[:-1], good + "}", good + good, "'" + good[1:], "NaN", "nul", "\ufeff" + good):
        target.cases += 1
        target.steps = []
        _refused(target, conversation, text, "text that is not JSON")


@check("websocket", "RFC 8259, 2", _CHECKS)
def JSON_that_is_no_object_gets_one_refusal(target: Target) -> None:  # noqa: N802 - the name is the report's
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
        while not target.document.is_refusal(peer.receive()):
            pass
    except Closed as closed:
        if closed.code not in (_TOO_BIG, 1006):
            raise Broken(f"{closed.problem} for a frame of {_HUGE} bytes, not with {_TOO_BIG}") from None
    conversation = Conversation(target)
    if conversation.replies_to("{"):
        return
    raise Broken("after a huge frame, the server does not answer another connection")


@check("websocket", "RFC 6455, 8.1", _CHECKS)
def text_that_is_not_UTF_8_is_refused_or_ends_its_connection_with_1007(target: Target) -> None:  # noqa: N802
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
        pieces = [text[at : at + step] for at in range(0, len(text), step)]
        conversation.peer.raw.send(iter(pieces))
        replies = conversation.replies_to(json.dumps(conversation.good()[0]))
        if len(replies) != 2 or any(map(target.document.is_refusal, replies)):
            raise Broken(f"a {message.name} in {len(pieces)} fragments is not taken as one frame")


@check("websocket", "RFC 6455, 5.5.2", _CHECKS)
def a_WebSocket_ping_is_answered(target: Target) -> None:  # noqa: N802 - the name is the report's
    target.cases += 1
    peer = target.peer()
    if not peer.raw.ping(b"are you there").wait(target.patience()):
        raise Broken("no pong came for a WebSocket ping")


def _strays(target: Target) -> None:
    """What all checks of this run received."""
    target.cases = target.frames
    found = [Broken(f"{problem} ({text[:300]})", steps=[]) for problem, text in target.strays.values()]
    if found:
        raise ExceptionGroup("strays", found)


def _near_misses(message: Message) -> Iterator[tuple[str, Frame]]:
    """Frames that are wrong in one place: for a server that looks at some places only."""
    frame = _smallest(message.schema)
    if not message.rules.accepts(frame):
        frame = next((example for example in message.examples if message.rules.accepts(example)), None)
    if not isinstance(frame, dict):
        return
    for label, wrong in _spoilt(message.schema, frame):
        if not message.rules.accepts(wrong):
            yield label, wrong


def _spoilt(schema: dict[str, Any], frame: Frame, path: str = "") -> Iterator[tuple[str, Frame]]:
    for name in frame:
        yield f"{path}{name} missing", {key: value for key, value in frame.items() if key != name}
        for value in (None, True, -1, 1.5, "", " ", "\x00", "x" * 5000, "a\n", "urn:x", [], {}):
            yield f"{path}{name} is {json.dumps(value)[:20]}", {**frame, name: value}
        inner = schema.get("properties", {}).get(name, {})
        if isinstance(frame[name], dict) and isinstance(inner, dict):
            for label, value in _spoilt(inner, frame[name], f"{path}{name}."):
                yield label, {**frame, name: value}
    for name, inner in schema.get("properties", {}).items():
        if name not in frame:
            for value in (None, True, -1, 1.5, "x" * 5000, [], {}):
                yield f"{path}{name} is {json.dumps(value)[:20]}", {**frame, name: value}
    yield f"{path}unknown field", {**frame, "unknown-field": 1}


def _smallest(schema: dict[str, Any]) -> Any:
    """A value of `schema` with nothing that is not required, as far as it can be told without a search."""
    for key in ("const", "example", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum") or schema.get("examples"):
        return (schema.get("enum") or schema["examples"])[0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: _smallest(properties.get(name, {})) for name in schema.get("required", [])}
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
