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
    """Upper bound of the random delay before the first attempt to reconnect; doubled for each further attempt: 0.1."""
    backoff_cap: float
    """Upper bound of all delays: 20. They begin anew once a connection has lasted so long, or 5 seconds if less."""
    heartbeat: float | None
    """If nothing comes from the server for so long, it is pinged; without an answer within `timeout` the client
    reconnects: 20. None to never ping."""


class SocketClient(RestClient):
    """A client for HTTP requests, and for commands and streams over one WebSocket."""

    _protocol: ClassVar[Protocol]

    def __init__(self, url: str, **options: Unpack[SocketOptions]) -> None:
        """Make a client of the service at `url`, `http://...` or `ws://...`. `async with` connects and closes it.

        HTTP requests need no connection. Raises ValueError if the URL, the API key or the environment's proxy is
        invalid.
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
            self._rest.route,
            headers,
            timeout=self._timeout,
            backoff=Backoff(options.get("backoff_base", 0.1), options.get("backoff_cap", 20.0)),
            heartbeat=options.get("heartbeat", 20.0),
        )

    @property
    def state(self) -> State:
        """The state of the connection: `closed` before `connect()` and after `close()`."""
        return self._bus.connection.state

    async def connect(self) -> None:
        """Open the WebSocket. When it is lost later, the client reconnects, until `close()`.

        Raises:
            ConnectError: The server cannot be reached now.
            ProblemError: It refused the handshake.
        """
        await self._bus.connection.connect()

    async def close(self) -> None:
        """Close the connections and end all subscriptions. Commands that wait for a reply raise UnknownOutcome."""
        try:
            await self._bus.connection.close()
        finally:
            await super().close()

    def on_notice(self, callback: Callable[[Notice], object]) -> Callable[[], None]:
        """Call `callback` with each notice from now on. Returns a function that stops that.

        Notices report changes of the connection's state, and lost events. Without a callback they are logged.
        """
        return self._bus.on_notice(callback)

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await super().close()
            raise
        return self
