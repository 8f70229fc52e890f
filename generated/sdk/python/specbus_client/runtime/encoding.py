"""Encoding and decoding of JSON."""

import json
from typing import Any, cast
from uuid import uuid4

from pydantic import BaseModel
from pydantic_core import from_json, to_jsonable_python

_TOKEN = uuid4().hex
_MAX_DIGITS = 4300
"""Digits of the longest integer that Python reads from text by default (`sys.int_info`)."""


class RawJson:
    """JSON text that is sent unchanged in place of a value, with its digits, key order and escapes."""

    def __init__(self, text: str) -> None:
        """`text` is one JSON value. Raises ValueError if it is not."""
        decode(text)
        self.text = text.strip()


def decode(data: str | bytes) -> Any:
    """The value of JSON in `data`. Raises ValueError.

    Integers keep their digits, up to 4,300 of them; other numbers become floats.
    """
    try:
        return from_json(data, allow_inf_nan=False)
    except TypeError:
        raise ValueError("it has a surrogate, which UTF-8 cannot express") from None
    except ValueError as error:
        if "number out of range" not in str(error):
            raise
    # JSON has no limit to the digits of a number (RFC 8259, 6), and the service hands on all of them.
    try:
        return json.loads(data, parse_int=_integer, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("recursion limit exceeded") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


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
