"""`specbus serve`: run the service."""

import asyncio
import logging
import resource
from typing import Any

import click
import uvloop

from specbus import log as logs
from specbus.app import Service
from specbus.cli.errors import Failed, WrongUsage
from specbus.server import listen
from specbus.settings import SETTINGS, SettingsError, load, without_effect
from specbus.spec import ContractError

_log = logging.getLogger(__name__)


def _options() -> list[click.Option]:
    """One option for each setting, from the settings themselves."""
    return [
        click.Option(
            [f"{setting.option}/--no-{setting.option[2:]}" if setting.type is bool else setting.option],
            default=None,
            metavar=None if setting.type is bool else name.rpartition("_")[2].upper(),
            help=f"{setting.description}.  [{setting.variable}; {_default(setting.default)}]",
        )
        for name, setting in SETTINGS.items()
    ]


def _default(value: Any) -> str:
    return "not set" if value is None else f"default {value}"


def _serve(**given: str | bool | None) -> None:
    """Run the service. Every option is also an environment variable; the option wins."""
    try:
        settings = load({name: value for name, value in given.items() if value is not None})
    except SettingsError as error:
        raise WrongUsage(str(error)) from None
    logs.configure(settings.log.level, settings.log.format)
    _raise_file_limit(settings.limits.max_connections + settings.http.max_http_connections)
    try:
        listening = listen(settings.server.host, settings.server.port)
    except OSError as error:
        address = f"{settings.server.host}:{settings.server.port}"
        raise Failed(f"cannot listen on {address}: {str(error.strerror).partition(' (')[0]}") from None

    async def run() -> None:
        await Service(settings).run(listening, _warn_of_variables)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
    except ContractError as error:
        raise Failed(str(error)) from None


def _warn_of_variables() -> None:
    """Log which variables look like settings and are none: the person who set them believes that they are."""
    for name, reason in without_effect():
        logs.log_event(_log, logging.WARNING, "variable without effect", variable=name, reason=reason)


serve = click.Command("serve", params=list(_options()), callback=_serve, help=_serve.__doc__)


def _raise_file_limit(connections: int) -> None:
    """Allow as many open files as the connections need, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == unlimited else min(wanted, hard), hard))
