"""`specbus topics`: list, create, show and delete topics."""

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import click
from pydantic import BaseModel

from specbus.cli.errors import Failed, WrongUsage
from specbus.cli.parameters import TEXT
from specbus.cli.runner import failure_of, run
from specbus.cli.server_options import ServerAddress, complete_topic, server_options
from specbus.cli.terminal import cell, console, is_terminal
from specbus.client import Client, ClientError, ConnectError
from specbus.client.models import Stats
from specbus.spec.text import printable

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the response as JSON.")
_COLUMNS = ("messages", "subscribers", "delivered", "dropped", "retained")
"""The counters of a topic, in the order in which they are listed."""


@click.group()
def topics() -> None:
    """List, create, show and delete topics.

    Exit status 0: success. 1: the server refused. 2: the command line was wrong. 3: the server could not be reached.
    """


@topics.command("list")
@_AS_JSON
@server_options
def list_topics(server: ServerAddress, as_json: bool) -> None:
    """List the topics with their counters: a table on a terminal, else one line for each, separated by tabs."""

    async def work() -> None:
        async with server.rest() as client:
            stats = await client.service.stats()
        _print_topics(stats, as_json)

    run(work())


@topics.command()
@click.argument("names", type=TEXT, metavar="NAME...", nargs=-1, required=True)
@server_options
def create(server: ServerAddress, names: tuple[str, ...]) -> None:
    """Create topics: all that can be; each failure is told."""

    async def one(client: Client, name: str) -> str:
        return f"created {(await client.topics.create(name)).topic}"

    run(_each(server, names, one))


@topics.command()
@click.argument("names", type=TEXT, metavar="NAME...", nargs=-1, required=True, shell_complete=complete_topic)
@server_options
def delete(server: ServerAddress, names: tuple[str, ...]) -> None:
    """Delete topics and the messages that they retain: all that can be; each failure is told.

    Their subscribers are notified.
    """

    async def one(client: Client, name: str) -> str:
        with _sendable():
            return f"deleted {(await client.topics.delete(name)).topic}"

    run(_each(server, names, one))


async def _each(server: ServerAddress, names: tuple[str, ...], one: Callable[[Client, str], Awaitable[str]]) -> None:
    """Do `one` for each name, and print the line that it returns.

    Raises Failed, with the exit status of the first failure, once all have been tried; at once if the server cannot be
    reached, for then none of the others can be.
    """
    failed: list[Failed] = []
    async with server.rest() as client:
        for name in names:
            try:
                click.echo(printable(await one(client, name)))
            except (ClientError, Failed) as error:
                failure = error if isinstance(error, Failed) else failure_of(error)
                if len(names) == 1 or isinstance(error, ConnectError):
                    raise failure from None
                failed.append(failure)
                failure.show()
    if failed:
        sys.exit(failed[0].exit_code)


@topics.command()
@click.argument("name", type=TEXT, shell_complete=complete_topic)
@_AS_JSON
@server_options
def show(server: ServerAddress, name: str, as_json: bool) -> None:
    """Show the counters of one topic."""

    async def work() -> None:
        async with server.rest() as client:
            with _sendable():
                topic = await client.topics.get(name)
        if as_json:
            _print_json(topic)
        else:
            for field, value in topic.model_dump(mode="json").items():
                click.echo(printable(f"{field:12} {value}"))

    run(work())


@contextmanager
def _sendable() -> Iterator[None]:
    """Raise WrongUsage for a name that stands in no request's path, such as `..`."""
    try:
        yield
    except ValueError as error:
        raise WrongUsage(str(error)) from None


def _print_json(answer: BaseModel) -> None:
    click.echo(json.dumps(answer.model_dump(mode="json")))  # in ASCII: in any locale, and nothing to a terminal


def _print_topics(stats: Stats, as_json: bool) -> None:
    if as_json:
        _print_json(stats)
    elif not is_terminal(sys.stdout):
        for name, topic in stats.topics.items():
            click.echo("\t".join((printable(name), *(str(getattr(topic, column)) for column in _COLUMNS))))
    elif not stats.topics:
        click.echo("no topics; create one: specbus topics create NAME")
    else:
        from rich.table import Table

        table = Table("topic", box=None, header_style="bold")
        for column in _COLUMNS:
            table.add_column(column, justify="right")
        for name, topic in stats.topics.items():
            numbers = (f"{getattr(topic, column):,}" for column in _COLUMNS)
            table.add_row(cell(name), *numbers, style="red" if topic.dropped else "")
        console().print(table)
