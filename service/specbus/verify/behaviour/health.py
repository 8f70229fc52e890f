"""What `/health` counts: everybody's things, those of other runs too, which come and go meanwhile."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from specbus.verify.behaviour.commands import subscribe
from specbus.verify.checks import LAST, check, check_for_each
from specbus.verify.failures import Broken, Skipped
from specbus.verify.peer import Peer
from specbus.verify.target import Target
from specbus.verify.topics import HEALTH

_PLACE = "openapi.yaml#/components/schemas/Health/properties/"
_TRIES = 5
"""How often something is looked at, at least, before it is taken to be wrong: others do the same at the same time."""
_CONNECTIONS = 3
_CLOCKS = 1.5
"""Seconds by which the difference of two whole numbers of seconds may be off, with some for a clock that is set."""
_PATIENCE = 0.5
"""Seconds that it may take to delete topics, which else is done at the end of the run."""


def _health(target: Target, number: str) -> int:
    """A number that /health gives. Raises Broken, and Skipped."""
    value = target.read(target.topics.path(HEALTH), number)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Broken(f"/health gives {value!r} as {number}")
    return value


@check("behaviour", "openapi.yaml#/paths/~1health/get")
def the_health_counts_topics_and_subscribers(target: Target) -> None:
    _compare(target, "before a topic is made")
    topic, extra, peer = target.topics.new(), target.topics.new(), target.peer()
    _compare(target, "after two topics are made")
    # A subscriber of two topics is a subscriber of each.
    subscribe(peer, topic)
    subscribe(peer, extra)
    subscribe(target.peer("other"), topic)
    _compare(target, "after one subscribes to two topics, and another one to one of them")
    peer.close()
    _compare(target, "after the going of a subscriber of two topics")
    target.topics.delete(topic)
    _compare(target, "after a topic's deletion")


def _compare(target: Target, when: str) -> None:
    """Raise Broken if /health is at odds with the list of all topics, as long as that stays the same meanwhile."""
    target.cases += 1
    end, tries = target.deadline(), 0
    problem = ""
    while tries < _TRIES or (time.monotonic() < end and "subscribers" in problem):
        before = target.topics.listed()
        health = _health(target, "topics"), _health(target, "subscribers")
        if target.topics.listed() != before:
            # Others are busy here: until they are not, nothing can be said.
            if time.monotonic() > end:
                return
            continue
        tries += 1
        counts = [each for each in before.values() if isinstance(each, int)]
        subscribers = sum(counts) if len(counts) == len(before) else health[1]
        if health == (len(before), subscribers):
            return
        what, found, wanted = (
            ("topics", health[0], len(before)) if health[0] != len(before) else ("subscribers", health[1], subscribers)
        )
        problem = f"{when}, /health counts {found} {what}, and the list of topics has {wanted}"
    raise Broken(problem)


@check("behaviour", f"{_PLACE}connections")
def the_health_counts_open_connections_with_and_without_subscriptions(target: Target) -> None:
    topic = target.topics.new()
    kinds: list[tuple[str, Callable[[Peer], object]]] = [
        ("without a subscription", lambda _: None),
        ("with one", lambda peer: subscribe(peer, topic)),
    ]
    for what, act in kinds:
        target.cases += 1
        _count_connections(target, what, act)


def _count_connections(target: Target, what: str, act: Callable[[Peer], object]) -> None:
    """Raise Broken if /health does not follow the opening, or the closing, of some connections.

    Others may open and close some at the same time, but not always more of the one, until the time for it is up.
    """
    end = target.deadline()
    opened: list[int] = []
    closed: list[int] = []
    while True:
        before = _health(target, "connections")
        peers = [target.peer(f"peer{number}") for number in range(_CONNECTIONS)]
        for peer in peers:
            act(peer)
        during = _settled(target, before + _CONNECTIONS)
        for peer in peers:
            peer.close()
        opened.append(during - before)
        closed.append(during - _settled(target, during - _CONNECTIONS))
        if _CONNECTIONS in opened and _CONNECTIONS in closed:
            return
        if len(opened) >= _TRIES and time.monotonic() > end:
            break
    for how, changes in (("more", opened), ("less", closed)):
        if _is_off(changes):
            done = "opened" if how == "more" else "closed again"
            found = ", ".join(map(str, changes[:_TRIES]))
            problem = f"when {_CONNECTIONS} connections {what} are {done}, /health counts {found} {how}"
            raise Broken(f"{problem}, in one try after the other")


def _is_off(changes: list[int]) -> bool:
    """Whether all changes are on the same side of what they should be."""
    return all(each < _CONNECTIONS for each in changes) or all(each > _CONNECTIONS for each in changes)


def _settled(target: Target, wanted: int) -> int:
    """How many connections /health counts once these are `wanted`, or after a while."""
    end = time.monotonic() + min(0.1, target.timeout())
    while (found := _health(target, "connections")) != wanted and time.monotonic() < end:
        pass
    return found


_PASSED = 4.0
"""Seconds after which an uptime is looked at again."""


def _begun(target: Target) -> Iterator[tuple[float, float, int] | None]:
    """When the run began, as two times between which that is, and what /health gave as the uptime; None if nothing."""
    try:
        yield _uptime(target)
    except (Broken, Skipped):
        yield None


def _uptime(target: Target) -> tuple[float, float, int]:
    before = time.monotonic()
    uptime = _health(target, "uptime_sec")
    return before, time.monotonic(), uptime


@check_for_each(
    "behaviour",
    _begun,
    name=lambda _: "the uptime grows by a second each second",
    rule=lambda _: f"{_PLACE}uptime_sec",
    order=LAST,
)
def _uptimes(target: Target, begun: tuple[float, float, int] | None) -> None:
    # Of a whole run more has passed. Where this is all that is checked, it takes some time to see it pass.
    while begun and time.monotonic() < begun[1] + _PASSED and target.timeout():
        time.sleep(0.05)
    for when in ("", " and there is no topic any more"):
        if when and not _without_topics(target):
            return
        target.cases += 1
        before, after, uptime = _uptime(target)
        if begun is None:
            continue
        least, most = before - begun[1] - _CLOCKS, after - begun[0] + _CLOCKS
        if not least < uptime - begun[2] < most:
            passed = f"{after - begun[0]:.1f} s have passed"
            raise Broken(f"/health gave the uptime {begun[2]}, and when {passed}{when}, {uptime}")


def _without_topics(target: Target) -> bool:
    """Delete the topics of the run, which is due soon anyway; whether there are none then."""
    if not target.topics.are_made:
        return False
    end = time.monotonic() + _PATIENCE
    made: Any = target.topics.made
    for name in target.topics.listed():
        if time.monotonic() > end or not (name in made or name.startswith(target.prefix)):
            return False
        target.topics.delete(name)
    return not target.topics.listed()
