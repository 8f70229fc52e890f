"""`specbus sdk`, as a person uses it: from documents or a server to a package that installs and runs."""

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from click.testing import CliRunner

from specbus.cli.sdk import as_local, default_name, sdk
from specbus.sdk.typescript import toolchain
from specbus.spec.bundle import bundle
from tests.support import sample_server
from tests.support.documents import ROOT, SPECS
from tests.support.program import MODULE, environment, invoked
from tests.support.server import Server

pytestmark = pytest.mark.slow

LANGUAGES = ["python", "typescript"]
KEPT = ROOT / "generated" / "sdk"
LIST = ".specbus-sdk"


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Each language; TypeScript where Node is."""
    if request.param == "typescript":
        request.getfixturevalue("node_environment")
    return str(request.param)


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> Iterator[None]:
    """Have the TypeScript compiler run once for the same sources: it is slow, and not what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("write", "compiled"):
            patch.setattr(toolchain, name, remembered(getattr(toolchain, name)))
        yield


def remembered(function: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
    known: dict[str, dict[str, str]] = {}

    def remember(*arguments: Any) -> dict[str, str]:
        key = json.dumps(arguments, sort_keys=True)
        if key not in known:
            known[key] = function(*arguments)
        return dict(known[key])

    return remember


def specbus(folder: Path, *arguments: str | Path, **settings: str) -> tuple[int, str, str]:
    """Exit status, output and error output of `specbus sdk` with `arguments`, run in `folder`."""
    return invoked("sdk", *arguments, folder=folder, **settings)


def specbus_process(folder: Path, *arguments: str | Path, **settings: str) -> tuple[int, str, str]:
    """As `specbus`, in a process of its own."""
    done = subprocess.run(
        [*MODULE, "sdk", *arguments],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def contents(folder: Path) -> dict[str, str]:
    """The files of a folder, but the list of them and what Python compiles."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != LIST and file.suffix != ".pyc"]
    return {str(file.relative_to(folder)): file.read_text() for file in files}


# From documents to a package


def test_our_own_client_comes_of_the_service_s_documents_and_of_those_of_a_server(
    language: str, server: Server, tmp_path: Path
) -> None:
    kept = contents(KEPT / language)
    install = {"python": "pip install", "typescript": "npm install"}[language]
    for run, source in ((specbus_process, ()), (specbus, ("--from", server.url))):
        out = tmp_path / "-".join(["of", *source[:1]])
        line = f"{len(kept)} files written to {out.name}; to install it: {install} ./{out.name}\n"
        assert run(tmp_path, language, "--out", out.name, *source) == (0, line, "")
        assert contents(out) == kept


@pytest.mark.parametrize(
    ("out", "shown"), [("made", "./made"), ("d/e", "./d/e"), ("../c", "../c"), ("/c", "/c"), ("/a b", "'/a b'")]
)
def test_how_to_install_it_is_a_line_that_a_shell_takes(out: str, shown: str) -> None:
    assert as_local(Path(out)) == shown


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Specbus WebSocket API", "specbus-client"),
        ("Warehouse floor", "warehouse-floor-client"),
        ("The orders' HTTP API, v2", "the-orders-v2-client"),
        ("Chat Client", "chat-client"),
        ("API", "api-client"),
        ("3 things", "api-3-things-client"),
        ("倉庫", "api-client"),
    ],
)
def test_the_title_makes_the_name_unless_one_is_given(title: str, name: str) -> None:
    assert default_name(title) == name


def test_a_name_can_be_given(language: str, tmp_path: Path) -> None:
    assert specbus(tmp_path, language, "--out", "made", "--name", "orders-2")[0] == 0
    if language == "python":
        assert 'name = "orders-2"' in (tmp_path / "made" / "pyproject.toml").read_text()
        assert (tmp_path / "made" / "orders_2" / "__init__.py").is_file()
    else:
        assert json.loads((tmp_path / "made" / "package.json").read_text())["name"] == "orders-2"


def test_a_typescript_package_can_have_a_scope(node_environment: dict[str, str], tmp_path: Path) -> None:
    assert specbus(tmp_path, "typescript", "--out", "made", "--name", "@our-team/orders")[0] == 0
    assert json.loads((tmp_path / "made" / "package.json").read_text())["name"] == "@our-team/orders"
    assert 'from "@our-team/orders"' in (tmp_path / "made" / "README.md").read_text()


def test_the_documents_can_be_those_that_the_environment_names(
    node_environment: dict[str, str], tmp_path: Path
) -> None:
    assert specbus(tmp_path, "typescript", "--out", "made", PUBSUB_SPECS=str(sample_server.SAMPLE))[0] == 0
    assert json.loads((tmp_path / "made" / "package.json").read_text())["name"] == "warehouse-floor-client"


def test_the_second_sample_document_gives_a_package(language: str, tmp_path: Path) -> None:
    assert specbus(tmp_path, language, "--out", "made", "--specs", sample_server.SAMPLE)[0] == 0
    assert "warehouse-floor-client" in (tmp_path / "made" / "README.md").read_text()


# From a server


def test_a_server_that_wants_a_key_is_given_it(
    serve: Callable[..., Server], node_environment: dict[str, str], tmp_path: Path
) -> None:
    server = serve(api_key="secret")
    arguments = ("typescript", "--out", "made", "--from", f"{server.url}/")
    refused = f"specbus: {server.url}/openapi.json was refused: the API key is missing or wrong (--api-key)\n"
    assert specbus(tmp_path, *arguments) == (1, "", refused)
    assert specbus(tmp_path, *arguments, "--api-key", "wrong") == (1, "", refused)
    assert not (tmp_path / "made").exists()
    assert specbus(tmp_path, *arguments, PUBSUB_API_KEY="secret")[0] == 0


Answer = tuple[int, str] | tuple[int, str, dict[str, str]]


@contextmanager
def answering(**answers: Answer) -> Iterator[str]:
    """A server below the path /bus that answers `/openapi.json` and `/asyncapi.json` so; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/bus/").removesuffix(".json")
            status, body, *headers = answers.get(name, (404, "not here"))
            self.send_response(status)
            for header, value in headers[0].items() if headers else ():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/bus"
        finally:
            http.shutdown()
            thread.join()


def document(name: str, folder: Path = SPECS) -> str:
    return json.dumps(bundle(folder / f"{name}.yaml"))


def test_one_of_the_documents_may_be_missing(node_environment: dict[str, str], tmp_path: Path) -> None:
    with answering(openapi=(200, document("openapi"))) as url:
        assert specbus(tmp_path, "typescript", "--out", "rest", "--from", url)[0] == 0
    with answering(asyncapi=(200, document("asyncapi", sample_server.SAMPLE))) as url:
        assert specbus(tmp_path, "typescript", "--out", "socket", "--from", url)[0] == 0
    assert "publish(" in (tmp_path / "rest" / "API.md").read_text()
    assert "connect(" not in (tmp_path / "rest" / "src" / "client.ts").read_text()
    assert "stock(" in (tmp_path / "socket" / "API.md").read_text()
    with answering() as url:
        line = f"specbus: {url} has neither /openapi.json nor /asyncapi.json\n"
        assert specbus(tmp_path, "typescript", "--out", "none", "--from", url) == (1, "", line)


OPENAPI = {"openapi": "3.0.3", "info": {"title": "Things", "version": "1"}, "paths": {}}
ASYNCAPI = {"asyncapi": "3.0.0", "info": {"title": "Things", "version": "1"}, "channels": {}, "operations": {}}
TWO_OF_A_NAME = {
    **OPENAPI,
    "paths": {f"/{one}": {"get": {"operationId": "look", "responses": {}}} for one in ("a", "b")},
}


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ({"openapi": (200, "<html>")}, "{url}/openapi.json is not a JSON object"),
        ({"openapi": (200, "[]")}, "{url}/openapi.json is not a JSON object"),
        ({"openapi": (200, "[" * 100_000)}, "{url}/openapi.json: nested more than 200 levels deep"),
        ({"openapi": (200, " " * 5_000_000)}, "{url}/openapi.json is larger than 4 MB"),
        (
            {"openapi": (200, '{"a": [' + "0," * 900_000 + "0]}")},
            "{url}/openapi.json: line 1 more than 100000 values",
        ),
        ({"openapi": (200, '{"a": 1, "a": 2}')}, '{url}/openapi.json: line 1 the key "a" stands twice'),
        ({"openapi": (500, "")}, "{url}/openapi.json answered 500 Internal Server Error"),
        (
            {"openapi": (301, "", {"Location": "https://elsewhere/"})},
            "{url}/openapi.json answered 301 Moved Permanently, to https://elsewhere/",
        ),
        ({"openapi": (200, '{"swagger": "2.0"}')}, "the OpenAPI document is not one of version 3"),
        ({"asyncapi": (200, '{"asyncapi": "2.6.0"}')}, "the AsyncAPI document is not one of version 3"),
        (
            {"asyncapi": (200, json.dumps({**ASYNCAPI, "components": {"$ref": "#/nowhere"}}))},
            "$ref #/nowhere points at nothing",
        ),
        (
            {"asyncapi": (200, json.dumps({**ASYNCAPI, "components": {"$ref": "#/components"}}))},
            "$ref #/components refers to itself",
        ),
        (
            {"asyncapi": (200, json.dumps(ASYNCAPI))},
            "the operations must share one channel, with an address that has no parameters",
        ),
        ({"openapi": (200, json.dumps({**OPENAPI, "paths": 5}))}, "#/paths must be a mapping"),
        (
            {"openapi": (200, json.dumps({**OPENAPI, "components": {"schemas": {"Thing": {"properties": 5}}}}))},
            'components.schemas: not a JSON Schema: $defs.Thing.properties: 5 is not of type "object"',
        ),
        (
            {"openapi": (200, json.dumps(TWO_OF_A_NAME))},
            'two things would be called "look" on the client; x-client-name renames one',
        ),
    ],
    ids=[
        "no JSON",
        "no object",
        "deep",
        "large",
        "many values",
        "a key twice",
        "500",
        "redirect",
        "Swagger 2",
        "AsyncAPI 2",
        "broken reference",
        "circular reference",
        "no operations",
        "form",
        "schema",
        "names",
    ],
)
def test_documents_that_no_client_can_be_made_from_are_one_line(
    answers: dict[str, Answer], line: str, tmp_path: Path
) -> None:
    with answering(**answers) as url:
        told = f"specbus: {line.format(url=url)}\n"
        assert specbus(tmp_path, "python", "--out", "made", "--from", url) == (1, "", told)
    assert list(tmp_path.iterdir()) == []


class _Trickle(BaseHTTPRequestHandler):
    """Answers without an end, a byte now and then."""

    over = Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.over.wait(0.05):
            self.wfile.write(b" ")
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_whose_answer_has_no_end_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("specbus.cli.sdk._TIMEOUT", 0.5)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Trickle) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{http.server_port}"
        done = CliRunner().invoke(sdk, ["python", "--out", str(tmp_path / "made"), "--from", url])
        _Trickle.over.set()
        http.shutdown()
        thread.join()
    assert (done.exit_code, done.stderr) == (3, f"specbus: {url}/openapi.json did not answer within 0.5 s\n")


def test_a_server_that_cannot_be_reached_is_one_line(unused_url: str, tmp_path: Path) -> None:
    for out in LANGUAGES:
        status, output, line = specbus(tmp_path, out, "--out", "made", "--from", unused_url)
        assert (status, output) == (3, "")
        assert re.fullmatch(
            rf"specbus: cannot reach {unused_url}/openapi\.json: .*refused; is the server running\?\n", line
        )
    status, _, line = specbus(tmp_path, "python", "--out", "made", "--from", "http://no..host")
    assert (status, line.count("\n"), "cannot reach http://no..host/" in line) == (3, 1, True)
    assert list(tmp_path.iterdir()) == []


# What is wrong with the command line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--from", "here"), "--from: 'here' is not a URL of the form http://HOST[:PORT][/PATH]"),
        (("--from", ""), "--from: '' is not a URL of the form http://HOST[:PORT][/PATH]"),
        (("--from", "ws://h/ws"), "--from: 'ws://h/ws' is not a URL of the form http://HOST[:PORT][/PATH]"),
        (("--from", "http://h?q=1"), "--from: 'http://h?q=1' is not a URL of the form http://HOST[:PORT][/PATH]"),
        (("--from", "http://h", "--specs", "specs"), "--from and --specs exclude each other"),
        *(
            (
                ("--name", name),
                f"--name: {name!r} must be lower-case letters and digits, separated by hyphens, such as orders-client",
            )
            for name in ("", "Orders", "a_b", "a--b", "-a", "../a", "a/b", "1a", "a\n")
        ),
    ],
    ids=str,
)
def test_a_wrong_command_line_is_one_line(arguments: tuple[str, ...], line: str, tmp_path: Path) -> None:
    assert specbus(tmp_path, "typescript", "--out", "made", *arguments) == (2, "", f"specbus: {line}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["class", "json", "asyncio", "httpx"])
def test_a_name_that_hides_another_is_none_for_python(name: str, tmp_path: Path) -> None:
    line = f"specbus: --name: {name!r} is the name of a Python keyword or module\n"
    assert specbus(tmp_path, "python", "--out", "made", "--name", name) == (2, "", line)


def test_a_language_that_is_not_there_is_told(tmp_path: Path) -> None:
    status, _, told = specbus(tmp_path, "cobol", "--out", "made")
    assert (status, "'cobol' is not one of 'python', 'typescript'" in told) == (2, True)
    status, _, told = specbus(tmp_path, "python")
    assert (status, "Missing option '--out'" in told) == (2, True)
    assert specbus(tmp_path, "python", "--out", "made", PUBSUB_PORT="none")[::2] == (
        2,
        "specbus: PUBSUB_PORT: must be a valid integer, unable to parse string as an integer, not 'none'\n",
    )


def test_a_folder_without_documents_is_one_line(tmp_path: Path) -> None:
    line = "specbus: none has neither openapi.yaml nor asyncapi.yaml\n"
    assert specbus(tmp_path, "python", "--out", "made", "--specs", "none") == (1, "", line)


def test_without_node_a_typescript_client_is_one_line(tmp_path: Path) -> None:
    # Python's own folder has a Node too, so that the interpreter has to stand elsewhere.
    (python := tmp_path / "bin" / "python").parent.mkdir()
    python.symlink_to(sys.executable)
    done = subprocess.run(
        [python, "-P", "-m", "specbus", "sdk", "typescript", "--out", tmp_path / "made"],
        env=environment(PATH=str(python.parent), PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path])),
        capture_output=True,
        text=True,
    )
    line = "specbus: a TypeScript SDK needs Node 20 or newer with npm, and there is no node\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)
    assert not (tmp_path / "made").exists()


# What is in the folder


def test_an_earlier_package_is_replaced_and_nothing_else(node_environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "made"
    arguments = ("typescript", "--out", "made", "--specs")
    assert specbus(tmp_path, *arguments, SPECS)[0] == 0
    fresh = contents(out)
    # What an earlier version of the tool wrote, and this one does not.
    for stale in ("src/old/gone.ts", "gone.md"):
        (out / stale).parent.mkdir(exist_ok=True)
        (out / stale).write_text("old")
    (out / LIST).write_text((out / LIST).read_text() + "src/old/gone.ts\ngone.md\n")
    # What a person did.
    (out / "README.md").write_text("changed")
    for own in ("src/mine.ts", "notes/own.md"):
        (out / own).parent.mkdir(exist_ok=True)
        (out / own).write_text("mine")
    (out / "empty").mkdir()
    assert specbus(tmp_path, *arguments, SPECS)[0] == 0
    assert contents(out) == {**fresh, "src/mine.ts": "mine", "notes/own.md": "mine"}
    assert (out / "empty").is_dir()
    assert not (out / "src" / "old").exists()
    assert specbus(tmp_path, *arguments, sample_server.SAMPLE)[0] == 0
    assert "Warehouse floor" in (out / "README.md").read_text()


def test_a_file_in_the_way_is_not_written_over(node_environment: dict[str, str], tmp_path: Path) -> None:
    arguments = ("typescript", "--out", "made")
    assert specbus(tmp_path, *arguments)[0] == 0
    listed = (tmp_path / "made" / LIST).read_text()
    (tmp_path / "made" / LIST).write_text(listed.replace("README.md\n", ""))
    (tmp_path / "made" / "README.md").write_text("mine")
    before = contents(tmp_path / "made")
    line = "specbus: made/README.md is in the way: `specbus sdk` did not write it\n"
    assert specbus(tmp_path, *arguments) == (1, "", line)
    assert contents(tmp_path / "made") == before


def test_a_list_that_leads_out_of_the_folder_removes_nothing(node_environment: dict[str, str], tmp_path: Path) -> None:
    assert specbus(tmp_path, "typescript", "--out", "made")[0] == 0
    (outside := tmp_path / "outside").write_text("mine")
    (tmp_path / "made" / "link").symlink_to(tmp_path)
    with (tmp_path / "made" / LIST).open("a") as listed:
        listed.write(f"../outside\n{outside}\nlink/outside\n\n.\n")
    assert specbus(tmp_path, "typescript", "--out", "made")[0] == 0
    assert outside.read_text() == "mine"


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "thesis.txt").write_text("mine")
    for language, other in zip(LANGUAGES, reversed(LANGUAGES), strict=True):
        line = f"specbus: made is not empty, and what is in it is not a package of `specbus sdk {language}`\n"
        assert specbus(tmp_path, language, "--out", "made") == (1, "", line)
        # A package in the other language is as much in the way.
        (tmp_path / "made" / LIST).write_text(f"# Written by `specbus sdk {other}`, which will replace these files:\n")
        assert specbus(tmp_path, language, "--out", "made") == (1, "", line)
        (tmp_path / "made" / LIST).unlink()
    assert contents(tmp_path / "made") == {"thesis.txt": "mine"}


def test_a_place_that_cannot_be_written_to_is_one_line(node_environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    line = "specbus: cannot write to file/made: Not a directory\n"
    assert specbus(tmp_path, "typescript", "--out", "file/made") == (1, "", line)
    status, _, told = specbus(tmp_path, "typescript", "--out", "file")
    assert (status, "Directory 'file' is a file" in told) == (2, True)


# From a server to a program


@pytest.mark.slow
def test_a_typescript_client_of_a_running_server_installs_and_runs(
    node_environment: dict[str, str], server: Server, tmp_path: Path
) -> None:
    assert specbus(tmp_path, "typescript", "--from", server.url, "--out", "my-client-ts")[0] == 0
    ran(tmp_path, node_environment, "npm", "install", "--no-audit", "--no-fund", "--offline", "./my-client-ts")
    (first,) = re.findall(r"```js\n(import .*?)```", (tmp_path / "my-client-ts" / "README.md").read_text(), re.DOTALL)
    (tmp_path / "first.mjs").write_text(first.replace("http://127.0.0.1:8080", server.url))
    assert "type: 'event'" in ran(tmp_path, node_environment, "node", "first.mjs")


@pytest.mark.slow
def test_a_python_client_of_a_running_server_installs_and_runs(server: Server, tmp_path: Path) -> None:
    assert specbus(tmp_path, "python", "--from", server.url, "--out", "my-client")[0] == 0
    # What it needs is that of this environment, so that nothing is fetched.
    venv.create(tmp_path / "venv", symlinks=True)
    inner = tmp_path / "venv" / "bin" / "python"
    where = [path for path in sys.path if path.endswith("site-packages")]
    bare = environment(PYTHONPATH=os.pathsep.join(where))
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(inner),
        "install",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
    )
    ran(tmp_path, bare, *pip, "--disable-pip-version-check", "--no-index", "./my-client")
    (first,) = re.findall(r"```python\n(import .*?)```", (tmp_path / "my-client" / "README.md").read_text(), re.DOTALL)
    (tmp_path / "first.py").write_text(first.replace("http://127.0.0.1:8080", server.url))
    assert "ORD-123" in ran(tmp_path, bare, str(inner), "first.py")


def ran(folder: Path, variables: dict[str, str], *command: str) -> str:
    """What a command prints."""
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
