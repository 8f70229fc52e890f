"""What some tests need besides Python."""

import os

import pytest


def missing(line: str) -> None:
    """Skip the test, saying what it wants; fail it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(line)
    pytest.skip(line)
