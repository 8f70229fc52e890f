"""The path that connexion's router gets, and the operation that it finds by it."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Message

from specbus.contract.requests import RestContract
from specbus.http import app
from specbus.http.dispatch import Handler
from specbus.http.routing import sent_path
from specbus.spec.bundle import bundle
from tests.support.documents import SPECS


@pytest.mark.parametrize(
    ("raw", "root", "path"),
    [
        ("/topics/orders", "", "/topics/orders"),
        ("/%74opics/%6Frders", "", "/topics/orders"),
        ("/topics/a%2Fb", "", "/topics/a%2Fb"),
        ("/topics/a%2fb", "", "/topics/a%2Fb"),
        ("/topics/a%252Fb", "", "/topics/a%252Fb"),
        ("/topics/100%25", "", "/topics/100%25"),
        ("/topics/%zz", "", "/topics/%25zz"),
        ("/topics/%%32F", "", "/topics/%252F"),
        ("/topics/a%0A", "", "/topics/a%0A"),
        ("/caf%C3%A9", "", "/café"),
        ("/bus/topics", "/bus", "/topics"),
        ("/bus/", "/bus", "/"),
        ("/b%75s/topics", "/bus", "/topics"),
        ("/b%C3%BCs/topics/a%2Fb", "/büs", "/topics/a%2Fb"),
        ("/a/b/topics", "/a/b", "/topics"),
        ("/bus/bus", "/bus", "/bus"),
        ("/business", "/bus", "/business"),
    ],
)
def test_a_path_is_routed_as_it_was_sent(raw: str, root: str, path: str) -> None:
    assert sent_path({"raw_path": raw.encode(), "root_path": root}) == path


@pytest.mark.parametrize("more", [{}, {"raw_path": None}])
def test_a_server_need_not_say_how_a_path_was_sent(more: dict[str, Any]) -> None:
    assert sent_path({"path": "/bus/topics/100% é", "root_path": "/bus", **more}) == "/topics/100%25 é"


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> ASGIApp:
    """The REST side; topics have any names, and the numbers of all are at `/topics/stats`, the last of the paths."""
    document = bundle(SPECS / "openapi.yaml")
    del document["components"]["schemas"]["TopicName"]["pattern"]
    document["paths"]["/topics/stats"] = document["paths"].pop("/stats")
    path = tmp_path_factory.mktemp("specs") / "openapi.json"
    path.write_text(json.dumps(document))
    contract = RestContract(path)

    def handler(operation: str) -> Handler:
        async def answer(name: str = "") -> Response:
            return Response(json.dumps([operation, name]))

        return answer

    return app.build(contract, {operation: handler(operation) for operation in contract.operations}, "/ws")


async def got(rest: ASGIApp, raw: str) -> tuple[int, Any]:
    """The status and the body that a GET of the path `raw` is answered with."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"},
        **{"path": unquote(raw), "raw_path": raw.encode(), "root_path": "", "query_string": b"", "headers": []},
    }
    await rest(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent))


@pytest.mark.parametrize(
    ("path", "operation", "name"),
    [
        ("/", "getIndex", ""),
        ("/topics", "listTopics", ""),
        ("/%74opics", "listTopics", ""),
        ("/openapi.json", "getOpenapi", ""),
        ("/topics/orders", "getTopic", "orders"),
        ("/topics/%6Frders", "getTopic", "orders"),
        ("/topics/a b?", "getTopic", "a b?"),
        ("/topics/{name}", "getTopic", "{name}"),
        ("/topics/messages", "getTopic", "messages"),
        ("/topics/a%2Fb", "getTopic", "a/b"),
        ("/topics/%2F", "getTopic", "/"),
        ("/topics/orders%2Fmessages", "getTopic", "orders/messages"),
        ("/topics/a%0Ab", "getTopic", "a\nb"),
        ("/topics/a%0A", "getTopic", "a\n"),
        ("/topics/%252F", "getTopic", "%2F"),
        ("/topics/%zz", "getTopic", "%zz"),
        ("/topics/%E6%97%A5", "getTopic", "日"),
        ("/topics/stats", "getStats", ""),
        ("/topics/st%61ts", "getStats", ""),
        ("/topics/stats/messages", "getMessages", "stats"),
        ("/topics/orders/messages", "getMessages", "orders"),
        ("/topics/a%2fb/messages", "getMessages", "a/b"),
        ("/topics/a%2Fb%0A%25/messages", "getMessages", "a/b\n%"),
    ],
)
async def test_a_path_has_its_operation_and_its_parameters_are_decoded_once(
    rest: ASGIApp, path: str, operation: str, name: str
) -> None:
    assert await got(rest, path) == (200, [operation, name])


@pytest.mark.parametrize(
    "path",
    [
        "/openapiXjson",
        "/topics/",
        "/topics//messages",
        "/topics/orders/",
        "/topics/a/b",
        "/topics%2Forders",
        "/Topics",
        "/health%0A",
        "",
    ],
)
async def test_a_path_that_is_not_in_the_contract_has_no_operation(rest: ASGIApp, path: str) -> None:
    status, problem = await got(rest, path)
    assert (status, problem["status"]) == (404, 404)
