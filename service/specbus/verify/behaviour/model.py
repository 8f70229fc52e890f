"""Any order of operations on several connections, against a model of the bus."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from specbus.verify.asyncapi import Frame
from specbus.verify.behaviour.commands import DOCUMENT, probe, publish_over_http
from specbus.verify.checks import check, needs_history
from specbus.verify.failures import Broken, Skipped, TimedOut
from specbus.verify.generate import Search, settings
from specbus.verify.peer import Peer
from specbus.verify.target import Target

STEPS = 25
"""Operations in one try."""
_DELETED = object()
"""What a connection is due, beside the ids of messages, when a topic is deleted."""
_Due: TypeAlias = tuple[str, Any]
"""A topic, and what came of it."""


@dataclass
class _Topic:
    """A topic as it should be."""

    events: list[Any] = field(default_factory=list)


def _step(function: Callable[..., None]) -> Callable[..., None]:
    """Make a method a step of the machine, whose failure the search remembers."""

    @functools.wraps(function)
    def step(self: "_Machine", **arguments: Any) -> None:
        with self.search.case():
            function(self, **arguments)

    return step


class _Machine(RuleBasedStateMachine):
    """Three connections, two topics."""

    target: Target
    search: Search
    names: tuple[str, str]
    has_http: bool

    @initialize()
    @_step
    def start(self) -> None:
        """Two topics, three connections."""
        self.target.start_case()
        self.target.cases += 1
        self.target.bus.start_check()
        self._make_topics()
        self.topics: dict[str, _Topic | None] = {name: _Topic() for name in self.names}
        self.peers = [self.target.peer(name) for name in "abc"]
        self.subscribed: list[set[str]] = [set(), set(), set()]
        self.due: list[list[_Due]] = [[], [], []]
        """What each connection should get and has not yet read."""
        self.target.steps = []

    def _make_topics(self) -> None:
        topics = self.target.topics
        if not topics.are_made:
            self.names = topics.new_name(), topics.new_name()
            return
        for name in self.names:
            topics.create(name)

    peers_ = st.integers(0, 2)
    topics_ = st.integers(0, 1)

    @rule(who=peers_, which=topics_, last_n=st.none() | st.integers(0, 4))
    @_step
    def subscribe(self, who: int, which: int, last_n: int | None) -> None:
        """Subscribe, perhaps again, perhaps with a replay."""
        name = self.names[which]
        if last_n is not None and not self.target.bus.may_replay(last_n):
            last_n = None
        if self._do(who, self.target.bus.subscribe(name, last_n), name):
            topic = self.topics[name]
            self.subscribed[who].add(name)
            newest = topic.events[max(0, len(topic.events) - (last_n or 0)) :] if topic else []
            self.due[who] += [(name, id_) for id_ in newest]

    @rule(who=peers_, which=topics_)
    @_step
    def unsubscribe(self, who: int, which: int) -> None:
        """Unsubscribe, perhaps without a subscription."""
        name = self.names[which]
        self._read(who)
        if self._do(who, self.target.bus.unsubscribe(name), name):
            self.subscribed[who].discard(name)

    @rule(who=peers_, which=topics_, count=st.integers(1, 3), over_http=st.booleans())
    @_step
    def publish(self, who: int, which: int, count: int, over_http: bool) -> None:
        """Publish, one after the other."""
        name = self.names[which]
        for _ in range(count):
            if over_http and self.has_http:
                status, _, id_ = publish_over_http(self.target, name)
                taken = self._taken(status < 300, name, f"a message published over HTTP is answered with {status}")
            else:
                frame, id_ = self.target.bus.publish(name)
                taken = self._do(who, frame, name)
            if taken:
                topic = self.topics[name]
                if topic:
                    topic.events.append(id_)
                for due, subscribed in zip(self.due, self.subscribed, strict=True):
                    due += [(name, id_)] if name in subscribed else []

    @rule(who=peers_)
    @_step
    def reconnect(self, who: int) -> None:
        """Go, and come back without subscriptions."""
        self._read(who)
        self.peers[who].close()
        self.subscribed[who], self.due[who] = set(), []
        self.peers[who] = self.target.peer("abc"[who])

    @rule(which=topics_)
    @_step
    def delete_or_create(self, which: int) -> None:
        """Delete a topic, or create it again."""
        name = self.names[which]
        if not self.target.topics.are_made:
            return
        if self.topics[name] is None:
            self.target.topics.create(name)
            self.topics[name] = _Topic()
            return
        self.target.topics.delete(name)
        self.topics[name] = None
        for due, subscribed in zip(self.due, self.subscribed, strict=True):
            due += [(name, _DELETED)] if name in subscribed else []
            subscribed.discard(name)

    @rule()
    @_step
    def everyone_reads(self) -> None:
        """Each connection has just what it is due."""
        for who in range(3):
            self._read(who)

    @_step
    def teardown(self) -> None:
        """Read to the end, and tidy up."""
        try:
            if hasattr(self, "peers"):
                self.everyone_reads()
        finally:
            for name, topic in getattr(self, "topics", {}).items():
                if topic is not None and self.target.topics.are_made:
                    self.target.topics.delete(name)

    def _do(self, who: int, frame: Frame, name: str) -> bool:
        answer = self.peers[who].ask(frame)
        problem = f"{json.dumps(frame)[:200]} is answered with {json.dumps(answer)[:200]}"
        return self._taken(self.target.bus.is_ack(answer), name, problem)

    def _taken(self, taken: bool, name: str, problem: str) -> bool:
        """Whether something was done to the topic `name`. Raises Broken if that is not so just where it exists."""
        exists = self.topics[name] is not None
        if taken != exists:
            raise Broken(f"{problem}, while the topic {'exists' if exists else 'does not exist'}")
        return taken

    def _read(self, who: int) -> None:
        """Have one connection read all that it is due, and see that nothing else comes."""
        peer = self.peers[who]
        due, self.due[who] = self.due[who], []
        got = self._told(peer)
        until = self.target.deadline()
        while len(got) < len(due):
            try:
                peer.unread.append(peer.receive(until))
            except TimedOut:
                raise Broken(f"connection {peer.name} got {len(got)} of the {len(due)} events it was due") from None
            got += self._told(peer)
        probe(peer)
        got += self._told(peer)
        # Order is promised within a topic, not between topics.
        for name in self.names:
            of_it = [what for topic, what in got if topic == name]
            expected = [what for topic, what in due if topic == name]
            if of_it != expected:
                shown = [[str(what)[-4:] for what in ones] for ones in (of_it, expected)]
                raise Broken(f"connection {peer.name} got {shown[0]} of {name}, and {shown[1]} is what it was due")

    def _told(self, peer: Peer) -> list[_Due]:
        """What `due` has for the frames that came unasked; they count as looked at."""
        bus = self.target.bus
        told: list[_Due] = []
        for frame in peer.unread:
            if bus.is_event(frame):
                told.append((bus.topic_of(frame), bus.id_of(frame)))
            elif bus.is_ended(frame):
                told.append((bus.topic_of(frame), _DELETED))
        peer.unread.clear()
        return told


def _has_http(target: Target) -> bool:
    """Whether messages can be published over HTTP. A server where they cannot fails the check of that, not this one."""
    try:
        return publish_over_http(target, target.topics.new())[0] < 300
    except (Broken, Skipped):
        return False


@check("behaviour", DOCUMENT, when=needs_history(4))
def whatever_is_done_in_whatever_order__each_connection_gets_what_it_is_due(target: Target) -> None:
    search = Search(target)

    # Where no topic can be made, or no message told from others, there is nothing to do.
    target.topics.new()
    target.bus.messages.require(3 * STEPS)
    has_http = _has_http(target)
    target.start_check()
    names = target.topics.new_name(), target.topics.new_name()
    fixed = {"target": target, "search": search, "has_http": has_http, "names": names}
    machine = hypothesis.seed(target.options.seed)(type("Machine", (_Machine,), fixed))
    options = settings(max(5, target.options.examples // 2), stateful_step_count=STEPS)
    search.run(lambda: run_state_machine_as_test(machine, settings=options))
