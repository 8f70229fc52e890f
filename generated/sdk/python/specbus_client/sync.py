"""The client for scripts without asyncio."""
# Written by `specbus sdk python`. Do not edit.

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Unpack, overload

from . import client as _client
from . import models
from .runtime.client import SocketOptions
from .runtime.sync import Portal, SyncSocketBase, SyncSubscription


class SyncTopicsRequests:
    """Create, read and delete topics."""

    def __init__(self, portal: Portal, inner: _client.TopicsRequests) -> None:
        self._portal = portal
        self._inner = inner

    def list(self, *, timeout: float | None = None) -> models.TopicList:
        """List topics

        All topics with the number of their subscribers, in the order of their creation.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.list(timeout=timeout))

    def create(self, name: models.TopicName, *, timeout: float | None = None) -> models.TopicCreated:
        """Create a topic

        Creates an empty topic. Publishing or subscribing to a topic that does not exist never creates it: this does.

        name: The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`. Names are
        case-sensitive. The name stands in URLs as it is.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.create(name, timeout=timeout))

    def get(self, name: models.TopicName, *, timeout: float | None = None) -> models.TopicDetail:
        """One topic's numbers

        The topic and its counts since it was created.

        name: The topic's name.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.get(name, timeout=timeout))

    def delete(self, name: models.TopicName, *, timeout: float | None = None) -> models.TopicDeleted:
        """Delete a topic

        Deletes the topic and what it retains. Each subscriber gets what was published before, then the `topic_deleted`
        info, and is unsubscribed; its connection stays open.

        name: The topic's name.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.delete(name, timeout=timeout))


class SyncMessagesRequests:
    """Publish, and read what is retained."""

    def __init__(self, portal: Portal, inner: _client.MessagesRequests) -> None:
        self._portal = portal
        self._inner = inner

    def get(
        self, name: models.TopicName, *, last_n: int | None = None, timeout: float | None = None
    ) -> models.RetainedEvents:
        """Read retained messages

        The newest messages that the topic retains, oldest first, each as the event that its subscribers received.
        Reading takes nothing away.

        name: The topic's name.
        last_n: At most that many of the newest. All retained ones when absent.
        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.get(name, last_n=last_n, timeout=timeout))

    def publish(
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
        return self._portal.run(self._inner.publish(name, payload, id=id, timeout=timeout))


class SyncServiceRequests:
    """The service itself: its state and its contract."""

    def __init__(self, portal: Portal, inner: _client.ServiceRequests) -> None:
        self._portal = portal
        self._inner = inner

    def index(self, *, timeout: float | None = None) -> models.Index:
        """What is where

        The paths of this service, by what they hold. A browser, or whoever else would rather have HTML than JSON by its
        `Accept`, gets a page instead that leads to the references and the console (unless the service was started
        without them); that page needs no key.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.index(timeout=timeout))

    def health(self, *, timeout: float | None = None) -> models.Health:
        """Is it up?

        Answers as long as the service works. Needs no credentials, so that a load balancer can ask.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.health(timeout=timeout))

    def stats(self, *, timeout: float | None = None) -> models.Stats:
        """The numbers of every topic

        Counts since each topic was created. For one topic, read `/topics/{name}`.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.stats(timeout=timeout))

    def openapi(self, *, timeout: float | None = None) -> Mapping[str, Any]:
        """This document

        The OpenAPI document that the service runs from, in one file, with the names of its schemas.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.openapi(timeout=timeout))

    def asyncapi(self, *, timeout: float | None = None) -> Mapping[str, Any]:
        """The WebSocket's document

        The AsyncAPI document that the service runs from, in one file, with the names of its schemas.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.asyncapi(timeout=timeout))


class SyncClient(SyncSocketBase[_client.Client]):
    """A client of Specbus WebSocket API for scripts without asyncio."""

    def __init__(self, url: str, **options: Unpack[SocketOptions]) -> None:
        """`url` is where the service is, `http://...` or `ws://...`. Raises ValueError if it is none."""
        super().__init__(_client.Client(url, **options))

    @cached_property
    def topics(self) -> SyncTopicsRequests:
        """Create, read and delete topics."""
        return SyncTopicsRequests(self._portal, self._inner.topics)

    @cached_property
    def messages(self) -> SyncMessagesRequests:
        """Publish, and read what is retained."""
        return SyncMessagesRequests(self._portal, self._inner.messages)

    @cached_property
    def service(self) -> SyncServiceRequests:
        """The service itself: its state and its contract."""
        return SyncServiceRequests(self._portal, self._inner.service)

    def publish(
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
        return self._portal.run(self._inner.publish(topic, payload, id=id, timeout=timeout))

    def ping(self, *, timeout: float | None = None) -> models.Pong:
        """Ask whether the service is there.

        Answered at once with a `pong`. It is no substitute for the pings of WebSocket itself, which need no code of
        yours.

        timeout: Seconds in which the answer must come; the client's unless given.
        """
        return self._portal.run(self._inner.ping(timeout=timeout))

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
    ) -> SyncSubscription[str]: ...
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
    ) -> SyncSubscription[models.Event]: ...
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
    ) -> SyncSubscription[Any]:
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
        inner: Any = self._inner
        return SyncSubscription(
            self._portal,
            self._portal.call(
                lambda: inner.subscribe(
                    topic,
                    client_id=client_id,
                    last_n=last_n,
                    raw=raw,
                    queue_size=queue_size,
                    retry=retry,
                    timeout=timeout,
                )
            ),
        )
