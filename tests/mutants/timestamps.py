"""Defects of `ts`. timestamp.yaml: "The server's clock when it made this, RFC 3339 in UTC, ending in Z"."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec

from specbus.bus.memory import MemoryEngine, MemoryTopic
from specbus.bus.publication import Publication
from specbus.http.operations import RestOperations
from specbus.wire import messages
from tests.mutants.edits import edit_body, edit_frames
from tests.mutants.registry import Patch, mutant, wrap


def edit_clock(patch: Patch, edit: Callable[[float], float]) -> None:
    """Have `edit` change the times at which all but events are said to be made."""
    clock = SimpleNamespace(time=lambda: edit(time.time()), strftime=time.strftime, gmtime=time.gmtime)
    patch.setattr(messages, "time", clock)


def edit_taken(patch: Patch, edit: Callable[[str, float], float]) -> None:
    """Have `edit` change the times at which messages were taken; it gets the topic too."""

    def publish(original: Any, self: MemoryEngine, topic: str, message: bytes, done: Any) -> None:
        clock = self._clock
        self._clock = lambda: edit(topic, time.time())
        try:
            original(self, topic, message, done)
        finally:
            self._clock = clock

    wrap(patch, MemoryEngine, "publish", publish)


def edit_newest(patch: Patch, edit: Callable[[float], float]) -> None:
    """Have `edit` change the times of retained messages."""

    def newest(original: Any, self: MemoryTopic, count: int) -> list[Publication]:
        return [Publication(each.topic, each.offset, edit(each.ts), each.message) for each in original(self, count)]

    wrap(patch, MemoryTopic, "newest", newest)


@mutant("websocket", "ts stands still in all but events")
def clock_stands_still(patch: Patch) -> None:
    start = time.time()
    edit_clock(patch, lambda now: start)


@mutant("websocket", "ts of all but events stands still for ten seconds at a time")
def clock_every_ten_seconds(patch: Patch) -> None:
    edit_clock(patch, lambda now: now // 10 * 10)


@mutant("websocket", "ts is the time of another zone, with a Z all the same")
def clock_of_another_zone(patch: Patch) -> None:
    patch.setattr(
        messages,
        "time",
        SimpleNamespace(time=time.time, strftime=time.strftime, gmtime=lambda now: time.gmtime(now + 3600)),
    )


@mutant("websocket", "ts has the month where the minutes should be")
def month_for_minutes(patch: Patch) -> None:
    patch.setattr(
        messages,
        "time",
        SimpleNamespace(
            time=time.time, strftime=lambda form, t: time.strftime(form.replace("%M", "%m"), t), gmtime=time.gmtime
        ),
    )


@mutant("behaviour", "ts of an event is that of the topic's first message")
def event_ts_of_first(patch: Patch) -> None:
    first: dict[str, float] = {}
    edit_taken(patch, lambda topic, now: first.setdefault(topic, now))


@mutant("behaviour", "ts of an event is cut to the minute")
def event_ts_cut_to_minute(patch: Patch) -> None:
    edit_taken(patch, lambda topic, now: now // 60 * 60)


@mutant("behaviour", "ts of every third message is two seconds before that of the one before it")
def event_ts_goes_back(patch: Patch) -> None:
    counts: dict[str, int] = {}

    def edit(topic: str, now: float) -> float:
        counts[topic] = counts.get(topic, 0) + 1
        return now - (0 if counts[topic] % 3 else 2)

    edit_taken(patch, edit)


@mutant("behaviour", "an event that is replayed or read has a ts of its own, the time of that")
def retained_event_ts_is_now(patch: Patch) -> None:
    edit_newest(patch, lambda ts: time.time())


@mutant("behaviour", "ts of a replayed event is a second later than that of the live one, rounded up")
def retained_event_ts_rounded_up(patch: Patch) -> None:
    edit_newest(patch, lambda ts: -(-ts // 1))


@mutant("rest", "ts of an event that is read over HTTP has a fraction, which the live one had not")
def read_event_ts_with_fraction(patch: Patch) -> None:
    async def get_messages(original: Any, *args: Any, **options: Any) -> Any:
        response = await original(*args, **options)

        def edit(body: Any) -> None:
            for event in body["events"]:
                event["ts"] = event["ts"].replace("Z", ".000Z")

        if hasattr(response, "body"):
            edit_body(response, edit)
        return response

    wrap(patch, RestOperations, "get_messages", get_messages)


@mutant("websocket", "ts of a pong is that of the first pong")
def pong_ts_of_first(patch: Patch) -> None:
    first: list[str] = []

    def edit(frame: dict[str, Any]) -> None:
        first.append(frame["ts"])
        frame["ts"] = first[0]

    edit_frames(patch, "pong", edit)


@mutant("websocket", "ts of an error is that of the first error of its code")
def error_ts_of_first(patch: Patch) -> None:
    first: dict[str, str] = {}
    edit_frames(patch, "error", lambda frame: frame.update(ts=first.setdefault(frame["error"]["code"], frame["ts"])))


@mutant("websocket", "ts of a topic_deleted is when the service began")
def deleted_ts_of_start(patch: Patch) -> None:
    start = messages._clock.at(time.time())
    edit_frames(patch, "info", lambda frame: frame.update(ts=start if "topic" in frame else frame["ts"]))


@mutant("websocket", "ts of a heartbeat is that of the first one", heartbeat_interval=1)
def heartbeat_ts_of_first(patch: Patch) -> None:
    first: list[bytes] = []

    def info(original: Any, msg: str, topic: str | None = None) -> bytes:
        made: bytes = original(msg, topic)
        if topic is None:
            first.append(made)
            return first[0]
        return made

    wrap(patch, messages, "info", info)


@mutant("websocket", "ts of an ack is a day late")
def ack_ts_of_yesterday(patch: Patch) -> None:
    def ack(original: Any, *args: Any) -> bytes:
        frame = msgspec.json.decode(original(*args))
        frame["ts"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 86_400))
        return msgspec.json.encode(frame)

    wrap(patch, messages, "ack", ack)
