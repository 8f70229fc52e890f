"""Defects of positions: epochs and offsets, in events, acks and over HTTP."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

from specbus.bus.hub import Hub
from specbus.bus.memory import MemoryEngine, MemoryTopic
from specbus.bus.operations import Done, Operations
from specbus.bus.publication import Position, Publication
from specbus.websocket.commands import Commands
from specbus.websocket.session import Session
from specbus.wire import messages
from tests.mutants.edits import edit_answer, edit_events, edit_offsets, running, with_offset
from tests.mutants.registry import Patch, mutant, wrap


def edit_published(patch: Patch, edit: Callable[[Position], Position]) -> None:
    """Have `edit` change the position that publishers are told."""

    def publish(original: Any, self: Operations, topic: str, message: bytes, done: Done) -> None:
        original(self, topic, message, lambda position: done(edit(position)))

    wrap(patch, Operations, "publish", publish)


def edit_subscribed(patch: Patch, edit: Callable[[Position], Position]) -> None:
    """Have `edit` change the position that subscribers are told."""

    def subscribe(original: Any, self: Operations, topic: str, subscriber: Any, last_n: int, done: Done) -> None:
        original(self, topic, subscriber, last_n, lambda position: done(edit(position)))

    wrap(patch, Operations, "subscribe", subscribe)


def without_position(patch: Patch, command: str) -> None:
    """Have the acks of a command lack their position."""
    acking = ""

    def carried_out(original: Any, self: Commands, session: Session, frame: Any) -> None:
        nonlocal acking
        acking = frame["type"]
        original(self, session, frame)

    def ack(original: Any, topic: str, request_id: str | None, position: object = None) -> bytes:
        return bytes(original(topic, request_id, None if acking == command else position))

    for name in ("subscribe", "unsubscribe", "publish"):
        wrap(patch, Commands, name, carried_out)
    wrap(patch, messages, "ack", ack)


def moved(position: Position, by: int) -> Position:
    """`position` with a greater offset, or a smaller one, but none below 0."""
    return Position(position.epoch, max(position.offset + by, 0))


# Offsets


@mutant("websocket", "an event has no offset")
def event_without_offset(patch: Patch) -> None:
    edit_events(patch, lambda text: re.sub(rb',"offset":\d+(,"ts":"[^"]*"})$', rb"\1", text))


@mutant("behaviour", "every second message of a topic has the offset of the one before it")
def offset_does_not_grow(patch: Patch) -> None:
    def halved(offset: int) -> int:
        return (offset + 1) // 2

    edit_offsets(patch, halved)
    edit_published(patch, lambda position: Position(position.epoch, halved(position.offset)))
    edit_subscribed(patch, lambda position: Position(position.epoch, halved(position.offset)))


@mutant("behaviour", "an event has a greater offset than the ack of its publish")
def event_offset_not_the_acks(patch: Patch) -> None:
    edit_offsets(patch, lambda offset: offset + 1)


@mutant("behaviour", "replayed events are numbered anew")
def replay_with_offsets_of_its_own(patch: Patch) -> None:
    def join(original: Any, self: Hub, topic: str, subscriber: Any, replayed: Sequence[Publication] = ()) -> None:
        numbered = [with_offset(publication, offset) for offset, publication in enumerate(replayed, 1)]
        original(self, topic, subscriber, numbered)

    wrap(patch, Hub, "join", join)


@mutant("behaviour", "messages read over HTTP have smaller offsets than their events")
def retained_with_other_offsets(patch: Patch) -> None:
    def history(original: Any, self: Operations, topic: str, last_n: int | None, done: Callable[..., object]) -> None:
        def moved_on(position: Position, publications: Sequence[Publication]) -> None:
            done(position, [with_offset(publication, publication.offset - 1) for publication in publications])

        original(self, topic, last_n, moved_on)

    wrap(patch, Operations, "history", history)


@mutant("behaviour", "messages of all topics are counted together in the positions that subscribers are told")
def position_of_all_topics(patch: Patch) -> None:
    service = running(patch)

    def together(position: Position) -> Position:
        return Position(position.epoch, sum(topic.offset for topic in service().engine.topics.values()))

    edit_subscribed(patch, together)


# The position of an ack


@mutant("behaviour", "the ack of a publish has no position")
def publish_ack_without_position(patch: Patch) -> None:
    without_position(patch, "publish")


@mutant("behaviour", "the ack of a subscribe has no position")
def subscribe_ack_without_position(patch: Patch) -> None:
    without_position(patch, "subscribe")


@mutant("behaviour", "the ack of an unsubscribe has the topic's position")
def unsubscribe_ack_with_position(patch: Patch) -> None:
    service = running(patch)

    def unsubscribe(original: Any, self: Commands, session: Session, frame: Any) -> None:
        topic = frame["topic"]
        service().operations.unsubscribe(topic, session)
        position = service().engine.topics[topic].position
        session.answer(messages.ack(topic, frame.get("request_id"), position))

    wrap(patch, Commands, "unsubscribe", unsubscribe)


@mutant("behaviour", "the offset in a subscribe's ack is one too small")
def subscribe_position_too_small(patch: Patch) -> None:
    edit_subscribed(patch, lambda position: moved(position, -1))


@mutant("behaviour", "the offset in a subscribe's ack is one too great")
def subscribe_position_too_great(patch: Patch) -> None:
    edit_subscribed(patch, lambda position: moved(position, 1))


@mutant("behaviour", "the offset in the ack of a second subscribe is that of the first")
def resubscribe_with_first_position(patch: Patch) -> None:
    first: dict[tuple[str, Any], Position] = {}

    def subscribe(original: Any, self: Operations, topic: str, subscriber: Any, last_n: int, done: Done) -> None:
        def told(position: Position) -> None:
            done(first.setdefault((position.epoch, subscriber), position))

        original(self, topic, subscriber, last_n, told)

    wrap(patch, Operations, "subscribe", subscribe)


@mutant(
    "behaviour", "a subscribe without last_n is acknowledged some time after it takes effect, with the position of then"
)
def subscribe_acked_late(patch: Patch) -> None:
    service = running(patch)

    def subscribe(original: Any, self: Operations, topic: str, subscriber: Any, last_n: int, done: Done) -> None:
        def told(position: Position) -> None:
            found = service().engine.topics[topic]
            if last_n:
                done(position)
            else:
                asyncio.get_running_loop().call_later(0.02, lambda: done(found.position))

        original(self, topic, subscriber, last_n, told)

    wrap(patch, Operations, "subscribe", subscribe)


@mutant("rest", "the answer to publishing over HTTP lacks the message's position")
def accepted_without_position(patch: Patch) -> None:
    edit_answer(patch, "publish_message", lambda body: body.pop("position"))


@mutant("behaviour", "the answer to publishing over HTTP has the position before the message's")
def accepted_with_position_before(patch: Patch) -> None:
    edit_answer(patch, "publish_message", lambda body: body["position"].update(offset=body["position"]["offset"] - 1))


# Epochs


@mutant("behaviour", "a topic that is created again has the epoch that it had")
def epoch_survives_deletion(patch: Patch) -> None:
    epochs: dict[str, str] = {}

    def create(original: Any, self: MemoryEngine, topic: str) -> None:
        original(self, topic)
        found: MemoryTopic = self.topics[topic]
        found.epoch = epochs.setdefault(topic, found.epoch)

    wrap(patch, MemoryEngine, "create", create)


@mutant("behaviour", "the ack of a subscribe has another epoch than that of a publish")
def epoch_of_its_own_for_subscribers(patch: Patch) -> None:
    edit_subscribed(patch, lambda position: Position(position.epoch[::-1], position.offset))


@mutant("behaviour", "the answer to publishing over HTTP has an epoch of its own")
def epoch_of_its_own_over_http(patch: Patch) -> None:
    edit_answer(patch, "publish_message", lambda body: body["position"].update(epoch=body["position"]["epoch"][::-1]))


@mutant("websocket", "an epoch has more than 32 characters")
def epoch_too_long(patch: Patch) -> None:
    def init(original: Any, self: MemoryTopic, *args: Any) -> None:
        original(self, *args)
        self.epoch *= 4

    wrap(patch, MemoryTopic, "__init__", init)
