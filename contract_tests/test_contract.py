"""Each check is a test."""

import pytest

from specbus.verify.checks import Check, execute
from specbus.verify.target import Target


def test_contract(check: Check, target: Target) -> None:
    """The server keeps the contract in this."""
    result = execute(check, target)
    if result.error:
        pytest.fail(f"the check itself failed\n{result.error}", pytrace=False)
    if result.failures:
        texts = [
            "\n".join([failure.problem, f"rule: {failure.rule}", *failure.steps[-12:], "", failure.reproduce])
            for failure in result.failures
        ]
        pytest.fail("\n\n".join(texts), pytrace=False)
