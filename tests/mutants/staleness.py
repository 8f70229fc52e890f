"""Defects of answers that are those of a while ago. openapi.yaml: counts are "since it was created", lists "now"."""

import time
from typing import Any

from starlette.responses import Response

from specbus.bus.errors import TopicNotFound
from specbus.bus.operations import Operations
from specbus.http.documents import Documents
from specbus.http.operations import RestOperations
from tests.mutants.registry import Patch, mutant, wrap


def cache(patch: Patch, operation: str, seconds: float) -> None:
    """Have an operation answer with what it answered to the same arguments, for so many seconds."""
    kept: dict[str, tuple[float, Response]] = {}

    async def cached(original: Any, self: RestOperations, *args: Any, **options: Any) -> Response:
        key = repr((args, options))
        since, response = kept.get(key, (0.0, None))
        if response is None or time.monotonic() - since > seconds:
            response = await original(self, *args, **options)
            kept[key] = time.monotonic(), response
        return response

    wrap(patch, RestOperations, operation, cached)


@mutant("rest", "the list of topics is up to a second old")
def topic_list_cached(patch: Patch) -> None:
    cache(patch, "list_topics", 1)


@mutant("rest", "the numbers of a topic are up to a second old")
def topic_detail_cached(patch: Patch) -> None:
    cache(patch, "get_topic", 1)


@mutant("rest", "/stats is up to a second old")
def stats_cached(patch: Patch) -> None:
    cache(patch, "get_stats", 1)


@mutant("rest", "/health is up to two seconds old")
def health_cached(patch: Patch) -> None:
    cache(patch, "get_health", 2)


@mutant("rest", "the retained messages that are read are up to a second old")
def retained_messages_cached(patch: Patch) -> None:
    cache(patch, "get_messages", 1)


@mutant("rest", "that there is no such topic is known for a second, though it is made meanwhile")
def missing_topic_cached(patch: Patch) -> None:
    missed: dict[str, float] = {}

    def require(original: Any, self: Operations, name: str) -> Any:
        if time.monotonic() - missed.get(name, 0.0) < 1:
            raise TopicNotFound(name)
        try:
            return original(self, name)
        except TopicNotFound:
            missed[name] = time.monotonic()
            raise

    wrap(patch, Operations, "_require", require)


@mutant("rest", "the AsyncAPI document has the address at which it was first asked for")
def asyncapi_of_first_address(patch: Patch) -> None:
    first: list[Any] = []

    def encoded(original: Any, self: Documents, address: Any) -> bytes:
        first.append(address)
        return bytes(original(self, first[0]))

    wrap(patch, Documents, "_encoded_asyncapi", encoded)


@mutant("rest", "a topic's numbers are those before its last message for a moment")
def numbers_lag_by_one(patch: Patch) -> None:
    last: dict[str, Any] = {}

    def numbers_of(original: Any, self: Operations, topic: str) -> Any:
        now = original(self, topic)
        before, last[topic] = last.get(topic), now
        return before if before is not None and before.messages < now.messages else now

    wrap(patch, Operations, "numbers_of", numbers_of)
