"""What of the longest tests is run."""

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def share(values: Iterable[T]) -> list[T]:
    """One of so many of `values` as SHARE in the environment says, evenly; all of them without it.

    CI has 40 minutes, and each of the hundreds of mutants and edits takes a server and a run of its own.
    """
    return list(values)[:: int(os.environ.get("SHARE", "1"))]
