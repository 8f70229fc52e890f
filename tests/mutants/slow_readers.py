"""Defects of what becomes of a client that does not read. asyncapi.yaml, "Slow consumers"; error_detail.yaml."""

from typing import Any

from specbus.bus.hub import Fanout, Hub
from specbus.bus.outbox import Outbox
from specbus.websocket.connection import Connection
from specbus.websocket.session import Session
from tests.mutants.edits import edit_frames, subscribers
from tests.mutants.registry import Patch, mutant, wrap


def edit_told(patch: Patch, edit: Any) -> None:
    """Have `edit` change what a client is told of drops: it gets the session, the topic and the count."""

    def notify_dropped(original: Any, self: Session, topic: str, count: int) -> None:
        told = edit(self, topic, count)
        if told:
            original(self, *told)

    wrap(patch, Session, "notify_dropped", notify_dropped)


@mutant("behaviour", "a client is told of its first drop alone", max_queue_size=10)
def first_drop_told(patch: Patch) -> None:
    told: set[tuple[Session, str]] = set()

    def edit(session: Session, topic: str, count: int) -> Any:
        known = (session, topic) in told
        told.add((session, topic))
        return None if known else (topic, count)

    edit_told(patch, edit)


@mutant("behaviour", "a client is told of a drop in one topic alone", max_queue_size=10)
def drops_of_first_topic_told(patch: Patch) -> None:
    first: dict[Session, str] = {}
    edit_told(patch, lambda session, topic, n: (topic, n) if first.setdefault(session, topic) == topic else None)


@mutant("behaviour", "dropped is how many there ever were of the subscription", max_queue_size=10)
def dropped_ever(patch: Patch) -> None:
    ever: dict[tuple[Session, str], int] = {}

    def edit(session: Session, topic: str, count: int) -> Any:
        ever[session, topic] = ever.get((session, topic), 0) + count
        return topic, ever[session, topic]

    edit_told(patch, edit)


@mutant("behaviour", "dropped is one too many", max_queue_size=10)
def dropped_and_one(patch: Patch) -> None:
    edit_told(patch, lambda session, topic, count: (topic, count + 1))


@mutant("behaviour", "dropped has at most two digits", max_queue_size=10)
def dropped_to_99(patch: Patch) -> None:
    edit_told(patch, lambda session, topic, count: (topic, min(count, 99)))


@mutant("behaviour", "a SLOW_CONSUMER error does not name the topic", max_queue_size=10)
def drop_without_topic(patch: Patch) -> None:
    edit_frames(patch, "error", lambda frame: frame.pop("topic", None))


@mutant("behaviour", "a SLOW_CONSUMER error does not say how many in its words", max_queue_size=10)
def drop_without_count(patch: Patch) -> None:
    edit_frames(patch, "error", lambda frame: frame["error"].pop("dropped", None))


@mutant("behaviour", "drops are counted for both topics of a client", max_queue_size=10)
def dropped_for_all_topics(patch: Patch) -> None:
    def enqueue(original: Any, self: Fanout, publications: Any) -> Any:
        before = self.dropped
        result = original(self, publications)
        for other in self._hub.fanouts.values():
            if other is not self and set(subscribers(other)) & set(self.waiting):
                other.dropped += self.dropped - before
        return result

    wrap(patch, Fanout, "_enqueue", enqueue)


@mutant("behaviour", "drops are counted by occasion, not by message", max_queue_size=10)
def dropped_counts_occasions(patch: Patch) -> None:
    def drop_oldest(original: Any, self: Outbox) -> int:
        return min(int(original(self)), 1) if not self.dropped else int(original(self)) * 0

    wrap(patch, Outbox, "drop_oldest", drop_oldest)


@mutant("behaviour", "all topics of a client have one queue together", max_queue_size=10)
def one_queue_for_all_topics(patch: Patch) -> None:
    def enqueue(original: Any, self: Fanout, publications: Any) -> Any:
        result = original(self, publications)
        for subscriber in self.waiting:
            outboxes = self._hub._members[subscriber].outboxes
            while sum(len(each.waiting) for each in outboxes.values()) > self._hub.limits.max_queue_size:
                fanout, outbox = max(outboxes.items(), key=lambda item: len(item[1].waiting))
                outbox.take()
                outbox.dropped += 1
                fanout.dropped += 1
        return result

    wrap(patch, Fanout, "_enqueue", enqueue)


@mutant("behaviour", "a full queue is emptied", max_queue_size=10)
def full_queue_emptied(patch: Patch) -> None:
    def drop_oldest(original: Any, self: Outbox) -> int:
        count = int(original(self))
        more = len(self.waiting) - 1
        for _ in range(more):
            self.take()
        self.dropped += more
        return count + more

    wrap(patch, Outbox, "drop_oldest", drop_oldest)


@mutant("behaviour", "the queue holds twice as many messages as it may", max_queue_size=10)
def queue_twice_as_long(patch: Patch) -> None:
    def is_over(self: Outbox) -> bool:
        return len(self.waiting) > 2 * self._limits.max_queue_size + self._replayed

    patch.setattr(Outbox, "is_over", property(is_over))


@mutant("behaviour", "what waits for a client is forgotten when its topic is deleted", max_queue_size=10)
def waiting_forgotten_at_deletion(patch: Patch) -> None:
    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        fanout.flush()
        for outbox in fanout.waiting.values():
            while outbox.waiting:
                outbox.take()
        original(self, fanout)

    wrap(patch, Hub, "end", end)


@mutant("behaviour", "a drop is not told once the topic is deleted", max_queue_size=10)
def drop_untold_at_deletion(patch: Patch) -> None:
    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        fanout.flush()
        for outbox in fanout.waiting.values():
            outbox.take_dropped()
        original(self, fanout)

    wrap(patch, Hub, "end", end)


@mutant("behaviour", "a slow client is not told that its topic is deleted", max_queue_size=10)
def deletion_untold_to_slow(patch: Patch) -> None:
    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        slow = list(fanout.waiting.values())
        original(self, fanout)
        for outbox in slow:
            outbox.ended = False

    wrap(patch, Hub, "end", end)


@mutant("behaviour", "a drop is told behind the events that waited", max_queue_size=10)
def drop_told_behind_events(patch: Patch) -> None:
    def drain(original: Any, self: Hub, subscriber: Any, member: Any, fanout: Fanout, outbox: Outbox) -> Any:
        count = outbox.take_dropped()
        drained = original(self, subscriber, member, fanout, outbox)
        if count and drained:
            subscriber.notify_dropped(fanout.name, count)
        elif count:
            outbox.dropped += count
        return drained

    wrap(patch, Hub, "_drain", drain)


@mutant("behaviour", "a subscription that lost something ends", max_queue_size=10)
def drop_ends_subscription(patch: Patch) -> None:
    dropped: list[tuple[Any, str]] = []

    def notify_dropped(original: Any, self: Session, topic: str, count: int) -> None:
        original(self, topic, count)
        dropped.append((self, topic))

    def resume(original: Any, self: Hub, subscriber: Any) -> None:
        original(self, subscriber)
        while dropped:
            session, topic = dropped.pop()
            self.leave(topic, session)

    wrap(patch, Session, "notify_dropped", notify_dropped)
    wrap(patch, Hub, "resume", resume)


@mutant("behaviour", "a client that does not read has those wait that share a topic with it", max_queue_size=10)
def slow_one_pauses_all(patch: Patch) -> None:
    def fellows(hub: Hub, subscriber: Any) -> list[Any]:
        member = hub._members.get(subscriber)
        topics = list(member.topics) if member else []
        return [each for topic in topics for each in subscribers(topic) if each is not subscriber]

    def pause(original: Any, self: Hub, subscriber: Any) -> None:
        others = fellows(self, subscriber)
        original(self, subscriber)
        for each in others:
            original(self, each)

    def resume(original: Any, self: Hub, subscriber: Any) -> None:
        original(self, subscriber)
        for each in fellows(self, subscriber):
            original(self, each)

    wrap(patch, Hub, "pause", pause)
    wrap(patch, Hub, "resume", resume)


@mutant("behaviour", "the commands of a client that does not read are carried out all the same")
def commands_of_slow_carried_out(patch: Patch) -> None:
    def pause_writing(original: Any, self: Connection) -> None:
        self._endpoint.hub.pause(self)

    wrap(patch, Connection, "pause_writing", pause_writing)


@mutant("behaviour", "a slow client is closed with 1008, not 1013", max_queue_size=10, overflow_policy="disconnect")
def slow_closed_with_1008(patch: Patch) -> None:
    def overflow(original: Any, self: Session, lost: Any) -> None:
        with patch.context() as meanwhile:
            wrap(meanwhile, Connection, "close", lambda close, session, code, reason: close(session, 1008, reason))
            original(self, lost)

    wrap(patch, Session, "overflow", overflow)


@mutant("behaviour", "a slow client is closed without being told", max_queue_size=10, overflow_policy="disconnect")
def slow_closed_untold(patch: Patch) -> None:
    wrap(patch, Session, "overflow", lambda original, self, lost: original(self, []))


@mutant("behaviour", "the policy disconnect drops the oldest", max_queue_size=10, overflow_policy="disconnect")
def disconnect_drops(patch: Patch) -> None:
    def overflow(original: Any, self: Hub, subscriber: Any) -> None:
        for fanout, outbox in self._members[subscriber].outboxes.items():
            fanout.dropped += outbox.drop_oldest()

    wrap(patch, Hub, "overflow", overflow)


@mutant(
    "behaviour",
    "what a slow client lost as it was closed is not counted",
    max_queue_size=10,
    overflow_policy="disconnect",
)
def disconnected_not_counted(patch: Patch) -> None:
    def overflow(original: Any, self: Hub, subscriber: Any) -> None:
        before = {fanout: fanout.dropped for fanout in self._members[subscriber].outboxes}
        original(self, subscriber)
        for fanout, count in before.items():
            fanout.dropped = count

    wrap(patch, Hub, "overflow", overflow)
