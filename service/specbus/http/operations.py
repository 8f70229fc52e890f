"""The operations of `openapi.yaml`: one method for each `operationId`."""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from specbus import __version__
from specbus.bus.broker import Broker, LimitExceeded, Topic, TopicExists, TopicNotFound
from specbus.contract.decoding import Verbatim
from specbus.contract.requests import RestContract
from specbus.contract.schema import quoted
from specbus.http.dispatch import Handler
from specbus.http.documents import Documents
from specbus.http.problems import ProblemError
from specbus.http.public_url import Address
from specbus.log import event
from specbus.wire import messages as wire

_log = logging.getLogger(__name__)

_LINKS = {
    "health": "/health",
    "stats": "/stats",
    "topics": "/topics",
    "openapi": "/openapi.json",
    "asyncapi": "/asyncapi.json",
}


class Operations:
    """The operations, which connexion calls with the parameters that they name, checked against the contract."""

    def __init__(
        self,
        broker: Broker,
        contract: RestContract,
        documents: Documents,
        websocket_path: str,
        connections: Callable[[], int],
        limit_reached: Callable[..., None],
        *,
        root_path: str = "",
    ) -> None:
        """`documents` are those to serve; `connections` counts the open WebSocket connections.

        `limit_reached` logs, not too often, that a limit of the service keeps a client from something. Paths that
        clients are told begin with `root_path`.
        """
        self._broker = broker
        self._contract = contract
        self._root_path = root_path
        self._documents = documents
        self._websocket_path = websocket_path
        self._connections = connections
        self._limit_reached = limit_reached
        self._started = asyncio.get_running_loop().time()

    def by_id(self) -> dict[str, Handler]:
        """The operations by their operationId."""
        names = [name for name in vars(Operations) if name[0] != "_" and name != "by_id"]
        return {_camel(name): getattr(self, name) for name in names}

    async def get_index(self, request: Request) -> Response:
        """Say what is where."""
        links = {
            name: self._root(request) + path for name, path in {**_LINKS, "websocket": self._websocket_path}.items()
        }
        index = {"name": "specbus", "version": __version__, "links": links}
        return _body(index, headers={"Vary": "Accept"})

    async def get_health(self) -> Response:
        """Count what there is."""
        topics = self._broker.topics.values()
        return _body(
            {
                "uptime_sec": int(asyncio.get_running_loop().time() - self._started),
                "topics": len(topics),
                "subscribers": sum(topic.subscribers for topic in topics),
                "connections": self._connections(),
            }
        )

    async def get_stats(self) -> Response:
        """Give the numbers of every topic."""
        topics = self._broker.topics
        return _body({"topics": {name: _stats(topic) for name, topic in topics.items()}})

    async def get_openapi(self, request: Request) -> Response:
        """Serve the OpenAPI document."""
        return _json(self._documents.openapi(self._address(request)))

    async def get_asyncapi(self, request: Request) -> Response:
        """Serve the AsyncAPI document."""
        return _json(self._documents.asyncapi(self._address(request)))

    async def list_topics(self) -> Response:
        """List the topics."""
        topics = self._broker.topics.values()
        return _body({"topics": [{"name": topic.name, "subscribers": topic.subscribers} for topic in topics]})

    async def create_topic(self, request: Request, body: dict[str, Any]) -> Response:
        """Create a topic."""
        name = body["name"]
        try:
            self._broker.create(name)
        except TopicExists:
            raise ProblemError(
                HTTPStatus.CONFLICT, f"the topic {quoted(name, 128)} exists", "topic-exists", "Topic exists"
            ) from None
        except LimitExceeded as limit:
            self._limit_reached(limit="max_topics")
            raise ProblemError(HTTPStatus.CONFLICT, str(limit), "topic-limit", "Too many topics") from None
        event(_log, logging.INFO, "topic created", topic=name)
        location = self._root(request) + self._contract.operations["getTopic"].path_with({"name": name})
        return _body({"status": "created", "topic": name}, HTTPStatus.CREATED, {"Location": location})

    async def get_topic(self, name: str) -> Response:
        """Give one topic's numbers."""
        topic = self._topic(name)
        return _body({"name": name, **_stats(topic)})

    async def delete_topic(self, name: str) -> Response:
        """Delete a topic."""
        self._topic(name)
        self._broker.delete(name, wire.info("topic_deleted", name))
        event(_log, logging.INFO, "topic deleted", topic=name)
        return _body({"status": "deleted", "topic": name})

    async def publish_message(self, name: str, body: Verbatim) -> Response:
        """Publish a message."""
        self._broker.publish(self._topic(name), wire.event(name, body.text))
        return _body({"status": "accepted", "topic": name, "id": body["id"]}, HTTPStatus.ACCEPTED)

    async def get_messages(self, name: str, last_n: int | None = None) -> Response:
        """Give the retained messages, as the very bytes that subscribers got."""
        retained = list(self._topic(name).retained)
        if last_n is not None:
            retained = retained[max(len(retained) - last_n, 0) :]
        events = b",".join(map(wire.frame_payload, retained))
        return _json(b'{"topic":%b,"events":[%b]}' % (msgspec.json.encode(name), events))

    def _address(self, request: Request) -> Address | None:
        """Where the client of this request reaches the service."""
        return Address.of(request.scope["scheme"], request.headers, self._root(request))

    def _root(self, request: Request) -> str:
        """What the paths that a client is told begin with."""
        return self._root_path + str(request.scope.get("root_path", ""))

    def _topic(self, name: str) -> Topic:
        try:
            return self._broker.topic(name)
        except TopicNotFound:
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                f"there is no topic {quoted(name, 128)}",
                "topic-not-found",
                "Topic not found",
            ) from None


def _stats(topic: Topic) -> dict[str, int]:
    return {
        "messages": topic.messages,
        "subscribers": topic.subscribers,
        "delivered": topic.delivered,
        "dropped": topic.dropped,
        "retained": len(topic.retained),
    }


def _body(body: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """`body` as a JSON response."""
    return _json(msgspec.json.encode(body), status, headers)


def _json(body: bytes, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers=headers, media_type="application/json")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
