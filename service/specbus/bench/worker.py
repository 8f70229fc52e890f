"""A worker: the process that opens its share of the connections, publishes, and counts what comes.

It reads its `Plan` from standard input, keeps its progress in `SharedState`, and writes a `Report` to standard output.
What runs for each event or each read is written for speed: the worker must not become the bottleneck.
"""

import contextlib
import gc
import itertools
import os
import pickle
import selectors
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from specbus.bench.connections import Opening, open_all
from specbus.bench.dialects import Template, pong
from specbus.bench.errors import Failed
from specbus.bench.event_scan import PING, STAMP, Tally, events, id_at, last_event, pings, time_at
from specbus.bench.latency import BUCKETS, bucket
from specbus.bench.plan import Plan, Stream
from specbus.bench.shared_state import Phase, SharedState, State

_READ_SIZE = 1 << 18
"""Bytes of one read, at most."""
_MAX_CARRY = 512
"""Bytes that a read may leave for the next one."""
INTERVAL = 0.5
"""Seconds of one point in the timeline of a run."""
_NO_SUBSCRIBERS = 2**63
"""Stands for the lowest number that a worker without subscribers of a stream has seen."""
_CONNECTION_CLOSED = "the server closed a connection"
_STALLED_RECEIVE_BUFFER = 4096
"""Bytes of the receive buffer of a subscriber that does not read."""


@dataclass(slots=True)
class Interval:
    """The counts of about `INTERVAL` seconds."""

    seconds: float
    deliveries: int
    published: int
    latencies: Counter[int]
    """How many of each bucket."""


@dataclass(slots=True)
class Report:
    """What a worker reports at the end."""

    failure: str | None = None
    """Why it had to stop, in one line."""
    connect_seconds: float = 0.0
    seconds: float = 0.0
    """Length of the measurement."""
    busy: float = 0.0
    """The share of that time in which it had work, 0 to 1."""
    deliveries: int = 0
    """During the measurement, as is `published`."""
    published: int = 0
    unacknowledged: int = 0
    """Publications without an ack, in the whole run, as are the next three counts."""
    lost: int = 0
    """Events that did not come, though later ones did."""
    late: int = 0
    repeated: int = 0
    complaint: str | None = None
    """What the server said about lost events."""
    intervals: list[Interval] = field(default_factory=list)


class _StreamProgress:
    """How far this worker's subscribers of a stream have come."""

    __slots__ = ("lowest", "numbers", "stream")

    def __init__(self, stream: int) -> None:
        self.stream = stream
        self.numbers = {0: 0}
        """For each number, how many subscribers have seen it last."""
        self.lowest = 0

    def advance(self, before: int, seen: int) -> bool:
        """Move one subscriber from one number to another. Returns whether the lowest number has changed."""
        numbers = self.numbers
        numbers[seen] = numbers.get(seen, 0) + 1
        left = numbers[before] - 1
        if left:
            numbers[before] = left
            return False
        del numbers[before]
        if before != self.lowest:
            return False
        self.lowest = min(numbers)
        return True


class _Subscriber:
    __slots__ = ("arrivals", "carry", "only", "socket", "tallies")

    def __init__(self, sock: socket.socket, arrivals: dict[int, _StreamProgress]) -> None:
        self.socket = sock
        self.carry = bytearray()
        self.arrivals = arrivals
        """Those of its streams."""
        self.tallies = {stream: Tally(stream) for stream in arrivals}
        self.only = next(iter(self.tallies.values())) if len(arrivals) == 1 else None
        """The tally, if there is one only."""
        for arrival in arrivals.values():
            arrival.numbers[0] += 1


class _PublishedStream:
    """A stream at its publisher."""

    __slots__ = ("done", "publisher", "sent", "stream", "template")

    def __init__(self, stream: Stream, template: Template, publisher: "_Publisher") -> None:
        self.stream = stream
        self.template = template
        self.publisher = publisher
        self.sent = 0
        self.done = 0
        """The number that all subscribers have seen."""


class _Publisher:
    __slots__ = ("acknowledged", "carry", "in_flight", "number", "outlets", "sent", "socket", "turn", "unsent")

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.socket = sock
        self.number = number
        self.outlets: list[_PublishedStream] = []
        self.turn = 0
        self.sent = 0
        self.in_flight = 0
        self.acknowledged = 0
        self.carry = bytearray()
        self.unsent = bytearray()


class Worker:
    """The connections of one worker process."""

    def __init__(self, plan: Plan, shared: SharedState) -> None:
        """Open the connections. Raises Failed."""
        started = time.monotonic()
        self._plan, self._shared = plan, shared
        self._parent = os.getppid()
        self._selector = selectors.DefaultSelector()
        self._buffer = bytearray(_MAX_CARRY + _READ_SIZE)
        self._room = memoryview(self._buffer)[_MAX_CARRY:]
        self._published_streams: dict[int, _PublishedStream] = {}
        self._ready: set[_Publisher] = set()
        """The publishers that may publish more."""
        self._deliveries = self._published = self._expected = self._reached = 0
        self._latencies = [0] * BUCKETS
        self._idle = 0
        """Nanoseconds without work."""
        self._marks: list[tuple[int, int, int, int, list[int]]] = []
        """Instant, deliveries, published, idle and the latencies since the last one, at the ends of intervals."""
        self._turn = 0
        self._complaint: str | None = None
        self._distance = _READ_SIZE
        """Bytes from one event to the next."""
        self._subscribers = self._subscribe()
        self._publishers = self._open_publishers()
        first_topic = plan.share.subscribers[0][0].topic if plan.share.subscribers else ""
        self._stalled = list(self._open([[first_topic]] * plan.share.stalled, _STALLED_RECEIVE_BUFFER))
        self._connect_seconds = time.monotonic() - started

    def run(self) -> Report:
        """Follow the phases of the shared state until the last. Raises Failed."""
        shared, worker = self._shared, self._plan.worker
        shared.set_state(worker, State.READY)
        while shared.phase == Phase.CONNECT:
            self._poll(0.01)
            self._check_parent()
        start, measure, end = shared.schedule
        interval = int(INTERVAL * 1e9)
        marks = [*range(measure, end, interval), end]
        timeout = 0.0 if self._plan.busy else 0.001
        self._ready.update(self._publishers)
        publishing = True
        while shared.phase == Phase.RUN:
            now = time.monotonic_ns()
            while publishing and now >= (instant := marks[len(self._marks)]):
                # What is due by then counts to the interval that ends, however late this is.
                self._publish_what_is_due(instant, start)
                self._mark(now)
                self._check_parent()
                if len(self._marks) == len(marks):
                    publishing = False
                    shared.set_state(worker, State.STOPPED)
                    break
            if publishing and now >= start:
                self._publish_what_is_due(now, start)
            if not self._poll(timeout):
                self._idle += time.monotonic_ns() - now
            shared.count(worker, self._deliveries, self._published, self._expected, self._reached)
        while len(self._marks) < 2:
            self._mark(time.monotonic_ns())
        self._await_acknowledgements()
        return self._report()

    def _mark(self, now: int) -> None:
        self._marks.append((now, self._deliveries, self._published, self._idle, self._latencies))
        self._latencies = [0] * BUCKETS

    # Connections

    def _open(self, topics: list[list[str]], receive_buffer: int | None = None) -> Iterator[socket.socket]:
        """A connection for each list of topics, subscribed to them."""
        dialect = self._plan.dialect
        openings = [
            Opening([*dialect.hello, *map(dialect.subscribe, some)], dialect.ack, dialect.error, receive_buffer)
            for some in topics
        ]
        return open_all(self._plan.endpoint, openings)

    def _subscribe(self) -> list[_Subscriber]:
        plan = self._plan
        numbers = {stream.number for streams in plan.share.subscribers for stream in streams}
        arrivals = {number: _StreamProgress(number) for number in numbers}
        for number in set(range(plan.shared_streams)) - numbers:
            self._shared.set_seen(number, plan.worker, _NO_SUBSCRIBERS)
        topics = [list(dict.fromkeys(stream.topic for stream in streams)) for streams in plan.share.subscribers]
        subscribers = []
        for sock, streams in zip(self._open(topics), plan.share.subscribers, strict=True):
            subscriber = _Subscriber(sock, {stream.number: arrivals[stream.number] for stream in streams})
            self._selector.register(sock, selectors.EVENT_READ, subscriber)
            subscribers.append(subscriber)
        return subscribers

    def _open_publishers(self) -> list[_Publisher]:
        plan = self._plan
        publishers = []
        sockets = self._open([[]] * len(plan.share.publishers))
        for sock, (number, streams) in zip(sockets, plan.share.publishers, strict=True):
            publisher = _Publisher(sock, number)
            for stream in streams:
                template = plan.dialect.publish(stream.topic, stream.number, plan.work.size)
                published_stream = _PublishedStream(stream, template, publisher)
                publisher.outlets.append(published_stream)
                self._published_streams[stream.number] = published_stream
            self._selector.register(sock, selectors.EVENT_READ, publisher)
            publishers.append(publisher)
        return publishers

    def _check_parent(self) -> None:
        """Exit if the parent process is gone."""
        if os.getppid() != self._parent:
            sys.exit(1)

    # Reading

    def _poll(self, timeout: float) -> bool:
        """Handle what came, for which to wait up to `timeout` seconds; whether anything did."""
        ready = self._selector.select(timeout)
        for key, events_of_key in ready:
            peer = key.data
            if type(peer) is _Subscriber:
                self._read_events(peer)
                continue
            if events_of_key & selectors.EVENT_READ:
                self._read_answers(peer)
            if events_of_key & selectors.EVENT_WRITE:
                self._send_unsent(peer)
        return bool(ready)

    def _receive(self, peer: _Subscriber | _Publisher) -> tuple[int, int]:
        """Read into the buffer, behind what the last read left; where both begin and end."""
        try:
            size = peer.socket.recv_into(self._room)
        except BlockingIOError:
            size = 0
        except OSError:
            raise Failed(_CONNECTION_CLOSED) from None
        else:
            if not size:
                raise Failed(_CONNECTION_CLOSED)
        carry = peer.carry
        start = _MAX_CARRY - len(carry)
        if carry:
            if start < 0:
                raise Failed("an event came without its time")
            self._buffer[start:_MAX_CARRY] = carry
        return start, _MAX_CARRY + size

    def _read_events(self, subscriber: _Subscriber) -> None:
        buffer = self._buffer
        start, end = self._receive(subscriber)
        marker, stamp, kept = last_event(buffer, start, end)
        if buffer.find(PING, start, end) >= 0:
            cut = self._answer_pings(subscriber, start, end)
            # One before an event was none: the length of a frame was cut, and what followed looked like it.
            kept = min(kept, cut) if cut > marker else kept
        subscriber.carry = buffer[kept:end]
        if marker < 0:
            return
        latency = time.monotonic_ns() - time_at(buffer, stamp)
        self._latencies[bucket(max(0, latency))] += 1
        tally = subscriber.only
        if tally:
            before = tally.seen
            seen = before + self._count(start, stamp)
            if id_at(buffer, marker) == tally.expects(seen):
                tally.seen = seen
                self._deliveries += seen - before
                self._advance(subscriber, tally, before)
                return
        self._read_one_by_one(subscriber, start, marker, end)

    def _count(self, start: int, stamp: int) -> int:
        """The events from `start` to the one with its time at `stamp`."""
        buffer, distance = self._buffer, self._distance
        # Mostly one follows the other at the same distance. To see that is much faster than to count.
        number = (stamp - start) // distance + 1
        if buffer[stamp - (number - 1) * distance : stamp + 1 : distance].count(STAMP[0]) == number and (
            buffer.find(STAMP, start, stamp - (number - 1) * distance) < 0
        ):
            return number
        number = buffer.count(STAMP, start, stamp + len(STAMP))
        if number > 1:
            self._distance = stamp - buffer.rfind(STAMP, start, stamp)
        return number

    def _read_one_by_one(self, subscriber: _Subscriber, start: int, marker: int, end: int) -> None:
        """Tally the events up to `marker`: of several streams, or out of sequence."""
        faults = 0
        for stream, number in events(self._buffer, start, marker):
            self._deliveries += 1
            tally = subscriber.tallies.get(stream)
            if tally is None:
                raise Failed("a subscriber got an event of a topic that it is not subscribed to")
            before = tally.seen
            tally.record(number)
            faults += tally.seen != before + 1
            if tally.seen != before:
                self._advance(subscriber, tally, before)
        error = self._plan.dialect.error
        if faults and not self._complaint and self._buffer.find(error, start, end) >= 0:
            self._complaint = self._excerpt(self._buffer.find(error, start, end), end)

    def _advance(self, subscriber: _Subscriber, tally: Tally, before: int) -> None:
        self._reached += tally.seen - before
        arrival = subscriber.arrivals[tally.stream]
        if not arrival.advance(before, tally.seen):
            return
        if self._plan.shared_streams:
            self._shared.set_seen(arrival.stream, self._plan.worker, arrival.lowest)
        else:
            self._done(self._published_streams[arrival.stream], arrival.lowest)

    def _read_answers(self, publisher: _Publisher) -> None:
        buffer, dialect = self._buffer, self._plan.dialect
        start, end = self._receive(publisher)
        publisher.acknowledged += buffer.count(dialect.ack, start, end)
        kept = max(start, end - len(dialect.ack) + 1)
        if buffer.find(PING, start, end) >= 0:
            cut = self._answer_pings(publisher, start, end)
            kept = min(kept, cut) if buffer.find(dialect.ack, cut, end) < 0 else kept
        publisher.carry = buffer[kept:end]
        error = buffer.find(dialect.error, start, end)
        if error >= 0:
            raise Failed(f"the server refused a publication: {self._excerpt(error, end)}")

    def _answer_pings(self, peer: _Subscriber | _Publisher, start: int, end: int) -> int:
        """Answer the pings in what was read; where one begins that is cut."""
        payloads, cut = pings(self._buffer, start, end)
        for payload in payloads:
            # What does not fit would be in the middle of something else: a later ping is answered instead.
            with contextlib.suppress(BlockingIOError):
                if not (isinstance(peer, _Publisher) and peer.unsent):
                    peer.socket.send(pong(payload))
        return cut

    def _excerpt(self, start: int, end: int) -> str:
        """The text from `start` on, for a person."""
        text = self._buffer[start : min(end, start + 200)].decode("ascii", "replace")
        return "".join(character for character in text if character.isprintable()).rstrip("}")

    # Publishing

    def _publish_what_is_due(self, now: int, start: int) -> None:
        work = self._plan.work
        if work.rate:
            while self._publishers:
                rounds, turn = divmod(self._turn, len(self._publishers))
                publisher = self._publishers[turn]
                due = start + int((rounds * work.publishers + publisher.number) * 1e9 / work.rate)
                if due >= now:
                    break
                # Latency counts from here, even if this is late: what is held up is not left out.
                self._publish(publisher, 1, due)
                self._turn += 1
            return
        if self._plan.shared_streams:
            for published_stream in self._published_streams.values():
                seen = self._shared.seen_by_all(published_stream.stream.number)
                if seen > published_stream.done:
                    self._done(published_stream, seen)
        for publisher in self._ready:
            if publisher.in_flight < work.in_flight:
                self._publish(publisher, work.in_flight - publisher.in_flight, time.monotonic_ns())
        self._ready.clear()

    def _done(self, published_stream: _PublishedStream, number: int) -> None:
        """Note that all subscribers have seen the messages up to `number`."""
        published_stream.publisher.in_flight -= number - published_stream.done
        published_stream.done = number
        self._ready.add(published_stream.publisher)

    def _publish(self, publisher: _Publisher, messages: int, instant: int) -> None:
        digits = b"%016x" % instant
        outlets, turn = publisher.outlets, publisher.turn
        frames = []
        for _ in range(messages):
            published_stream = outlets[turn]
            turn = (turn + 1) % len(outlets)
            published_stream.sent += 1
            self._expected += published_stream.stream.subscribers
            frames.append(published_stream.template.fill(published_stream.sent, digits))
        publisher.turn = turn
        publisher.in_flight += messages
        publisher.sent += messages
        self._published += messages
        # One by one: to join them would have the server find more in each read than publishers give it.
        for frame in frames:
            self._send(publisher, frame)

    def _send(self, publisher: _Publisher, frame: bytes) -> None:
        if publisher.unsent:
            publisher.unsent += frame
            return
        try:
            sent = publisher.socket.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            raise Failed(_CONNECTION_CLOSED) from None
        if sent < len(frame):
            publisher.unsent += frame[sent:]
            self._selector.modify(publisher.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, publisher)

    def _send_unsent(self, publisher: _Publisher) -> None:
        """Send more: the socket is writable again."""
        try:
            del publisher.unsent[: publisher.socket.send(publisher.unsent)]
        except OSError:
            raise Failed(_CONNECTION_CLOSED) from None
        if not publisher.unsent:
            self._selector.modify(publisher.socket, selectors.EVENT_READ, publisher)

    # The end

    def _await_acknowledgements(self) -> None:
        end = time.monotonic() + self._plan.endpoint.deadline
        while any(publisher.acknowledged < publisher.sent for publisher in self._publishers):
            if time.monotonic() > end:
                return
            self._poll(0.01)

    def _report(self) -> Report:
        tallies = [tally for subscriber in self._subscribers for tally in subscriber.tallies.values()]
        first, last = self._marks[0], self._marks[-1]
        seconds = (last[0] - first[0]) / 1e9
        return Report(
            connect_seconds=self._connect_seconds,
            seconds=seconds,
            busy=1 - (last[3] - first[3]) / 1e9 / seconds,
            deliveries=last[1] - first[1],
            published=last[2] - first[2],
            unacknowledged=sum(publisher.sent - publisher.acknowledged for publisher in self._publishers),
            lost=sum(tally.lost for tally in tallies),
            late=sum(tally.late for tally in tallies),
            repeated=sum(tally.repeated for tally in tallies),
            complaint=self._complaint,
            intervals=[
                Interval(
                    seconds=(after[0] - before[0]) / 1e9,
                    deliveries=after[1] - before[1],
                    published=after[2] - before[2],
                    latencies=Counter({index: number for index, number in enumerate(after[4]) if number}),
                )
                for before, after in itertools.pairwise(self._marks)
            ],
        )


def main() -> None:
    """Carry out the plan on standard input."""
    # Ctrl-C reaches the parent process too, which decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    plan: Plan = pickle.load(sys.stdin.buffer)  # noqa: S301 # from the process that started this one
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    shared = SharedState(Path(plan.shared_file), plan.workers, plan.shared_streams)
    # A garbage collection would be a pause, and there is no garbage in cycles.
    gc.disable()
    try:
        report, state = Worker(plan, shared).run(), State.DONE
    except Failed as error:
        report, state = Report(failure=str(error)), State.FAILED
    shared.set_state(plan.worker, state)
    pickle.dump(report, sys.stdout.buffer)
