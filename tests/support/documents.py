"""The documents, and copies of them to be edited."""

from pathlib import Path
from typing import Any

from specbus.spec.bundle import bundle

ROOT = Path(__file__).parent.parent.parent
"""The checkout."""
SPECS = ROOT / "specs"
PYTHON_SDK = ROOT / "generated" / "sdk" / "python"
TYPESCRIPT_SDK = ROOT / "generated" / "sdk" / "typescript"
COMMANDS = tuple(
    name
    for name, operation in bundle(SPECS / "asyncapi.yaml")["operations"].items()
    if operation["action"] == "receive"
)
"""The operations that clients ask for over the WebSocket, in the document's order."""
LIMITS = {
    "max_queue_size": 100,
    "overflow_policy": "drop_oldest",
    "max_queue_bytes": 16_777_216,
    "total_queue_bytes": 268_435_456,
    "history_size": 100,
    "history_bytes": 67_108_864,
    "total_history_bytes": 134_217_728,
    "max_frame_bytes": 1_048_576,
    "max_topics": 10_000,
    "max_subscriptions": 1_000,
    "max_connections": 20_000,
    "max_http_connections": 1_000,
    "keep_alive": 75,
    "request_timeout": 60,
    "heartbeat_interval": 0,
    "ping_interval": 20,
    "ping_timeout": 20,
}
"""The limits of a server that `tests.support.server.running` starts."""


def served(name: str, specs: Path = SPECS) -> dict[str, Any]:
    """The document `name` in `specs` as such a server serves it, but for its address."""
    document = bundle(specs / f"{name}.yaml")
    document["info"]["x-limits"] = LIMITS
    return document


def copied_specs(tmp_path: Path) -> Path:
    """The documents, to be edited."""
    specs = tmp_path / "specs"
    for file in [*SPECS.glob("*.yaml"), *SPECS.glob("schemas/*.yaml")]:
        copy = specs / file.relative_to(SPECS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text())
    return specs


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name} has {old!r} {text.count(old)} times"
    file.write_text(text.replace(old, new))


def changed_specs(folder: Path) -> Path:
    """The documents with a new operation, a new optional field and renamed titles."""
    specs = copied_specs(folder)
    edit(
        specs / "schemas" / "message.yaml",
        "properties:",
        "properties:\n  sender:\n    description: Who sent it.\n    type: string",
    )
    edit(specs / "schemas" / "pong.yaml", "title: Pong", "title: LifeSign")
    edit(specs / "schemas" / "topic_stats.yaml", "title: TopicStats", "title: TopicNumbers")
    edit(
        specs / "asyncapi.yaml",
        "  event:\n    action: send",
        "  audit:\n    action: receive\n    channel: {$ref: '#/channels/bus'}\n    summary: Ask who did what.\n"
        "    messages:\n    - $ref: '#/channels/bus/messages/Audit'\n"
        "    reply:\n      messages:\n      - $ref: '#/channels/bus/messages/Ack'\n"
        "      - $ref: '#/channels/bus/messages/Error'\n  event:\n    action: send",
    )
    edit(
        specs / "asyncapi.yaml",
        "      Ack: {$ref: '#/components/messages/Ack'}",
        "      Audit: {$ref: '#/components/messages/Audit'}\n      Ack: {$ref: '#/components/messages/Ack'}",
    )
    edit(
        specs / "asyncapi.yaml",
        "  messages:\n    Subscribe:",
        "  messages:\n    Audit:\n      name: Audit\n"
        "      correlationId: {$ref: '#/components/correlationIds/requestId'}\n"
        "      payload: {$ref: schemas/audit.yaml}\n    Subscribe:",
    )
    # Arguments with names that Python, or the client itself, needs.
    (specs / "schemas" / "audit.yaml").write_text(
        "title: Audit\ntype: object\nadditionalProperties: false\nrequired: [type, since, class]\nproperties:\n"
        "  type: {type: string, enum: [audit]}\n  since: {type: integer, description: A year.}\n"
        "  class: {type: string}\n  timeout: {type: integer}\n"
        "  request_id: {$ref: request_id.yaml}\n"
    )
    return specs
