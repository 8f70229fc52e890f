"""The documents as plain data, read once, for all who need them: files, references, AsyncAPI, OpenAPI."""

from pathlib import Path
from typing import Any

from specbus.spec.text import printable

Json = Any
"""A JSON value: what YAML and JSON documents are made of."""
SPECS = (Path(__file__).parent.parent / "specs").resolve()
"""The documents that come with the package; in a checkout a link to `specs/`."""
_MAX_TEXT = 1_000


class ContractError(Exception):
    """A document that the program cannot run from. The text is one line that names file and place."""

    def __init__(self, text: str) -> None:
        """`text` may quote the document: what would break the line is escaped, and a long text cut."""
        if len(text) > _MAX_TEXT:
            text = f"{text[: _MAX_TEXT // 2]} ... {text[-_MAX_TEXT // 2 :]}"
        super().__init__(printable(text))
