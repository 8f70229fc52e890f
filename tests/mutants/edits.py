"""Patches that mutants of several areas are made of."""

import copy
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from starlette.responses import Response

from specbus.app import App
from specbus.bus.hub import Fanout
from specbus.bus.publication import Publication
from specbus.contract import decoding, jsontext
from specbus.contract.schema import Schema
from specbus.http.operations import RestOperations
from specbus.websocket.session import Session
from specbus.wire import messages
from tests.mutants.registry import Patch, wrap


def running(patch: Patch) -> Callable[[], App]:
    """What gives the service, once it is constructed."""
    apps: list[App] = []

    def constructed(original: Any, self: App, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        apps.append(self)

    wrap(patch, App, "__init__", constructed)
    return lambda: apps[-1]


# HTTP


def edit_response(patch: Patch, operation: str, edit: Callable[[Response], object]) -> None:
    """Have `edit` change the responses of an operation."""

    async def edited(original: Any, *args: Any, **options: Any) -> Response:
        response: Response = await original(*args, **options)
        edit(response)
        return response

    wrap(patch, RestOperations, operation, edited)


def edit_answer(patch: Patch, operation: str, edit: Callable[[Any], object]) -> None:
    """Have `edit` change the JSON that an operation answers with."""
    edit_response(patch, operation, lambda response: edit_body(response, edit))


def edit_body(response: Response, edit: Callable[[Any], object]) -> None:
    """Have `edit` change the body of a JSON response."""
    body = msgspec.json.decode(response.body)
    edit(body)
    response.body = msgspec.json.encode(body)
    response.headers["content-length"] = str(len(response.body))


# Frames


def edit_frames(patch: Patch, makers: str, edit: Callable[[dict[str, Any]], object]) -> None:
    """Have `edit` change what these functions of `wire.messages` make. It encodes anew: not for events."""

    def edited(original: Any, *args: Any, **options: Any) -> bytes:
        frame = msgspec.json.decode(original(*args, **options))
        edit(frame)
        return msgspec.json.encode(frame)

    for maker in makers.split():
        wrap(patch, messages, maker, edited)


def edit_events(patch: Patch, edit: Callable[[bytes], bytes]) -> None:
    """Have `edit` change the texts of events, retained ones included."""

    def writer(original: Any, topic: str) -> Callable[[Any], bytes]:
        write = original(topic)
        return lambda taken: edit(write(taken))

    wrap(patch, messages, "event_writer", writer)


def edit_offsets(patch: Patch, edit: Callable[[int], int]) -> None:
    """Have `edit` change the offsets in events, retained ones included."""

    def writer(original: Any, topic: str) -> Callable[[Publication], bytes]:
        write = original(topic)
        return lambda taken: bytes(write(with_offset(taken, edit(taken.offset))))

    wrap(patch, messages, "event_writer", writer)


def with_offset(publication: Publication, offset: int) -> Publication:
    """`publication` with another offset."""
    return Publication(publication.topic, offset, publication.ts, publication.message)


def after_refusal(patch: Patch, act: Callable[[Any, Session, bytes], object]) -> None:
    """Have `act` follow each answer to a frame that breaks the contract; it gets `Session.answer` and its arguments."""

    def answer(original: Any, self: Session, message: bytes) -> None:
        original(self, message)
        frame = msgspec.json.decode(message)
        if frame["type"] == "error" and frame["error"]["code"] == "BAD_REQUEST":
            act(original, self, message)

    wrap(patch, Session, "answer", answer)


# Subscribers


def live(fanout: Fanout | None) -> list[Any]:
    """The subscribers of a topic, if it has any, that are handed publications at once."""
    return [subscriber for group in fanout.groups.values() for subscriber in group.deliver] if fanout else []


def subscribers(fanout: Fanout | None) -> list[Any]:
    """All subscribers of a topic, if it has any."""
    return [*live(fanout), *fanout.waiting] if fanout else []


@contextmanager
def delivering(fanout: Fanout, change: Callable[[Any, Callable[[bytes], object]], Any]) -> Iterator[None]:
    """Meanwhile, have `change` replace what delivers to each live subscriber: it gets both."""
    changed = {}
    for group in fanout.groups.values():
        for subscriber, deliver in group.deliver.items():
            changed[subscriber] = deliver
            group.deliver[subscriber] = change(subscriber, deliver)
    try:
        yield
    finally:
        for group in fanout.groups.values():
            group.deliver.update({each: deliver for each, deliver in changed.items() if each in group.deliver})


# What is judged


def edit_schema(patch: Patch, places: str, edit: Callable[[dict[str, Any]], object]) -> None:
    """Have the service judge by schemas that `edit` has changed; `places` (in a Schema's `place`) says which."""

    def compiled(original: Any, self: Schema, schema: Any, place: str) -> None:
        if any(place.endswith(wanted) for wanted in places.split("; ")):
            schema = copy.deepcopy(schema)
            edit(schema)
        original(self, schema, place)

    wrap(patch, Schema, "__init__", compiled)


def texts(text: str) -> dict[str, str]:
    """The own text of each field of an object; of a repeated one, the last."""
    return {str(name): part for name, part in jsontext.parts(text).items()}


def joined(fields: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in fields.items()) + "}"


def decoded(text: bytes) -> Any:
    """`text` decoded; NaN, which no JSON text is, where it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return math.nan


def too_deep(text: bytes) -> bool:
    """Whether `text` is nested deeper than the service takes."""
    brackets = re.sub(rb'"(?:\\.|[^"\\])*"|[^][{}]', b"", text)
    depths = itertools.accumulate(1 if bracket in b"[{" else -1 for bracket in brackets)
    return max(depths, default=0) > decoding.MAX_DEPTH
