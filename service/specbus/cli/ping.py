"""`specbus ping`: check that the server answers, and measure the round trip."""

import asyncio
import time

import click

from specbus.cli.parameters import COUNT, PAUSE, SECONDS
from specbus.cli.runner import run
from specbus.cli.server_options import ServerAddress, server_options


@click.command()
@click.option("--count", type=COUNT, metavar="N", default=3, show_default=True, help="Pings to send.")
@click.option(
    "--interval",
    type=PAUSE,
    metavar="S",
    default=1.0,
    show_default=True,
    help="Seconds between pings.",
)
@click.option(
    "--timeout",
    type=SECONDS,
    metavar="S",
    default=5.0,
    show_default=True,
    help="Seconds to wait for an answer.",
)
@server_options
def ping(server: ServerAddress, count: int, interval: float, timeout: float) -> None:
    """Check that the server answers over WebSocket, and measure the round trip.

    Exit status 0: it answered. 3: it did not.
    """
    run(_ping(server, count, interval, timeout))


async def _ping(server: ServerAddress, count: int, interval: float, timeout: float) -> None:
    times = []
    async with server.client(timeout=timeout) as client:
        for number in range(count):
            if number:
                await asyncio.sleep(interval)
            started = time.perf_counter()
            await client.ping()
            times.append((time.perf_counter() - started) * 1000)
            click.echo(f"pong from {server.url}: {times[-1]:.2f} ms")
    if count > 1:
        click.echo(f"min {min(times):.2f}, mean {sum(times) / count:.2f}, max {max(times):.2f} ms")
