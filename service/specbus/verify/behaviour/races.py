"""What comes at the same time: commands in one piece, requests on several connections, messages and a deletion."""

import contextlib
import json
from collections.abc import Sequence

from specbus.verify.asyncapi import Frame
from specbus.verify.behaviour.commands import (
    DELETE,
    DOCUMENT,
    check_nothing_more,
    check_same,
    event_ids,
    publish,
    receive,
    subscribe,
)
from specbus.verify.checks import check
from specbus.verify.failures import Broken
from specbus.verify.peer import Peer
from specbus.verify.raw import Exchange, request
from specbus.verify.rest.document import JSON_TYPE, HttpOperation
from specbus.verify.target import Target
from specbus.verify.topics import CREATE
from specbus.verify.topics import DELETE as DELETING

_TIMES = 5
"""How often a race is run: one may be won by chance."""
_RACERS = 4
_DELETIONS = 50
_MESSAGES = 30


def _answered(peer: Peer, commands: Sequence[Frame]) -> list[Frame]:
    """What came up to the answer to the last of `commands`, sent in one piece. Raises Broken unless all are taken."""
    peer.send_together(commands)
    bus, until = peer.target.bus, peer.target.deadline()
    came: list[Frame] = []
    left = len(commands)
    while left:
        frame = receive(peer, until, f"the answers to {len(commands)} commands that were sent in one piece")
        came.append(frame)
        if peer.target.document.is_reply(frame) and not bus.is_dropped(frame):
            left -= 1
            if not bus.is_ack(frame):
                raise Broken(f"of commands that were sent in one piece, one is refused: {json.dumps(frame)[:200]}")
    return came


@check("behaviour", DOCUMENT)
def commands_that_come_in_one_piece_are_carried_out_one_after_the_other(target: Target) -> None:
    bus = target.bus
    for _ in range(_TIMES):
        topic = target.topics.new()
        peer, writer, watcher = target.peer("a"), target.peer("writer"), target.peer("watcher")
        subscribe(watcher, topic)
        target.steps = target.steps[:4]
        target.cases += 1
        first, id_ = bus.publish(topic)
        _answered(peer, [first, bus.subscribe(topic)])
        check_nothing_more(peer, "a message that was published before the subscribe, in one piece with it")
        target.cases += 1
        second, second_id = bus.publish(topic)
        came = _answered(peer, [second, bus.unsubscribe(topic)])
        if not [frame for frame in came if bus.is_event(frame)] or not bus.is_ack(came[-1]):
            raise Broken("a message does not come before the ack of the unsubscribe that was sent behind it")
        target.cases += 1
        _answered(peer, [bus.subscribe(topic), bus.unsubscribe(topic)])
        third_id = publish(writer, topic)
        check_nothing_more(peer, "after a subscribe and an unsubscribe in one piece")
        target.cases += 1
        fourth, fourth_id = bus.publish(topic)
        came = _answered(peer, [bus.subscribe(topic), fourth])
        peer.unread += [frame for frame in came if bus.is_event(frame)]
        check_same(event_ids(peer, topic, 1), [fourth_id], "a message that was published behind the subscribe")
        target.cases += 1
        *others, last = [bus.publish(topic) for _ in range(_MESSAGES)]
        came = _answered(peer, [frame for frame, _ in [*others, last]])
        peer.unread += [frame for frame in came if bus.is_event(frame)]
        due = [id_ for _, id_ in [*others, last]]
        check_same(event_ids(peer, topic, _MESSAGES), due, "messages that were published in one piece")
        expected = [id_, second_id, third_id, fourth_id, *due]
        check_same(event_ids(watcher, topic, len(expected)), expected, "who only watched commands in one piece")


def _at_once(target: Target, operation: HttpOperation, path: str, body: bytes | None) -> list[int]:
    """The statuses of the answers to the same request, sent on several connections before any is read."""
    fields = [f"{name}: {value}" for name, value in operation.headers().items()]
    if body is not None:
        fields += [f"Content-Type: {JSON_TYPE}", f"Content-Length: {len(body)}"]
    head = request(target, operation.method, path, *fields)
    # All but the last byte first: the rest is on its way on all connections at nearly the same time.
    whole = head + (body or b"")
    with contextlib.ExitStack() as stack:
        exchanges = [stack.enter_context(Exchange(target, whole[:-1])) for _ in range(_RACERS)]
        for exchange in exchanges:
            exchange.send(whole[-1:])
        answers = [exchange.answer(operation.method) for exchange in exchanges]
    return [answer.status for answer in answers if answer]


@check("behaviour", "openapi.yaml#/paths/~1topics/post")
def of_creations_at_the_same_time_one_succeeds_and_so_of_deletions(target: Target) -> None:
    creating, deleting = target.topics.operation(CREATE), target.topics.operation(DELETING)
    for _ in range(_TIMES):
        name = target.topics.new_name()
        target.steps = []
        for operation, path, body, what in (
            (creating, creating.path_of(), json.dumps(creating.body(name)).encode(), "creations"),
            (deleting, deleting.path_of(name), None, "deletions"),
        ):
            target.cases += 1
            statuses = _at_once(target, operation, path, body)
            taken = [status for status in statuses if 200 <= status < 300]
            if len(taken) != 1:
                told = ", ".join(map(str, statuses))
                raise Broken(f"of {_RACERS} {what} of a topic at the same time {len(taken)} succeed, not one: {told}")


@check("behaviour", DELETE)
def what_was_published_before_a_deletion_comes_before_its_news(target: Target) -> None:
    bus = target.bus
    operation = target.topics.operation(DELETING)
    reader, writer = target.peer("reader"), target.peer("writer")
    for _ in range(_DELETIONS):
        topic = target.topics.new()
        subscribe(reader, topic)
        target.steps = target.steps[-2:]
        target.cases += 1
        published = [bus.publish(topic) for _ in range(_MESSAGES)]
        deletion = request(target, operation.method, operation.path_of(topic))
        # All but the end of the request first, so that the deletion comes right behind the messages, or among them.
        with Exchange(target, deletion[:-1]) as exchange:
            writer.send_together([frame for frame, _ in published])
            exchange.send(deletion[-1:])
            # What is acknowledged was published before the topic was deleted, whenever that was.
            due = [id_ for _, id_ in published if bus.is_ack(writer.answer())]
            exchange.answer(operation.method)
        until = target.deadline()
        got = []
        while not bus.is_ended(frame := receive(reader, until, "the news of a topic's deletion")):
            if bus.is_event(frame):
                got.append(bus.id_of(frame))
        check_same(got, due, "what was acknowledged before a topic's deletion")
        check_nothing_more(reader, "after the news of a topic's deletion")
