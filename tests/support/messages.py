"""Messages to publish, without a server."""

from typing import Any

UUID = "550e8400-e29b-41d4-a716-446655440000"


def publication(topic: str, payload: Any = None, **fields: Any) -> dict[str, Any]:
    """A publish frame."""
    return {"type": "publish", "topic": topic, "message": {"id": UUID, "payload": payload}, **fields}
