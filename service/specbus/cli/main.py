"""The command line: `specbus`. What a command does stands elsewhere, and is read when the command is called."""

import importlib
import os
import sys

import click

from specbus import __version__


class Deferred(click.Command):
    """A command as the list of commands shows it."""

    def __init__(self, name: str, place: str, help: str, *, section: str, extra: str | None = None) -> None:
        """`place`: the command itself, as MODULE:NAME. `extra`: what must be installed for it, beside the service."""
        super().__init__(name, help=help)
        self.section = section
        self._place = place
        self._extra = extra

    def load(self) -> click.Command:
        """The command itself. Raises ImportError."""
        module, _, name = self._place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def missing(self, error: ImportError) -> str:
        """What to tell a person whose installation has not what the command needs."""
        if self._extra is None:
            raise error
        return f"specbus: {self.name} needs what `pip install 'specbus[{self._extra}]'` installs ({error})"


class Commands(click.Group):
    """Commands in sections, each read when it is called or completed."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As a group does, and read the command."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(deferred := command, Deferred):
            try:
                command = deferred.load()
            except ImportError as error:
                if not ctx.resilient_parsing:  # as completion is, which says nothing
                    click.echo(deferred.missing(error), err=True)
                    sys.exit(2)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, in the order in which they were added."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            if isinstance(command, Deferred):
                sections.setdefault(command.section, []).append((name, command.get_short_help_str(80)))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="specbus")
def main() -> None:
    """Specbus: publish/subscribe whose contract is the program."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # The caller has closed it: its number must not be that of a socket.
            os.open(os.devnull, os.O_RDWR)


for _command in (
    Deferred("serve", "specbus.cli.serve:serve", "Run the service.", section="Server"),
    Deferred("demo", "specbus.cli.demo:demo", "See it at work in ten seconds.", section="Server", extra="client"),
    Deferred(
        "topics", "specbus.cli.topics:topics", "List, create, show, delete topics.", section="Client", extra="client"
    ),
    Deferred("pub", "specbus.cli.pub:pub", "Publish messages.", section="Client", extra="client"),
    Deferred("sub", "specbus.cli.sub:sub", "Print events as they come.", section="Client", extra="client"),
    Deferred("ping", "specbus.cli.ping:ping", "Say whether the server answers.", section="Client", extra="client"),
    Deferred("top", "specbus.cli.top:top", "Watch topics, rates and drops.", section="Client", extra="client"),
    Deferred(
        "verify", "specbus.cli.verify:verify", "Say whether a server keeps it.", section="Contract", extra="verify"
    ),
    Deferred("docs", "specbus.cli.serve:docs", "Write the references as files.", section="Contract"),
    Deferred("sdk", "specbus.cli.sdk:sdk", "Write a client as a package.", section="Contract", extra="sdk"),
    Deferred("bench", "specbus.cli.bench:bench", "Say how fast a server is.", section="Measuring", extra="bench"),
):
    main.add_command(_command)
