"""What the documents say in words: order, replay, deletion, counters, slow readers, heartbeat.

Each check creates topics of its own and looks at what real connections get. Nothing sleeps: an answer, or a frame sent
last, tells that all before it has come.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from specbus.verify import model
from specbus.verify.checks import Check, check
from specbus.verify.target import Broken, Closed, Frame, Peer, Silent, Target

_DOCUMENT = "asyncapi.yaml#/info/description"
_SUBSCRIBE = "asyncapi.yaml#/operations/subscribe"
_UNSUBSCRIBE = "asyncapi.yaml#/operations/unsubscribe"
_PUBLISH = "asyncapi.yaml#/operations/publish"
_EVENT = "asyncapi.yaml#/operations/event"
_INFO = "asyncapi.yaml#/operations/info"
_SLOW = "asyncapi.yaml#/operations/slowConsumer"
_HTTP_PUBLISH = "openapi.yaml#/paths/~1topics~1{name}~1messages/post"
_DELETE = "openapi.yaml#/paths/~1topics~1{name}/delete"
_CHECKS: list[Check] = []


def checks(target: Target) -> Iterator[Check]:
    """The checks, and the listening that one of them needs from the start."""
    heart = _Listener(target)
    yield from _CHECKS
    yield from model.checks()
    yield Check("behaviour", "heartbeats come at their interval", _INFO, heart.check)


# Commands in short


def subscribe(peer: Peer, topic: str, last_n: int | None = None, client_id: str = "verify") -> None:
    """Subscribe. Raises Broken unless that is acknowledged."""
    frame: Frame = {"type": "subscribe", "topic": topic, "client_id": client_id}
    if last_n is not None:
        frame["last_n"] = last_n
    _acknowledged(peer, frame)


def unsubscribe(peer: Peer, topic: str) -> None:
    """Unsubscribe. Raises Broken unless that is acknowledged."""
    _acknowledged(peer, {"type": "unsubscribe", "topic": topic, "client_id": "verify"})


def publish(peer: Peer, topic: str, payload: Any = None) -> str:
    """Publish; the message's id. Raises Broken unless that is acknowledged."""
    frame, id_ = publication(topic, payload)
    _acknowledged(peer, frame)
    return id_


def publication(topic: str, payload: Any = None) -> tuple[Frame, str]:
    """A publish frame, and its message's id."""
    id_ = str(uuid.uuid4())
    return {"type": "publish", "topic": topic, "message": {"id": id_, "payload": payload}}, id_


def _acknowledged(peer: Peer, frame: Frame) -> None:
    answer = peer.ask(frame)
    if answer.get("type") != "ack":
        raise Broken(f"a {frame['type']} that must be acknowledged is answered with {json.dumps(answer)[:300]}")


def events(peer: Peer, topic: str, count: int) -> list[str]:
    """The ids of the next `count` events of `topic`. Raises Broken if they do not come."""
    return [_id(event) for event in _events(peer, topic, count)]


def _events(peer: Peer, topic: str, count: int) -> list[Frame]:
    found: list[Frame] = []
    until = peer.target.soon()
    while len(found) < count:
        frame = peer.unread.pop(0) if peer.unread else _receive(peer, until, f"{count - len(found)} events of {topic}")
        if frame.get("type") != "event":
            continue
        if frame.get("topic") != topic:
            raise Broken(f"an event of topic {frame.get('topic')} came where only {topic} is expected", rule=_EVENT)
        if not isinstance(frame.get("message"), dict) or "id" not in frame["message"]:
            raise Broken("an event came without the message's id", rule=_EVENT)
        found.append(frame)
    return found


def _id(event: Any) -> str:
    """The id of an event's message; a text that is no id if it has none."""
    message = event.get("message") if isinstance(event, dict) else None
    return str(message.get("id")) if isinstance(message, dict) else "no id"


def _payload(event: Frame) -> Any:
    return event["message"].get("payload")


def _receive(peer: Peer, until: float, what: str) -> Frame:
    try:
        return peer.receive(until)
    except Silent:
        raise Broken(f"{what} did not come in time") from None


def nothing_more(peer: Peer, what: str) -> None:
    """Raise Broken if an event is on its way: what comes before the answer to a ping."""
    answer = peer.ask({"type": "ping", "request_id": "sentinel"})
    if answer.get("type") != "pong":
        raise Broken(f"a ping is answered with {json.dumps(answer)[:300]}")
    extra = [frame for frame in peer.unread if frame.get("type") == "event"]
    if extra:
        raise Broken(f"{what}: {json.dumps(extra[0])[:300]} came")


def same(got: list[str], expected: list[str], what: str) -> None:
    """Raise Broken unless the two lists of ids are the same; say in which way they differ."""
    if got == expected:
        return
    if len(set(got)) < len(got):
        problem = "a message came more than once"
    elif missing := [id_ for id_ in expected if id_ not in got]:
        problem = f"{len(missing)} of {len(expected)} messages did not come"
    elif [id_ for id_ in got if id_ not in expected]:
        problem = "a message came that was not due"
    else:
        problem = "the order is another"
    raise Broken(f"{what}: {problem}")


def _count(target: Target) -> int:
    return max(4, target.options.examples // 2)


# Fan-out


@check("behaviour", _EVENT, _CHECKS)
def every_subscriber_gets_every_message_exactly_once_in_one_order(target: Target) -> None:
    topic = target.topic()
    readers = [target.peer(f"reader{number}") for number in range(3)]
    writers = [target.peer(f"writer{number}") for number in range(2)]
    for reader in readers:
        subscribe(reader, topic)
    sent: set[str] = set()
    for _ in range(_count(target)):
        for writer in writers:
            frame, id_ = publication(topic)
            writer.send(frame)
            sent.add(id_)
            target.cases += 1
    for writer in writers:
        for _ in range(len(sent) // 2):
            if writer.answer().get("type") != "ack":
                raise Broken("a valid publish is not acknowledged", rule=_PUBLISH)
    orders = [events(reader, topic, len(sent)) for reader in readers]
    for reader, order in zip(readers, orders, strict=True):
        if set(order) != sent:
            same(sorted(order), sorted(sent), f"{reader.name} should get each message once")
        nothing_more(reader, f"{reader.name} has all messages, and yet")
    for order in orders[1:]:
        same(order, orders[0], "two subscribers of one topic")


@check("behaviour", _DOCUMENT, _CHECKS)
def messages_of_one_publisher_come_in_the_order_in_which_it_sent_them(target: Target) -> None:
    topic = target.topic()
    reader, writer = target.peer("reader"), target.peer("writer")
    subscribe(reader, topic)
    sent = []
    for _ in range(_count(target)):
        target.cases += 1
        frame, id_ = publication(topic)
        writer.send(frame)
        sent.append(id_)
    same(events(reader, topic, len(sent)), sent, "what one publisher sent")


@check("behaviour", _DOCUMENT, _CHECKS)
def nothing_crosses_topics(target: Target) -> None:
    one, other = target.topic(), target.topic()
    reader, both, writer = target.peer("reader"), target.peer("both"), target.peer("writer")
    subscribe(reader, one)
    subscribe(both, one)
    subscribe(both, other)
    mine = []
    for number in range(6):
        target.cases += 1
        id_ = publish(writer, other if number % 2 else one)
        mine += [] if number % 2 else [id_]
    same(events(reader, one, 3), mine, "a subscriber of one of two topics")
    nothing_more(reader, "a subscriber of one topic gets nothing of another")
    until = target.soon()
    came: list[str] = []
    while len(came) < 6:
        frame = (
            both.unread.pop(0) if both.unread else _receive(both, until, f"{6 - len(came)} of 6 events of two topics")
        )
        came += [str(frame.get("topic"))] if frame.get("type") == "event" else []
    if sorted(came) != sorted([one, other] * 3):
        raise Broken("a subscriber of two topics does not get the messages of each under its name")


@check("behaviour", _DOCUMENT, _CHECKS)
def a_publisher_that_is_subscribed_gets_its_own_message(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    subscribe(peer, topic)
    target.cases += 1
    id_ = publish(peer, topic)
    same(events(peer, topic, 1), [id_], "a publisher's own message")


@check("behaviour", _PUBLISH, _CHECKS)
def a_publisher_need_not_be_subscribed_and_then_gets_no_copy(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    target.cases += 1
    publish(peer, topic)
    nothing_more(peer, "a publisher that is not subscribed gets no events")


@check("behaviour", _PUBLISH, _CHECKS)
def the_ack_of_a_publish_follows_its_acceptance(target: Target) -> None:
    topic = target.topic()
    writer, reader = target.peer("writer"), target.peer("reader")
    for number in range(1, 6):
        target.cases += 1
        id_ = publish(writer, topic)
        subscribe(reader, topic, last_n=1)
        same(events(reader, topic, 1), [id_], "a message that was acknowledged is the newest retained one")
        counted = target.read("/stats", "topics", topic, "messages")
        if counted != number:
            raise Broken(f"after {number} acknowledged messages, /stats counts {counted}")
        unsubscribe(reader, topic)


@check("behaviour", _SUBSCRIBE, _CHECKS)
def many_connections_may_use_one_client_id(target: Target) -> None:
    topic = target.topic()
    readers = [target.peer(f"reader{number}") for number in range(3)]
    for reader in readers:
        subscribe(reader, topic, client_id="the same")
    target.cases += 1
    id_ = publish(target.peer("writer"), topic)
    for reader in readers:
        same(events(reader, topic, 1), [id_], "one of three connections with one client_id")


_PAYLOADS = [
    "null", "true", "0", "-0", "0.0", "99.5", "99.50", '"99.5"', "1e400", "-1E-400", "1E+2", "9007199254740993",
    "12345678901234567890123", '""', '"a string"', r'"\u0061\/\u00e9\ud83d\ude00"', r'"\ud800"', '"é😀\u2028"', "[]",
    "{}", "[ 1 ,\t2 ]", '{"b":1,"a":2}', '{"a":1,"a":2}', '{"":{"":[{}]}}', '{"type":"ack","topic":"x"}',
    '{ "spaces" : [ null , true ] }',
]  # fmt: skip


@check("behaviour", "asyncapi.yaml#/components/messages/Event", _CHECKS)
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
        until = target.soon()
        while not any('"event"' in frame for frame in frames) or len(frames) < 2:
            try:
                frames.append(peer.receive_text(until))
            except Silent:
                raise Broken(f"a message with the payload {payload} did not come out") from None
        if not any(payload in frame for frame in frames if '"event"' in frame):
            raise Broken(f"the payload {payload} did not come out as it went in")


@check("behaviour", "asyncapi.yaml#/components/messages/Event", _CHECKS)
def the_message_id_comes_out_as_it_went_in(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    subscribe(peer, topic)
    for id_ in ("550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-44665544000F"):
        target.cases += 1
        _acknowledged(peer, {"type": "publish", "topic": topic, "message": {"id": id_, "payload": 1}})
        same(events(peer, topic, 1), [id_], "the message's id")


@check("behaviour", _DOCUMENT, _CHECKS)
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
    nothing_more(reader, "what was refused must not be published")
    same([publish(writer, topic)], events(reader, topic, 1), "the first good message after refused ones")


# Subscriptions


@check("behaviour", _SUBSCRIBE, _CHECKS)
def a_second_subscribe_does_not_double_delivery(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    for last_n in (None, 0, None):
        target.cases += 1
        subscribe(peer, topic, last_n)
    id_ = publish(peer, topic)
    same(events(peer, topic, 1), [id_], "a connection that subscribed three times")
    nothing_more(peer, "a connection that subscribed three times gets each message once")
    unsubscribe(peer, topic)
    publish(peer, topic)
    nothing_more(peer, "one unsubscribe ends the subscription, however often it was asked for")


@check("behaviour", _SUBSCRIBE, _CHECKS)
def a_second_subscribe_with_last_n_replays_again(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    sent = [publish(peer, topic) for _ in range(3)]
    for _ in range(2):
        target.cases += 1
        subscribe(peer, topic, 2)
        same(events(peer, topic, 2), sent[-2:], "a replay asked for by one who is subscribed")
    id_ = publish(peer, topic)
    same(events(peer, topic, 1), [id_], "the first live message after replays")
    nothing_more(peer, "replays do not double delivery")


@check("behaviour", _UNSUBSCRIBE, _CHECKS)
def no_event_follows_the_ack_of_an_unsubscribe(target: Target) -> None:
    topic = target.topic()
    reader, writer = target.peer("reader"), target.peer("writer")
    subscribe(reader, topic)
    id_ = publish(writer, topic)
    same(events(reader, topic, 1), [id_], "a subscriber")
    target.cases += 1
    unsubscribe(reader, topic)
    reader.unread.clear()
    publish(writer, topic)
    nothing_more(reader, "a connection that unsubscribed gets no events")


@check("behaviour", _UNSUBSCRIBE, _CHECKS)
def an_unsubscribe_without_a_subscription_is_acknowledged(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    for _ in range(2):
        target.cases += 1
        unsubscribe(peer, topic)


@check("behaviour", _UNSUBSCRIBE, _CHECKS)
def an_unsubscribe_leaves_other_connections_and_topics_alone(target: Target) -> None:
    one, other = target.topic(), target.topic()
    leaves, stays = target.peer("leaves"), target.peer("stays")
    for peer in (leaves, stays):
        subscribe(peer, one)
        subscribe(peer, other)
    target.cases += 1
    unsubscribe(leaves, one)
    first, second = publish(stays, one), publish(stays, other)
    same(events(leaves, other, 1), [second], "the subscription that was not ended")
    got = [frame for frame in stays.unread if frame.get("type") == "event"]
    until = target.soon()
    while len(got) < 2:
        frame = _receive(stays, until, f"{2 - len(got)} of 2 events")
        got += [frame] if frame.get("type") == "event" else []
    same(
        [_id(frame) for frame in got],
        [first, second],
        "the connection that did not unsubscribe",
    )


@check("behaviour", "asyncapi.yaml#/components/schemas/ErrorCode", _CHECKS)
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


# Replay


@check("behaviour", _SUBSCRIBE, _CHECKS)
def a_replay_is_the_newest_messages_oldest_first_after_the_ack(target: Target) -> None:
    topic = target.topic()
    writer = target.peer("writer")
    sent = [publish(writer, topic) for _ in range(6)]
    for last_n in (0, 1, 3, 6, 7, 1000, 10**6):
        target.cases += 1
        reader = target.peer(f"last{last_n}")
        subscribe(reader, topic, last_n)
        if any(frame.get("type") == "event" for frame in reader.unread):
            raise Broken("a replayed event came before the ack")
        due = sent[len(sent) - min(last_n, 6) :]
        same(events(reader, topic, len(due)), due, f"a replay of {last_n} of 6 retained messages")
        nothing_more(reader, f"a replay of {last_n} of 6 retained messages is no longer than that")
    reader = target.peer("none")
    subscribe(reader, topic)
    nothing_more(reader, "without last_n nothing is replayed")


@check("behaviour", _SUBSCRIBE, _CHECKS)
def a_topic_retains_its_newest_messages_up_to_the_bound(target: Target) -> None:
    topic = target.topic()
    writer, reader = target.peer("writer"), target.peer("reader")
    bound = target.options.history
    sent = []
    for _ in range(bound + 2):
        frame, id_ = publication(topic)
        writer.send(frame)
        sent.append(id_)
    for _ in sent:
        writer.answer()
    target.cases += 1
    target.steps = []
    subscribe(reader, topic, bound + 2)
    same(events(reader, topic, bound), sent[-bound:], f"a replay of all of the {bound} messages that a topic retains")
    nothing_more(reader, f"a topic retains {bound} messages and no more")


@check("behaviour", _SUBSCRIBE, _CHECKS)
def a_replay_looks_like_the_live_events(target: Target) -> None:
    topic = target.topic()
    live, later = target.peer("live"), target.peer("later")
    subscribe(live, topic)
    target.cases += 1
    publish(live, topic, {"a": [1, None]})
    (first,) = _events(live, topic, 1)
    subscribe(later, topic, 1)
    (second,) = _events(later, topic, 1)
    if first != second:
        raise Broken(f"the live event is {json.dumps(first)}, the replayed one {json.dumps(second)}")


@check("behaviour", _SUBSCRIBE, _CHECKS)
def the_seam_between_replay_and_live_events_has_no_gap_and_no_repeat(target: Target) -> None:
    topic = target.topic()
    writer = target.peer("writer")
    total = 30 * max(4, target.options.examples // 4)
    stop = threading.Event()
    failed: list[Exception] = []

    def write() -> None:
        try:
            for number in range(total):
                writer.raw.send(json.dumps(publication(topic, number)[0]))
                writer.raw.recv(timeout=target.options.deadline)
        except Exception as error:
            failed.append(error)
        stop.set()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    readers: list[Peer] = []
    while not stop.is_set() and len(readers) < 60:
        reader = target.peer("reader")
        subscribe(reader, topic, 5)
        readers.append(reader)
        target.cases += 1
        target.steps = []
    thread.join()
    if failed:
        raise Broken(f"a publisher under load was not served: {failed[0]}")
    for reader in readers:
        last: Any = None
        while last != total - 1:
            (event,) = _events(reader, topic, 1)
            number, before = _payload(event), last
            last = number
            if before is None or number == before + 1:
                continue
            if not isinstance(number, int) or number <= before:
                raise Broken("around a replay that raced with publishes, a message came twice or out of order")
            raise Broken(f"around a replay that raced with publishes, {number - before - 1} messages are missing")


# Topics


@check("behaviour", _DELETE, _CHECKS)
def a_deleted_topic_tells_its_subscribers_and_is_gone(target: Target) -> None:
    topic = target.topic()
    readers = [target.peer("one"), target.peer("other")]
    for reader in readers:
        subscribe(reader, topic)
    target.cases += 1
    target.delete(topic)
    for reader in readers:
        until = target.soon()
        while True:
            frame = _receive(reader, until, "the info topic_deleted")
            if frame.get("type") == "info" and frame.get("msg") == "topic_deleted":
                break
        if frame.get("topic") != topic:
            raise Broken("the topic_deleted info does not name the topic", rule=_INFO)
    frame, _ = publication(topic)
    if readers[0].ask(frame).get("type") != "error":
        raise Broken("a message is accepted by a topic that was deleted")
    target.create(topic)
    publish(readers[0], topic)
    for reader in readers:
        nothing_more(reader, "a subscription outlived its topic")


@check("behaviour", _DELETE, _CHECKS)
def a_topic_that_is_created_again_has_nothing_of_its_former_life(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    publish(peer, topic)
    target.delete(topic)
    target.create(topic)
    target.cases += 1
    subscribe(peer, topic, 10)
    nothing_more(peer, "a new topic replays nothing of one that had its name")
    stats = target.read("/stats", "topics", topic)
    if not isinstance(stats, dict) or (stats.get("messages"), stats.get("subscribers")) != (0, 1):
        raise Broken(f"a new topic with one subscriber and no messages counts {json.dumps(stats)}")


@check("behaviour", "openapi.yaml#/paths/~1stats/get", _CHECKS)
def the_counts_follow_what_happens(target: Target) -> None:
    topic = target.topic()
    one, other = target.peer("one"), target.peer("other")

    def counts() -> tuple[Any, ...]:
        messages = target.read("/stats", "topics", topic, "messages")
        return messages, target.read("/stats", "topics", topic, "subscribers"), target.topics().get(topic)

    def expect(messages: int, subscribers: int, after: str) -> None:
        target.cases += 1
        wanted = (messages, subscribers, subscribers)
        target.until(
            lambda: counts() == wanted,
            lambda: (
                f"after {after} there are {messages} messages and {subscribers} subscribers, but /stats and /topics "
                f"say {counts()[0]}, {counts()[1]} and {counts()[2]}"
            ),
        )

    expect(0, 0, "a topic's creation")
    subscribe(one, topic)
    subscribe(other, topic)
    subscribe(other, topic)
    expect(0, 2, "three subscribes of two connections")
    for _ in range(3):
        publish(one, topic)
    expect(3, 2, "three messages")
    one.send({"type": "publish", "topic": topic, "message": {"id": "no", "payload": 1}})
    one.answer()
    expect(3, 2, "a message that was refused")
    unsubscribe(one, topic)
    unsubscribe(one, topic)
    expect(3, 1, "one connection's unsubscribe")
    other.close()
    expect(3, 0, "the last subscriber's going")


@check("behaviour", "openapi.yaml#/components/schemas/TopicStats", _CHECKS)
def the_count_of_deliveries_has_each_subscriber_and_replay(target: Target) -> None:
    topic = target.topic()
    one, other, later = target.peer("one"), target.peer("other"), target.peer("later")
    subscribe(one, topic)
    subscribe(other, topic)
    target.cases += 1
    for _ in range(3):
        publish(one, topic)
    events(other, topic, 3)
    subscribe(later, topic, 2)
    events(later, topic, 2)
    delivered = target.read("/stats", "topics", topic, "delivered")
    if delivered != 8:
        raise Broken(
            f"three messages to two subscribers and a replay of two are 8 deliveries; /stats counts {delivered}"
        )


@check("behaviour", "openapi.yaml#/paths/~1health/get", _CHECKS)
def the_health_counts_topics_and_subscribers(target: Target) -> None:
    def health() -> tuple[Any, Any]:
        return target.read("/health", "topics"), target.read("/health", "subscribers")

    topics, subscribers = health()
    topic = target.topic()
    peer = target.peer()
    subscribe(peer, topic)
    # A subscriber of two topics is a subscriber of each.
    extra = target.topic()
    subscribe(peer, extra)
    topics, subscribers = topics + 1, subscribers + 1
    acts: list[tuple[tuple[int, int], Callable[[], None], str]] = [
        ((topics + 1, subscribers + 1), lambda: None, "two more topics and one subscriber of both"),
        ((topics + 1, subscribers - 1), peer.close, "the going of a subscriber of two topics"),
        ((topics, subscribers - 1), lambda: target.delete(topic), "a topic's deletion"),
    ]
    for wanted, act, after in acts:
        target.cases += 1
        act()
        target.until(
            lambda wanted=wanted: health() == wanted,  # type: ignore[misc]
            lambda wanted=wanted, after=after: f"after {after}, /health says {health()} and not {wanted}",  # type: ignore[misc]
        )
    first = target.read("/health", "uptime_sec")
    if not isinstance(first, int) or first < 0:
        raise Broken(f"/health gives {first!r} as uptime_sec")


# Over HTTP


@check("behaviour", _HTTP_PUBLISH, _CHECKS)
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
    same(events(reader, topic, 4), sent, "messages published over HTTP and WebSocket by turns")
    subscribe(later, topic, 4)
    same(events(later, topic, 4), sent, "a replay of messages published over HTTP and WebSocket by turns")
    for last_n, due in ((None, sent), (3, sent[-3:]), (0, []), (9, sent)):
        path = f"/topics/{topic}/messages" + ("" if last_n is None else f"?last_n={last_n}")
        retained = target.read(path, "events")
        same([_id(event) for event in retained] if isinstance(retained, list) else [], due, f"GET {path}")
    counted = target.read("/stats", "topics", topic, "messages")
    if counted != 4:
        raise Broken(f"of two messages published over HTTP and two over WebSocket, /stats counts {counted}")
    if '{"b":1.50,"a":[]}' not in target.call("GET", path).text:
        raise Broken("a payload published over HTTP does not come out as it went in")


# Slow readers


@check("behaviour", _SLOW, _CHECKS)
def a_slow_reader_is_told_what_it_lost_and_the_others_lose_nothing(target: Target) -> None:
    topic = target.topic()
    slow = target.peer("slow", max_queue=1)
    fast, writer = target.peer("fast"), target.peer("writer")
    subscribe(slow, topic)
    subscribe(fast, topic)
    bulk = "x" * 65_536
    sent = 0
    target.cases += 1
    while sent < 1_500:
        for _ in range(20):
            writer.send(publication(topic, [sent, bulk])[0])
            sent += 1
        for _ in range(20):
            writer.answer()
        numbers = [payload[0] for event in _events(fast, topic, 20) if isinstance(payload := _payload(event), list)]
        if numbers != list(range(sent - 20, sent)):
            raise Broken("a fast reader did not get all messages in order while another one was slow")
        target.steps = target.steps[:6]
        if target.read("/stats", "topics", topic, "dropped") > 50:
            break
    lost, got = 0, -1
    until = target.soon()
    while got + lost + 1 < sent:
        try:
            frame = slow.receive(until)
        except Silent:
            raise Broken(
                f"of {sent} messages a slow reader got {got + 1} and was told that {lost} were dropped: "
                f"{sent - got - 1 - lost} are missing"
            ) from None
        except Closed as closed:
            if lost and closed.code == 1013:
                return  # the policy `disconnect`
            raise Broken(f"a reader that was slow was cut off: {closed.problem}") from None
        target.steps = target.steps[:6]
        error = frame.get("error")
        if frame.get("type") == "error" and isinstance(error, dict) and error.get("code") == "SLOW_CONSUMER":
            if frame.get("topic") != topic:
                raise Broken("SLOW_CONSUMER does not name the topic")
            if not isinstance(error.get("dropped"), int):
                raise Broken("SLOW_CONSUMER does not say how many messages were dropped")
            lost += error["dropped"]
        elif frame.get("type") == "event":
            got += 1
            payload = (frame.get("message") or {}).get("payload")
            if not isinstance(payload, list) or payload[0] != got + lost:
                raise Broken(
                    f"a slow reader got {got} messages and was told that {lost} were dropped, "
                    f"but the next one is number {str(payload)[:20]} instead of {got + lost}"
                )
    if not lost:
        raise Broken(
            f"of {sent} large messages none was dropped for a reader that does not read: the queue has no bound"
        )
    counted = target.read("/stats", "topics", topic, "dropped")
    if counted != lost:
        raise Broken(f"a slow reader was told of {lost} dropped messages, /stats counts {counted}")
    id_ = publish(writer, topic)
    same(events(slow, topic, 1), [id_], "a reader that caught up")


class _Listener:
    """A connection that does nothing but wait for heartbeats, from the start of the run."""

    def __init__(self, target: Target) -> None:
        self._target = target
        try:
            self._peer: Peer | None = target.peer("listener")
            target.keep(self._peer)
        except Broken:
            self._peer = None

    def check(self, target: Target) -> None:
        """Wait for a heartbeat."""
        target.cases += 1
        peer = self._peer or target.peer("listener")
        until = target.soon() + target.options.heartbeat
        while True:
            frame = _receive(peer, until, f"a heartbeat within {target.options.heartbeat:g} s")
            if frame.get("type") == "info" and frame.get("msg") == "ping":
                return
