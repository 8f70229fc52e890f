"""`specbus pub`: publish messages."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from specbus.cli import stdio
from specbus.cli.errors import Failed, Unreachable, note
from specbus.cli.runner import run
from specbus.cli.server_options import ServerAddress, complete_topic, server_options
from specbus.client import Client, ClientError, RawJson, ReplyError, UnknownOutcome

_IN_FLIGHT = 256
"""Default of `--in-flight`: messages that may be unacknowledged at a time."""
_STDIN = 0
_MAX_CATCH_UP = 0.1
"""Seconds by which publishing may lag behind `--rate` and still catch up; a longer lag is forgotten."""


@click.command()
@click.argument("topic", shell_complete=complete_topic)
@click.argument("payload", metavar="[JSON | -]", default="-")
@click.option("--count", type=click.IntRange(1), metavar="N", help="Publish JSON N times; with -, only N lines.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="R", help="At most R messages a second.")
@click.option(
    "--in-flight",
    type=click.IntRange(1),
    metavar="N",
    default=_IN_FLIGHT,
    show_default=True,
    help="Messages that may be unacknowledged at a time.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print nothing on success.")
@server_options
def pub(
    server: ServerAddress, topic: str, payload: str, count: int | None, rate: float | None, in_flight: int, quiet: bool
) -> None:
    """Publish on TOPIC: one JSON value, or with - (or nothing) each line of standard input.

    Messages keep their order, and their JSON is sent as it is written, byte for byte.

    \b
      specbus pub orders '{"id": 1, "amount": 99.50}'
      specbus pub orders '"a string has its own quotes"'
      seq 1 100000 | specbus pub orders -

    Exit status 0: the server acknowledged every message. 1: it refused one, or a line is not JSON. 3: it could not be
    reached, or the connection broke before every ack came: the outcome of some messages is then unknown, and none is
    sent twice.
    """  # noqa: D301 - click: what follows \b is not wrapped
    if payload == "-":
        source, total, typed = _lines(count), count, os.isatty(_STDIN)
    else:
        total, typed = count or 1, False
        source = _repeated(_raw(payload), total)
    if typed:
        note("reading JSON lines from the terminal; Ctrl-D ends", "green")
    publisher = _Publisher(topic, in_flight, rate)
    started = time.monotonic()
    try:
        run(publisher.run(server, source, total, progress=total != 1 and not typed))
    finally:
        seconds = time.monotonic() - started
        all_acked = publisher.acked == publisher.sent
        # For a single refused message, the error says it all.
        if publisher.sent and not (quiet if all_acked else publisher.sent == 1 and not publisher.unknown):
            note(publisher.summary(seconds), "green" if all_acked else "yellow")


def _raw(argument: str) -> RawJson:
    """The argument as JSON. Raises UsageError, with a hint how to write it."""
    try:
        return RawJson(argument)
    except ValueError as error:
        hint = f"a string is written '{json.dumps(argument)}', in both kinds of quotes"
        if Path(argument).is_file():
            hint = f"to publish the lines of the file: specbus pub TOPIC - < {argument}"
        raise click.UsageError(f"{argument!r} is not JSON ({_reason(error)}); {hint}") from None


def _reason(error: ValueError) -> str:
    return str(error).partition(" at line 1 ")[0]


async def _repeated(payload: RawJson, count: int) -> AsyncIterator[list[RawJson]]:
    for _ in range(count):
        yield [payload]


async def _lines(count: int | None) -> AsyncIterator[list[RawJson]]:
    """The JSON of each line of standard input, in batches; empty lines are skipped. Raises Failed."""
    number = published = 0
    async for lines in stdio.lines(_STDIN):
        values = []
        for line in lines:
            number += 1
            if line.strip():
                try:
                    values.append(RawJson(line.decode()))
                except ValueError as error:
                    yield values
                    raise Failed(f"line {number} is not JSON: {_reason(error)}") from None
        if count is not None:
            values = values[: count - published]
        published += len(values)
        yield values
        if published == count:
            return


class _Publisher:
    """Publishes in order, with a window of publications whose acks have not come."""

    def __init__(self, topic: str, in_flight: int, rate: float | None) -> None:
        """`rate`: messages a second, at most."""
        self._topic = topic
        self._window = asyncio.Semaphore(in_flight)
        self._rate = rate
        self.sent = 0
        """Messages that were handed to the client."""
        self.acked = 0
        """Messages that the server has acknowledged."""
        self.unknown = 0
        """Messages whose outcome is unknown."""
        self._failure: Failed | None = None
        """The first failure, after which nothing more is sent."""
        self._reading: asyncio.Timeout | None = None
        """Ends the wait for further lines, after a failure."""

    async def run(
        self, server: ServerAddress, source: AsyncIterator[list[RawJson]], total: int | None, *, progress: bool
    ) -> None:
        """Publish everything in `source`: `total` messages, if that is known. Raises Failed."""
        async with server.client() as client, asyncio.TaskGroup() as group:
            with _progress(shown=progress) as bar:
                task = bar.add_task(f"to {self._topic}", total=total)
                pause = 1 / self._rate if self._rate else 0.0
                due = time.monotonic() - pause
                try:
                    async with asyncio.timeout(None) as self._reading:
                        async for payloads in source:
                            for payload in payloads:
                                if pause:
                                    now = time.monotonic()
                                    due = max(due + pause, now - _MAX_CATCH_UP)
                                    await asyncio.sleep(max(0.0, due - now))
                                await self._window.acquire()
                                if self._failure:
                                    raise self._failure
                                self.sent += 1
                                group.create_task(self._publish(client, payload, self.sent))
                            bar.update(task, completed=self.acked)
                except TimeoutError:
                    pass  # `_fail` has ended the reading
                except Failed as failure:
                    # Not out of the group, which would end what is in flight.
                    self._failure = failure
                finally:
                    self._reading = None
        if self._failure:
            raise self._failure

    async def _publish(self, client: Client, payload: RawJson, number: int) -> None:
        try:
            await client.publish(self._topic, payload)
            self.acked += 1
        except ReplyError as refusal:
            self._fail(Failed, number, refusal.message)
        except ClientError as failure:
            self.unknown += isinstance(failure, UnknownOutcome)
            self._fail(Unreachable, number, str(failure))
        finally:
            self._window.release()

    def _fail(self, how: type[Failed], number: int, reason: str) -> None:
        if self._failure is None:
            self._failure = how(f"message {number}: {reason}" if self.sent > 1 else reason)
            if self._reading:
                self._reading.reschedule(0)

    def summary(self, seconds: float) -> str:
        """What became of the messages."""
        text = f"{_messages(self.acked)} published to {self._topic}"
        if self.acked > 1:
            text += f" in {seconds:.1f} s ({self.acked / seconds:,.0f}/s)"
        if self.unknown:
            text += f", {self.unknown:,} of unknown outcome"
        if refused := self.sent - self.acked - self.unknown:
            text += f", {refused:,} not"
        return text


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


def _progress(*, shown: bool) -> Progress:
    """A line that shows how far it is, if it is `shown`; on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal))
