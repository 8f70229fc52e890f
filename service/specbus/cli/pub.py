"""`specbus pub`: publish messages."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import click

from specbus.cli import stdio
from specbus.cli.errors import Failed, Unreachable, note
from specbus.cli.parameters import COUNT, RATE, TEXT
from specbus.cli.payloads import MAX_BYTES, Bad, Texts, Values, reason_of
from specbus.cli.runner import run
from specbus.cli.server_options import ServerAddress, complete_topic, server_options
from specbus.cli.terminal import console, is_terminal
from specbus.client import Client, ClientError, RawJson, ReplyError, UnknownOutcome
from specbus.spec.text import printable

_Batch = list[tuple[RawJson | Bad, int]]
"""Payloads, and the number of the line in which each ends; 0 if there are none."""
_IN_FLIGHT = 256
"""Default of `--in-flight`: messages that may be unacknowledged at a time."""
_STDIN = 0
_MAX_CATCH_UP = 0.1
"""Seconds by which publishing may lag behind `--rate` and still catch up; a longer lag is forgotten."""


_MAX_SHOWN = 64
"""Characters of an argument that are shown."""
_MAX_REFUSED = 10
"""Messages that may be refused before the first is taken: what is wrong is then hardly a line's."""


@click.command()
@click.argument("topic", type=TEXT, shell_complete=complete_topic)
@click.argument("payload", type=TEXT, metavar="[JSON | TEXT | -]", default="-")
@click.option("--text", is_flag=True, help="Publish strings: TEXT, or with - each line, is a string as it stands.")
@click.option("--id", "message_id", type=TEXT, metavar="ID", help="Id of the message, a UUID; there is only one then.")
@click.option("--count", type=COUNT, metavar="N", help="Publish JSON N times; with -, only N messages.")
@click.option("--rate", type=RATE, metavar="R", help="At most R messages a second.")
@click.option(
    "--in-flight",
    type=COUNT,
    metavar="N",
    default=_IN_FLIGHT,
    show_default=True,
    help="Messages that may be unacknowledged at a time.",
)
@click.option("--strict", is_flag=True, help="With -, end at the first line that is bad.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing on success.")
@server_options
def pub(
    server: ServerAddress,
    topic: str,
    payload: str,
    text: bool,
    message_id: str | None,
    count: int | None,
    rate: float | None,
    in_flight: int,
    strict: bool,
    quiet: bool,
) -> None:
    """Publish on TOPIC: one JSON value, or with - (or nothing) those on standard input.

    There, a value ends with its line; it may have begun lines before, as in JSON that is indented. A line that is bad,
    which is no JSON or of which the server says that it breaks the contract, is told with its number, and the others
    are published (unless --strict). Messages keep their order, and their JSON is sent as it is written, byte for byte.

    \b
      specbus pub orders '{"id": 1, "amount": 99.50}'
      specbus pub orders --text 'a string needs no quotes then'
      seq 1 100000 | specbus pub orders -

    Exit status 0: the server acknowledged every message. 1: it refused one, or a line was bad. 3: it could not be
    reached, or the connection broke before every ack came: the outcome of some messages is then unknown, and none is
    sent twice.
    """  # noqa: D301 - click: what follows \b is not wrapped
    if message_id is not None:
        if count is not None and count > 1:
            raise click.UsageError("--id is for one message, not for --count")
        count = 1
    if payload == "-":
        source, total, typed = _lines(Texts() if text else Values(), count), count, os.isatty(_STDIN)
    else:
        total, typed = count or 1, False
        source = _repeated(RawJson(json.dumps(payload, ensure_ascii=False)) if text else _raw(payload), total)
    if typed:
        note(f"reading {'lines' if text else 'JSON'} from the terminal; Ctrl-D ends", "green")
    publisher = _Publisher(topic, message_id, in_flight, rate, strict=strict)
    started = time.monotonic()
    try:
        run(publisher.run(server, source, total, progress=total != 1 and not typed))
    finally:
        seconds = time.monotonic() - started
        all_acked = publisher.acked == publisher.sent and not publisher.bad
        # For a single refused message, the error says it all.
        if publisher.sent and not (quiet if all_acked else publisher.sent == 1 and publisher.is_told):
            note(publisher.summary(seconds), "green" if all_acked else "yellow")
    if publisher.bad:
        sys.exit(Failed.exit_code)


def _raw(argument: str) -> RawJson:
    """The argument as JSON. Raises BadParameter, with a hint how to write it."""
    try:
        return RawJson(argument)
    except ValueError as error:
        reason = reason_of(error)
    shown = argument if len(argument) <= _MAX_SHOWN else f"{argument[:_MAX_SHOWN]}..."
    hint = f"a string is written '{json.dumps(shown)}', in both kinds of quotes, or --text is given"
    with contextlib.suppress(OSError, ValueError):  # of a text that cannot be a file's name
        if Path(argument).is_file():
            hint = f"to publish the lines of the file: specbus pub TOPIC - < {printable(argument)}"
    raise _NoJson(f"{shown!r} is not JSON ({reason}); {hint}")


async def _repeated(payload: RawJson, count: int) -> AsyncIterator[_Batch]:
    for _ in range(count):
        yield [(payload, 0)]


async def _lines(read: Texts | Values, most: int | None) -> AsyncIterator[_Batch]:
    """What standard input has, `most` payloads at most, in batches: as much as one read returns. Raises Failed."""
    number = payloads = 0
    try:
        async for lines in stdio.lines(_STDIN, MAX_BYTES):
            batch: _Batch = []
            for line in lines:
                number += 1
                for each in read.feed(line, number):
                    batch.append((each, number))
                    payloads += isinstance(each, RawJson)
                    if payloads == most:
                        yield batch
                        return
            yield batch
    except OSError as error:
        raise Failed(f"cannot read standard input: {error.strerror}") from None
    yield [(each, number) for each in read.end()]


class _NoJson(click.BadParameter):
    """The argument is not JSON. The text says all."""

    def format_message(self) -> str:
        """The text."""
        return self.message


class _Publisher:
    """Publishes in order, with a window of publications whose acks have not come."""

    def __init__(self, topic: str, message_id: Any, in_flight: int, rate: float | None, *, strict: bool) -> None:
        """Declare a publisher.

        Args:
            topic: The topic's name.
            message_id: The id of every message, as a text, which the server judges; None for new ones.
            in_flight: Messages that may be unacknowledged at a time.
            rate: Messages a second, at most.
            strict: Whether a bad line ends it.
        """
        self._topic = topic
        self._message_id = message_id
        self._window = asyncio.Semaphore(in_flight)
        self._rate = rate
        self._strict = strict
        self.sent = 0
        """Messages that were handed to the client."""
        self.acked = 0
        """Messages that the server has acknowledged."""
        self.unknown = 0
        """Messages whose outcome is unknown."""
        self.bad = 0
        """Lines that were told to be bad, and did not end it."""
        self._refused = 0
        """Of these, messages that the server refused."""
        self._failure: Failed | None = None
        """The first failure, after which nothing more is sent."""
        self._reading: asyncio.Timeout | None = None
        """Ends the wait for further lines, after a failure."""

    @property
    def is_told(self) -> bool:
        """Whether what was told says all that there is to say of a single message."""
        return self.bad + (self._failure is not None) == 1 and not self.unknown

    async def run(
        self, server: ServerAddress, source: AsyncIterator[_Batch], total: int | None, *, progress: bool
    ) -> None:
        """Publish everything in `source`: `total` messages, if that is known. Raises Failed."""
        async with server.client() as client, asyncio.TaskGroup() as group:
            with _progress(self._topic, total, shown=progress) as update:
                pause = 1 / self._rate if self._rate else 0.0
                due = time.monotonic() - pause
                try:
                    async with asyncio.timeout(None) as self._reading:
                        async for batch in source:
                            for payload, line in batch:
                                if isinstance(payload, Bad):
                                    self._tell_bad(str(payload))
                                    continue
                                if pause:
                                    now = time.monotonic()
                                    due = max(due + pause, now - _MAX_CATCH_UP)
                                    await asyncio.sleep(max(0.0, due - now))
                                await self._window.acquire()
                                if self._failure:
                                    raise self._failure
                                self.sent += 1
                                group.create_task(self._publish(client, payload, self.sent, line))
                            update(self.acked)
                except TimeoutError:
                    pass  # `_fail` has ended the reading
                except Failed as failure:
                    # Not out of the group, which would end what is in flight.
                    self._failure = failure
                finally:
                    self._reading = None
        if self._failure:
            raise self._failure

    async def _publish(self, client: Client, payload: RawJson, number: int, line: int) -> None:
        try:
            await client.publish(self._topic, payload, id=self._message_id)
            self.acked += 1
        except ReplyError as refusal:
            may_be_the_line = line and refusal.code == "BAD_REQUEST" and (self.acked or self.bad < _MAX_REFUSED)
            if may_be_the_line and not self._strict:
                self._refused += 1
                self._tell_bad(f"line {line}: {refusal.message}")
            else:
                self._fail(Failed, number, refusal.message)
        except ClientError as failure:
            self.unknown += isinstance(failure, UnknownOutcome)
            self._fail(Unreachable, number, str(failure))
        finally:
            self._window.release()

    def _tell_bad(self, what: str) -> None:
        """Tell of a line that is bad. Raises Failed if that ends it."""
        if self._strict:
            raise Failed(what)
        self.bad += 1
        note(what)

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
        if refused := self.sent - self.acked - self.unknown - self._refused:
            text += f", {refused:,} not"
        if self.bad:
            text += f"; {self.bad:,} bad"
        return text


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


@contextlib.contextmanager
def _progress(topic: str, total: int | None, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A line that shows how far it is, if it is `shown`; on a terminal only. What it yields takes the number."""
    if not shown or not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"to {printable(topic)}", total=total)
        yield lambda done: bar.update(task, completed=done)
