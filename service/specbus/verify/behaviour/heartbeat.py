"""Heartbeats."""

import time
from collections.abc import Iterator

from specbus.verify.behaviour.commands import INFO, receive
from specbus.verify.bus import HEARTBEAT
from specbus.verify.checks import WAITING, check_for_each
from specbus.verify.failures import Broken
from specbus.verify.peer import Peer
from specbus.verify.target import Target

_EARLY = 2
"""Heartbeats that there may be more of than the time has intervals."""


def _listeners(target: Target) -> Iterator[tuple[Peer, float] | None]:
    """A connection that does nothing but wait for heartbeats while other checks are made, and since when it is open.

    None if there is none.
    """
    since = time.monotonic()
    try:
        peer = target.peer("listener")
    except Broken:
        yield None
    else:
        target.keep_open(peer)
        yield peer, since


def _no_heartbeats(target: Target) -> str | None:
    if not target.bus.has_heartbeats:
        return f"the document has no {HEARTBEAT} that says what a heartbeat is"
    return None if target.limits.heartbeat_interval else "the server says that it sends no heartbeats"


@check_for_each(
    "behaviour",
    _listeners,
    name=lambda _: "heartbeats come at their interval",
    rule=lambda _: INFO,
    when=_no_heartbeats,
    order=WAITING,
)
def _heartbeats(target: Target, listener: tuple[Peer, float] | None) -> None:
    target.cases += 1
    interval = target.limits.heartbeat_interval
    peer, since = listener or (target.peer("listener"), time.monotonic())
    until = target.deadline() + interval
    while not target.bus.is_heartbeat(receive(peer, until, f"a heartbeat within {interval:g} s")):
        pass
    came = 1 + sum(map(target.bus.is_heartbeat, peer.arrived()))
    passed = time.monotonic() - since
    # The first may come at once, and one may come early that is before one that came late.
    if came > passed / interval + _EARLY:
        raise Broken(f"{came} heartbeats came within {passed:.1f} s, though one comes in {interval:g} s")
