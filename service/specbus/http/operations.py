"""The operations of `openapi.yaml`: one method for each `operationId`."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from specbus import __version__
from specbus.bus.operations import Operations
from specbus.bus.publication import Position, Publication
from specbus.contract.decoding import Verbatim
from specbus.contract.requests import RestContract
from specbus.http.dispatch import Handler
from specbus.http.documents import Documents
from specbus.http.public_url import VARY, Address
from specbus.wire import messages

_log = logging.getLogger(__name__)

_LINKS = {
    "health": "/health",
    "stats": "/stats",
    "topics": "/topics",
    "openapi": "/openapi.json",
    "asyncapi": "/asyncapi.json",
}


_PIECE = 65_536
"""Bytes of messages from which on an answer is sent in pieces, as its client reads them."""
_NOT_STORED = {"Cache-Control": "no-store"}
"""What all answers say: they change by the second, and a cache knows nothing of X-API-Key (RFC 9111, 3.5)."""


class RestOperations:
    """The operations, which connexion calls with the parameters that they name, checked against the contract."""

    def __init__(
        self,
        operations: Operations,
        contract: RestContract,
        documents: Documents,
        websocket_path: str,
        connections: Callable[[], int],
        *,
        root_path: str = "",
    ) -> None:
        """Carry out `operations` for REST.

        Args:
            operations: Those of the bus.
            contract: The OpenAPI document.
            documents: Those to serve.
            websocket_path: Where the WebSocket is.
            connections: Counts the open WebSocket connections.
            root_path: What paths that clients are told begin with.

        """
        self._operations = operations
        self._contract = contract
        self._root_path = root_path
        self._documents = documents
        self._websocket_path = websocket_path
        self._connections = connections
        self._started = time.monotonic()

    def by_id(self) -> dict[str, Handler]:
        """The operations by their operationId."""
        names = [name for name in vars(RestOperations) if name[0] != "_" and name != "by_id"]
        return {_camel(name): getattr(self, name) for name in names}

    async def get_index(self, request: Request) -> Response:
        """List the paths of the service."""
        prefix = self._address(request).prefix
        links = {name: prefix + path for name, path in {**_LINKS, "websocket": self._websocket_path}.items()}
        index = {"name": "specbus", "version": __version__, "links": links}
        return _body(index, headers={"Vary": f"Accept, {VARY}"})

    async def get_health(self) -> Response:
        """Say how long the service has been up, and how much it has to do."""
        topics = self._operations.numbers().values()
        return _body(
            {
                "uptime_sec": int(time.monotonic() - self._started),
                "topics": len(topics),
                "subscribers": sum(topic.subscribers for topic in topics),
                "connections": self._connections(),
            }
        )

    async def get_stats(self) -> Response:
        """Give the numbers of every topic."""
        return _body({"topics": self._operations.numbers()})

    async def get_openapi(self, request: Request) -> Response:
        """Serve the OpenAPI document."""
        return _json(self._documents.openapi(self._address(request)), headers={"Vary": VARY})

    async def get_asyncapi(self, request: Request) -> Response:
        """Serve the AsyncAPI document."""
        return _json(self._documents.asyncapi(self._address(request)), headers={"Vary": VARY})

    async def list_topics(self) -> Response:
        """List the topics."""
        topics = self._operations.numbers().items()
        return _body({"topics": [{"name": name, "subscribers": numbers.subscribers} for name, numbers in topics]})

    async def create_topic(self, request: Request, body: dict[str, Any]) -> Response:
        """Create a topic."""
        name = body["name"]
        self._operations.create(name)
        location = self._address(request).prefix + self._contract.operations["getTopic"].path_with({"name": name})
        return _body({"status": "created", "topic": name}, HTTPStatus.CREATED, {"Location": location})

    async def get_topic(self, name: str) -> Response:
        """Give one topic's numbers."""
        return _body({"name": name, **asdict(self._operations.numbers_of(name))})

    async def delete_topic(self, name: str) -> Response:
        """Delete a topic."""
        self._operations.delete(name)
        return _body({"status": "deleted", "topic": name})

    async def publish_message(self, name: str, body: Verbatim) -> Response:
        """Publish a message."""
        position: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._operations.publish(name, body.text, position.set_result)
        accepted = {"status": "accepted", "topic": name, "id": body["id"], "position": await position}
        return _body(accepted, HTTPStatus.ACCEPTED)

    async def get_messages(self, name: str, last_n: int | None = None) -> Response:
        """Give the retained messages, each as the very event that subscribers got."""
        retained: asyncio.Future[Sequence[Publication]] = asyncio.get_running_loop().create_future()
        self._operations.history(name, last_n, lambda _, publications: retained.set_result(publications))
        publications = await retained
        event = messages.event_writer(name)
        head, tail = b'{"topic":%b,"events":[' % msgspec.json.encode(name), b"]}"
        if sum(len(publication.message) for publication in publications) <= _PIECE:
            return _json(b"%b%b%b" % (head, b",".join(map(event, publications)), tail))
        return StreamingResponse(
            _pieces(head, deque(publications), event, tail), media_type="application/json", headers=_NOT_STORED
        )

    def _address(self, request: Request) -> Address:
        """Where the client of this request reaches the service."""
        root_path = self._root_path + str(request.scope.get("root_path", ""))
        return Address.of(request.scope["scheme"], request.headers, root_path)


def _body(body: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """`body` as a JSON response."""
    return _json(msgspec.json.encode(body), status, headers)


def _json(body: bytes, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers={**_NOT_STORED, **(headers or {})}, media_type="application/json")


async def _pieces(
    head: bytes, publications: deque[Publication], event: Callable[[Publication], bytes], tail: bytes
) -> AsyncIterator[bytes]:
    """The events of `publications`, joined to pieces of some size, after `head` and before `tail`."""
    piece = head
    while publications:
        piece += event(publications.popleft()) + (b"," if publications else tail)
        start = 0
        while len(piece) - start >= _PIECE:
            yield piece[start : start + _PIECE]
            start += _PIECE
        piece = piece[start:]
    yield piece


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
