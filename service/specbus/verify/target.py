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
from pathlib import Path
from typing import Any, Self

import httpx
import websockets
from websockets.sync.client import connect

from specbus.verify.asyncapi import WebSocketDocument
from specbus.verify.bus import Bus
from specbus.verify.failures import Broken, CannotRun, Skipped
from specbus.verify.limits import Limits, read_limits
from specbus.verify.peer import Peer
from specbus.verify.record import Step, reproduction
from specbus.verify.rest.document import RestDocument
from specbus.verify.topics import Topics

__all__ = ["Broken", "CannotRun", "Options", "Peer", "Step", "Target"]

_websockets_log = logging.getLogger(__name__)
# What a connection's thread stumbles over, such as what still comes behind a broken pipe, is no line of the report.
_websockets_log.addHandler(logging.NullHandler())


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
        self._headers = {"X-API-Key": options.api_key} if options.api_key else {}
        self.tls = ssl.create_default_context(cafile=options.ca)
        """What judges the server's certificate."""
        # A server closes what is idle, maybe just when the next request is on its way.
        limits = httpx.Limits(keepalive_expiry=1.0)
        self._client = httpx.Client(
            base_url=options.url, timeout=options.deadline, headers=self._headers, limits=limits, **self.direct
        )
        self._end = time.monotonic() + options.run_deadline
        self._peers: list[Peer] = []
        self._kept: list[Peer] = []
        self.bus = Bus(self.document, options.seed)
        """What the document calls the things of a bus."""
        self.topics = Topics(self)
        """The topics of the run."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._peers += self._kept
        self.close_peers()
        self.clean_up()
        self._client.close()

    @functools.cached_property
    def rest(self) -> RestDocument:
        """What the server speaks over HTTP. Raises ContractError."""
        return RestDocument(self.options.specs)

    @functools.cached_property
    def limits(self) -> Limits:
        """What the server says of its limits."""
        return read_limits(self._client, self.options.specs)

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
        except (OSError, UnicodeError, httpx.InvalidURL) as error:
            raise CannotRun(f"nothing answers at {self.options.url}: {error}") from None

    def connection(self) -> socket.socket:
        """A new connection to the server. Raises OSError, and UnicodeError for a host that cannot be one."""
        url = httpx.URL(self.options.url)
        is_secure = url.scheme == "https"
        plain = socket.create_connection((url.host, url.port or (443 if is_secure else 80)), self.options.deadline)
        try:
            return self.tls.wrap_socket(plain, server_hostname=url.host) if is_secure else plain
        except BaseException:
            plain.close()
            raise

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

    def close_peers(self) -> None:
        """Close the connections that were opened since the last call, but for those kept open."""
        for peer in self._peers:
            peer.close()
        self._peers = []

    def keep_open(self, peer: Peer) -> None:
        """Have `peer` stay open until the run ends."""
        self._peers.remove(peer)
        self._kept.append(peer)

    def clean_up(self) -> None:
        """Delete the topics of this run."""
        with contextlib.suppress(Broken, Skipped):
            for name in self.topics.listed():
                if name.startswith(self.prefix) or name in self.topics.made:
                    self.topics.delete(name)

    def timeout(self) -> float:
        """Seconds that the next wait may take. Raises Broken when the run's time is up."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Broken(f"the run's deadline of {self.options.run_deadline:g} s has passed")
        return min(self.options.deadline, left)

    def deadline(self) -> float:
        """When a wait that starts now must be over, by the monotonic clock; for waits of several steps. Raises Broken.

        A loop that reads frames takes it once, before the first: heartbeats must not prolong the wait.
        """
        return time.monotonic() + self.timeout()

    def wait_for(self, condition: Callable[[], bool], problem: Callable[[], str]) -> None:
        """Wait until `condition` holds. Raises Broken with `problem` when it does not come about in time."""
        end = self.deadline()
        while not condition():
            if time.monotonic() > end:
                raise Broken(f"{problem()}, even after {self.options.deadline:g} s")
            time.sleep(0.005)

    # REST

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request as httpx does; the answer, whatever it is. Raises Broken if none comes."""
        sent = json.dumps(options["json"]) if "json" in options else options.get("content")
        text = sent if isinstance(sent, str | bytes | None) else "(streamed)"
        try:
            response = self._client.request(method, path, timeout=self.timeout(), **options)
        except httpx.HTTPError as error:
            self.steps.append(Step("rest", text, f"no answer ({error})", (method, path)))
            raise Broken(f"{method} {path} was not answered: {error or type(error).__name__}") from None
        self.steps.append(Step("rest", text, f"{response.status_code} {response.text}", (method, path)))
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

    # WebSocket

    @property
    def ws_url(self) -> str:
        """Where the WebSocket is."""
        return "ws" + self.options.url.removeprefix("http").rstrip("/") + self.document.address

    def peer(self, name: str = "a", **options: Any) -> Peer:
        """A new WebSocket connection, which is closed when the case ends. Raises Broken.

        Args:
            name: What the record calls it; a Python identifier.
            options: Those of `websockets.sync.client.connect`.

        """
        options = {"max_queue": None, **options}
        stack = contextlib.ExitStack()
        try:
            connection = connect(
                self.ws_url,
                additional_headers=self._headers,
                open_timeout=self.timeout(),
                close_timeout=1,
                max_size=None,
                compression=None,
                ping_interval=None,
                proxy=None,
                logger=_websockets_log,
                ssl=self.tls if self.ws_url.startswith("wss:") else None,
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
        return reproduction(steps, self.options.url.rstrip("/"), self.ws_url, key=bool(self._headers))
