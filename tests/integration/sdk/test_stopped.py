"""Clients that are stopped for longer than their timeouts while each answer comes, as on a laptop that sleeps."""

import signal
import subprocess
import sys

import pytest

from tests.support.documents import TYPESCRIPT_SDK
from tests.support.stopping import TIMEOUT, stopping_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here"),
]

HEARTBEAT = 0.2
ASYNCIO = """
import asyncio, sys
from specbus.client import Client

async def main(url, timeout, heartbeat):
    notices = []
    async with Client(url, timeout=timeout, heartbeat=heartbeat) as client:
        client.on_notice(notices.append)
        await client.ping()
        assert len((await client.topics.list()).topics) == 5000
        subscription = client.subscribe("orders")
        await subscription.ready()
        assert (await anext(subscription)).message.payload == "first"
        await client.publish("orders", 1)
        await asyncio.sleep(2 * heartbeat)  # it pings
        del subscription
        assert client.state == "connected", notices
    assert [str(notice) for notice in notices] == ["closed"]
"""
RUN = {
    "asyncio": ASYNCIO + "run = lambda *given: asyncio.run(main(*given))",
    "uvloop": ASYNCIO + "import uvloop; run = lambda *given: uvloop.run(main(*given))",
    "sync": """
import sys
from specbus.client import SyncClient

def run(url, timeout, heartbeat):
    notices = []
    with SyncClient(url, timeout=timeout, heartbeat=heartbeat) as client:
        client.on_notice(notices.append)
        client.ping()
        assert len(client.topics.list().topics) == 5000
        subscription = client.subscribe("orders")
        subscription.ready()
        assert subscription.get(timeout=timeout).message.payload == "first"
        client.publish("orders", 1)
    assert [str(notice) for notice in notices] == ["closed"]
""",
}
START = """
import os; print(os.getpid(), flush=True)
run(sys.stdin.readline().strip(), *map(float, sys.argv[1:]))
"""


def stopped_while_it_talks(command: list[str], environment: dict[str, str] | None = None) -> list[str]:
    """Run a client that reads the server's URL and must end well; what it was told while it was stopped."""
    with (
        stopping_server() as server,
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client,
    ):
        assert client.stdin
        assert client.stdout
        server.pid = int(client.stdout.readline())  # what was started may be what starts it
        client.stdin.write(f"{server.url}\n")
        client.stdin.close()
        assert client.wait(20) == 0
        return server.stops


@pytest.mark.parametrize("how", ["asyncio", "sync", "uvloop"])
def test_what_arrived_while_python_was_stopped_is_read_before_a_timeout_is_judged(how: str) -> None:
    command = [sys.executable, "-c", f"{RUN[how]}\n{START}", str(TIMEOUT), str(HEARTBEAT)]
    stops = set(stopped_while_it_talks(command))
    assert stops - {"unsubscribe", "PING"} == {
        "handshake",
        "ping",
        "response",
        "subscribe",
        "event",
        "publish",
        "CLOSE",
    }
    assert how == "sync" or "PING" in stops


def test_what_arrived_while_node_was_stopped_is_read_before_a_timeout_is_judged(
    node_environment: dict[str, str],
) -> None:
    program = """
        import { createInterface } from "node:readline";
        const [index, timeout, silence] = process.argv.slice(1);
        const { Client } = await import(index);
        console.log(process.pid);
        for await (const url of createInterface({ input: process.stdin })) {
            const states = [];
            const client = new Client(url, { timeout: +timeout, silence: +silence });
            client.on("state", ({ state }) => states.push(state));
            await client.connect();
            await client.ping();
            if ((await client.topics.list()).topics.length !== 5000) throw new Error("not all topics came");
            const subscription = client.subscribe("orders");
            await subscription.ready();
            if ((await subscription.next()).value.message.payload !== "first") throw new Error("not the first event");
            await client.publish("orders", 1);
            await new Promise((resolve) => setTimeout(resolve, 1.5 * silence)); // it probes
            await subscription.close();
            await client.close();
            if (`${states}` !== "connecting,connected,closed") throw new Error(`${states}`);
        }
    """
    index = (TYPESCRIPT_SDK / "dist" / "index.js").as_uri()
    command = ["node", "--input-type=module", "--eval", program, index, str(TIMEOUT * 1000), str(HEARTBEAT * 1000)]
    stops = stopped_while_it_talks(command, node_environment)
    assert set(stops) == {"handshake", "ping", "response", "subscribe", "event", "publish", "unsubscribe", "CLOSE"}
    assert stops.count("ping") > 1
