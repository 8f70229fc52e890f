"""The client for a WebSocket and HTTP."""

from collections.abc import Callable
from typing import Any, ClassVar, Self, Unpack
from urllib.parse import urlencode

from .backoff import Backoff
from .bus import Bus
from .notices import Notice, State
from .protocol import Protocol
from .rest import RestClient, RestOptions


class SocketOptions(RestOptions, total=False):
    """Options of a client. Durations are in seconds."""

    backoff_base: float
    """Reconnecting, the first pause is a random one of at most so long, each next of up to twice as long: 0.1."""
    backoff_cap: float
    """The longest pause: 20."""
    heartbeat: float | None
    """After so long without a sign of life the server is pinged, and reconnected to if it does not answer within
    `timeout`: 20. None for never."""


class SocketClient(RestClient):
    """A client of both sides: requests over HTTP, and commands and streams over one WebSocket."""

    _protocol: ClassVar[Protocol]

    def __init__(self, url: str, **options: Unpack[SocketOptions]) -> None:
        """`url` is where the service is, `http://...` or `ws://...`. Raises ValueError if it or the API key is none.

        `async with` connects the client, and closes it. Requests over HTTP need no connection.
        """
        self._options(url, options)
        headers: dict[str, str] = {}
        query: dict[str, Any] = {}
        if self._credential:
            self._credential.put(self._api_key, headers, query)
        address = self._url.replace("http", "ws", 1) + self._protocol.address
        self._bus = Bus(
            self._protocol,
            f"{address}?{urlencode(query)}" if query else address,
            self._url,
            headers,
            timeout=self._timeout,
            backoff=Backoff(options.get("backoff_base", 0.1), options.get("backoff_cap", 20.0)),
            heartbeat=options.get("heartbeat", 20.0),
        )

    @property
    def state(self) -> State:
        """Where the connection stands: `closed` before `connect()` and after `close()`."""
        return self._bus.connection.state

    async def connect(self) -> None:
        """Open the WebSocket. When it breaks later it is opened again, until `close()`.

        Raises ConnectError if the server cannot be reached now, ProblemError if it refuses.
        """
        await self._bus.connection.connect()

    async def close(self) -> None:
        """Close the connections and end all subscriptions. What waits for a reply gets UnknownOutcome."""
        try:
            await self._bus.connection.close()
        finally:
            await super().close()

    def on_notice(self, callback: Callable[[Notice], object]) -> Callable[[], None]:
        """Call `callback` with each notice from now on; returns a function that ends that.

        Notices tell of the connection's state and of what was lost. Those that no callback takes are logged.
        """
        return self._bus.on_notice(callback)

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await super().close()
            raise
        return self
