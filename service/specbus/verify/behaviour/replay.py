"""Replay of what a topic retains, and its seam with live events."""

import json
import threading

from specbus.verify.behaviour.commands import (
    SUBSCRIBE,
    check_nothing_more,
    check_same,
    event_frames,
    event_ids,
    publish,
    subscribe,
)
from specbus.verify.checks import check, needs_history
from specbus.verify.failures import Broken
from specbus.verify.peer import Peer
from specbus.verify.target import Target


@check("behaviour", SUBSCRIBE, when=needs_history(6))
def a_replay_is_the_newest_messages_oldest_first_after_the_ack(target: Target) -> None:
    topic = target.topics.new()
    writer = target.peer("writer")
    sent = [publish(writer, topic) for _ in range(6)]
    for last_n in target.bus.replays(0, 1, 3, 6, 7, 1000, 10**6):
        target.cases += 1
        reader = target.peer(f"last{last_n}")
        subscribe(reader, topic, last_n)
        if any(map(target.bus.is_event, reader.unread)):
            raise Broken("a replayed event came before the ack")
        due = sent[len(sent) - min(last_n, 6) :]
        check_same(event_ids(reader, topic, len(due)), due, f"a replay of {last_n} of 6 retained messages")
        check_nothing_more(reader, f"a replay of {last_n} of 6 retained messages is no longer than that")
    reader = target.peer("none")
    subscribe(reader, topic)
    check_nothing_more(reader, "without last_n nothing is replayed")


@check("behaviour", SUBSCRIBE, when=needs_history(1))
def a_topic_retains_its_newest_messages_up_to_the_bound(target: Target) -> None:
    topic = target.topics.new()
    writer, reader = target.peer("writer"), target.peer("reader")
    bound = target.limits.history_size
    sent = []
    for _ in range(bound + 2):
        frame, id_ = target.bus.publish(topic)
        writer.send(frame)
        sent.append(id_)
    for _ in sent:
        writer.answer()
    target.cases += 1
    target.steps = []
    subscribe(reader, topic, max(target.bus.replays(bound, bound + 2)))
    check_same(
        event_ids(reader, topic, bound), sent[-bound:], f"a replay of all of the {bound} messages that a topic retains"
    )
    check_nothing_more(reader, f"a topic retains {bound} messages and no more")


@check("behaviour", SUBSCRIBE, when=needs_history(1))
def a_replay_looks_like_the_live_events(target: Target) -> None:
    topic = target.topics.new()
    live, later = target.peer("live"), target.peer("later")
    subscribe(live, topic)
    target.cases += 1
    publish(live, topic, {"a": [1, None]})
    (first,) = event_frames(live, topic, 1)
    subscribe(later, topic, 1)
    (second,) = event_frames(later, topic, 1)
    if first != second:
        raise Broken(f"the live event is {json.dumps(first)}, the replayed one {json.dumps(second)}")


@check("behaviour", SUBSCRIBE, when=needs_history(5))
def the_seam_between_replay_and_live_events_has_no_gap_and_no_repeat(target: Target) -> None:
    topic = target.topics.new()
    writer = target.peer("writer")
    total = 30 * max(4, target.options.examples // 4)
    frames, ids = zip(*(target.bus.publish(topic, number) for number in range(total)), strict=True)
    numbers = {id_: number for number, id_ in enumerate(ids)}
    replayed = max(target.bus.replays(*range(1, 6)))
    stop = threading.Event()
    failed: list[Exception] = []

    def write() -> None:
        try:
            for frame in frames:
                writer.raw.send(json.dumps(frame))
                writer.raw.recv(timeout=target.options.deadline)
        except Exception as error:
            failed.append(error)
        stop.set()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    readers: list[Peer] = []
    while not stop.is_set() and len(readers) < 60:
        reader = target.peer("reader")
        subscribe(reader, topic, replayed)
        readers.append(reader)
        target.cases += 1
        target.steps = []
    thread.join()
    if failed:
        raise Broken(f"a publisher under load was not served: {failed[0]}")
    for reader in readers:
        last: int | None = None
        while last != total - 1:
            (id_,) = event_ids(reader, topic, 1)
            number, before = numbers.get(id_, -1), last
            last = number
            if before is None or number == before + 1:
                continue
            if number <= before:
                raise Broken("around a replay that raced with publishes, a message came twice or out of order")
            raise Broken(f"around a replay that raced with publishes, {number - before - 1} messages are missing")
