"""`specbus bench sdk`: what a message costs a program that reads by the Python SDK, beside the least it can cost.

All messages are published first, and then replayed (`last_n`) to one subscriber after the other, each a process of its
own (`sdk_subscriber`): the server hands them out faster than they are read and drops none, and nothing runs beside it.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import websockets

from specbus.bench.errors import Failed
from specbus.bench.measure import Progress, endpoint
from specbus.bench.rest_client import topics
from specbus.bench.servers import SPECBUS, started

WAYS = {
    "models": "async for, pydantic models",
    "raw": "async for, raw=True",
    "floor": "websockets + json.loads",
}
"""The ways to read, and their names in the table."""
READER_DEADLINE = 300.0
"""Seconds that one subscriber may take."""
_BATCH = 100
"""Publications in flight."""
_SATURATED = 0.9
"""The share of its time from which a subscriber is the limit."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one subscriber took for a subscription and all its messages."""

    messages: int
    seconds: float
    cpu: float
    """Seconds of processor time of its process."""

    @property
    def messages_per_second(self) -> float:
        """How fast it read."""
        return self.messages / self.seconds

    @property
    def cpu_per_message_us(self) -> float:
        """What a message cost, in microseconds of processor time."""
        return self.cpu * 1e6 / self.messages


@dataclass(frozen=True, slots=True)
class Cost:
    """A way to read, and its readings."""

    way: str
    readings: list[Reading]

    def median(self, figure: Callable[[Reading], float]) -> float:
        """The median of a figure."""
        return median(map(figure, self.readings))

    def remark(self) -> str | None:
        """What a reader must know to judge the figure."""
        busy = self.median(lambda reading: reading.cpu / reading.seconds)
        if busy > _SATURATED:
            return None
        return f"{WAYS[self.way]}: the subscriber was busy {busy:.0%} of the time; it can read faster than this shows."


def costs(messages: int, size: int, rounds: int, progress: Progress, deadline: float) -> list[Cost]:
    """What each way costs, read in turn. `size`: bytes of a payload. Raises CannotRun, Failed."""
    found = [Cost(way, []) for way in WAYS]
    with started(SPECBUS, options=[f"--history-size={messages}"]) as running:
        to = endpoint(running.url, None, deadline)
        with topics(to, 1, base="", delete=False) as (topic,):
            progress("Publishing", 0.0)
            asyncio.run(_publish(running.url, topic, messages, size))
            for number in range(rounds):
                for done, cost in enumerate(found, number * len(found)):
                    progress(WAYS[cost.way], done / (rounds * len(found)))
                    cost.readings.append(
                        _read(cost.way, running.url.removesuffix(SPECBUS.dialect.path), topic, messages)
                    )
    return found


async def _publish(url: str, topic: str, messages: int, size: int) -> None:
    """Publish so many messages, whose payloads are numbered from 0. Raises Failed."""
    async with websockets.connect(url, proxy=None) as connection:
        for first in range(0, messages, _BATCH):
            batch = range(first, min(first + _BATCH, messages))
            for number in batch:
                message = {"id": f"00000000-0000-4000-8000-{number:012x}", "payload": _payload(number, size)}
                await connection.send(json.dumps({"type": "publish", "topic": topic, "message": message}))
            for _ in batch:
                answer = json.loads(await connection.recv())
                if answer["type"] != "ack":
                    raise Failed(f"a publication was answered with {answer}")


def _payload(number: int, size: int) -> dict[str, Any]:
    payload = {"n": number, "order_id": "ORD-123", "amount": 99.5, "currency": "USD", "note": ""}
    return {**payload, "note": "p" * (size - len(json.dumps(payload)))}


def _read(way: str, url: str, topic: str, messages: int) -> Reading:
    """Read them all, in a process of its own. Raises Failed."""
    command = (sys.executable, "-P", "-m", "specbus.bench.sdk_subscriber", way, url, topic, str(messages))
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # ours
    if done.returncode:
        raise Failed(f"{WAYS[way]}: {done.stderr.strip().rpartition(chr(10))[2]}")
    return Reading(**json.loads(done.stdout))
