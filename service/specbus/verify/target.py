"""The server under test: REST calls and WebSocket peers, each wait with a deadline, each exchange on record."""

import contextlib
import functools
import json
import logging
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx
import websockets
from websockets.sync.client import connect

from specbus.verify import bounded
from specbus.verify.asyncapi import WebSocketDocument
from specbus.verify.bus import Bus
from specbus.verify.failures import Broken, CannotRun, Ended, Interrupted, NotOffered, TimeUp, Unanswered
from specbus.verify.limits import Limits, read_limits
from specbus.verify.peer import Peer
from specbus.verify.processes import signals
from specbus.verify.profiles import FULL, Profile
from specbus.verify.record import Step, reproduction, without_key
from specbus.verify.rest.document import JSON_TYPE, RestDocument
from specbus.verify.topics import DELETE, Topics

__all__ = ["Broken", "CannotRun", "Options", "Peer", "Step", "Target"]

MAX_WAITING_FRAMES = 1 << 16
"""Frames that a connection takes before somebody looks at them: there may be no end of them."""
CLEAN_UP_TIME = 10.0
"""Seconds in which what a run has made must be deleted."""
INTERRUPTED_CLEAN_UP_TIME = 0.7
"""The same, where a person waits for the end."""

_websockets_log = logging.getLogger(__name__)
# What a connection's thread stumbles over, such as what still comes behind a broken pipe, is no line of the report.
_websockets_log.addHandler(logging.NullHandler())
_websockets_log.propagate = False


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked to do. Times are in seconds."""

    url: str
    specs: Path
    api_key: str | None = None
    examples: int = 40
    """Generated cases for each operation and kind; other numbers scale with it."""
    seed: int = 0
    deadline: float = 5.0
    """For one answer."""
    run_deadline: float = 600.0
    """For the whole run."""
    ca: str | None = None
    """A file of certificates (PEM) to trust for https://; None for the system's, or those of SSL_CERT_FILE."""
    failures_per_check: int = 20
    """Failures of one check, each of another cause, after which no more are looked for."""
    profile: Profile = FULL
    """What the server has of what the documents describe."""


class Target:
    """A server, and what has been done with it in the check under way."""

    def __init__(self, options: Options) -> None:
        """Read the AsyncAPI document. Raises ContractError, and KeyError or TypeError for what it lacks."""
        self.options = options
        self.document = WebSocketDocument(options.specs / "asyncapi.yaml")
        """What the server speaks on the WebSocket."""
        self.steps: list[Step] = []
        """What has gone over the wire in the case under way."""
        self.cases = 0
        """Cases tried by the check under way."""
        self.violations: dict[str, tuple[str, str]] = {}
        """Frames that break their schema: a problem and a frame, by the rule that is broken."""
        self.frames_received = 0
        self.prefix = f"verify-{secrets.token_hex(4)}-"
        """What the names of this run's topics start with."""
        self.headers = {"X-API-Key": options.api_key} if options.api_key else {}
        """Those of each request and handshake."""
        self.tls = ssl.create_default_context(cafile=options.ca)
        """What judges the server's certificate."""
        # A server closes what is idle, maybe just when the next request is on its way.
        limits = httpx.Limits(keepalive_expiry=1.0)
        self._client, self._keyless = (
            httpx.Client(base_url=options.url, timeout=options.deadline, headers=headers, limits=limits, **self.direct)
            for headers in (self.headers, {})
        )
        self.run_end = time.monotonic() + options.run_deadline
        """When the run must be over, by the monotonic clock."""
        self._peers: list[Peer] = []
        self._kept: list[Peer] = []
        self.at_end = contextlib.ExitStack()
        """Ends what goes on in the background until the run ends."""
        self.bus = Bus(self.document, options.seed)
        """What the document calls the things of a bus."""
        self.topics = Topics(self)
        """The topics of the run."""
        self.answers = 0
        """How often the server has answered, or sent something, in this run."""
        self.last_answer: datetime | None = None
        """When it did so last."""
        self.is_lost = False
        """Whether the server is taken not to answer any more: then it is not asked to delete anything."""
        self.left_over: str | None = None
        """What could not be cleaned up, once the target is closed: a sentence. None if all could."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with signals.interrupting_again():
                self._peers += self._kept
                self.close_peers(at_once=signals.came is not None)
                self.clean_up()
        except Interrupted as again:
            self.left_over = f"what it made is not cleaned up: {again}"
        with contextlib.suppress(Exception):
            self.at_end.close()
        for client in (self._client, self._keyless):
            with contextlib.suppress(Exception):
                client.close()

    @functools.cached_property
    def rest(self) -> RestDocument:
        """What the server speaks over HTTP. Raises ContractError."""
        return RestDocument(self.options.specs)

    @functools.cached_property
    def limits(self) -> Limits:
        """What the server says of its limits."""
        return read_limits(self._client if self.options.profile.has_rest else None, self.options.specs)

    @property
    def direct(self) -> dict[str, Any]:
        """Options of httpx for requests to the server itself, whatever proxy the environment names."""
        return {"verify": self.tls, "trust_env": False}

    def check_reachable(self) -> None:
        """Raise CannotRun unless something takes connections at the URL, with a certificate to trust if it has one."""
        try:
            self.connection().close()
        except ssl.SSLCertVerificationError as error:
            raise CannotRun(f"{self.options.url} is not to be trusted: {error.verify_message} (see --ca)") from None
        except (OSError, ValueError, OverflowError, httpx.InvalidURL) as error:
            raise CannotRun(f"nothing answers at {self.options.url}: {error}") from None

    def connection(self, timeout: float | None = None) -> socket.socket:
        """A new connection to the server, by default within the deadline for one answer.

        Raises OSError, and UnicodeError for a host that cannot be one.
        """
        url = httpx.URL(self.options.url)
        is_secure = url.scheme == "https"
        address = url.host, url.port or (443 if is_secure else 80)
        plain = socket.create_connection(address, timeout or self.options.deadline)
        try:
            return self.tls.wrap_socket(plain, server_hostname=url.host) if is_secure else plain
        except BaseException:
            plain.close()
            raise

    def note_answer(self) -> None:
        """Take note that something came from the server."""
        self.answers += 1
        self.last_answer = datetime.now().astimezone()

    def start_check(self) -> None:
        """Start a check: nothing has been tried yet."""
        self.cases = 0
        self.bus.start_check()
        self.topics.start_check()
        self.start_case()

    def start_case(self) -> None:
        """Start a case: what went before is not part of it."""
        self.close_peers()
        self.steps = []

    def close_peers(self, *, at_once: bool = False) -> None:
        """Close the connections that were opened since the last call, but for those kept open.

        `at_once` does it without a word to the server, which takes no time.
        """
        for peer in self._peers:
            if at_once:
                peer.abort()
            peer.close()
        self._peers = []

    def keep_open(self, peer: Peer) -> None:
        """Have `peer` stay open until the run ends."""
        self._peers.remove(peer)
        self._kept.append(peer)

    def clean_up(self) -> None:
        """Delete the topics of this run, within a time of its own; `left_over` says what could not be deleted.

        A server may list anything. Raises Interrupted, and nothing else.
        """
        if self.is_lost or not self.topics.are_made:
            return
        is_short = signals.came is not None
        self.run_end = time.monotonic() + (INTERRUPTED_CLEAN_UP_TIME if is_short else CLEAN_UP_TIME)
        wanted: list[str] = []
        problem = ""
        try:
            made = self.topics.made
            wanted = [name for name in self.topics.listed() if name.startswith(self.prefix) or name in made]
            for name in list(wanted):
                path = self.topics.path(DELETE, name)
                response = self.call("DELETE", path)
                if response.is_success or response.status_code in (404, 410):
                    wanted.remove(name)
                else:
                    problem = f"DELETE {path} is answered with {response.status_code}"
        except Interrupted:
            raise
        except TimeUp:
            problem = "the time for that was up"
        except (Exception, Ended) as error:
            problem = str(error) or type(error).__name__
        if problem and (wanted or self.topics.made):
            what = f"{len(wanted)} of its topics" if wanted else "what it made"
            self.left_over = f"the run could not delete {what}, whose names begin with {self.prefix}: {problem}"

    def timeout(self) -> float:
        """Seconds that the next wait may take. Raises TimeUp when the run's time is up, Interrupted after a signal."""
        signals.check()
        left = self.run_end - time.monotonic()
        if left <= 0:
            raise TimeUp(f"the run's time of {self.options.run_deadline:g} s was up")
        return min(self.options.deadline, left)

    def deadline(self) -> float:
        """When a wait that starts now must be over, by the monotonic clock; for waits of several steps. Raises TimeUp.

        A loop that reads frames takes it once, before the first: heartbeats must not prolong the wait.
        """
        return time.monotonic() + self.timeout()

    def wait_for(self, condition: Callable[[], bool], problem: Callable[[], str]) -> None:
        """Wait until `condition` holds. Raises Broken with `problem` when it does not come about in time."""
        end = self.deadline()
        while not condition():
            if time.monotonic() > end:
                self.timeout()
                raise Broken(f"{problem()}, even after {self.options.deadline:g} s")
            time.sleep(0.005)

    # REST

    def call(self, method: str, path: str, *, has_key: bool = True, **options: Any) -> httpx.Response:
        """Send a request as httpx does; the answer, whatever it is.

        Args:
            method: The method.
            path: The path, below that of the server's URL.
            has_key: Whether the key is sent, where there is one.
            options: Those of `httpx.Client.stream`, and `json`.

        Raises:
            Unanswered: None came, or none that can be read.
            NotOffered: The profile of the run leaves out such requests.

        """
        if reason := self.options.profile.refusal(makes_topics=self.topics.is_making(method, path)):
            raise NotOffered(reason)
        if "json" in options:
            # In ASCII, so that half a surrogate pair can be sent, too.
            declared = {"Content-Type": JSON_TYPE, **options.get("headers", {})}
            options = {**options, "content": json.dumps(options["json"]), "headers": declared}
            del options["json"]
        sent = options.get("content")
        text = sent if isinstance(sent, str | bytes | None) else "(streamed)"
        shown = without_key(path, self.options.api_key)
        until = self.deadline()
        try:
            client = self._client if has_key else self._keyless
            response = bounded.request(client, method, path, until, **options)
        except bounded.Unreadable as error:
            # What came late, because the run ended meanwhile, is no fault of the server's.
            self.timeout()
            self.steps.append(Step("rest", text, f"no answer ({error})", (method, shown)))
            raise Unanswered(f"{method} {shown} was not answered: {error}") from None
        self.note_answer()
        self.steps.append(Step("rest", text, f"{response.status_code} {response.text}", (method, shown)))
        if response.is_success:
            self.topics.note(method, path, text)
        return response

    def read(self, path: str, *keys: str) -> Any:
        """What the JSON at `path` has under `keys`, one inside the other. Raises Broken."""
        response = self.call("GET", path)
        if not response.is_success:
            raise Broken(f"GET {path} is answered with {response.status_code}")
        try:
            value = response.json()
        except (ValueError, RecursionError):
            raise Broken(f"GET {path} is answered with what is no JSON") from None
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                raise Broken(f"the answer to GET {path} has no {'.'.join(keys)}")
            value = value[key]
        return value

    # WebSocket

    @property
    def ws_url(self) -> str:
        """Where the WebSocket is."""
        return "ws" + self.options.url.removeprefix("http").rstrip("/") + self.document.address

    @property
    def ws_options(self) -> dict[str, Any]:
        """Options of `websockets.sync.client.connect` for the server."""
        return {
            "additional_headers": self.headers,
            "close_timeout": 1,
            "max_size": bounded.MAX_BYTES,
            "max_queue": MAX_WAITING_FRAMES,
            "compression": None,
            "ping_interval": None,
            "proxy": None,
            "logger": _websockets_log,
            "ssl": self.tls if self.ws_url.startswith("wss:") else None,
        }

    def peer(self, name: str = "a", **options: Any) -> Peer:
        """A new WebSocket connection, which is closed when the case ends. Raises Broken; Unanswered if nothing comes.

        Args:
            name: What the record calls it; a Python identifier.
            options: Those of `websockets.sync.client.connect`.

        """
        stack = contextlib.ExitStack()
        try:
            connection = connect(self.ws_url, **{**self.ws_options, "open_timeout": self.timeout(), **options})
            raw = stack.enter_context(connection)
        except websockets.InvalidStatus as error:
            self.note_answer()
            raise Broken(f"no WebSocket connection: {error}") from None
        # Of what a server answers with, websockets raises all of these: EOFError, ValueError, UnicodeError, ...
        except (OSError, websockets.WebSocketException, EOFError, ValueError, LookupError) as error:
            self.timeout()
            raise Unanswered(f"no WebSocket connection: {error or type(error).__name__}") from None
        self.note_answer()
        peer = Peer(self, raw, name, stack)
        self._peers.append(peer)
        return peer

    def reproduction(self, steps: Sequence[Step]) -> str:
        """A program that does what `steps` have on record."""
        return reproduction(steps, self.options.url.rstrip("/"), self.ws_url, key=bool(self.headers))
