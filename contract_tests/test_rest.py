"""The REST side, from the OpenAPI document."""

from collections.abc import Callable

from specbus.verify.checks import Check


def test_rest(rest_check: Check, hold: Callable[[Check], None]) -> None:
    """The server keeps the contract in this."""
    hold(rest_check)
