"""Sending commands, reading events, and where the rules about them stand in the documents."""

import json
from typing import Any

from specbus.verify.asyncapi import Frame
from specbus.verify.failures import Broken, Skipped, TimedOut
from specbus.verify.peer import Peer
from specbus.verify.target import Target

DOCUMENT = "asyncapi.yaml#/info/description"
SUBSCRIBE = "asyncapi.yaml#/operations/subscribe"
UNSUBSCRIBE = "asyncapi.yaml#/operations/unsubscribe"
PUBLISH = "asyncapi.yaml#/operations/publish"
EVENT = "asyncapi.yaml#/operations/event"
INFO = "asyncapi.yaml#/operations/info"
SLOW_CONSUMER = "asyncapi.yaml#/operations/slowConsumer"
HTTP_PUBLISH = "openapi.yaml#/paths/~1topics~1{name}~1messages/post"
DELETE = "openapi.yaml#/paths/~1topics~1{name}/delete"


def subscribe(peer: Peer, topic: str, last_n: int | None = None, label: str | None = None) -> Frame:
    """Subscribe; the ack. Raises Broken unless that is acknowledged, and Skipped.

    Args:
        peer: Who subscribes.
        topic: To what.
        last_n: How many of the newest retained messages it asks for; None to ask for none.
        label: What it calls itself; None for anything.

    """
    return acknowledged(peer, peer.target.bus.subscribe(topic, last_n, label))


def unsubscribe(peer: Peer, topic: str, label: str | None = None) -> Frame:
    """Unsubscribe; the ack. `label` is as for `subscribe`. Raises Broken unless that is acknowledged, and Skipped."""
    return acknowledged(peer, peer.target.bus.unsubscribe(topic, label))


def publish(peer: Peer, topic: str, payload: Any = ...) -> Any:
    """Publish; the message's id. Raises Broken unless that is acknowledged, and Skipped."""
    frame, id_ = peer.target.bus.publish(topic, payload)
    acknowledged(peer, frame)
    return id_


def publish_over_http(target: Target, topic: str, payload: Any = ...) -> tuple[int, Any, Any]:
    """Publish over HTTP: the status of the answer, its JSON, and the message's id. Raises Broken, and Skipped."""
    message, id_ = target.topics.messages.new(payload)
    response = target.call("POST", target.topics.path("publishMessage", topic), json=message)
    try:
        return response.status_code, response.json(), id_
    except ValueError:
        return response.status_code, None, id_


def acknowledged(peer: Peer, frame: Frame) -> Frame:
    """Send a command; its ack. Raises Broken unless it is acknowledged."""
    answer = peer.ask(frame)
    if not peer.target.topics.are_made and peer.target.bus.is_missing(answer):
        raise Skipped("the server has no topics but those that are made, and the run makes none")
    document = peer.target.document
    what = document.message_of(frame)
    name = what.name if what else "command"
    if not peer.target.bus.is_ack(answer) or document.sent_as(answer) not in document.replies_to(what):
        raise Broken(f"a {name} that must be acknowledged is answered with {json.dumps(answer)[:300]}")
    key = peer.target.bus.key
    if key in answer and key in frame and answer[key] != frame[key]:
        raise Broken(f"a {name} about {json.dumps(frame[key])} is acknowledged for {json.dumps(answer[key])}")
    return answer


def event_ids(peer: Peer, topic: str, count: int) -> list[Any]:
    """The ids of the next `count` events of `topic`. Raises Broken if they do not come."""
    return [peer.target.bus.id_of(event) for event in event_frames(peer, topic, count)]


def event_frames(peer: Peer, topic: str, count: int) -> list[Frame]:
    """The next `count` events of `topic`. Raises Broken if they do not come, or others do."""
    bus = peer.target.bus
    found: list[Frame] = []
    until = peer.target.deadline()
    while len(found) < count:
        frame = peer.unread.pop(0) if peer.unread else receive(peer, until, f"{count - len(found)} events of {topic}")
        if not bus.is_event(frame):
            continue
        if bus.topic_of(frame) != topic:
            raise Broken(f"an event of topic {bus.topic_of(frame)} came where only {topic} is expected", rule=EVENT)
        bus.id_of(frame)
        found.append(frame)
    return found


def receive(peer: Peer, until: float, what: str) -> Frame:
    try:
        return peer.receive(until)
    except TimedOut:
        raise Broken(f"{what} did not come in time") from None


def check_nothing_more(peer: Peer, what: str) -> None:
    """Raise Broken if an event is on its way to `peer`, that is, if one comes before the answer to a ping."""
    bus = peer.target.bus
    probe(peer)
    extra = [frame for frame in peer.unread if bus.is_event(frame)]
    if extra:
        raise Broken(f"{what}: {json.dumps(extra[0])[:300]} came")


def probe(peer: Peer) -> None:
    """Ask for a sign of life: what was sent before has come when its answer has. Raises Broken, and Skipped."""
    answer = peer.ask(peer.target.bus.probe())
    if not peer.target.bus.is_ack(answer):
        raise Broken(f"a probe is answered with {json.dumps(answer)[:300]}")


def check_same(got: list[Any], expected: list[Any], what: str) -> None:
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


def message_count(target: Target) -> int:
    return max(4, target.options.examples // 2)
