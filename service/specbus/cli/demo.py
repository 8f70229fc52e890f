"""`specbus demo`: a server with publishers and subscribers, in one view."""

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

from specbus.cli.errors import Unreachable
from specbus.cli.parameters import SECONDS
from specbus.cli.runner import run
from specbus.cli.server_options import ServerAddress
from specbus.cli.terminal import cell, console, is_terminal
from specbus.cli.topic_rates import TopicRates
from specbus.client import Client, Dropped, Notice
from specbus.client.models import Event

Data = dict[str, Any]

_MAX_SHOWN = 8
"""How many of the newest events a subscriber's panel shows, if the terminal has room."""
_PANEL_WIDTH = 56
_LINES_OUTSIDE_PANELS = 9
_PANEL_FRAME_LINES = 3
"""Lines of a panel that are not events: its border and its count."""
_UPDATES_PER_SECOND = 4
_START_TIMEOUT = 20.0
"""Seconds that the server may take to start."""
_SLOW_QUEUE = 20
"""Queue of the slow subscriber, in events."""
_SLOW_PAUSE = 0.2
"""Seconds that the slow subscriber spends on each event."""


@click.command()
@click.option("--duration", type=SECONDS, metavar="S", help="Stop after S seconds.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, metavar="PORT", help="Port of the server.")
def demo(duration: float | None, port: int) -> None:
    """Watch a server of its own with three publishers, a fast subscriber and a slow one.

    A live view on a terminal, until Ctrl-C; elsewhere one line a second. The server stops with the demo. Its pages are
    at the address shown, and `specbus sub orders --url ADDRESS` subscribes to it.

    Exit status 0: ended. 3: the server did not start.
    """
    run(_Demo().run(duration, port), endless=True)


# Sample data


def orders(rng: random.Random) -> Iterator[Data]:
    """Orders of a web shop."""
    number = 10_000
    while True:
        number += 1
        quantity = rng.choice((1, 1, 1, 2, 3))
        price = rng.choice((7.5, 12.9, 24.0, 49.9, 120.0))
        yield {
            "order_id": f"ORD-{number}",
            "customer": rng.choice(("Amara", "Bao", "Chloé", "Dmitri", "Elif", "Femi", "Gabriela", "Hiro")),
            "quantity": quantity,
            "amount": f"{quantity * price:.2f}",
            "currency": "EUR",
        }


def prices(rng: random.Random) -> Iterator[Data]:
    """Prices that follow a random walk."""
    market = {"ACME": 182.4, "GLOBEX": 54.1, "INITECH": 12.75, "UMBRELLA": 301.0}
    while True:
        symbol = rng.choice(list(market))
        market[symbol] *= 1 + rng.gauss(0, 0.001)
        yield {"symbol": symbol, "bid": round(market[symbol], 2), "ask": round(market[symbol] * 1.0005, 2)}


def sensors(rng: random.Random) -> Iterator[Data]:
    """Temperatures that follow a random walk."""
    rooms = {"hall": 21.0, "office": 22.5, "cellar": 13.0}
    while True:
        room = rng.choice(list(rooms))
        rooms[room] += rng.gauss(0, 0.1)
        yield {"sensor": f"{room}/temperature", "celsius": round(rooms[room], 1), "battery": rng.randint(60, 100)}


PUBLISHERS: dict[str, tuple[Callable[[random.Random], Iterator[Data]], float]] = {
    "orders": (orders, 3.0),
    "prices": (prices, 40.0),
    "sensors": (sensors, 8.0),
}
"""The data of each topic, and the mean rate of its messages per second."""


@dataclass
class _Received:
    """What a subscriber received."""

    count: int = 0
    dropped: int = 0
    newest: deque[Event] = field(default_factory=lambda: deque(maxlen=_MAX_SHOWN))

    def panel(self, title: str, max_rows: int) -> Panel:
        lines = [Text(f"{self.count:,} events, {self.dropped:,} dropped", style="red" if self.dropped else "green")]
        for event in list(self.newest)[-max_rows:]:
            payload = event.message.payload  # of whoever has found the server
            values = payload.values() if isinstance(payload, dict) else [payload]
            line = Text.assemble((f"{event.topic:8}", "cyan"), cell("  ".join(str(value) for value in values)))
            line.truncate(50, overflow="ellipsis")
            lines.append(line)
        lines += [Text()] * (max_rows - len(self.newest))
        return Panel(Group(*lines), title=title, width=_PANEL_WIDTH)


class _Demo:
    def __init__(self) -> None:
        self._rates = TopicRates()
        self._published = dict.fromkeys(PUBLISHERS, 0)
        self._fast, self._slow = _Received(), _Received()

    async def run(self, duration: float | None, port: int) -> None:
        """Run everything until the task is cancelled, or for `duration` seconds."""
        async with _server(port) as url:
            server = ServerAddress(url)
            try:
                async with (
                    asyncio.timeout(duration),
                    server.client() as client,
                    server.client() as fast,
                    server.client() as slow,
                ):
                    for topic in PUBLISHERS:
                        await client.topics.create(topic)
                    slow.on_notice(self._on_notice)
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
        rng = random.Random(topic)  # noqa: S311 - no secret
        for payload in data(rng):
            await client.publish(topic, payload)
            self._published[topic] += 1
            await asyncio.sleep(rng.expovariate(rate))

    async def _subscribe(self, client: Client, topic: str, received: _Received, pause: float) -> None:
        queue = _SLOW_QUEUE if pause else 1000
        async for event in client.subscribe(topic, queue_size=queue):
            received.count += 1
            received.newest.append(event)
            await asyncio.sleep(pause)

    def _on_notice(self, notice: Notice) -> None:
        if isinstance(notice, Dropped):
            self._slow.dropped += notice.count

    async def _show(self, client: Client, url: str) -> None:
        if not is_terminal(sys.stdout):
            click.echo(f"a server at {url}, three publishers, a fast and a slow subscriber")
            while True:
                await asyncio.sleep(1)
                click.echo(self._line())
        screen = console()
        with Live(console=screen, screen=True, auto_refresh=False) as live:
            updates = 0
            while True:
                if updates % _UPDATES_PER_SECOND == 0:  # rates are over a second
                    self._rates.update(await client.service.stats())
                updates += 1
                live.update(self._view(url, screen), refresh=True)
                await asyncio.sleep(1 / _UPDATES_PER_SECOND)

    def _view(self, url: str, screen: Console) -> Group:
        rows = 1 if screen.width > 2 * _PANEL_WIDTH else 2
        max_rows = max(1, min(_MAX_SHOWN, (screen.height - _LINES_OUTSIDE_PANELS) // rows - _PANEL_FRAME_LINES))
        head = Text.assemble(
            ("specbus demo", "bold"), f"  server, console and references: {url}  ", ("Ctrl-C ends it", "dim")
        )
        panels = [
            self._fast.panel("fast: every topic", max_rows),
            self._slow.panel(f"slow: prices, {1 / _SLOW_PAUSE:.0f} a second, a queue of {_SLOW_QUEUE}", max_rows),
        ]
        note = Text(
            "A slow subscriber does not slow down the others, and is told how many events it missed.", style="dim"
        )
        return Group(head, Text(), self._rates.table(len(PUBLISHERS), screen.width), Text(), Columns(panels), note)

    def _line(self) -> str:
        return (
            f"{sum(self._published.values()):,} published; fast: {self._fast.count:,} events;"
            f" slow: {self._slow.count:,} events, {self._slow.dropped:,} dropped"
        )


@contextlib.asynccontextmanager
async def _server(port: int) -> AsyncIterator[str]:
    """Run a server in a process of its own, and give its URL. Raises Unreachable."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PUBSUB_")}
    # In a session of its own: Ctrl-C reaches this program only, which then stops the server.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "specbus", "serve", f"--port={port}"),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None  # noqa: S101 - it was asked for
    try:
        async with asyncio.timeout(_START_TIMEOUT):
            url = None
            last = ""
            while url is None and (line := await process.stderr.readline()):
                last = line.decode().strip()
                url = re.search(r" started .*\burl=(\S+)", last)  # a warning may come before
        if url is None:
            raise Unreachable(f"the server did not start: {last.removeprefix('specbus: ')}")
        yield url[1]
    except TimeoutError:
        raise Unreachable("the server did not start in time") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
