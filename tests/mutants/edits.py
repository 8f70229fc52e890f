"""Patches that mutants of several areas are made of."""

import copy
import itertools
import json
import math
import re
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.responses import Response

from specbus.contract import decoding
from specbus.contract.schema import Schema
from specbus.http.operations import Operations
from specbus.wire import messages as wire
from tests.mutants.registry import Patch, wrap


def edit_response(patch: Patch, operation: str, edit: Callable[[Response], object]) -> None:
    """Have `edit` change the responses of an operation."""

    async def edited(original: Any, *args: Any, **options: Any) -> Response:
        response: Response = await original(*args, **options)
        edit(response)
        return response

    wrap(patch, Operations, operation, edited)


def edit_answer(patch: Patch, operation: str, edit: Callable[[Any], object]) -> None:
    """Have `edit` change the JSON that an operation answers with."""
    edit_response(patch, operation, lambda response: edit_body(response, edit))


def edit_body(response: Response, edit: Callable[[Any], object]) -> None:
    """Have `edit` change the body of a JSON response."""
    body = msgspec.json.decode(response.body)
    edit(body)
    response.body = msgspec.json.encode(body)
    response.headers["content-length"] = str(len(response.body))


def edit_frames(patch: Patch, makers: str, edit: Callable[[dict[str, Any]], object]) -> None:
    """Have `edit` change the frames that these functions of `wire.messages` make. It encodes anew: not for events."""

    def edited(original: Any, *args: Any, **options: Any) -> bytes:
        frame = msgspec.json.decode(wire.frame_payload(original(*args, **options)))
        edit(frame)
        return wire.text_frame(msgspec.json.encode(frame))

    for maker in makers.split():
        wrap(patch, wire, maker, edited)


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
    return {str(name): part for name, part in decoding._parts(text).items()}


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
