"""Any order of operations on several connections, against a model of the bus."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from specbus.verify.behaviour.commands import DOCUMENT
from specbus.verify.checks import check, needs_history
from specbus.verify.failures import Broken, TimedOut
from specbus.verify.generate import Search, settings
from specbus.verify.peer import Frame
from specbus.verify.target import Target

STEPS = 25
"""Operations in one try."""


@dataclass
class _Topic:
    """A topic as it should be."""

    events: list[str] = field(default_factory=list)


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

    @initialize()
    @_step
    def start(self) -> None:
        """Two topics, three connections."""
        self.target.start_case()
        self.target.cases += 1
        self.names = [self.target.topic(), self.target.topic()]
        self.topics: dict[str, _Topic | None] = {name: _Topic() for name in self.names}
        self.peers = [self.target.peer(name) for name in "abc"]
        self.subscribed: list[set[str]] = [set(), set(), set()]
        self.due: list[list[str]] = [[], [], []]
        """What each connection should get and has not yet read: `topic/id`, or `topic/deleted`."""
        self.number = 0
        # A server that cannot be published to over HTTP fails the check of that, and not this one.
        message = {"id": "00000000-0000-4000-8000-000000000000", "payload": 0}
        spare = self.target.topic()
        self.has_http = self.target.call("POST", f"/topics/{spare}/messages", json=message).is_success
        self.target.delete(spare)
        self.target.steps = []

    peers_ = st.integers(0, 2)
    topics_ = st.integers(0, 1)

    @rule(who=peers_, which=topics_, last_n=st.none() | st.integers(0, 4))
    @_step
    def subscribe(self, who: int, which: int, last_n: int | None) -> None:
        """Subscribe, perhaps again, perhaps with a replay."""
        name = self.names[which]
        frame: Frame = {"type": "subscribe", "topic": name, "client_id": "model"}
        if last_n is not None:
            frame["last_n"] = last_n
        if self._do(who, frame, name):
            topic = self.topics[name]
            self.subscribed[who].add(name)
            newest = topic.events[max(0, len(topic.events) - (last_n or 0)) :] if topic else []
            self.due[who] += [f"{name}/{id_}" for id_ in newest]

    @rule(who=peers_, which=topics_)
    @_step
    def unsubscribe(self, who: int, which: int) -> None:
        """Unsubscribe, perhaps without a subscription."""
        name = self.names[which]
        self._read(who)
        if self._do(who, {"type": "unsubscribe", "topic": name, "client_id": "model"}, name):
            self.subscribed[who].discard(name)

    @rule(who=peers_, which=topics_, count=st.integers(1, 3), over_http=st.booleans())
    @_step
    def publish(self, who: int, which: int, count: int, over_http: bool) -> None:
        """Publish, one after the other."""
        name = self.names[which]
        for _ in range(count):
            self.number += 1
            id_ = f"00000000-0000-4000-8000-{self.number:012d}"
            message = {"id": id_, "payload": self.number}
            if over_http and self.has_http:
                status = self.target.call("POST", f"/topics/{name}/messages", json=message).status_code
                taken = self._taken(status < 300, name, f"POST /topics/{name}/messages is answered with {status}")
            else:
                taken = self._do(who, {"type": "publish", "topic": name, "message": message}, name)
            if taken:
                topic = self.topics[name]
                if topic:
                    topic.events.append(id_)
                for due, subscribed in zip(self.due, self.subscribed, strict=True):
                    due += [f"{name}/{id_}"] if name in subscribed else []

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
        if self.topics[name] is None:
            self.target.create(name)
            self.topics[name] = _Topic()
            return
        self.target.delete(name)
        self.topics[name] = None
        for due, subscribed in zip(self.due, self.subscribed, strict=True):
            due += [f"{name}/deleted"] if name in subscribed else []
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
                if topic is not None:
                    self.target.delete(name)

    def _do(self, who: int, frame: Frame, name: str) -> bool:
        answer = self.peers[who].ask({**frame, "request_id": "m"})
        problem = f"a {frame['type']} is answered with {json.dumps(answer)[:200]}"
        return self._taken(answer.get("type") == "ack", name, problem)

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
        got = [_told(frame) for frame in peer.unread]
        peer.unread.clear()
        until = self.target.deadline()
        while (came := sum(map(bool, got))) < len(due):
            try:
                got.append(_told(peer.receive(until)))
            except TimedOut:
                raise Broken(f"connection {peer.name} got {came} of the {len(due)} events it was due") from None
        answer = peer.ask({"type": "ping", "request_id": "sentinel"})
        if answer.get("type") != "pong":
            raise Broken(f"a ping is answered with {json.dumps(answer)[:200]}")
        got += [_told(frame) for frame in peer.unread]
        peer.unread.clear()
        seen = [one for one in got if one]
        # Order is promised within a topic, not between topics.
        for name in self.names:
            of_it = [one for one in seen if one.startswith(f"{name}/")]
            expected = [one for one in due if one.startswith(f"{name}/")]
            if of_it != expected:
                shown = [[one.rpartition("/")[2][-4:] for one in ones] for ones in (of_it, expected)]
                raise Broken(f"connection {peer.name} got {shown[0]} of {name}, and {shown[1]} is what it was due")


def _told(frame: Frame) -> str:
    """What `due` has for a frame; an empty text for one that is neither an event nor the end of a topic."""
    if frame.get("type") == "event":
        message: Any = frame.get("message")
        return f"{frame.get('topic')}/{message.get('id') if isinstance(message, dict) else message}"
    if frame.get("type") == "info" and frame.get("msg") == "topic_deleted":
        return f"{frame.get('topic')}/deleted"
    return ""


@check("behaviour", DOCUMENT, when=needs_history(4))
def whatever_is_done_in_whatever_order__each_connection_gets_what_it_is_due(target: Target) -> None:
    search = Search(target)

    machine = hypothesis.seed(target.options.seed)(type("Machine", (_Machine,), {"target": target, "search": search}))
    options = settings(max(5, target.options.examples // 2), stateful_step_count=STEPS)
    search.run(lambda: run_state_machine_as_test(machine, settings=options))
