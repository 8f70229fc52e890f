"""Events that wait for their reader."""

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
"""Seconds between two notices of what one full queue dropped."""


class Inbox:
    """The events of a subscription that have come and were not read yet, and how it ends."""

    def __init__(self, limit: int, dropped: Callable[[int], None]) -> None:
        """At most `limit` events wait; `dropped` is told how many of the oldest made room for others."""
        if limit < 1:
            raise ValueError("queue_size must be at least 1")
        self._loop = asyncio.get_running_loop()
        self.accepted: asyncio.Future[None] = self._loop.create_future()
        """Done once the server has accepted the subscription; it has the error if that did not come to pass."""
        self.dropped: dict[Literal["server", "client"], int] = {"server": 0, "client": 0}
        self.is_watched = False
        """Whether somebody has asked for an event, and would get the error."""
        self.has_ended = False
        self.is_abandoned = False
        """Whether nothing refers to the subscription any more."""
        self._events: deque[Any] = deque()
        self._limit = limit
        self._tell_dropped = dropped
        self._untold = 0
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._error: Exception | None = None

    def accept(self) -> None:
        """The server has accepted the subscription."""
        if not self.accepted.done():
            self.accepted.set_result(None)

    def push(self, event: Any) -> None:
        """An event has come."""
        if len(self._events) == self._limit:
            self._events.popleft()
            self.dropped["client"] += 1
            self._untold += 1
            if self._timer is None:
                self._timer = self._loop.call_later(_TELL_INTERVAL, self._tell)
        self._events.append(event)
        if self._waiters:
            self._wake()

    def end(self, error: Exception | None = None) -> None:
        """No more will come. The `error` is raised to the reader, after what has come."""
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
        """The next event, once there is one. Raises what ended it, once, and StopAsyncIteration."""
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
                    self._wake()  # the turn is another's
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
        untold, self._untold = self._untold, 0
        if untold:
            self._tell_dropped(untold)


class Subscription(Generic[T]):
    """Events as they come: `async for event in subscription`.

    It ends with `close()`, with its `async with` block, or when nothing refers to it any more, as after a loop over
    `client.subscribe(...)` itself.
    """

    def __init__(self, inbox: Inbox, leave: Callable[[], "asyncio.Future[None] | None"], *, raw: bool) -> None:
        """`leave` has the server send no more; what it returns is done once the server has confirmed that."""
        self._inbox = inbox
        self._leave = leave
        self._raw = raw
        self._loop = asyncio.get_running_loop()

    @property
    def dropped(self) -> dict[Literal["server", "client"], int]:
        """How many events are missing: dropped by the server, as this client read too slowly, or here."""
        return self._inbox.dropped.copy()

    async def ready(self) -> None:
        """Wait until the server has accepted the subscription. Raises ReplyError if it does not, or ReplyTimeout."""
        self._inbox.is_watched = True
        await asyncio.shield(self._inbox.accepted)

    async def close(self) -> None:
        """End it; returns when the server has confirmed that, or cannot be asked."""
        stopped = self._leave()
        if stopped:
            await stopped

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next event. Raises SubscriptionEnded if the server has ended it, after what came before.

        An event that is not what the document says raises InvalidReply; the one after it can be asked for.
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
    """A frame, as text or decoded, as a `model`. Raises InvalidReply if it is none."""
    try:
        return model.model_validate_json(given) if isinstance(given, str) else model.model_validate(given)
    except ValidationError as error:
        raise InvalidReply(f"the server sent a frame that is not what its document says: {error}") from error
