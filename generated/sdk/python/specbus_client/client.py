"""The methods of the client."""
# Written by `specbus sdk python`. Do not edit.

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, overload
from uuid import uuid4 as _uuid4

from pydantic import TypeAdapter

from . import models
from . import protocol as _tables
from .runtime.client import SocketClient
from .runtime.protocol import Frame
from .runtime.protocol import put as _put
from .runtime.rest import Credential, Rest
from .runtime.subscription import Subscription

_TOPICS_LIST: TypeAdapter[models.TopicList] = TypeAdapter(models.TopicList)
_TOPICS_CREATE: TypeAdapter[models.TopicCreated] = TypeAdapter(models.TopicCreated)
_TOPICS_GET: TypeAdapter[models.TopicDetail] = TypeAdapter(models.TopicDetail)
_TOPICS_DELETE: TypeAdapter[models.TopicDeleted] = TypeAdapter(models.TopicDeleted)
_MESSAGES_GET: TypeAdapter[models.RetainedEvents] = TypeAdapter(models.RetainedEvents)
_MESSAGES_PUBLISH: TypeAdapter[models.PublishAccepted] = TypeAdapter(models.PublishAccepted)
_SERVICE_INDEX: TypeAdapter[models.Index] = TypeAdapter(models.Index)
_SERVICE_HEALTH: TypeAdapter[models.Health] = TypeAdapter(models.Health)
_SERVICE_STATS: TypeAdapter[models.Stats] = TypeAdapter(models.Stats)
_SERVICE_OPENAPI: TypeAdapter[Mapping[str, Any]] = TypeAdapter(Mapping[str, Any])
_SERVICE_ASYNCAPI: TypeAdapter[Mapping[str, Any]] = TypeAdapter(Mapping[str, Any])


class TopicsRequests:
    """Create, read and delete topics."""

    def __init__(self, rest: Rest, client_id: str) -> None:
        self._rest = rest
        self.client_id = client_id

    async def list(self, *, timeout: float | None = None) -> models.TopicList:
        """List topics

        All topics with the number of their subscribers, in the order of their creation.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request("GET", "/topics", _TOPICS_LIST, timeout)

    async def create(self, name: models.TopicName, *, timeout: float | None = None) -> models.TopicCreated:
        """Create a topic

        Creates an empty topic. Publishing or subscribing to a topic that does not exist never creates it: this does.

        name: The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`. Names are
        case-sensitive. The name stands in URLs as it is.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request("POST", "/topics", _TOPICS_CREATE, timeout, body={"name": name})

    async def get(self, name: models.TopicName, *, timeout: float | None = None) -> models.TopicDetail:
        """One topic's numbers

        The topic and its counts since it was created.

        name: The topic's name.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request("GET", "/topics/{name}", _TOPICS_GET, timeout, path={"name": name})

    async def delete(self, name: models.TopicName, *, timeout: float | None = None) -> models.TopicDeleted:
        """Delete a topic

        Deletes the topic and what it retains. Each subscriber gets what was published before, then the `topic_deleted`
        info, and is unsubscribed; its connection stays open.

        name: The topic's name.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request("DELETE", "/topics/{name}", _TOPICS_DELETE, timeout, path={"name": name})


class MessagesRequests:
    """Publish, and read what is retained."""

    def __init__(self, rest: Rest, client_id: str) -> None:
        self._rest = rest
        self.client_id = client_id

    async def get(
        self, name: models.TopicName, *, last_n: int | None = None, timeout: float | None = None
    ) -> models.RetainedEvents:
        """Read retained messages

        The newest messages that the topic retains, oldest first, each as the event that its subscribers received.
        Reading takes nothing away.

        name: The topic's name.
        last_n: At most that many of the newest. All retained ones when absent.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request(
            "GET", "/topics/{name}/messages", _MESSAGES_GET, timeout, path={"name": name}, query={"last_n": last_n}
        )

    async def publish(
        self, name: models.TopicName, payload: Any, *, id: models.MessageId | None = None, timeout: float | None = None
    ) -> models.PublishAccepted:
        """Publish a message

        Publishes over HTTP, for a program without a socket. The same validation, order and counters as a `publish`
        frame; the payload reaches subscribers byte for byte. The answer follows the topic's taking the message.

        name: The topic's name.
        payload: Any JSON value, `null`, a string and a bare number included.
        id: The message's identity, a UUID (RFC 9562) that the publisher chooses. The service hands it on and does not
        look for repeats: a publisher that tries again with the same id lets its subscribers tell the copies. A new one
        unless given.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request(
            "POST",
            "/topics/{name}/messages",
            _MESSAGES_PUBLISH,
            timeout,
            path={"name": name},
            body={"payload": payload, "id": _uuid4() if id is None else id},
        )


class ServiceRequests:
    """The service itself: its state and its contract."""

    def __init__(self, rest: Rest, client_id: str) -> None:
        self._rest = rest
        self.client_id = client_id

    async def index(self, *, timeout: float | None = None) -> models.Index:
        """What is where

        The paths of this service, by what they hold. A browser, or whoever else would rather have HTML than JSON by its
        `Accept`, gets a page instead that leads to the references and the console (unless the service was started
        without them); that page needs no key.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request("GET", "/", _SERVICE_INDEX, timeout)

    async def health(self, *, timeout: float | None = None) -> models.Health:
        """Is it up?

        Answers as long as the service works. Needs no credentials, so that a load balancer can ask.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request("GET", "/health", _SERVICE_HEALTH, timeout)

    async def stats(self, *, timeout: float | None = None) -> models.Stats:
        """The numbers of every topic

        Counts since each topic was created. For one topic, read `/topics/{name}`.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request("GET", "/stats", _SERVICE_STATS, timeout)

    async def openapi(self, *, timeout: float | None = None) -> Mapping[str, Any]:
        """This document

        The OpenAPI document that the service runs from, in one file, with the names of its schemas.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request("GET", "/openapi.json", _SERVICE_OPENAPI, timeout)

    async def asyncapi(self, *, timeout: float | None = None) -> Mapping[str, Any]:
        """The WebSocket's document

        The AsyncAPI document that the service runs from, in one file, with the names of its schemas.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._rest.request("GET", "/asyncapi.json", _SERVICE_ASYNCAPI, timeout)


class Client(SocketClient):
    """A client of Specbus WebSocket API."""

    _credential = Credential("header", "X-API-Key", "")
    _protocol = _tables.PROTOCOL

    @cached_property
    def topics(self) -> TopicsRequests:
        """Create, read and delete topics."""
        return TopicsRequests(self._rest, self.client_id)

    @cached_property
    def messages(self) -> MessagesRequests:
        """Publish, and read what is retained."""
        return MessagesRequests(self._rest, self.client_id)

    @cached_property
    def service(self) -> ServiceRequests:
        """The service itself: its state and its contract."""
        return ServiceRequests(self._rest, self.client_id)

    async def publish(
        self, topic: models.TopicName, payload: Any, *, id: models.MessageId | None = None, timeout: float | None = None
    ) -> models.Ack:
        """Publish a message on a topic.

        The ack follows the topic's taking the message, which fixes its place in the order and puts it among the
        retained ones. A topic that does not exist gives `TOPIC_NOT_FOUND` and is not created. A publisher need not be
        subscribed.

        topic: The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`. Names
        are case-sensitive. The name stands in URLs as it is.
        payload: Any JSON value, `null`, a string and a bare number included.
        id: The message's identity, a UUID (RFC 9562) that the publisher chooses. The service hands it on and does not
        look for repeats: a publisher that tries again with the same id lets its subscribers tell the copies. A new one
        unless given.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._bus.request(
            _tables.PUBLISH_COMMAND,
            {"type": "publish", "topic": topic, "message": {"id": _uuid4() if id is None else id, "payload": payload}},
            timeout,
        )

    async def ping(self, *, timeout: float | None = None) -> models.Pong:
        """Ask whether the service is there.

        Answered at once with a `pong`. It is no substitute for the pings of WebSocket itself, which need no code of
        yours.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return await self._bus.request(_tables.PING_COMMAND, {"type": "ping"}, timeout)

    @overload
    def subscribe(
        self,
        topic: models.TopicName,
        *,
        client_id: models.ClientId | None = None,
        last_n: int | None = None,
        raw: Literal[True],
        queue_size: int = 1000,
        retry: bool = False,
        timeout: float | None = None,
    ) -> Subscription[str]: ...
    @overload
    def subscribe(
        self,
        topic: models.TopicName,
        *,
        client_id: models.ClientId | None = None,
        last_n: int | None = None,
        raw: Literal[False] = False,
        queue_size: int = 1000,
        retry: bool = False,
        timeout: float | None = None,
    ) -> Subscription[models.Event]: ...
    def subscribe(
        self,
        topic: models.TopicName,
        *,
        client_id: models.ClientId | None = None,
        last_n: int | None = None,
        raw: bool = False,
        queue_size: int = 1000,
        retry: bool = False,
        timeout: float | None = None,
    ) -> Subscription[Any]:
        """Ask for a topic's events.

        The ack comes first, then with `last_n` the newest retained messages, oldest first, then live events, with none
        missing and none twice at the seam. A connection has one subscription for each topic: a second subscribe is
        acknowledged and does not double delivery; a `last_n` on it replays again. A topic that does not exist gives
        `TOPIC_NOT_FOUND`.

        topic: The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`. Names
        are case-sensitive. The name stands in URLs as it is.
        client_id: An opaque label of the subscriber, for people who read logs. Many connections may use the same one;
        it grants nothing and groups nothing. The client's own label unless given.
        last_n: Replay that many of the newest retained messages first, oldest first. More than there are is not an
        error: all retained ones are replayed.
        raw: Hand out the text of each frame, as it came.
        queue_size: Most events that may wait to be read; then the oldest makes room, and is counted.
        retry: Try again if the server refuses it after a reconnect, instead of ending.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        _frame: Frame = {
            "type": "subscribe",
            "topic": topic,
            "client_id": self.client_id if client_id is None else client_id,
        }
        _put(_frame, ("last_n",), last_n)

        return self._bus.subscribe(
            _tables.SUBSCRIBE_STREAM, _frame, queue_size=queue_size, raw=raw, retry=retry, timeout=timeout
        )
