"""Names, ids and labels: each is what it is, and another one is another, however near."""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

from specbus.verify.asyncapi import Rules
from specbus.verify.behaviour.commands import (
    EVENT,
    SUBSCRIBE,
    acknowledged,
    check_nothing_more,
    check_same,
    event_ids,
    publish,
    subscribe,
    unsubscribe,
)
from specbus.verify.checks import check
from specbus.verify.failures import Broken, Skipped
from specbus.verify.peer import Peer
from specbus.verify.rest.client import json_of
from specbus.verify.target import Target
from specbus.verify.topics import CREATE, DELETE, READ

NAME = "openapi.yaml#/components/schemas/TopicName"


def _near(name: str) -> Iterator[str]:
    """Names that are nearly `name`: the same to whoever compares without care."""
    yield name.swapcase()
    yield from (name.replace(old, new) for old, new in ("-_", "_-", "-.", ".-", "_.", "._"))
    yield from (f"{name}{more}" for more in ("-", "_", ".", "..", "0", " ", "/", "\u0301", "%20", ".json"))
    yield from (f"{more}{name}" for more in ("0", "_", ".", " "))
    yield name[:-1]
    yield from (unicodedata.normalize(form, f"{name}\u00e9\uff21") for form in ("NFC", "NFD", "NFKC"))


def _unlike(target: Target) -> list[str]:
    """Names of topics that there are not, each near the first. Raises Skipped where the document allows no two such."""
    first = target.topics.new_name()
    accepts = Rules(target.bus.name_schema).accepts
    taken = {*target.topics.listed(), *target.topics.made}
    others = [name for name in dict.fromkeys(_near(first)) if name not in taken and accepts(name)]
    if not others:
        raise Skipped("the document allows no names of topics that are nearly the same")
    return [first, *others][: target.limits.max_subscriptions]


@check("behaviour", NAME)
def names_that_are_nearly_the_same_are_different_topics(target: Target) -> None:
    names = _unlike(target)
    operation = target.topics.operation(CREATE)
    peer = target.peer()
    for name in names:
        target.cases += 1
        response = target.call(operation.method, operation.path_of(), json=operation.body(name))
        if not response.is_success:
            beside = f"a topic {json.dumps(name)} cannot be created beside {json.dumps(names[0])}, which is another"
            raise Broken(f"{beside}: the answer is {response.status_code}")
        _check_named(json_of(response), name, names, f"the answer to the creation of {json.dumps(name)}")
        subscribe(peer, name)
    listed = target.topics.listed()
    if lost := [name for name in names if name not in listed]:
        raise Broken(f"of topics whose names are nearly the same, {json.dumps(lost[0])} is not in the list")
    for name in names:
        target.cases += 1
        _check_alone(peer, name)
        path = target.topics.path(READ, name)
        _check_named(json_of(target.call("GET", path)), name, names, f"the answer to GET {path}")
    for name in names:
        unsubscribe(peer, name)
        publish(peer, name)
        check_nothing_more(peer, f"after the unsubscribe from {json.dumps(name)}")
    target.topics.delete(names[0])
    for name in names[1:]:
        subscribe(peer, name)
        _check_alone(peer, name)


def _check_alone(peer: Peer, name: str) -> None:
    """Raise Broken unless a message on the topic `name` comes to its subscriber once, and as of no other topic."""
    id_ = publish(peer, name)
    check_same(event_ids(peer, name, 1), [id_], f"a subscriber of {json.dumps(name)}")
    check_nothing_more(peer, f"after the one message on {json.dumps(name)}")


def _check_named(answer: Any, name: str, names: list[str], what: str) -> None:
    """Raise Broken if an answer about a topic has another of `names`, or the same in another case, for its name."""
    for value in answer.values() if isinstance(answer, dict) else ():
        if isinstance(value, str) and value != name and (value in names or value.casefold() == name.casefold()):
            raise Broken(f"{what} calls it {json.dumps(value)}")


@check("behaviour", NAME)
def a_topic_goes_by_its_very_name(target: Target) -> None:
    name, *others = _unlike(target)
    target.topics.create(name)
    bus, peer = target.bus, target.peer()
    for other in others:
        near = f"where there is {json.dumps(name)}"
        target.steps = target.steps[:1]
        for frame in (bus.subscribe(other), bus.publish(other)[0]):
            target.cases += 1
            if bus.is_ack(peer.ask(frame)):
                command = target.document.message_of(frame)
                raise Broken(
                    f"a {command and command.name} to {json.dumps(other)}, which there is not, is taken {near}"
                )
        for id_ in (READ, DELETE):
            target.cases += 1
            operation = target.topics.operation(id_)
            response = target.call(operation.method, operation.path_of(other))
            if response.is_success:
                what = f"{operation} of {json.dumps(other)}, which there is not"
                raise Broken(f"{what}, is answered with {response.status_code} {near}")
    if name not in target.topics.listed():
        raise Broken(f"{json.dumps(name)} is gone after the deletion of topics whose names are nearly the same")


@check("behaviour", EVENT)
def a_message_may_be_published_again(target: Target) -> None:
    topic, peer = target.topics.new(), target.peer()
    subscribe(peer, topic)
    frame, id_ = target.bus.publish(topic)
    for _ in range(3):
        target.cases += 1
        acknowledged(peer, frame)
        if event_ids(peer, topic, 1) != [id_]:
            raise Broken("a message that is published again does not come again")


@check("behaviour", SUBSCRIBE)
def the_label_of_a_client_decides_nothing(target: Target) -> None:
    topic = target.topics.new()
    readers = [target.peer(f"reader{number}") for number in range(3)]
    for reader in readers:
        subscribe(reader, topic, label="the same")
    for publisher in (readers[0], target.peer("writer")):
        target.cases += 1
        id_ = publish(publisher, topic)
        for reader in readers:
            check_same(event_ids(reader, topic, 1), [id_], "one of three connections that call themselves the same")
    target.cases += 1
    unsubscribe(readers[0], topic, label="another")
    id_ = publish(readers[1], topic)
    check_nothing_more(readers[0], "after an unsubscribe under another label than that of the subscribe")
    for reader in readers[1:]:
        check_same(event_ids(reader, topic, 1), [id_], "a subscriber, after another of the same label unsubscribed")
