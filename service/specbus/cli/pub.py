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

from specbus.cli import pipes
from specbus.cli.outcome import Failed, Unreachable, note, run
from specbus.cli.server import Server, topic_names, with_server
from specbus.client import Client, ClientError, RawJson, ReplyError, UnknownOutcome

_IN_FLIGHT = 256
"""Publications that may wait for their acks, unless `--in-flight` says otherwise."""
_STDIN = 0
_CATCH_UP = 0.1
"""Seconds of `--rate` that are made up for, when lines come late."""


@click.command()
@click.argument("topic", shell_complete=topic_names)
@click.argument("payload", metavar="[JSON | -]", default="-")
@click.option("--count", type=click.IntRange(1), metavar="N", help="Publish JSON so many times; of -, only N lines.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="R", help="Publish at most R a second.")
@click.option(
    "--in-flight",
    type=click.IntRange(1),
    metavar="N",
    default=_IN_FLIGHT,
    show_default=True,
    help="Messages that may be on their way without an ack.",
)
@click.option("--quiet", "-q", is_flag=True, help="Say nothing when all went well.")
@with_server
def pub(
    server: Server, topic: str, payload: str, count: int | None, rate: float | None, in_flight: int, quiet: bool
) -> None:
    """Publish on TOPIC: one JSON value, or with - (or nothing) each line of standard input.

    Messages keep their order, and their JSON is sent as it is written, byte for byte.

    \b
      specbus pub orders '{"id": 1, "amount": 99.50}'
      specbus pub orders '"a string has its own quotes"'
      seq 1 100000 | specbus pub orders -

    Exit status 0: the server took them all. 1: it refused one, or a line is no JSON. 3: it could not be reached, or
    the connection broke before all acks came; some messages are then of unknown outcome, and none is sent twice.
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
        is_whole = publisher.taken == publisher.sent
        # Of a single one that was refused the error says it all.
        if publisher.sent and not (quiet if is_whole else publisher.sent == 1 and not publisher.unknown):
            note(publisher.summary(seconds), "green" if is_whole else "yellow")


def _raw(argument: str) -> RawJson:
    """The argument as JSON. Raises UsageError, with the way to write it."""
    try:
        return RawJson(argument)
    except ValueError as error:
        hint = f"a text is written '{json.dumps(argument)}', in both kinds of quotes"
        if Path(argument).is_file():
            hint = f"to publish the lines of the file: specbus pub TOPIC - < {argument}"
        raise click.UsageError(f"{argument!r} is no JSON ({_reason(error)}); {hint}") from None


def _reason(error: ValueError) -> str:
    return str(error).partition(" at line 1 ")[0]


async def _repeated(payload: RawJson, count: int) -> AsyncIterator[list[RawJson]]:
    for _ in range(count):
        yield [payload]


async def _lines(count: int | None) -> AsyncIterator[list[RawJson]]:
    """What stands in the lines of standard input, as many at a time as there are. Empty lines are left out."""
    number = published = 0
    async for lines in pipes.lines(_STDIN):
        values = []
        for line in lines:
            number += 1
            if line.strip():
                try:
                    values.append(RawJson(line.decode()))
                except ValueError as error:
                    yield values
                    raise Failed(f"line {number} is no JSON: {_reason(error)}") from None
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
        self.taken = 0
        """Messages that the topic has taken."""
        self.unknown = 0
        """Messages that it has taken or not."""
        self._failure: Failed | None = None
        """The first, after which nothing more is sent."""
        self._reading: asyncio.Timeout | None = None
        """What ends the wait for further lines, whoever is to write them."""

    async def run(
        self, server: Server, source: AsyncIterator[list[RawJson]], total: int | None, *, progress: bool
    ) -> None:
        """Publish all that `source` has, `total` messages if it is known; show `progress` or not. Raises Failed."""
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
                                    due = max(due + pause, now - _CATCH_UP)
                                    await asyncio.sleep(max(0.0, due - now))
                                await self._window.acquire()
                                if self._failure:
                                    raise self._failure
                                self.sent += 1
                                group.create_task(self._publish(client, payload, self.sent))
                            bar.update(task, completed=self.taken)
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
            self.taken += 1
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
        text = f"{_messages(self.taken)} published to {self._topic}"
        if self.taken > 1:
            text += f" in {seconds:.1f} s ({self.taken / seconds:,.0f}/s)"
        if self.unknown:
            text += f", {self.unknown:,} of unknown outcome"
        if refused := self.sent - self.taken - self.unknown:
            text += f", {refused:,} not"
        return text


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


def _progress(*, shown: bool) -> Progress:
    """A line that shows how far it is, if it is `shown`; on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal))
