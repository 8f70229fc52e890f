"""What the generators of all languages have in common."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from specbus.sdk.contract import Command, Endpoint, Feed, Json, Parameter, Path
from specbus.sdk.keywords import readable

URL = "http://127.0.0.1:8080"
"""The server in the first program."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument as a language has it."""

    name: str
    type: str
    text: str
    value: str
    """The expression for what is sent."""


def argument_text(parameter: Parameter) -> str:
    """What a person is told of an argument."""
    made = {"client": " The client's own label unless given.", "uuid": " A new one unless given.", None: ""}
    return (parameter.description + made[parameter.default]).strip()


def command_wire(command: Command) -> str:
    """What goes over the wire, for a person."""
    names = " or ".join(span(each.name) for each in command.replies)
    return f"the frame {span(command.message.name)}" + (f", answered by {names}" if names else "")


def request_wire(endpoint: Endpoint) -> str:
    """What goes over the wire, for a person."""
    return span(f"{endpoint.method} {endpoint.path}")


def feed_wire(feed: Feed) -> str:
    """What comes over the wire, for a person."""
    return f"the frame {' or '.join(span(each.name) for each in feed.messages)}, which comes unasked"


def about(summary: str, text: str, wire: str) -> str:
    """What a person is told of a method; what goes over the `wire` where the documents say nothing."""
    return "\n\n".join(filter(None, (summary, text))).strip() or f"{wire[0].upper()}{wire[1:]}."


def tree(fixed: Iterable[tuple[Path, Json]]) -> Json:
    """The object with these values at these places."""
    made: dict[str, Json] = {}
    for path, value in fixed:
        node = made
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = value
    return made


def render(folder: Folder, template: str, view: dict[str, Any], **filters: Callable[..., str]) -> str:
    """What a template in `folder` makes of `view`; a page without the runs of empty lines that templates leave."""
    environment = Environment(  # noqa: S701 - what comes out is no HTML
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(cell=_cell, oneline=oneline, span=span, **filters)
    made = environment.get_template(template).render(view)
    return re.sub(r"\n{3,}", "\n\n", made).strip() + "\n" if template.endswith(".md.j2") else made


def oneline(text: str) -> str:
    """`text` where no line may end."""
    return " ".join(readable(text).split())


def span(text: str) -> str:
    """`text` as code in a line of Markdown."""
    return f"`{oneline(text).replace('`', chr(39))}`"


def _cell(text: str) -> str:
    """`text` in a cell of a Markdown table."""
    return oneline(text).replace("|", "\\|")
