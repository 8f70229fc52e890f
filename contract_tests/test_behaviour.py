"""What the documents say in words: order, replay, deletion, counts, slow readers, heartbeats."""

from collections.abc import Callable

from specbus.verify.checks import Check


def test_behaviour(behaviour_check: Check, hold: Callable[[Check], None]) -> None:
    """The server keeps the contract in this."""
    hold(behaviour_check)
