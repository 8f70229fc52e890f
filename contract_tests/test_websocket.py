"""The WebSocket, from the AsyncAPI document."""

from collections.abc import Callable

from specbus.verify.checks import Check


def test_websocket(websocket_check: Check, hold: Callable[[Check], None]) -> None:
    """The server keeps the contract in this."""
    hold(websocket_check)
