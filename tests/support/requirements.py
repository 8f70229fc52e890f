"""What some tests need besides Python."""

import os
from typing import NoReturn

import pytest


def missing(line: str) -> NoReturn:
    """Skip the test, saying what it wants; fail it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(line)
    pytest.skip(line)
