"""Whether the OpenAPI document describes what the REST side answers.

What is asked is judged by the document as it comes. What is answered is made by the program, so this is looked at once,
before the service starts: with topics and messages that the document takes, and the very bodies that are made of them.
"""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from specbus.auth import keys
from specbus.bus.errors import OperationError, TooManyTopics, TopicExists, TopicNotFound
from specbus.bus.operations import TopicNumbers
from specbus.bus.publication import Position, Publication
from specbus.contract.requests import RestContract, RestOperation
from specbus.contract.witness import UNKNOWN, breach, values
from specbus.http import bodies
from specbus.http.operations import LINKS, usual_status
from specbus.spec import ContractError, Json
from specbus.wire import problem
from specbus.wire.messages import event_writer

_NUMBERS = TopicNumbers(messages=42, subscribers=3, delivered=126, dropped=0, retained=42, evicted=0)
_NEW = TopicNumbers(messages=0, subscribers=0, delivered=0, dropped=0, retained=0, evicted=0)
_POSITION = Position("3kq9-w2L_0aB", 1)
_JSON = "application/json"
_SENT = {
    "createTopic": {"location"},
    "getIndex": {"vary"},
    "getOpenapi": {"vary"},
    "getAsyncapi": {"vary"},
}
"""The headers that come with some answers."""
_ALWAYS = {"cache-control", "content-type", "content-length", "date"}
"""Those that come with all."""
_OF_A_TOPIC = ("getTopic", "deleteTopic", "publishMessage", "getMessages")
"""Operations that are refused if there is no such topic."""
_OF_A_BODY = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body must be at most 1048576 bytes",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Content-Type must be application/json, in UTF-8, not text/plain",
}
"""What may be wrong with a request that has a body, beside what the contract says of it."""
_OF_THE_SERVER = {
    HTTPStatus.FORBIDDEN: (set[str](), "pages of 'https://evil.example' may not use the service"),
    HTTPStatus.METHOD_NOT_ALLOWED: ({"allow"}, "/topics has no PUT, but GET, HEAD, OPTIONS, POST"),
    HTTPStatus.REQUEST_TIMEOUT: (set[str](), "the body of a request must come within 60 seconds"),
    HTTPStatus.INTERNAL_SERVER_ERROR: (set[str](), "the service failed; its log says why"),
    HTTPStatus.SERVICE_UNAVAILABLE: ({"retry-after"}, "too many bodies are on their way at once"),
}
"""What the server answers around all operations, with its headers. A document need not list it with each of them."""


class Answers:
    """What the REST side answers under a document."""

    def __init__(self, contract: RestContract) -> None:
        """Find topics and messages that `contract` takes. Raises ContractError."""
        self._contract = contract
        self._created = self._taken("createTopic")
        self.published: list[Json] = self._taken("publishMessage") or [UNKNOWN]
        """Messages that can be published."""

    def check(self, published: Iterable[Json], secured: bool) -> None:
        """Raise ContractError unless the document describes what is answered.

        Args:
            published: What may be published elsewhere, to be read here.
            secured: Whether a key is asked for.

        """
        for id_ in self._contract.operations:
            for body in self._bodies(id_):
                self._judge(id_, self._success(id_), msgspec.json.decode(msgspec.json.encode(body)), _SENT.get(id_))
            self._check_problems(self._contract.operations[id_], secured)
        for message in published:
            self._judge("getMessages", self._success("getMessages"), _retained(UNKNOWN, message))

    def can_exist(self, topic: str) -> bool:
        """Whether a topic of that name can be created."""
        body = self._contract.operations["createTopic"].body
        return body is not None and any(body.schema.accepts({**taken, "name": topic}) for taken in self._created)

    def _topics(self, id_: str) -> list[str]:
        """Names of topics that an operation may be about; `UNKNOWN` where none is known."""
        judges = [each.schema for each in self._contract.operations[id_].parameters if each.place == "path"]
        created = dict.fromkeys(body["name"] for body in self._created)
        return [name for name in created if all(judge.accepts(name) for judge in judges)] or [UNKNOWN]

    def _taken(self, id_: str) -> list[dict[str, Json]]:
        body = self._contract.operations[id_].body
        found = [] if body is None else values(body.written, body.schema.place)
        return [value for value in found if isinstance(value, dict)]

    def _bodies(self, id_: str) -> Iterator[Any]:
        """What an operation may answer if all goes well."""
        first, *_ = topics = self._topics(id_)
        match id_:
            case "getIndex":
                yield bodies.index(dict.fromkeys((*LINKS, "websocket"), "/"))
            case "getHealth":
                yield bodies.health(0.0, {}, 0)
                yield bodies.health(123.0, {first: _NUMBERS}, 3)
            case "getStats":
                yield bodies.stats({})
                yield bodies.stats({first: _NEW})
                yield from (bodies.stats({topic: _NUMBERS}) for topic in topics)
            case "listTopics":
                yield bodies.topic_list({})
                yield bodies.topic_list({first: _NEW})
                yield from (bodies.topic_list({topic: _NUMBERS}) for topic in topics)
            case "createTopic":
                yield from map(bodies.topic_created, topics)
            case "getTopic":
                yield bodies.topic_detail(first, _NEW)
                yield from (bodies.topic_detail(topic, _NUMBERS) for topic in topics)
            case "deleteTopic":
                yield from map(bodies.topic_deleted, topics)
            case "publishMessage":
                yield from (bodies.publish_accepted(topic, UNKNOWN, _POSITION) for topic in topics)
                ids = [each["id"] for each in self.published if isinstance(each, dict)]
                yield from (bodies.publish_accepted(first, id_, _POSITION) for id_ in ids)
            case "getMessages":
                yield {"topic": first, "events": []}
                yield from (_retained(topic, self.published[0]) for topic in topics)
                yield from (_retained(first, message) for message in self.published)
            case "getOpenapi" | "getAsyncapi":
                yield UNKNOWN

    def _check_problems(self, operation: RestOperation, secured: bool) -> None:
        """Check the problem documents that `operation` may answer."""
        for status, detail, error in _problems(operation, secured):
            kind, title = (error.problem, error.title) if error else (None, None)
            body = problem.encode(status, detail, kind, title)
            self._judge(operation.id, status, msgspec.json.decode(body), {"www-authenticate"}, problem.MEDIA_TYPE)
        for status, (headers, detail) in _OF_THE_SERVER.items():
            if operation.response_to(status):
                body = msgspec.json.decode(problem.encode(status, detail))
                self._judge(operation.id, status, body, headers, problem.MEDIA_TYPE)

    def _success(self, id_: str) -> int:
        usual = usual_status(id_)
        return self._contract.operations[id_].success(usual) or usual

    def _judge(
        self, id_: str, status: int, body: Json, headers: set[str] | None = None, media_type: str = _JSON
    ) -> None:
        """Raise ContractError unless the operation may answer `status`, with `body` and `headers` beside the usual."""
        place = f'openapi.yaml: operation "{id_}"'
        response = self._contract.operations[id_].response_to(status)
        if response is None:
            raise ContractError(f'{place}: needs the response "{int(status)}", which the service gives')
        place = f"{place}: response {int(status)}"
        for name, required in response.headers.items():
            if required and name not in _ALWAYS | (headers or set()):
                raise ContractError(
                    f"{place}: {name} is required, but the service sends no such header: make it optional"
                )
        if not response.content:
            return
        content = response.content.get(media_type)
        if content is None:
            raise ContractError(f"{place}: its content must have {media_type}, which the service sends")
        if found := breach(content.schema, body):
            raise ContractError(f"{place}: {found}")


def _problems(operation: RestOperation, secured: bool) -> Iterator[tuple[HTTPStatus, str, type[OperationError] | None]]:
    """The statuses of what `operation` refuses, each with its words and, where the bus refuses it, the error."""
    yield HTTPStatus.BAD_REQUEST, 'unknown query parameter "text"', None
    if secured and operation.secured:
        yield HTTPStatus.UNAUTHORIZED, keys.REFUSAL, None
    if operation.body is not None:
        for status, detail in _OF_A_BODY.items():
            yield status, detail, None
    refused: list[OperationError] = []
    if operation.id in _OF_A_TOPIC:
        refused.append(TopicNotFound("orders"))
    if operation.id == "createTopic":
        refused += [TopicExists("orders"), TooManyTopics(10_000)]
    for error in refused:
        yield error.status, str(error), type(error)


def _retained(topic: str, message: Json) -> Json:
    """The answer with one event."""
    event = event_writer(topic)(Publication(topic, 42, 0.0, msgspec.json.encode(message)))
    return {"topic": topic, "events": [msgspec.json.decode(event)]}
