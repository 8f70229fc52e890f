"""Shell commands that repeat a request."""

import itertools
import shlex
from collections.abc import Iterator
from typing import TypeAlias

from specbus.verify.rest.document import KEY_HEADER

Headers: TypeAlias = dict[str, str]


def curl(method: str, url: str, body: bytes | None, headers: Headers, *, key: bool) -> str:
    """A shell command that sends a request."""
    words = ["curl -i", "-I" if method == "HEAD" else f"-X {method}", shlex.quote(url)]
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        words.append("-H Content-Type:")  # or curl makes one up
    if key and KEY_HEADER not in headers:
        words.append(f"-H '{KEY_HEADER}: KEY'")
    words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    if body is not None:
        words.append(f"--data-binary {quoted(body)}")
    return " ".join(words)


def quoted(data: bytes) -> str:
    """`data` as a word for bash; what is long and monotonous in it, by a command."""
    return "".join(_runs(data)) or "''"


def _runs(data: bytes) -> Iterator[str]:
    plain = b""
    for byte, run in itertools.groupby(data):
        length = len(list(run))
        if length < 100:
            plain += bytes([byte]) * length
            continue
        yield from _plain(plain)
        plain = b""
        yield f"\"$(printf '{chr(byte)}%.0s' {{1..{length}}})\""
    yield from _plain(plain)


def _plain(data: bytes) -> Iterator[str]:
    if data.isascii() and data.decode().isprintable():
        yield shlex.quote(data.decode()) if data else ""
    else:
        yield "$'" + "".join(_escaped(byte) for byte in data) + "'"


def _escaped(byte: int) -> str:
    character = chr(byte)
    return character if 32 <= byte < 127 and character not in "'\\" else f"\\x{byte:02x}"
