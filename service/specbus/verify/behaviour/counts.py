"""The numbers of a topic: what `/stats`, `/topics` and `/topics/{name}` count."""

import json
import math
from typing import Any

from specbus.verify.behaviour.commands import event_ids, publish, publish_over_http, subscribe, unsubscribe
from specbus.verify.checks import check, needs_history
from specbus.verify.failures import Broken
from specbus.verify.target import Target
from specbus.verify.topics import RETAINED, STATS

_AT_ONCE = 6
"""Messages that are sent in one go."""
_NOTHING = {"messages": 0, "delivered": 0, "dropped": 0, "retained": 0, "evicted": 0}
_MAX_HISTORY = 1_000
"""Messages that are published at most to fill a topic."""
_MAX_BYTES = 1 << 20
"""Bytes that are published at most for that."""
_KEPT = 2
"""What a message takes at most where it is kept, in lengths of its frame."""


@check("behaviour", "openapi.yaml#/paths/~1stats/get")
def the_counts_follow_what_happens(target: Target) -> None:
    topic = target.topics.new()
    one, other = target.peer("one"), target.peer("other")

    def counts() -> tuple[Any, ...]:
        topics = target.topics
        return topics.counted(topic, "messages"), topics.counted(topic, "subscribers"), topics.listed().get(topic)

    def expect(messages: int, subscribers: int, after: str) -> None:
        target.cases += 1
        wanted = (messages, subscribers, subscribers)
        target.wait_for(
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
    refused = target.bus.publish(topic)[0]
    del refused[target.bus.key]
    one.send(refused)
    one.answer()
    expect(3, 2, "a message that was refused")
    unsubscribe(one, topic)
    unsubscribe(one, topic)
    expect(3, 1, "one connection's unsubscribe")
    subscribe(one, topic)
    expect(3, 2, "its subscribing again")
    one.close()
    expect(3, 1, "one subscriber's going")
    unsubscribe(other, topic)
    expect(3, 0, "the last subscriber's unsubscribe")


@check("behaviour", "openapi.yaml#/components/schemas/TopicStats", when=needs_history(2))
def the_count_of_deliveries_has_each_subscriber_and_replay(target: Target) -> None:
    topic = target.topics.new()
    one, other, later = target.peer("one"), target.peer("other"), target.peer("later")
    subscribe(one, topic)
    subscribe(other, topic)
    target.cases += 1
    for _ in range(3):
        publish(one, topic)
    event_ids(other, topic, 3)
    subscribe(later, topic, 2)
    event_ids(later, topic, 2)
    delivered = target.topics.counted(topic, "delivered")
    if delivered != 8:
        raise Broken(
            f"three messages to two subscribers and a replay of two are 8 deliveries; /stats counts {delivered}"
        )


@check("behaviour", "openapi.yaml#/components/schemas/TopicStats")
def messages_that_come_at_once_are_counted_and_delivered_one_by_one(target: Target) -> None:
    topic = target.topics.new()
    readers = [target.peer("one"), target.peer("other")]
    for reader in readers:
        subscribe(reader, topic)
    target.cases += 1
    frames = [target.bus.publish(topic)[0] for _ in range(_AT_ONCE)]
    target.peer("writer").send_together(frames)
    for reader in readers:
        event_ids(reader, topic, _AT_ONCE)
    numbers = target.topics.numbers(topic)
    _check(numbers, f"after {_AT_ONCE} messages to two subscribers", messages=_AT_ONCE, delivered=2 * _AT_ONCE)


@check("behaviour", "openapi.yaml#/paths/~1topics~1{name}~1messages/get/description")
def what_is_read_is_as_it_is_then_and_reading_changes_nothing(target: Target) -> None:
    topic, peer = target.topics.new(), target.peer()
    subscribe(peer, topic)
    retained = target.topics.path(RETAINED, topic)
    for number in range(1, 5):
        target.cases += 1
        if number % 2:
            publish(peer, topic)
        else:
            publish_over_http(target, topic)
        event_ids(peer, topic, 1)
        kept = min(number, target.limits.history_size)
        after = f"after {number} messages, each of which was read before the next"
        for _ in range(2):
            numbers = target.topics.numbers(topic)
            _check(numbers, after, messages=number, subscribers=1, delivered=number, retained=kept, dropped=0)
            events = target.read(retained, "events")
            if not isinstance(events, list) or len(events) != kept:
                raise Broken(f"{after}, {_count(events)} can be read, not {kept}")


@check("behaviour", "openapi.yaml#/paths/~1stats/get/description")
def a_topic_counts_from_its_creation_until_its_deletion(target: Target) -> None:
    topic, peer = target.topics.new(), target.peer()
    stats = target.topics.path(STATS)
    for life in ("first", "second", "third"):
        target.cases += 1
        subscribe(peer, topic)
        what = f"in its {life} life, before any message, a topic with one subscriber"
        _check(target.topics.numbers(topic), what, **_NOTHING, subscribers=1)
        for _ in range(2):
            publish(peer, topic)
        event_ids(peer, topic, 2)
        target.topics.delete(topic)
        if topic in target.read(stats, "topics"):
            raise Broken(f"GET {stats} still has a topic that was deleted")
        if topic in target.topics.listed():
            raise Broken("the list of topics still has one that was deleted")
        target.topics.create(topic)
        _check(target.topics.numbers(topic), "a topic that is made again", **_NOTHING, subscribers=0)


def _history_too_large(target: Target) -> str | None:
    size = target.limits.history_size
    return f"the server says that a topic retains {size} messages" if size > _MAX_HISTORY else None


@check("behaviour", "openapi.yaml#/components/schemas/TopicStats", when=_history_too_large)
def what_a_full_topic_has_taken__keeps_and_has_pushed_out_is_counted(target: Target) -> None:
    bus, size, most = target.bus, target.limits.history_size, target.limits.history_bytes
    writer = target.peer("writer")
    for count in (1, size, size + 5):
        target.cases += 1
        topic = target.topics.new()
        frames = [bus.publish(topic)[0] for _ in range(count)]
        for frame in frames:
            writer.send(frame)
        for _ in range(count):
            writer.answer()
        target.steps = target.steps[-4:]
        numbers = _kept(target, topic, count)
        if _has_room(target, _KEPT * sum(len(json.dumps(frame)) for frame in frames)):
            _check(numbers, f"after {count} small messages", retained=min(count, size), evicted=0)
    largest = target.limits.max_frame_bytes or _MAX_BYTES
    if not most or most > min(_MAX_BYTES, 2 * largest) or size < 2:
        return
    # Of a quarter each, four at most are kept, or three where more than the message is counted.
    each, topic = most // 4, target.topics.new()
    for _ in range(6):
        target.cases += 1
        frame, _ = bus.publish(topic)
        text = bus.messages.enlarged(frame[bus.message_field], each)
        writer.send(json.dumps({**frame, bus.message_field: "@@"}).replace('"@@"', text))
        writer.answer()
    target.steps = target.steps[:2]
    numbers = _kept(target, topic, 6)
    retained = numbers.get("retained")
    if isinstance(retained, int) and retained * each > most:
        raise Broken(f"a topic keeps {retained} messages of {each} bytes, though {most} bytes are the most")


def _has_room(target: Target, size: int) -> bool:
    """Whether a topic that has less than `size` bytes keeps all, for all that topics may have, alone and together."""
    alone, together = target.limits.history_bytes, target.limits.total_history_bytes
    # Those of all topics are shared out among them, others' too; what is left free of them is the server's affair.
    shared = math.inf if together is None else together / 2 / len(target.topics.listed())
    return size < min(math.inf if alone is None else alone, shared)


def _kept(target: Target, topic: str, count: int) -> dict[str, Any]:
    """The numbers of a topic that has taken `count` messages alike, which must agree with each other and what is read.

    Of what bytes have pushed out, its number may have come too late since: it may still count, or no longer.
    """
    numbers = target.topics.numbers(topic)
    after, size = f"after {count} messages", target.limits.history_size
    _check(numbers, after, messages=count)
    read = _count(target.read(target.topics.path(RETAINED, topic), "events"))
    _check(numbers, f"{after}, of which {read} can be read", retained=read)
    evicted = numbers.get("evicted")
    least, most = min(count, size) - read, count - read
    if isinstance(evicted, int) and not least <= evicted <= most:
        wanted = f"from {least} to {most}" if least < most else str(least)
        raise Broken(f"{after}, of which {read} can be read and {size} may be: evicted is {evicted}, not {wanted}")
    return numbers


def _check(numbers: dict[str, Any], what: str, **wanted: int) -> None:
    """Raise Broken if one of a topic's numbers is not as `wanted`; one that is not given says nothing."""
    for name, number in wanted.items():
        if name in numbers and numbers[name] != number:
            raise Broken(f"{what}: {name} is {numbers[name]}, not {number}")


def _count(events: Any) -> int:
    return len(events) if isinstance(events, list) else -1
