"""The server that a command talks to: the options that say which, and a client of it."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from specbus.client import Client, ClientError

_DEFAULT = "http://127.0.0.1:8080"
_COMPLETION_TIMEOUT = 1.0
"""Seconds after which a completion goes without what the server knows."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and the key it wants."""

    url: str
    api_key: str | None

    def client(self, **options: Any) -> Client:
        """A client of it, not connected; `options` are those of the SDK's Client."""
        return Client(self.url, api_key=self.api_key, **options)

    @contextlib.asynccontextmanager
    async def rest(self) -> AsyncIterator[Client]:
        """A client of it for REST alone."""
        client = self.client()
        try:
            yield client
        finally:
            await client.close()


def with_server(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--url` and `--api-key`, and its function a `server` in their place."""

    @click.option(
        "--url",
        envvar="PUBSUB_URL",
        show_envvar=True,
        default=_DEFAULT,
        show_default=True,
        metavar="URL",
        help="The server.",
    )
    @click.option("--api-key", envvar="PUBSUB_API_KEY", show_envvar=True, metavar="KEY", help="Key that it wants.")
    @functools.wraps(function)
    def command(url: str, api_key: str | None, **arguments: Any) -> None:
        server = Server(url, api_key or None)
        try:
            server.client()
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        function(server=server, **arguments)

    return command


def topic_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the server's topics, for completion; none if it does not answer."""
    server = Server(context.params.get("url") or _DEFAULT, context.params.get("api_key"))

    async def ask() -> list[str]:
        async with server.rest() as client:
            return [topic.name for topic in (await client.topics.list(timeout=_COMPLETION_TIMEOUT)).topics]

    try:
        names = asyncio.run(ask())
    except (ClientError, ValueError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
