"""The operations of `openapi.yaml`: one method for each `operationId`."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from specbus.bus.operations import Operations
from specbus.bus.publication import Position, Publication
from specbus.contract.decoding import Verbatim
from specbus.contract.requests import RestContract
from specbus.http import bodies
from specbus.http.dispatch import Handler
from specbus.http.documents import Documents
from specbus.http.public_url import VARY, Address
from specbus.spec import ContractError
from specbus.wire import messages

_log = logging.getLogger(__name__)

LINKS = {
    "health": "getHealth",
    "stats": "getStats",
    "topics": "listTopics",
    "openapi": "getOpenapi",
    "asyncapi": "getAsyncapi",
}
"""What the index links to: the operation of each path."""
_USUAL = {"createTopic": HTTPStatus.CREATED, "publishMessage": HTTPStatus.ACCEPTED}
"""The usual status of success of operations for which it is not 200."""


_PIECE = 65_536
"""Bytes of messages from which on an answer is sent in pieces, as its client reads them."""
_JSON = "application/json"
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
        self._success = {name: _success(contract, name) for name in self.by_id()}
        """By operation, the status of success and whether a body comes with it."""

    def by_id(self) -> dict[str, Handler]:
        """The operations by their operationId."""
        names = [name for name in vars(RestOperations) if name[0] != "_" and name != "by_id"]
        return {_camel(name): getattr(self, name) for name in names}

    async def get_index(self, request: Request) -> Response:
        """List the paths of the service."""
        prefix = self._address(request).prefix
        paths = {name: self._contract.operations[id_].path for name, id_ in LINKS.items()}
        links = {name: prefix + path for name, path in {**paths, "websocket": self._websocket_path}.items()}
        return self._answer("getIndex", bodies.index(links), {"Vary": f"Accept, {VARY}"})

    async def get_health(self) -> Response:
        """Say how long the service has been up, and how much it has to do."""
        uptime = time.monotonic() - self._started
        return self._answer("getHealth", bodies.health(uptime, self._operations.numbers(), self._connections()))

    async def get_stats(self) -> Response:
        """Give the numbers of every topic."""
        return self._answer("getStats", bodies.stats(self._operations.numbers()))

    async def get_openapi(self, request: Request) -> Response:
        """Serve the OpenAPI document."""
        return self._json("getOpenapi", self._documents.openapi(self._address(request)), {"Vary": VARY})

    async def get_asyncapi(self, request: Request) -> Response:
        """Serve the AsyncAPI document."""
        return self._json("getAsyncapi", self._documents.asyncapi(self._address(request)), {"Vary": VARY})

    async def list_topics(self) -> Response:
        """List the topics."""
        return self._answer("listTopics", bodies.topic_list(self._operations.numbers()))

    async def create_topic(self, request: Request, body: dict[str, Any]) -> Response:
        """Create a topic."""
        name = body["name"]
        self._operations.create(name)
        location = self._address(request).prefix + self._contract.operations["getTopic"].path_with(name)
        return self._answer("createTopic", bodies.topic_created(name), {"Location": location})

    async def get_topic(self, name: str) -> Response:
        """Give one topic's numbers."""
        return self._answer("getTopic", bodies.topic_detail(name, self._operations.numbers_of(name)))

    async def delete_topic(self, name: str) -> Response:
        """Delete a topic."""
        self._operations.delete(name)
        return self._answer("deleteTopic", bodies.topic_deleted(name))

    async def publish_message(self, name: str, body: Verbatim) -> Response:
        """Publish a message."""
        position: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._operations.publish(name, body.text, position.set_result)
        return self._answer("publishMessage", bodies.publish_accepted(name, body["id"], await position))

    async def get_messages(self, name: str, last_n: int | None = None) -> Response:
        """Give the retained messages, each as the very event that subscribers got."""
        retained: asyncio.Future[Sequence[Publication]] = asyncio.get_running_loop().create_future()
        self._operations.history(name, last_n, lambda _, publications: retained.set_result(publications))
        publications = await retained
        event = messages.event_writer(name)
        head, tail = b'{"topic":%b,"events":[' % msgspec.json.encode(name), b"]}"
        if sum(len(publication.message) for publication in publications) <= _PIECE:
            return self._json("getMessages", b"%b%b%b" % (head, b",".join(map(event, publications)), tail))
        status, _ = self._success["getMessages"]
        pieces = _pieces(head, deque(publications), event, tail)
        return StreamingResponse(pieces, status, media_type=_JSON, headers=_NOT_STORED)

    def _answer(self, operation: str, body: object, headers: Mapping[str, str] = {}) -> Response:
        """The answer of an operation that has `body` to say."""
        return self._json(operation, msgspec.json.encode(body), headers)

    def _json(self, operation: str, body: bytes, headers: Mapping[str, str] = {}) -> Response:
        status, has_body = self._success[operation]
        headers = {**_NOT_STORED, **headers}
        if not has_body:
            return Response(None, status, headers=headers)
        return Response(body, status, headers=headers, media_type=_JSON)

    def _address(self, request: Request) -> Address:
        """Where the client of this request reaches the service."""
        root_path = self._root_path + str(request.scope.get("root_path", ""))
        return Address.of(request.scope["scheme"], request.headers, root_path)


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


def usual_status(id_: str) -> HTTPStatus:
    """The status of success of an operation, unless the document has another."""
    return _USUAL.get(id_, HTTPStatus.OK)


def _success(contract: RestContract, id_: str) -> tuple[int, bool]:
    """The status of success of an operation, and whether a body comes with it. Raises ContractError."""
    usual = usual_status(id_)
    operation = contract.operations.get(id_)
    if operation is None:  # which is for `check_handlers` to say
        return usual, True
    status = operation.success(usual)
    if status is None:
        raise ContractError(f'openapi.yaml: operation "{id_}": needs a response for its success, such as {usual.value}')
    response = operation.response_to(status)
    return status, status != HTTPStatus.NO_CONTENT and bool(response and response.content)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
