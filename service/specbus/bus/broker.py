"""The broker: topics, subscriptions, order, replay, bounded queues, counters.

It knows neither JSON, WebSocket, HTTP nor tasks. It takes encoded events and hands them on as they are. It is
confined to the event loop's thread: no lock, and nothing awaits.

Publications of a topic are collected until the tick ends (`schedule` is told to call `flush` then), joined once, and
the same bytes go to every subscriber that can take them. A subscriber that cannot has a bounded queue for each of its
subscriptions. Whatever could reorder (a subscription, its end, a topic's end) flushes the topic first.
"""

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from specbus.bus.limits import OverflowPolicy


class TopicExists(Exception):
    """A topic of that name exists."""


class TopicNotFound(Exception):
    """There is no topic of that name."""


class LimitExceeded(Exception):
    """A limit of the broker would be passed. The text says which, for a person."""


class Subscriber(Protocol):
    """What the broker wants of a connection.

    Of the broker, `deliver` and `notify_dropped` may call `pause` and nothing else; `overflow` may call all of it.
    """

    @property
    def deliver(self) -> Callable[[bytes], object]:
        """Takes one event, or several joined. A subscriber that is full then calls `Broker.pause`."""

    def notify_dropped(self, topic: str, count: int) -> None:
        """Tell the peer, in the place of the missing events, that `count` of `topic` were dropped."""

    def overflow(self, lost: Sequence[tuple[str, int]]) -> None:
        """End the connection, which the broker has forgotten: more waited than may.

        `lost` is what waited for it, topics and how many events of each.
        """


class _Queue:
    """What waits for one subscriber from one topic."""

    __slots__ = ("dropped", "events", "farewell", "limit")

    def __init__(self, limit: int) -> None:
        self.events: deque[bytes] = deque()
        self.limit = limit
        """How many events may wait: the broker's bound, and room for the replays asked for."""
        self.dropped = 0
        """Events dropped since the subscriber was last told."""
        self.farewell: bytes | None = None
        """What follows the last event, once the topic is deleted."""


class _Member:
    """A subscriber, as the broker sees it."""

    __slots__ = ("paused", "queues", "topics")

    def __init__(self) -> None:
        self.paused = False
        self.topics: dict[Topic, None] = {}
        self.queues: dict[Topic, _Queue] = {}
        """What waits, by topic; topics deleted meanwhile among it."""


class Topic:
    """A topic and its numbers. Only the broker changes it."""

    __slots__ = ("delivered", "dropped", "live", "messages", "name", "pending", "queued", "retained")

    def __init__(self, name: str, history_size: int) -> None:
        self.name = name
        self.messages = 0
        """Messages taken."""
        self.delivered = 0
        """Events handed to subscribers, replayed ones included."""
        self.dropped = 0
        """Events dropped because a queue was full."""
        self.retained: deque[bytes] = deque(maxlen=history_size)
        """The newest events, oldest first."""
        self.pending: list[bytes] = []
        """Events of this tick, not yet handed on."""
        self.live: dict[Subscriber, Callable[[bytes], object]] = {}
        """Subscribers that take events at once, with what takes them."""
        self.queued: dict[Subscriber, _Queue] = {}
        """Subscribers for whom events must wait."""

    @property
    def subscribers(self) -> int:
        """How many are subscribed."""
        return len(self.live) + len(self.queued)


class Broker:
    """All topics, and who is subscribed to what."""

    def __init__(
        self,
        schedule: Callable[[Callable[[], None]], object],
        *,
        history_size: int = 100,
        max_queue_size: int = 100,
        max_topics: int = 10_000,
        max_subscriptions: int = 1_000,
        overflow_policy: OverflowPolicy = OverflowPolicy.DROP_OLDEST,
        max_join: int = 262_144,
    ) -> None:
        """Make a broker without topics.

        `schedule` is called with `flush` when something is pending: the event loop's `call_soon`. `history_size` and
        `max_queue_size` are in messages, `max_subscriptions` is for each subscriber, `max_join` is in bytes: with that
        many pending, a topic does not wait for the end of the tick. (A quarter of it costs a delivery of 16 KiB a third
        more, in system calls; twice as much saves a tenth, and holds twice as much for a subscriber that stalls.)
        """
        self.topics: dict[str, Topic] = {}
        """The topics by name, in the order of their creation. To be read only."""
        self._schedule = schedule
        self._history_size = history_size
        self._max_queue_size = max_queue_size
        self._max_topics = max_topics
        self._max_subscriptions = max_subscriptions
        self._policy = overflow_policy
        self._max_join = max_join
        self._dirty: dict[Topic, int] = {}
        """Topics with something pending, and how many bytes."""
        self._members: dict[Subscriber, _Member] = {}

    def topic(self, name: str) -> Topic:
        """The topic `name`. Raises TopicNotFound."""
        topic = self.topics.get(name)
        if topic is None:
            raise TopicNotFound(name)
        return topic

    def create(self, name: str) -> Topic:
        """Create the topic `name`. Raises TopicExists, LimitExceeded."""
        if name in self.topics:
            raise TopicExists(name)
        if len(self.topics) >= self._max_topics:
            raise LimitExceeded(f"the service may have at most {self._max_topics} topics")
        topic = self.topics[name] = Topic(name, self._history_size)
        return topic

    def delete(self, name: str, farewell: bytes) -> None:
        """Delete the topic `name`; subscribers get what is pending or waits, then `farewell`. Raises TopicNotFound."""
        topic = self.topic(name)
        self._flush_topic(topic)
        del self.topics[name]
        live, topic.live = topic.live, {}
        queued, topic.queued = topic.queued, {}
        for subscriber in (*live, *queued):
            del self._members[subscriber].topics[topic]
        for queue in queued.values():
            queue.farewell = farewell
        for deliver in live.values():
            deliver(farewell)

    def publish(self, topic: Topic, event: bytes) -> None:
        """Give `event` its place in the order of `topic`, which exists."""
        topic.messages += 1
        topic.retained.append(event)
        if topic.live or topic.queued:
            dirty = self._dirty
            if not dirty:
                self._schedule(self.flush)
            topic.pending.append(event)
            dirty[topic] = size = dirty.get(topic, 0) + len(event)
            if size >= self._max_join:
                self._flush_topic(topic)

    def subscribe(self, name: str, subscriber: Subscriber, last_n: int = 0) -> None:
        """Subscribe `subscriber` to the topic `name`, and have its `last_n` newest events wait for it.

        A replay, and what is published after it, waits for `replay`: call that when the subscription has been
        acknowledged. Subscribing again only replays. Raises TopicNotFound, LimitExceeded.
        """
        topic = self.topic(name)
        member = self._member(subscriber)
        if topic not in member.topics:
            if len(member.topics) >= self._max_subscriptions:
                raise LimitExceeded(f"a connection may have at most {self._max_subscriptions} subscriptions")
            self._flush_topic(topic)
            member.topics[topic] = None
            topic.live[subscriber] = subscriber.deliver
            if member.paused:
                self._make_wait(subscriber, member, topic)
        count = min(last_n, len(topic.retained))
        if count:
            self._flush_topic(topic)
            queue = self._make_wait(subscriber, member, topic)
            queue.limit += count
            queue.events.extend(itertools.islice(topic.retained, len(topic.retained) - count, None))

    def unsubscribe(self, name: str, subscriber: Subscriber) -> None:
        """End the subscription to the topic `name`, if there is one, and forget what waits. Raises TopicNotFound."""
        topic = self.topic(name)
        self._flush_topic(topic)
        topic.live.pop(subscriber, None)
        topic.queued.pop(subscriber, None)
        if member := self._members.get(subscriber):
            member.topics.pop(topic, None)
            member.queues.pop(topic, None)

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber that is gone, with all that waits for it."""
        if member := self._members.pop(subscriber, None):
            for topic in member.topics:
                topic.live.pop(subscriber, None)
                topic.queued.pop(subscriber, None)

    def pause(self, subscriber: Subscriber) -> None:
        """Have everything wait for `subscriber`, up to the bound, until `resume`."""
        member = self._member(subscriber)
        if not member.paused:
            member.paused = True
            for topic in member.topics:
                self._make_wait(subscriber, member, topic)

    def resume(self, subscriber: Subscriber) -> None:
        """Deliver what waits for `subscriber`, then go on live; or until it pauses again."""
        if member := self._members.get(subscriber):
            member.paused = False
            self.replay(subscriber)

    def replay(self, subscriber: Subscriber) -> None:
        """Deliver what `subscribe` has wait, now that it is acknowledged; a paused subscriber gets it on `resume`."""
        member = self._members.get(subscriber)
        if member is None or member.paused:
            return
        for topic, queue in list(member.queues.items()):
            if not self._drain(subscriber, member, topic, queue):
                if queue.farewell is None:
                    # The other topics come first next time; but a deleted one before its successor of the same name.
                    member.queues[topic] = member.queues.pop(topic)
                return
            del member.queues[topic]
            if topic.queued.pop(subscriber, None):
                topic.live[subscriber] = subscriber.deliver
            elif queue.farewell is not None:
                subscriber.deliver(queue.farewell)
                if member.paused:
                    return

    def waiting(self, subscriber: Subscriber) -> bool:
        """Whether anything waits for `subscriber`."""
        member = self._members.get(subscriber)
        return member is not None and any(queue.events or queue.farewell for queue in member.queues.values())

    def flush(self) -> None:
        """Hand on everything pending: the end of a tick."""
        while self._dirty:
            # Not one by one from the front: what is deleted there would be passed over again for each.
            for topic in tuple(self._dirty):
                self._flush_topic(topic)

    def _flush_topic(self, topic: Topic) -> None:
        """Hand on what is pending on `topic`."""
        events = topic.pending
        if not events:
            return
        topic.pending = []
        del self._dirty[topic]
        # The queues first: who pauses while it takes the events joins the queues, and has them already.
        overflowed = [
            subscriber for subscriber, queue in topic.queued.items() if not self._enqueue(topic, queue, events)
        ]
        if topic.live:
            topic.delivered += len(topic.live) * len(events)
            data = events[0] if len(events) == 1 else b"".join(events)
            for deliver in tuple(topic.live.values()):
                deliver(data)
        for subscriber in overflowed:
            self._overflow(subscriber)

    def _enqueue(self, topic: Topic, queue: _Queue, events: list[bytes]) -> bool:
        """Have `events` wait in `queue`. False if that overflows it and the policy wants the subscriber gone."""
        queue.events.extend(events)
        over = len(queue.events) - queue.limit
        if over > 0:
            if self._policy is OverflowPolicy.DISCONNECT:
                return False
            for _ in range(over):
                queue.events.popleft()
            queue.dropped += over
            topic.dropped += over
        return True

    def _overflow(self, subscriber: Subscriber) -> None:
        """Forget `subscriber`, for whom too much waits, and have its connection ended."""
        lost = [(topic, len(queue.events)) for topic, queue in self._members[subscriber].queues.items() if queue.events]
        for topic, count in lost:
            topic.dropped += count
        self.leave(subscriber)
        subscriber.overflow([(topic.name, count) for topic, count in lost])

    def _drain(self, subscriber: Subscriber, member: _Member, topic: Topic, queue: _Queue) -> bool:
        """Deliver what waits in `queue`. False if the subscriber paused before the end."""
        if queue.dropped:
            count, queue.dropped = queue.dropped, 0
            subscriber.notify_dropped(topic.name, count)
        while queue.events:
            if member.paused:
                return False
            topic.delivered += 1
            subscriber.deliver(queue.events.popleft())
        queue.limit = self._max_queue_size
        return not member.paused

    def _make_wait(self, subscriber: Subscriber, member: _Member, topic: Topic) -> _Queue:
        """The queue of a subscription, which from now on is used."""
        queue = member.queues.get(topic)
        if queue is None:
            queue = member.queues[topic] = topic.queued[subscriber] = _Queue(self._max_queue_size)
            topic.live.pop(subscriber, None)
        return queue

    def _member(self, subscriber: Subscriber) -> _Member:
        member = self._members.get(subscriber)
        if member is None:
            member = self._members[subscriber] = _Member()
        return member
