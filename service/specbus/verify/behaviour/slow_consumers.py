"""A reader that does not keep up."""

import contextlib
from typing import Any

from websockets.frames import CloseCode

from specbus.verify.behaviour.commands import (
    SLOW_CONSUMER,
    check_same,
    event_ids,
    publish,
    subscribe,
)
from specbus.verify.checks import check
from specbus.verify.failures import Broken, Closed, Skipped, TimedOut
from specbus.verify.peer import Peer
from specbus.verify.target import Target

MAX_MESSAGES = 1_500
"""Messages that are sent until some are dropped."""
AT_ONCE = 20
"""Messages that are sent before the answers are read."""
LARGE = 65_536
"""Of each message, at least."""
BUFFERS = 500
"""Messages that the network between may hold, and then some to be dropped."""


def queue_too_large(target: Target) -> str | None:
    size = target.limits.max_queue_size or 0
    return f"the server says that its queues hold {size} messages" if size > MAX_MESSAGES - BUFFERS else None


@check("behaviour", SLOW_CONSUMER, when=queue_too_large)
def a_slow_reader_is_told_what_it_lost_and_the_others_lose_nothing(target: Target) -> None:
    topic = target.topics.new()
    slow = target.peer("slow", max_queue=1)
    fast, writer = target.peer("fast"), target.peer("writer")
    subscribe(slow, topic)
    subscribe(fast, topic)
    bus = target.bus
    numbers: dict[Any, int] = {}
    """Of the messages, by their ids."""
    target.cases += 1
    while len(numbers) < MAX_MESSAGES:
        for _ in range(AT_ONCE):
            frame, id_ = bus.publish(topic)
            text = bus.messages.enlarged(frame[bus.message_field], LARGE)
            writer.send(bus.with_message(frame, text))
            numbers[id_] = len(numbers)
        for _ in range(AT_ONCE):
            writer.answer()
        got_fast = [numbers.get(id_) for id_ in event_ids(fast, topic, AT_ONCE)]
        if got_fast != list(range(len(numbers) - AT_ONCE, len(numbers))):
            raise Broken("a fast reader did not get all messages in order while another one was slow")
        target.steps = target.steps[:6]
        dropped = _counted(target, topic)
        if len(numbers) > BUFFERS + (target.limits.max_queue_size or 100) if dropped is None else dropped > 50:
            break
    lost = _lost(target, slow, topic, numbers)
    if lost is None:
        return
    if not lost:
        raise Broken(
            f"of {len(numbers)} large messages none was dropped for a reader that does not read: the queue has no bound"
        )
    counted = _counted(target, topic)
    if counted not in (lost, None):
        raise Broken(f"a slow reader was told of {lost} dropped messages, /stats counts {counted}")
    with contextlib.suppress(Skipped):
        target.topics.numbers(topic)
    id_ = publish(writer, topic)
    check_same(event_ids(slow, topic, 1), [id_], "a reader that caught up")


def _counted(target: Target, topic: str) -> Any:
    """How many messages of `topic` the server says were dropped; None where it does not say."""
    try:
        return target.topics.counted(topic, "dropped")
    except Skipped:
        return None


def _lost(target: Target, slow: Peer, topic: str, numbers: dict[Any, int]) -> int | None:
    """How many messages a slow reader was told it lost, each in its place; None if it was cut off, as it may be.

    Args:
        target: The server.
        slow: The reader, which now reads.
        topic: What it is subscribed to.
        numbers: The places of all messages in the order in which they were published, by their ids.

    """
    bus, sent = target.bus, len(numbers)
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
                return None  # the policy `disconnect`
            raise Broken(f"a reader that was slow was cut off: {closed.problem}") from None
        target.steps = target.steps[:6]
        if bus.is_dropped(frame):
            if bus.topic_of(frame) != topic:
                raise Broken("the news of dropped messages does not name the topic")
            lost += bus.missing_of(frame)
        elif bus.is_event(frame):
            got += 1
            number = numbers.get(bus.id_of(frame))
            if number != got + lost:
                raise Broken(
                    f"a slow reader got {got} messages and was told that {lost} were dropped, "
                    f"but the next one is number {number} instead of {got + lost}"
                )
    return lost
