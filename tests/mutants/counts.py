"""Defects of numbers: statistics, health, lists, the index."""

from dataclasses import replace
from typing import Any

from specbus.bus.hub import Fanout, Hub
from specbus.bus.memory import MemoryEngine, MemoryTopic
from specbus.bus.operations import Operations, TopicNumbers
from specbus.http.operations import RestOperations
from specbus.websocket.commands import Commands
from specbus.websocket.registry import Registry
from specbus.websocket.session import Frame, Session
from tests.mutants.edits import edit_answer, running, subscribers
from tests.mutants.registry import Patch, mutant, wrap


def edit_numbers(patch: Patch, edit: Any) -> None:
    """Have `edit` change the numbers of topics; it gets the operations, the topic and its numbers."""

    def numbers_of(original: Any, self: Operations, topic: str) -> TopicNumbers:
        numbers = original(self, topic)
        changed: TopicNumbers = replace(numbers, **edit(self, topic, numbers))
        return changed

    wrap(patch, Operations, "numbers_of", numbers_of)


# topic_stats.yaml and topic_detail.yaml


@mutant("behaviour", "messages counts no more than the history holds", history_size=10)
def messages_stop_at_history(patch: Patch) -> None:
    edit_numbers(patch, lambda self, topic, numbers: {"messages": numbers.retained})


@mutant("behaviour", "retained counts all messages that were taken", history_size=10)
def retained_counts_all(patch: Patch) -> None:
    edit_numbers(patch, lambda self, topic, numbers: {"retained": numbers.messages})


@mutant("behaviour", "evicted counts messages that their number has pushed out", history_size=10)
def evicted_by_number(patch: Patch) -> None:
    edit_numbers(patch, lambda self, topic, numbers: {"evicted": numbers.messages - numbers.retained})


@mutant("behaviour", "evicted stays 0", history_bytes=20_000)
def evicted_stays_zero(patch: Patch) -> None:
    edit_numbers(patch, lambda self, topic, numbers: {"evicted": 0})


@mutant("behaviour", "messages published over HTTP are not counted")
def messages_over_http_not_counted(patch: Patch) -> None:
    over_http: dict[MemoryTopic, int] = {}
    service = running(patch)

    async def publish_message(original: Any, self: RestOperations, name: str, body: Any) -> Any:
        response = await original(self, name, body)
        topic = service().engine.topics.get(name)
        if topic:
            over_http[topic] = over_http.get(topic, 0) + 1
        return response

    wrap(patch, RestOperations, "publish_message", publish_message)
    edit_numbers(
        patch,
        lambda self, topic, numbers: {"messages": numbers.messages - over_http.get(service().engine.topics[topic], 0)},
    )


@mutant("behaviour", "messages published while nobody subscribes are not counted")
def messages_to_nobody_not_counted(patch: Patch) -> None:
    to_nobody: dict[MemoryTopic, int] = {}
    service = running(patch)

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Any) -> None:
        original(self, topic, message, done)
        if not subscribers(service().hub.fanouts.get(topic)):
            to_nobody[self.topics[topic]] = to_nobody.get(self.topics[topic], 0) + 1

    wrap(patch, MemoryEngine, "publish", publish)
    edit_numbers(
        patch,
        lambda self, topic, numbers: {"messages": numbers.messages - to_nobody.get(service().engine.topics[topic], 0)},
    )


@mutant("behaviour", "events that are handed on together count once as delivered")
def delivered_counts_writes(patch: Patch) -> None:
    def flush(original: Any, self: Fanout) -> None:
        before, pending = self.delivered, len(self._pending)
        original(self)
        if pending > 1:
            self.delivered = before + (self.delivered - before) // pending

    wrap(patch, Fanout, "flush", flush)


@mutant("behaviour", "delivered counts a message once, however many subscribers get it")
def delivered_counts_messages(patch: Patch) -> None:
    def flush(original: Any, self: Fanout) -> None:
        before, live = self.delivered, len(subscribers(self)) or 1
        original(self)
        self.delivered = before + (self.delivered - before) // live

    wrap(patch, Fanout, "flush", flush)


@mutant("behaviour", "replayed events are not counted as delivered")
def replayed_not_counted(patch: Patch) -> None:
    def drain(original: Any, self: Hub, subscriber: Any, member: Any, fanout: Fanout, outbox: Any) -> Any:
        before = fanout.delivered
        drained = original(self, subscriber, member, fanout, outbox)
        fanout.delivered = before
        return drained

    wrap(patch, Hub, "_drain", drain)


@mutant("behaviour", "events that are read over HTTP count as delivered")
def read_events_count_as_delivered(patch: Patch) -> None:
    def history(original: Any, self: Operations, topic: str, last_n: int | None, done: Any) -> None:
        def given(position: Any, publications: Any) -> None:
            if fanout := self._hub.fanouts.get(topic):
                fanout.delivered += len(publications)
            done(position, publications)

        original(self, topic, last_n, given)

    wrap(patch, Operations, "history", history)


@mutant("behaviour", "a topic that is made again has the delivered count of its predecessor")
def delivered_lives_on(patch: Patch) -> None:
    left: dict[str, int] = {}

    def end(original: Any, self: Hub, fanout: Fanout) -> None:
        original(self, fanout)
        left[fanout.name] = fanout.delivered

    def init(original: Any, self: Fanout, hub: Hub, name: str) -> None:
        original(self, hub, name)
        self.delivered = left.get(name, 0)

    wrap(patch, Hub, "end", end)
    wrap(patch, Fanout, "__init__", init)


@mutant("rest", "a deleted topic keeps its place in /stats")
def deleted_topic_in_stats(patch: Patch) -> None:
    known: dict[str, Any] = {}

    def edit(body: Any) -> None:
        known.update(body["topics"])
        body["topics"] = dict(known)

    edit_answer(patch, "get_stats", edit)


@mutant("behaviour", "a second subscribe to a topic counts as another subscriber")
def subscribers_count_commands(patch: Patch) -> None:
    twice: dict[Fanout, set[Any]] = {}

    def join(original: Any, self: Hub, topic: str, subscriber: Any, *args: Any) -> None:
        known = topic in self.fanouts and subscriber in subscribers(self.fanouts[topic])
        original(self, topic, subscriber, *args)
        if known:
            twice.setdefault(self.fanouts[topic], set()).add(subscriber)

    def numbers(self: Operations, topic: str, numbers: TopicNumbers) -> dict[str, int]:
        fanout = self._hub.fanouts.get(topic)
        more = len(twice.get(fanout, set()) & set(subscribers(fanout))) if fanout else 0
        return {"subscribers": numbers.subscribers + more}

    wrap(patch, Hub, "join", join)
    edit_numbers(patch, numbers)


@mutant("rest", "the numbers of one topic and those in /stats differ in what was dropped", max_queue_size=10)
def dropped_in_stats_alone(patch: Patch) -> None:
    edit_answer(patch, "get_topic", lambda body: body.update(dropped=0))


# health.yaml


@mutant("rest", "/health counts a connection with two topics as one subscriber")
def health_counts_connections_as_subscribers(patch: Patch) -> None:
    service = running(patch)

    def edit(body: Any) -> None:
        body["subscribers"] = len({each for fanout in service().hub.fanouts.values() for each in subscribers(fanout)})

    edit_answer(patch, "get_health", edit)


@mutant("rest", "/health counts the connections that there ever were")
def connections_ever(patch: Patch) -> None:
    count = [0]

    def add(original: Any, self: Registry, connection: Any) -> None:
        original(self, connection)
        count[0] += 1

    wrap(patch, Registry, "add", add)
    edit_answer(patch, "get_health", lambda body: body.update(connections=count[0]))


@mutant("rest", "/health counts as connections those that have a subscription")
def connections_with_subscription(patch: Patch) -> None:
    service = running(patch)

    def edit(body: Any) -> None:
        body["connections"] = sum(bool(member.topics) for member in service().hub._members.values())

    edit_answer(patch, "get_health", edit)


@mutant("rest", "/health counts the topics that have subscribers")
def health_topics_with_subscribers(patch: Patch) -> None:
    service = running(patch)
    edit_answer(
        patch,
        "get_health",
        lambda body: body.update(topics=sum(bool(subscribers(each)) for each in service().hub.fanouts.values())),
    )


@mutant("rest", "uptime_sec is in milliseconds")
def uptime_in_milliseconds(patch: Patch) -> None:
    edit_answer(patch, "get_health", lambda body: body.update(uptime_sec=body["uptime_sec"] * 1000))


@mutant("rest", "uptime_sec begins anew each minute")
def uptime_of_the_minute(patch: Patch) -> None:
    edit_answer(patch, "get_health", lambda body: body.update(uptime_sec=body["uptime_sec"] % 60))


@mutant("rest", "uptime_sec counts from the first topic")
def uptime_since_first_topic(patch: Patch) -> None:
    service = running(patch)
    edit_answer(
        patch,
        "get_health",
        lambda body: body.update(uptime_sec=body["uptime_sec"] if service().engine.topics else 0),
    )


# Lists. topic_list.yaml: "in the order of their creation"


@mutant("rest", "topics are listed in the order of their names")
def topics_sorted_by_name(patch: Patch) -> None:
    edit_answer(patch, "list_topics", lambda body: body["topics"].sort(key=lambda topic: topic["name"]))


@mutant("rest", "a topic that is made again is listed where its predecessor was")
def topic_made_again_keeps_its_place(patch: Patch) -> None:
    places: dict[str, int] = {}

    def create(original: Any, self: MemoryEngine, topic: str) -> None:
        original(self, topic)
        places.setdefault(topic, len(places))

    wrap(patch, MemoryEngine, "create", create)
    edit_answer(patch, "list_topics", lambda body: body["topics"].sort(key=lambda topic: places[topic["name"]]))


@mutant("rest", "at most a hundred topics are listed")
def topics_listed_to_a_hundred(patch: Patch) -> None:
    edit_answer(patch, "list_topics", lambda body: body.update(topics=body["topics"][:100]))


@mutant("rest", "a topic without subscribers is not listed")
def topics_without_subscribers_not_listed(patch: Patch) -> None:
    edit_answer(
        patch,
        "list_topics",
        lambda body: body.update(topics=[each for each in body["topics"] if each["subscribers"] != 0]),
    )


# index.yaml


@mutant("rest", "the index has a link to a path that is not there")
def index_with_dead_link(patch: Patch) -> None:
    edit_answer(patch, "get_index", lambda body: body["links"].update(metrics="/metrics"))


@mutant("rest", "the index gives /asyncapi.json as the OpenAPI document")
def index_with_links_mixed_up(patch: Patch) -> None:
    edit_answer(patch, "get_index", lambda body: body["links"].update(openapi="/asyncapi.json"))


@mutant("rest", "the index has no link to the WebSocket")
def index_without_websocket(patch: Patch) -> None:
    edit_answer(patch, "get_index", lambda body: body["links"].pop("websocket"))


@mutant("rest", "the index gives the WebSocket at a path where none is")
def index_with_wrong_websocket(patch: Patch) -> None:
    edit_answer(patch, "get_index", lambda body: body["links"].update(websocket="/websocket"))


@mutant("behaviour", "a connection that subscribes again after an unsubscribe is not counted")
def subscriber_again_not_counted(patch: Patch) -> None:
    gone: dict[tuple[Session, str], bool] = {}

    def unsubscribe(original: Any, self: Commands, session: Session, frame: Frame) -> None:
        original(self, session, frame)
        gone[session, frame["topic"]] = True

    def numbers(self: Operations, topic: str, numbers: TopicNumbers) -> dict[str, int]:
        again = [each for each in subscribers(self._hub.fanouts.get(topic)) if (each, topic) in gone]
        return {"subscribers": numbers.subscribers - len(again)}

    wrap(patch, Commands, "unsubscribe", unsubscribe)
    edit_numbers(patch, numbers)
