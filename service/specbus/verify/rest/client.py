"""Sending requests, broken ones too, and reading what answers them."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx

from specbus.verify.failures import Broken, Skipped, Unanswered
from specbus.verify.raw import Answer, Exchange
from specbus.verify.record import without_key
from specbus.verify.rest.commands import Headers, curl
from specbus.verify.rest.document import JSON_TYPE, HttpOperation, with_query
from specbus.verify.target import Target
from specbus.verify.topics import CREATE, LIST, PUBLISH, RETAINED


class Client:
    """The requests of one case, each kept as a command that repeats it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.document = target.rest
        self._commands: list[str] = []

    @property
    def commands(self) -> str:
        """A shell script that sends the same requests."""
        return "\n".join(self._commands)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Headers | None = None,
        *,
        chunked: bool = False,
        has_key: bool = True,
    ) -> httpx.Response:
        """Send a request; its answer. A body is declared as JSON unless `headers` are given. Raises Unanswered."""
        if headers is None:
            headers = {} if body is None else {"Content-Type": JSON_TYPE}
        content: bytes | Iterator[bytes] | None = body
        if body is not None and chunked:
            content = iter([body[: len(body) // 2], body[len(body) // 2 :]])
        shown = {**headers, **({"Transfer-Encoding": "chunked"} if chunked else {})}
        url = self.target.options.url.rstrip("/") + path
        api_key = self.target.options.api_key
        command = curl(method, url, body, shown, key=has_key and bool(api_key))
        self._commands.append(without_key(command, api_key))
        try:
            return self.target.call(method, path, has_key=has_key, headers=headers, content=content)
        except Broken as broken:
            raise Unanswered(broken.problem) from None
        except (httpx.InvalidURL, ValueError) as error:  # a redirect to no URL, an unknown charset
            raise Unanswered(f"the answer to {method} {path} cannot be read: {error}") from None

    @contextlib.contextmanager
    def raw(self, data: bytes) -> Iterator[Exchange]:
        """Send bytes over a connection of their own, which is open meanwhile. Raises Unanswered."""
        exchange = Exchange(self.target, data)
        self._commands.append(exchange.command)
        with exchange:
            yield exchange

    def note(self, command: str) -> None:
        """Keep the command of a request that was sent in another way."""
        self._commands.append(command)

    def name(self) -> str:
        """A name that no topic has. Raises Skipped."""
        return self.target.topics.new_name()

    def topic(self, name: str = "") -> str:
        """Create a topic; its name. Raises Skipped if it cannot be made."""
        name = name or self.name()
        operation = self.target.topics.operation(CREATE)
        response = self.ask_for(operation, operation.path_of(), _json(operation.body(name)))
        if not response.is_success:
            raise Skipped(f"a topic cannot be created: {operation} is answered with {response.status_code}")
        return name

    def publish(self, topic: str) -> dict[str, Any]:
        """Publish a message on a topic; the message. Raises Broken, and Skipped."""
        operation = self.target.topics.operation(PUBLISH)
        message, _ = self.target.topics.messages.new()
        response = self.ask_for(operation, operation.path_of(topic), _json(message))
        if not response.is_success:
            raise Broken(f"a message cannot be published: {operation} is answered with {response.status_code}")
        return message

    def read(self, id_: str, topic: str = "", **query: Any) -> httpx.Response:
        """The answer to the operation with that operationId, about `topic` if it is about one. Raises Skipped."""
        operation = self.target.topics.operation(id_)
        return self.ask_for(operation, self.target.topics.path(id_, topic, **query))

    def retained(self, topic: str, **query: Any) -> list[Any]:
        """The messages that a topic retains. Raises Broken, and Skipped."""
        events = member(self.read(RETAINED, topic, **query), "events")
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise Broken(f"{self.target.topics.operation(RETAINED)} does not give a list of events")
        return [event.get("message") for event in events]

    def listed(self) -> list[Any]:
        """The names in the list of topics. Raises Broken, and Skipped."""
        topics = member(self.read(LIST), "topics")
        if not isinstance(topics, list) or not all(isinstance(topic, dict) for topic in topics):
            raise Broken(f"{self.target.topics.operation(LIST)} does not give a list of topics")
        return [topic.get("name") for topic in topics]

    def path(self, operation: HttpOperation) -> str:
        """The path of `operation`, with the name of a new topic where it has one. Raises Skipped."""
        return operation.path_of(self.topic() if operation.names_topic else "")

    def body(self, operation: HttpOperation) -> bytes | None:
        """A body that `operation` must take. Raises Skipped."""
        if operation.body_schema is None:
            return None
        return _json(operation.body(self.name() if operation.name_field else ""))

    def perform(
        self, operation: HttpOperation, query: str = "", headers: Headers | None = None, *, chunked: bool = False
    ) -> httpx.Response:
        """Send a request that keeps the document but for what the arguments say; its answer. Raises Skipped."""
        path = with_query(self.path(operation), query)
        return self.ask_for(operation, path, self.body(operation), headers, chunked=chunked)

    def ask_for(
        self,
        operation: HttpOperation,
        path: str,
        body: bytes | None = None,
        headers: Headers | None = None,
        *,
        chunked: bool = False,
        has_key: bool = True,
    ) -> httpx.Response:
        """Send a request for `operation`, with the header fields that it requires; its answer. Raises Unanswered."""
        declared = {"Content-Type": JSON_TYPE} if headers is None and body is not None else {}
        fields = {**operation.headers(), **declared, **(headers or {})}
        return self.ask(operation.method, path, body, fields, chunked=chunked, has_key=has_key)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def member(response: httpx.Response, name: str) -> Any:
    """What the JSON object of a successful answer has under `name`. Raises Broken."""
    if not response.is_success:
        raise Broken(f"{asked(response)} is answered with {response.status_code}")
    value = json_of(response)
    if not isinstance(value, dict) or name not in value:
        raise Broken(f"the answer to {asked(response)} has no {name}")
    return value[name]


def asked(response: httpx.Response) -> str:
    """What an answer answers, for a person."""
    return f"{response.request.method} {response.request.url.raw_path.decode()}"


def json_of(response: httpx.Response | Answer) -> Any:
    """The JSON of an answer; None if it is not JSON."""
    try:
        return json.loads(response.body) if isinstance(response, Answer) else response.json()
    except (ValueError, RecursionError):
        return None


def media_type_of(response: httpx.Response) -> str:
    """The Content-Type of an answer without its parameters, in lower case."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()
