"""The command line: `specbus`. Each command is a module of its own, imported when the command is called."""

import importlib
import os
import re
import sys
from importlib import metadata

import click

from specbus import __version__


class LazyCommand(click.Command):
    """A command as the list of commands shows it; `load` imports the command itself."""

    def __init__(self, name: str, help: str, *, section: str, extra: str | None = None) -> None:
        """Stand for the command.

        Args:
            name: The command is what has this name in the module `specbus.cli.<name>`.
            help: One line for the list of commands.
            section: Where the list has it.
            extra: The extra of the package that the command needs, if it needs one.
        """
        super().__init__(name, help=help)
        self.section = section
        self.extra = extra

    def load(self) -> click.Command:
        """Import the command itself. Raises ImportError."""
        command: click.Command = getattr(importlib.import_module(f"specbus.cli.{self.name}"), str(self.name))
        return command

    def listed_help(self) -> str:
        """The line for the list of commands. It says so if the extra is not installed."""
        line = self.get_short_help_str(80)
        return line if self.extra is None or not _missing(self.extra) else f"{line} (needs specbus[{self.extra}])"


class LazyGroup(click.Group):
    """Commands in sections, each imported when it is called or completed."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As a group does, and import the command."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(lazy := command, LazyCommand):
            try:
                # Looked up before the import, which may succeed: some libraries are imported later, or run as programs.
                if lazy.extra is not None and (missing := _missing(lazy.extra)):
                    raise ImportError(f"{missing} is not installed")
                command = lazy.load()
            except ImportError as error:
                if lazy.extra is None:
                    raise
                if not ctx.resilient_parsing:  # as completion is, which says nothing
                    needed = f"what `pip install 'specbus[{lazy.extra}]'` installs"
                    click.echo(f"specbus: {lazy.name} needs {needed} ({error})", err=True)
                    sys.exit(2)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, in the order in which they were added."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            if isinstance(command, LazyCommand):
                sections.setdefault(command.section, []).append((name, command.listed_help()))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)


def _missing(extra: str) -> str | None:
    """The first package that an extra of this one asks for and that is not installed, if there is one."""
    wanted = [line for line in metadata.requires("specbus") or () if re.search(rf"extra == .{extra}\b", line)]
    for line in wanted:
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            return name
    return None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
    LazyCommand("serve", "Run the service.", section="Server"),
    LazyCommand("demo", "Watch a server with publishers and subscribers.", section="Server", extra="client"),
    LazyCommand("topics", "List, create, show and delete topics.", section="Client", extra="client"),
    LazyCommand("pub", "Publish messages.", section="Client", extra="client"),
    LazyCommand("sub", "Subscribe, and print events as they come.", section="Client", extra="client"),
    LazyCommand("ping", "Check that the server answers.", section="Client", extra="client"),
    LazyCommand("top", "Watch topics, rates and drops.", section="Client", extra="client"),
    LazyCommand("verify", "Test a server against the contract.", section="Contract", extra="verify"),
    LazyCommand("docs", "Write the references as a static site.", section="Contract", extra="docs"),
    LazyCommand("sdk", "Generate a client package.", section="Contract", extra="sdk"),
    LazyCommand("bench", "Measure throughput, latency and memory.", section="Benchmark", extra="bench"),
):
    main.add_command(_command)
