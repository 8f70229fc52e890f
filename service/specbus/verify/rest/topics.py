"""Topics and their messages: there after they were made, gone after they were deleted."""

import contextlib
import functools
import json
from collections.abc import Iterator
from typing import Any

import httpx

from specbus.verify.checks import WAITING, needs_history
from specbus.verify.failures import Broken, Skipped
from specbus.verify.rest.cases import Mistake, check_case, mistakes
from specbus.verify.rest.client import Client, member
from specbus.verify.rest.document import HttpOperation, RestDocument, place
from specbus.verify.topics import CREATE, DELETE, NEWEST, READ, RETAINED

_MANY = 102
"""Topics that are more than a page has, in whatever gives its lists in pages."""


def _about(read: httpx.Response) -> Any:
    """The name of the topic that an answer is about. Raises Broken."""
    return member(read, "name")


@check_case(place("paths", "/topics", "post", "responses", "201", "links", "GetTopic"))
def a_created_topic_can_be_read(client: Client) -> None:
    name = client.topic()
    if _about(client.read(READ, name)) != name:
        raise Broken(f"{client.target.topics.operation(READ)} is about another topic")


@check_case(place("paths", "/topics", "get"))
def a_created_topic_is_listed(client: Client) -> None:
    name = client.topic()
    if client.listed().count(name) != 1:
        raise Broken(f"the list of topics has a new one {client.listed().count(name)} times, not once")


@check_case(place("paths", "/topics", "get", "description"))
def topics_are_listed_in_the_order_of_their_creation(client: Client) -> None:
    first, second, third = sorted(client.name() for _ in range(3))
    made = [client.topic(name) for name in (third, first, second)]
    _check_order(client, made)
    # One that is made again is the newest.
    client.read(DELETE, third)
    _check_order(client, [first, second, client.topic(third)])


def _check_order(client: Client, made: list[str]) -> None:
    listed = [each for each in client.listed() if each in made]
    # One that is missing is another check's.
    if listed != [each for each in made if each in listed]:
        raise Broken(f"the list of topics has them as {', '.join(listed)}, made as {', '.join(made)}")


@check_case(place("paths", "/topics", "get", "description"), order=WAITING)
def however_many_topics_there_are__all_are_listed(client: Client) -> None:
    # The other checks have made most of them.
    made = [client.topic()]
    with contextlib.suppress(Skipped):
        made += [client.topic() for _ in range(_MANY - len(client.listed()))]
    listed = client.listed()
    if missing := [name for name in made if name not in listed]:
        raise Broken(f"the list of {len(listed)} topics lacks {len(missing)} of the {len(made)} newest")


@check_case(place("paths", "/topics/{name}", "delete"))
def a_deleted_topic_is_gone(client: Client) -> None:
    name = client.topic()
    operation = client.target.topics.operation(DELETE)
    deleted = client.read(DELETE, name)
    if not deleted.is_success:
        raise Broken(f"{operation} is answered with {deleted.status_code}")
    read = client.read(READ, name)
    if read.status_code != 404:
        raise Broken(f"a topic that was deleted is read with {read.status_code}, not 404")
    if name in client.listed():
        raise Broken("the list of topics has one that was deleted")


@check_case(place("paths", "/topics", "post", "responses", "201", "headers", "Location"))
def Location_leads_to_the_new_topic(client: Client) -> None:
    operation = client.target.topics.operation(CREATE)
    if not any("Location" in response.headers for response in operation.responses.values()):
        raise Skipped(f"the document has no Location in the answers to {operation}")
    name = client.name()
    created = client.ask_for(operation, operation.path_of(), json.dumps(operation.body(name)).encode())
    if not created.is_success:
        return  # another check's
    location = created.headers.get("location")
    if location is None:
        raise Broken(f"the answer to {operation}, a {created.status_code}, has no Location")
    try:
        url = created.request.url.join(location)
    except (httpx.InvalidURL, ValueError):
        raise Broken(f"Location is {location!r}, which is no URL") from None
    if (url.host, url.port) != (created.request.url.host, created.request.url.port):
        raise Broken(f"Location, {location!r}, leads to another server")
    base = httpx.URL(client.target.options.url).path.rstrip("/")
    read = client.ask("GET", url.raw_path.decode().removeprefix(base))
    if _about(read) != name:
        raise Broken(f"Location, {location!r}, leads to another topic")


@check_case(place("paths", "/topics/{name}/messages", "post"), when=needs_history(1))
def a_published_message_can_be_read(client: Client) -> None:
    name = client.topic()
    expected = [client.publish(name)]
    if (found := client.retained(name)) != expected:
        raise Broken(f"the topic retains {json.dumps(found)[:300]}, not the message that was published")


@check_case(place("paths", "/topics/{name}/messages", "get", "parameters"), when=needs_history(3))
def a_limited_read_gives_the_newest_messages(client: Client) -> None:
    name = client.topic()
    made = [client.publish(name) for _ in range(3)]
    counts = [count for count in (2, 0, 3, 9) if client.target.topics.operation(RETAINED).allows(NEWEST, count)]
    if not counts:
        raise Skipped(f"no read of what a topic retains may ask for the newest by {NEWEST}")
    for count in counts:
        if (messages := client.retained(name, **{NEWEST: count})) != made[3 - min(count, 3) :]:
            raise Broken(f"of 3 messages, {NEWEST}={count} gives {len(messages)}, or others than the newest")


@mistakes(place("components", "responses", "TopicNotFound"))
def a_topic_that_does_not_exist_is_a_404(document: RestDocument) -> Iterator[Mistake]:
    def send(client: Client, operation: HttpOperation) -> httpx.Response:
        return client.ask_for(operation, operation.path_of(client.name()), client.body(operation))

    for operation in document.of_topics():
        rule = operation.place("responses", "404")
        sender = functools.partial(send, operation=operation)
        yield Mistake(f"{operation} for a topic that does not exist", sender, rule, frozenset([404]))


@mistakes(place("paths", "/topics", "post", "responses", "409"))
def a_topic_that_exists_already_is_a_409(document: RestDocument) -> Iterator[Mistake]:
    def send(client: Client, operation: HttpOperation) -> httpx.Response:
        return client.ask_for(operation, operation.path_of(), json.dumps(operation.body(client.topic())).encode())

    for operation in document.operations:
        if operation.id == CREATE:
            rule = operation.place("responses", "409")
            sender = functools.partial(send, operation=operation)
            yield Mistake(f"{operation} for a topic that exists", sender, rule, frozenset([409]))
