"""Positions: what the acks, the events and the answers over HTTP say of a message's place in the order.

Offsets are not promised to be without gaps, so what is held against each other is their order and nothing else.
"""

import json
import threading

from specbus.verify.behaviour.commands import (
    DELETE,
    DOCUMENT,
    HTTP_PUBLISH,
    PUBLISH,
    SUBSCRIBE,
    UNSUBSCRIBE,
    acknowledged,
    check_nothing_more,
    event_frames,
    publish_over_http,
    subscribe,
    unsubscribe,
)
from specbus.verify.checks import check, needs_history
from specbus.verify.failures import Broken, Skipped
from specbus.verify.peer import Peer
from specbus.verify.target import Target
from specbus.verify.topics import RETAINED

_COUNT = 6
"""Messages that a check replays."""


def _subscribe(peer: Peer, topic: str, last_n: int | None = None) -> tuple[str, int]:
    """Subscribe; the topic's epoch and offset. Raises Broken, and Skipped."""
    return peer.target.bus.position_of(subscribe(peer, topic, last_n), "the ack of a subscribe")


def _publish(peer: Peer, topic: str) -> tuple[str, int]:
    """Publish; the message's epoch and offset. Raises Broken, and Skipped."""
    bus = peer.target.bus
    return bus.position_of(acknowledged(peer, bus.publish(topic)[0]), "the ack of a publish")


@check("behaviour", PUBLISH)
def each_message_has_a_greater_offset_than_the_one_before(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    epoch, before = _subscribe(peer, topic)
    for _ in range(_COUNT):
        target.cases += 1
        its_epoch, offset = _publish(peer, topic)
        if its_epoch != epoch:
            raise Broken(f"a topic has the epoch {epoch}, and then {its_epoch}")
        if offset <= before:
            raise Broken(f"a message has the offset {offset}, and {before} was reached before it")
        before = offset


@check("behaviour", PUBLISH)
def an_event_has_the_offset_that_its_publisher_was_told(target: Target) -> None:
    topic = target.topics.new()
    reader, writer = target.peer("reader"), target.peer("writer")
    _subscribe(reader, topic)
    for _ in range(3):
        target.cases += 1
        _, told = _publish(writer, topic)
        (event,) = event_frames(reader, topic, 1)
        if target.bus.offset_of(event) != told:
            raise Broken(f"a publisher was told the offset {told}, and the event has {target.bus.offset_of(event)}")


@check("behaviour", HTTP_PUBLISH)
def a_message_published_over_HTTP_has_a_position_like_any_other(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    epoch, _ = _subscribe(peer, topic)
    for _ in range(3):
        target.cases += 1
        status, answer, _ = publish_over_http(target, topic)
        if status >= 300:
            raise Broken(f"a message published over HTTP is answered with {status}")
        told = target.bus.position_of(answer, "the answer to a message published over HTTP")
        (event,) = event_frames(peer, topic, 1)
        if told != (epoch, target.bus.offset_of(event)):
            at = target.bus.offset_of(event)
            raise Broken(f"over HTTP a publisher was told {told[0]}:{told[1]}, and the event is at {epoch}:{at}")


@check("behaviour", "asyncapi.yaml#/operations/event", when=needs_history(_COUNT))
def a_message_keeps_its_offset_in_replays_and_over_HTTP(target: Target) -> None:
    topic = target.topics.new()
    reader, writer = target.peer("reader"), target.peer("writer")
    offsets = [_publish(writer, topic)[1] for _ in range(_COUNT)]
    for last_n in target.bus.replays(2, _COUNT):
        target.cases += 1
        _subscribe(reader, topic, last_n=last_n)
        replayed = [target.bus.offset_of(event) for event in event_frames(reader, topic, last_n)]
        if replayed != offsets[-last_n:]:
            raise Broken(f"messages have the offsets {offsets[-last_n:]}, and {replayed} when they are replayed")
    target.cases += 1
    path = target.topics.path(RETAINED, topic)
    events = target.read(path, "events")
    read = [target.bus.offset_of(event) for event in events] if isinstance(events, list) else events
    if read != offsets:
        raise Broken(f"messages have the offsets {offsets}, and {read} in the answer to GET {path}")


@check("behaviour", SUBSCRIBE)
def what_follows_the_ack_of_a_subscribe_is_after_its_position(target: Target) -> None:
    topic = target.topics.new()
    writer = target.peer("writer")
    newest = 0
    for number in range(3):
        reader = target.peer(f"reader{number}")
        # The second time, it is subscribed already.
        for _ in range(2):
            target.cases += 1
            _, position = _subscribe(reader, topic)
            if position < newest:
                raise Broken(
                    f"a subscribe was told the offset {position}, but {newest}, which is later, does not follow"
                )
            check_nothing_more(reader, "without last_n nothing is replayed")
            _, newest = _publish(writer, topic)
            (event,) = event_frames(reader, topic, 1)
            if target.bus.offset_of(event) <= position:
                later = target.bus.offset_of(event)
                raise Broken(f"a subscribe was told the offset {position}, and a new event has {later}")


@check("behaviour", SUBSCRIBE, when=needs_history(3))
def what_is_replayed_is_not_after_the_position_of_the_ack(target: Target) -> None:
    topic = target.topics.new()
    reader, writer = target.peer("reader"), target.peer("writer")
    for _ in range(3):
        _publish(writer, topic)
    target.cases += 1
    _, position = _subscribe(reader, topic, last_n=3)
    for event in event_frames(reader, topic, 3):
        if target.bus.offset_of(event) > position:
            raise Broken(f"a subscribe was told the offset {position}, and {target.bus.offset_of(event)} was replayed")


@check("behaviour", SUBSCRIBE)
def a_subscribe_that_races_with_publishes_gets_all_after_its_position(target: Target) -> None:
    topic = target.topics.new()
    writer = target.peer("writer")
    offsets: list[int] = []
    failed: list[Exception] = []
    stop = threading.Event()

    def write() -> None:
        try:
            while not stop.is_set():
                writer.raw.send(json.dumps(target.bus.publish(topic)[0]))
                answer = json.loads(writer.raw.recv(timeout=target.options.deadline))
                offsets.append(target.bus.position_of(answer, "the ack of a publish")[1])
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    readers: list[tuple[int, Peer]] = []
    try:
        for number in range(10):
            reader = target.peer(f"reader{number}")
            readers.append((_subscribe(reader, topic)[1], reader))
            target.cases += 1
    finally:
        stop.set()
        thread.join()
    if failed and isinstance(failed[0], Skipped):
        raise failed[0]
    if failed:
        raise Broken(f"a publisher under load was not served: {failed[0]}")
    # There is then something after each position.
    offsets.append(_publish(writer, topic)[1])
    for position, reader in readers:
        (event,) = event_frames(reader, topic, 1)
        due = min(offset for offset in offsets if offset > position)
        if target.bus.offset_of(event) != due:
            raise Broken(
                f"a subscribe that raced with publishes was told the offset {position}; "
                f"the first event after it has {target.bus.offset_of(event)} instead of {due}"
            )


@check("behaviour", UNSUBSCRIBE)
def the_ack_of_an_unsubscribe_has_no_position(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    _subscribe(peer, topic)
    target.cases += 1
    answer = unsubscribe(peer, topic)
    if target.bus.has_position(answer):
        raise Broken(f"the ack of an unsubscribe has a position: {json.dumps(answer)[:300]}")


@check("behaviour", DELETE)
def a_topic_that_is_created_again_has_another_epoch(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    epochs: list[str] = []
    for number in range(3):
        target.cases += 1
        for _ in range(number):
            _publish(peer, topic)
        epochs.append(_subscribe(peer, topic)[0])
        if epochs[-1] in epochs[:-1]:
            raise Broken(f"a topic that was created again has the epoch {epochs[-1]}, which it had before")
        target.topics.delete(topic)
        target.topics.create(topic)


@check("behaviour", DOCUMENT)
def two_topics_have_their_own_positions(target: Target) -> None:
    one, other = target.topics.new(), target.topics.new()
    peer = target.peer()
    target.cases += 1
    _publish(peer, one)
    before = _subscribe(peer, one)
    for _ in range(3):
        _publish(peer, other)
    if (after := _subscribe(peer, one)) != before:
        raise Broken(
            f"while messages were published on another topic, a topic's position went from {before[0]}:{before[1]} "
            f"to {after[0]}:{after[1]}"
        )
