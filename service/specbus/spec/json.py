"""JSON texts, strictly (RFC 8259): what is no JSON is refused with its line, and so are repeated keys."""

import json
import math
import re
from collections.abc import Iterator

from specbus.spec import ContractError, Json
from specbus.spec.yaml import MAX_DEPTH, MAX_VALUES

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:]|[^\s"\[\]{},:]+')


def loads(text: str) -> Json:
    """The value of the JSON document `text`. Raises ContractError, whose text begins with the line."""
    try:
        value = json.loads(text, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise ContractError(f"line {error.lineno} not JSON: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise ContractError(f"nested more than {MAX_DEPTH} levels deep") from None
    for line, problem in _problems(text):
        raise ContractError(f"line {line} {problem}")
    return value


def _integer(text: str) -> int | float:
    """The integer `text`; infinity where Python refuses (more than 4,300 digits)."""
    try:
        return int(text)
    except ValueError:
        return math.inf


def _problems(text: str) -> Iterator[tuple[int, str]]:
    """What is wrong with `text`, which Python's decoder takes, and in which line."""
    names: list[set[str]] = []
    """Of each object and array around the part: the keys so far."""
    last = ""
    line, at = 1, 0
    for count, found in enumerate(_TOKEN.finditer(text)):
        line += text.count("\n", at, found.start())
        at = found.start()
        part = found[0]
        if count > 4 * MAX_VALUES:  # of a field: its name, a colon, and two brackets at the most
            yield line, f"more than {MAX_VALUES} values"
        if part in "[{":
            names.append(set())
            if len(names) > MAX_DEPTH:
                yield line, f"nested more than {MAX_DEPTH} levels deep"
        elif part in "]}":
            names.pop()
        elif part == ":":
            if last in names[-1]:
                yield line, f'the key "{last}" stands twice'
            names[-1].add(last)
        else:
            value = json.loads(part, parse_int=_integer)
            if isinstance(value, float) and not math.isfinite(value):
                yield line, f"{part[:40]} is no number that JSON has or a program can hold"
            elif isinstance(value, str):
                last = value
                if any("\ud800" <= character <= "\udfff" for character in value):
                    yield line, "an escape is half a character (a lone surrogate)"
