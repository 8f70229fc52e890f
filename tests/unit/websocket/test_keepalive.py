"""The timer that heartbeats and pings share, and pings, on an event loop whose clock jumps instead of waiting."""

import asyncio
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVarTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbus.websocket.keepalive import Schedule
from specbus.websocket.limits import Keepalive
from specbus.websocket.registry import Registry

Ts = TypeVarTuple("Ts")

DELAY = 8.0
LATENESS = 0.05
"""Seconds after falling due within which an item is called."""


class Loop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer. Times are exact where they are sums of powers of two."""

    def __init__(self) -> None:
        self.now = 0.0
        self.wake_ups: list[float] = []
        """When schedules asked to be woken, in the order of asking."""
        self.most_timers = 0
        """How many of these were ahead at a time, at most."""
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if isinstance(getattr(callback, "__self__", None), Schedule):
            self.wake_ups.append(when)
            self.most_timers = max(self.most_timers, sum(when > self.now for when in self.wake_ups))
        return super().call_at(when, callback, *args, context=context)


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "the loop waits for what never comes"
        self._loop.now += max(timeout, 0)
        return super().select(0)


class Script:
    """Steps at given times, each a call on the schedule `due`, and what the schedule did: `calls`."""

    def __init__(self, then: Callable[["Script", str], None] = lambda script, item: None) -> None:
        self.loop = Loop()
        self.calls: list[tuple[float, str]] = []
        self.errors: list[BaseException] = []
        self.due = Schedule[str](DELAY, self._act)
        self.then = then

    def run(self, *steps: tuple[float, Callable[[str], None], str], until: float = 64.0) -> None:
        async def play() -> None:
            for when, call, item in steps:
                await asyncio.sleep(when - self.loop.now)
                call(item)
            await asyncio.sleep(until - self.loop.now)

        self.loop.set_exception_handler(lambda _, context: self.errors.append(context["exception"]))
        try:
            self.loop.run_until_complete(play())
        finally:
            self.loop.close()

    def _act(self, item: str) -> None:
        self.calls.append((self.loop.now, item))
        self.then(self, item)


def test_each_item_is_called_once_after_the_delay_in_the_order_of_adding() -> None:
    script = Script()
    add = script.due.add
    script.run((0, add, "a"), (2, add, "b"), (2, add, "c"), (32, add, "d"))
    assert script.calls == [(8, "a"), (10, "b"), (10, "c"), (40, "d")]


def test_adding_an_item_again_counts_its_delay_from_then() -> None:
    script = Script()
    add = script.due.add
    script.run((0, add, "a"), (1, add, "b"), (4, add, "a"))
    assert script.calls == [(9, "b"), (12, "a")]


def test_an_action_that_adds_its_item_again_is_called_at_intervals() -> None:
    script = Script(lambda script, item: script.due.add(item))
    script.run((0, script.due.add, "a"), (4, script.due.add, "b"), until=25)
    assert script.calls == [(8, "a"), (12, "b"), (16, "a"), (20, "b"), (24, "a")]


def test_a_discarded_item_is_not_called_and_an_unknown_one_may_be_discarded() -> None:
    script = Script()
    add, discard = script.due.add, script.due.discard
    script.run((0, discard, "a"), (0, add, "a"), (1, add, "b"), (2, discard, "a"), (3, discard, "a"))
    assert script.calls == [(9, "b")]


def test_an_item_added_after_all_were_discarded_has_its_whole_delay() -> None:
    script = Script()
    script.run((0, script.due.add, "a"), (1, script.due.discard, "a"), (4, script.due.add, "b"))
    assert script.calls == [(12, "b")]


def test_an_action_may_discard_what_is_due_at_the_same_time() -> None:
    script = Script(lambda script, item: script.due.discard("b"))
    add = script.due.add
    script.run((0, add, "a"), (0, add, "b"), (0, add, "c"))
    assert script.calls == [(8, "a"), (8, "c")]


def test_a_failing_action_is_reported_and_costs_no_other_item_its_call() -> None:
    def fail(script: Script, item: str) -> None:
        if item == "bad":
            raise RuntimeError(item)

    script = Script(fail)
    add = script.due.add
    script.run((0, add, "bad"), (0, add, "a"), (2, add, "b"), (32, add, "c"))
    assert [str(error) for error in script.errors] == ["bad"]
    assert [item for _, item in script.calls] == ["bad", "a", "b", "c"]
    assert all(when <= due + LATENESS for (when, _), due in zip(script.calls, (8, 8, 10, 40), strict=True))


def test_one_timer_serves_all_items_and_those_due_close_together_share_a_wake_up() -> None:
    script = Script()
    number = 1024
    added = [index / number for index in range(number)]
    script.run(*((when, script.due.add, str(when)) for when in added))
    assert [item for _, item in script.calls] == [str(when) for when in added]
    assert all(0 <= when - float(item) - DELAY <= LATENESS for when, item in script.calls)
    assert script.loop.most_timers == 1
    assert len(script.loop.wake_ups) == 21  # all fall due within a second


def test_nobody_is_woken_when_nothing_is_due() -> None:
    script = Script()
    script.run((0, script.due.add, "a"), until=1024)
    assert script.loop.wake_ups == [8]


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 5) | st.integers(0, 320), st.sampled_from(["add", "discard"]), st.sampled_from("abc")),
        max_size=40,
    )
)
def test_whatever_is_added_and_discarded_each_item_is_called_once_when_it_is_due(
    steps: list[tuple[int, str, str]],
) -> None:
    script = Script()
    log: list[tuple[float, str, str]] = []
    now = 0.0

    def step(name: str) -> Callable[[str], None]:
        def call(item: str) -> None:
            log.append((script.loop.now, name, item))
            getattr(script.due, name)(item)

        return call

    timed = []
    for pause, name, item in steps:
        now += pause / 64
        timed.append((now, step(name), item))
    script.then = lambda script, item: log.append((script.loop.now, "call", item))
    script.run(*timed, until=now + 2 * DELAY)

    assert script.loop.most_timers <= 1
    due: dict[str, float] = {}
    for when, name, item in log:
        assert all(when <= time + LATENESS for time in due.values())
        if name == "call":
            assert due[item] == min(due.values())
            assert due[item] <= when
        due.pop(item, None)
        if name == "add":
            due[item] = when + DELAY
    assert due == {}


class Peer:
    """A connection that notes when it was pinged and given up, and answers each ping so much later, or never."""

    def __init__(self, answers_after: float | None = None, answers: int = 1000) -> None:
        self.alive = True
        self.pings: list[float] = []
        self.heartbeats: list[float] = []
        self.given_up: list[float] = []
        self._answers_after = answers_after
        self._answers = answers

    def ping(self) -> None:
        loop = asyncio.get_running_loop()
        self.pings.append(loop.time())
        self.alive = False
        if self._answers_after is not None and len(self.pings) <= self._answers:
            loop.call_later(self._answers_after, setattr, self, "alive", True)

    def give_up(self) -> None:
        self.given_up.append(asyncio.get_running_loop().time())

    def send_heartbeat(self, message: bytes) -> None:
        self.heartbeats.append(asyncio.get_running_loop().time())


def watch(peer: Peer, until: float, **durations: Any) -> None:
    """Have a registry watch `peer` until it gives it up, or for so long."""
    loop = Loop()

    async def play() -> None:
        registry = Registry(Keepalive(**durations))
        registry.add(peer)
        while not peer.given_up and loop.now < until:
            await asyncio.sleep(0.5)
        registry.remove(peer)

    try:
        loop.run_until_complete(play())
    finally:
        loop.close()


@pytest.mark.parametrize("timeout", [1.0, 7.0, 8.0, 9.0, 30.0])
def test_a_peer_that_answers_in_time_is_pinged_at_each_interval_and_stays(timeout: float) -> None:
    peer = Peer(answers_after=0.75)
    watch(peer, until=100, heartbeat_interval=8, ping_interval=8, ping_timeout=timeout)
    assert peer.pings == peer.heartbeats
    assert len(peer.pings) == 12
    assert peer.given_up == []


@pytest.mark.parametrize("timeout", [1.0, 7.0, 8.0, 9.0, 30.0])
@pytest.mark.parametrize("answers", [0, 3])
def test_a_peer_that_falls_silent_is_given_up_a_timeout_after_the_first_ping_it_does_not_answer(
    timeout: float, answers: int
) -> None:
    peer = Peer(0.75, answers)
    watch(peer, until=100, heartbeat_interval=0, ping_interval=8, ping_timeout=timeout)
    (when,) = peer.given_up
    assert 0 <= when - peer.pings[answers] - timeout <= LATENESS


def test_a_peer_that_answers_too_late_is_given_up() -> None:
    peer = Peer(answers_after=3)
    watch(peer, until=100, heartbeat_interval=0, ping_interval=8, ping_timeout=2)
    assert len(peer.given_up) == 1
