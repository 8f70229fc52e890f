"""Fan-out: every message once, in one order, to those who subscribed."""

from typing import Any

from specbus.verify.behaviour.commands import (
    DOCUMENT,
    EVENT,
    PUBLISH,
    check_nothing_more,
    check_same,
    event_ids,
    message_count,
    publish,
    receive,
    subscribe,
)
from specbus.verify.checks import check
from specbus.verify.failures import Broken
from specbus.verify.target import Target


@check("behaviour", EVENT)
def every_subscriber_gets_every_message_exactly_once_in_one_order(target: Target) -> None:
    topic = target.topics.new()
    readers = [target.peer(f"reader{number}") for number in range(3)]
    writers = [target.peer(f"writer{number}") for number in range(2)]
    for reader in readers:
        subscribe(reader, topic)
    sent: set[Any] = set()
    for _ in range(message_count(target)):
        for writer in writers:
            frame, id_ = target.bus.publish(topic)
            writer.send(frame)
            sent.add(id_)
            target.cases += 1
    for writer in writers:
        for _ in range(len(sent) // 2):
            if not target.bus.is_ack(writer.answer()):
                raise Broken("a valid publish is not acknowledged", rule=PUBLISH)
    orders = [event_ids(reader, topic, len(sent)) for reader in readers]
    for reader, order in zip(readers, orders, strict=True):
        if set(order) != sent:
            check_same(sorted(order, key=str), sorted(sent, key=str), f"{reader.name} should get each message once")
        check_nothing_more(reader, f"{reader.name} has all messages, and yet")
    for order in orders[1:]:
        check_same(order, orders[0], "two subscribers of one topic")


@check("behaviour", DOCUMENT)
def messages_of_one_publisher_come_in_the_order_in_which_it_sent_them(target: Target) -> None:
    topic = target.topics.new()
    reader, writer = target.peer("reader"), target.peer("writer")
    subscribe(reader, topic)
    sent = []
    for _ in range(message_count(target)):
        target.cases += 1
        frame, id_ = target.bus.publish(topic)
        writer.send(frame)
        sent.append(id_)
    check_same(event_ids(reader, topic, len(sent)), sent, "what one publisher sent")


@check("behaviour", DOCUMENT)
def nothing_crosses_topics(target: Target) -> None:
    one, other = target.topics.new(), target.topics.new()
    reader, both, writer = target.peer("reader"), target.peer("both"), target.peer("writer")
    subscribe(reader, one)
    subscribe(both, one)
    subscribe(both, other)
    mine = []
    for number in range(6):
        target.cases += 1
        id_ = publish(writer, other if number % 2 else one)
        mine += [] if number % 2 else [id_]
    check_same(event_ids(reader, one, 3), mine, "a subscriber of one of two topics")
    check_nothing_more(reader, "a subscriber of one topic gets nothing of another")
    until = target.deadline()
    came: list[str] = []
    while len(came) < 6:
        frame = (
            both.unread.pop(0) if both.unread else receive(both, until, f"{6 - len(came)} of 6 events of two topics")
        )
        came += [str(target.bus.topic_of(frame))] if target.bus.is_event(frame) else []
    if sorted(came) != sorted([one, other] * 3):
        raise Broken("a subscriber of two topics does not get the messages of each under its name")


@check("behaviour", DOCUMENT)
def a_publisher_that_is_subscribed_gets_its_own_message(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    subscribe(peer, topic)
    target.cases += 1
    id_ = publish(peer, topic)
    check_same(event_ids(peer, topic, 1), [id_], "a publisher's own message")


@check("behaviour", PUBLISH)
def a_publisher_need_not_be_subscribed_and_then_gets_no_copy(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    target.cases += 1
    publish(peer, topic)
    check_nothing_more(peer, "a publisher that is not subscribed gets no events")
