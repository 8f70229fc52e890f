"""Edited copies of the documents, and servers that run from them."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from specbus.spec import ContractError
from tests.support.documents import SPECS
from tests.support.http import check_problem, post_text
from tests.support.server import Server, Socket, connected, running

Serve = Callable[..., Server]


class Specs:
    """A copy of the documents, to be edited."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(SPECS, folder)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace `old`, which is in the text of `file` once, by `new`."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))

    @contextmanager
    def opened(self, file: str) -> Iterator[dict[str, Any]]:
        """What `file` holds, to be changed."""
        path = self.folder / file
        content = yaml.safe_load(path.read_text())
        yield content
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def require(self, file: str, name: str, schema: str) -> None:
        """Give the object in `file` one more field, a required one."""
        self.edit(file, "required: [", f"required: [{name}, ")
        self.allow(file, name, schema)

    def allow(self, file: str, name: str, schema: str) -> None:
        """Give the object in `file` one more field."""
        self.edit(file, "\nproperties:\n", f"\nproperties:\n  {name}: {schema}\n")


class Sides:
    """Both sides of one server."""

    def __init__(self, rest: httpx.Client, socket: Socket) -> None:
        self.rest = rest
        self.socket = socket

    async def refused(self, frame: dict[str, Any] | str, problem: str) -> None:
        """Check that the WebSocket side refuses `frame`, and how."""
        answer = await self.socket.ask(frame)
        error = {"code": "BAD_REQUEST", "message": problem}
        assert answer == {"type": "error", "error": error, "ts": answer["ts"]}

    def refused_body(self, path: str, body: str, problem: str) -> None:
        """Check that the REST side refuses `body`, and how."""
        check_problem(post_text(self.rest, path, body), 400, problem)

    def publish(self, message: str) -> int:
        """Publish over REST and return the status."""
        return post_text(self.rest, "/topics/orders/messages", message).status_code


@asynccontextmanager
async def both_sides(server: Server, request_id: str | None = "request_id") -> AsyncIterator[Sides]:
    """Both sides of `server`, with a topic that the WebSocket is subscribed to.

    `request_id` is what the documents call the field that comes back; None if a text cannot be given in it.
    """
    with httpx.Client(base_url=server.url) as rest:
        assert rest.post("/topics", json={"name": "orders"}).status_code == 201
        async with connected(server) as socket:
            assert (await socket.subscribe("orders"))["type"] == "ack"
            yield Sides(rest, socket)
            if request_id is not None:
                await socket.nothing_more(request_id)


def publish_frame(message: str, more: str = "") -> str:
    return f'{{"type":"publish","topic":"orders","message":{message}{more}}}'


def event(message: str) -> str:
    return f'{{"type":"event","topic":"orders","message":{message},"ts":TS}}'


def broken_line(specs: Specs) -> str:
    """The one line with which a server refuses to run from `specs`; `DIR` is their folder."""
    with pytest.raises(ContractError) as broken, running(specs=specs.folder):
        pass
    line = str(broken.value).replace(str(specs.folder), "DIR")
    assert "\n" not in line
    return line
