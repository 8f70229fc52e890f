"""Defects of what happens at the same time, or right behind each other."""

import asyncio
from typing import Any

from starlette.responses import JSONResponse

from specbus.bus.errors import TopicExists, TopicNotFound
from specbus.bus.hub import Fanout, Hub
from specbus.bus.memory import MemoryEngine, MemoryTopic
from specbus.bus.publication import Publication
from specbus.http.operations import RestOperations
from specbus.websocket.commands import Commands
from specbus.websocket.connection import Connection
from specbus.websocket.session import Frame, Session
from tests.mutants.behaviour import later
from tests.mutants.edits import subscribers
from tests.mutants.registry import Patch, mutant, wrap


@mutant("rest", "of two creations of a topic at the same time both succeed (openapi.yaml: 409)")
def two_creations_succeed(patch: Patch) -> None:
    async def create_topic(original: Any, self: RestOperations, request: Any, body: Any) -> Any:
        if body["name"] in self._operations.numbers():
            raise TopicExists(body["name"])
        await asyncio.sleep(0.02)
        if body["name"] in self._operations.numbers():
            self._operations.delete(body["name"])
        return await original(self, request, body)

    wrap(patch, RestOperations, "create_topic", create_topic)


@mutant("rest", "of two deletions of a topic at the same time both succeed (openapi.yaml: 404)")
def two_deletions_succeed(patch: Patch) -> None:
    under_way: set[str] = set()

    async def delete_topic(original: Any, self: RestOperations, name: str) -> Any:
        if name not in under_way:
            self._operations.numbers_of(name)
            under_way.add(name)
            await asyncio.sleep(0.02)
            under_way.discard(name)
            return await original(self, name)
        await asyncio.sleep(0.02)
        return JSONResponse({"status": "deleted", "topic": name}, headers={"Cache-Control": "no-store"})

    wrap(patch, RestOperations, "delete_topic", delete_topic)


@mutant("behaviour", "an unsubscribe that comes in one read with its subscribe does nothing")
def quick_unsubscribe_lost(patch: Patch) -> None:
    fresh: dict[Session, set[str]] = {}

    def subscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        original(self, session, frame)
        fresh.setdefault(session, set()).add(frame["topic"])

    def unsubscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        hub = self._operations._hub
        if frame["topic"] in fresh.get(session, ()):
            with patch.context() as meanwhile:
                meanwhile.setattr(hub, "leave", lambda topic, subscriber: None)
                original(self, session, frame)
        else:
            original(self, session, frame)

    def end_read(original: Any, self: Session) -> None:
        original(self)
        fresh.pop(self, None)

    wrap(patch, Commands, "subscribe", subscribe)
    wrap(patch, Commands, "unsubscribe", unsubscribe)
    wrap(patch, Session, "end_read", end_read)


@mutant("behaviour", "messages taken close together are retained in another order than they were delivered")
def retained_in_another_order(patch: Patch) -> None:
    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Any) -> None:
        original(self, topic, message, done)
        found = self.topics.get(topic)
        if found and found.offset % 2 == 0 and found.retained > 1 and found.times[-1] - found.times[-2] < 0.002:
            found.texts[-1], found.texts[-2] = found.texts[-2], found.texts[-1]

    wrap(patch, MemoryEngine, "publish", publish)


@mutant("behaviour", "a message is among the retained ones some time after its ack")
def retained_after_ack(patch: Patch) -> None:
    pending: dict[MemoryTopic, int] = {}

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Any) -> None:
        original(self, topic, message, done)
        found = self.topics[topic]
        pending[found] = pending.get(found, 0) + 1

        def settle() -> None:
            pending[found] -= 1

        later(0.05, settle)

    def newest(original: Any, self: MemoryTopic, count: int) -> list[Publication]:
        settled = original(self, self.retained)[: self.retained - pending.get(self, 0)]
        return list(settled[max(len(settled) - count, 0) :])

    wrap(patch, MemoryEngine, "publish", publish)
    wrap(patch, MemoryTopic, "newest", newest)


@mutant("behaviour", "a topic can be used some time after its 201")
def topic_usable_after_201(patch: Patch) -> None:
    fresh: set[str] = set()

    def create(original: Any, self: MemoryEngine, topic: str) -> None:
        original(self, topic)
        fresh.add(topic)
        later(0.05, lambda: fresh.discard(topic))

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Any) -> None:
        if topic in fresh:
            raise TopicNotFound(topic)
        original(self, topic, message, done)

    wrap(patch, MemoryEngine, "create", create)
    wrap(patch, MemoryEngine, "publish", publish)


@mutant(
    "behaviour", "a message that is published in the tick of a subscribe, before it, is delivered to the subscriber"
)
def subscriber_gets_what_was_before(patch: Patch) -> None:
    def join(original: Any, self: Hub, topic: str, subscriber: Any, *args: Any) -> None:
        with patch.context() as meanwhile:
            meanwhile.setattr(Fanout, "flush", lambda self: None)
            original(self, topic, subscriber, *args)

    wrap(patch, Hub, "join", join)


@mutant("behaviour", "a message is lost to who unsubscribes in the same read, after it")
def message_before_unsubscribe_lost(patch: Patch) -> None:
    def leave(original: Any, self: Hub, topic: str, subscriber: Any) -> None:
        with patch.context() as meanwhile:
            meanwhile.setattr(Fanout, "flush", lambda self: None)
            original(self, topic, subscriber)

    wrap(patch, Hub, "leave", leave)


@mutant("behaviour", "what is pending for subscribers is lost when its topic is deleted")
def pending_lost_at_deletion(patch: Patch) -> None:
    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        fanout._pending.clear()
        self.with_pending.pop(fanout, None)
        original(self, fanout)

    wrap(patch, Hub, "end", end)


@mutant("behaviour", "topic_deleted comes before the events that were published before")
def deletion_overtakes_events(patch: Patch) -> None:
    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        for subscriber in subscribers(fanout):
            subscriber.notify_deleted(fanout.name)
        with patch.context() as meanwhile:
            meanwhile.setattr(Session, "notify_deleted", lambda self, topic: None)
            original(self, fanout)

    wrap(patch, Hub, "end", end)


@mutant("behaviour", "commands that come in one read are carried out sorted, publishes first")
def publishes_first(patch: Patch) -> None:
    def data_received(original: Any, self: Connection, data: bytes) -> None:
        held: list[bytes] = []

        def receive(receive_: Any, session: Session, text: bytes) -> None:
            if b'"publish"' in text:
                receive_(session, text)
            else:
                held.append(text)

        with patch.context() as meanwhile:
            wrap(meanwhile, Session, "receive", receive)
            original(self, data)
        self._answers = []
        for text in held:
            self.receive(text)
        self.end_read()

    wrap(patch, Connection, "data_received", data_received)


@mutant("behaviour", "what several connections publish in one tick is ordered by connection for some, not for others")
def order_by_payload_for_some(patch: Patch) -> None:
    def flush(original: Any, self: Fanout) -> None:
        groups = list(self.groups.values())
        if len(self._pending) > 1 and groups and len(groups[0].deliver) > 1:
            group = groups[0]
            first = next(iter(group.deliver))
            deliver = group.deliver.pop(first)
            data = group.encode(sorted(self._pending, key=lambda each: each.message))
            self.delivered += len(self._pending)
            original(self)
            deliver(data)
            if first in self._hub._members and self in self._hub._members[first].topics and first not in self.waiting:
                group.deliver[first] = deliver
        else:
            original(self)

    wrap(patch, Fanout, "flush", flush)
