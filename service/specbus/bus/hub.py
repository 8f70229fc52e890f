"""The subscriptions of this process, and the fan-out of what topics take.

# Theory of operation

A `Fanout` is a topic's subscribers. The engine hands it publications one by one, in order. It collects them until the
tick of the event loop ends (the hub then calls `flush`), has them encoded once for each encoding, and hands the same
bytes to every subscriber that can take them: one write for each subscriber and tick, however many were published.

A subscription is in one of two states.

    live      What is flushed goes to the subscriber at once. It is in a `_Group` of its fan-out.
    waiting   What is flushed goes to the subscription's `Outbox`. It is in `Fanout.waiting`.

live -> waiting: the subscriber pauses (its connection is full), or a replay is put before what comes next.
waiting -> live: the outbox is empty and the subscriber is not paused, in `replay`.

A subscriber pauses and resumes with all its subscriptions at once. It may pause in the middle of being handed
something; what was handed over by then is the connection's, all else waits.

These hold at every return to the event loop, and each method keeps them:

- A subscription is live or waiting, never both: nothing is delivered twice.
- While anything waits for a subscription, the subscription is waiting: nothing overtakes what waits.
- Whatever adds or ends a subscription, or ends a topic, flushes the fan-out first: a subscriber gets exactly what was
  published between its acknowledgement and its end.
- An outbox holds no more than its limit, and what was dropped is told in its place before the next delivery.

A deleted topic's outboxes live on, in `_Member.outboxes` alone, until they are empty.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from specbus.bus.engine import Engine
from specbus.bus.errors import TooManySubscriptions
from specbus.bus.limits import Limits, OverflowPolicy
from specbus.bus.outbox import Outbox, Room
from specbus.bus.publication import Publication

MAX_JOINED_BYTES = 262_144
"""A topic with this many bytes of messages pending is flushed before the tick ends.

With a quarter of it, a delivery of 16 KiB costs a third more, for system calls. Twice as much would save a tenth, and
hold twice as much in memory for a subscriber that stalls.
"""

Encode: TypeAlias = Callable[[Sequence[Publication]], bytes]
"""Makes of publications of one topic the bytes that its subscribers get."""
Encoding: TypeAlias = Callable[[str], Encode]
"""A form in which subscribers get publications: gives for a topic's name what encodes its publications."""


class Subscriber(Protocol):
    """What the hub wants of a connection.

    Of the hub, `note_dropping` may call nothing; `deliver`, `notify_dropped` and `notify_deleted` may call `pause` and
    nothing else; `overflow` may call all of it.
    """

    @property
    def encoding(self) -> Encoding:
        """The form that it wants, the same object for all subscribers that want it."""

    @property
    def deliver(self) -> Callable[[bytes], object]:
        """Takes encoded publications. A subscriber that is full then calls `Hub.pause`."""

    def note_dropping(self, topic: str) -> None:
        """Take notice that publications of `topic` are being dropped, of which the client is told when it reads."""

    def notify_dropped(self, topic: str, count: int) -> None:
        """Tell the client, in the place of the missing publications, that `count` of `topic` were dropped."""

    def notify_deleted(self, topic: str) -> None:
        """Tell the client that `topic` is gone, and its subscription with it."""

    def overflow(self, lost: Sequence[tuple[str, int]]) -> None:
        """End the connection, which the hub has forgotten: more waited for it than is allowed.

        `lost` is what waited for it: topics, and how many publications of each.
        """


class _Member:
    """A subscriber, as the hub sees it."""

    __slots__ = ("outboxes", "paused", "topics")

    def __init__(self) -> None:
        self.paused = False
        self.topics: dict[Fanout, None] = {}
        """What it is subscribed to."""
        self.outboxes: dict[Fanout, Outbox] = {}
        """What waits for it; of topics deleted meanwhile too."""


class _Group:
    """The live subscribers of a topic that share an encoding."""

    __slots__ = ("deliver", "encode")

    def __init__(self, encode: Encode) -> None:
        self.encode = encode
        self.deliver: dict[Subscriber, Callable[[bytes], object]] = {}
        """What takes the bytes of each. Looked up once, not for each delivery."""


class Fanout:
    """The subscribers of one topic, in this process. A `Listener` for the engine. Only the hub changes it."""

    __slots__ = (
        "_hub",
        "_max_joined_bytes",
        "_pending",
        "_pending_bytes",
        "_with_pending",
        "delivered",
        "dropped",
        "groups",
        "name",
        "waiting",
    )

    def __init__(self, hub: "Hub", name: str) -> None:
        self._hub = hub
        self._with_pending = hub.with_pending
        self._max_joined_bytes = hub.max_joined_bytes
        self.name = name
        self.delivered = 0
        """Publications handed to subscribers, replayed ones included."""
        self.dropped = 0
        """Publications dropped because an outbox was full."""
        self.groups: dict[Encoding, _Group] = {}
        self.waiting: dict[Subscriber, Outbox] = {}
        """The subscriptions that are not live."""
        self._pending: list[Publication] = []
        """Taken in this tick, and not yet handed on."""
        self._pending_bytes = 0

    @property
    def subscribers(self) -> int:
        """How many subscriptions there are."""
        return sum(len(group.deliver) for group in self.groups.values()) + len(self.waiting)

    def take(self, publication: Publication) -> None:
        """Accept a publication, which is handed on when the tick ends."""
        if not self.groups and not self.waiting:
            return
        pending = self._pending
        if not pending:
            if not self._with_pending:
                self._hub.schedule_flush()
            self._with_pending[self] = None
        pending.append(publication)
        self._pending_bytes = size = self._pending_bytes + len(publication.message)
        if size >= self._max_joined_bytes:
            self.flush()

    def end(self) -> None:
        """End the subscriptions, as the topic was deleted."""
        self._hub.end(self)

    def encode(self, subscriber: Subscriber) -> Encode:
        """What encodes this topic's publications for `subscriber`."""
        group = self.groups.get(subscriber.encoding)
        return group.encode if group else subscriber.encoding(self.name)

    def go_live(self, subscriber: Subscriber) -> None:
        """Hand publications to `subscriber` at once from now on."""
        self.waiting.pop(subscriber, None)
        group = self.groups.get(subscriber.encoding)
        if group is None:
            group = self.groups[subscriber.encoding] = _Group(subscriber.encoding(self.name))
        group.deliver[subscriber] = subscriber.deliver

    def wait(self, subscriber: Subscriber, outbox: Outbox) -> None:
        """Have publications for `subscriber` wait in `outbox` from now on."""
        self._leave_group(subscriber)
        self.waiting[subscriber] = outbox

    def remove(self, subscriber: Subscriber) -> None:
        """Forget `subscriber`."""
        self.waiting.pop(subscriber, None)
        self._leave_group(subscriber)

    def _leave_group(self, subscriber: Subscriber) -> None:
        group = self.groups.get(subscriber.encoding)
        if group is not None:
            group.deliver.pop(subscriber, None)
            if not group.deliver:
                del self.groups[subscriber.encoding]

    def flush(self) -> None:
        """Hand on what is pending."""
        publications = self._pending
        if not publications:
            return
        self._pending = []
        self._pending_bytes = 0
        del self._with_pending[self]
        # The outboxes first: a subscriber that pauses below gets one, and has been handed these publications already.
        overflowed = self._enqueue(publications) if self.waiting else ()
        for group in tuple(self.groups.values()):
            self.delivered += len(group.deliver) * len(publications)
            data = group.encode(publications)
            for deliver in tuple(group.deliver.values()):
                deliver(data)
        for subscriber in overflowed:
            self._hub.overflow(subscriber)

    def _enqueue(self, publications: list[Publication]) -> list[Subscriber]:
        """Put `publications` into the topic's outboxes. Returns the subscribers to disconnect as theirs overflowed."""
        overflowed = []
        disconnect = self._hub.limits.overflow_policy is OverflowPolicy.DISCONNECT
        for subscriber, outbox in self.waiting.items():
            outbox.put(publications)
            if outbox.is_over:
                if disconnect:
                    overflowed.append(subscriber)
                    continue
                if not outbox.dropped:
                    subscriber.note_dropping(self.name)
                self.dropped += outbox.drop_oldest()
        return overflowed


class Hub:
    """Who is subscribed to what in this process."""

    def __init__(
        self,
        engine: Engine,
        schedule: Callable[[Callable[[], None]], object],
        limits: Limits,
        *,
        max_joined_bytes: int = MAX_JOINED_BYTES,
    ) -> None:
        """Have no subscriptions.

        Args:
            engine: Where the topics live.
            schedule: Called with `flush` when something is pending: the event loop's `call_soon`.
            limits: Of each subscription and subscriber.
            max_joined_bytes: See `MAX_JOINED_BYTES`.

        """
        self._engine = engine
        self._schedule = schedule
        self.limits = limits
        self.max_joined_bytes = max_joined_bytes
        self.fanouts: dict[str, Fanout] = {}
        """By topic, for topics that had a subscriber since they were created. To be read only."""
        self.with_pending: dict[Fanout, None] = {}
        """The fan-outs that have something pending. They change it themselves."""
        self._members: dict[Subscriber, _Member] = {}
        self._room = Room(limits.total_queue_bytes)

    def join(self, topic: str, subscriber: Subscriber, replayed: Sequence[Publication] = ()) -> None:
        """Subscribe `subscriber` to `topic`, and have `replayed` wait for it, which the topic took before.

        They, and what is published after them, wait for `replay`: call that when the subscription has been
        acknowledged. A client that is subscribed already only gets the replay. Raises TopicNotFound,
        TooManySubscriptions.
        """
        fanout = self.fanouts.get(topic)
        if fanout is None:
            fanout = Fanout(self, topic)
            self._engine.attach(topic, fanout)
            self.fanouts[topic] = fanout
        # Before `subscriber` is looked up: a flush may disconnect it.
        fanout.flush()
        member = self._member(subscriber)
        if fanout not in member.topics:
            if len(member.topics) >= self.limits.max_subscriptions:
                raise TooManySubscriptions(self.limits.max_subscriptions)
            member.topics[fanout] = None
            if member.paused:
                self._outbox(subscriber, member, fanout)
            else:
                fanout.go_live(subscriber)
        if replayed:
            self._outbox(subscriber, member, fanout).put_replay(replayed)

    def leave(self, topic: str, subscriber: Subscriber) -> None:
        """End the subscription of `subscriber` to `topic`, if there is one, and forget what waits."""
        fanout = self.fanouts.get(topic)
        if fanout is None:
            return
        fanout.flush()
        fanout.remove(subscriber)
        if member := self._members.get(subscriber):
            member.topics.pop(fanout, None)
            if outbox := member.outboxes.pop(fanout, None):
                outbox.discard()

    def forget(self, subscriber: Subscriber) -> int:
        """Forget a subscriber that is gone, with all that waits for it.

        Returns how many publications were dropped of which it could not be told.
        """
        member = self._members.pop(subscriber, None)
        if member is None:
            return 0
        for fanout in member.topics:
            fanout.remove(subscriber)
        for outbox in member.outboxes.values():
            outbox.discard()
        return sum(outbox.dropped for outbox in member.outboxes.values())

    def end(self, fanout: Fanout) -> None:
        """End all subscriptions to a topic that was deleted; subscribers get what is pending or waits, and are told."""
        fanout.flush()
        del self.fanouts[fanout.name]
        live = [subscriber for group in fanout.groups.values() for subscriber in group.deliver]
        waiting, fanout.waiting = fanout.waiting, {}
        fanout.groups = {}
        for subscriber in (*live, *waiting):
            del self._members[subscriber].topics[fanout]
        for outbox in waiting.values():
            outbox.ended = True
        for subscriber in live:
            subscriber.notify_deleted(fanout.name)

    def pause(self, subscriber: Subscriber) -> None:
        """Have everything wait for `subscriber`, up to the limit, until `resume`."""
        member = self._member(subscriber)
        if not member.paused:
            member.paused = True
            for fanout in member.topics:
                self._outbox(subscriber, member, fanout)

    def resume(self, subscriber: Subscriber) -> None:
        """Deliver what waits for `subscriber`, then go on live; or until it pauses again."""
        if member := self._members.get(subscriber):
            member.paused = False
            self.replay(subscriber)

    def replay(self, subscriber: Subscriber) -> None:
        """Deliver what `join` has wait, now that it is acknowledged; a paused subscriber gets it on `resume`."""
        member = self._members.get(subscriber)
        if member is None or member.paused:
            return
        for fanout, outbox in list(member.outboxes.items()):
            if not self._drain(subscriber, member, fanout, outbox):
                if not outbox.ended:
                    # The other topics come first next time; but a deleted one before its successor of the same name.
                    member.outboxes[fanout] = member.outboxes.pop(fanout)
                return
            del member.outboxes[fanout]
            outbox.discard()
            if outbox.ended:
                subscriber.notify_deleted(fanout.name)
                if member.paused:
                    return
            else:
                fanout.go_live(subscriber)

    def is_waiting(self, subscriber: Subscriber) -> bool:
        """Whether anything waits for `subscriber`."""
        member = self._members.get(subscriber)
        return member is not None and any(member.outboxes.values())

    def flush(self) -> None:
        """Hand on everything pending: the end of a tick."""
        while self.with_pending:
            # Over a copy: to take the first key each time is slow, as a dict keeps gaps where keys were deleted.
            for fanout in tuple(self.with_pending):
                fanout.flush()

    # What a fan-out calls

    def schedule_flush(self) -> None:
        """Have `flush` called when the tick ends."""
        self._schedule(self.flush)

    def overflow(self, subscriber: Subscriber) -> None:
        """Forget `subscriber`, for whom too much waits, and have its connection ended."""
        outboxes = self._members[subscriber].outboxes
        lost = [(fanout, len(outbox.waiting)) for fanout, outbox in outboxes.items() if outbox.waiting]
        for fanout, count in lost:
            fanout.dropped += count
        self.forget(subscriber)
        subscriber.overflow([(fanout.name, count) for fanout, count in lost])

    def _drain(self, subscriber: Subscriber, member: _Member, fanout: Fanout, outbox: Outbox) -> bool:
        """Deliver what waits in `outbox`. False if the subscriber paused before the end."""
        if count := outbox.take_dropped():
            subscriber.notify_dropped(fanout.name, count)
        encode = fanout.encode(subscriber)
        while outbox.waiting:
            if member.paused:
                return False
            fanout.delivered += 1
            subscriber.deliver(encode((outbox.take(),)))
        outbox.emptied()
        return not member.paused

    def _outbox(self, subscriber: Subscriber, member: _Member, fanout: Fanout) -> Outbox:
        """The outbox of a subscription, which from now on is waiting."""
        outbox = member.outboxes.get(fanout)
        if outbox is None:
            outbox = member.outboxes[fanout] = Outbox(self.limits, self._room)
            fanout.wait(subscriber, outbox)
        return outbox

    def _member(self, subscriber: Subscriber) -> _Member:
        member = self._members.get(subscriber)
        if member is None:
            member = self._members[subscriber] = _Member()
        return member
