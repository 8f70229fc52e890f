"""The broker without a socket: each rule by example, then all of them at once against a model."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from specbus.bus.broker import Broker, LimitExceeded, Topic, TopicExists, TopicNotFound
from specbus.bus.limits import OverflowPolicy
from specbus.websocket.commands import Commands


class Ticks:
    """The end of each tick of an event loop: what was scheduled runs when the test says so."""

    def __init__(self) -> None:
        self.calls = 0
        self._scheduled: list[Callable[[], None]] = []

    def schedule(self, callback: Callable[[], None]) -> None:
        self.calls += 1
        self._scheduled.append(callback)

    def end(self) -> None:
        scheduled, self._scheduled = self._scheduled, []
        for callback in scheduled:
            callback()


class Peer:
    """A subscriber that notes what it is given, and is full after `room` more writes."""

    def __init__(self, broker: Broker, room: int | None = None) -> None:
        self._broker = broker
        self.room = room
        self.full = False
        self.writes: list[str] = []

    def deliver(self, data: bytes) -> None:
        self._write(data.decode())

    def send(self, frame: bytes) -> None:
        """Take the answer to a command, which is not the broker's and is sent in any case."""
        self.writes.append("answer ")
        self._count()

    answer = send

    def notify_dropped(self, topic: str, count: int) -> None:
        self._write(f"dropped:{topic}:{count} ")

    def overflow(self, lost: Sequence[tuple[str, int]]) -> None:
        self.writes.append(f"overflow:{','.join(f'{topic}={count}' for topic, count in lost)} ")
        self._broker.pause(self)

    def pause(self) -> None:
        self.full = True
        self._broker.pause(self)

    def resume(self, room: int | None = None) -> None:
        self.full, self.room = False, room
        self._broker.resume(self)

    def take(self) -> list[str]:
        """What was given since the last call, one by one."""
        taken = "".join(self.writes).split()
        self.writes.clear()
        return taken

    def _write(self, text: str) -> None:
        assert not self.full, "a full subscriber was given something"
        self.writes.append(text)
        self._count()

    def _count(self) -> None:
        if self.room is not None and not self.full:
            self.room -= 1
            if self.room <= 0:
                self.pause()


class Bus:
    """A broker with a topic `t`, and short ways to use it."""

    def __init__(self, **options: Any) -> None:
        self.ticks = Ticks()
        self.broker = Broker(self.ticks.schedule, **options)
        self.t = self.broker.create("t")

    def peer(self, *topics: str, room: int | None = None) -> Peer:
        """A new peer that is subscribed to `topics`."""
        peer = Peer(self.broker, room)
        for name in topics:
            self.broker.subscribe(name, peer)
        return peer

    def publish(self, *events: object, to: str = "t") -> None:
        for event in events:
            self.broker.publish(self.broker.topic(to), f"{event} ".encode())

    def publish_and_end_tick(self, *events: object, to: str = "t") -> None:
        self.publish(*events, to=to)
        self.ticks.end()


# Order and ticks


def test_the_events_of_a_tick_reach_every_subscriber_in_one_write_when_the_tick_ends() -> None:
    bus = Bus()
    peers = [bus.peer("t"), bus.peer("t")]
    bus.publish(1, 2, 3)
    assert [peer.writes for peer in peers] == [[], []]
    bus.ticks.end()
    assert [peer.writes for peer in peers] == [["1 2 3 "], ["1 2 3 "]]


def test_nothing_is_scheduled_for_a_topic_without_subscribers_and_one_flush_for_all_topics_of_a_tick() -> None:
    bus = Bus()
    bus.broker.create("u")
    bus.publish(1)
    assert bus.ticks.calls == 0
    bus.peer("t", "u")
    bus.publish(2, 3)
    bus.publish(4, to="u")
    assert bus.ticks.calls == 1
    bus.ticks.end()
    bus.publish(5)
    assert bus.ticks.calls == 2


def test_a_topic_with_enough_bytes_pending_does_not_wait_for_the_end_of_the_tick() -> None:
    bus = Bus(max_join=6)
    peer = bus.peer("t")
    bus.publish(10)
    assert peer.writes == []
    bus.publish(11)
    assert peer.writes == ["10 11 "]
    bus.publish_and_end_tick(12)
    assert peer.writes == ["10 11 ", "12 "]


def test_nothing_crosses_topics() -> None:
    bus = Bus()
    bus.broker.create("u")
    of_t, of_u, of_both = bus.peer("t"), bus.peer("u"), bus.peer("t", "u")
    bus.publish("t1")
    bus.publish_and_end_tick("u1", to="u")
    assert [of_t.take(), of_u.take(), sorted(of_both.take())] == [["t1"], ["u1"], ["t1", "u1"]]


# Subscribing, replay


def test_a_subscriber_gets_what_is_published_after_it_subscribed_and_nothing_from_before() -> None:
    bus = Bus()
    bus.publish(1)
    early = bus.peer("t")
    bus.publish(2)
    late = bus.peer("t")
    bus.publish_and_end_tick(3)
    assert [early.take(), late.take()] == [["2", "3"], ["3"]]


def test_a_replay_and_what_is_published_meanwhile_waits_until_the_subscription_is_acknowledged() -> None:
    bus = Bus()
    bus.publish(1, 2, 3)
    peer = bus.peer()
    bus.broker.subscribe("t", peer, 2)
    bus.publish(4)
    bus.ticks.end()
    bus.publish(5)
    assert peer.take() == []
    assert bus.broker.waiting(peer)
    peer.resume()
    assert peer.take() == ["2", "3", "4"]
    assert not bus.broker.waiting(peer)
    bus.publish_and_end_tick(6)
    assert peer.take() == ["5", "6"]


@pytest.mark.parametrize(("last_n", "replayed"), [(0, []), (1, ["4"]), (3, ["2", "3", "4"]), (100, ["2", "3", "4"])])
def test_a_replay_has_the_newest_retained_events_as_many_as_there_are(last_n: int, replayed: list[str]) -> None:
    bus = Bus(history_size=3)
    bus.publish(1, 2, 3, 4)
    peer = bus.peer()
    bus.broker.subscribe("t", peer, last_n)
    peer.resume()
    assert peer.take() == replayed


def test_subscribing_again_does_not_double_delivery_and_replays_again() -> None:
    bus = Bus()
    peer = bus.peer("t", "t")
    bus.publish(1, 2)
    bus.broker.subscribe("t", peer, 1)
    peer.resume()
    bus.publish_and_end_tick(3)
    assert peer.take() == ["1", "2", "2", "3"]
    assert bus.t.subscribers == 1


def test_a_replay_has_room_beyond_the_bound() -> None:
    bus = Bus(max_queue_size=2)
    bus.publish(1, 2, 3)
    peer = bus.peer()
    bus.broker.subscribe("t", peer, 3)
    bus.publish_and_end_tick(4, 5)
    assert len(bus.t.queued[peer].events) == 5
    bus.publish_and_end_tick(6)
    assert len(bus.t.queued[peer].events) == 5
    peer.resume()
    assert peer.take() == ["dropped:t:1", "2", "3", "4", "5", "6"]


def test_the_room_for_a_replay_is_gone_with_the_replay() -> None:
    bus = Bus(max_queue_size=1)
    bus.publish(1, 2)
    peer = bus.peer()
    bus.broker.subscribe("t", peer, 2)
    peer.resume()
    peer.pause()
    bus.publish_and_end_tick(3, 4)
    assert len(bus.t.queued[peer].events) == 1


@pytest.mark.parametrize("room", [1, 2], ids=["the events before its answer", "its answer"])
def test_a_subscribe_command_during_which_the_peer_becomes_full_has_the_replay_wait_too(room: int) -> None:
    bus = Bus(max_queue_size=2)
    peer = bus.peer("t", room=room)
    bus.publish(1)
    Commands(bus.broker).subscribe(peer, {"type": "subscribe", "topic": "t", "client_id": "c", "last_n": 1})
    for number in range(2, 6):
        bus.publish_and_end_tick(number)
    assert peer.take() == ["1", "answer"]
    peer.resume()
    assert peer.take() == ["dropped:t:2", "3", "4", "5"]


# Full subscribers, bounded queues


def test_a_full_subscriber_gets_nothing_until_it_resumes_and_holds_up_nobody() -> None:
    bus = Bus()
    slow, quick = bus.peer("t", room=1), bus.peer("t")
    for number in range(4):
        bus.publish_and_end_tick(number)
    assert [slow.take(), quick.take()] == [["0"], ["0", "1", "2", "3"]]
    slow.resume(room=2)
    assert slow.take() == ["1", "2"]
    bus.publish_and_end_tick(4)
    slow.resume()
    bus.publish_and_end_tick(5)
    assert slow.take() == ["3", "4", "5"]


def test_a_full_subscriber_waits_on_all_its_topics_those_it_subscribes_to_meanwhile_included() -> None:
    bus = Bus()
    for name in "uv":
        bus.broker.create(name)
    peer = bus.peer()
    peer.pause()
    bus.broker.subscribe("t", peer)
    bus.broker.subscribe("u", peer)
    bus.publish("t1")
    bus.publish_and_end_tick("u1", to="u")
    bus.broker.subscribe("v", peer)
    bus.publish_and_end_tick("v1", to="v")
    assert peer.take() == []
    peer.resume()
    assert sorted(peer.take()) == ["t1", "u1", "v1"]


def test_what_finds_no_room_costs_the_oldest_and_the_subscriber_is_told_in_their_place() -> None:
    bus = Bus(max_queue_size=3)
    peer = bus.peer("t")
    peer.pause()
    bus.publish_and_end_tick(*range(5))
    assert len(bus.t.queued[peer].events) == 3
    peer.resume(room=2)
    assert peer.take() == ["dropped:t:2", "2"]
    bus.publish_and_end_tick(5, 6)
    peer.resume()
    assert peer.take() == ["dropped:t:1", "4", "5", "6"]
    assert (bus.t.messages, bus.t.delivered, bus.t.dropped) == (7, 4, 3)


def test_a_subscriber_that_the_news_of_drops_fills_gets_the_events_later() -> None:
    bus = Bus(max_queue_size=1)
    peer = bus.peer("t")
    peer.pause()
    bus.publish_and_end_tick(1, 2)
    peer.resume(room=1)
    assert peer.take() == ["dropped:t:1"]
    peer.resume()
    assert peer.take() == ["2"]


def test_the_disconnect_policy_ends_a_subscriber_that_overflows_on_all_its_topics_and_no_other() -> None:
    bus = Bus(max_queue_size=2, overflow_policy=OverflowPolicy.DISCONNECT)
    u = bus.broker.create("u")
    slow, quick = bus.peer("t", "u"), bus.peer("t", "u")
    slow.pause()
    bus.publish_and_end_tick("u1", to="u")
    bus.publish_and_end_tick(1, 2)
    assert slow.take() == []
    bus.publish_and_end_tick(3)
    assert slow.take() == ["overflow:t=3,u=1"]
    assert not bus.broker.waiting(slow)
    bus.publish_and_end_tick(4)
    bus.publish_and_end_tick("u2", to="u")
    slow.resume()
    assert [slow.take(), quick.take()] == [[], ["u1", "1", "2", "3", "4", "u2"]]
    assert [(topic.subscribers, topic.delivered, topic.dropped) for topic in (bus.t, u)] == [(1, 4, 3), (1, 2, 1)]


# The end of a subscription, of a topic, of a subscriber


def test_unsubscribing_ends_with_the_events_published_before() -> None:
    bus = Bus()
    peer = bus.peer("t")
    bus.publish(1)
    bus.broker.unsubscribe("t", peer)
    bus.publish_and_end_tick(2)
    assert peer.take() == ["1"]
    assert bus.t.subscribers == 0


def test_unsubscribing_forgets_what_waits() -> None:
    bus = Bus()
    peer = bus.peer("t")
    peer.pause()
    bus.publish_and_end_tick(1)
    bus.broker.unsubscribe("t", peer)
    assert not bus.broker.waiting(peer)
    bus.broker.subscribe("t", peer)
    bus.publish_and_end_tick(2)
    peer.resume()
    assert peer.take() == ["2"]


def test_the_subscribers_of_a_deleted_topic_get_its_last_events_then_the_farewell() -> None:
    bus = Bus()
    peers = live, full, replayed = bus.peer("t"), bus.peer("t"), bus.peer()
    full.pause()
    bus.publish(1)
    bus.broker.subscribe("t", replayed, 1)
    bus.publish(2)
    bus.broker.delete("t", b"bye ")
    assert [peer.take() for peer in peers] == [["1", "2", "bye"], [], []]
    assert [bus.broker.waiting(peer) for peer in peers] == [False, True, True]
    full.resume(room=2)
    full.resume(room=1)
    full.resume()
    replayed.resume()
    assert [live.take(), full.take(), replayed.take()] == [[], ["1", "2", "bye"], ["1", "2", "bye"]]
    assert not any(bus.broker.waiting(peer) for peer in peers)


def test_a_subscriber_that_a_farewell_fills_gets_its_other_topics_later() -> None:
    bus = Bus(max_queue_size=1)
    bus.broker.create("u")
    peer = bus.peer("t", "u")
    peer.pause()
    bus.publish_and_end_tick(1, 2, to="u")
    bus.broker.delete("t", b"bye ")
    peer.resume(room=1)
    assert peer.take() == ["bye"]
    peer.resume()
    assert peer.take() == ["dropped:u:1", "2"]


def test_a_topic_of_a_deleted_ones_name_is_another_topic() -> None:
    bus = Bus()
    peer, former = bus.peer("t"), bus.peer("t")
    peer.pause()
    bus.publish(1)
    bus.broker.delete("t", b"bye ")
    bus.broker.create("t")
    assert bus.broker.topic("t").subscribers == 0
    bus.broker.subscribe("t", peer, 10)
    bus.publish_and_end_tick(2)
    peer.resume()
    assert [peer.take(), former.take()] == [["1", "bye", "2"], ["1", "bye"]]


def test_a_subscriber_that_left_is_forgotten_with_all_that_waits_for_it() -> None:
    bus = Bus()
    bus.broker.create("u")
    peer = bus.peer("t", "u")
    peer.pause()
    bus.publish(1)
    bus.publish_and_end_tick(2, to="u")
    bus.broker.delete("u", b"bye ")
    bus.publish(3)
    bus.broker.leave(peer)
    bus.broker.leave(peer)
    bus.ticks.end()
    bus.broker.resume(peer)
    assert peer.take() == []
    assert bus.t.subscribers == 0
    gone = weakref.ref(peer)
    del peer
    assert gone() is None


def test_a_subscriber_with_little_room_gets_of_each_topic_in_turn() -> None:
    bus = Bus()
    bus.broker.create("u")
    peer = bus.peer("t", "u", room=0)
    peer.pause()
    bus.publish_and_end_tick(1, 2, 3)
    bus.publish_and_end_tick("a", "b", "c", to="u")
    taken = []
    for _ in range(6):
        peer.resume(room=1)
        taken += peer.take()
    assert taken == ["1", "a", "2", "b", "3", "c"]


# Refusals


def test_two_topics_of_one_name_are_refused() -> None:
    bus = Bus()
    with pytest.raises(TopicExists):
        bus.broker.create("t")


@pytest.mark.parametrize(
    "operation",
    [
        lambda broker, _: broker.topic("none"),
        lambda broker, _: broker.delete("none", b""),
        lambda broker, peer: broker.subscribe("none", peer),
        lambda broker, peer: broker.unsubscribe("none", peer),
    ],
    ids=["topic", "delete", "subscribe", "unsubscribe"],
)
def test_an_unknown_topic_is_refused_and_not_created(operation: Callable[[Broker, Peer], object]) -> None:
    bus = Bus()
    with pytest.raises(TopicNotFound, match=r"\Anone\Z"):
        operation(bus.broker, bus.peer("t"))
    assert list(bus.broker.topics) == ["t"]


def test_a_topic_too_many_is_refused_until_one_is_deleted() -> None:
    bus = Bus(max_topics=1)
    with pytest.raises(LimitExceeded, match=r"\Athe service may have at most 1 topics\Z"):
        bus.broker.create("u")
    bus.broker.delete("t", b"")
    bus.broker.create("u")
    assert list(bus.broker.topics) == ["u"]


@pytest.mark.parametrize(
    "end",
    [lambda broker, peer: broker.unsubscribe("t", peer), lambda broker, _: broker.delete("t", b"bye ")],
    ids=["unsubscribe", "delete"],
)
def test_a_subscription_too_many_is_refused_until_one_ends(end: Callable[[Broker, Peer], None]) -> None:
    bus = Bus(max_subscriptions=1)
    u = bus.broker.create("u")
    peer, other = bus.peer("t"), bus.peer("u")
    with pytest.raises(LimitExceeded, match=r"\Aa connection may have at most 1 subscriptions\Z"):
        bus.broker.subscribe("u", peer)
    bus.broker.subscribe("t", peer)
    assert u.subscribers == 1
    end(bus.broker, peer)
    peer.take()
    bus.broker.subscribe("u", peer)
    bus.publish_and_end_tick(1, to="u")
    assert [peer.take(), other.take()] == [["1"], ["1"]]


# All at once, against a model


@dataclass(eq=False)
class Life:
    """A topic from its creation to its deletion, as the model sees it."""

    number: int
    topic: Topic
    events: list[str] = field(default_factory=list)
    pending_bytes: int = 0
    due: int = 0
    """Events due to all who are or were subscribed, replays included."""
    delivered: int = 0
    dropped: int = 0
    forgotten: int = 0
    """Events due to subscribers that went before they had them."""


@dataclass(eq=False)
class Subscription:
    """What one reader is due from one topic: `due[:got]` it has, or was told that it lost."""

    life: Life
    due: list[str] = field(default_factory=list)
    handed_on: int = 0
    """How many of `due` are no longer pending."""
    got: int = 0
    lost: int = 0
    """How many after `got` were dropped and not yet told."""
    replay_room: int = 0
    unacknowledged: bool = False
    deleted: bool = False

    @property
    def pending(self) -> int:
        return len(self.due) - self.handed_on

    @property
    def waiting(self) -> int:
        return self.handed_on - self.got - self.lost


@dataclass(eq=False)
class Reader:
    peer: Peer
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    """By the number of the topic's life; those of deleted topics until their farewell."""
    overflows: list[str] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        """Whether it takes nothing until it resumes."""
        return self.peer.full or any(each.unacknowledged for each in self.subscriptions.values())

    def check_what_came(self) -> None:
        """Check that what the broker gave was due, is in order and complete but for the drops told of."""
        for text in self.peer.take():
            kind, *rest = text.split(":")
            if kind == "overflow":
                self.overflows.append(text)
                continue
            if kind == "dropped":
                name, count = rest
                subscription = next(s for s in self.subscriptions.values() if s.life.topic.name == name and s.lost)
                assert int(count) == subscription.lost
                subscription.got += subscription.lost
                subscription.lost = 0
            else:
                life, _, serial = kind.partition(".")
                subscription = self.subscriptions[int(life)]
                assert not subscription.lost, "events are missing and it was not told"
                if serial == "bye":
                    assert subscription.deleted
                    assert subscription.got == len(subscription.due)
                    del self.subscriptions[int(life)]
                else:
                    assert kind == subscription.due[subscription.got]
                    subscription.got += 1
                    subscription.life.delivered += 1
            for earlier in self.subscriptions.values():
                if earlier.life.number < subscription.life.number and not earlier.unacknowledged:
                    assert earlier.life.topic.name != subscription.life.topic.name, "the topic before was not done"


names = st.sampled_from("abc")
reader_numbers = st.integers(0, 2)
rooms = st.none() | st.integers(1, 4)


class BrokerAgainstModel(RuleBasedStateMachine):
    """Three readers, three names, and any order of operations."""

    @initialize(
        policy=st.sampled_from(OverflowPolicy),
        bound=st.integers(1, 4),
        history=st.integers(0, 5),
        max_join=st.sampled_from([1, 12, 65_536]),
        max_subscriptions=st.integers(2, 3),
        max_topics=st.integers(2, 3),
    )
    def start(
        self, policy: OverflowPolicy, bound: int, history: int, max_join: int, max_subscriptions: int, max_topics: int
    ) -> None:
        self.ticks = Ticks()
        self.broker = Broker(
            self.ticks.schedule,
            history_size=history,
            max_queue_size=bound,
            max_topics=max_topics,
            max_subscriptions=max_subscriptions,
            overflow_policy=policy,
            max_join=max_join,
        )
        self.policy, self.bound, self.history, self.max_join = policy, bound, history, max_join
        self.max_subscriptions, self.max_topics = max_subscriptions, max_topics
        self.schedules = 0
        self.born = 0
        self.lives: dict[str, Life] = {}
        self.dirty: dict[str, None] = {}
        """Topics with something pending, in the order in which they first had."""
        self.readers = [Reader(Peer(self.broker)) for _ in range(3)]
        self.published = 0
        self.create("a")
        self.create("b")
        self.everyone_subscribes(0)

    # What may happen

    @rule(name=names)
    def create(self, name: str) -> None:
        if name in self.lives:
            with pytest.raises(TopicExists):
                self.broker.create(name)
        elif len(self.lives) == self.max_topics:
            with pytest.raises(LimitExceeded):
                self.broker.create(name)
        else:
            self.lives[name] = Life(self.born, self.broker.create(name))
            self.born += 1

    @rule(name=names, recreate=st.booleans())
    def delete(self, name: str, recreate: bool) -> None:
        life = self.lives.get(name)
        if life is None:
            with pytest.raises(TopicNotFound):
                self.broker.delete(name, b"")
            return
        for _, subscription in self.subscriptions_to(life):
            subscription.deleted = True
        self.broker.delete(name, f"{life.number}.bye ".encode())
        self.flushed(name)
        del self.lives[name]
        if recreate:
            self.create(name)
            self.everyone_subscribes(0)

    @rule(to=st.lists(names, min_size=1, max_size=5), padding=st.sampled_from([0, 10]))
    def publish(self, to: list[str], padding: int) -> None:
        for name in to:
            if life := self.lives.get(name):
                self.publish_one(name, life, padding)

    @rule(to=st.lists(names, min_size=4, max_size=16))
    def publish_many_and_end_tick(self, to: list[str]) -> None:
        self.publish(to, 0)
        self.end_tick()

    def publish_one(self, name: str, life: Life, padding: int) -> None:
        self.published += 1
        text = f"{life.number}.{len(life.events)}"
        event = f"{text} {' ' * padding}".encode()
        life.events.append(text)
        if subscriptions := self.subscriptions_to(life):
            self.schedules += not self.dirty
            self.dirty[name] = None
            life.pending_bytes += len(event)
            life.due += len(subscriptions)
            for _, subscription in subscriptions:
                subscription.due.append(text)
        self.broker.publish(life.topic, event)
        if life.pending_bytes >= self.max_join:
            self.flushed(name)

    @rule()
    def end_tick(self) -> None:
        self.ticks.end()
        self.flushed(*self.dirty)

    @rule(number=reader_numbers, name=names, last_n=st.integers(0, 6))
    def subscribe(self, number: int, name: str, last_n: int) -> None:
        reader = self.readers[number]
        life = self.lives.get(name)
        if life is None:
            with pytest.raises(TopicNotFound):
                self.broker.subscribe(name, reader.peer, last_n)
            return
        new = life.number not in reader.subscriptions
        if new and sum(not each.deleted for each in reader.subscriptions.values()) == self.max_subscriptions:
            with pytest.raises(LimitExceeded):
                self.broker.subscribe(name, reader.peer, last_n)
            return
        replay = life.events[max(0, len(life.events) - min(last_n, self.history)) :]
        self.broker.subscribe(name, reader.peer, last_n)
        if new or replay:
            self.flushed(name)
        if reader not in self.readers:
            return  # it was full, and the flush disconnected it
        subscription = reader.subscriptions.setdefault(life.number, Subscription(life))
        if replay:
            life.due += len(replay)
            subscription.due += replay
            subscription.handed_on = len(subscription.due)
            subscription.replay_room += len(replay)
            subscription.unacknowledged = True

    @rule(last_n=st.integers(0, 6))
    def everyone_subscribes(self, last_n: int) -> None:
        for name in self.lives:
            for number in range(3):
                self.subscribe(number, name, last_n)

    @rule(number=reader_numbers, name=names)
    def unsubscribe(self, number: int, name: str) -> None:
        reader = self.readers[number]
        if name not in self.lives:
            with pytest.raises(TopicNotFound):
                self.broker.unsubscribe(name, reader.peer)
            return
        self.broker.unsubscribe(name, reader.peer)
        self.flushed(name)
        if subscription := reader.subscriptions.pop(self.lives[name].number, None):
            subscription.life.forgotten += subscription.waiting

    @rule(number=reader_numbers)
    def leave(self, number: int) -> None:
        reader = self.readers[number]
        for subscription in reader.subscriptions.values():
            subscription.life.forgotten += subscription.waiting + subscription.pending
        self.gone(reader)

    @rule(number=reader_numbers, room=st.integers(0, 4))
    def become_full(self, number: int, room: int) -> None:
        peer = self.readers[number].peer
        if room:
            peer.room = room
        else:
            peer.pause()

    @precondition(lambda self: any(reader.waits for reader in self.readers))
    @rule(number=reader_numbers, room=rooms)
    def resume(self, number: int, room: int | None) -> None:
        waiting = [reader for reader in self.readers if reader.waits]
        self.reads(waiting[number % len(waiting)], room)

    def reads(self, reader: Reader, room: int | None) -> None:
        reader.peer.resume(room)
        reader.check_what_came()
        for subscription in reader.subscriptions.values():
            subscription.unacknowledged = False
            if not subscription.waiting:
                subscription.replay_room = 0

    @precondition(lambda self: self.published >= 25)
    @rule()
    def everyone_reads_to_the_end(self) -> None:
        self.published = 0
        self.end_tick()
        for reader in self.readers:
            self.reads(reader, None)
            for subscription in reader.subscriptions.values():
                assert subscription.got == len(subscription.due)
                assert not subscription.deleted

    # What follows from it

    def subscriptions_to(self, life: Life) -> list[tuple[Reader, Subscription]]:
        return [(r, r.subscriptions[life.number]) for r in self.readers if life.number in r.subscriptions]

    def flushed(self, *names: str) -> None:
        """Check what came of a flush of the topics `names`, and account for what found no room."""
        for reader in self.readers:
            reader.check_what_came()
        for name in names:
            life = self.lives[name]
            life.pending_bytes = 0
            self.dirty.pop(name, None)
            for reader, subscription in self.subscriptions_to(life):
                subscription.handed_on = len(subscription.due)
                over = subscription.waiting - self.bound - subscription.replay_room
                if over <= 0:
                    continue
                if self.policy is OverflowPolicy.DROP_OLDEST:
                    subscription.lost += over
                    life.dropped += over
                else:
                    (overflow,) = reader.overflows
                    lost = [(s.life.topic.name, s.waiting) for s in reader.subscriptions.values() if s.waiting]
                    told = [tuple(each.split("=")) for each in overflow.removeprefix("overflow:").split(",")]
                    assert sorted(told) == sorted((topic, str(count)) for topic, count in lost)
                    for each in reader.subscriptions.values():
                        each.life.dropped += each.waiting
                        each.life.forgotten += each.pending
                    self.gone(reader)

    def gone(self, reader: Reader) -> None:
        """Have a new reader in the place of one that is gone."""
        self.broker.leave(reader.peer)
        self.broker.resume(reader.peer)
        assert reader.peer.writes == []
        assert not self.broker.waiting(reader.peer)
        reader.subscriptions.clear()
        self.readers[self.readers.index(reader)] = Reader(Peer(self.broker))

    @invariant()
    def nobody_waits_who_could_read_and_nobody_is_disconnected_without_need(self) -> None:
        for reader in self.readers:
            assert reader.peer.writes == []
            assert reader.overflows == []
            subscriptions = reader.subscriptions.values()
            assert self.broker.waiting(reader.peer) == any(each.waiting or each.deleted for each in subscriptions)
            if not reader.peer.full:
                assert all(each.unacknowledged or not (each.waiting or each.deleted) for each in subscriptions)

    @invariant()
    def the_flush_is_scheduled_when_the_first_event_becomes_pending_and_only_then(self) -> None:
        assert self.ticks.calls == self.schedules

    @invariant()
    def the_numbers_add_up(self) -> None:
        assert list(self.broker.topics) == list(self.lives)
        for life in self.lives.values():
            topic = life.topic
            subscriptions = self.subscriptions_to(life)
            waiting = {
                reader.peer: len(topic.queued[reader.peer].events)
                for reader, _ in subscriptions
                if reader.peer in topic.queued
            }
            for reader, subscription in subscriptions:
                assert waiting.get(reader.peer, 0) == subscription.waiting <= self.bound + subscription.replay_room
            assert topic.subscribers == len(subscriptions)
            assert topic.messages == len(life.events)
            assert [event.decode().strip() for event in topic.retained] == life.events[
                max(0, len(life.events) - self.history) :
            ]
            assert (topic.delivered, topic.dropped) == (life.delivered, life.dropped)
            pending = len(topic.pending) * topic.subscribers
            assert life.due == topic.delivered + topic.dropped + sum(waiting.values()) + pending + life.forgotten


BrokerAgainstModel.TestCase.settings = settings(max_examples=300, stateful_step_count=60)
TestBrokerAgainstModel = BrokerAgainstModel.TestCase
