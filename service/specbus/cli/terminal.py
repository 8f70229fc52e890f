"""What standard output is, and what is printed on it where a person reads."""

import os
from typing import TYPE_CHECKING, Any

import click

from specbus.spec.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def is_terminal(stream: Any) -> bool:
    """Whether a person reads `stream`, which is None if it was closed from the start."""
    return stream is not None and bool(stream.isatty())


def styled(text: str, **style: Any) -> str:
    """`text` in a style of `click.style`, which `click.echo` leaves out unless it prints on a terminal.

    Without one where the user wants no colours (https://no-color.org) or the terminal has none.
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else click.style(text, **style)


def cell(text: str, style: str = "") -> "Text":
    """Foreign text in a table or a view: neither markup in it nor what a terminal would obey has an effect."""
    from rich.text import Text

    return Text(printable(text), style)


def console(**options: Any) -> "Console":
    """A console of Rich that takes nothing in a text for markup, unless the `options` of Console say otherwise.

    A reader that has closed its end is a BrokenPipeError there too, not an exit status of Rich's choice.
    """
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise  # Rich calls this while it handles the error

    return Plain(**{"markup": False, "highlight": False, "emoji": False, **options})
