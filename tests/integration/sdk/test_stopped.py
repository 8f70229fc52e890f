"""Clients that are stopped for longer than their timeouts while each answer comes, as on a laptop that sleeps."""

import signal
import subprocess
import sys

import pytest

from tests.support.stopping import TIMEOUT, stopping_server

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")

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
print("ready", flush=True)
run(sys.stdin.readline().strip(), *map(float, sys.argv[1:]))
"""


@pytest.mark.parametrize("how", ["asyncio", "sync", pytest.param("uvloop", marks=pytest.mark.slow)])
def test_what_arrived_while_python_was_stopped_is_read_before_a_timeout_is_judged(how: str) -> None:
    command = [sys.executable, "-c", f"{RUN[how]}\n{START}", str(TIMEOUT), str(HEARTBEAT)]
    with (
        stopping_server() as server,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client,
    ):
        assert client.stdin
        assert client.stdout
        assert client.stdout.readline() == "ready\n"
        server.pid = client.pid
        client.stdin.write(f"{server.url}\n")
        client.stdin.close()
        assert client.wait(20) == 0
        expected = {"handshake", "ping", "response", "subscribe", "event", "publish", "CLOSE"}
        assert set(server.stops) - {"unsubscribe", "PING"} == expected
        assert how == "sync" or "PING" in server.stops
