"""The documents as plain data, read once, for all who need them."""

from pathlib import Path

SPECS = (Path(__file__).parent.parent / "specs").resolve()
"""The documents that come with the package; in a checkout a link to `specs/`."""
