"""`specbus top`: watch topics, rates and drops."""

import asyncio
import time

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from specbus.cli.board import COLUMNS, Board
from specbus.cli.outcome import note, run
from specbus.cli.server import Server, with_server
from specbus.client import ClientError, ProblemError
from specbus.client.models import Health

_HEAD_LINES = 4
"""Lines of the terminal that topics cannot have."""


@click.command()
@click.option("--once", is_flag=True, help="Print the numbers once, and end.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1),
    metavar="S",
    default=1.0,
    show_default=True,
    help="Seconds between looks.",
)
@with_server
def top(server: Server, once: bool, interval: float) -> None:
    """Watch the topics: messages, deliveries and drops a second, the busiest first.

    A live table on a terminal, ended by Ctrl-C. Elsewhere a line a topic at each look, with tabs between; with
    `--once` too, whose rates are over one interval.

    Exit status 0: ended. 1: the server refused. 3: it could not be reached at the start.
    """
    run(_Top(server, interval).run(once), endless=True)


class _Top:
    def __init__(self, server: Server, interval: float) -> None:
        self._server = server
        self._interval = interval
        self._board = Board()
        self._health: Health | None = None
        self._trouble = ""

    async def run(self, once: bool) -> None:
        """Show the numbers until the task is cancelled, or `once`."""
        console = Console()
        async with self._server.rest() as client:
            self._client = client
            await self._look()
            if once or not console.is_terminal:
                click.echo("\t".join(COLUMNS))
            if once:
                await asyncio.sleep(self._interval)
                await self._look()
                self._print()
            elif console.is_terminal:
                with Live(console=console, screen=True, auto_refresh=False) as live:
                    while True:
                        live.update(self._view(console), refresh=True)
                        await asyncio.sleep(self._interval)
                        await self._look_again()
            else:
                while True:
                    await asyncio.sleep(self._interval)
                    before = self._trouble
                    await self._look_again()
                    if not self._trouble:
                        self._print()
                    elif self._trouble != before:
                        note(f"{self._trouble}; trying again")

    async def _look(self) -> None:
        self._health = await self._client.service.health()
        self._board.take(await self._client.service.stats())

    async def _look_again(self) -> None:
        """Look, and keep what was seen before if the server has gone."""
        try:
            await self._look()
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
            head.append(f"\n{self._trouble}; trying again", style="bold red")
        return Group(head, Text(), self._board.table(max(1, console.height - _HEAD_LINES)))

    def _print(self) -> None:
        for row in self._board.rows:
            click.echo("\t".join(cell.replace(",", "") for cell in row.cells()))
