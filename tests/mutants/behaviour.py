"""Defects of what the service does, whichever side it is asked on."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from specbus.bus.errors import TopicNotFound
from specbus.bus.hub import Fanout, Hub
from specbus.bus.memory import MemoryEngine, MemoryTopic
from specbus.bus.operations import Done, Operations, TopicNumbers
from specbus.bus.outbox import Outbox
from specbus.bus.publication import Position, Publication
from specbus.contract.commands import Refusal, WebSocketContract
from specbus.http.operations import RestOperations
from specbus.websocket.asgi import AsgiConnection
from specbus.websocket.commands import Commands
from specbus.websocket.connection import Connection
from specbus.websocket.session import Session, event_frames
from specbus.wire import messages
from specbus.wire.websocket import payloads, text_frame
from tests.mutants.edits import (
    delivering,
    edit_answer,
    edit_body,
    edit_frames,
    joined,
    live,
    running,
    subscribers,
    texts,
)
from tests.mutants.registry import Patch, mutant, wrap


def edit_message(patch: Patch, edit: Callable[[dict[str, str]], object]) -> None:
    """Have `edit` change the messages that topics take, whose fields it gets as JSON texts."""

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Done) -> None:
        fields = texts(message.decode())
        edit(fields)
        original(self, topic, joined(fields).encode(), done)

    wrap(patch, MemoryEngine, "publish", publish)


def later(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)


def edit_retained(patch: Patch, edit: Callable[[MemoryTopic, list[Publication]], list[Publication]]) -> None:
    """Have `edit` change what topics seem to retain."""

    def newest(original: Any, self: MemoryTopic, count: int) -> list[Publication]:
        seeming = edit(self, original(self, self.retained))
        return seeming[max(len(seeming) - count, 0) :]

    wrap(patch, MemoryTopic, "newest", newest)


def deaf(hub: Hub, topic: str, session: Session, seconds: float) -> None:
    """Have `session`, a live subscriber, miss the topic's events for a while."""
    delivers = hub.fanouts[topic].groups[session.encoding].deliver

    def miss(data: bytes) -> None:
        pass

    def hear() -> None:
        if delivers.get(session) is miss:
            delivers[session] = session.deliver

    delivers[session] = miss
    later(seconds, hear)


# Behaviour: acceptance, fan-out, order


@mutant("behaviour", "a publish is acknowledged before the topic takes it")
def publish_acked_before_acceptance(patch: Patch) -> None:
    service = running(patch)
    due: dict[MemoryTopic, int] = {}

    def publish(original: Any, self: Commands, session: Session, frame: Any) -> None:
        topic = service().engine.topics.get(frame["topic"])
        if topic is None:
            original(self, session, frame)
            return

        def take() -> None:
            due[topic] -= 1
            with contextlib.suppress(TopicNotFound):
                service().operations.publish(topic.name, frame["message"].text, lambda position: None)

        due[topic] = due.get(topic, 0) + 1
        position = Position(topic.epoch, topic.offset + due[topic])
        session.answer(messages.ack(topic.name, frame.get("request_id"), position))
        later(0.05, take)

    wrap(patch, Commands, "publish", publish)


@mutant("behaviour", "a subscription takes effect some time after its ack")
def subscribe_acked_before_effect(patch: Patch) -> None:
    service = running(patch)

    def subscribe(original: Any, self: Commands, session: Session, frame: Any) -> None:
        hub, topic = service().hub, frame["topic"]
        known = session in live(hub.fanouts.get(topic))
        original(self, session, frame)
        if not known and not frame.get("last_n") and session in live(hub.fanouts.get(topic)):
            deaf(hub, topic, session, 0.05)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "every fifth message of a topic is not delivered live")
def every_fifth_event_lost(patch: Patch) -> None:
    def take(original: Any, self: Fanout, publication: Publication) -> None:
        if publication.offset % 5:
            original(self, publication)

    wrap(patch, Fanout, "take", take)


@mutant("behaviour", "every fifth message of a topic is delivered twice")
def every_fifth_event_twice(patch: Patch) -> None:
    def take(original: Any, self: Fanout, publication: Publication) -> None:
        original(self, publication)
        if publication.offset % 5 == 0:
            original(self, publication)

    wrap(patch, Fanout, "take", take)


@mutant("behaviour", "of messages published close together, one subscriber gets the newest first")
def subscribers_see_another_order(patch: Patch) -> None:
    def init(original: Any, self: Hub, engine: Any, _schedule: Any, *args: Any, **options: Any) -> None:
        original(self, engine, lambda flush: later(0.02, flush), *args, **options)

    def flush(original: Any, self: Fanout) -> None:
        first = live(self)[:1]

        def backwards(subscriber: Any, deliver: Callable[[bytes], object]) -> Callable[[bytes], object]:
            if subscriber in first:
                return deliver
            return lambda data: deliver(b"".join(map(text_frame, reversed(payloads(data)))))

        with delivering(self, backwards):
            original(self)

    wrap(patch, Hub, "__init__", init)
    wrap(patch, Fanout, "flush", flush)


@mutant("behaviour", "events reach the subscribers of other topics too")
def leak_across_topics(patch: Patch) -> None:
    service = running(patch)

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Done) -> None:
        original(self, topic, message, done)
        fanouts = service().hub.fanouts
        own = subscribers(fanouts.get(topic))
        event = event_frames(topic)(self.topics[topic].newest(1))
        for other in {subscriber for fanout in fanouts.values() for subscriber in live(fanout)}.difference(own):
            other.deliver(event)

    wrap(patch, MemoryEngine, "publish", publish)


@mutant("behaviour", "a publisher that is subscribed does not get its own messages")
def no_own_copy(patch: Patch) -> None:
    service = running(patch)

    def publish(original: Any, self: Commands, session: Session, frame: Any) -> None:
        hub, topic = service().hub, frame["topic"]
        if session not in live(hub.fanouts.get(topic)):
            original(self, session, frame)
            return
        # Each of the two hands on first what the topic has taken.
        hub.leave(topic, session)
        original(self, session, frame)
        hub.join(topic, session)

    wrap(patch, Commands, "publish", publish)


@mutant("behaviour", "what is published over HTTP is retained but not delivered")
def http_publish_not_delivered(patch: Patch) -> None:
    over_http = False

    async def publish(original: Any, self: RestOperations, name: str, body: Any) -> Any:
        nonlocal over_http
        over_http = True
        try:
            # The memory engine has taken it before anything is waited for.
            return await original(self, name=name, body=body)
        finally:
            over_http = False

    def take(original: Any, self: Fanout, publication: Publication) -> None:
        if not over_http:
            original(self, publication)

    wrap(patch, RestOperations, "publish_message", publish)
    wrap(patch, Fanout, "take", take)


@mutant("behaviour", "what is published over HTTP is delivered but not retained")
def http_publish_not_retained(patch: Patch) -> None:
    service = running(patch)
    left_out: set[tuple[str, int]] = set()

    async def publish(original: Any, self: RestOperations, name: str, body: Any) -> Any:
        answer = await original(self, name=name, body=body)
        if topic := service().engine.topics.get(name):
            left_out.add((topic.epoch, topic.offset))
        return answer

    wrap(patch, RestOperations, "publish_message", publish)
    edit_retained(
        patch, lambda topic, retained: [each for each in retained if (topic.epoch, each.offset) not in left_out]
    )


# Behaviour: what an event holds


@mutant("behaviour", "an event carries a message id of the server's own")
def message_id_replaced(patch: Patch) -> None:
    edit_message(patch, lambda message: message.update(id=f'"{uuid.uuid4()}"'))


@mutant("behaviour", "a payload is decoded and encoded again, so that 99.50 comes out as 99.5")
def payload_reencoded(patch: Patch) -> None:
    def reencode(message: dict[str, str]) -> None:
        try:
            text = json.dumps(
                json.loads(message["payload"]), ensure_ascii=False, allow_nan=False, separators=(",", ":")
            )
            text.encode()
        except ValueError:  # a number or an escape that Python cannot hold
            return
        message["payload"] = text

    edit_message(patch, reencode)


@mutant("behaviour", "the keys of a payload come out sorted")
def payload_keys_sorted(patch: Patch) -> None:
    def sort(message: dict[str, str]) -> None:
        if message["payload"].startswith("{"):
            message["payload"] = joined(dict(sorted(texts(message["payload"]).items())))

    edit_message(patch, sort)


@mutant("behaviour", "a payload with a number too large for a float is refused")
def large_number_refused(patch: Patch) -> None:
    def publish(original: Any, self: Commands, session: Session, frame: Any) -> None:
        try:
            json.dumps(json.loads(frame["message"].text), allow_nan=False)
        except ValueError:
            raise Refusal("message.payload has a number that is too large", frame.get("request_id")) from None
        original(self, session, frame)

    wrap(patch, Commands, "publish", publish)


# Behaviour: replay and what is retained


def edit_replay(patch: Patch, edit: Callable[[list[Publication], int], list[Publication]]) -> None:
    """Have `edit` change what a topic seems to retain to a subscription with `last_n`."""
    asked = 0

    def subscribe(original: Any, self: Operations, topic: str, subscriber: Any, last_n: int, done: Done) -> None:
        nonlocal asked
        asked = last_n
        try:
            original(self, topic, subscriber, last_n, done)
        finally:
            asked = 0

    wrap(patch, Operations, "subscribe", subscribe)
    edit_retained(patch, lambda _, retained: edit(retained, asked) if asked else retained)


@mutant("behaviour", "a replay leaves out the newest message")
def replay_without_newest(patch: Patch) -> None:
    edit_replay(patch, lambda publications, _last_n: publications[:-1])


@mutant("behaviour", "a replay gives one message more than last_n asks for")
def replay_one_too_many(patch: Patch) -> None:
    wrap(
        patch,
        Operations,
        "subscribe",
        lambda original, self, topic, subscriber, last_n, done: original(
            self, topic, subscriber, last_n and last_n + 1, done
        ),
    )


@mutant("behaviour", "a replay comes newest first")
def replay_newest_first(patch: Patch) -> None:
    edit_replay(patch, lambda retained, last_n: [*retained[:-last_n], *reversed(retained[-last_n:])])


@mutant("behaviour", "a replay gives the oldest retained messages, not the newest")
def replay_of_oldest(patch: Patch) -> None:
    edit_replay(patch, lambda publications, last_n: publications[:last_n])


@mutant("behaviour", "replayed events come before the subscription's ack")
def replay_before_ack(patch: Patch) -> None:
    def subscribe(original: Any, self: Operations, topic: str, subscriber: Any, last_n: int, done: Done) -> None:
        positions: list[Position] = []
        original(self, topic, subscriber, last_n, positions.append)
        done(*positions)

    wrap(patch, Operations, "subscribe", subscribe)


@mutant("behaviour", "a message published just before a replay comes twice, replayed and live")
def duplicate_at_seam(patch: Patch) -> None:
    service = running(patch)
    published: dict[str, float] = {}

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Done) -> None:
        published[topic] = time.monotonic()
        original(self, topic, message, done)

    def subscribe(original: Any, self: Operations, topic: str, subscriber: Any, last_n: int, done: Done) -> None:
        original(self, topic, subscriber, last_n, done)
        newest = service().engine.topics[topic].newest(1)
        if last_n and newest and time.monotonic() - published[topic] < 0.2:
            subscriber.deliver(event_frames(topic)(newest))

    wrap(patch, MemoryEngine, "publish", publish)
    wrap(patch, Operations, "subscribe", subscribe)


@mutant("behaviour", "messages published while a replay is under way are lost to the subscriber")
def event_lost_during_replay(patch: Patch) -> None:
    service = running(patch)

    def subscribe(original: Any, self: Commands, session: Session, frame: Any) -> None:
        original(self, session, frame)
        hub, topic = service().hub, frame["topic"]
        if frame.get("last_n") and session in live(hub.fanouts[topic]):
            deaf(hub, topic, session, 0.05)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a replay goes to all subscribers of the topic")
def replay_to_everyone(patch: Patch) -> None:
    service = running(patch)

    def subscribe(original: Any, self: Operations, topic: str, subscriber: Any, last_n: int, done: Done) -> None:
        original(self, topic, subscriber, last_n, done)
        if replayed := service().engine.topics[topic].newest(last_n):
            for other in live(service().hub.fanouts[topic]):
                if other is not subscriber:
                    other.deliver(event_frames(topic)(replayed))

    wrap(patch, Operations, "subscribe", subscribe)


@mutant("behaviour", "asking for more messages than are retained is refused")
def last_n_beyond_retained_refused(patch: Patch) -> None:
    service = running(patch)

    def subscribe(original: Any, self: Commands, session: Session, frame: Any) -> None:
        topic = service().engine.topics.get(frame["topic"])
        if topic and frame.get("last_n", 0) > topic.retained:
            raise Refusal("last_n must not be more than is retained", frame.get("request_id"))
        original(self, session, frame)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a topic retains one message less than it should")
def history_one_short(patch: Patch) -> None:
    wrap(
        patch,
        MemoryTopic,
        "__init__",
        lambda original, self, name, history_size: original(self, name, history_size - 1),
    )


@mutant("behaviour", "a topic whose history is full retains no newer message")
def full_history_keeps_oldest(patch: Patch) -> None:
    kept: dict[str, list[Publication]] = {}

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Done) -> None:
        found = self.topics.get(topic)
        before = found.newest(found.retained) if found else []
        original(self, topic, message, done)
        if found and found.retained == len(before):
            kept.setdefault(found.epoch, before)

    wrap(patch, MemoryEngine, "publish", publish)
    edit_retained(patch, lambda topic, retained: kept.get(topic.epoch, retained))


# Behaviour: subscriptions and topics


@mutant("behaviour", "a second subscribe to a topic doubles delivery")
def resubscribe_doubles(patch: Patch) -> None:
    service = running(patch)

    def subscribe(original: Any, self: Commands, session: Session, frame: Any) -> None:
        fanouts = service().hub.fanouts
        known = session in live(fanouts.get(frame["topic"]))
        original(self, session, frame)
        if known and session in live(fanouts[frame["topic"]]):
            delivers = fanouts[frame["topic"]].groups[session.encoding].deliver
            delivers[session] = lambda data: (session.deliver(data), session.deliver(data))

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a second subscribe to a topic does not replay")
def resubscribe_without_replay(patch: Patch) -> None:
    service = running(patch)

    def subscribe(original: Any, self: Operations, topic: str, subscriber: Any, last_n: int, done: Done) -> None:
        known = subscriber in live(service().hub.fanouts.get(topic))
        original(self, topic, subscriber, 0 if known else last_n, done)

    wrap(patch, Operations, "subscribe", subscribe)


@mutant("behaviour", "a subscriber with a client_id that is in use takes the topic from the one who had it")
def client_id_taken_over(patch: Patch) -> None:
    service = running(patch)
    holders: dict[tuple[str, str], Any] = {}

    def subscribe(original: Any, self: Commands, session: Session, frame: Any) -> None:
        original(self, session, frame)
        key = (frame["topic"], frame["client_id"])
        if (holder := holders.get(key)) is not None and holder is not session:
            service().hub.leave(frame["topic"], holder)
        holders[key] = session

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "unsubscribe is acknowledged and has no effect")
def unsubscribe_ineffective(patch: Patch) -> None:
    wrap(patch, Hub, "leave", lambda original, self, topic, subscriber: None)


@mutant("behaviour", "unsubscribe without a subscription is refused")
def unsubscribe_of_nothing_refused(patch: Patch) -> None:
    service = running(patch)

    def unsubscribe(original: Any, self: Commands, session: Session, frame: Any) -> None:
        app, topic = service(), frame["topic"]
        if topic in app.engine.topics and session not in subscribers(app.hub.fanouts.get(topic)):
            raise Refusal("there is no subscription to end", frame.get("request_id"))
        original(self, session, frame)

    wrap(patch, Commands, "unsubscribe", unsubscribe)


@mutant("behaviour", "publishing to a topic that does not exist creates it")
def publish_creates_topic(patch: Patch) -> None:
    service = running(patch)

    def publish(original: Any, self: Commands, session: Session, frame: Any) -> None:
        if frame["topic"] not in service().engine.topics:
            service().operations.create(frame["topic"])
        original(self, session, frame)

    wrap(patch, Commands, "publish", publish)


@mutant("behaviour", "subscribing to a topic that does not exist is refused and creates it all the same")
def refused_subscribe_creates_topic(patch: Patch) -> None:
    def subscribe(original: Any, self: Operations, topic: str, *args: Any) -> None:
        try:
            original(self, topic, *args)
        except TopicNotFound:
            self.create(topic)
            raise

    wrap(patch, Operations, "subscribe", subscribe)


@mutant("behaviour", "a topic that does not exist gives the code BAD_REQUEST")
def topic_not_found_as_bad_request(patch: Patch) -> None:
    wrap(
        patch,
        messages,
        "error",
        lambda original, code, *args, **options: original(
            "BAD_REQUEST" if code == "TOPIC_NOT_FOUND" else code, *args, **options
        ),
    )


@mutant("behaviour", "subscribers of a deleted topic are not told")
def topic_deleted_missing(patch: Patch) -> None:
    wrap(patch, Session, "notify_deleted", lambda original, self, topic: None)


@mutant("behaviour", "the news that a topic is deleted does not say which")
def topic_deleted_names_no_topic(patch: Patch) -> None:
    edit_frames(patch, "info", lambda frame: frame.pop("topic", None))


@mutant("behaviour", "deleting a topic closes its subscribers' connections")
def deletion_closes_connections(patch: Patch) -> None:
    service = running(patch)

    def delete(original: Any, self: Operations, topic: str) -> None:
        told = live(service().hub.fanouts.get(topic))
        original(self, topic)
        for subscriber in told:
            subscriber.close(1000, "topic deleted")

    wrap(patch, Operations, "delete", delete)


@mutant("behaviour", "subscribers of a deleted topic are subscribed to the next one of its name")
def subscription_survives_deletion(patch: Patch) -> None:
    service = running(patch)
    surviving: dict[str, list[Any]] = {}

    def delete(original: Any, self: Operations, topic: str) -> None:
        left = live(service().hub.fanouts.get(topic))
        original(self, topic)
        surviving[topic] = left

    def create(original: Any, self: Operations, topic: str) -> None:
        original(self, topic)
        for subscriber in surviving.pop(topic, ()):
            if subscriber in service().endpoint.registry:
                service().hub.join(topic, subscriber)

    wrap(patch, Operations, "delete", delete)
    wrap(patch, Operations, "create", create)


@mutant("behaviour", "a topic that is created again has the old one's messages")
def history_survives_deletion(patch: Patch) -> None:
    former: dict[str, list[Publication]] = {}

    def delete(original: Any, self: MemoryEngine, topic: str) -> None:
        if found := self.topics.get(topic):
            former[topic] = found.newest(found.retained)
        original(self, topic)

    def create(original: Any, self: MemoryEngine, topic: str) -> None:
        original(self, topic)
        former[self.topics[topic].epoch] = former.pop(topic, [])

    edit_retained(patch, lambda topic, retained: [*former.get(topic.epoch, []), *retained])

    wrap(patch, MemoryEngine, "delete", delete)
    wrap(patch, MemoryEngine, "create", create)


# Behaviour: counts


class _Ghost:
    """A subscriber that nobody hears of."""

    encoding = staticmethod(event_frames)

    def deliver(self, data: bytes) -> None:
        pass

    def notify_dropped(self, topic: str, count: int) -> None:
        pass

    def notify_deleted(self, topic: str) -> None:
        pass

    def note_dropping(self, topic: str) -> None:
        pass

    def overflow(self, lost: Sequence[tuple[str, int]]) -> None:
        pass


@mutant("behaviour", "a connection that is gone still counts among its topics' subscribers")
def ghost_subscriber(patch: Patch) -> None:
    def forget(original: Any, self: Hub, subscriber: Any) -> Any:
        topics = [name for name, fanout in self.fanouts.items() if subscriber in subscribers(fanout)]
        untold = original(self, subscriber)
        ghost = _Ghost()
        for topic in topics:
            self.join(topic, ghost)
        return untold

    wrap(patch, Hub, "forget", forget)


@mutant("behaviour", "the subscribers in /health do not become fewer when a connection goes without unsubscribing")
def counter_drift_on_disconnect(patch: Patch) -> None:
    drift = 0

    def forget(original: Any, self: Hub, subscriber: Any) -> Any:
        nonlocal drift
        drift += sum(subscriber in subscribers(fanout) for fanout in self.fanouts.values())
        original(self, subscriber)

    wrap(patch, Hub, "forget", forget)
    edit_answer(patch, "get_health", lambda body: body.update(subscribers=body["subscribers"] + drift))


@mutant("behaviour", "/health counts a connection with two subscriptions once")
def health_counts_subscribers_once(patch: Patch) -> None:
    service = running(patch)

    async def health(original: Any, self: RestOperations) -> Response:
        response: Response = await original(self)
        count = len({each for fanout in service().hub.fanouts.values() for each in subscribers(fanout)})
        edit_body(response, lambda body: body.update(subscribers=count))
        return response

    wrap(patch, RestOperations, "get_health", health)


@mutant("behaviour", "a topic's messages do not count those published over HTTP")
def http_publish_not_counted(patch: Patch) -> None:
    service = running(patch)
    uncounted: dict[MemoryTopic, int] = {}

    async def publish(original: Any, self: RestOperations, name: str, body: Any) -> Response:
        response: Response = await original(self, name=name, body=body)
        topic = service().engine.topics[name]
        uncounted[topic] = uncounted.get(topic, 0) + 1
        return response

    def numbers_of(original: Any, self: Operations, topic: str) -> TopicNumbers:
        numbers: TopicNumbers = original(self, topic)
        return replace(numbers, messages=numbers.messages - uncounted.get(service().engine.topics[topic], 0))

    wrap(patch, RestOperations, "publish_message", publish)
    wrap(patch, Operations, "numbers_of", numbers_of)


@mutant("behaviour", "a topic's delivered events are counted once, however many subscribers got them")
def delivered_counted_once(patch: Patch) -> None:
    def flush(original: Any, self: Fanout) -> None:
        delivered, count = self.delivered, len(live(self))
        original(self)
        if count:
            self.delivered = delivered + (self.delivered - delivered) // count

    wrap(patch, Fanout, "flush", flush)


# Behaviour: slow consumers, heartbeat


@mutant("behaviour", "a slow consumer is not told that messages were dropped")
def silent_drop(patch: Patch) -> None:
    wrap(patch, Session, "notify_dropped", lambda original, self, topic, count: None)


@mutant("behaviour", "a slow consumer is told of one message more than was dropped")
def wrong_drop_count(patch: Patch) -> None:
    wrap(patch, Session, "notify_dropped", lambda original, self, topic, count: original(self, topic, count + 1))


@mutant("behaviour", "dropped messages are not counted in /stats")
def drops_not_counted(patch: Patch) -> None:
    def drop(original: Any, self: Outbox) -> int:
        original(self)
        return 0

    wrap(patch, Outbox, "drop_oldest", drop)


@mutant("behaviour", "a slow consumer loses the newest messages, not the oldest")
def newest_dropped(patch: Patch) -> None:
    def drop(original: Any, self: Outbox) -> int:
        kept = list(self.waiting)
        dropped = original(self)
        for place in range(len(self.waiting)):
            self.waiting[place] = kept[place]
        return int(dropped)

    wrap(patch, Outbox, "drop_oldest", drop)


@mutant("behaviour", "what is dropped for a slow consumer is lost to the fast ones too")
def fast_consumers_lose_too(patch: Patch) -> None:
    flushing: list[Fanout] = []

    def flush(original: Any, self: Fanout) -> None:
        groups = self.groups
        flushing.append(self)
        original(self)
        flushing.pop().groups = groups

    def drop(original: Any, self: Outbox) -> int:
        # What waits is seen to first, and nobody is live then.
        flushing[-1].groups = {}
        return int(original(self))

    wrap(patch, Fanout, "flush", flush)
    wrap(patch, Outbox, "drop_oldest", drop)


@mutant("behaviour", "there are no heartbeats", heartbeat_interval=0.2)
def heartbeat_missing(patch: Patch) -> None:
    for connection in (Connection, AsgiConnection):
        wrap(patch, connection, "send_heartbeat", lambda original, self, message: None)


@mutant("behaviour", "the error for a frame that nests too deep has no request_id")
def deep_frame_without_request_id(patch: Patch) -> None:
    patch.setattr(WebSocketContract, "correlation_of", lambda self, data: None)
