"""Every way in which an operation is refused, once: how a frame says it, and how HTTP says it.

A transport needs no table of its own: it sends `code` and the text of the exception, or a problem document (RFC 9457)
of type `problem` with `title` and `status`.
"""

from http import HTTPStatus
from typing import ClassVar

from specbus.contract.phrasing import quoted

_MAX_SHOWN = 128
"""Characters of a topic's name that are shown: as many as the contract allows one to have."""


class OperationError(Exception):
    """An operation that was refused. The text is a sentence for the person who asked."""

    code: ClassVar[str]
    """Of the `error` frame (`specs/schemas/error_code.yaml`)."""
    status: ClassVar[HTTPStatus]
    problem: ClassVar[str | None] = None
    """The last part of the problem document's type; None where the status says it all."""
    title: ClassVar[str | None] = None
    """The problem document's title, where it has a type."""


class TopicNotFound(OperationError):
    """There is no topic of that name."""

    code, status, problem, title = "TOPIC_NOT_FOUND", HTTPStatus.NOT_FOUND, "topic-not-found", "Topic not found"

    def __init__(self, topic: str) -> None:
        super().__init__(f"there is no topic {quoted(topic, _MAX_SHOWN)}")


class TopicExists(OperationError):
    """A topic of that name exists. No frame creates topics, so it has no code of its own."""

    code, status, problem, title = "BAD_REQUEST", HTTPStatus.CONFLICT, "topic-exists", "Topic exists"

    def __init__(self, topic: str) -> None:
        super().__init__(f"the topic {quoted(topic, _MAX_SHOWN)} exists")


class LimitExceeded(OperationError):
    """A limit of the service would be passed."""

    code, status = "LIMIT_EXCEEDED", HTTPStatus.CONFLICT
    limit: ClassVar[str]
    """The setting."""


class TooManyTopics(LimitExceeded):
    """The service has as many topics as it may."""

    problem, title, limit = "topic-limit", "Too many topics", "max_topics"

    def __init__(self, most: int) -> None:
        super().__init__(f"the service may have at most {most} topics")


class TooManySubscriptions(LimitExceeded):
    """A connection has as many subscriptions as it may."""

    limit = "max_subscriptions"

    def __init__(self, most: int) -> None:
        super().__init__(f"a connection may have at most {most} subscriptions")
