"""A publish: when it is acknowledged, what comes out of it, over WebSocket and HTTP."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from specbus.verify.asyncapi import Frame
from specbus.verify.behaviour.commands import (
    DOCUMENT,
    HTTP_PUBLISH,
    PUBLISH,
    acknowledged,
    check_nothing_more,
    check_same,
    event_ids,
    publish,
    publish_over_http,
    subscribe,
    unsubscribe,
)
from specbus.verify.checks import RISKY, check, needs_history
from specbus.verify.failures import Broken, Skipped, TimedOut
from specbus.verify.messages import Messages
from specbus.verify.target import Target
from specbus.verify.topics import NEWEST, RETAINED
from specbus.verify.topics import PUBLISH as PUBLISHED
from specbus.verify.websocket.conversation import with_id
from specbus.verify.websocket.refusals import check_correlation


@check("behaviour", PUBLISH, when=needs_history(1))
def the_ack_of_a_publish_follows_its_acceptance(target: Target) -> None:
    topic = target.topics.new()
    writer, reader = target.peer("writer"), target.peer("reader")
    for number in range(1, 6):
        target.cases += 1
        id_ = publish(writer, topic)
        if target.bus.may_replay(1):
            subscribe(reader, topic, 1)
            check_same(event_ids(reader, topic, 1), [id_], "a message that was acknowledged is the newest retained one")
        counted = target.topics.counted(topic, "messages")
        if counted != number:
            raise Broken(f"after {number} acknowledged messages, /stats counts {counted}")
        if target.bus.may_replay(1):
            unsubscribe(reader, topic)


_PAYLOADS = [
    "null", "true", "0", "-0", "0.0", "99.5", "99.50", '"99.5"', "1e400", "-1E-400", "1E+2", "9007199254740993",
    "12345678901234567890123", '""', '"a string"', r'"\u0061\/\u00e9\ud83d\ude00"', r'"\ud800"', '"é😀\u2028"', "[]",
    "{}", "[ 1 ,\t2 ]", '{"b":1,"a":2}', '{"a":1,"a":2}', '{"":{"":[{}]}}', '{"type":"ack","topic":"x"}',
    '{ "spaces" : [ null , true ] }', '"<a href=x>&amp;</a>"', r'"\u00E9\u00e9\u001F\n"', r'"a\u0000b"',
    '"e\u0301 \u212b"', '"\ufeff"', '{"2":1,"10":2,"1":3}', '{"a":null,"b":[null]}', '{\r\n"a":\r\n1}',
    '"  two  blanks  "', r'" \t\t \n\n "', '"\u00a0 \u3000"',
    '"[[[[{{{{" ', ' [ ] ', json.dumps("[" * 300), "[" + "[]," * 300 + "1.50]", "[" * 40 + "1.50" + "]" * 40,
    '{"bulk":"' + "x" * 5000 + '","n":1.50,"\u00e9":"\u00e9"}', '"' + "\u00e9" * 9000 + '"',
]  # fmt: skip
"""JSON as people and programs write it."""


def _payload_texts(messages: Messages) -> list[str]:
    """JSON texts that may be published, of which many could be written in another way. Raises Skipped."""
    if not messages.is_verbatim:
        raise Skipped("the document does not say that messages come out as they went in (x-verbatim)")
    texts = [text for text in _PAYLOADS if messages.takes(json.loads(text))]
    # Of those that are allowed here only, with blanks and escapes that nobody needs.
    for payload in messages.payloads()[:10]:
        text = json.dumps(payload, separators=(" , ", " :  "))
        texts += [text, text.replace('"a', '"\\u0061'), json.dumps(payload, ensure_ascii=False, indent=1)]
    return [text for text in dict.fromkeys(texts) if messages.takes(json.loads(text))]


@check("behaviour", "asyncapi.yaml#/components/messages/Event")
def payloads_come_out_byte_for_byte_as_they_went_in(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    subscribe(peer, topic)
    messages = target.bus.messages
    for text in _payload_texts(messages):
        target.cases += 1
        target.steps = target.steps[:4]
        frame, _ = target.bus.publish(topic)
        message = frame[target.bus.message_field]
        # The text takes the place of the payload, behind its name.
        written = json.dumps({**message, messages.payload_field: "@@"}).replace('"@@"', text)
        peer.send(target.bus.with_message(frame, written))
        frames: list[str] = []
        until = target.deadline()
        while not any(map(_is_event(target), frames)) or len(frames) < 2:
            try:
                frames.append(peer.receive_text(until))
            except TimedOut:
                raise Broken(f"a message with the payload {text} did not come out") from None
        if not any(written in each for each in frames if _is_event(target)(each)):
            raise Broken(f"the payload {text} did not come out as it went in")


def _is_event(target: Target) -> Callable[[str], bool]:
    def judge(text: str) -> bool:
        try:
            frame = json.loads(text)
        except ValueError:
            return False
        return isinstance(frame, dict) and target.bus.is_event(frame)

    return judge


@check("behaviour", "asyncapi.yaml#/components/messages/Event")
def the_message_id_comes_out_as_it_went_in(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    subscribe(peer, topic)
    odd = ("550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-44665544000F")
    for id_ in (*filter(target.bus.messages.takes_id, odd), target.bus.messages.new_id()):
        target.cases += 1
        acknowledged(peer, target.bus.publish(topic, id_=id_)[0])
        check_same(event_ids(peer, topic, 1), [id_], "the message's id")


def _without_a_part(frame: Frame) -> Iterator[Frame]:
    """`frame` without one of its fields, or of those of an object in it, or with one too many."""
    yield {**frame, "unknown-field": 1}
    for name, value in frame.items():
        yield {other: kept for other, kept in frame.items() if other != name}
        if isinstance(value, dict):
            yield from ({**frame, name: part} for part in _without_a_part(value))


@check("behaviour", DOCUMENT)
def a_frame_that_is_refused_has_no_effect(target: Target) -> None:
    topic = target.topics.new()
    reader, writer = target.peer("reader"), target.peer("writer")
    subscribe(reader, topic)
    document = target.document
    for wrong in _without_a_part(target.bus.publish(topic)[0]):
        if document.is_valid(wrong):
            continue
        target.cases += 1
        writer.send(wrong)
        writer.answer()
    check_nothing_more(reader, "what was refused must not be published")
    check_same([publish(writer, topic)], event_ids(reader, topic, 1), "the first good message after refused ones")


@check("behaviour", "asyncapi.yaml#/components/schemas/ErrorCode")
def an_unknown_topic_is_an_error_and_is_not_created(target: Target) -> None:
    name = target.topics.new_name()
    peer = target.peer()
    bus = target.bus
    for frame in (bus.subscribe(name), bus.unsubscribe(name), bus.publish(name)[0]):
        target.cases += 1
        what = target.document.message_of(frame)
        answer = peer.ask(frame)
        if not bus.is_unknown(answer):
            raise Broken(
                f"a {what and what.name} to a topic that does not exist is answered with {json.dumps(answer)[:200]}, "
                f"not with {json.dumps(bus.unknown)}"
            )
        if name in target.topics.listed():
            raise Broken(f"a {what and what.name} to a topic that does not exist created it")


@check("behaviour", HTTP_PUBLISH, when=needs_history(4))
def a_message_published_over_HTTP_is_like_any_other(target: Target) -> None:
    topic = target.topics.new()
    reader, later = target.peer("reader"), target.peer("later")
    subscribe(reader, topic)
    sent = []
    for number in range(4):
        target.cases += 1
        if number % 2:
            sent.append(publish(reader, topic))
            continue
        status, _, id_ = publish_over_http(target, topic)
        sent.append(id_)
        if status >= 300:
            raise Broken(f"a message published over HTTP is answered with {status}")
    check_same(event_ids(reader, topic, 4), sent, "messages published over HTTP and WebSocket by turns")
    if target.bus.may_replay(4):
        subscribe(later, topic, 4)
        check_same(event_ids(later, topic, 4), sent, "a replay of messages published over HTTP and WebSocket by turns")
    check_same(_retained(target, topic), sent, "a read of what a topic retains")
    newest = target.topics.operation(RETAINED)
    for count, due in ((3, sent[-3:]), (0, []), (9, sent)):
        if newest.allows(NEWEST, count):
            got = _retained(target, topic, **{NEWEST: count})
            check_same(got, due, f"a read of the newest {count} messages of a topic")
    counted = target.topics.counted(topic, "messages")
    if counted != 4:
        raise Broken(f"of two messages published over HTTP and two over WebSocket, /stats counts {counted}")


def _retained(target: Target, topic: str, **query: int) -> list[Any]:
    """The ids of what a topic retains, read over HTTP. Raises Broken, and Skipped."""
    events = target.read(target.topics.path(RETAINED, topic, **query), "events")
    return [target.bus.id_of(event) for event in events] if isinstance(events, list) else []


@check("behaviour", HTTP_PUBLISH, when=needs_history(1))
def a_payload_published_over_HTTP_comes_out_byte_for_byte_as_it_went_in(target: Target) -> None:
    topic = target.topics.new()
    messages = target.topics.messages
    path, operation = target.topics.path(PUBLISHED, topic), target.topics.operation(PUBLISHED)
    reading = target.topics.path(RETAINED, topic)
    for text in _payload_texts(messages)[:30]:
        target.cases += 1
        target.steps = target.steps[:2]
        message, _ = messages.new()
        written = json.dumps({**message, messages.payload_field: "@@"}).replace('"@@"', text)
        headers = {"Content-Type": "application/json", **operation.headers()}
        response = target.call(operation.method, path, content=written.encode(), headers=headers)
        if not response.is_success:
            raise Broken(f"a message published over HTTP is answered with {response.status_code}")
        if written not in target.call("GET", reading).text:
            raise Broken(f"the payload {text} published over HTTP does not come out as it went in")


def _nested(levels: int) -> tuple[str, str]:
    """Arrays, and objects, that nest so many levels."""
    return "[" * levels + "]" * levels, '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


def _depth(messages: Messages) -> int:
    """How many levels a payload may nest. Raises Skipped where the document does not say, or not of any payload."""
    if messages.depth is None:
        raise Skipped("the document does not say how deep a payload may nest (x-publish.depth)")
    if not all(messages.takes(json.loads(text)) for text in _nested(3)):
        raise Skipped("the document allows no payload that nests")
    return messages.depth


@check("behaviour", DOCUMENT)
def a_payload_that_nests_as_deep_as_it_may_is_taken(target: Target) -> None:
    depth = _depth(target.bus.messages)
    topic, peer = target.topics.new(), target.peer()
    for nested in _nested(depth):
        target.cases += 1
        text, _ = _with_payload(target, topic, nested)
        if not target.bus.is_ack(peer.ask(text)):
            raise Broken(f"a publish whose payload nests {depth} levels deep, as it may, is refused")


@check("behaviour", DOCUMENT, order=RISKY)
def a_publish_that_nests_too_deep_is_refused_with_its_correlation_id(target: Target) -> None:
    depth = _depth(target.bus.messages)
    topic, peer = target.topics.new(), target.peer()
    for levels in (depth + 1, 10_000):
        for nested in _nested(levels):
            target.cases += 1
            text, frame = _with_payload(target, topic, nested)
            command = target.document.message_of(frame)
            answer = peer.ask(text)
            if target.bus.is_ack(answer):
                raise Broken(f"a publish whose payload nests {levels} levels deep, more than {depth}, is not refused")
            if command is not None:
                check_correlation(target, command, frame, answer)


def _with_payload(target: Target, topic: str, payload: str) -> tuple[str, Frame]:
    """A publish with that text as its payload, and what stands before the payload in it. Raises Skipped."""
    bus = target.bus
    frame, _ = bus.publish(topic)
    command = target.document.message_of(frame)
    with_id_ = with_id(command, frame, "deep", 0) if command else frame
    # The id in front: who reads no further than it nests too deep has read it.
    first = {name: value for name, value in with_id_.items() if name != bus.message_field}
    message = {**frame[bus.message_field], bus.messages.payload_field: "@@"}
    text = json.dumps({**dict(reversed(first.items())), bus.message_field: message})
    return text.replace('"@@"', payload), with_id_
