"""`specbus top`: watch topics, rates and drops."""

import asyncio
import time

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from specbus.cli.errors import note
from specbus.cli.runner import run
from specbus.cli.server_options import ServerAddress, server_options
from specbus.cli.topic_rates import COLUMNS, TopicRates
from specbus.client import ClientError, ProblemError
from specbus.client.models import Health

_OTHER_LINES = 4
"""Lines of the terminal that are not topics: the head, the table's header, the caption."""


@click.command()
@click.option("--once", is_flag=True, help="Print once and exit.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1),
    metavar="S",
    default=1.0,
    show_default=True,
    help="Seconds between updates.",
)
@server_options
def top(server: ServerAddress, once: bool, interval: float) -> None:
    """Watch the topics: messages, deliveries and drops per second, the busiest first.

    A live table on a terminal; Ctrl-C ends it. Elsewhere, and with `--once`, one line for each topic, separated by
    tabs; the rates of `--once` are over one interval.

    Exit status 0: ended. 1: the server refused. 3: it could not be reached at the start.
    """
    run(_Top(server, interval).run(once), endless=True)


class _Top:
    def __init__(self, server: ServerAddress, interval: float) -> None:
        self._server = server
        self._interval = interval
        self._rates = TopicRates()
        self._health: Health | None = None
        self._trouble = ""

    async def run(self, once: bool) -> None:
        """Show the rates until the task is cancelled, or `once`."""
        console = Console()
        async with self._server.rest() as client:
            self._client = client
            await self._fetch()
            if once or not console.is_terminal:
                click.echo("\t".join(COLUMNS))
            if once:
                await asyncio.sleep(self._interval)
                await self._fetch()
                self._print()
            elif console.is_terminal:
                with Live(console=console, screen=True, auto_refresh=False) as live:
                    while True:
                        live.update(self._view(console), refresh=True)
                        await asyncio.sleep(self._interval)
                        await self._refresh()
            else:
                while True:
                    await asyncio.sleep(self._interval)
                    before = self._trouble
                    await self._refresh()
                    if not self._trouble:
                        self._print()
                    elif self._trouble != before:
                        note(f"{self._trouble}; retrying")

    async def _fetch(self) -> None:
        self._health = await self._client.service.health()
        self._rates.update(await self._client.service.stats())

    async def _refresh(self) -> None:
        """Fetch the counters; keep the last ones if the server is gone."""
        try:
            await self._fetch()
            self._trouble = ""
        except ProblemError:
            raise
        except ClientError as error:
            self._trouble = str(error)

    def _view(self, console: Console) -> Group:
        head = Text.assemble((self._server.url, "bold"), f"  {time.strftime('%H:%M:%S')}")
        if self._health:
            up = time.strftime("%H:%M:%S", time.gmtime(self._health.uptime_sec))
            days = f"{self._health.uptime_sec // 86_400} d " if self._health.uptime_sec >= 86_400 else ""
            head.append(
                f"  up {days}{up}  {self._health.topics:,} topics  {self._health.subscribers:,} subscriptions"
                f"  {self._health.connections:,} connections"
            )
        if self._trouble:
            head.append(f"\n{self._trouble}; retrying", style="bold red")
        return Group(head, Text(), self._rates.table(max(1, console.height - _OTHER_LINES)))

    def _print(self) -> None:
        for row in self._rates.rows:
            click.echo("\t".join(cell.replace(",", "") for cell in row.cells()))
