"""What `/stats`, `/topics` and `/health` count."""

from collections.abc import Callable
from typing import Any

from specbus.verify.behaviour.commands import event_ids, publish, subscribe, unsubscribe
from specbus.verify.checks import check, needs_history
from specbus.verify.failures import Broken
from specbus.verify.target import Target
from specbus.verify.topics import HEALTH


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
    other.close()
    expect(3, 0, "the last subscriber's going")


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


@check("behaviour", "openapi.yaml#/paths/~1health/get")
def the_health_counts_topics_and_subscribers(target: Target) -> None:
    path = target.topics.path(HEALTH)

    def health() -> tuple[Any, Any]:
        return target.read(path, "topics"), target.read(path, "subscribers")

    topics, subscribers = health()
    topic = target.topics.new()
    peer = target.peer()
    subscribe(peer, topic)
    # A subscriber of two topics is a subscriber of each.
    extra = target.topics.new()
    subscribe(peer, extra)
    topics, subscribers = topics + 1, subscribers + 1
    acts: list[tuple[tuple[int, int], Callable[[], None], str]] = [
        ((topics + 1, subscribers + 1), lambda: None, "two more topics and one subscriber of both"),
        ((topics + 1, subscribers - 1), peer.close, "the going of a subscriber of two topics"),
        ((topics, subscribers - 1), lambda: target.topics.delete(topic), "a topic's deletion"),
    ]
    for wanted, act, after in acts:
        target.cases += 1
        act()
        target.wait_for(
            lambda wanted=wanted: health() == wanted,  # type: ignore[misc]
            lambda wanted=wanted, after=after: f"after {after}, /health says {health()} and not {wanted}",  # type: ignore[misc]
        )
    first = target.read(path, "uptime_sec")
    if not isinstance(first, int) or first < 0:
        raise Broken(f"/health gives {first!r} as uptime_sec")
