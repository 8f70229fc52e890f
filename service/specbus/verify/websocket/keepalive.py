"""What keeps a connection open, and finds dead ones: heartbeats and WebSocket pings, as often as the server says."""

import contextlib
import json
from collections.abc import Iterator

from websockets.frames import CloseCode

from specbus.verify.asyncapi import Frame
from specbus.verify.checks import WAITING, check_for_each
from specbus.verify.failures import Broken, Skipped
from specbus.verify.listener import LONGEST, Listener
from specbus.verify.raw import handshake
from specbus.verify.target import Target
from specbus.verify.websocket.wire import CLOSE, PING, TEXT

_RULE = "asyncapi.yaml#/info/description"
_TIMES = 3
"""How often something that is sent at an interval must have been due, before it is counted."""
_MARGIN = 1.0
"""Seconds by which a busy machine may be late, where only that harms."""


def _listener(target: Target, *, pongs: bool, needs: float | None) -> Iterator[Listener | None]:
    """A connection that nobody uses; none if what it waits for takes longer than `needs`, or if there can be none."""
    if needs is None or not 0 < needs <= LONGEST:
        yield None
        return
    with contextlib.suppress(OSError, ValueError):
        yield Listener(target, handshake(target), pongs=pongs)
        return
    yield None


def _intervals(target: Target) -> dict[str, float]:
    """What the server sends at an interval, often enough to be counted: the seconds between two of it."""
    limits = target.limits
    told = {
        "heartbeat": limits.heartbeat_interval if target.bus.has_heartbeats else 0,
        "WebSocket ping": limits.ping_interval or 0,
    }
    return {what: interval for what, interval in told.items() if interval > 0 and (_TIMES + 1) * interval <= LONGEST}


def _lifetime(target: Target) -> float | None:
    """Seconds after which a connection that answers no ping is closed; None where there are no pings."""
    limits = target.limits
    return limits.ping_interval + limits.ping_timeout if limits.ping_interval and limits.ping_timeout else None


def _living(target: Target) -> Iterator[Listener | None]:
    intervals = _intervals(target)
    yield from _listener(target, pongs=True, needs=max(intervals.values(), default=None))


def _silent(target: Target) -> Iterator[Listener | None]:
    yield from _listener(target, pongs=False, needs=_lifetime(target))


def _opened(listener: Listener | None, why_not: str) -> Listener:
    """`listener`, if there is one. Raises Skipped, and Broken if the server did not take its handshake."""
    if listener is None:
        raise Skipped(why_not)
    if not listener.is_accepted:
        line = listener.head.split(b"\r\n", 1)[0].decode(errors="replace") or "nothing"
        raise Broken(f"a handshake is answered with {line}, not 101")
    return listener


@check_for_each(
    "websocket",
    _living,
    name=lambda _: "heartbeats and WebSocket pings come as often as the server says",
    rule=lambda _: _RULE,
    order=WAITING,
)
def _comes_at_its_interval(target: Target, listener: Listener | None) -> None:
    found = _opened(listener, "the server does not say that it sends any so often that a run can count them")
    intervals = _intervals(target)
    target.cases += 1
    # Who answers pings with pongs, and says no more, lives longer than who does not.
    lifetime = _lifetime(target) or 0
    wanted = (_TIMES + 1) * max(intervals.values())
    found.wait_until(max(wanted, lifetime + _MARGIN if lifetime + _MARGIN <= LONGEST else 0))
    found.note()
    age = found.age
    if found.ended_at:
        what = "a connection that answers each WebSocket ping, and sends nothing else, is closed"
        raise Broken(f"{what} after {found.ended_at - found.opened_at:.1f} s{_told_close(found)}")
    came = {
        "heartbeat": sum(target.bus.is_heartbeat(frame) for frame in _texts(found)),
        "WebSocket ping": sum(arrival.frame.opcode == PING for arrival in found.arrivals),
    }
    for what, interval in intervals.items():
        due = age / interval
        # Each may be late, and the next one later by as much; none may be early.
        if not due / 2 - 1 <= came[what] <= due * 1.25 + 1:
            problem = f"in {age:.1f} s {came[what]} {what}s came on a connection without a subscription"
            raise Broken(f"{problem}, though the server says that one is sent each {interval:g} s")
    _check_frames(found)


@check_for_each(
    "websocket",
    _silent,
    name=lambda _: "who answers no WebSocket ping is closed with 1011 in the time that the server says",
    rule=lambda _: _RULE,
    order=WAITING,
)
def _dead_peers_are_found(target: Target, listener: Listener | None) -> None:
    lifetime = _lifetime(target) or 0
    found = _opened(listener, "the server does not say that it closes who answers no ping so soon that a run sees it")
    if str(CloseCode.INTERNAL_ERROR.value) not in target.document.description:
        raise Skipped(f"the document does not say that such a connection is closed with {CloseCode.INTERNAL_ERROR}")
    target.cases += 1
    found.wait_until(lifetime + target.timeout())
    closes = [arrival for arrival in found.arrivals if arrival.frame.opcode == CLOSE]
    ended = found.ended_at
    found.note()
    pings = [arrival.at for arrival in found.arrivals if arrival.frame.opcode == PING]
    if ended is None:
        problem = f"a connection on which {len(pings)} WebSocket pings came, and none was answered, is open"
        raise Broken(f"{problem} after {found.age:.1f} s, though the server says that it is closed after {lifetime:g}")
    after = ended - found.opened_at
    if not pings:
        raise Broken(f"no WebSocket ping came within {after:.1f} s{_told_close(found)}")
    timeout = target.limits.ping_timeout or 0
    if ended - pings[0] < timeout * 0.8 - 0.2:
        problem = f"a connection is closed {ended - pings[0]:.1f} s after the first ping that it did not answer"
        raise Broken(f"{problem}{_told_close(found)}, though the server says that it may take {timeout:g}")
    if not closes or _code(closes[0].frame.payload) != CloseCode.INTERNAL_ERROR:
        problem = f"who answers no WebSocket ping is cut off after {after:.1f} s"
        raise Broken(f"{problem}{_told_close(found)}, not closed with {CloseCode.INTERNAL_ERROR}")
    _check_frames(found)


def _check_frames(listener: Listener) -> None:
    """Raise Broken if a frame that came is one that a server must not send."""
    for arrival in listener.arrivals:
        if problem := arrival.frame.problem:
            raise Broken(problem, rule="RFC 6455, 5")


def _code(payload: bytes) -> int | None:
    return int.from_bytes(payload[:2]) if len(payload) >= 2 else None


def _told_close(listener: Listener) -> str:
    """With which close frame a connection ended: a part of a sentence."""
    closes = [arrival.frame.payload for arrival in listener.arrivals if arrival.frame.opcode == CLOSE]
    return f" with the code {_code(closes[0])}" if closes else " without a close frame"


def _texts(listener: Listener) -> Iterator[Frame]:
    """The JSON objects that came in a text frame each."""
    for arrival in listener.arrivals:
        if arrival.frame.opcode == TEXT:
            with contextlib.suppress(ValueError, RecursionError):
                if isinstance(value := json.loads(arrival.frame.payload), dict):
                    yield value
