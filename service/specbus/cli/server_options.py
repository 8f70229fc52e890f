"""The options `--url` and `--api-key` of the client commands, and a client of the server that they name."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from specbus.client import Client, ClientError

_DEFAULT_URL = "http://127.0.0.1:8080"
_COMPLETION_TIMEOUT = 1.0
"""Seconds that shell completion waits for the server."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is, and the API key to send."""

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


def server_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--url` and `--api-key`, and its function a `server` in their place."""

    @click.option(
        "--url",
        envvar="PUBSUB_URL",
        show_envvar=True,
        default=_DEFAULT_URL,
        show_default=True,
        metavar="URL",
        help="URL of the server.",
    )
    @click.option("--api-key", envvar="PUBSUB_API_KEY", show_envvar=True, metavar="KEY", help="API key to send.")
    @functools.wraps(function)
    def command(url: str, api_key: str | None, **arguments: Any) -> None:
        server = ServerAddress(url, api_key or None)
        try:
            server.client()
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        function(server=server, **arguments)

    return command


def complete_topic(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the server's topics, for completion; none if it does not answer."""
    server = ServerAddress(context.params.get("url") or _DEFAULT_URL, context.params.get("api_key"))

    async def ask() -> list[str]:
        async with server.rest() as client:
            return [topic.name for topic in (await client.topics.list(timeout=_COMPLETION_TIMEOUT)).topics]

    try:
        names = asyncio.run(ask())
    except (ClientError, ValueError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
