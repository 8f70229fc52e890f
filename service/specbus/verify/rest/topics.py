"""Topics and their messages: there after they were made, gone after they were deleted."""

import functools
import json
from collections.abc import Iterator

import httpx

from specbus.verify.checks import needs_history
from specbus.verify.failures import Broken
from specbus.verify.rest.cases import Mistake, check_case, mistakes
from specbus.verify.rest.client import Client, member
from specbus.verify.rest.document import EXAMPLE_ID, NAME_FIELD, HttpOperation, RestDocument, place


@check_case(place("paths", "/topics", "post", "responses", "201", "links", "GetTopic"))
def a_created_topic_can_be_read(client: Client) -> None:
    name = client.topic()
    if member(client.ask("GET", f"/topics/{name}"), NAME_FIELD) != name:
        raise Broken(f"GET /topics/{name} is about another topic")


@check_case(place("paths", "/topics", "get"))
def a_created_topic_is_listed(client: Client) -> None:
    name = client.topic()
    if client.listed().count(name) != 1:
        raise Broken(f"GET /topics has the new topic {client.listed().count(name)} times, not once")


@check_case(place("paths", "/topics", "get", "description"))
def topics_are_listed_in_the_order_of_their_creation(client: Client) -> None:
    name = client.name()
    made = [client.topic(f"{name}-{last}") for last in "zam"]
    listed = [each for each in client.listed() if each in made]
    # One that is missing is another check's.
    if listed != [each for each in made if each in listed]:
        raise Broken(f"GET /topics has them as {', '.join(listed)}, made as {', '.join(made)}")


@check_case(place("paths", "/topics/{name}", "delete"))
def a_deleted_topic_is_gone(client: Client) -> None:
    name = client.topic()
    deleted = client.ask("DELETE", f"/topics/{name}")
    if not deleted.is_success:
        raise Broken(f"DELETE /topics/{name} is answered with {deleted.status_code}")
    read = client.ask("GET", f"/topics/{name}")
    if read.status_code != 404:
        raise Broken(f"after its deletion, GET /topics/{name} is answered with {read.status_code}, not 404")
    if name in client.listed():
        raise Broken("GET /topics has a topic that was deleted")


@check_case(place("paths", "/topics", "post", "responses", "201", "headers", "Location"))
def Location_leads_to_the_new_topic(client: Client) -> None:
    name = client.name()
    created = client.ask("POST", "/topics", json.dumps({NAME_FIELD: name}).encode())
    if not created.is_success:
        return  # another check's
    location = created.headers.get("location")
    if location is None:
        raise Broken(f"the answer to POST /topics, a {created.status_code}, has no Location")
    try:
        url = created.request.url.join(location)
    except (httpx.InvalidURL, ValueError):
        raise Broken(f"Location is {location!r}, which is no URL") from None
    if (url.host, url.port) != (created.request.url.host, created.request.url.port):
        raise Broken(f"Location, {location!r}, leads to another server")
    base = httpx.URL(client.target.options.url).path.rstrip("/")
    read = client.ask("GET", url.raw_path.decode().removeprefix(base))
    if member(read, NAME_FIELD) != name:
        raise Broken(f"Location, {location!r}, leads to another topic")


@check_case(place("paths", "/topics/{name}/messages", "post"), when=needs_history(1))
def a_published_message_can_be_read(client: Client) -> None:
    name = client.topic()
    client.publish(name, 1)
    expected = [{"id": f"{EXAMPLE_ID[:-4]}0001", "payload": {"number": 1}}]
    if (found := client.retained(name)) != expected:
        raise Broken(f"the topic retains {json.dumps(found)[:300]}, not the message that was published")


@check_case(place("paths", "/topics/{name}/messages", "get", "parameters"), when=needs_history(3))
def a_limited_read_gives_the_newest_messages(client: Client) -> None:
    name = client.topic()
    for number in (1, 2, 3):
        client.publish(name, number)
    for last_n, expected in (
        (2, ["0002", "0003"]),
        (0, []),
        (3, ["0001", "0002", "0003"]),
        (9, ["0001", "0002", "0003"]),
    ):
        messages = client.retained(name, f"?last_n={last_n}")
        ids = [str(message.get("id"))[-4:] if isinstance(message, dict) else None for message in messages]
        if ids != expected:
            raise Broken(f"of 3 messages, last_n={last_n} gives {len(ids)} or others than the newest: {ids}")


@mistakes(place("components", "responses", "TopicNotFound"))
def a_topic_that_does_not_exist_is_a_404(document: RestDocument) -> Iterator[Mistake]:
    def send(client: Client, operation: HttpOperation) -> httpx.Response:
        path = operation.path.replace(f"{{{NAME_FIELD}}}", client.name())
        return client.ask(operation.method, path, client.body(operation))

    for operation in document.of_topics():
        rule = operation.place("responses", "404")
        sender = functools.partial(send, operation=operation)
        yield Mistake(f"{operation} for a topic that does not exist", sender, rule, frozenset([404]))


@mistakes(place("paths", "/topics", "post", "responses", "409"))
def a_topic_that_exists_already_is_a_409(document: RestDocument) -> Iterator[Mistake]:
    def send(client: Client) -> httpx.Response:
        return client.ask("POST", "/topics", json.dumps({NAME_FIELD: client.topic()}).encode())

    rule = place("paths", "/topics", "post", "responses", "409")
    yield Mistake("POST /topics for a topic that exists", send, rule, frozenset([409]))
