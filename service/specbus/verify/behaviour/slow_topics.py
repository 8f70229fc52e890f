"""A reader of several topics that does not keep up: what it is told of each, again and again, and at a topic's end."""

import json
from collections import defaultdict
from typing import Any

from specbus.verify.behaviour.commands import SLOW_CONSUMER, check_same, event_ids, publish, receive, subscribe
from specbus.verify.behaviour.slow_consumers import AT_ONCE, LARGE, MAX_MESSAGES, queue_too_large
from specbus.verify.checks import check
from specbus.verify.failures import Broken, Closed, Skipped
from specbus.verify.target import Target

_DROPPED = 120
"""Messages of a topic that are to be dropped: more than two digits say."""


class _Slow:
    """A connection that reads only when it is asked to, and who writes to it."""

    def __init__(self, target: Target, topics: list[str]) -> None:
        self.target = target
        self.peer = target.peer("slow", max_queue=1)
        self.writer = target.peer("writer")
        self.sent: dict[str, list[Any]] = {topic: [] for topic in topics}
        """The ids of each topic's messages."""
        self.told: dict[str, int] = defaultdict(int)
        """How many of each topic the reader was told that it lost."""
        self.got: dict[str, int] = defaultdict(int)
        self.since: dict[str, int] = defaultdict(int)
        """Events of each topic that came after the last news of a drop."""
        for topic in topics:
            subscribe(self.peer, topic)

    def flood(self, *topics: str) -> None:
        """Publish to `topics` by turns until enough of each is dropped. Raises Broken, and Skipped."""
        before = {topic: self.counted(topic) for topic in topics}
        count = 0
        while any(self.counted(topic) - before[topic] < _DROPPED for topic in topics):
            count += 1
            if count * AT_ONCE > MAX_MESSAGES:
                raise Skipped("the network between takes so much that nothing was dropped")
            for topic in topics:
                self.publish(topic, AT_ONCE, LARGE)

    def publish(self, topic: str, count: int, size: int) -> None:
        """Publish so many messages of at least `size` bytes. Raises Broken."""
        bus = self.target.bus
        for _ in range(count):
            frame, id_ = bus.publish(topic)
            text = bus.messages.enlarged(frame[bus.message_field], size)
            self.writer.send(bus.with_message(frame, text))
            self.sent[topic].append(id_)
        for _ in range(count):
            if not bus.is_ack(self.writer.answer()):
                raise Broken("a message is refused while a subscriber does not read")
        self.target.steps = self.target.steps[:8]

    def counted(self, topic: str) -> int:
        """How many messages of `topic` the server says were dropped. Raises Skipped if it does not say."""
        dropped = self.target.topics.counted(topic, "dropped")
        if not isinstance(dropped, int):
            raise Skipped("the server does not count what is dropped")
        return dropped

    def read(self, *, ended: str | None = None) -> None:
        """Read all that is due; with `ended`, up to the news of that topic's end. Raises Broken."""
        bus = self.target.bus
        until = self.target.deadline()
        while ended or any(self.got[each] + self.told[each] < len(ids) for each, ids in self.sent.items()):
            frame = receive(self.peer, until, "what a reader that was slow is due")
            topic = bus.topic_of(frame)
            self.target.steps = self.target.steps[:8]
            if bus.is_dropped(frame):
                if topic not in self.sent:
                    raise Broken(f"the news of dropped messages is about {json.dumps(topic)}, no topic of the reader's")
                self.told[topic] += bus.missing_of(frame)
                self.since[topic] = 0
            elif bus.is_event(frame):
                self._note(topic, bus.id_of(frame))
            elif ended and bus.is_ended(frame) and topic == ended:
                break
        for topic, ids in self.sent.items():
            self._check_whole(topic, len(ids))

    def _note(self, topic: str, id_: Any) -> None:
        at = self.got[topic] + self.told[topic]
        due = self.sent[topic][at] if at < len(self.sent[topic]) else None
        if id_ != due:
            where = f"after {self.got[topic]} events and news of {self.told[topic]} that were dropped"
            raise Broken(f"{where}, the next event of a topic is not its message {at + 1}")
        self.got[topic] += 1
        self.since[topic] += 1

    def _check_whole(self, topic: str, sent: int) -> None:
        got, told = self.got[topic], self.told[topic]
        if got + told != sent:
            raise Broken(
                f"of {sent} messages of a topic, a slow reader got {got} and was told that {told} were dropped"
            )

    def check_waited(self, *topics: str) -> None:
        """Raise Broken unless as many events of each topic waited as may, and no more."""
        most, size = self.target.limits.max_queue_size, self.target.limits.max_queue_bytes
        for topic in topics:
            if most is None or not self.told[topic]:
                continue
            waited = self.since[topic]
            if waited > most or (waited < most and (size is None or size > 2 * most * LARGE)):
                raise Broken(f"{waited} events of a topic waited for a slow reader, and not {most}, as the server says")


@check("behaviour", SLOW_CONSUMER, when=queue_too_large)
def a_slow_reader_is_told_of_each_topic_each_time(target: Target) -> None:
    one, other, quiet = (target.topics.new() for _ in range(3))
    slow = _Slow(target, [one, other, quiet])
    try:
        _tell(target, slow, one, other, quiet)
    except Closed:
        if target.limits.overflow_policy in (None, "drop_oldest"):
            raise
        raise Skipped("the server closes the connections of slow readers") from None


def _tell(target: Target, slow: _Slow, one: str, other: str, quiet: str) -> None:
    target.cases += 1
    slow.flood(one, other)
    # As many as may wait, and no more: a queue is its topic's alone.
    slow.publish(quiet, min(5, target.limits.max_queue_size or 1), 1)
    slow.read()
    slow.check_waited(one, other)
    if slow.told[quiet]:
        raise Broken("messages of a topic are dropped for a slow reader though only those of other topics are too many")
    target.cases += 1
    slow.flood(one)
    slow.read()
    slow.check_waited(one)
    for topic in slow.sent:
        if (counted := slow.counted(topic)) != slow.told[topic]:
            told = slow.told[topic]
            raise Broken(f"a slow reader was told of {told} dropped messages of a topic; the server counts {counted}")
    target.cases += 1
    slow.flood(one)
    target.topics.delete(one)
    slow.read(ended=one)
    slow.check_waited(one)
    id_ = publish(slow.writer, other)
    check_same(event_ids(slow.peer, other, 1), [id_], "a slow reader of two topics, after the deletion of one")
