"""What the tests of the SDKs have together."""

import pytest

from specbus.sdk.typescript import ToolchainError, toolchain
from tests.support.requirements import missing


@pytest.fixture(scope="session")
def node_environment() -> dict[str, str]:
    """The environment in which Node is found."""
    try:
        return toolchain.environment()
    except ToolchainError as error:
        missing(str(error))
        raise
