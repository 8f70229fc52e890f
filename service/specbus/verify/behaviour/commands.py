"""Sending commands, reading events, and where the rules about them stand in the documents."""

import json
import uuid
from typing import Any

from specbus.verify.failures import Broken, TimedOut
from specbus.verify.peer import Frame, Peer
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


def subscribe(peer: Peer, topic: str, last_n: int | None = None, client_id: str = "verify") -> None:
    """Subscribe. Raises Broken unless that is acknowledged."""
    frame: Frame = {"type": "subscribe", "topic": topic, "client_id": client_id}
    if last_n is not None:
        frame["last_n"] = last_n
    acknowledged(peer, frame)


def unsubscribe(peer: Peer, topic: str) -> None:
    """Unsubscribe. Raises Broken unless that is acknowledged."""
    acknowledged(peer, {"type": "unsubscribe", "topic": topic, "client_id": "verify"})


def publish(peer: Peer, topic: str, payload: Any = None) -> str:
    """Publish; the message's id. Raises Broken unless that is acknowledged."""
    frame, id_ = publication(topic, payload)
    acknowledged(peer, frame)
    return id_


def publication(topic: str, payload: Any = None) -> tuple[Frame, str]:
    """A publish frame, and its message's id."""
    id_ = str(uuid.uuid4())
    return {"type": "publish", "topic": topic, "message": {"id": id_, "payload": payload}}, id_


def acknowledged(peer: Peer, frame: Frame) -> Frame:
    """Send a command; its ack. Raises Broken unless it is acknowledged."""
    answer = peer.ask(frame)
    if answer.get("type") != "ack":
        raise Broken(f"a {frame['type']} that must be acknowledged is answered with {json.dumps(answer)[:300]}")
    return answer


def event_ids(peer: Peer, topic: str, count: int) -> list[str]:
    """The ids of the next `count` events of `topic`. Raises Broken if they do not come."""
    return [message_id(event) for event in event_frames(peer, topic, count)]


def event_frames(peer: Peer, topic: str, count: int) -> list[Frame]:
    """The next `count` events of `topic`. Raises Broken if they do not come, or others do."""
    found: list[Frame] = []
    until = peer.target.deadline()
    while len(found) < count:
        frame = peer.unread.pop(0) if peer.unread else receive(peer, until, f"{count - len(found)} events of {topic}")
        if frame.get("type") != "event":
            continue
        if frame.get("topic") != topic:
            raise Broken(f"an event of topic {frame.get('topic')} came where only {topic} is expected", rule=EVENT)
        if not isinstance(frame.get("message"), dict) or "id" not in frame["message"]:
            raise Broken("an event came without the message's id", rule=EVENT)
        found.append(frame)
    return found


def message_id(event: Any) -> str:
    """The id of an event's message; a text that is no id if it has none."""
    message = event.get("message") if isinstance(event, dict) else None
    return str(message.get("id")) if isinstance(message, dict) else "no id"


def payload_of(event: Frame) -> Any:
    """The payload of an event's message."""
    return event["message"].get("payload")


def receive(peer: Peer, until: float, what: str) -> Frame:
    try:
        return peer.receive(until)
    except TimedOut:
        raise Broken(f"{what} did not come in time") from None


def check_nothing_more(peer: Peer, what: str) -> None:
    """Raise Broken if an event is on its way to `peer`, that is, if one comes before the answer to a ping."""
    answer = peer.ask({"type": "ping", "request_id": "sentinel"})
    if answer.get("type") != "pong":
        raise Broken(f"a ping is answered with {json.dumps(answer)[:300]}")
    extra = [frame for frame in peer.unread if frame.get("type") == "event"]
    if extra:
        raise Broken(f"{what}: {json.dumps(extra[0])[:300]} came")


def check_same(got: list[str], expected: list[str], what: str) -> None:
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
