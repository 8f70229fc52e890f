"""A publish: when it is acknowledged, what comes out of it, over WebSocket and HTTP."""

import json
import uuid

from specbus.verify.behaviour.commands import (
    DOCUMENT,
    HTTP_PUBLISH,
    PUBLISH,
    acknowledged,
    check_nothing_more,
    check_same,
    event_ids,
    message_id,
    publication,
    publish,
    subscribe,
    unsubscribe,
)
from specbus.verify.checks import check, needs_history
from specbus.verify.failures import Broken, TimedOut
from specbus.verify.target import Target


@check("behaviour", PUBLISH, when=needs_history(1))
def the_ack_of_a_publish_follows_its_acceptance(target: Target) -> None:
    topic = target.topic()
    writer, reader = target.peer("writer"), target.peer("reader")
    for number in range(1, 6):
        target.cases += 1
        id_ = publish(writer, topic)
        subscribe(reader, topic, last_n=1)
        check_same(event_ids(reader, topic, 1), [id_], "a message that was acknowledged is the newest retained one")
        counted = target.read("/stats", "topics", topic, "messages")
        if counted != number:
            raise Broken(f"after {number} acknowledged messages, /stats counts {counted}")
        unsubscribe(reader, topic)


_PAYLOADS = [
    "null", "true", "0", "-0", "0.0", "99.5", "99.50", '"99.5"', "1e400", "-1E-400", "1E+2", "9007199254740993",
    "12345678901234567890123", '""', '"a string"', r'"\u0061\/\u00e9\ud83d\ude00"', r'"\ud800"', '"é😀\u2028"', "[]",
    "{}", "[ 1 ,\t2 ]", '{"b":1,"a":2}', '{"a":1,"a":2}', '{"":{"":[{}]}}', '{"type":"ack","topic":"x"}',
    '{ "spaces" : [ null , true ] }',
]  # fmt: skip


@check("behaviour", "asyncapi.yaml#/components/messages/Event")
def payloads_come_out_byte_for_byte_as_they_went_in(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    subscribe(peer, topic)
    for payload in _PAYLOADS:
        target.cases += 1
        target.steps = target.steps[:4]
        text = f'{{"type":"publish","topic":"{topic}","message":{{"id":"{uuid.uuid4()}","payload":{payload}}}}}'
        peer.send(text)
        frames: list[str] = []
        until = target.deadline()
        while not any('"event"' in frame for frame in frames) or len(frames) < 2:
            try:
                frames.append(peer.receive_text(until))
            except TimedOut:
                raise Broken(f"a message with the payload {payload} did not come out") from None
        if not any(payload in frame for frame in frames if '"event"' in frame):
            raise Broken(f"the payload {payload} did not come out as it went in")


@check("behaviour", "asyncapi.yaml#/components/messages/Event")
def the_message_id_comes_out_as_it_went_in(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    subscribe(peer, topic)
    for id_ in ("550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-44665544000F"):
        target.cases += 1
        acknowledged(peer, {"type": "publish", "topic": topic, "message": {"id": id_, "payload": 1}})
        check_same(event_ids(peer, topic, 1), [id_], "the message's id")


@check("behaviour", DOCUMENT)
def a_frame_that_is_refused_has_no_effect(target: Target) -> None:
    topic = target.topic()
    reader, writer = target.peer("reader"), target.peer("writer")
    subscribe(reader, topic)
    for wrong in (
        {"type": "publish", "topic": topic, "message": {"id": "not-a-uuid", "payload": 1}},
        {"type": "publish", "topic": topic, "message": {"id": str(uuid.uuid4()), "payload": 1}, "extra": 1},
        {"type": "publish", "topic": topic, "message": {"id": str(uuid.uuid4())}},
        {"type": "unsubscribe", "topic": topic},
    ):
        target.cases += 1
        writer.send(wrong)
        writer.answer()
    check_nothing_more(reader, "what was refused must not be published")
    check_same([publish(writer, topic)], event_ids(reader, topic, 1), "the first good message after refused ones")


@check("behaviour", "asyncapi.yaml#/components/schemas/ErrorCode")
def an_unknown_topic_is_an_error_and_is_not_created(target: Target) -> None:
    name = f"{target.prefix}none"
    peer = target.peer()
    frames = [
        {"type": "subscribe", "topic": name, "client_id": "verify", "request_id": "r"},
        {"type": "unsubscribe", "topic": name, "client_id": "verify", "request_id": "r"},
        {**publication(name)[0], "request_id": "r"},
    ]
    for frame in frames:
        target.cases += 1
        answer = peer.ask(frame)
        code = answer.get("error", {}).get("code") if isinstance(answer.get("error"), dict) else None
        if code != "TOPIC_NOT_FOUND":
            raise Broken(f"a {frame['type']} to a topic that does not exist is not answered with TOPIC_NOT_FOUND")
        if name in target.topics():
            raise Broken(f"a {frame['type']} to a topic that does not exist created it")


@check("behaviour", HTTP_PUBLISH, when=needs_history(4))
def a_message_published_over_HTTP_is_like_any_other(target: Target) -> None:
    topic = target.topic()
    reader, later = target.peer("reader"), target.peer("later")
    subscribe(reader, topic)
    sent = []
    for number in range(4):
        target.cases += 1
        if number % 2:
            sent.append(publish(reader, topic))
            continue
        sent.append(str(uuid.uuid4()))
        body = f'{{"id":"{sent[-1]}","payload":{{"b":1.50,"a":[]}}}}'
        response = target.call(
            "POST", f"/topics/{topic}/messages", content=body, headers={"Content-Type": "application/json"}
        )
        if not response.is_success:
            raise Broken(f"a message published over HTTP is answered with {response.status_code}")
    check_same(event_ids(reader, topic, 4), sent, "messages published over HTTP and WebSocket by turns")
    subscribe(later, topic, 4)
    check_same(event_ids(later, topic, 4), sent, "a replay of messages published over HTTP and WebSocket by turns")
    for last_n, due in ((None, sent), (3, sent[-3:]), (0, []), (9, sent)):
        path = f"/topics/{topic}/messages" + ("" if last_n is None else f"?last_n={last_n}")
        retained = target.read(path, "events")
        check_same([message_id(event) for event in retained] if isinstance(retained, list) else [], due, f"GET {path}")
    counted = target.read("/stats", "topics", topic, "messages")
    if counted != 4:
        raise Broken(f"of two messages published over HTTP and two over WebSocket, /stats counts {counted}")
    if '{"b":1.50,"a":[]}' not in target.call("GET", path).text:
        raise Broken("a payload published over HTTP does not come out as it went in")


@check("behaviour", DOCUMENT)
def the_error_for_a_publish_that_nests_too_deep_has_its_request_id(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    for nested in ("[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000):
        target.cases += 1
        # In front: who reads no further than it nests too deep has read it.
        frame = json.dumps({"request_id": "deep", **publication(topic, "@@")[0]})
        answer = peer.ask(frame.replace('"@@"', nested))
        if answer.get("type") != "error":
            raise Broken("a publish whose payload is 10,000 levels deep is not refused")
        if answer.get("request_id") != "deep":
            id_ = json.dumps(answer["request_id"]) if "request_id" in answer else "none"
            raise Broken(f'the error for a publish that nests too deep has the request_id {id_}, not "deep"')
