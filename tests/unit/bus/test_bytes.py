"""The bounds in bytes: of what topics retain, and of what waits for those who do not read."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbus.bus.limits import Limits, OverflowPolicy
from specbus.bus.memory import MemoryEngine
from specbus.bus.publication import Position, Publication
from tests.support.bus import Bus


def history(engine: MemoryEngine, topic: str) -> list[int]:
    """The offsets of what `topic` retains."""
    found: list[int] = []

    def done(_position: Position, publications: Sequence[Publication]) -> None:
        found.extend(publication.offset for publication in publications)

    engine.history(topic, 1_000_000, done)
    return found


def retained(engine: MemoryEngine, topic: str) -> int:
    """The bytes that `topic` retains."""
    sizes: list[int] = []
    engine.history(topic, 1_000_000, lambda _, found: sizes.extend(len(each.message) for each in found))
    return sum(sizes)


def engine_of_three(**limits: Any) -> MemoryEngine:
    """An engine with the topics a, b and c."""
    engine = MemoryEngine(Limits(**limits))
    for topic in "abc":
        engine.create(topic)
    return engine


MESSAGES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60)), max_size=80)


@given(MESSAGES, st.integers(0, 5), st.integers(0, 100), st.integers(0, 150))
def test_what_is_retained_is_the_newest_within_each_bound(
    messages: list[tuple[str, int]], count: int, each: int, total: int
) -> None:
    engine = engine_of_three(history_size=count, history_bytes=each, total_history_bytes=total)
    taken = dict.fromkeys("abc", 0)
    for topic, size in messages:
        engine.publish(topic, b"x" * size, lambda _: None)
        taken[topic] += 1
        sizes = [retained(engine, name) for name in "abc"]
        assert max(sizes) <= each
        assert sum(sizes) <= total
        for name in "abc":
            offsets = history(engine, name)
            assert len(offsets) <= count
            assert offsets == list(range(taken[name] - len(offsets) + 1, taken[name] + 1))
            assert engine.topics[name].retained == len(offsets)
            assert engine.topics[name].messages == taken[name]


@given(MESSAGES)
def test_nothing_is_evicted_while_there_is_room(messages: list[tuple[str, int]]) -> None:
    engine = engine_of_three(history_size=5, history_bytes=300, total_history_bytes=900)
    for topic, size in messages:
        engine.publish(topic, b"x" * size, lambda _: None)
    taken = Counter(topic for topic, _ in messages)
    assert {name: engine.topics[name].retained for name in "abc"} == {name: min(taken[name], 5) for name in "abc"}
    assert [engine.topics[name].evicted for name in "abc"] == [0, 0, 0]


def test_a_topic_that_retains_little_loses_nothing_to_one_that_retains_much() -> None:
    engine = MemoryEngine(Limits(history_size=1_000, history_bytes=10_000, total_history_bytes=10_000))
    engine.create("small")
    engine.create("large")
    for _ in range(10):
        engine.publish("small", b"x" * 10, lambda _: None)
    for _ in range(100):
        engine.publish("large", b"x" * 1_000, lambda _: None)
    assert engine.topics["small"].retained == 10
    assert engine.topics["large"].retained >= 8
    assert engine.topics["large"].evicted == 100 - engine.topics["large"].retained


def test_what_a_deleted_topic_retained_makes_room() -> None:
    engine = MemoryEngine(Limits(history_bytes=1_000, total_history_bytes=1_000))
    for _ in range(3):
        engine.create("t")
        engine.publish("t", b"x" * 1_000, lambda _: None)
        assert engine.topics["t"].retained == 1
        engine.delete("t")


def test_the_log_says_once_that_messages_are_evicted(caplog: pytest.LogCaptureFixture) -> None:
    engine = MemoryEngine(Limits(history_bytes=100))
    engine.create("t")
    for _ in range(50):
        engine.publish("t", b"x" * 60, lambda _: None)
    (record,) = [record for record in caplog.records if record.message == "messages evicted"]
    assert record.__dict__["fields"] == {"limit": "history_bytes", "topic": "t"}


# What waits


def test_a_queue_is_bounded_in_bytes_and_what_is_dropped_is_told() -> None:
    bus = Bus(max_queue_bytes=100)
    peer = bus.peer("t")
    peer.pause()
    for number in range(10):
        bus.publish_and_end_tick(f"{number}{'x' * 38}")  # 40 bytes
    peer.resume()
    assert [text[:1] if text[0].isdigit() else text for text in peer.take()] == ["dropped:t:8", "8", "9"]
    assert bus.numbers().dropped == 8


def test_the_newest_message_waits_however_large_it_is() -> None:
    bus = Bus(max_queue_bytes=10)
    peer = bus.peer("t")
    peer.pause()
    bus.publish_and_end_tick("x" * 50)
    bus.publish_and_end_tick("y" * 50)
    peer.resume()
    assert peer.take() == ["dropped:t:1", "y" * 50]


def test_a_queue_over_its_bytes_disconnects_where_that_is_the_policy() -> None:
    bus = Bus(max_queue_bytes=100, overflow_policy=OverflowPolicy.DISCONNECT)
    peer = bus.peer("t")
    peer.pause()
    for _ in range(3):
        bus.publish_and_end_tick("x" * 39)
    assert peer.take() == ["overflow:t=3"]


def test_a_replay_has_room_in_bytes_too() -> None:
    bus = Bus(max_queue_bytes=100, history_size=10)
    bus.publish_and_end_tick(*["x" * 39] * 10)
    peer = bus.peer()
    peer.pause()
    bus.subscribe("t", peer, last_n=10)
    bus.publish_and_end_tick("y" * 39)
    bus.publish_and_end_tick("z" * 39)
    assert len(bus.waiting(peer).waiting) == 12
    bus.publish_and_end_tick("w" * 39)
    assert bus.waiting(peer).dropped == 1


def test_one_who_waits_for_much_costs_one_who_waits_for_little_nothing() -> None:
    bus = Bus(max_queue_bytes=1_000, total_queue_bytes=1_500)
    bus.create("u")
    greedy = [bus.peer("t"), bus.peer("t")]
    modest = bus.peer("u")
    for peer in (*greedy, modest):
        peer.pause()
    for _ in range(20):
        bus.publish_and_end_tick("x" * 99)
    for number in range(4):
        bus.publish_and_end_tick(str(number), to="u")
    modest.resume()
    assert modest.take() == ["0", "1", "2", "3"]
    assert [bus.waiting(peer).dropped > 10 for peer in greedy] == [True, True]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 400), st.booleans()), max_size=60))
def test_all_that_waits_is_bounded_and_what_is_gone_leaves_room(steps: list[tuple[int, int, bool]]) -> None:
    bus = Bus(max_queue_bytes=1_000, total_queue_bytes=2_000)
    for name in "012345":
        bus.create(name)
    peers = [bus.peer(name) for name in "012345"]
    for peer in peers:
        peer.pause()
    for number, size, leaves in steps:
        bus.publish_and_end_tick("x" * size, to=str(number))
        if leaves:
            bus.hub.leave(str(number), peers[number])
            bus.hub.join(str(number), peers[number])
        waiting = [
            sum(len(each.message) for each in outbox.waiting)
            for fanout in bus.hub.fanouts.values()
            for outbox in fanout.waiting.values()
        ]
        assert sum(waiting) == bus.hub._room.used
        # Each may have its newest message in any case.
        assert sum(waiting) <= 2 * 2_000 + 6 * 401
    for peer in peers:
        bus.hub.forget(peer)
    assert (bus.hub._room.used, bus.hub._room.outboxes) == (0, 0)


def test_it_is_noted_once_that_drops_begin_and_again_after_they_were_told() -> None:
    bus = Bus(max_queue_size=1)
    peer = bus.peer("t")
    for _ in range(2):
        peer.pause()
        for number in range(5):
            bus.publish_and_end_tick(number)
        peer.resume()
    assert peer.noted == ["t", "t"]


def test_who_goes_without_reading_leaves_the_number_of_drops_it_was_not_told_of() -> None:
    bus = Bus(max_queue_size=1)
    peer = bus.peer("t")
    peer.pause()
    for number in range(5):
        bus.publish_and_end_tick(number)
    assert bus.hub.forget(peer) == 4
