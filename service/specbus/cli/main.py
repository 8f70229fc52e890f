"""The command line: `specbus`. Each command is a module of its own, imported when the command is called."""

import gc
import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

import click

from specbus import __version__
from specbus.cli import ending
from specbus.cli.errors import WrongUsage

# If rich is installed, httpx imports its own command line, which takes as long as the rest of it. It does without one
# that cannot be imported.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
# No plugin of pydantic is for a command; to look for them, it reads the metadata of all that is installed.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class LazyCommand(click.Command):
    """A command as the list of commands shows it; `load` imports the command itself."""

    def __init__(
        self, name: str, help: str, *, section: str, extra: str | None = None, imports_all: bool = False
    ) -> None:
        """Stand for the command.

        Args:
            name: The command is what has this name in the module `specbus.cli.<name>`.
            help: One line for the list of commands.
            section: Where the list has it.
            extra: The extra of the package that the command needs, if it needs one.
            imports_all: Whether the command's module cannot be imported unless the whole extra is installed.
        """
        super().__init__(name, help=help)
        self.section = section
        self.extra = extra
        self._imports_all = imports_all

    def load(self) -> click.Command:
        """Import the command itself. Raises WrongUsage if what it needs is not installed."""
        # What is imported stays: looking for garbage among it is a tenth of the time.
        gc.disable()
        try:
            # Some libraries are imported later, or run as programs.
            if self.extra is not None and not self._imports_all and (missing := _missing(self.extra)):
                raise ImportError(f"{missing} is not installed")
            command: click.Command = getattr(importlib.import_module(f"specbus.cli.{self.name}"), str(self.name))
        except ImportError as error:
            if self.extra is None:
                raise
            needed = f"what `pip install 'specbus[{self.extra}]'` installs"
            raise WrongUsage(f"{self.name} needs {needed} ({error})") from None
        finally:
            gc.enable()
        return command

    def listed_help(self) -> str:
        """The line for the list of commands. It says so if the extra is not installed."""
        line = self.get_short_help_str(80)
        return line if self.extra is None or not _missing(self.extra) else f"{line} (needs specbus[{self.extra}])"


class LazyGroup(click.Group):
    """Commands in sections, each imported when it is called or completed."""

    def main(  # type: ignore[override]  # click's overloads
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **options: Any
    ) -> Any:
        """As a group's. In standalone mode, however it ends, that is told in one line, and the program exits."""
        standalone = options.pop("standalone_mode", True)

        def work() -> Any:
            return super(LazyGroup, self).main(args, prog_name, standalone_mode=False, **options)

        return sys.exit(ending.run(work)) if standalone else work()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As a group does, and import the command."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, LazyCommand):
            try:
                command = command.load()
            except WrongUsage:
                if not ctx.resilient_parsing:  # as completion is, which says nothing
                    raise
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
    from importlib import metadata  # slow to import, and not needed to run a command

    try:
        requirements = metadata.requires("specbus") or ()
    except metadata.PackageNotFoundError:  # run from its files, without an installation
        return None
    wanted = [line for line in requirements if re.search(rf"extra == .{extra}\b", line)]
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


for _command in (
    LazyCommand("serve", "Run the service.", section="Server"),
    LazyCommand(
        "demo", "Watch a server with publishers and subscribers.", section="Server", extra="client", imports_all=True
    ),
    LazyCommand("topics", "List, create, show and delete topics.", section="Client", extra="client", imports_all=True),
    LazyCommand("pub", "Publish messages.", section="Client", extra="client", imports_all=True),
    LazyCommand("sub", "Subscribe, and print events as they come.", section="Client", extra="client", imports_all=True),
    LazyCommand("ping", "Check that the server answers.", section="Client", extra="client", imports_all=True),
    LazyCommand("top", "Watch topics, rates and drops.", section="Client", extra="client", imports_all=True),
    LazyCommand("verify", "Test a server against the contract.", section="Contract", extra="verify"),
    LazyCommand("docs", "Write the references as a static site.", section="Contract", extra="docs"),
    LazyCommand("sdk", "Generate a client package.", section="Contract", extra="sdk"),
    LazyCommand("bench", "Measure throughput, latency and memory.", section="Benchmark", extra="bench"),
):
    main.add_command(_command)
