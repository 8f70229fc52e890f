"""`specbus sub`: subscribe to topics, and print their events as they come."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import click
import msgspec

from specbus.cli import stdio
from specbus.cli.errors import Failed, note
from specbus.cli.parameters import COUNT, SECONDS, TEXT
from specbus.cli.runner import run
from specbus.cli.server_options import ServerAddress, complete_topic, server_options
from specbus.cli.terminal import is_terminal, styled
from specbus.client import (
    Client,
    Dropped,
    Notice,
    Refused,
    Resubscribed,
    ResubscribeRefused,
    StateChanged,
    SubscriptionEnded,
)
from specbus.spec.text import printable

_STDOUT = 1
_QUEUE_SIZE = 10_000
"""Default of `--queue`: events of a topic that may wait in this program."""
_MAX_OUTPUT_BUFFER = 1 << 18
"""Bytes that may wait for standard output; beyond, events wait in their queues, where the oldest can be dropped."""
_REPORT_INTERVAL = 1.0
"""Seconds between two reports of dropped events."""
_DROPPED_BY = {
    "server": "the server, whose queue was full",
    "client": "this program, whose output is not read (see --queue)",
}
_FLUSH_DEADLINE = 1.0
"""Seconds that a reader of standard output has for the rest, once a signal has come."""


@click.command()
@click.argument("topics", metavar="TOPIC...", type=TEXT, nargs=-1, required=True, shell_complete=complete_topic)
@click.option("--last-n", type=click.IntRange(0), metavar="N", help="Print the N newest retained events first.")
@click.option("--count", type=COUNT, metavar="N", help="End after N events.")
@click.option("--timeout", type=SECONDS, metavar="S", help="End after S seconds.")
@click.option(
    "--queue",
    type=COUNT,
    metavar="N",
    default=_QUEUE_SIZE,
    show_default=True,
    help="Events of a topic that may wait here while standard output is not read.",
)
@server_options
def sub(
    server: ServerAddress,
    topics: tuple[str, ...],
    last_n: int | None,
    count: int | None,
    timeout: float | None,
    queue: int,
) -> None:
    """Print the events of TOPICs, one line each: on a terminal time, topic and payload, else the JSON that came.

    JSON is printed byte for byte, except that a line break between its tokens becomes a space; on a terminal,
    characters that would control it are escaped. Everything else goes to standard error: dropped events, how many and
    by whom; lost connections, after which it reconnects and resubscribes; a topic that is deleted.

    \b
      specbus sub orders | jq .message.payload
      specbus sub orders prices --last-n 10 --count 10

    Exit status 0: ended by --count, --timeout, a signal, a closed pipe, or the deletion of the topics. 1: the server
    refused, or fewer than --count events came. 2: the command line was wrong. 3: the server could not be reached.
    """  # noqa: D301 - click: what follows \b is not wrapped
    # Once each: a second subscription to a topic is none.
    subscriber = _Subscriber(server, tuple(dict.fromkeys(topics)), last_n, count, queue)
    run(subscriber.run(timeout), endless=count is None)


class _Output:
    """A bounded buffer of lines for standard output."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._has_data = asyncio.Event()
        self._has_room = asyncio.Event()
        self._closed = False

    async def put(self, line: str) -> None:
        """Take a line; wait while the buffer is full."""
        self._waiting += line.encode()
        self._waiting += b"\n"
        self._has_data.set()
        if len(self._waiting) > _MAX_OUTPUT_BUFFER:
            self._has_room.clear()
            await self._has_room.wait()

    def close(self) -> None:
        """Have `run` return once everything is written."""
        self._closed = True
        self._has_data.set()

    async def run(self) -> None:
        """Write what comes until `close`. Raises BrokenPipeError."""
        while self._waiting or not self._closed:
            await self._has_data.wait()
            self._has_data.clear()
            data, self._waiting = bytes(self._waiting), bytearray()
            self._has_room.set()
            await stdio.write(_STDOUT, data)


class _Subscriber:
    """Subscriptions whose events are printed."""

    def __init__(
        self, server: ServerAddress, topics: tuple[str, ...], last_n: int | None, count: int | None, queue: int
    ) -> None:
        self._server = server
        self._topics = topics
        self._last_n = last_n
        self._count = count
        self._queue = queue
        self._printed = 0
        self._reporter = _Reporter()

    async def run(self, timeout: float | None) -> None:
        """Print events until there are enough, `timeout` seconds have passed or no topic is left."""
        self._output = _Output()
        self._shown: Callable[[str], str] = _for_a_person if is_terminal(sys.stdout) else _one_line
        self._end = asyncio.get_running_loop().create_future()
        """Done once enough events are printed, or the reader of standard output is gone."""
        writer = asyncio.create_task(self._output.run())
        reporting = asyncio.create_task(self._reporter.report_periodically())
        deadline: float | None = None
        try:
            with stdio.watch_reader(_STDOUT, self._on_reader_gone):
                async with self._server.client() as client:
                    client.on_notice(self._reporter.on_notice)
                    await self._follow_all(client, writer, timeout)
        except asyncio.CancelledError:
            deadline = _FLUSH_DEADLINE
            raise
        finally:
            reporting.cancel()
            self._output.close()
            # A writer that has failed says so below.
            await asyncio.wait([writer], timeout=deadline)
            writer.cancel()
            self._reporter.report_drops()
            self._reporter.summarize(self._printed)
        writer.result()
        if self._count is not None and self._printed < self._count:
            raise Failed(f"{self._printed:,} of {self._count:,} events came")

    async def _follow_all(self, client: Client, writer: asyncio.Task[None], timeout: float | None) -> None:
        following = asyncio.create_task(self._follow_each(client))
        try:
            ends = [following, writer, self._end]
            done, _ = await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                future.result()
        finally:
            following.cancel()
            await asyncio.wait([following])

    async def _follow_each(self, client: Client) -> None:
        """Print the events of all topics until the last is deleted. Raises ReplyError if one does not exist."""
        await asyncio.gather(*(self._follow(client, topic) for topic in self._topics))

    async def _follow(self, client: Client, topic: str) -> None:
        """Print the topic's events until it is deleted."""
        events = client.subscribe(topic, last_n=self._last_n, queue_size=self._queue, raw=True, retry=True)
        async with events:
            await events.ready()
            note(f"subscribed to {topic}", "green")
            try:
                async for event in events:
                    await self._print(event)
            except SubscriptionEnded:
                note(f'the topic "{topic}" was deleted')

    async def _print(self, event: str) -> None:
        if self._printed == self._count:
            return
        self._printed += 1
        await self._output.put(self._shown(event))
        if self._printed == self._count and not self._end.done():
            self._end.set_result(None)

    def _on_reader_gone(self) -> None:
        if not self._end.done():
            self._end.set_exception(BrokenPipeError())


class _Message(msgspec.Struct):
    payload: msgspec.Raw


class _Event(msgspec.Struct):
    """What a person sees of an event, with the payload as the text that it came as."""

    topic: str
    ts: datetime
    message: _Message


def _one_line(event: str) -> str:
    """The event's JSON. A line break in it is only ever between tokens."""
    return event.replace("\n", " ").replace("\r", " ")


def _for_a_person(event: str) -> str:
    """The event's time, by the clock of the place, its topic and its payload; all of it, if it is of another kind."""
    try:
        read = msgspec.json.decode(event, type=_Event)
    except (msgspec.MsgspecError, RecursionError):
        return printable(_one_line(event).replace("\t", " "))
    time = styled(f"{read.ts.astimezone():%H:%M:%S}", dim=True)
    payload = _one_line(bytes(read.message.payload).decode()).replace("\t", " ")
    return f"{time}  {styled(printable(read.topic), fg='cyan')}  {printable(payload)}"


class _Reporter:
    """Reports trouble with the connection and dropped events, without flooding the terminal."""

    def __init__(self) -> None:
        self._dropped: Counter[tuple[str, str]] = Counter()
        """By topic and by whom, in all."""
        self._reported: Counter[tuple[str, str]] = Counter()
        """Of these, those that were reported."""
        self._is_disconnected = False
        """Whether it was reported that the connection is lost."""
        self._refused: set[str] = set()
        """Topics of which it was reported that the server refuses the subscription for now."""

    def on_notice(self, notice: Notice) -> None:
        """Report a notice; count drops, which are reported together."""
        match notice:
            case Dropped(key, count, by):
                self._dropped[key, by] += count
            case StateChanged("reconnecting", reason) if not self._is_disconnected:
                self._is_disconnected = True
                note(f"connection lost ({reason}); reconnecting")
            case StateChanged("connected") if self._is_disconnected:
                self._is_disconnected = False
                note("reconnected", "green")
            case Resubscribed(key):
                self._refused.discard(key)
                note(f"resubscribed to {key}; events published in between may be missing", "green")
            case ResubscribeRefused(key, error) if key not in self._refused:
                self._refused.add(key)
                note(f"{error.message}; retrying")
            case Refused():
                note(str(notice))

    def report_drops(self) -> None:
        """Report what was dropped since the last report."""
        for (topic, by), count in (self._dropped - self._reported).items():
            note(_drops(topic, by, count), "red")
        self._reported = self._dropped.copy()

    async def report_periodically(self) -> None:
        """Report drops once in an interval, until cancelled."""
        while True:
            await asyncio.sleep(_REPORT_INTERVAL)
            self.report_drops()

    def summarize(self, printed: int) -> None:
        """Report at the end how many events came and how many were dropped, if any were."""
        losses = [
            f"{_events(count)} of {topic} dropped by {_DROPPED_BY[by]}" for (topic, by), count in self._dropped.items()
        ]
        if losses:
            note(f"{_events(printed)} printed; {', '.join(losses)}", "red")


def _drops(topic: str, by: str, count: int) -> str:
    return f"{_events(count)} of {topic} dropped by {_DROPPED_BY[by]}"


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"
