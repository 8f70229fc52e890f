"""A worker that must not miss a message, and must not do one twice. Ctrl-C ends it.

    python worker.py jobs.db

The server delivers at most once, and retains the newest messages of a topic. So the worker remembers in a database
which messages it has done, by their ids, and looks through the retained ones at its start, and whenever something may
be missing: after a broken connection, and when events were dropped. It says so if more than the topic retains may have
gone by meanwhile; a larger `--history-size` of the server gives it more time.
"""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import suppress
from typing import Any

from specbus_client import Client, Dropped, Notice, Resubscribed

URL = os.environ.get("PUBSUB_URL", "http://127.0.0.1:8080")
TOPIC = os.environ.get("TOPIC", "orders")


class Worker:
    """Does the messages of a topic, each once."""

    def __init__(self, database: str) -> None:
        self._database = sqlite3.connect(database)
        self._database.execute("create table if not exists done (id text primary key, result text)")
        self._catch_up = asyncio.Event()

    async def run(self) -> None:
        """Work until the task is cancelled."""
        async with Client(URL) as client:
            client.on_notice(self._notice)
            async with client.subscribe(TOPIC) as events:
                # From here on nothing is published that does not come as an event. What came before is retained.
                await events.ready()
                self._catch_up.set()
                await asyncio.gather(self._do_live(events), self._do_retained(client))

    async def _do_live(self, events: Any) -> None:
        async for event in events:
            self._do(event)

    async def _do_retained(self, client: Client) -> None:
        """Do what was missed, as often as something may have been."""
        while await self._catch_up.wait():
            self._catch_up.clear()
            worked_before = self._database.execute("select exists (select 1 from done)").fetchone()[0]
            topic = await client.topics.get(TOPIC)
            retained = (await client.messages.get(TOPIC)).events
            was_new = [self._do(event) for event in retained]
            # The oldest that is left is new to us: those before it may have been, too.
            if worked_before and was_new and was_new[0] and topic.messages > topic.retained:
                print("messages may be lost: more came than the topic retains", file=sys.stderr, flush=True)

    def _do(self, event: Any) -> bool:
        """Do a message, unless that has been done; whether it had to be."""
        with self._database:  # the work and the memory of it, together or not at all
            seen = self._database.execute("select 1 from done where id = ?", [str(event.message.id)]).fetchone()
            if seen:
                return False
            result = str(event.message.payload)  # the work itself would stand here
            self._database.execute("insert into done values (?, ?)", [str(event.message.id), result])
        print(result, flush=True)
        return True

    def _notice(self, notice: Notice) -> None:
        print(notice, file=sys.stderr, flush=True)
        if isinstance(notice, Resubscribed | Dropped):
            self._catch_up.set()


async def main() -> None:
    """Work until a signal comes."""
    work = asyncio.ensure_future(Worker(sys.argv[1]).run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work


if __name__ == "__main__":
    asyncio.run(main())
