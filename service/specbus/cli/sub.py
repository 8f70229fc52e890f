"""`specbus sub`: print events as they come."""

import asyncio
from collections import Counter

import click

from specbus.cli import pipes
from specbus.cli.outcome import Failed, note, run
from specbus.cli.server import Server, topic_names, with_server
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

_STDOUT = 1
_QUEUE = 10_000
"""Events that may wait here, a topic, unless `--queue` says otherwise."""
_MOST_WRITTEN = 1 << 18
"""Bytes that wait for standard output, before events wait in their queues."""
_TELL_INTERVAL = 1.0
"""Seconds in which drops are told once."""
_WHO = {"server": "the server, whose queue was full", "client": "this program, whose output is not read (see --queue)"}
_FLUSH_DEADLINE = 1.0
"""Seconds that a reader of standard output has for the rest, once a signal has come."""


@click.command()
@click.argument("topics", metavar="TOPIC...", nargs=-1, required=True, shell_complete=topic_names)
@click.option("--last-n", type=click.IntRange(0), metavar="N", help="Print the N newest retained events first.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N events.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="S", help="End after S seconds.")
@click.option(
    "--queue",
    type=click.IntRange(1),
    metavar="N",
    default=_QUEUE,
    show_default=True,
    help="Events of a topic that may wait here while standard output is not read.",
)
@with_server
def sub(
    server: Server, topics: tuple[str, ...], last_n: int | None, count: int | None, timeout: float | None, queue: int
) -> None:
    """Print the events of TOPICs, one line of JSON each, as the server sent them.

    Payloads are not touched: digits, key order and escapes are the publisher's (a line break between them is a space
    here). All else goes to standard error: what was dropped, by whom and how many; a broken connection, which is made
    again; a topic that is deleted.

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
    """Lines on their way to standard output."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False

    async def put(self, line: str) -> None:
        """Take a line; wait while there is no room."""
        self._waiting += line.encode()
        self._waiting += b"\n"
        self._some.set()
        if len(self._waiting) > _MOST_WRITTEN:
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Have `run` end once all is written."""
        self._closed = True
        self._some.set()

    async def run(self) -> None:
        """Write. Raises BrokenPipeError."""
        while self._waiting or not self._closed:
            await self._some.wait()
            self._some.clear()
            data, self._waiting = bytes(self._waiting), bytearray()
            self._room.set()
            await pipes.write(_STDOUT, data)


class _Subscriber:
    """Subscriptions whose events are printed."""

    def __init__(
        self, server: Server, topics: tuple[str, ...], last_n: int | None, count: int | None, queue: int
    ) -> None:
        self._server = server
        self._topics = topics
        self._last_n = last_n
        self._count = count
        self._queue = queue
        self._printed = 0
        self._losses = _Losses()

    async def run(self, timeout: float | None) -> None:
        """Print events until there are enough, `timeout` seconds are over or no topic is left."""
        self._output = _Output()
        self._end = asyncio.get_running_loop().create_future()
        """Done once there are enough events, or nobody reads them."""
        writer = asyncio.create_task(self._output.run())
        telling = asyncio.create_task(self._losses.tell_at_times())
        deadline: float | None = None
        try:
            with pipes.reader_gone(_STDOUT, self._reader_gone):
                async with self._server.client() as client:
                    client.on_notice(self._losses.take)
                    await self._follow_all(client, writer, timeout)
        except asyncio.CancelledError:
            deadline = _FLUSH_DEADLINE
            raise
        finally:
            telling.cancel()
            self._output.close()
            # A writer that has failed says so below.
            await asyncio.wait([writer], timeout=deadline)
            writer.cancel()
            self._losses.tell()
            self._losses.tell_sum(self._printed)
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
        # A line break in JSON is only ever between tokens.
        await self._output.put(event.replace("\n", " ").replace("\r", " "))
        if self._printed == self._count and not self._end.done():
            self._end.set_result(None)

    def _reader_gone(self) -> None:
        if not self._end.done():
            self._end.set_exception(BrokenPipeError())


class _Losses:
    """What went wrong with the connection and the events, told to a person without flooding the terminal."""

    def __init__(self) -> None:
        self._dropped: Counter[tuple[str, str]] = Counter()
        """By topic and by whom, in all."""
        self._told: Counter[tuple[str, str]] = Counter()
        """Of these, what a person was told."""
        self._is_cut = False
        """Whether a person was told that there is no connection."""
        self._refused: set[str] = set()
        """Topics of which a person was told that they cannot be subscribed to again yet."""

    def take(self, notice: Notice) -> None:
        """Tell of a notice, or keep it to be told in a sum."""
        match notice:
            case Dropped(key, count, by):
                self._dropped[key, by] += count
            case StateChanged("reconnecting", reason) if not self._is_cut:
                self._is_cut = True
                note(f"the connection broke ({reason}); trying again until it is back")
            case StateChanged("connected") if self._is_cut:
                self._is_cut = False
                note("connected again", "green")
            case Resubscribed(key):
                self._refused.discard(key)
                note(f"subscribed to {key} again; what was published meanwhile may be missing", "green")
            case ResubscribeRefused(key, error) if key not in self._refused:
                self._refused.add(key)
                note(f"{error.message}; waiting for it")
            case Refused():
                note(str(notice))

    def tell(self) -> None:
        """Tell what was dropped since this was last told."""
        for (topic, by), count in (self._dropped - self._told).items():
            note(f"{_events(count)} of {topic} dropped by {_WHO[by]}", "red")
        self._told = self._dropped.copy()

    async def tell_at_times(self) -> None:
        """Tell what was dropped, whenever something was."""
        while True:
            await asyncio.sleep(_TELL_INTERVAL)
            self.tell()

    def tell_sum(self, printed: int) -> None:
        """Tell what came and what did not, if something did not."""
        losses = [f"{_events(count)} of {topic} dropped by {_WHO[by]}" for (topic, by), count in self._dropped.items()]
        if losses:
            note(f"{_events(printed)} printed; {', '.join(losses)}", "red")


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"
