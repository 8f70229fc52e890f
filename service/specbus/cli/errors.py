"""How a command reports failure: one line on standard error, and an exit status."""

from typing import Any

import click


def note(line: str, colour: str = "yellow") -> None:
    """Tell a person something, on standard error; in colour if that is a terminal."""
    click.echo(f"{click.style('specbus:', fg=colour)} {line}", err=True)


class Failed(click.ClickException):
    """The server refused, or not everything that was asked for came. The text is the line that a person reads."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        """Print the line."""
        note(self.message, "red")


class WrongUsage(Failed):
    """A setting, an option or the installation is wrong. Click's own UsageError prints the usage before its line."""

    exit_code = 2


class Unreachable(Failed):
    """The server could not be reached, or the connection broke while it was needed."""

    exit_code = 3
