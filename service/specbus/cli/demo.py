"""`specbus demo`: a server, publishers and subscribers, in one view."""

import asyncio
import contextlib
import os
import random
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import click
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from specbus.cli.board import Board
from specbus.cli.outcome import Unreachable, run
from specbus.cli.server import Server
from specbus.client import Client, Dropped, Notice
from specbus.client.models import Event

Data = dict[str, Any]

_SHOWN = 8
"""Newest events that a subscriber's panel has, if the terminal has room."""
_WIDTH = 56
"""Characters of a panel."""
_OTHER_LINES = 9
"""Lines of the view that are no panel's."""
_PANEL_LINES = 3
"""Lines of a panel that are no event's."""
_LOOKS = 4
"""Views a second."""
_START_DEADLINE = 20.0
"""Seconds that the server may take to start."""
_SLOW_QUEUE = 20
"""Events that wait for the slow subscriber."""
_SLOW_PAUSE = 0.2
"""Seconds that the slow subscriber takes for an event."""


@click.command()
@click.option("--duration", type=click.FloatRange(0, min_open=True), metavar="S", help="End after S seconds.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, metavar="PORT", help="Port of the server.")
def demo(duration: float | None, port: int) -> None:
    """See it at work: a server, three publishers, and a fast and a slow subscriber.

    A live view on a terminal, ended by Ctrl-C; elsewhere a line a second. The server is one of its own, and ends with
    it; its pages are at the address shown, and `specbus sub orders --url ADDRESS` joins in.

    Exit status 0: ended. 3: the server did not start.
    """
    run(_Demo().run(duration, port), endless=True)


# Believable data


def orders(chance: random.Random) -> Iterator[Data]:
    """Orders of a shop."""
    number = 10_000
    while True:
        number += 1
        quantity = chance.choice((1, 1, 1, 2, 3))
        price = chance.choice((7.5, 12.9, 24.0, 49.9, 120.0))
        yield {
            "order_id": f"ORD-{number}",
            "customer": chance.choice(("Amara", "Bao", "Chloé", "Dmitri", "Elif", "Femi", "Gabriela", "Hiro")),
            "quantity": quantity,
            "amount": f"{quantity * price:.2f}",
            "currency": "EUR",
        }


def prices(chance: random.Random) -> Iterator[Data]:
    """Prices that go up and down."""
    market = {"ACME": 182.4, "GLOBEX": 54.1, "INITECH": 12.75, "UMBRELLA": 301.0}
    while True:
        symbol = chance.choice(list(market))
        market[symbol] *= 1 + chance.gauss(0, 0.001)
        yield {"symbol": symbol, "bid": round(market[symbol], 2), "ask": round(market[symbol] * 1.0005, 2)}


def sensors(chance: random.Random) -> Iterator[Data]:
    """Rooms that get warmer and cooler."""
    rooms = {"hall": 21.0, "office": 22.5, "cellar": 13.0}
    while True:
        room = chance.choice(list(rooms))
        rooms[room] += chance.gauss(0, 0.1)
        yield {"sensor": f"{room}/temperature", "celsius": round(rooms[room], 1), "battery": chance.randint(60, 100)}


PUBLISHERS: dict[str, tuple[Callable[[random.Random], Iterator[Data]], float]] = {
    "orders": (orders, 3.0),
    "prices": (prices, 40.0),
    "sensors": (sensors, 8.0),
}
"""What each topic gets, and how often a second."""


@dataclass
class _Seen:
    """What a subscriber got."""

    count: int = 0
    dropped: int = 0
    newest: deque[Event] = field(default_factory=lambda: deque(maxlen=_SHOWN))

    def panel(self, title: str, most: int) -> Panel:
        lines = [Text(f"{self.count:,} events, {self.dropped:,} dropped", style="red" if self.dropped else "green")]
        for event in list(self.newest)[-most:]:
            payload: Data = event.message.payload
            line = Text.assemble((f"{event.topic:8}", "cyan"), "  ".join(str(value) for value in payload.values()))
            line.truncate(50, overflow="ellipsis")
            lines.append(line)
        lines += [Text()] * (most - len(self.newest))
        return Panel(Group(*lines), title=title, width=_WIDTH)


class _Demo:
    def __init__(self) -> None:
        self._board = Board()
        self._published = dict.fromkeys(PUBLISHERS, 0)
        self._fast, self._slow = _Seen(), _Seen()

    async def run(self, duration: float | None, port: int) -> None:
        """Run it all until the task is cancelled, or for `duration` seconds."""
        async with _server(port) as url:
            server = Server(url, None)
            try:
                async with (
                    asyncio.timeout(duration),
                    server.client() as client,
                    server.client() as fast,
                    server.client() as slow,
                ):
                    for topic in PUBLISHERS:
                        await client.topics.create(topic)
                    slow.on_notice(self._take)
                    parts = [self._show(client, url), self._subscribe(slow, "prices", self._slow, _SLOW_PAUSE)]
                    for topic in PUBLISHERS:
                        parts += [self._subscribe(fast, topic, self._fast, 0), self._publish(client, topic)]
                    await asyncio.gather(*parts)
            except TimeoutError:
                pass
            finally:
                click.echo(self._line())

    async def _publish(self, client: Client, topic: str) -> None:
        data, rate = PUBLISHERS[topic]
        chance = random.Random(topic)  # noqa: S311 - no secret
        for payload in data(chance):
            await client.publish(topic, payload)
            self._published[topic] += 1
            await asyncio.sleep(chance.expovariate(rate))

    async def _subscribe(self, client: Client, topic: str, seen: _Seen, pause: float) -> None:
        queue = _SLOW_QUEUE if pause else 1000
        async for event in client.subscribe(topic, queue_size=queue):
            seen.count += 1
            seen.newest.append(event)
            await asyncio.sleep(pause)

    def _take(self, notice: Notice) -> None:
        if isinstance(notice, Dropped):
            self._slow.dropped += notice.count

    async def _show(self, client: Client, url: str) -> None:
        console = Console()
        if not console.is_terminal:
            click.echo(f"a server at {url}, three publishers, a fast and a slow subscriber")
            while True:
                await asyncio.sleep(1)
                click.echo(self._line())
        with Live(console=console, screen=True, auto_refresh=False) as live:
            look = 0
            while True:
                if look % _LOOKS == 0:  # rates are over a second
                    self._board.take(await client.service.stats())
                look += 1
                live.update(self._view(url, console), refresh=True)
                await asyncio.sleep(1 / _LOOKS)

    def _view(self, url: str, console: Console) -> Group:
        rows = 1 if console.width > 2 * _WIDTH else 2
        most = max(1, min(_SHOWN, (console.height - _OTHER_LINES) // rows - _PANEL_LINES))
        head = Text.assemble(
            ("specbus demo", "bold"), f"  server, console and references: {url}  ", ("Ctrl-C ends it", "dim")
        )
        panels = [
            self._fast.panel("fast: every topic", most),
            self._slow.panel(f"slow: prices, {1 / _SLOW_PAUSE:.0f} a second, a queue of {_SLOW_QUEUE}", most),
        ]
        note = Text("A slow subscriber costs nobody else anything, and is told how many events it lost.", style="dim")
        return Group(head, Text(), self._board.table(len(PUBLISHERS)), Text(), Columns(panels), note)

    def _line(self) -> str:
        return (
            f"{sum(self._published.values()):,} published; fast: {self._fast.count:,} events;"
            f" slow: {self._slow.count:,} events, {self._slow.dropped:,} dropped"
        )


@contextlib.asynccontextmanager
async def _server(port: int) -> AsyncIterator[str]:
    """A server of its own; the URL where it is. Raises Unreachable."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PUBSUB_")}
    # In a session of its own: Ctrl-C is for this program, which ends it in its turn.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "specbus", "serve", f"--port={port}"),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None  # noqa: S101 - it was asked for
    try:
        async with asyncio.timeout(_START_DEADLINE):
            first = (await process.stderr.readline()).decode().strip()
        url = re.search(r"url=(\S+)", first)
        if url is None:
            raise Unreachable(f"the server did not start: {first.removeprefix('specbus: ')}")
        yield url[1]
    except TimeoutError:
        raise Unreachable("the server did not start in time") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
