"""The payloads of `specbus pub` in lines of text: JSON values, which may span lines, or the lines themselves."""

import json
import re
from collections.abc import Iterator

from specbus.client import RawJson

MAX_BYTES = 1 << 24
"""Bytes of a payload that are read, at most: 16 times what a service takes by default."""
_TOKEN = re.compile(
    r'[ \t\r]*(?:([{}\[\]:,])|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
    r"|((?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?![\w.+-]))|$)"
)
"""A mark, a string, another scalar, or the end of the line (RFC 8259, 2)."""
_VALUE, _ITEM_OR_END, _NAME, _NAME_OR_END, _COLON, _NEXT, _NOTHING = (
    "a value",
    "a value or ]",
    "a name in quotes",
    "a name in quotes or }",
    "a colon",
    "a comma or the closing bracket",
    "nothing more in the line",
)
"""What must come next."""


class Bad(ValueError):
    """What is no payload. The text names the lines, and says what is wrong."""


class Texts:
    """Each line is a payload: a string."""

    def feed(self, line: bytes, number: int) -> Iterator[RawJson | Bad]:
        """The payload of line `number`."""
        try:
            yield RawJson(json.dumps(_decoded(line.removesuffix(b"\r")), ensure_ascii=False))
        except ValueError as error:
            yield Bad(f"line {number} is no text: {error}")

    def end(self) -> Iterator[RawJson | Bad]:
        """Nothing: a line is complete."""
        return iter(())


class Values:
    """Each payload is a JSON value (RFC 8259), which ends where its line ends, and may have begun lines before.

    Theory of operation: a line that is a value by itself is judged by the parser alone. Otherwise the grammar is
    followed token by token: `_open` are the brackets that are open, `_expected` is what must come next, `_held` is what
    came of the value. So a mistake is told at the line that makes it, and what follows is not taken for part of the
    value: after a mistake inside of a value, lines that look like its rest are passed over, which are those that are
    indented or begin with a closing bracket, and the next line begins a value anew.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._first = 0
        """The number of the line in which the value begins."""
        self._open = ""
        self._expected = _VALUE
        self._is_passing = False
        self._passed = (0, 0)
        """The first and the last line that were passed over; 0 for none."""

    def feed(self, line: bytes, number: int) -> Iterator[RawJson | Bad]:
        """The payload that is complete with line `number`, and what is known to be none."""
        looks_like_rest = line[:1] in (b" ", b"\t", b"]", b"}")
        if self._is_passing and (looks_like_rest or not line.strip()):
            self._passed = (self._passed[0] or number, number)
            return
        yield from self._passed_over()
        if not self._open:
            if not line.strip():
                return
            self._first = number
        reason = ""
        try:
            text = _decoded(line)
            if not self._open:
                try:
                    yield RawJson(text)
                    return
                except ValueError as error:  # the parser says best what is wrong with a line by itself
                    reason = reason_of(error)
            self._follow(text)
        except Bad as bad:
            if self._first == number:
                yield self._bad(number, reason or str(bad))
            elif looks_like_rest:
                yield self._bad(number, f"{bad} in line {number}")
            else:
                # The value before has no end, and this is another one.
                yield self._bad(number - 1, _NO_END)
                self._is_passing = False
                yield from self.feed(line, number)
            return
        self._held += line + b"\n"
        if len(self._held) > MAX_BYTES:
            yield self._bad(number, _TOO_LARGE)
        elif not self._open:
            try:
                yield RawJson(self._held.decode())
                self._clear()
            except ValueError as error:  # for what the grammar allows, such as half a surrogate pair
                yield self._bad(number, reason_of(error))

    def end(self) -> Iterator[RawJson | Bad]:
        """What is left when there are no more lines."""
        yield from self._passed_over()
        if self._open:
            yield self._bad(self._first + self._held.count(b"\n") - 1, _NO_END)

    def _follow(self, text: str) -> None:
        """Follow the grammar through a line. Raises Bad."""
        at = 0
        while (token := _TOKEN.match(text, at)) and token.lastindex:
            self._take(token[1], is_string=token[2] is not None)
            at = token.end()
        if not token:
            raise Bad(f"expected {self._expected}")

    def _take(self, mark: str | None, *, is_string: bool) -> None:
        """Take a token: a mark, or a string or another scalar. Raises Bad if another was expected."""
        expected = self._expected
        match mark:
            case "{" | "[" if expected in (_VALUE, _ITEM_OR_END):
                self._open += mark
                self._expected = _ITEM_OR_END if mark == "[" else _NAME_OR_END
            case "]" if expected in (_NEXT, _ITEM_OR_END) and self._open[-1] == "[":
                self._close()
            case "}" if expected in (_NEXT, _NAME_OR_END) and self._open[-1] == "{":
                self._close()
            case "," if expected == _NEXT:
                self._expected = _VALUE if self._open[-1] == "[" else _NAME
            case ":" if expected == _COLON:
                self._expected = _VALUE
            case None if is_string and expected in (_NAME, _NAME_OR_END):
                self._expected = _COLON
            case None if expected in (_VALUE, _ITEM_OR_END):
                self._expected = _NEXT if self._open else _NOTHING
            case _:
                raise Bad(f"expected {expected}")

    def _close(self) -> None:
        self._open = self._open[:-1]
        self._expected = _NEXT if self._open else _NOTHING

    def _bad(self, last: int, reason: str) -> Bad:
        """What is wrong with the value of which line `last` is the last that was read. Its rest is passed over."""
        first, self._is_passing = self._first, bool(self._open)
        self._clear()
        if first == last:
            return Bad(f"line {last} is not JSON: {reason}")
        return Bad(f"lines {first} to {last} are not JSON: {reason}")

    def _passed_over(self) -> Iterator[Bad]:
        first, last = self._passed
        self._is_passing, self._passed = False, (0, 0)
        if first:
            lines = f"line {first} is" if first == last else f"lines {first} to {last} are"
            yield Bad(f"{lines} passed over, as the rest of the same value")

    def _clear(self) -> None:
        self._held.clear()
        self._open, self._expected = "", _VALUE


_NO_END = "it has no end"
_TOO_LARGE = f"it is larger than {MAX_BYTES:,} bytes"


def _decoded(line: bytes) -> str:
    """The line's text. Raises ValueError."""
    if len(line) > MAX_BYTES:
        raise Bad(_TOO_LARGE)
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Bad(f"byte {error.start + 1} of it, {line[error.start]:#04x}, is not UTF-8") from None


def reason_of(error: ValueError) -> str:
    """Why RawJson takes no such text, without a place in it."""
    return str(error).partition(" at line ")[0]
