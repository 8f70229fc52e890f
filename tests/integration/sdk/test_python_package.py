"""What the Python generator writes: packages that compile, install and talk, from our documents and from others."""

import asyncio
import importlib
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket

from specbus.sdk import contract
from specbus.sdk.python import generate
from specbus.spec import ContractError
from specbus.spec.bundle import bundle
from tests.support import sample_server
from tests.support.documents import PYTHON_SDK, ROOT, SPECS, changed_specs, copied_specs, edit
from tests.support.messages import UUID as ID
from tests.support.server import Server, create

ODD = ROOT / "tests" / "support" / "odd"
"""Documents with names that Python needs for itself, without a tag, with numbers for correlation, and more."""


def made(specs: Path, name: str, out: Path) -> dict[str, str]:
    """Write the package of the documents in `specs` to `out`."""
    documents = [specs / "openapi.yaml", specs / "asyncapi.yaml"]
    files = generate(contract.read(*(bundle(each) if each.is_file() else None for each in documents)), name)
    for path, content in files.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(content)
    return files


async def gathered(*commands: Awaitable[Any]) -> list[Any]:
    """The answers to `commands` carried out together, a refusal among them too."""
    return await asyncio.gather(*commands, return_exceptions=True)


@contextmanager
def imported(folder: Path, name: str) -> Iterator[ModuleType]:
    """The package called `name` in `folder`."""
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        for module in [each for each in sys.modules if each.partition(".")[0] == name]:
            del sys.modules[module]


def test_generation_is_deterministic_and_what_is_kept_is_up_to_date(tmp_path: Path) -> None:
    files = made(SPECS, "specbus-client", tmp_path)
    kept = [file for file in PYTHON_SDK.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert files == {str(file.relative_to(PYTHON_SDK)): file.read_text() for file in kept}


@pytest.fixture(scope="session")
def checker_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def checked(cache: Path, folder: Path, *packages: str) -> list[str]:
    """What mypy and pyright say of `packages` in `folder`, and of program.py there, at their strictest."""
    names = [*packages, *(["program.py"] if (folder / "program.py").exists() else [])]
    options = ["--strict", "--no-error-summary", f"--cache-dir={cache}", f"--python-executable={sys.executable}"]
    mypy = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *names], cwd=folder, capture_output=True, text=True, check=False
    )
    settings = {"include": names, "typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [str(Path(sys.executable).with_name("basedpyright")), "--outputjson", "--pythonpath", sys.executable]
    pyright = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = json.loads(pyright.stdout)["generalDiagnostics"]
    return mypy.stdout.splitlines() + [
        f"{Path(each['file']).name}:{each['range']['start']['line'] + 1}: {each['message']}" for each in found
    ]


@pytest.mark.slow
def test_types_hold_and_mistakes_are_found(checker_cache: Path, tmp_path: Path) -> None:
    shutil.copytree(PYTHON_SDK, tmp_path, dirs_exist_ok=True)
    (tmp_path / "program.py").write_text(
        """
from uuid import uuid4

from specbus_client import Client, Notice, RawJson, ReplyError, Subscription, SyncClient
from specbus_client.models import Ack, ErrorCode, Event, Message


def tell(notice: Notice) -> None:
    print(notice)


async def main() -> None:
    async with Client("http://localhost", timeout=5, heartbeat=None) as client:
        client.on_notice(tell)
        ack: Ack = await client.publish("orders", {"any": ["thing", None]}, id=uuid4(), timeout=1)
        await client.publish("orders", RawJson("1.50"))
        subscription: Subscription[Event] = client.subscribe("orders", last_n=5, queue_size=10)
        async for event in subscription:
            message: Message = event.message
            print(message.id.hex, event.ts.year, ack.status == "ok")
        async for text in client.subscribe("orders", raw=True):
            print(text.upper())
        for topic in (await client.topics.list()).topics:
            print(topic.name.upper(), topic.subscribers + 1)
        code: ErrorCode = "TOPIC_NOT_FOUND"
        try:
            await client.ping()
        except ReplyError as error:
            print(error.code == code, error.request["type"])


def script() -> None:
    with SyncClient("http://localhost", api_key="x") as client:
        ack: Ack = client.publish("orders", 1)
        print(ack.topic)
        for event in client.subscribe("orders"):
            print(event.message.payload)
            break
        for text in client.subscribe("orders", raw=True):
            print(text.upper())
"""
    )
    assert checked(checker_cache, tmp_path, "specbus_client") == []
    wrong = [
        'await client.publish("orders")',
        "await client.publish(5, 1)",
        'client.subscribe("orders", lastn=5)',
        'client.subscribe("orders", last_n="5")',
        "(await client.ping()).topic",
        "await client.topics.creates()",
        '[event.payload async for event in client.subscribe("orders")]',
        'Client("http://localhost", time=5)',
        'SyncClient("http://localhost").publish("orders")',
    ]
    head = ["from specbus_client import Client, SyncClient", "async def main(client: Client) -> None:"]
    (tmp_path / "program.py").write_text("\n".join([*head, *(f"    {line}" for line in wrong)]) + "\n")
    said = checked(checker_cache, tmp_path, "specbus_client")
    lines = {int(found[1]) for line in said if (found := re.match(r"program\.py:(\d+):", line))}
    assert lines == set(range(3, 3 + len(wrong))), said


async def test_a_changed_document_gives_a_client_that_has_the_change(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    files = made(changed_specs(tmp_path), "changed-client", tmp_path / "package")
    assert "Ask who did what." in files["changed_client/client.py"]
    assert "Who sent it." in files["API.md"]
    # The service has no code for an operation of another's making; all else works.
    (served := tmp_path / "served").mkdir()
    served = copied_specs(served)
    edit(served / "schemas" / "message.yaml", "properties:", "properties:\n  sender:\n    type: string")
    server = serve(specs=served)
    create(server, "orders")
    with imported(tmp_path / "package", "changed_client") as package:
        async with package.Client(server.url) as client:
            await client.publish("orders", 1, sender="me")
            assert isinstance(await client.ping(), package.models.LifeSign)
            assert isinstance((await client.service.stats()).topics["orders"], package.models.TopicNumbers)
            (stored,) = (await client.messages.get("orders")).events
            assert stored.message.sender == "me"
            with pytest.raises(package.ReplyError) as refusal:
                await client.audit(2026, "x", timeout_=3)
    assert refusal.value.code == "BAD_REQUEST"
    fields = {name: value for name, value in refusal.value.request.items() if name != "request_id"}
    assert fields == {"type": "audit", "since": 2026, "class": "x", "timeout": 3}


@pytest.mark.slow
def test_clients_of_other_documents_compile(checker_cache: Path, tmp_path: Path) -> None:
    made(changed_specs(tmp_path), "changed-client", tmp_path / "packages")
    made(sample_server.SAMPLE, "warehouse-client", tmp_path / "packages")
    (tmp_path / "rest" / "schemas").mkdir(parents=True)
    shutil.copytree(SPECS / "schemas", tmp_path / "rest" / "schemas", dirs_exist_ok=True)
    shutil.copy(SPECS / "openapi.yaml", tmp_path / "rest")
    made(tmp_path / "rest", "rest-client", tmp_path / "packages")
    made(ODD, "odd.client", tmp_path / "packages")
    (tmp_path / "packages" / "program.py").write_text(
        """
from changed_client import Client
from changed_client.models import LifeSign, TopicNumbers
from warehouse_client import Client as Warehouse
from warehouse_client import models


async def main(client: Client, warehouse: Warehouse) -> None:
    await client.publish("orders", 1, sender="me")
    sign: LifeSign = await client.ping()
    numbers: TopicNumbers = (await client.service.stats()).topics["orders"]
    print((await client.audit(2026, "x", timeout_=3)).status, sign.ts, numbers.messages)
    await warehouse.stock("ABC-1234", 12, models.ShelfPlace(aisle="B7", shelf=2), tags=["cold"])
    await warehouse.pick([models.PickLinesItem(sku="ABC-1234", quantity=1)], priority="rush")
"""
    )
    names = ("changed_client", "warehouse_client", "rest_client", "odd_client")
    assert checked(checker_cache, tmp_path / "packages", *names) == []
    form = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", "--config=line-length=120"]
    assert subprocess.run([*form, *names], cwd=tmp_path / "packages", check=False).returncode == 0


async def test_a_client_without_a_websocket(server: Server, tmp_path: Path) -> None:
    shutil.copytree(SPECS / "schemas", tmp_path / "specs" / "schemas")
    shutil.copy(SPECS / "openapi.yaml", tmp_path / "specs")
    made(tmp_path / "specs", "rest-client", tmp_path / "package")
    with imported(tmp_path / "package", "rest_client") as package:
        async with package.Client(server.url) as client:
            await client.topics.create("orders")
            await client.messages.publish("orders", {"n": 1})
            (event,) = (await client.messages.get("orders", last_n=1)).events
            assert event.message.payload == {"n": 1}
            assert not hasattr(client, "connect")
            assert not hasattr(package, "ReplyError")

        def script() -> Any:
            with package.SyncClient(server.url) as client:
                return client.topics.get("orders").messages

        assert await asyncio.to_thread(script) == 1


def uncorrelated(folder: Path) -> Path:
    """The sample document without a correlation id: replies come in the order of the commands."""
    specs = shutil.copytree(sample_server.SAMPLE, folder / "sample")
    text = (specs / "asyncapi.yaml").read_text()
    text = re.sub(r"  correlationIds:\n.*\n.*\n", "", text)
    text = re.sub(r" +correlationId: .*\n", "", text)
    (specs / "asyncapi.yaml").write_text(text)
    return specs


@pytest.mark.parametrize("correlated", [True, False])
async def test_a_client_of_another_document(correlated: bool, tmp_path: Path) -> None:
    specs = sample_server.SAMPLE if correlated else uncorrelated(tmp_path)
    made(specs, "warehouse-client", tmp_path / "package")
    with (
        imported(tmp_path / "package", "warehouse_client") as package,
        sample_server.running(sample_server.Warehouse(specs)) as url,
    ):
        place = package.models.ShelfPlace(aisle="B7", shelf=2)
        line = package.models.PickLinesItem
        async with package.Client(url) as client:
            levels = client.level()
            raw = client.level(raw=True)
            stocked = await client.stock("ABC-1234", 12, place, tags=["cold"])
            picked, short, there, looked, malformed = await gathered(
                client.pick([line(sku="ABC-1234", quantity=1)], priority="rush"),
                client.pick([line(sku="ABC-1234", quantity=100)]),
                client.search_find("ABC-1234"),
                client.search_look(),
                client.stock("not a sku", 1, {"aisle": "B7", "shelf": 2}),
            )
            level = await anext(levels)
            assert json.loads(await anext(raw))["op"] == "level"
            # One that was given up does not take its answer from the next.
            forgotten = asyncio.create_task(client.search_find("ABC-1234"))
            await asyncio.sleep(0)
            forgotten.cancel()
            assert (await client.search_look()).places == []
            await levels.close()
        assert [each async for each in raw] == []
        assert not client._bus._pending
    assert (stocked.quantity, picked.op) == (12, "picked")
    assert (type(short).__name__, short.code, short.reply["why"]["code"]) == ("ReplyError", "Refused", "short")
    assert (there.places, looked.places) == ([place], [])
    assert malformed.reply["why"]["code"] == "malformed"
    assert (level.sku, level.quantity) == ("ABC-1234", 12)


@contextmanager
def asked(answers: list[tuple[int, bytes]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An HTTP server that gives `answers` in turn; its URL, and the requests that came."""
    requests: list[dict[str, Any]] = []

    class Answers(BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests.append({"line": self.requestline, "headers": self.headers, "body": body})
            status, answer = answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_POST = do  # noqa: N815 - the names are the methods'

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}", requests
        finally:
            serving.shutdown()
            thread.join()


async def test_a_client_of_documents_that_do_much_in_their_own_way(tmp_path: Path) -> None:
    made(ODD, "odd.client", tmp_path)
    frames: list[Any] = []

    async def talk(connection: ServerConnection) -> None:
        assert connection.request
        frames.append(connection.request.path)
        async for data in connection:
            frames.append(frame := json.loads(data))
            if "question" in frame:
                what = {"value": 1} if frame["question"] == "number" else {"text": "yes"}
                await connection.send(json.dumps({**what, "head": {"number": frame["head"]["number"]}}))
            else:
                await connection.send('{"news": null}')
                await connection.send('{"text": "unasked"}')

    with imported(tmp_path, "odd_client") as package:
        models = package.models
        async with serve_websocket(talk, "127.0.0.1", 0) as serving:
            url = f"ws://127.0.0.1:{next(iter(serving.sockets)).getsockname()[1]}/below/"
            async with package.Client(url, api_key="a b") as client:
                news = client.state_()
                answers = await gathered(
                    client.import_("me", "number", first_name="Bo", list=[UUID(ID)]), client.import_("me", None)
                )
                assert answers == [
                    models.Number(value=1, head=models.NumberHead(number=1)),
                    models.Answer(text="yes", head=models.AnswerHead(number=2)),
                ]
                assert await client.close_([models.TellWordsItem(**{"class": "x"})]) is None
                assert [await anext(news), await anext(news)] == [models.News(news=None), models.Answer(text="unasked")]
        assert frames == [
            "/below/line?key=a+b",
            {"head": {"from": "me", "first-name": "Bo", "number": 1}, "question": "number", "list": [ID]},
            {"head": {"from": "me", "number": 2}, "question": None},
            {"words": [{"class": "x"}]},
        ]
        replies = [
            (204, b""),
            (200, b'[{"a": 1}]'),
            (200, b"[]"),
            (200, b"null"),
            (200, b"7"),
            (503, b"busy"),
            (499, b""),
        ]
        with asked(replies) as (url, requests):
            client = package.Client(url, api_key="k")  # without a WebSocket
            assert await client.models_.put_thing(UUID(ID), flag=True, many=[1, 2], x_depth=3, size=0.5) is None
            assert await client.models_.list(body=["é"]) == [models.ListResultItem(a=1)]
            assert await client.models_.list() == []
            assert await client.free() is None
            with pytest.raises(package.InvalidReply, match="GET /free is not what the document says"):
                await client.free()
            with pytest.raises(package.ProblemError, match="503 Service Unavailable"):
                await client.free()
            with pytest.raises(package.ProblemError, match="HTTP status 499"):
                await client.free()
            await client.close()
        lines = [each["line"].removesuffix(" HTTP/1.1") for each in requests]
        assert lines[:3] == [f"PUT /things/{ID}?flag=true&many=1&many=2&key=k", "POST /list?key=k", "POST /list?key=k"]
        assert [each["body"] for each in requests[:3]] == [b'{"kind":"thing","size":0.5}', '["é"]'.encode(), b""]
        assert (requests[0]["headers"]["X-Depth"], requests[2]["headers"]["X-Depth"]) == ("3", None)


def test_what_has_no_form_in_python_is_told(tmp_path: Path) -> None:
    specs = copied_specs(tmp_path)
    edit(specs / "schemas" / "pong.yaml", "title: Pong", "title: BaseModel")
    with pytest.raises(ContractError, match='no Python class can be called as the schema "BaseModel" is'):
        made(specs, "changed-client", tmp_path / "package")


@pytest.mark.slow
def test_the_package_installs_and_its_programs_run_as_written(server: Server, tmp_path: Path) -> None:
    shutil.copytree(PYTHON_SDK, tmp_path / "my-client", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target=installed", "./my-client"], cwd=tmp_path, check=True, timeout=120)
    installed = {file.name for file in (tmp_path / "installed" / "specbus_client").iterdir()}
    assert {"__init__.py", "client.py", "models.py", "protocol.py", "py.typed", "runtime", "sync.py"} <= installed
    programs = re.findall(r"```python\n(.*?)```", (PYTHON_SDK / "README.md").read_text(), re.DOTALL)
    assert len([line for line in programs[0].splitlines() if line]) <= 14
    for program in programs[:2]:
        (tmp_path / "first.py").write_text(program.replace("http://127.0.0.1:8080", server.url))
        ran = subprocess.run(
            [sys.executable, "first.py"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path / "installed")},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        acked, came = ran.stdout.splitlines()
        assert acked.startswith("type='ack' ")
        assert came.startswith("type='event' ")
        assert "'order_id': 'ORD-123'" in came
