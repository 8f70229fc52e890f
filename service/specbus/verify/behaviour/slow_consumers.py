"""A reader that does not keep up."""

from websockets.frames import CloseCode

from specbus.verify.behaviour.commands import (
    SLOW_CONSUMER,
    check_same,
    event_frames,
    event_ids,
    payload_of,
    publication,
    publish,
    subscribe,
)
from specbus.verify.checks import check
from specbus.verify.failures import Broken, Closed, TimedOut
from specbus.verify.target import Target

MAX_MESSAGES = 1_500
"""Messages that are sent until some are dropped."""
BUFFERS = 500
"""Messages that the network between may hold, and then some to be dropped."""


def _queue_too_large(target: Target) -> str | None:
    size = target.limits.max_queue_size or 0
    return f"the server says that its queues hold {size} messages" if size > MAX_MESSAGES - BUFFERS else None


@check("behaviour", SLOW_CONSUMER, when=_queue_too_large)
def a_slow_reader_is_told_what_it_lost_and_the_others_lose_nothing(target: Target) -> None:
    topic = target.topic()
    slow = target.peer("slow", max_queue=1)
    fast, writer = target.peer("fast"), target.peer("writer")
    subscribe(slow, topic)
    subscribe(fast, topic)
    bulk = "x" * 65_536
    sent = 0
    target.cases += 1
    while sent < MAX_MESSAGES:
        for _ in range(20):
            writer.send(publication(topic, [sent, bulk])[0])
            sent += 1
        for _ in range(20):
            writer.answer()
        numbers = [
            payload[0] for event in event_frames(fast, topic, 20) if isinstance(payload := payload_of(event), list)
        ]
        if numbers != list(range(sent - 20, sent)):
            raise Broken("a fast reader did not get all messages in order while another one was slow")
        target.steps = target.steps[:6]
        if target.read("/stats", "topics", topic, "dropped") > 50:
            break
    lost, got = 0, -1
    until = target.deadline()
    while got + lost + 1 < sent:
        try:
            frame = slow.receive(until)
        except TimedOut:
            raise Broken(
                f"of {sent} messages a slow reader got {got + 1} and was told that {lost} were dropped: "
                f"{sent - got - 1 - lost} are missing"
            ) from None
        except Closed as closed:
            if lost and closed.code == CloseCode.TRY_AGAIN_LATER and target.limits.overflow_policy != "drop_oldest":
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
    check_same(event_ids(slow, topic, 1), [id_], "a reader that caught up")
