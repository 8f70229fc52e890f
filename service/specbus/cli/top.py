"""`specbus top`: watch topics, rates and drops."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from specbus.cli.errors import note
from specbus.cli.parameters import MAX_SECONDS, Number
from specbus.cli.runner import run
from specbus.cli.server_options import ServerAddress, server_options
from specbus.cli.terminal import cell, console, is_terminal
from specbus.cli.topic_rates import COLUMNS, TopicRates
from specbus.client import ClientError, ProblemError
from specbus.client.models import Health

if TYPE_CHECKING:
    from rich.console import Console, Group


@click.command()
@click.option("--once", is_flag=True, help="Print once and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each update.")
@click.option(
    "--interval",
    type=Number(0.1, MAX_SECONDS),
    metavar="S",
    default=1.0,
    show_default=True,
    help="Seconds between updates.",
)
@server_options
def top(server: ServerAddress, once: bool, as_json: bool, interval: float) -> None:
    """Watch the topics: messages, deliveries and drops per second, the busiest first.

    A live table on a terminal, with the columns that it has room for; q or Ctrl-C ends it. Elsewhere, and with
    `--once`, one line for each topic, separated by tabs; with `--json` one object for all. The rates of `--once` are
    over one interval.

    Exit status 0: ended. 1: the server refused. 3: it could not be reached at the start.
    """
    run(_Top(server, interval, as_json=as_json).run(once), endless=True)


class _Top:
    def __init__(self, server: ServerAddress, interval: float, *, as_json: bool) -> None:
        self._server = server
        self._interval = interval
        self._as_json = as_json
        self._rates = TopicRates()
        self._health: Health | None = None
        self._trouble = ""

    async def run(self, once: bool) -> None:
        """Show the rates until the task is cancelled, or `once`."""
        async with self._server.rest() as client:
            self._client = client
            await self._fetch()
            if is_terminal(sys.stdout) and not once and not self._as_json:
                await self._show()
                return
            if not self._as_json:
                click.echo("\t".join(COLUMNS))
            while True:
                await asyncio.sleep(self._interval)
                before = self._trouble
                if once:
                    await self._fetch()
                else:
                    await self._refresh()
                if not self._trouble:
                    self._print()
                elif self._trouble != before:
                    note(f"{self._trouble}; retrying")
                if once:
                    return

    async def _show(self) -> None:
        """Show a live table until q is pressed."""
        from rich.live import Live

        screen = console()
        with _keys() as pressed, Live(console=screen, screen=True, auto_refresh=False) as live:
            while True:
                live.update(self._view(screen), refresh=True)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._interval):
                        while await pressed.get() not in ("q", "Q"):
                            pass
                        return
                await self._refresh()

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

    def _view(self, screen: "Console") -> "Group":
        from rich.console import Group
        from rich.text import Text

        head = Text.assemble(cell(self._server.url, "bold"), f"  {time.strftime('%H:%M:%S')}")
        if self._health:
            up = time.strftime("%H:%M:%S", time.gmtime(self._health.uptime_sec))
            days = f"{self._health.uptime_sec // 86_400} d " if self._health.uptime_sec >= 86_400 else ""
            head.append(
                f"  up {days}{up}  {self._health.topics:,} topics  {self._health.subscribers:,} subscriptions"
                f"  {self._health.connections:,} connections"
            )
        if self._trouble:
            head.append("\n").append(cell(f"{self._trouble}; retrying", "bold red"))
        # The rest of the lines: a blank one, the table's header, its caption.
        rows = screen.height - len(screen.render_lines(head)) - 3
        return Group(head, Text(), self._rates.table(max(1, rows), screen.width))

    def _print(self) -> None:
        if self._as_json:
            topics = {row.name: row.as_json() for row in self._rates.rows}
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            click.echo(json.dumps({"ts": now, "topics": topics}))
            return
        for row in self._rates.rows:
            click.echo("\t".join(cell.replace(",", "") for cell in row.cells()))


@contextlib.contextmanager
def _keys() -> Iterator[asyncio.Queue[str]]:
    """The keys that are pressed, as they come, without an echo; none unless standard input is a terminal.

    Keys that make signals, such as Ctrl-C, still do.
    """
    pressed: asyncio.Queue[str] = asyncio.Queue()
    if not is_terminal(sys.stdin):
        yield pressed
        return
    import termios
    import tty

    fd = sys.stdin.fileno()
    loop = asyncio.get_running_loop()

    def read() -> None:
        data = os.read(fd, 64)
        if not data:  # the terminal is gone
            loop.remove_reader(fd)
        for key in data.decode(errors="replace"):
            pressed.put_nowait(key)

    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    loop.add_reader(fd, read)
    try:
        yield pressed
    finally:
        loop.remove_reader(fd)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
