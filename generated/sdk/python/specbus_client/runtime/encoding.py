"""Encoding and decoding of JSON."""

import json
from typing import Any, cast
from uuid import uuid4

from pydantic import BaseModel
from pydantic_core import from_json, to_jsonable_python

_TOKEN = uuid4().hex


class RawJson:
    """JSON text that is sent unchanged in place of a value, with its digits, key order and escapes."""

    def __init__(self, text: str) -> None:
        """`text` is one JSON value. Raises ValueError if it is not."""
        decode(text)
        self.text = text.strip()


def decode(data: str | bytes) -> Any:
    """The value of JSON in `data`. Integers keep their digits; other numbers become floats. Raises ValueError."""
    return from_json(data, allow_inf_nan=False)


def decode_object(data: str | bytes) -> dict[str, Any] | None:
    """The JSON object in `data`; None if it is another value. Raises ValueError."""
    value = decode(data)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def encode(value: Any) -> str:
    """`value` as JSON. Models, UUIDs, times and RawJson may stand anywhere in it.

    Raises ValueError for what JSON cannot express: NaN, infinities, lone surrogates.
    """
    raw: list[str] = []

    def other(item: Any) -> Any:
        if isinstance(item, RawJson):
            raw.append(item.text)
            return f"{_TOKEN}{len(raw)}."
        if isinstance(item, BaseModel):
            return item.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return to_jsonable_python(item)

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=other)
    for number, inner in enumerate(raw, 1):
        text = text.replace(f'"{_TOKEN}{number}."', inner, 1)
    return text
