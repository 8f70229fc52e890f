"""The options `--url`, `--api-key` and `--ca` of the client commands, and a client of the server that they name."""

import asyncio
import contextlib
import functools
import importlib.util
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from specbus.cli.errors import WrongUsage
from specbus.cli.parameters import TEXT, authorities, trusting
from specbus.client import Client, ClientError

for _name in ("httpx", "rich"):
    if importlib.util.find_spec(_name) is None:  # imported when it is needed, which is no time to find that out
        raise ImportError(f"No module named {_name!r}")

_DEFAULT_URL = "http://127.0.0.1:8080"
_COMPLETION_TIMEOUT = 1.0
"""Seconds that shell completion waits for the server."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is, the API key to send, and the file of certificates to trust."""

    url: str
    api_key: str | None = None
    ca: str | None = None

    def client(self, **options: Any) -> Client:
        """A client of it, not connected; `options` are those of the SDK's Client."""
        return Client(self.url, api_key=self.api_key, tls=trusting(self.ca), **options)

    @contextlib.asynccontextmanager
    async def rest(self) -> AsyncIterator[Client]:
        """A client of it for REST alone."""
        client = self.client()
        try:
            yield client
        finally:
            await client.close()


def server_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a server, and its function a `server` in their place."""

    @click.option(
        "--url",
        type=TEXT,
        envvar="PUBSUB_URL",
        show_envvar=True,
        default=_DEFAULT_URL,
        show_default=True,
        metavar="URL",
        help="URL of the server.",
    )
    @click.option(
        "--api-key", type=TEXT, envvar="PUBSUB_API_KEY", show_envvar=True, metavar="KEY", help="API key to send."
    )
    @authorities
    @functools.wraps(function)
    def command(url: str, api_key: str | None, ca: str | None, **arguments: Any) -> None:
        server = ServerAddress(url, api_key or None, ca)
        try:
            server.client()
        except ValueError as error:
            raise WrongUsage(str(error)) from None
        function(server=server, **arguments)

    return command


def complete_topic(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the server's topics, for completion; none if it does not answer."""
    server = ServerAddress(
        context.params.get("url") or _DEFAULT_URL, context.params.get("api_key"), context.params.get("ca")
    )

    async def ask() -> list[str]:
        async with server.rest() as client:
            return [topic.name for topic in (await client.topics.list(timeout=_COMPLETION_TIMEOUT)).topics]

    try:
        names = asyncio.run(ask())
    except (ClientError, ValueError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
