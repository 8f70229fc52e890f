"""The end of a topic, and a new one with its name."""

from specbus.verify.behaviour.commands import DELETE, INFO, check_nothing_more, publish, receive, subscribe
from specbus.verify.checks import check
from specbus.verify.failures import Broken
from specbus.verify.target import Target


@check("behaviour", DELETE)
def a_deleted_topic_tells_its_subscribers_and_is_gone(target: Target) -> None:
    topic = target.topics.new()
    readers = [target.peer("one"), target.peer("other")]
    for reader in readers:
        subscribe(reader, topic)
    target.cases += 1
    target.topics.delete(topic)
    for reader in readers:
        until = target.deadline()
        while True:
            frame = receive(reader, until, "the news that a topic is gone")
            if target.bus.is_ended(frame):
                break
        if target.bus.topic_of(frame) != topic:
            raise Broken("the news that a topic is gone does not name the topic", rule=INFO)
    frame, _ = target.bus.publish(topic)
    if target.bus.is_ack(readers[0].ask(frame)):
        raise Broken("a message is accepted by a topic that was deleted")
    target.topics.create(topic)
    publish(readers[0], topic)
    for reader in readers:
        check_nothing_more(reader, "a subscription outlived its topic")


@check("behaviour", DELETE)
def a_topic_that_is_created_again_has_nothing_of_its_former_life(target: Target) -> None:
    topic = target.topics.new()
    peer = target.peer()
    publish(peer, topic)
    target.topics.delete(topic)
    target.topics.create(topic)
    target.cases += 1
    subscribe(peer, topic, 1)
    check_nothing_more(peer, "a new topic replays nothing of one that had its name")
    counted = target.topics.counted(topic, "messages"), target.topics.counted(topic, "subscribers")
    if counted != (0, 1):
        raise Broken(
            f"a new topic with one subscriber and no messages counts {counted[1]} subscribers and {counted[0]} messages"
        )
