"""What the runtime has to know of the documents."""
# Written by `specbus sdk python`. Do not edit.

from . import models
from .runtime.protocol import Command, Kind, Match, Protocol, Refusal, Stop, StreamKind

SUBSCRIBE_COMMAND: Command[models.Ack] = Command("subscribe", frozenset({"Ack"}))
SUBSCRIBE_STREAM = StreamKind(
    command=SUBSCRIBE_COMMAND,
    key="topic",
    event="Event",
    stop=Stop(Command("unsubscribe", frozenset({"Ack"})), {"type": "unsubscribe"}, ("topic", "client_id")),
    once=("last_n",),
    ended=Match("Info", ((("msg",), "topic_deleted"),)),
    dropped=Match("Error", ((("error", "code"), "SLOW_CONSUMER"),)),
    count=("error", "dropped"),
)
PUBLISH_COMMAND: Command[models.Ack] = Command("publish", frozenset({"Ack"}))
PING_COMMAND: Command[models.Pong] = Command("ping", frozenset({"Pong"}))
PROTOCOL = Protocol(
    address="/ws",
    kinds=(
        Kind("Ack", models.Ack, {"type": "ack", "status": "ok"}, ("type", "topic", "status", "ts")),
        Kind("Event", models.Event, {"type": "event"}, ("type", "topic", "message", "offset", "ts")),
        Kind("Info", models.Info, {"type": "info"}, ("type", "msg", "ts")),
        Kind("Error", models.Error, {"type": "error"}, ("type", "error", "ts")),
        Kind("Pong", models.Pong, {"type": "pong"}, ("type", "ts")),
    ),
    tag="type",
    refusals={"Error": Refusal(("error", "code"), ("error", "message"))},
    correlation=("request_id",),
    correlation_kind="text",
    streams=(SUBSCRIBE_STREAM,),
)
