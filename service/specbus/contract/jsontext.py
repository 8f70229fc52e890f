"""JSON texts, strictly: decoded, measured and taken apart by the standard library, the judge of what is JSON."""

import contextlib
import itertools
import json
import math
import re
from typing import NoReturn

from specbus.spec import Json

_PROBLEMS = {
    "Expecting value": "a value is expected",
    "Expecting property name enclosed in double quotes": "a field's name in double quotes is expected",
    "Expecting ':' delimiter": "a colon is expected",
    "Expecting ',' delimiter": "a comma or a closing bracket is expected",
    "Illegal trailing comma before end of object": "a comma stands before a closing bracket",
    "Illegal trailing comma before end of array": "a comma stands before a closing bracket",
    "Unterminated string starting at": "a string has no end",
    "Invalid control character at": "a control character must be escaped",
    "Invalid \\escape": "there is no such escape",
    "Invalid \\uXXXX escape": "an escape needs four hexadecimal digits",
    "Extra data": "something follows the value",
    "Unexpected UTF-8 BOM (decode using utf-8-sig)": "a byte order mark comes first",
}
"""What `json` says of a mistake, and what we say."""

SPACE = " \t\n\r"
"""What may stand between the parts of a text."""


class NotJson(ValueError):
    """A text that is not JSON as we take it. The text of the exception is a sentence for a person."""

    def __init__(self, problem: str, value: Json = None) -> None:
        super().__init__(problem)
        self.value = value
        """What was decoded all the same, where only a part of it cannot be held."""


def decode(text: str) -> Json:
    """`text` decoded by the standard library, strictly. Raises NotJson."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_int=_integer)
    except json.JSONDecodeError as error:
        problem = _PROBLEMS.get(error.msg, "a mistake")
        raise NotJson(f"not valid JSON: {problem} (line {error.lineno}, column {error.colno})") from None


def check_scalars(value: Json) -> None:
    """Raise NotJson if a part of `value` that will be looked at is beyond what we can hold."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise NotJson("not valid JSON: an escape is half a character (a lone surrogate)", value) from None
    except ValueError:
        raise NotJson("not usable: a number is too large", value) from None


def holds(value: Json) -> bool:
    """Whether `value` is all there: neither infinite nor half a character."""
    try:
        check_scalars(value)
    except NotJson:
        return False
    return True


def _integer(text: str) -> int | float:
    """The integer `text`; infinity, as for a float too large, where Python refuses (more than 4,300 digits)."""
    try:
        return int(text)
    except ValueError:
        return math.inf


def _refuse(constant: str) -> NoReturn:
    raise NotJson(f"not valid JSON: {constant} is not a JSON value")


def parts(text: str) -> dict[str | int, str]:
    """The own text of each field of an object, or item of an array. `text` is known to be one of the two."""
    scan = json.JSONDecoder(parse_int=_integer).raw_decode
    found: dict[str | int, str] = {}
    at = _skip(text, 1)
    while text[at] not in "}]":
        name: str | int = len(found)
        if text[0] == "{":
            name, at = scan(text, at)
            at = _skip(text, _skip(text, at) + 1)  # over the colon
        _, end = scan(text, at)
        found[name] = text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in SPACE:
        at += 1
    return at


_MAX_CANDIDATES = 16
_MAX_VALUE = 1_024


def field_of_unread(data: bytes, name: str) -> str | int | float | None:
    """The text or number in the field `name` of the object `data`, which may be nested too deep, broken or of any size.

    It is looked for in the bytes. An object's own fields count, not those of what is in it; only the first few places
    with that name are looked at, and only values of up to 1,024 bytes.
    """
    written = {json.dumps(name).encode(), json.dumps(name, ensure_ascii=False).encode(errors="surrogatepass")}
    field = re.compile(
        # A number at the end of what came may be cut off.
        rb"(?:%b)[ \t\n\r]*:[ \t\n\r]*(\"(?:[^\"\\]|\\.){0,%d}\"|-?[0-9][0-9.eE+-]{0,%d}(?=[ \t\n\r,}]))"
        % (b"|".join(map(re.escape, written)), _MAX_VALUE, _MAX_VALUE)
    )
    value: str | int | float | None = None
    for found in itertools.islice(field.finditer(data), _MAX_CANDIDATES):
        inside, brackets = _brackets(data[: found.start()])
        if not inside and sum(_STEP[bracket] for bracket in brackets) == 1:
            with contextlib.suppress(ValueError):
                value = json.loads(found[1])
    return value


_ROUNDS = 4
_STEP = {b: 1 if b in b"[{" else -1 for b in b"[]{}"}


def check_depth(data: bytes, most: int) -> None:
    """Raise NotJson if `data` is nested more than `most` levels deep."""
    _, brackets = _brackets(data)
    # To take pairs away is ten times as fast as to count, and is enough where many stand beside each other.
    left = brackets
    for done in range(2, 2 * _ROUNDS + 1, 2):  # each round takes up to two levels away
        left = left.replace(b"[]", b"").replace(b"{}", b"")
        if len(left) <= most - done:
            return
    if max(itertools.accumulate(map(_STEP.__getitem__, brackets)), default=0) > most:
        raise NotJson(f"nested more than {most} levels deep")


def _brackets(data: bytes) -> tuple[bool, bytes]:
    """Whether the JSON text `data` ends inside a string, and its brackets that are not in strings."""
    inside = True
    brackets = bytearray()
    # Between quotes nothing counts; a backslash takes the next character along.
    for part in data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"'):
        inside = not inside
        if not inside:
            brackets += part.translate(None, _NOT_BRACKETS)
    return inside, bytes(brackets)


_NOT_BRACKETS = bytes(b for b in range(256) if b not in b"[]{}")
