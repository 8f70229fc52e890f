"""What the tests of a running service have."""

from pathlib import Path

import pytest

from tests.support.edited import Specs


@pytest.fixture
def specs(tmp_path: Path) -> Specs:
    """A copy of the documents, to be edited."""
    return Specs(tmp_path / "specs")
