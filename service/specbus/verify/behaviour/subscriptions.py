"""Subscribing again, and unsubscribing."""

from specbus.verify.behaviour.commands import (
    SUBSCRIBE,
    UNSUBSCRIBE,
    check_nothing_more,
    check_same,
    event_ids,
    publish,
    receive,
    subscribe,
    unsubscribe,
)
from specbus.verify.checks import check, needs_history
from specbus.verify.target import Target


@check("behaviour", SUBSCRIBE)
def a_second_subscribe_does_not_double_delivery(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    for last_n in (None, 0 if target.bus.may_replay(0) else None, None):
        target.cases += 1
        subscribe(peer, topic, last_n)
    id_ = publish(peer, topic)
    check_same(event_ids(peer, topic, 1), [id_], "a connection that subscribed three times")
    check_nothing_more(peer, "a connection that subscribed three times gets each message once")
    unsubscribe(peer, topic)
    publish(peer, topic)
    check_nothing_more(peer, "one unsubscribe ends the subscription, however often it was asked for")


@check("behaviour", SUBSCRIBE, when=needs_history(2))
def a_second_subscribe_with_last_n_replays_again(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    sent = [publish(peer, topic) for _ in range(3)]
    for _ in range(2):
        target.cases += 1
        subscribe(peer, topic, 2)
        check_same(event_ids(peer, topic, 2), sent[-2:], "a replay asked for by one who is subscribed")
    id_ = publish(peer, topic)
    check_same(event_ids(peer, topic, 1), [id_], "the first live message after replays")
    check_nothing_more(peer, "replays do not double delivery")


@check("behaviour", UNSUBSCRIBE)
def no_event_follows_the_ack_of_an_unsubscribe(target: Target) -> None:
    topic = target.topics.new()
    reader, writer = target.peer("reader"), target.peer("writer")
    subscribe(reader, topic)
    id_ = publish(writer, topic)
    check_same(event_ids(reader, topic, 1), [id_], "a subscriber")
    target.cases += 1
    unsubscribe(reader, topic)
    reader.unread.clear()
    publish(writer, topic)
    check_nothing_more(reader, "a connection that unsubscribed gets no events")


@check("behaviour", UNSUBSCRIBE)
def an_unsubscribe_without_a_subscription_is_acknowledged(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    for _ in range(2):
        target.cases += 1
        unsubscribe(peer, topic)


@check("behaviour", UNSUBSCRIBE)
def an_unsubscribe_leaves_other_connections_and_topics_alone(target: Target) -> None:
    one, other = target.topics.new(), target.topics.new()
    leaves, stays = target.peer("leaves"), target.peer("stays")
    for peer in (leaves, stays):
        subscribe(peer, one)
        subscribe(peer, other)
    target.cases += 1
    unsubscribe(leaves, one)
    first, second = publish(stays, one), publish(stays, other)
    check_same(event_ids(leaves, other, 1), [second], "the subscription that was not ended")
    got = [frame for frame in stays.unread if target.bus.is_event(frame)]
    until = target.deadline()
    while len(got) < 2:
        frame = receive(stays, until, f"{2 - len(got)} of 2 events")
        got += [frame] if target.bus.is_event(frame) else []
    check_same(
        [target.bus.id_of(frame) for frame in got],
        [first, second],
        "the connection that did not unsubscribe",
    )
