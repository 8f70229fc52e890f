"""Heartbeats."""

from collections.abc import Iterator

from specbus.verify.behaviour.commands import INFO, receive
from specbus.verify.bus import HEARTBEAT
from specbus.verify.checks import WAITING, check_for_each
from specbus.verify.failures import Broken
from specbus.verify.peer import Peer
from specbus.verify.target import Target


def _listeners(target: Target) -> Iterator[Peer | None]:
    """A connection that does nothing but wait for a heartbeat while other checks are made; None if there is none."""
    try:
        peer = target.peer("listener")
    except Broken:
        yield None
    else:
        target.keep_open(peer)
        yield peer


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
def _heartbeats(target: Target, listener: Peer | None) -> None:
    target.cases += 1
    interval = target.limits.heartbeat_interval
    peer = listener or target.peer("listener")
    until = target.deadline() + interval
    while True:
        frame = receive(peer, until, f"a heartbeat within {interval:g} s")
        if target.bus.is_heartbeat(frame):
            return
