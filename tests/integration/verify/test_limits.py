"""What verify knows of a server's limits, and which checks they rule out."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from specbus.verify.asyncapi import WebSocketDocument
from specbus.verify.behaviour.heartbeat import _no_heartbeats
from specbus.verify.bus import Bus
from specbus.verify.checks import needs_history
from specbus.verify.limits import Limits, read_limits
from tests.support.documents import SPECS


def client(**documents: Any) -> httpx.Client:
    """A client of a server that serves `documents`, as JSON or as the text or the status that they are."""

    def answer(request: httpx.Request) -> httpx.Response:
        document = documents.get(request.url.path.strip("/").removesuffix(".json"), 404)
        if isinstance(document, int):
            return httpx.Response(document)
        if isinstance(document, Exception):
            raise document
        return httpx.Response(200, content=document if isinstance(document, str) else json.dumps(document))

    return httpx.Client(base_url="http://test", transport=httpx.MockTransport(answer))


def document(**limits: Any) -> dict[str, Any]:
    return {"info": {"x-limits": limits}}


def told(folder: Path, **limits: Any) -> Path:
    """Documents that tell `limits`."""
    shutil.copytree(SPECS, folder / "specs")
    path = folder / "specs" / "asyncapi.yaml"
    text = yaml.safe_load(path.read_text())
    text["info"]["x-limits"] = limits
    path.write_text(yaml.safe_dump(text))
    return folder / "specs"


ALL = {
    "history_size": 7,
    "heartbeat_interval": 0.5,
    "max_queue_size": 10,
    "max_frame_bytes": 4096,
    "max_topics": 3,
    "max_subscriptions": 4,
    "max_connections": 5,
    "ping_interval": 0,
    "ping_timeout": 20.0,
    "overflow_policy": "disconnect",
}


def test_all_limits_are_read() -> None:
    assert read_limits(client(asyncapi=document(**ALL)), SPECS) == Limits(**ALL)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("documents", "history"),
    [
        ({"asyncapi": document(history_size=1), "openapi": document(history_size=2)}, 1),
        ({"asyncapi": {"info": {}}, "openapi": document(history_size=2)}, 2),
        ({"asyncapi": 500, "openapi": document(history_size=2)}, 2),
        ({"asyncapi": "no JSON", "openapi": document(history_size=2)}, 2),
        ({"asyncapi": httpx.ReadTimeout("")}, 3),
        ({"asyncapi": [], "openapi": {"info": None}}, 3),
        ({"asyncapi": {"info": {"x-limits": []}}}, 3),
        ({}, 3),
    ],
)
def test_the_servers_own_documents_come_first_then_those_it_is_held_to(
    documents: dict[str, Any], history: int, tmp_path: Path
) -> None:
    assert read_limits(client(**documents), told(tmp_path, history_size=3)).history_size == history


@pytest.mark.parametrize("specs", [SPECS, Path("/nowhere")])
def test_where_nothing_is_told_the_defaults_that_the_documents_name_hold(specs: Path) -> None:
    limits = read_limits(client(), specs)
    assert (limits.history_size, limits.heartbeat_interval, limits.max_queue_size) == (100, 30, None)


@pytest.mark.parametrize("value", ["7", None, -1, True, [7], {}])
def test_a_limit_that_makes_no_sense_is_not_told(value: Any) -> None:
    assert read_limits(client(asyncapi=document(history_size=value, max_topics=3)), SPECS) == Limits(max_topics=3)


class Told:
    """Stands in for a target, of which conditions look at the limits and the document."""

    def __init__(self, **limits: Any) -> None:
        self.limits = Limits(**limits)
        self.bus = Bus(WebSocketDocument(SPECS / "asyncapi.yaml"), 0)


@pytest.mark.parametrize(
    ("condition", "limits", "reason"),
    [
        (_no_heartbeats, {"heartbeat_interval": 0}, "the server says that it sends no heartbeats"),
        (_no_heartbeats, {"heartbeat_interval": 0.1}, None),
        (needs_history(3), {"history_size": 2}, "the server says that a topic retains 2 of 3 messages"),
        (needs_history(3), {"history_size": 3}, None),
    ],
)
def test_what_a_check_needs(condition: Callable[[Any], str | None], limits: dict[str, Any], reason: str | None) -> None:
    assert condition(Told(**limits)) == reason
