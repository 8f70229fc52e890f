"""A subscriber of `specbus bench sdk`: `python -P -m specbus.bench.sdk_subscriber WAY URL TOPIC MESSAGES`.

It prints its `Reading` as JSON. Its exit status is 1 if a message was missing or out of order.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict
from typing import Any

import websockets

from specbus.bench.sdk_cost import READER_DEADLINE, Reading
from specbus.client import Client


class _Clock:
    """Measures from its start, before the subscription, to its stop, after the last message."""

    def start(self) -> None:
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.seconds, self.cpu = time.perf_counter() - self._began, time.process_time() - self._cpu


async def _models(url: str, topic: str, messages: int, clock: _Clock) -> list[Any]:
    """The numbers of the messages that came."""
    numbers: list[Any] = []
    async with Client(url) as client:
        clock.start()
        async for event in client.subscribe(topic, last_n=messages, queue_size=messages):
            numbers.append(event.message.payload["n"])
            if len(numbers) == messages:
                break
        clock.stop()
    return numbers


async def _raw(url: str, topic: str, messages: int, clock: _Clock) -> list[Any]:
    texts: list[str] = []
    async with Client(url) as client:
        clock.start()
        async for text in client.subscribe(topic, last_n=messages, queue_size=messages, raw=True):
            texts.append(text)
            if len(texts) == messages:
                break
        clock.stop()
    return [json.loads(text)["message"]["payload"]["n"] for text in texts]


async def _floor(url: str, topic: str, messages: int, clock: _Clock) -> list[Any]:
    numbers: list[Any] = []
    async with websockets.connect(f"{url}/ws", proxy=None) as connection:
        clock.start()
        frame = {"type": "subscribe", "topic": topic, "client_id": "floor", "last_n": messages}
        await connection.send(json.dumps(frame))
        await connection.recv()
        async for text in connection:
            numbers.append(json.loads(text)["message"]["payload"]["n"])
            if len(numbers) == messages:
                break
        clock.stop()
    return numbers


async def main(way: str, url: str, topic: str, messages: int) -> int:
    """Read `messages` messages, print what it took, and return the exit status."""
    clock = _Clock()
    read = {"models": _models, "raw": _raw, "floor": _floor}[way]
    try:
        async with asyncio.timeout(READER_DEADLINE):
            numbers = await read(url, topic, messages, clock)
    except TimeoutError:
        print(f"{messages:,} messages did not come in {READER_DEADLINE:.0f} s", file=sys.stderr)
        return 1
    if numbers != list(range(messages)):
        wrong = next(place for place, number in enumerate(numbers) if number != place)
        print(f"message {numbers[wrong]} came as the one numbered {wrong}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(Reading(messages, clock.seconds, clock.cpu))))
    return 0


if __name__ == "__main__":
    way, url, topic, messages = sys.argv[1:]
    sys.exit(asyncio.run(main(way, url, topic, int(messages))))
