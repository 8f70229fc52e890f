"""The end of a topic, and a new one with its name."""

import json

from specbus.verify.behaviour.commands import DELETE, INFO, check_nothing_more, publication, publish, receive, subscribe
from specbus.verify.checks import check
from specbus.verify.failures import Broken
from specbus.verify.target import Target


@check("behaviour", DELETE)
def a_deleted_topic_tells_its_subscribers_and_is_gone(target: Target) -> None:
    topic = target.topic()
    readers = [target.peer("one"), target.peer("other")]
    for reader in readers:
        subscribe(reader, topic)
    target.cases += 1
    target.delete(topic)
    for reader in readers:
        until = target.deadline()
        while True:
            frame = receive(reader, until, "the info topic_deleted")
            if frame.get("type") == "info" and frame.get("msg") == "topic_deleted":
                break
        if frame.get("topic") != topic:
            raise Broken("the topic_deleted info does not name the topic", rule=INFO)
    frame, _ = publication(topic)
    if readers[0].ask(frame).get("type") != "error":
        raise Broken("a message is accepted by a topic that was deleted")
    target.create(topic)
    publish(readers[0], topic)
    for reader in readers:
        check_nothing_more(reader, "a subscription outlived its topic")


@check("behaviour", DELETE)
def a_topic_that_is_created_again_has_nothing_of_its_former_life(target: Target) -> None:
    topic = target.topic()
    peer = target.peer()
    publish(peer, topic)
    target.delete(topic)
    target.create(topic)
    target.cases += 1
    subscribe(peer, topic, 10)
    check_nothing_more(peer, "a new topic replays nothing of one that had its name")
    stats = target.read("/stats", "topics", topic)
    if not isinstance(stats, dict) or (stats.get("messages"), stats.get("subscribers")) != (0, 1):
        raise Broken(f"a new topic with one subscriber and no messages counts {json.dumps(stats)}")
