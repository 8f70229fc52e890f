"""The server under test: REST calls and WebSocket peers, each wait with a deadline, each exchange on record."""

import contextlib
import json
import re
import secrets
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import websockets
from websockets.sync.client import ClientConnection, connect

from specbus.verify.asyncapi import WebSocketDocument

Frame = dict[str, Any]
_MOST_STEPS = 24
"""How many exchanges a report shows."""


class Broken(Exception):
    """The server does not keep the contract. The text is a sentence for a person."""

    def __init__(
        self, problem: str, *, rule: str = "", steps: "Sequence[Step] | None" = None, reproduce: str = ""
    ) -> None:
        """`rule`, `steps` and `reproduce` replace those of the check and of what is on record."""
        super().__init__(problem)
        self.problem = problem
        self.rule = rule
        self.steps = steps
        self.reproduce = reproduce


class CannotRun(Exception):
    """The tests cannot run at all. The text is one line."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked to do."""

    url: str
    specs: Path
    api_key: str | None = None
    examples: int = 40
    """Generated cases for each operation and kind; other numbers scale with it."""
    seed: int = 0
    deadline: float = 5.0
    """Seconds to wait for one answer."""
    run_deadline: float = 600.0
    """Seconds for the whole run."""
    heartbeat: float = 30.0
    """Seconds within which the server sends a heartbeat."""
    history: int = 100
    """Messages that a topic of the server retains."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that went over the wire: a frame, or a request with its answer."""

    who: str
    """The peer, or `rest`."""
    sent: str | bytes | tuple[str, ...] | None
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


class Target:
    """A server, and what has been done with it in the check under way."""

    def __init__(self, options: Options) -> None:
        """Read the documents. Raises CannotRun, ContractError."""
        self.options = options
        self.document = WebSocketDocument(options.specs / "asyncapi.yaml")
        """What the server speaks on the WebSocket."""
        self.steps: list[Step] = []
        self.cases = 0
        self.strays: dict[str, tuple[str, str]] = {}
        """Frames that break their schema: a problem and a frame, by the rule that is broken."""
        self.frames = 0
        """Frames received so far."""
        self.prefix = f"verify-{secrets.token_hex(4)}-"
        """What the names of this run's topics start with."""
        self._headers = {"X-API-Key": options.api_key} if options.api_key else {}
        # A server closes what is idle, maybe just when the next request is on its way.
        limits = httpx.Limits(keepalive_expiry=1.0)
        self._client = httpx.Client(
            base_url=options.url, timeout=options.deadline, headers=self._headers, limits=limits
        )
        self._end = time.monotonic() + options.run_deadline
        self._peers: list[Peer] = []
        self._kept: list[Peer] = []
        self._named = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._peers += self._kept
        self.end()
        self.clean_up()
        self._client.close()

    def check_reachable(self) -> None:
        """Raise CannotRun unless something takes connections at the URL."""
        url = httpx.URL(self.options.url)
        try:
            socket.create_connection((url.host, url.port or 80), self.options.deadline).close()
        except (OSError, UnicodeError) as error:
            raise CannotRun(f"nothing answers at {self.options.url}: {error}") from None

    def begin(self) -> None:
        """Start a check."""
        self.cases = 0
        self.forget()

    def forget(self) -> None:
        """Start a case: what went before is not part of it."""
        self.end()
        self.steps = []

    def end(self) -> None:
        """Leave the server alone: close what this check opened."""
        for peer in self._peers:
            peer.close()
        self._peers = []

    def keep(self, peer: "Peer") -> None:
        """Have `peer` stay open until the run ends."""
        self._peers.remove(peer)
        self._kept.append(peer)

    def clean_up(self) -> None:
        """Delete the topics of this run."""
        with contextlib.suppress(Broken):
            for name in self.topics():
                if name.startswith(self.prefix):
                    self.call("DELETE", f"/topics/{name}")

    def patience(self) -> float:
        """Seconds that the next wait may take. Raises Broken when the run's time is up."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Broken(f"the run's deadline of {self.options.run_deadline:g} s has passed")
        return min(self.options.deadline, left)

    def soon(self) -> float:
        """When the next wait must be over, by the monotonic clock. Heartbeats do not prolong it. Raises Broken."""
        return time.monotonic() + self.patience()

    def until(self, condition: Callable[[], bool], problem: Callable[[], str]) -> None:
        """Wait for `condition`. Raises Broken with `problem` when it does not come about in time."""
        end = self.soon()
        while not condition():
            if time.monotonic() > end:
                raise Broken(f"{problem()}, even after {self.options.deadline:g} s")
            time.sleep(0.005)

    # REST

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request as httpx does; the answer, whatever it is. Raises Broken if none comes."""
        sent = json.dumps(options["json"]) if "json" in options else options.get("content")
        try:
            response = self._client.request(method, path, timeout=self.patience(), **options)
        except httpx.HTTPError as error:
            self.steps.append(Step("rest", _as_text(sent), f"no answer ({error})", (method, path)))
            raise Broken(f"{method} {path} was not answered: {error or type(error).__name__}") from None
        self.steps.append(Step("rest", _as_text(sent), f"{response.status_code} {response.text}", (method, path)))
        return response

    def read(self, path: str, *keys: str) -> Any:
        """What the JSON at `path` has under `keys`, one inside the other. Raises Broken."""
        response = self.call("GET", path)
        if not response.is_success:
            raise Broken(f"GET {path} is answered with {response.status_code}")
        try:
            value = response.json()
        except ValueError:
            raise Broken(f"GET {path} is answered with what is no JSON") from None
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                raise Broken(f"the answer to GET {path} has no {'.'.join(keys)}")
            value = value[key]
        return value

    def topic(self) -> str:
        """The name of a new topic. Raises Broken if it cannot be created."""
        self._named += 1
        name = f"{self.prefix}{self._named}"
        self.create(name)
        return name

    def topics(self) -> dict[str, Any]:
        """The listed topics and how many subscribers each has. Raises Broken."""
        listed = self.read("/topics", "topics")
        try:
            return {str(topic["name"]): topic.get("subscribers") for topic in listed}
        except (TypeError, KeyError, AttributeError):
            raise Broken("GET /topics does not list topics with their names") from None

    def create(self, name: str) -> None:
        """Create the topic `name`. Raises Broken."""
        response = self.call("POST", "/topics", json={"name": name})
        if not response.is_success:
            raise Broken(f"a topic cannot be created: POST /topics was answered with {response.status_code}")

    def delete(self, name: str) -> None:
        """Delete the topic `name`. Raises Broken."""
        response = self.call("DELETE", f"/topics/{name}")
        if not response.is_success:
            raise Broken(f"a topic cannot be deleted: DELETE /topics/{name} was answered with {response.status_code}")

    # WebSocket

    @property
    def ws_url(self) -> str:
        """Where the WebSocket is."""
        return "ws" + self.options.url.removeprefix("http").rstrip("/") + self.document.address

    def peer(self, name: str = "a", **options: Any) -> "Peer":
        """A new WebSocket connection, which is closed when the check ends. Raises Broken."""
        options = {"max_queue": None, **options}
        stack = contextlib.ExitStack()
        try:
            connection = connect(
                self.ws_url,
                additional_headers=self._headers,
                open_timeout=self.patience(),
                close_timeout=1,
                max_size=None,
                compression=None,
                ping_interval=None,
                proxy=None,
                **options,
            )
            raw = stack.enter_context(connection)
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            raise Broken(f"no WebSocket connection: {error}") from None
        peer = Peer(self, raw, name, stack)
        self._peers.append(peer)
        return peer

    def reproduction(self, steps: Sequence[Step]) -> str:
        """A program that does what `steps` have on record."""
        steps = [step for step in steps if step.call or step.sent is not None or step.received is not None]
        kept = steps[-_MOST_STEPS:]
        if all(step.call for step in kept):
            return "\n".join(self._curl(step) for step in kept[-3:])
        lines = ["from websockets.sync.client import connect"]
        if any(step.call for step in kept):
            lines += [
                "import urllib.request as http",
                "def rest(method, path, body=None):",
                f"    request = http.Request({self.options.url.rstrip('/')!r} + path, body, method=method)",
                '    request.add_header("Content-Type", "application/json")',
                "    print(http.urlopen(request).read())",
            ]
        if len(steps) > len(kept):
            lines.append(f"# {len(steps) - len(kept)} exchanges before these are left out")
        peers = dict.fromkeys(step.who for step in kept if not step.call)
        key = ", additional_headers={'X-API-Key': KEY}" if self._headers else ""
        opened = [f"connect({self.ws_url!r}{key}) as {who}" for who in peers]
        lines.append(f"with {', '.join(opened)}:")
        for step in kept:
            if step.call:
                body = "" if step.sent is None else f", {_bytes(step.sent)!r}"
                lines.append(f"    rest({step.call[0]!r}, {step.call[1]!r}{body})")
            elif step.sent is not None:
                lines.append(f"    {step.who}.send({_literal(step.sent)})")
            else:
                lines.append(f"    print({step.who}.recv(timeout=5))")
        return "\n".join(lines)

    def _curl(self, step: Step) -> str:
        method, path = step.call or ("GET", "/")
        words = ["curl", "-i", "-X", method, self.options.url.rstrip("/") + path]
        words += ["-H", "X-API-Key: KEY"] if self._headers else []
        if step.sent is not None:
            words += ["-H", "Content-Type: application/json", "-d", _bytes(step.sent).decode(errors="replace")]
        return shlex.join(words)


@dataclass(eq=False)
class Peer:
    """A WebSocket connection. All it receives is held against the document, for a check of its own to report."""

    target: Target
    raw: ClientConnection
    name: str
    stack: contextlib.ExitStack
    """Closes the connection."""
    unread: list[Frame] = field(default_factory=list)
    """Frames that came while an answer was waited for: neither answers nor looked at yet."""

    def send(self, frame: Frame | str | bytes | tuple[str, ...], *, text: bool | None = None) -> None:
        """Send a frame; bytes as a binary one unless `text`, a tuple in fragments. Raises Broken if it is closed."""
        data = json.dumps(frame) if isinstance(frame, dict) else frame
        self.target.steps.append(Step(self.name, data, None))
        with self._watching():
            if isinstance(data, tuple):
                self.raw.send(iter(data))
            else:
                self.raw.send(data, text=text)

    def receive_text(self, until: float | None = None) -> str:
        """The text of the next frame. Raises Silent if none comes by `until`, by default within the deadline."""
        end = self.target.soon() if until is None else until
        with self._watching():
            try:
                data = self.raw.recv(timeout=max(0, end - time.monotonic()))
            except TimeoutError:
                raise Silent("what the server must send did not come in time") from None
        if isinstance(data, bytes):
            raise Broken("the server sent a binary frame", rule=self.target.document.place)
        self.target.steps.append(Step(self.name, None, data))
        return data

    def receive(self, until: float | None = None) -> Frame:
        """The next frame. Raises Silent if none comes by the time `until`, Broken if it is no JSON object."""
        text = self.receive_text(until)
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        if not isinstance(frame, dict):
            raise Broken("the server sent a frame that is no JSON object", rule=self.target.document.place)
        self.target.frames += 1
        if problem := self.target.document.problem_of_sent(frame):
            self.target.strays.setdefault(problem[0], (problem[1], text))
        return frame

    def arrived(self) -> Iterator[Frame]:
        """The frames that are here already. Raises Broken as `receive`."""
        with contextlib.suppress(Silent):
            while True:
                yield self.receive(0.0)

    def ask(self, frame: Frame | str) -> Frame:
        """Send `frame` and return its answer; events and news that come first go to `unread`. Raises Broken."""
        self.send(frame)
        return self.answer()

    def answer(self) -> Frame:
        """The next frame that answers a command. Raises Broken."""
        until = self.target.soon()
        while True:
            frame = self.receive(until)
            if frame.get("type") in ("ack", "error", "pong") and not _is_slow(frame):
                return frame
            self.unread.append(frame)

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        with contextlib.suppress(OSError, websockets.WebSocketException, TimeoutError):
            self.stack.close()

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except websockets.ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            reason = f" ({closed.rcvd.reason})" if closed.rcvd and closed.rcvd.reason else ""
            self.target.steps.append(Step(self.name, None, f"closed with {code}{reason}"))
            raise Closed(f"the server closed the connection with {code}{reason}", code) from None


class Silent(Broken):
    """The server did not send what was waited for."""


class Closed(Broken):
    """The server closed a connection that it should have kept."""

    def __init__(self, problem: str, code: int) -> None:
        super().__init__(problem)
        self.code = code


def _is_slow(frame: Frame) -> bool:
    error = frame.get("error")
    return isinstance(error, dict) and error.get("code") == "SLOW_CONSUMER"


def _as_text(data: object) -> str | bytes | None:
    return data if isinstance(data, str | bytes | None) else "(streamed)"


def _bytes(data: str | bytes | tuple[str, ...]) -> bytes:
    text = "".join(data) if isinstance(data, tuple) else data
    return text.encode() if isinstance(text, str) else text


def _shown(data: str | bytes | tuple[str, ...]) -> str:
    if isinstance(data, tuple):
        return f"{_shown(''.join(data))} (in {len(data)} fragments)"
    text = repr(data)[1:] if isinstance(data, bytes) else data
    return text if len(text) <= 400 else f"{text[:300]}... ({len(text)} characters)"


def _literal(data: str | bytes | tuple[str, ...]) -> str:
    """`data` in Python, with what repeats itself in it told as that."""
    if isinstance(data, tuple) or len(data) <= 200:
        return repr(data)
    pieces: list[str] = []
    end = 0
    for start, stop, unit in _runs(data):
        pieces += [repr(data[end:start])] if start > end else []
        pieces.append(f"{unit!r} * {(stop - start) // len(unit)}")
        end = stop
    pieces += [repr(data[end:])] if end < len(data) else []
    return " + ".join(pieces)


def _runs(data: str | bytes) -> Iterator[tuple[int, int, str | bytes]]:
    """Where a few characters come again and again, and which."""
    pattern = r"(.{1,8}?)\1{19,}"
    if isinstance(data, str):
        for run in re.finditer(pattern, data, re.DOTALL):
            yield run.start(), run.end(), run[1]
    else:
        for raw in re.finditer(pattern.encode(), data, re.DOTALL):
            yield raw.start(), raw.end(), raw[1]
