"""The synchronous client: the same methods, on an event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from .client import SocketClient
from .deadline import within
from .errors import ClientClosed, ClientError
from .notices import Notice, State
from .rest import RestClient
from .subscription import Subscription

T = TypeVar("T")
C = TypeVar("C", bound=RestClient)
W = TypeVar("W", bound=SocketClient)

_CLOSE_GRACE = 0.1
"""Seconds in which calls of other threads may end by themselves once the client is closed."""


class Portal:
    """An event loop in a thread, which runs coroutines for other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon: a script that does not close its client exits all the same.
        self._thread = threading.Thread(target=self._loop.run_forever, name="client", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether it can run anything."""
        return self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` and return its result. An exception in the calling thread, as KeyboardInterrupt is, cancels it."""
        if not self.is_open:
            work.close()
            raise ClientClosed("the client is closed")
        if threading.current_thread() is self._thread:
            work.close()
            raise ClientError("a callback for notices cannot call the client: it would wait for itself")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise ClientClosed("the client was closed") from None
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[[], T]) -> T:
        """Call `function` on the loop, and return its result."""

        async def work() -> T:
            return function()

        return self.run(work())

    def close(self) -> None:
        """Stop the loop, and whatever other threads still wait for."""
        if self.is_open:
            self.run(self._wind_up())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _wind_up(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            # Closing the client makes most of them fail with the outcome of their request.
            _, left = await asyncio.wait(left, timeout=_CLOSE_GRACE)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class SyncSubscription(Generic[T]):
    """A subscription: `for event in subscription`. It ends with `close()` or its `with` block."""

    def __init__(self, portal: Portal, inner: Subscription[T]) -> None:
        self._portal = portal
        self._inner = inner

    def ready(self) -> None:
        """Wait until the server has accepted the subscription. Raises ReplyError if it does not, or ReplyTimeout."""
        self._portal.run(self._inner.ready())

    def get(self, timeout: float | None = None) -> T:
        """The next event. Raises TimeoutError if none comes within `timeout` seconds; StopIteration at the end."""

        async def work() -> tuple[T] | None:
            try:
                async with within(timeout, self._inner.heard):
                    return (await self._inner.__anext__(),)
            except StopAsyncIteration:
                return None

        event = self._portal.run(work())
        if event is None:
            raise StopIteration
        return event[0]

    def close(self) -> None:
        """Unsubscribe."""
        if self._portal.is_open:  # else it has ended with the client
            self._portal.run(self._inner.close())

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return self.get()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class SyncBase(Generic[C]):
    """A client for scripts without asyncio; `with` opens and closes it."""

    def __init__(self, inner: C) -> None:
        self._inner = inner
        self._portal = Portal()

    @property
    def client_id(self) -> str:
        """The client's label."""
        return self._inner.client_id

    def close(self) -> None:
        """Close the client for good."""
        if self._portal.is_open:
            try:
                self._portal.run(self._inner.close())
            finally:
                self._portal.close()

    def __enter__(self) -> Self:
        try:
            self._portal.run(self._inner.__aenter__())
        except BaseException:
            self._portal.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class SyncSocketBase(SyncBase[W]):
    """A client with a WebSocket for scripts without asyncio; `with` connects and closes it."""

    @property
    def state(self) -> State:
        """The state of the connection: `closed` before `connect()` and after `close()`."""
        return self._inner.state

    def connect(self) -> None:
        """Open the WebSocket. When it is lost later, the client reconnects, until `close()`.

        Raises:
            ConnectError: The server cannot be reached now.
            ProblemError: It refused the handshake.
        """
        self._portal.run(self._inner.connect())

    def on_notice(self, callback: Callable[[Notice], object]) -> Callable[[], None]:
        """Call `callback` with each notice from now on, in the client's thread. Returns a function that stops that."""
        return self._inner.on_notice(callback)
