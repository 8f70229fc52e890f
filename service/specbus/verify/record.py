"""What went over the wire, for a person to read and to repeat."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

Data: TypeAlias = str | bytes | tuple[str, ...]
"""What a message is sent as: text, bytes, or text in fragments."""
MAX_BEGINNING, MAX_END = 10, 20
"""Lines of a program that repeat what went first, such as subscriptions, and what went last."""
MAX_REQUESTS = 3
"""Requests that a list of commands repeats."""
SECRET = 6
"""Characters of an API key that is not shown."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that went over the wire: a frame, or a request with its answer."""

    who: str
    """The peer, or `rest`."""
    sent: Data | None
    """A tuple is a message in fragments."""
    received: str | None
    call: tuple[str, str] | None = None
    """A request's method and path."""

    def __str__(self) -> str:
        if self.call:
            body = "" if self.sent is None else f" {_shown(self.sent)}"
            return f"{' '.join(self.call)}{body} -> {_shown(self.received or '')}"
        if self.sent is not None:
            return f"{self.who} -> {_shown(self.sent)}"
        return f"{self.who} <- {_shown(self.received or '')}"


def without_key(text: str, key: str | None) -> str:
    """`text` with `KEY` in place of an API key, wherever that stands. One of a few letters is no secret."""
    return text.replace(key, "KEY").replace(quote(key), "KEY") if key and len(key) >= SECRET else text


def reproduction(steps: Sequence[Step], url: str, ws_url: str, *, key: bool) -> str:
    """A Python program that does what `steps` have on record; curl commands if all of them are requests.

    Where there are too many, it has what went first and what went last.

    Args:
        steps: The record.
        url: The server's URL, without a slash at its end.
        ws_url: The URL of its WebSocket.
        key: Whether an API key was sent. The program has `KEY` in its place.

    """
    steps = [step for step in steps if step.call or step.sent is not None or step.received is not None]
    if all(step.call for step in steps):
        return "\n".join(_curl(step, url, key=key) for step in steps[-MAX_REQUESTS:])
    acts = _acts(steps)
    left_out = acts[MAX_BEGINNING:-MAX_END]
    kept = [*acts[:MAX_BEGINNING], None, *acts[-MAX_END:]] if left_out else [*acts]
    lines = ["from websockets.sync.client import connect"]
    if any(act and act.step.call for act in kept):
        lines += [
            "import urllib.error, urllib.request as http",
            "def rest(method, path, body=None):",
            f"    request = http.Request({url!r} + path, body, method=method)",
            '    request.add_header("Content-Type", "application/json")',
            *(["    request.add_header('X-API-Key', KEY)"] if key else []),
            "    try:",
            "        answer = http.urlopen(request)",
            "    except urllib.error.HTTPError as error:",
            "        answer = error",
            "    print(answer.status, answer.read())",
        ]
    peers = dict.fromkeys(act.step.who for act in acts if not act.step.call)
    headers = ", additional_headers={'X-API-Key': KEY}" if key else ""
    opened = [f"connect({ws_url!r}{headers}) as {who}" for who in peers]
    lines.append(f"with {', '.join(opened)}:")
    for act in kept:
        if act is None:
            number = sum(each.times for each in left_out)
            lines.append(f"    # {number} exchanges that went between are left out")
        else:
            lines.append(f"    {act}")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Act:
    """What a program does: a step, or frames that one peer receives one after the other."""

    step: Step
    times: int

    def __str__(self) -> str:
        step = self.step
        if step.call:
            body = "" if step.sent is None else f", {_bytes(step.sent)!r}"
            return f"rest({step.call[0]!r}, {step.call[1]!r}{body})"
        if step.sent is not None:
            return f"{step.who}.send({_literal(step.sent)})"
        receive = f"print({step.who}.recv(timeout=5))"
        return receive if self.times == 1 else f"for _ in range({self.times}): {receive}"


def _acts(steps: Sequence[Step]) -> list[_Act]:
    acts: list[_Act] = []
    for step in steps:
        last = acts[-1] if acts else None
        if last and _is_received(step) and _is_received(last.step) and step.who == last.step.who:
            acts[-1] = _Act(step, last.times + 1)
        else:
            acts.append(_Act(step, 1))
    return acts


def _is_received(step: Step) -> bool:
    """Whether a step is a frame that came."""
    return not step.call and step.sent is None


def _curl(step: Step, url: str, *, key: bool) -> str:
    method, path = step.call or ("GET", "/")
    words = ["curl", "-i", "-X", method, url + path]
    words += ["-H", "X-API-Key: KEY"] if key else []
    if step.sent is not None:
        words += ["-H", "Content-Type: application/json", "-d", _bytes(step.sent).decode(errors="replace")]
    return shlex.join(words)


def _bytes(data: Data) -> bytes:
    text = "".join(data) if isinstance(data, tuple) else data
    return text.encode(errors="surrogatepass") if isinstance(text, str) else text


def _shown(data: Data) -> str:
    if isinstance(data, tuple):
        return f"{_shown(''.join(data))} (in {len(data)} fragments)"
    text = repr(data)[1:] if isinstance(data, bytes) else data
    return text if len(text) <= 400 else f"{text[:300]}... ({len(text)} characters)"


def _literal(data: Data) -> str:
    """`data` in Python, with long repetitions written as products."""
    if isinstance(data, tuple) or len(data) <= 200:
        return repr(data)
    pieces: list[str] = []
    end = 0
    for start, stop, unit in _repetitions(data):
        pieces += [repr(data[end:start])] if start > end else []
        pieces.append(f"{unit!r} * {(stop - start) // len(unit)}")
        end = stop
    pieces += [repr(data[end:])] if end < len(data) else []
    return " + ".join(pieces)


def _repetitions(data: str | bytes) -> Iterator[tuple[int, int, str | bytes]]:
    """Where a few characters come again and again, and which."""
    pattern = r"(.{1,8}?)\1{19,}"
    if isinstance(data, str):
        for run in re.finditer(pattern, data, re.DOTALL):
            yield run.start(), run.end(), run[1]
    else:
        for raw in re.finditer(pattern.encode(), data, re.DOTALL):
            yield raw.start(), raw.end(), raw[1]
