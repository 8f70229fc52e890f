"""A publish/subscribe server written with FastAPI as most people would: `specbus bench compare` measures it too.

    python -P -m specbus.bench.fastapi_server PORT

It speaks the frames of the contract that the benchmark needs: a pydantic model for each command, JSON encoded once
for each event, one send for each subscriber, nothing bounded.
"""

import sys
import uuid
from collections import deque
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError


class Message(BaseModel):
    """What is published."""

    model_config = ConfigDict(extra="forbid")
    id: uuid.UUID
    payload: Any


class Command(BaseModel):
    """What all frames of clients have."""

    model_config = ConfigDict(extra="forbid")
    request_id: str | None = None


class Subscribe(Command):
    """Ask for a topic's events."""

    type: Literal["subscribe"]
    topic: str
    client_id: str
    last_n: int = Field(0, ge=0)


class Unsubscribe(Command):
    """Ask for no more of them."""

    type: Literal["unsubscribe"]
    topic: str
    client_id: str


class Publish(Command):
    """Publish a message."""

    type: Literal["publish"]
    topic: str
    message: Message


class Ping(Command):
    """Ask whether the service is there."""

    type: Literal["ping"]


class NewTopic(BaseModel):
    """A topic to make."""

    name: str


class Topic:
    """Who gets its events, and the newest of them."""

    def __init__(self) -> None:
        self.subscribers: set[WebSocket] = set()
        self.history: deque[str] = deque(maxlen=100)


Frame = Annotated[Subscribe | Unsubscribe | Publish | Ping, Field(discriminator="type")]
frames: TypeAdapter[Frame] = TypeAdapter(Frame)
app = FastAPI()
topics: dict[str, Topic] = {}


def now() -> str:
    """The time for `ts`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@app.post("/topics", status_code=201)
async def create_topic(topic: NewTopic) -> dict[str, str]:
    """Make a topic."""
    if topic.name in topics:
        raise HTTPException(409)
    topics[topic.name] = Topic()
    return {"status": "created", "topic": topic.name}


@app.delete("/topics/{name}")
async def delete_topic(name: str) -> dict[str, str]:
    """Delete a topic."""
    if topics.pop(name, None) is None:
        raise HTTPException(404)
    return {"status": "deleted", "topic": name}


@app.get("/health")
async def health() -> dict[str, int]:
    """Say that it is there."""
    return {"topics": len(topics)}


@app.websocket("/ws")
async def bus(websocket: WebSocket) -> None:
    """Serve one connection."""
    await websocket.accept()
    try:
        while True:
            await handle(websocket, await websocket.receive_text())
    except WebSocketDisconnect:
        for topic in topics.values():
            topic.subscribers.discard(websocket)


async def handle(websocket: WebSocket, text: str) -> None:
    """Do what a frame asks for."""
    try:
        frame = frames.validate_json(text)
    except ValidationError as error:
        await refuse(websocket, None, "BAD_REQUEST", str(error))
        return
    answer: dict[str, Any] = {"type": "ack", "request_id": frame.request_id, "status": "ok", "ts": now()}
    if isinstance(frame, Ping):
        await websocket.send_json({**answer, "type": "pong"})
        return
    topic = topics.get(frame.topic)
    if topic is None:
        await refuse(websocket, frame.request_id, "TOPIC_NOT_FOUND", f"there is no topic {frame.topic}")
        return
    if isinstance(frame, Publish):
        await publish(topic, frame)
    elif isinstance(frame, Subscribe):
        topic.subscribers.add(websocket)
    else:
        topic.subscribers.discard(websocket)
    await websocket.send_json({**answer, "topic": frame.topic})
    if isinstance(frame, Subscribe) and frame.last_n:
        for event in list(topic.history)[-frame.last_n :]:
            await websocket.send_text(event)


async def publish(topic: Topic, frame: Publish) -> None:
    """Send a message to all subscribers."""
    event = Event(topic=frame.topic, message=frame.message, ts=now()).model_dump_json()
    topic.history.append(event)
    for subscriber in list(topic.subscribers):
        try:
            await subscriber.send_text(event)
        except (WebSocketDisconnect, RuntimeError):
            topic.subscribers.discard(subscriber)


class Event(BaseModel):
    """A message on its way to a subscriber."""

    type: Literal["event"] = "event"
    topic: str
    message: Message
    ts: str


async def refuse(websocket: WebSocket, request_id: str | None, code: str, message: str) -> None:
    """Say why a frame was not taken."""
    error = {"code": code, "message": message}
    await websocket.send_json({"type": "error", "request_id": request_id, "error": error, "ts": now()})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
