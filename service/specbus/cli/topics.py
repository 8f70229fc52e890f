"""`specbus topics`: list, create, show and delete topics."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from specbus.cli.errors import WrongUsage
from specbus.cli.runner import run
from specbus.cli.server_options import ServerAddress, complete_topic, server_options
from specbus.client.models import Stats

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
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@server_options
def create(server: ServerAddress, names: tuple[str, ...]) -> None:
    """Create topics."""

    async def work() -> None:
        async with server.rest() as client:
            for name in names:
                click.echo(f"created {(await client.topics.create(name)).topic}")

    run(work())


@topics.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_topic)
@server_options
def delete(server: ServerAddress, names: tuple[str, ...]) -> None:
    """Delete topics and the messages that they retain. Their subscribers are notified."""

    async def work() -> None:
        async with server.rest() as client:
            for name in names:
                with _sendable():
                    topic = (await client.topics.delete(name)).topic
                click.echo(f"deleted {topic}")

    run(work())


@topics.command()
@click.argument("name", shell_complete=complete_topic)
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
                click.echo(f"{field:12} {value}")

    run(work())


@contextmanager
def _sendable() -> Iterator[None]:
    """Raise WrongUsage for a name that stands in no request's path, such as `..`."""
    try:
        yield
    except ValueError as error:
        raise WrongUsage(str(error)) from None


def _print_json(answer: BaseModel) -> None:
    click.echo(json.dumps(answer.model_dump(mode="json"), ensure_ascii=False))


def _print_topics(stats: Stats, as_json: bool) -> None:
    console = Console()
    if as_json:
        _print_json(stats)
    elif console.is_terminal:
        table = Table("topic", box=None, header_style="bold")
        for column in _COLUMNS:
            table.add_column(column, justify="right")
        for name, topic in stats.topics.items():
            table.add_row(
                name, *(f"{getattr(topic, column):,}" for column in _COLUMNS), style="red" if topic.dropped else ""
            )
        console.print(table if stats.topics else "no topics; create one: specbus topics create NAME")
    else:
        for name, topic in stats.topics.items():
            click.echo("\t".join((name, *(str(getattr(topic, column)) for column in _COLUMNS))))
