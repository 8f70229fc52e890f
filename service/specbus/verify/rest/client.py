"""Sending requests, broken ones too, and reading what answers them."""

import contextlib
import json
import secrets
from collections.abc import Iterator
from typing import Any

import httpx

from specbus.verify.failures import Broken, Unanswered
from specbus.verify.raw import Exchange
from specbus.verify.rest.commands import Headers, curl
from specbus.verify.rest.document import EXAMPLE_ID, JSON_TYPE, NAME_FIELD, HttpOperation
from specbus.verify.target import Target


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
    ) -> httpx.Response:
        """Send a request; its answer. A body is declared as JSON unless `headers` are given. Raises Unanswered."""
        if headers is None:
            headers = {} if body is None else {"Content-Type": JSON_TYPE}
        content: bytes | Iterator[bytes] | None = body
        if body is not None and chunked:
            content = iter([body[: len(body) // 2], body[len(body) // 2 :]])
        shown = {**headers, **({"Transfer-Encoding": "chunked"} if chunked else {})}
        url = self.target.options.url.rstrip("/") + path
        self._commands.append(curl(method, url, body, shown, key=bool(self.target.options.api_key)))
        try:
            return self.target.call(method, path, headers=headers, content=content)
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
        """A name that no topic has."""
        return f"{self.target.prefix}{secrets.token_hex(4)}"

    def topic(self, name: str = "") -> str:
        """Create a topic; its name. Raises Broken."""
        name = name or self.name()
        response = self.ask("POST", "/topics", json.dumps({NAME_FIELD: name}).encode())
        if not response.is_success:
            raise Broken(f"a topic cannot be created: POST /topics is answered with {response.status_code}")
        return name

    def publish(self, topic: str, number: int) -> None:
        """Publish a message whose id ends with `number`. Raises Broken."""
        body = {"id": f"{EXAMPLE_ID[:-4]}{number:04}", "payload": {"number": number}}
        response = self.ask("POST", f"/topics/{topic}/messages", json.dumps(body).encode())
        if not response.is_success:
            raise Broken(f"a message cannot be published: POST /topics/{topic}/messages gives {response.status_code}")

    def retained(self, topic: str, query: str = "") -> list[Any]:
        """The messages that a topic retains. Raises Broken."""
        events = member(self.ask("GET", f"/topics/{topic}/messages{query}"), "events")
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise Broken(f"GET /topics/{topic}/messages does not give a list of events")
        return [event.get("message") for event in events]

    def listed(self) -> list[Any]:
        """The names in the list of topics. Raises Broken."""
        topics = member(self.ask("GET", "/topics"), "topics")
        if not isinstance(topics, list) or not all(isinstance(topic, dict) for topic in topics):
            raise Broken("GET /topics does not give a list of topics")
        return [topic.get(NAME_FIELD) for topic in topics]

    def path(self, operation: HttpOperation) -> str:
        """The path of `operation`, with the name of a new topic where it has one."""
        return operation.path.replace(f"{{{NAME_FIELD}}}", self.topic()) if operation.names_topic else operation.path

    def body(self, operation: HttpOperation) -> bytes | None:
        """A body that `operation` must take."""
        return None if operation.body_schema is None else json.dumps(operation.body(self.name())).encode()

    def perform(
        self, operation: HttpOperation, query: str = "", headers: Headers | None = None, *, chunked: bool = False
    ) -> httpx.Response:
        """Send a request that keeps the document but for what the arguments say; its answer."""
        path = self.path(operation) + query
        return self.ask(operation.method, path, self.body(operation), headers, chunked=chunked)


def member(response: httpx.Response, name: str) -> Any:
    """What the JSON object of a successful answer has under `name`. Raises Broken."""
    asked = f"{response.request.method} {response.request.url.raw_path.decode()}"
    if not response.is_success:
        raise Broken(f"{asked} is answered with {response.status_code}")
    value = json_of(response)
    if not isinstance(value, dict) or name not in value:
        raise Broken(f"the answer to {asked} has no {name}")
    return value[name]


def json_of(response: httpx.Response) -> Any:
    """The JSON of an answer; None if it is not JSON."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def media_type_of(response: httpx.Response) -> str:
    """The Content-Type of an answer without its parameters, in lower case."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()
