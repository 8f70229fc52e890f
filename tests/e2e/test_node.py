"""A client in another language, `node_client.mjs`, goes through the frames of the protocol."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from specbus.spec.bundle import bundle
from tests.support.documents import SPECS
from tests.support.program import NODE
from tests.support.server import Server

CLIENT = Path(__file__).with_name("node_client.mjs")
KEY = "a key"
NOT_SEEN_IN_FRAMES = {"error INTERNAL", "error UNAUTHORIZED"}
"""No client can bring about the one; the other is refused at the handshake, before there are frames."""


def test_a_client_in_another_language_gets_every_answer_of_the_protocol(serve: Callable[..., Server]) -> None:
    server = serve(heartbeat_interval=0.2, max_subscriptions=3, max_queue_size=5)
    secured = serve(api_key=KEY)
    client = subprocess.run(
        [NODE, CLIENT, server.url, secured.url, KEY], capture_output=True, text=True, timeout=120, check=False
    )
    *steps, kinds = client.stdout.splitlines() or [""]
    assert client.returncode == 0, f"{client.stdout}\n{client.stderr}"
    assert [step for step in steps if not step.startswith("ok ")] == []
    assert json.loads(kinds) == frames_of_the_contract()


def frames_of_the_contract() -> dict[str, list[str]]:
    """The kinds of frames that asyncapi.yaml has, each way, as the client names them."""
    schemas = bundle(SPECS / "asyncapi.yaml")["components"]["schemas"]
    codes = {f"error {code}" for code in schemas["ErrorCode"]["enum"]}
    news = {f"info {msg}" for msg in schemas["Info"]["properties"]["msg"]["enum"]}
    return {
        "sent": ["ping", "publish", "subscribe", "unsubscribe"],
        "received": sorted({"ack", "event", "pong"} | news | codes - NOT_SEEN_IN_FRAMES),
    }
