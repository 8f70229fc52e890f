# Written by `specbus sdk python`. Do not edit.

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

ClientId = TypeAliasType(
    "ClientId",
    Annotated[str, Field(examples=["s1"], max_length=256, min_length=1, title="ClientId")],
)
"""
An opaque label of the subscriber, for people who read logs. Many connections may use the same one; it grants nothing and groups nothing.
"""


Epoch = TypeAliasType(
    "Epoch",
    Annotated[
        str,
        Field(examples=["3kq9Xw2Lr0aB"], max_length=32, min_length=1, title="Epoch"),
    ],
)
"""
An opaque name for a time in which a topic's offsets grow without a break. It changes whenever continuity cannot be vouched for: when a topic is created anew, under an older one's name too, and when the service starts anew.
"""


ErrorCode = TypeAliasType(
    "ErrorCode",
    Annotated[
        Literal[
            "BAD_REQUEST",
            "TOPIC_NOT_FOUND",
            "SLOW_CONSUMER",
            "UNAUTHORIZED",
            "LIMIT_EXCEEDED",
            "INTERNAL",
        ],
        Field(title="ErrorCode"),
    ],
)
"""
`BAD_REQUEST`: the frame breaks the contract. `TOPIC_NOT_FOUND`: the topic does not exist; nothing was created. `SLOW_CONSUMER`: messages were dropped because this connection did not read fast enough. `UNAUTHORIZED`: credentials are missing or wrong. `LIMIT_EXCEEDED`: a limit of the service would be passed, for instance subscriptions per connection. `INTERNAL`: the service failed; the frame may or may not have taken effect.
"""


class ErrorDetail(BaseModel):
    """
    What went wrong.
    """

    code: ErrorCode
    message: Annotated[str, Field(min_length=1)]
    """
    What went wrong, for a person. It names the field and the rule where a frame broke the contract.
    """
    dropped: Annotated[int | None, Field(ge=1)] = None
    """
    With `SLOW_CONSUMER`, how many messages of the topic were dropped since the subscriber was last told.
    """


class Health(BaseModel):
    """
    The service is up and answers.
    """

    uptime_sec: Annotated[int, Field(ge=0)]
    """
    Whole seconds since the start.
    """
    topics: Annotated[int, Field(ge=0)]
    """
    Topics that exist.
    """
    subscribers: Annotated[int, Field(ge=0)]
    """
    Subscriptions over all topics; a connection with two topics counts twice.
    """
    connections: Annotated[int, Field(ge=0)]
    """
    Open WebSocket connections.
    """


class Index(BaseModel):
    """
    What is where.
    """

    name: Literal["specbus"]
    version: str
    """
    The service's version.
    """
    links: dict[str, str]
    """
    Paths by what they hold.
    """


InfoMessage = TypeAliasType(
    "InfoMessage",
    Annotated[Literal["ping", "topic_deleted"], Field(title="InfoMessage")],
)
"""
What happened.
"""


MessageId = TypeAliasType(
    "MessageId",
    Annotated[
        UUID,
        Field(examples=["550e8400-e29b-41d4-a716-446655440000"], title="MessageId"),
    ],
)
"""
The message's identity, a UUID (RFC 9562) that the publisher chooses. The service hands it on and does not look for repeats: a publisher that tries again with the same id lets its subscribers tell the copies.
"""


Offset = TypeAliasType("Offset", Annotated[int, Field(examples=[42], ge=0, title="Offset")])
"""
A message's place in its topic's order. It grows from message to message within an epoch, and is not promised to do so without gaps. 0 is before the first message.
"""


class Position(BaseModel):
    """
    A place in a topic's order. Two positions can be compared only within one epoch.
    """

    epoch: Epoch
    offset: Offset


class Problem(BaseModel):
    """
    A problem document (RFC 9457).
    """

    type: Literal[
        "about:blank",
        "urn:specbus:problem:topic-exists",
        "urn:specbus:problem:topic-limit",
        "urn:specbus:problem:topic-not-found",
    ]
    """
    The kind of problem. `about:blank` where the status says it all.
    """
    title: str
    """
    The kind of problem in a few words.
    """
    status: Annotated[int, Field(ge=400, le=599)]
    """
    The HTTP status.
    """
    detail: Annotated[str, Field(min_length=1)]
    """
    What went wrong this time, for a person.
    """


RequestId = TypeAliasType(
    "RequestId",
    Annotated[
        str,
        Field(
            examples=["550e8400-e29b-41d4-a716-446655440000"],
            max_length=256,
            title="RequestId",
        ),
    ],
)
"""
An opaque string that the client chooses. It comes back on the `ack`, `error` or `pong` that answers the frame, and is absent there when the frame had none.
"""


Timestamp = TypeAliasType(
    "Timestamp",
    Annotated[AwareDatetime, Field(examples=["2025-08-25T10:00:00Z"], title="Timestamp")],
)
"""
The server's clock when it made this, RFC 3339 in UTC, ending in `Z`.
"""


TopicName = TypeAliasType(
    "TopicName",
    Annotated[
        str,
        Field(
            examples=["orders"],
            max_length=128,
            min_length=1,
            pattern="^[A-Za-z0-9_][A-Za-z0-9._-]*$",
            title="TopicName",
        ),
    ],
)
"""
The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`. Names are case-sensitive. The name stands in URLs as it is.
"""


class TopicStats(BaseModel):
    """
    A topic's numbers since it was created.
    """

    messages: Annotated[int, Field(ge=0)]
    """
    Messages the topic has taken.
    """
    subscribers: Annotated[int, Field(ge=0)]
    """
    Connections subscribed to the topic now.
    """
    delivered: Annotated[int, Field(ge=0)]
    """
    Events handed to subscribers' connections, replayed ones included. Handed over is not received: a connection that breaks loses what was on its way.
    """
    dropped: Annotated[int, Field(ge=0)]
    """
    Events dropped because a subscriber's queue was full.
    """
    retained: Annotated[int, Field(ge=0)]
    """
    Messages kept for replay now.
    """
    evicted: Annotated[int | None, Field(ge=0)] = None
    """
    Messages no longer kept because of their bytes, though their number would allow it.
    """


class TopicSummary(BaseModel):
    """
    A topic in the list.
    """

    name: TopicName
    subscribers: Annotated[int, Field(ge=0)]
    """
    Connections subscribed to the topic now.
    """


class Unsubscribe(BaseModel):
    """
    Ask for no more events of a topic.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    type: Literal["unsubscribe"]
    topic: TopicName
    client_id: ClientId
    request_id: RequestId | None = None


class Ack(BaseModel):
    """
    The command was carried out. For a publish, the topic has taken the message and given it its place in the order, which is `position`. For a subscribe, `position` is where the topic is: all events with a greater offset follow, and of those before only what `last_n` asked for. An unsubscribe has none.
    """

    type: Literal["ack"]
    request_id: RequestId | None = None
    topic: TopicName
    status: Literal["ok"]
    position: Position | None = None
    ts: Timestamp


class Error(BaseModel):
    """
    A frame of the client's was refused, or messages for it were dropped. The connection stays open, unless the overflow policy is `disconnect`.
    """

    type: Literal["error"]
    request_id: RequestId | None = None
    topic: TopicName | None = None
    error: ErrorDetail
    ts: Timestamp


class Info(BaseModel):
    """
    Something the client did not ask for. `ping`: the heartbeat; needs no answer. `topic_deleted`: the topic named in `topic` is gone and this connection is no longer subscribed to it; no event of it follows.
    """

    type: Literal["info"]
    topic: TopicName | None = None
    msg: Annotated[InfoMessage, Field(title="InfoMessage")]
    """
    What happened.
    """
    ts: Timestamp


class Message(BaseModel):
    """
    What is published: an id and any JSON value. The message reaches every subscriber as the very text that the publisher sent, byte for byte: numbers keep their digits, objects their key order and repeated keys, strings their escapes. A payload may be nested up to 126 levels deep.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    id: MessageId
    payload: Any
    """
    Any JSON value, `null`, a string and a bare number included.
    """


class NewTopic(BaseModel):
    """
    A topic to create.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    name: TopicName


class Ping(BaseModel):
    """
    Ask whether the service is there.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    type: Literal["ping"]
    request_id: RequestId | None = None


class Pong(BaseModel):
    """
    The answer to a `ping` frame.
    """

    type: Literal["pong"]
    request_id: RequestId | None = None
    ts: Timestamp


class Publish(BaseModel):
    """
    Publish a message on a topic.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    type: Literal["publish"]
    topic: TopicName
    message: Message
    request_id: RequestId | None = None


class PublishAccepted(BaseModel):
    """
    The topic has taken the message and given it its place in the order; delivery follows.
    """

    status: Literal["accepted"]
    topic: TopicName
    id: MessageId
    position: Position


class Stats(BaseModel):
    """
    The numbers of every topic, by name, since each was created.
    """

    topics: dict[str, TopicStats]


class Subscribe(BaseModel):
    """
    Ask for the events of a topic.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    type: Literal["subscribe"]
    topic: TopicName
    client_id: ClientId
    last_n: Annotated[int | None, Field(ge=0)] = None
    """
    Replay that many of the newest retained messages first, oldest first. More than there are is not an error: all retained ones are replayed.
    """
    request_id: RequestId | None = None


class TopicCreated(BaseModel):
    """
    The topic exists now.
    """

    status: Literal["created"]
    topic: TopicName


class TopicDeleted(BaseModel):
    """
    The topic is gone, with the messages it retained.
    """

    status: Literal["deleted"]
    topic: TopicName


class TopicDetail(BaseModel):
    """
    One topic and its numbers since it was created.
    """

    name: TopicName
    messages: Annotated[int, Field(ge=0)]
    """
    Messages the topic has taken.
    """
    subscribers: Annotated[int, Field(ge=0)]
    """
    Connections subscribed to the topic now.
    """
    delivered: Annotated[int, Field(ge=0)]
    """
    Events handed to subscribers' connections, replayed ones included.
    """
    dropped: Annotated[int, Field(ge=0)]
    """
    Events dropped because a subscriber's queue was full.
    """
    retained: Annotated[int, Field(ge=0)]
    """
    Messages kept for replay now.
    """
    evicted: Annotated[int | None, Field(ge=0)] = None
    """
    Messages no longer kept because of their bytes, though their number would allow it.
    """


class TopicList(BaseModel):
    """
    All topics, in the order of their creation.
    """

    topics: list[TopicSummary]


class Event(BaseModel):
    """
    A message as the topic's subscribers receive it.
    """

    type: Literal["event"]
    topic: TopicName
    message: Message
    offset: Offset
    ts: Timestamp


class RetainedEvents(BaseModel):
    """
    Retained messages of a topic, oldest first, each as the event its subscribers received.
    """

    topic: TopicName
    events: list[Event]
