"""Subscriptions, and the queues of events that wait for their readers."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, cast

from pydantic import BaseModel, ValidationError

from .errors import ClientClosed, InvalidReply
from .protocol import Frame

T = TypeVar("T")

_TELL_INTERVAL = 0.1
"""Seconds between two `Dropped` notices of one queue."""


class Inbox:
    """The queue of a subscription's unread events, and how the subscription ends."""

    def __init__(self, limit: int, dropped: Callable[[int], None]) -> None:
        """Hold at most `limit` events; call `dropped` with the number of older ones that were discarded."""
        if limit < 1:
            raise ValueError("queue_size must be at least 1")
        self._loop = asyncio.get_running_loop()
        self.accepted: asyncio.Future[None] = self._loop.create_future()
        """Done once the server has accepted the subscription; has the error if it did not."""
        self.dropped: dict[Literal["server", "client"], int] = {"server": 0, "client": 0}
        self.is_watched = False
        """Whether somebody reads events, and so gets the error."""
        self.has_ended = False
        self.is_abandoned = False
        """Whether nothing refers to the `Subscription` any more."""
        self._events: deque[Any] = deque()
        self._limit = limit
        self._tell_dropped = dropped
        self._unreported = 0
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._error: Exception | None = None

    def accept(self) -> None:
        """The server has accepted the subscription."""
        if not self.accepted.done():
            self.accepted.set_result(None)

    def push(self, event: Any) -> None:
        """Add an event."""
        if len(self._events) == self._limit:
            self._events.popleft()
            self.dropped["client"] += 1
            self._unreported += 1
            if self._timer is None:
                self._timer = self._loop.call_later(_TELL_INTERVAL, self._tell)
        self._events.append(event)
        if self._waiters:
            self._wake()

    def end(self, error: Exception | None = None) -> None:
        """End the subscription. The reader gets the remaining events, and then the `error`."""
        if self.has_ended:
            return
        self.has_ended = True
        self._error = error
        self._tell()
        if not self.accepted.done():
            self.accepted.set_exception(error or ClientClosed("the subscription was closed"))
            self.accepted.exception()  # whoever reads gets it too
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def next(self) -> Any:
        """Wait for the next event. Raises the error that ended the subscription, once, then StopAsyncIteration."""
        self.is_watched = True
        while not self._events:
            if self.has_ended:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled() and self._events:
                    self._wake()  # another reader's turn
                raise
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        return self._events.popleft()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _tell(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        unreported, self._unreported = self._unreported, 0
        if unreported:
            self._tell_dropped(unreported)


class Subscription(Generic[T]):
    """A subscription: `async for event in subscription`.

    It ends with `close()`, with its `async with` block, or when nothing refers to it any more, as after a loop over
    `client.subscribe(...)`.
    """

    def __init__(
        self,
        inbox: Inbox,
        leave: Callable[[], "asyncio.Future[None] | None"],
        heard: Callable[[], object],
        *,
        raw: bool,
    ) -> None:
        """`leave` unsubscribes; the future that it returns is done once the server has confirmed that.

        `heard` gives another value whenever something was read from the server.
        """
        self.heard = heard
        self._inbox = inbox
        self._leave = leave
        self._raw = raw
        self._loop = asyncio.get_running_loop()

    @property
    def dropped(self) -> dict[Literal["server", "client"], int]:
        """How many events were dropped, by the server or in this client, because they were read too slowly."""
        return self._inbox.dropped.copy()

    async def ready(self) -> None:
        """Wait until the server has accepted the subscription. Raises ReplyError if it does not, or ReplyTimeout."""
        self._inbox.is_watched = True
        await asyncio.shield(self._inbox.accepted)

    async def close(self) -> None:
        """Unsubscribe. Returns when the server has confirmed that, or there is no connection."""
        stopped = self._leave()
        if stopped:
            await stopped

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next event. Raises SubscriptionEnded if the server has ended it, after what came before.

        An event that does not match the document raises InvalidReply; the next can still be read.
        """
        item = await self._inbox.next()
        if self._raw:
            return cast("T", item)
        model, given = item
        return cast("T", read(model, given))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        inbox = getattr(self, "_inbox", None)
        if inbox and not inbox.has_ended:
            inbox.is_abandoned = True
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._leave)


def read(model: type[BaseModel], given: str | Frame) -> BaseModel:
    """A frame, as text or decoded, as a `model`. Raises InvalidReply if it does not match."""
    try:
        return model.model_validate_json(given) if isinstance(given, str) else model.model_validate(given)
    except ValidationError as error:
        raise InvalidReply(f"the server sent a frame that is not what its document says: {error}") from error
