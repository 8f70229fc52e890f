"""The WebSocket side, over real sockets."""

import httpx

from tests.conftest import Server, connected


async def test_a_frame_of_each_kind(server: Server, client: httpx.Client) -> None:
    client.post("/topics", json={"name": "orders"})
    async with connected(server) as socket:
        ack = await socket.subscribe("orders", request_id="r1")
        assert ack == {"type": "ack", "request_id": "r1", "topic": "orders", "status": "ok", "ts": ack["ts"]}
