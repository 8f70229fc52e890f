"""How a command reports failure: one line on standard error, and an exit status."""

from contextlib import suppress
from typing import Any

import click

from specbus.cli.terminal import styled
from specbus.spec.text import printable


def note(line: str, colour: str = "yellow") -> None:
    """Tell a person something, on standard error; in colour if that is a terminal. What `line` quotes does no harm.

    Where nobody reads standard error, nothing is told, and the work goes on.
    """
    with suppress(OSError):
        click.echo(f"{styled('specbus:', fg=colour)} {printable(line)}", err=True)


class Failed(click.ClickException):
    """The server refused, or not everything that was asked for came. The text is the line that a person reads."""

    exit_code = 1

    def __init__(self, line: str, status: int | None = None) -> None:
        """`status`: the exit status, if it is not that of the class."""
        super().__init__(line)
        if status is not None:
            self.exit_code = status  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: Any = None) -> None:
        """Print the line."""
        note(self.message, "red")


class WrongUsage(Failed):
    """A setting, an option or the installation is wrong. Click's own UsageError prints the usage before its line."""

    exit_code = 2


class Unreachable(Failed):
    """The server could not be reached, or the connection broke while it was needed."""

    exit_code = 3
