"""The bus without a socket: each rule by example, then all of them at once against a model."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from specbus.bus.errors import LimitExceeded, TopicExists, TopicNotFound
from specbus.bus.hub import Encode, Fanout, Hub
from specbus.bus.limits import Limits, OverflowPolicy
from specbus.bus.memory import MemoryEngine
from specbus.bus.operations import Operations
from specbus.bus.publication import Position, Publication
from tests.support.bus import Bus, Peer, Ticks

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
    bus.create("u")
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
    bus = Bus(max_joined_bytes=6)
    peer = bus.peer("t")
    bus.publish(10)
    assert peer.writes == []
    bus.publish(11)
    assert peer.writes == ["10 11 "]
    bus.publish_and_end_tick(12)
    assert peer.writes == ["10 11 ", "12 "]


def test_nothing_crosses_topics() -> None:
    bus = Bus()
    bus.create("u")
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
    bus.subscribe("t", peer, 2)
    bus.publish(4)
    bus.ticks.end()
    bus.publish(5)
    assert peer.take() == []
    assert bus.hub.is_waiting(peer)
    peer.resume()
    assert peer.take() == ["2", "3", "4"]
    assert not bus.hub.is_waiting(peer)
    bus.publish_and_end_tick(6)
    assert peer.take() == ["5", "6"]


@pytest.mark.parametrize(("last_n", "replayed"), [(0, []), (1, ["4"]), (3, ["2", "3", "4"]), (100, ["2", "3", "4"])])
def test_a_replay_has_the_newest_retained_events_as_many_as_there_are(last_n: int, replayed: list[str]) -> None:
    bus = Bus(history_size=3)
    bus.publish(1, 2, 3, 4)
    peer = bus.peer()
    bus.subscribe("t", peer, last_n)
    peer.resume()
    assert peer.take() == replayed


def test_subscribing_again_does_not_double_delivery_and_replays_again() -> None:
    bus = Bus()
    peer = bus.peer("t", "t")
    bus.publish(1, 2)
    bus.subscribe("t", peer, 1)
    peer.resume()
    bus.publish_and_end_tick(3)
    assert peer.take() == ["1", "2", "2", "3"]
    assert bus.numbers().subscribers == 1


def test_a_replay_has_room_beyond_the_bound() -> None:
    bus = Bus(max_queue_size=2)
    bus.publish(1, 2, 3)
    peer = bus.peer()
    bus.subscribe("t", peer, 3)
    bus.publish_and_end_tick(4, 5)
    assert len(bus.waiting(peer).waiting) == 5
    bus.publish_and_end_tick(6)
    assert len(bus.waiting(peer).waiting) == 5
    peer.resume()
    assert peer.take() == ["dropped:t:1", "2", "3", "4", "5", "6"]


def test_the_room_for_a_replay_is_gone_with_the_replay() -> None:
    bus = Bus(max_queue_size=1)
    bus.publish(1, 2)
    peer = bus.peer()
    bus.subscribe("t", peer, 2)
    peer.resume()
    peer.pause()
    bus.publish_and_end_tick(3, 4)
    assert len(bus.waiting(peer).waiting) == 1


@pytest.mark.parametrize("room", [1, 2], ids=["the events before its answer", "its answer"])
def test_a_subscribe_command_during_which_the_peer_becomes_full_has_the_replay_wait_too(room: int) -> None:
    bus = Bus(max_queue_size=2)
    peer = bus.peer("t", room=room)
    bus.publish(1)
    bus.operations.subscribe("t", peer, 1, peer.answer)
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
        bus.create(name)
    peer = bus.peer()
    peer.pause()
    bus.subscribe("t", peer)
    bus.subscribe("u", peer)
    bus.publish("t1")
    bus.publish_and_end_tick("u1", to="u")
    bus.subscribe("v", peer)
    bus.publish_and_end_tick("v1", to="v")
    assert peer.take() == []
    peer.resume()
    assert sorted(peer.take()) == ["t1", "u1", "v1"]


def test_what_finds_no_room_costs_the_oldest_and_the_subscriber_is_told_in_their_place() -> None:
    bus = Bus(max_queue_size=3)
    peer = bus.peer("t")
    peer.pause()
    bus.publish_and_end_tick(*range(5))
    assert len(bus.waiting(peer).waiting) == 3
    peer.resume(room=2)
    assert peer.take() == ["dropped:t:2", "2"]
    bus.publish_and_end_tick(5, 6)
    peer.resume()
    assert peer.take() == ["dropped:t:1", "4", "5", "6"]
    assert (bus.numbers().messages, bus.numbers().delivered, bus.numbers().dropped) == (7, 4, 3)


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
    bus.create("u")
    slow, quick = bus.peer("t", "u"), bus.peer("t", "u")
    slow.pause()
    bus.publish_and_end_tick("u1", to="u")
    bus.publish_and_end_tick(1, 2)
    assert slow.take() == []
    bus.publish_and_end_tick(3)
    assert slow.take() == ["overflow:t=3,u=1"]
    assert not bus.hub.is_waiting(slow)
    bus.publish_and_end_tick(4)
    bus.publish_and_end_tick("u2", to="u")
    slow.resume()
    assert [slow.take(), quick.take()] == [[], ["u1", "1", "2", "3", "4", "u2"]]
    assert [(topic.subscribers, topic.delivered, topic.dropped) for topic in (bus.numbers(), bus.numbers("u"))] == [
        (1, 4, 3),
        (1, 2, 1),
    ]


# The end of a subscription, of a topic, of a subscriber


def test_unsubscribing_ends_with_the_events_published_before() -> None:
    bus = Bus()
    peer = bus.peer("t")
    bus.publish(1)
    bus.operations.unsubscribe("t", peer)
    bus.publish_and_end_tick(2)
    assert peer.take() == ["1"]
    assert bus.numbers().subscribers == 0


def test_unsubscribing_forgets_what_waits() -> None:
    bus = Bus()
    peer = bus.peer("t")
    peer.pause()
    bus.publish_and_end_tick(1)
    bus.operations.unsubscribe("t", peer)
    assert not bus.hub.is_waiting(peer)
    bus.subscribe("t", peer)
    bus.publish_and_end_tick(2)
    peer.resume()
    assert peer.take() == ["2"]


def test_the_subscribers_of_a_deleted_topic_get_its_last_events_then_the_farewell() -> None:
    bus = Bus()
    peers = live, full, replayed = bus.peer("t"), bus.peer("t"), bus.peer()
    full.pause()
    bus.publish(1)
    bus.subscribe("t", replayed, 1)
    bus.publish(2)
    bus.operations.delete("t")
    assert [peer.take() for peer in peers] == [["1", "2", "deleted:t"], [], []]
    assert [bus.hub.is_waiting(peer) for peer in peers] == [False, True, True]
    full.resume(room=2)
    full.resume(room=1)
    full.resume()
    replayed.resume()
    assert [live.take(), full.take(), replayed.take()] == [[], ["1", "2", "deleted:t"], ["1", "2", "deleted:t"]]
    assert not any(bus.hub.is_waiting(peer) for peer in peers)


def test_a_subscriber_that_a_farewell_fills_gets_its_other_topics_later() -> None:
    bus = Bus(max_queue_size=1)
    bus.create("u")
    peer = bus.peer("t", "u")
    peer.pause()
    bus.publish_and_end_tick(1, 2, to="u")
    bus.operations.delete("t")
    peer.resume(room=1)
    assert peer.take() == ["deleted:t"]
    peer.resume()
    assert peer.take() == ["dropped:u:1", "2"]


def test_a_topic_of_a_deleted_ones_name_is_another_topic() -> None:
    bus = Bus()
    peer, former = bus.peer("t"), bus.peer("t")
    peer.pause()
    bus.publish(1)
    bus.operations.delete("t")
    bus.create("t")
    assert bus.numbers().subscribers == 0
    bus.subscribe("t", peer, 10)
    bus.publish_and_end_tick(2)
    peer.resume()
    assert [peer.take(), former.take()] == [["1", "deleted:t", "2"], ["1", "deleted:t"]]


def test_a_subscriber_that_left_is_forgotten_with_all_that_waits_for_it() -> None:
    bus = Bus()
    bus.create("u")
    peer = bus.peer("t", "u")
    peer.pause()
    bus.publish(1)
    bus.publish_and_end_tick(2, to="u")
    bus.operations.delete("u")
    bus.publish(3)
    bus.hub.forget(peer)
    bus.hub.forget(peer)
    bus.ticks.end()
    bus.hub.resume(peer)
    assert peer.take() == []
    assert bus.numbers().subscribers == 0
    gone = weakref.ref(peer)
    del peer
    assert gone() is None


def test_a_subscriber_with_little_room_gets_of_each_topic_in_turn() -> None:
    bus = Bus()
    bus.create("u")
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
        bus.create("t")


@pytest.mark.parametrize(
    "operation",
    [
        lambda operations, _: operations.publish("none", b"1", print),
        lambda operations, _: operations.history("none", 1, print),
        lambda operations, _: operations.history("none", None, print),
        lambda operations, _: operations.numbers_of("none"),
        lambda operations, _: operations.delete("none"),
        lambda operations, peer: operations.subscribe("none", peer, 0, print),
        lambda operations, peer: operations.unsubscribe("none", peer),
    ],
    ids=["publish", "history", "all history", "numbers", "delete", "subscribe", "unsubscribe"],
)
def test_an_unknown_topic_is_refused_and_not_created(operation: Callable[[Operations, Peer], object]) -> None:
    bus = Bus()
    with pytest.raises(TopicNotFound, match=r'\Athere is no topic "none"\Z'):
        operation(bus.operations, bus.peer("t"))
    assert list(bus.operations.numbers()) == ["t"]


def test_a_topic_too_many_is_refused_until_one_is_deleted() -> None:
    bus = Bus(max_topics=1)
    with pytest.raises(LimitExceeded, match=r"\Athe service may have at most 1 topics\Z"):
        bus.create("u")
    bus.operations.delete("t")
    bus.create("u")
    assert list(bus.operations.numbers()) == ["u"]


@pytest.mark.parametrize(
    "end",
    [lambda operations, peer: operations.unsubscribe("t", peer), lambda operations, _: operations.delete("t")],
    ids=["unsubscribe", "delete"],
)
def test_a_subscription_too_many_is_refused_until_one_ends(end: Callable[[Operations, Peer], None]) -> None:
    bus = Bus(max_subscriptions=1)
    bus.create("u")
    peer, other = bus.peer("t"), bus.peer("u")
    with pytest.raises(LimitExceeded, match=r"\Aa connection may have at most 1 subscriptions\Z"):
        bus.subscribe("u", peer)
    bus.subscribe("t", peer)
    assert bus.numbers("u").subscribers == 1
    end(bus.operations, peer)
    peer.take()
    bus.subscribe("u", peer)
    bus.publish_and_end_tick(1, to="u")
    assert [peer.take(), other.take()] == [["1"], ["1"]]


# Positions


def test_each_message_has_the_next_offset_of_its_topic_and_the_time_at_which_it_was_taken() -> None:
    now = iter([10.5, 11.0, 9.0])
    engine = MemoryEngine(Limits(), lambda: next(now))
    engine.create("t")
    positions: list[Position] = []
    for message in (b"1", b"2", b"3"):
        engine.publish("t", message, positions.append)
    assert [position.offset for position in positions] == [1, 2, 3]
    assert len({position.epoch for position in positions}) == 1
    told: list[tuple[Position, Sequence[Publication]]] = []
    engine.history("t", 2, lambda *answer: told.append(answer))
    assert told == [(positions[2], [Publication("t", 2, 11.0, b"2"), Publication("t", 3, 9.0, b"3")])]


def test_an_epoch_is_short_and_its_topics_own_and_another_once_the_topic_is_made_again() -> None:
    bus = Bus()
    bus.create("u")
    (of_t,), (of_u,) = bus.publish(1), bus.publish(1, to="u")
    bus.operations.delete("t")
    bus.create("t")
    (again,) = bus.publish(1)
    assert [position.offset for position in (of_t, of_u, again)] == [1, 1, 1]
    assert len({of_t.epoch, of_u.epoch, again.epoch, *(Bus().publish(1)[0].epoch for _ in range(20))}) == 23
    assert 0 < len(again.epoch) <= 32
    assert str(again) == f"{again.epoch}:1"


@pytest.mark.parametrize("last_n", [0, 2])
def test_the_position_of_a_subscription_parts_what_was_published_before_from_all_that_follows(last_n: int) -> None:
    bus = Bus()
    bus.publish(1, 2)
    first = bus.peer("t")
    bus.publish(3)
    peer, positions = bus.peer(), list[Position]()
    bus.operations.subscribe("t", peer, last_n, positions.append)
    bus.publish_and_end_tick(4)
    assert [position.offset for position in positions] == [3]
    assert peer.take() == [*["2", "3"][2 - last_n :], "4"]
    assert first.take() == ["3", "4"]


# Encodings


def test_publications_are_encoded_once_for_each_encoding_and_the_same_bytes_go_to_all_who_want_it() -> None:
    calls: list[tuple[str, list[int]]] = []

    def counting(_topic: str) -> Encode:
        def encode(publications: Sequence[Publication]) -> bytes:
            calls.append((_topic, [publication.offset for publication in publications]))
            return b"x "

        return encode

    class Other(Peer):
        encoding = staticmethod(counting)

    bus = Bus()
    plain_peers = [bus.peer("t"), bus.peer("t")]
    others = [Other(bus.hub), Other(bus.hub)]
    for other in others:
        bus.subscribe("t", other)
    bus.publish_and_end_tick(1, 2)
    assert calls == [("t", [1, 2])]
    assert [peer.take() for peer in (*plain_peers, *others)] == [["1", "2"], ["1", "2"], ["x"], ["x"]]
    others[0].pause()
    bus.publish_and_end_tick(3)
    others[0].resume()
    assert calls == [("t", [1, 2]), ("t", [3]), ("t", [3])]


# All at once, against a model


@dataclass(eq=False)
class Life:
    """A topic from its creation to its deletion, as the model sees it."""

    number: int
    name: str
    epoch: str
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
        """Check that what the hub gave was due, is in order and complete but for the drops told of."""
        for text in self.peer.take():
            kind, *rest = text.split(":")
            if kind == "overflow":
                self.overflows.append(text)
                continue
            if kind == "dropped":
                name, count = rest
                subscription = next(s for s in self.subscriptions.values() if s.life.name == name and s.lost)
                assert int(count) == subscription.lost
                subscription.got += subscription.lost
                subscription.lost = 0
            elif kind == "deleted":
                deleted = [s for s in self.subscriptions.values() if s.life.name == rest[0] and s.deleted]
                # Of two of one name the earlier may wait for its acknowledgement: it is one that has all it is due.
                complete = [s for s in deleted if s.got == len(s.due) and not s.lost]
                assert complete, "events are missing and it was not told"
                subscription = complete[0]
                del self.subscriptions[subscription.life.number]
            else:
                subscription = self.subscriptions[int(kind.partition(".")[0])]
                assert not subscription.lost, "events are missing and it was not told"
                assert kind == subscription.due[subscription.got]
                subscription.got += 1
                subscription.life.delivered += 1
            for earlier in self.subscriptions.values():
                if earlier.life.number < subscription.life.number and not earlier.unacknowledged:
                    assert earlier.life.name != subscription.life.name, "the topic before was not done"


names = st.sampled_from("abc")
reader_numbers = st.integers(0, 2)
rooms = st.none() | st.integers(1, 4)


class BusAgainstModel(RuleBasedStateMachine):
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
        limits = Limits(
            history_size=history,
            max_queue_size=bound,
            max_topics=max_topics,
            max_subscriptions=max_subscriptions,
            overflow_policy=policy,
        )
        self.engine = MemoryEngine(limits)
        self.hub = Hub(self.engine, self.ticks.schedule, limits, max_joined_bytes=max_join)
        self.operations = Operations(self.engine, self.hub)
        self.epochs: set[str] = set()
        self.policy, self.bound, self.history, self.max_join = policy, bound, history, max_join
        self.max_subscriptions, self.max_topics = max_subscriptions, max_topics
        self.schedules = 0
        self.born = 0
        self.lives: dict[str, Life] = {}
        self.dirty: dict[str, None] = {}
        """Topics with something pending, in the order in which they first had."""
        self.readers = [Reader(Peer(self.hub)) for _ in range(3)]
        self.published = 0
        self.create("a")
        self.create("b")
        self.everyone_subscribes(0)

    # What may happen

    @rule(name=names)
    def create(self, name: str) -> None:
        if name in self.lives:
            with pytest.raises(TopicExists):
                self.operations.create(name)
        elif len(self.lives) == self.max_topics:
            with pytest.raises(LimitExceeded):
                self.operations.create(name)
        else:
            self.operations.create(name)
            position, _ = self.read(name)
            assert position.offset == 0
            assert position.epoch not in self.epochs
            self.epochs.add(position.epoch)
            self.lives[name] = Life(self.born, name, position.epoch)
            self.born += 1

    @rule(name=names, recreate=st.booleans())
    def delete(self, name: str, recreate: bool) -> None:
        life = self.lives.get(name)
        if life is None:
            with pytest.raises(TopicNotFound):
                self.operations.delete(name)
            return
        for _, subscription in self.subscriptions_to(life):
            subscription.deleted = True
        self.operations.delete(name)
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
        positions: list[Position] = []
        self.operations.publish(name, event, positions.append)
        assert positions == [Position(life.epoch, len(life.events))]
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
                self.join(name, reader.peer, last_n)
            return
        new = life.number not in reader.subscriptions
        if new and sum(not each.deleted for each in reader.subscriptions.values()) == self.max_subscriptions:
            with pytest.raises(LimitExceeded):
                self.join(name, reader.peer, last_n)
            self.flushed(name)
            return
        replay = life.events[max(0, len(life.events) - min(last_n, self.history)) :]
        self.join(name, reader.peer, last_n)
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
                self.operations.unsubscribe(name, reader.peer)
            return
        self.operations.unsubscribe(name, reader.peer)
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

    def join(self, name: str, peer: Peer, last_n: int) -> None:
        self.engine.history(name, last_n, lambda _, publications: self.hub.join(name, peer, publications))

    def read(self, name: str) -> tuple[Position, Sequence[Publication]]:
        """What the topic's history is said to be."""
        told: list[tuple[Position, Sequence[Publication]]] = []
        self.operations.history(name, None, lambda position, publications: told.append((position, publications)))
        (answer,) = told
        return answer

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
                    lost = [(s.life.name, s.waiting) for s in reader.subscriptions.values() if s.waiting]
                    told = [tuple(each.split("=")) for each in overflow.removeprefix("overflow:").split(",")]
                    assert sorted(told) == sorted((topic, str(count)) for topic, count in lost)
                    for each in reader.subscriptions.values():
                        each.life.dropped += each.waiting
                        each.life.forgotten += each.pending
                    self.gone(reader)

    def gone(self, reader: Reader) -> None:
        """Have a new reader in the place of one that is gone."""
        self.hub.forget(reader.peer)
        self.hub.resume(reader.peer)
        assert reader.peer.writes == []
        assert not self.hub.is_waiting(reader.peer)
        reader.subscriptions.clear()
        self.readers[self.readers.index(reader)] = Reader(Peer(self.hub))

    @invariant()
    def nobody_waits_who_could_read_and_nobody_is_disconnected_without_need(self) -> None:
        for reader in self.readers:
            assert reader.peer.writes == []
            assert reader.overflows == []
            subscriptions = reader.subscriptions.values()
            assert self.hub.is_waiting(reader.peer) == any(each.waiting or each.deleted for each in subscriptions)
            if not reader.peer.full:
                assert all(each.unacknowledged or not (each.waiting or each.deleted) for each in subscriptions)

    @invariant()
    def the_flush_is_scheduled_when_the_first_event_becomes_pending_and_only_then(self) -> None:
        assert self.ticks.calls == self.schedules

    @invariant()
    def the_numbers_add_up(self) -> None:
        assert list(self.operations.numbers()) == list(self.lives)
        for name, life in self.lives.items():
            numbers = self.operations.numbers_of(name)
            fanout = self.hub.fanouts.get(name) or Fanout(self.hub, name)
            subscriptions = self.subscriptions_to(life)
            waiting = {
                reader.peer: len(fanout.waiting[reader.peer].waiting)
                for reader, _ in subscriptions
                if reader.peer in fanout.waiting
            }
            for reader, subscription in subscriptions:
                assert waiting.get(reader.peer, 0) == subscription.waiting <= self.bound + subscription.replay_room
            assert numbers.subscribers == len(subscriptions)
            assert numbers.messages == len(life.events)
            position, retained = self.read(name)
            assert position == Position(life.epoch, len(life.events))
            first = max(0, len(life.events) - self.history)
            assert [(each.offset, each.message.decode().strip()) for each in retained] == [
                (number + 1, event) for number, event in enumerate(life.events) if number >= first
            ]
            assert numbers.retained == len(retained)
            assert (numbers.delivered, numbers.dropped) == (life.delivered, life.dropped)
            pending = sum(each.pending for _, each in subscriptions)
            assert life.due == numbers.delivered + numbers.dropped + sum(waiting.values()) + pending + life.forgotten


BusAgainstModel.TestCase.settings = settings(max_examples=300, stateful_step_count=60)
TestBusAgainstModel = BusAgainstModel.TestCase
