"""Defects of what the service does, whichever side it is asked on."""

import asyncio
import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from specbus.bus.broker import Broker, Topic, TopicNotFound
from specbus.websocket.hub import Hub
from starlette.responses import Response

from specbus.contract.commands import Refusal
from specbus.http.operations import Operations
from specbus.websocket.commands import Commands
from specbus.websocket.connection import Connection
from specbus.wire import messages as wire
from tests.mutants.edits import edit_answer, edit_body, edit_frames, joined, texts
from tests.mutants.registry import Patch, mutant, wrap


def edit_message(patch: Patch, edit: Callable[[dict[str, str]], object]) -> None:
    """Have `edit` change the message in events, whose fields it gets as JSON texts."""

    def event(original: Any, topic: str, message: bytes) -> bytes:
        fields = texts(message.decode())
        edit(fields)
        return bytes(original(topic, joined(fields).encode()))

    wrap(patch, wire, "event", event)


def later(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)


@contextmanager
def nobody_subscribed(broker: Broker, topic: Topic) -> Iterator[None]:
    """Meanwhile, `topic` delivers to nobody."""
    broker._flush_topic(topic)
    live, queued, topic.live, topic.queued = topic.live, topic.queued, {}, {}
    try:
        yield
    finally:
        topic.live, topic.queued = live, queued


@contextmanager
def retaining(topic: Topic, events: list[bytes]) -> Iterator[None]:
    """Meanwhile, `events` are what `topic` retains."""
    retained, topic.retained = topic.retained, deque(events, topic.retained.maxlen)
    try:
        yield
    finally:
        topic.retained = retained


def deaf(broker: Broker, name: str, peer: Any, seconds: float) -> None:
    """Have `peer`, a live subscriber, miss the topic's events for a while."""
    topic = broker.topics[name]

    def miss(data: bytes) -> None:
        if not wire.payloads(data)[0].startswith(b'{"type":"event"'):
            peer.deliver(data)

    def hear() -> None:
        if topic.live.get(peer) is miss:
            topic.live[peer] = peer.deliver

    topic.live[peer] = miss
    later(seconds, hear)


# Behaviour: acceptance, fan-out, order


@mutant("behaviour", "a publish is acknowledged before the topic takes it")
def publish_acked_before_acceptance(patch: Patch) -> None:
    def publish(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        event = wire.event(topic.name, frame["message"].text)
        peer.send(wire.ack(topic.name, frame.get("request_id")))
        later(0.05, lambda: self._broker.publish(topic, event))

    wrap(patch, Commands, "publish", publish)


@mutant("behaviour", "a subscription takes effect some time after its ack")
def subscribe_acked_before_effect(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        known = peer in topic.live
        original(self, peer, frame)
        if not known and not frame.get("last_n") and peer in topic.live:
            deaf(self._broker, topic.name, peer, 0.05)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "every fifth message of a topic is not delivered live")
def every_fifth_event_lost(patch: Patch) -> None:
    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        if topic.messages % 5 == 4:
            with nobody_subscribed(self, topic):
                original(self, topic, event)
        else:
            original(self, topic, event)

    wrap(patch, Broker, "publish", publish)


@mutant("behaviour", "every fifth message of a topic is delivered twice")
def every_fifth_event_twice(patch: Patch) -> None:
    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        original(self, topic, event)
        if topic.messages % 5 == 0 and topic.pending:
            topic.pending.append(event)

    wrap(patch, Broker, "publish", publish)


@mutant("behaviour", "of messages published close together, one subscriber gets the newest first")
def subscribers_see_another_order(patch: Patch) -> None:
    def init(original: Any, self: Broker, _schedule: Any, **options: Any) -> None:
        original(self, lambda flush: later(0.02, flush), **options)

    def backwards(deliver: Callable[[bytes], object]) -> Callable[[bytes], object]:
        return lambda data: deliver(b"".join(wire.text_frame(payload) for payload in reversed(wire.payloads(data))))

    def flush(original: Any, self: Broker, topic: Topic) -> None:
        others = list(topic.live.items())[1:]
        topic.live.update((peer, backwards(deliver)) for peer, deliver in others)
        original(self, topic)
        topic.live.update((peer, deliver) for peer, deliver in others if peer in topic.live)

    wrap(patch, Broker, "__init__", init)
    wrap(patch, Broker, "_flush_topic", flush)


@mutant("behaviour", "events reach the subscribers of other topics too")
def leak_across_topics(patch: Patch) -> None:
    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        original(self, topic, event)
        others = {peer: deliver for other in self.topics.values() for peer, deliver in other.live.items()}
        for peer, deliver in others.items():
            if peer not in topic.live and peer not in topic.queued:
                deliver(event)

    wrap(patch, Broker, "publish", publish)


@mutant("behaviour", "a publisher that is subscribed does not get its own messages")
def no_own_copy(patch: Patch) -> None:
    def publish(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        self._broker._flush_topic(topic)
        own = topic.live.pop(peer, None)
        original(self, peer, frame)
        self._broker._flush_topic(topic)
        if own:
            topic.live[peer] = own

    wrap(patch, Commands, "publish", publish)


@mutant("behaviour", "what is published over HTTP is retained but not delivered")
def http_publish_not_delivered(patch: Patch) -> None:
    async def publish(original: Any, self: Operations, name: str) -> Any:
        if name not in self._broker.topics:
            return await original(self, name=name)
        with nobody_subscribed(self._broker, self._broker.topics[name]):
            return await original(self, name=name)

    wrap(patch, Operations, "publish_message", publish)


@mutant("behaviour", "what is published over HTTP is delivered but not retained")
def http_publish_not_retained(patch: Patch) -> None:
    async def publish(original: Any, self: Operations, name: str) -> Any:
        if name not in self._broker.topics:
            return await original(self, name=name)
        topic = self._broker.topics[name]
        with retaining(topic, list(topic.retained)):
            return await original(self, name=name)

    wrap(patch, Operations, "publish_message", publish)


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
    def publish(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        try:
            json.dumps(json.loads(frame["message"].text), allow_nan=False)
        except ValueError:
            raise Refusal("message.payload has a number that is too large", frame.get("request_id")) from None
        original(self, peer, frame)

    wrap(patch, Commands, "publish", publish)


# Behaviour: replay and what is retained


def edit_replay(patch: Patch, edit: Callable[[list[bytes], int], list[bytes]]) -> None:
    """Have `edit` change what a topic seems to retain to a subscription with `last_n`."""

    def subscribe(original: Any, self: Broker, name: str, peer: Any, last_n: int = 0) -> None:
        topic = self.topic(name)
        if not last_n:
            original(self, name, peer, last_n)
            return
        with retaining(topic, edit(list(topic.retained), last_n)):
            original(self, name, peer, last_n)

    wrap(patch, Broker, "subscribe", subscribe)


@mutant("behaviour", "a replay leaves out the newest message")
def replay_without_newest(patch: Patch) -> None:
    edit_replay(patch, lambda events, _last_n: events[:-1])


@mutant("behaviour", "a replay gives one message more than last_n asks for")
def replay_one_too_many(patch: Patch) -> None:
    wrap(
        patch,
        Broker,
        "subscribe",
        lambda original, self, name, peer, last_n=0: original(self, name, peer, last_n and last_n + 1),
    )


@mutant("behaviour", "a replay comes newest first")
def replay_newest_first(patch: Patch) -> None:
    edit_replay(patch, lambda events, last_n: [*events[:-last_n], *reversed(events[-last_n:])])


@mutant("behaviour", "a replay gives the oldest retained messages, not the newest")
def replay_of_oldest(patch: Patch) -> None:
    edit_replay(patch, lambda events, last_n: events[:last_n])


@mutant("behaviour", "replayed events come before the subscription's ack")
def replay_before_ack(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        self._broker.subscribe(frame["topic"], peer, int(frame.get("last_n", 0)))
        self._broker.replay(peer)
        peer.send(wire.ack(frame["topic"], frame.get("request_id")))

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a message published just before a replay comes twice, replayed and live")
def duplicate_at_seam(patch: Patch) -> None:
    published: dict[Topic, float] = {}

    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        published[topic] = time.monotonic()
        original(self, topic, event)

    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        original(self, peer, frame)
        topic = self._broker.topic(frame["topic"])
        if frame.get("last_n") and topic.retained and time.monotonic() - published[topic] < 0.2:
            peer.deliver(topic.retained[-1])

    wrap(patch, Broker, "publish", publish)
    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "messages published while a replay is under way are lost to the subscriber")
def event_lost_during_replay(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        original(self, peer, frame)
        if frame.get("last_n") and peer in self._broker.topics[frame["topic"]].live:
            deaf(self._broker, frame["topic"], peer, 0.05)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a replay goes to all subscribers of the topic")
def replay_to_everyone(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        original(self, peer, frame)
        topic = self._broker.topic(frame["topic"])
        count = min(int(frame.get("last_n", 0)), len(topic.retained))
        replayed = list(topic.retained)[len(topic.retained) - count :]
        for other, deliver in list(topic.live.items()):
            if other is not peer and replayed:
                deliver(b"".join(replayed))

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "asking for more messages than are retained is refused")
def last_n_beyond_retained_refused(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        if frame.get("last_n", 0) > len(self._broker.topic(frame["topic"]).retained):
            raise Refusal("last_n must not be more than is retained", frame.get("request_id"))
        original(self, peer, frame)

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a topic retains one message less than it should")
def history_one_short(patch: Patch) -> None:
    wrap(patch, Topic, "__init__", lambda original, self, name, history_size: original(self, name, history_size - 1))


@mutant("behaviour", "a topic whose history is full retains no newer message")
def full_history_keeps_oldest(patch: Patch) -> None:
    def publish(original: Any, self: Broker, topic: Topic, event: bytes) -> None:
        if len(topic.retained) < (topic.retained.maxlen or 0):
            original(self, topic, event)
            return
        with retaining(topic, list(topic.retained)):
            original(self, topic, event)

    wrap(patch, Broker, "publish", publish)


# Behaviour: subscriptions and topics


@mutant("behaviour", "a second subscribe to a topic doubles delivery")
def resubscribe_doubles(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        known = peer in topic.live
        original(self, peer, frame)
        if known and peer in topic.live:
            topic.live[peer] = lambda data: (peer.deliver(data), peer.deliver(data))

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a second subscribe to a topic does not replay")
def resubscribe_without_replay(patch: Patch) -> None:
    def subscribe(original: Any, self: Broker, name: str, peer: Any, last_n: int = 0) -> None:
        known = peer in self.topic(name).live
        original(self, name, peer, 0 if known else last_n)

    wrap(patch, Broker, "subscribe", subscribe)


@mutant("behaviour", "a subscriber with a client_id that is in use takes the topic from the one who had it")
def client_id_taken_over(patch: Patch) -> None:
    holders: dict[tuple[str, str], Any] = {}

    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        original(self, peer, frame)
        key = (frame["topic"], frame["client_id"])
        if (holder := holders.get(key)) is not None and holder is not peer:
            self._broker.unsubscribe(frame["topic"], holder)
        holders[key] = peer

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "unsubscribe is acknowledged and has no effect")
def unsubscribe_ineffective(patch: Patch) -> None:
    def unsubscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        peer.send(wire.ack(self._broker.topic(frame["topic"]).name, frame.get("request_id")))

    wrap(patch, Commands, "unsubscribe", unsubscribe)


@mutant("behaviour", "unsubscribe without a subscription is refused")
def unsubscribe_of_nothing_refused(patch: Patch) -> None:
    def unsubscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        topic = self._broker.topic(frame["topic"])
        if peer not in topic.live and peer not in topic.queued:
            raise Refusal("there is no subscription to end", frame.get("request_id"))
        original(self, peer, frame)

    wrap(patch, Commands, "unsubscribe", unsubscribe)


@mutant("behaviour", "publishing to a topic that does not exist creates it")
def publish_creates_topic(patch: Patch) -> None:
    def publish(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        if frame["topic"] not in self._broker.topics:
            self._broker.create(frame["topic"])
        original(self, peer, frame)

    wrap(patch, Commands, "publish", publish)


@mutant("behaviour", "subscribing to a topic that does not exist is refused and creates it all the same")
def refused_subscribe_creates_topic(patch: Patch) -> None:
    def subscribe(original: Any, self: Commands, peer: Any, frame: Any) -> None:
        try:
            original(self, peer, frame)
        except TopicNotFound:
            self._broker.create(frame["topic"])
            raise

    wrap(patch, Commands, "subscribe", subscribe)


@mutant("behaviour", "a topic that does not exist gives the code BAD_REQUEST")
def topic_not_found_as_bad_request(patch: Patch) -> None:
    wrap(
        patch,
        wire,
        "error",
        lambda original, code, *args, **options: original(
            "BAD_REQUEST" if code == "TOPIC_NOT_FOUND" else code, *args, **options
        ),
    )


@mutant("behaviour", "subscribers of a deleted topic are not told")
def topic_deleted_missing(patch: Patch) -> None:
    wrap(patch, Broker, "delete", lambda original, self, name, _farewell: original(self, name, b""))


@mutant("behaviour", "the news that a topic is deleted does not say which")
def topic_deleted_names_no_topic(patch: Patch) -> None:
    edit_frames(patch, "info", lambda frame: frame.pop("topic", None))


@mutant("behaviour", "deleting a topic closes its subscribers' connections")
def deletion_closes_connections(patch: Patch) -> None:
    def delete(original: Any, self: Broker, name: str, farewell: bytes) -> None:
        subscribers: list[Any] = list(self.topic(name).live)
        original(self, name, farewell)
        for subscriber in subscribers:
            subscriber.close(1000, "topic deleted")

    wrap(patch, Broker, "delete", delete)


@mutant("behaviour", "subscribers of a deleted topic are subscribed to the next one of its name")
def subscription_survives_deletion(patch: Patch) -> None:
    subscribers: dict[str, list[Any]] = {}

    def delete(original: Any, self: Broker, name: str, farewell: bytes) -> None:
        if name in self.topics:
            subscribers[name] = list(self.topics[name].live)
        original(self, name, farewell)

    def create(original: Any, self: Broker, name: str) -> Topic:
        topic: Topic = original(self, name)
        for subscriber in subscribers.pop(name, ()):
            if subscriber in self._members:
                self.subscribe(name, subscriber)
        return topic

    wrap(patch, Broker, "delete", delete)
    wrap(patch, Broker, "create", create)


@mutant("behaviour", "a topic that is created again has the old one's messages")
def history_survives_deletion(patch: Patch) -> None:
    retained: dict[str, deque[bytes]] = {}

    def delete(original: Any, self: Broker, name: str, farewell: bytes) -> None:
        if name in self.topics:
            retained[name] = self.topics[name].retained
        original(self, name, farewell)

    def create(original: Any, self: Broker, name: str) -> Topic:
        topic: Topic = original(self, name)
        topic.retained.extend(retained.pop(name, ()))
        return topic

    wrap(patch, Broker, "delete", delete)
    wrap(patch, Broker, "create", create)


# Behaviour: counts


@mutant("behaviour", "a connection that is gone still counts among its topics' subscribers")
def ghost_subscriber(patch: Patch) -> None:
    def leave(original: Any, self: Broker, subscriber: Any) -> None:
        if member := self._members.get(subscriber):
            member.queues.clear()
            for topic in member.topics:
                topic.queued.pop(subscriber, None)
                topic.live[subscriber] = lambda data: None

    wrap(patch, Broker, "leave", leave)


@mutant("behaviour", "the subscribers in /health do not become fewer when a connection goes without unsubscribing")
def counter_drift_on_disconnect(patch: Patch) -> None:
    drift = 0

    def leave(original: Any, self: Broker, subscriber: Any) -> None:
        nonlocal drift
        if member := self._members.get(subscriber):
            drift += len(member.topics)
        original(self, subscriber)

    wrap(patch, Broker, "leave", leave)
    edit_answer(patch, "get_health", lambda body: body.update(subscribers=body["subscribers"] + drift))


@mutant("behaviour", "/health counts a connection with two subscriptions once")
def health_counts_subscribers_once(patch: Patch) -> None:
    async def health(original: Any, self: Operations) -> Response:
        response: Response = await original(self)
        topics = self._broker.topics.values()
        count = len({peer for topic in topics for peer in (*topic.live, *topic.queued)})
        edit_body(response, lambda body: body.update(subscribers=count))
        return response

    wrap(patch, Operations, "get_health", health)


@mutant("behaviour", "a topic's messages do not count those published over HTTP")
def http_publish_not_counted(patch: Patch) -> None:
    async def publish(original: Any, self: Operations, name: str) -> Response:
        response: Response = await original(self, name=name)
        self._broker.topics[name].messages -= 1
        return response

    wrap(patch, Operations, "publish_message", publish)


@mutant("behaviour", "a topic's delivered events are counted once, however many subscribers got them")
def delivered_counted_once(patch: Patch) -> None:
    def flush(original: Any, self: Broker, topic: Topic) -> None:
        delivered = topic.delivered + (len(topic.pending) if topic.live else 0)
        original(self, topic)
        topic.delivered = delivered

    wrap(patch, Broker, "_flush_topic", flush)


# Behaviour: slow consumers, heartbeat


@mutant("behaviour", "a slow consumer is not told that messages were dropped")
def silent_drop(patch: Patch) -> None:
    wrap(patch, Connection, "notify_dropped", lambda original, self, topic, count: None)


@mutant("behaviour", "a slow consumer is told of one message more than was dropped")
def wrong_drop_count(patch: Patch) -> None:
    wrap(patch, Connection, "notify_dropped", lambda original, self, topic, count: original(self, topic, count + 1))


@mutant("behaviour", "dropped messages are not counted in /stats")
def drops_not_counted(patch: Patch) -> None:
    def enqueue(original: Any, self: Broker, topic: Topic, queue: Any, events: list[bytes]) -> bool:
        dropped = topic.dropped
        try:
            return bool(original(self, topic, queue, events))
        finally:
            topic.dropped = dropped

    wrap(patch, Broker, "_enqueue", enqueue)


@mutant("behaviour", "a slow consumer loses the newest messages, not the oldest")
def newest_dropped(patch: Patch) -> None:
    def enqueue(original: Any, self: Broker, topic: Topic, queue: Any, events: list[bytes]) -> bool:
        room = max(queue.limit - len(queue.events), 0)
        over = max(len(events) - room, 0)
        queue.dropped += over
        topic.dropped += over
        return bool(original(self, topic, queue, events[:room]))

    wrap(patch, Broker, "_enqueue", enqueue)


@mutant("behaviour", "what is dropped for a slow consumer is lost to the fast ones too")
def fast_consumers_lose_too(patch: Patch) -> None:
    def flush(original: Any, self: Broker, topic: Topic) -> None:
        live: dict[Any, Any] = {}
        if any(len(queue.events) + len(topic.pending) > queue.limit for queue in topic.queued.values()):
            live, topic.live = topic.live, {}
        original(self, topic)
        topic.live.update(live)

    wrap(patch, Broker, "_flush_topic", flush)


@mutant("behaviour", "there are no heartbeats", heartbeat_interval=0.2)
def heartbeat_missing(patch: Patch) -> None:
    wrap(patch, Hub, "_heartbeat", lambda original, self, connection: None)
