"""The limits that a server says it has: `info.x-limits` of the documents that it serves."""

import contextlib
import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx

from specbus.spec import ContractError
from specbus.spec.bundle import bundle
from specbus.verify import bounded

EXTENSION = "x-limits"
DOCUMENTS = ("asyncapi", "openapi")
"""In the order in which they are looked at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server keeps, takes and does. A limit that it does not tell has the default that the documents name.

    A limit that has none is None where the server does not tell it.
    """

    history_size: int = 100
    """Messages that a topic retains."""
    history_bytes: int | None = None
    """How large they may be together."""
    total_history_bytes: int | None = None
    """How large those of all topics may be together."""
    heartbeat_interval: float = 30.0
    """Seconds between heartbeats; 0 for none."""
    max_queue_size: int | None = None
    """Messages that may wait for a subscription that does not keep up."""
    max_queue_bytes: int | None = None
    """Bytes of them."""
    max_frame_bytes: int | None = None
    max_topics: int | None = None
    max_subscriptions: int | None = None
    """Of one connection."""
    max_connections: int | None = None
    ping_interval: float | None = None
    """Seconds between WebSocket pings; 0 for none."""
    ping_timeout: float | None = None
    """Seconds in which a WebSocket ping must be answered."""
    overflow_policy: str | None = None


def read_limits(client: httpx.Client | None, specs: Path) -> Limits:
    """The limits of the server that `client` talks to, if any, else those in the documents of `specs`. Never raises."""
    served = _served(client) if client else ()
    for document in itertools.chain(served, _written(specs)):
        info = document.get("info") if isinstance(document, dict) else None
        limits = info.get(EXTENSION) if isinstance(info, dict) else None
        if isinstance(limits, dict):
            return _limits(limits)
    return Limits()


def _served(client: httpx.Client) -> Iterable[Any]:
    for name in DOCUMENTS:
        try:
            response = bounded.request(client, "GET", f"/{name}.json", time.monotonic() + _seconds(client))
        except bounded.Unreadable:
            return  # nor is the other one worth the wait
        if response.is_success:
            with contextlib.suppress(ValueError, RecursionError):
                yield response.json()


def _seconds(client: httpx.Client) -> float:
    """How long the client waits for an answer."""
    return client.timeout.read or 5.0


def _written(specs: Path) -> Iterable[Any]:
    for name in DOCUMENTS:
        with contextlib.suppress(ContractError):
            yield bundle(specs / f"{name}.yaml")


def _limits(told: dict[str, Any]) -> Limits:
    """Those of `told` that are of the type they should be."""
    known: dict[str, Any] = {}
    for field in fields(Limits):
        value = told.get(field.name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if isinstance(value, str) if field.name == "overflow_policy" else is_number:
            known[field.name] = value
    return Limits(**known)
