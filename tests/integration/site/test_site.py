"""The pages over HTTP: what is served where, with which headers, and the documents' address behind a proxy."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from specbus import __version__
from specbus.cli.main import main
from specbus.site.assets import assets
from tests.support.documents import copied_specs, served
from tests.support.http import PAGES
from tests.support.server import Server

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
POLICY = (
    "default-src 'self'; img-src 'self' data:; connect-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'"
)
STRICT = {
    "content-security-policy": f"{POLICY}; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
LINKS = {
    "health": "/health",
    "stats": "/stats",
    "topics": "/topics",
    "openapi": "/openapi.json",
    "asyncapi": "/asyncapi.json",
    "websocket": "/ws",
}


class Elements(HTMLParser):
    """What a page loads and links to, and what of it is inline."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.addresses.append(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style") and data.strip():
            self.inline.append(self._open)


def strict(response: httpx.Response) -> dict[str, str]:
    """Those of the response's headers that `STRICT` names."""
    return {name: value for name, value in response.headers.items() if name in STRICT}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_strict_headers_and_nothing_inline_and_all_it_loads_is_there(
    client: httpx.Client, path: str
) -> None:
    page = client.get(path, headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert strict(page) == STRICT
    assert page.headers["cache-control"] == "no-cache"
    elements = Elements(page.text)
    assert elements.inline == []
    assert len(elements.addresses) > 6
    for address in elements.addresses:
        if address.startswith("#"):
            continue
        assert address.startswith("."), address
        found = client.get(str(page.url.join(address)), headers=BROWSER)
        assert found.status_code == 200, address
        if "/assets/" in address:
            assert strict(found) == STRICT
            assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
            again = client.get(str(page.url.join(address)), headers={"If-None-Match": found.headers["etag"]})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", found.headers["etag"])


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_has_not_changed_is_not_sent_again(client: httpx.Client, path: str) -> None:
    page = client.get(path, headers=BROWSER)
    for tag in (page.headers["etag"], f'"other", W/{page.headers["etag"]}', "*"):
        again = client.get(path, headers={**BROWSER, "If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert strict(again) == STRICT
    assert client.get(path, headers={**BROWSER, "If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (BROWSER["Accept"], "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("text/html, application/json;q=0.9", "text/html; charset=utf-8"),
        ("text/*;q=0.5, */*;q=0.1", "text/html; charset=utf-8"),
        ("TEXT/HTML; charset=utf-8; q=0.4", "text/html; charset=utf-8"),
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/html", "application/json"),
        ("text/html;q=0", "application/json"),
        ("text/html;q=much", "application/json"),
        ("text/html;q=0.5, application/*;q=0.6", "application/json"),
        ("text/plain", "application/json"),
    ],
)
def test_a_browser_gets_a_page_at_the_root_and_a_program_the_list(
    client: httpx.Client, accept: str | None, media_type: str
) -> None:
    request = client.build_request("GET", "/", headers={} if accept is None else {"Accept": accept})
    if accept is None:
        del request.headers["accept"]
    answer = client.send(request)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert "Accept" in answer.headers["vary"].split(", ")
    if media_type == "application/json":
        assert answer.json() == {"name": "specbus", "version": __version__, "links": LINKS}


def test_what_is_not_there_and_what_cannot_be_done_is_said_in_problem_documents(client: httpx.Client) -> None:
    asset = Elements(client.get("/docs").text).addresses[0].removeprefix(".")
    for path in ("/docs/", "/assets", "/assets/", "/assets/0/site.css", f"{asset}x", "/assets/../settings.py"):
        missing = client.get(path, headers=BROWSER)
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    head = client.head("/docs")
    assert (head.status_code, head.content, strict(head)) == (200, b"", STRICT)
    options = client.options("/docs")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    refused = client.post("/console")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert refused.json()["detail"] == "/console has no POST, but GET, HEAD, OPTIONS"
    # "/" is an operation too, which says this.
    assert client.post("/", headers=BROWSER).json()["detail"] == "/ has no POST, but GET, HEAD, OPTIONS"


def test_without_docs_there_are_no_pages(serve: Callable[..., Server]) -> None:
    with httpx.Client(base_url=serve(docs=False).url, headers=BROWSER) as client:
        assert {path: client.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES[1:], 404) | {"/": 200}
        assert client.get("/").json()["links"] == LINKS


def test_what_the_contract_has_goes_before_the_pages(serve: Callable[..., Server], tmp_path: Path) -> None:
    specs = copied_specs(tmp_path)
    document = specs / "openapi.yaml"
    document.write_text(document.read_text().replace("  /stats:\n", "  /docs:\n"))
    server = serve(specs=specs)
    assert httpx.get(f"{server.url}/docs", headers=BROWSER).json() == {"topics": {}}
    assert httpx.get(f"{server.url}/console", headers=BROWSER).status_code == 200


def test_the_pages_need_no_key_and_the_documents_do(serve: Callable[..., Server]) -> None:
    with httpx.Client(base_url=serve(api_key="secret").url) as client:
        assert {client.get(path, headers=BROWSER).status_code for path in PAGES} == {200}
        for path in ("/", "/openapi.json", "/asyncapi.json"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"X-API-Key": "secret"}).status_code == 200


DIRECT = {"host": "127.0.0.1:PORT", "protocol": "ws"}
BEHIND = {"X-Forwarded-Host": "bus.example.org, inner", "X-Forwarded-Proto": "https, http"}


@pytest.mark.parametrize(
    ("headers", "root_path", "rest", "websocket"),
    [
        ({}, None, "/", DIRECT),
        ({"Host": "bus.example.org:81"}, None, "/", {"host": "bus.example.org:81", "protocol": "ws"}),
        ({"Host": "[::1]:81"}, None, "/", {"host": "[::1]:81", "protocol": "ws"}),
        (BEHIND, None, "/", {"host": "bus.example.org", "protocol": "wss"}),
        (
            {**BEHIND, "X-Forwarded-Prefix": "/a/b/"},
            None,
            "/a/b",
            {"host": "bus.example.org", "protocol": "wss", "pathname": "/a/b"},
        ),
        ({}, "/bus", "/bus", {**DIRECT, "pathname": "/bus"}),
        ({"X-Forwarded-Prefix": "/other"}, "/bus", "/bus", {**DIRECT, "pathname": "/bus"}),
        # What is not an address is not repeated.
        ({"X-Forwarded-Host": "<script>"}, None, "/", DIRECT),
        ({"X-Forwarded-Proto": "javascript"}, None, "/", DIRECT),
        ({"X-Forwarded-Prefix": "/a?b"}, None, "/", DIRECT),
    ],
)
def test_the_documents_say_where_the_service_is_reached(
    serve: Callable[..., Server],
    headers: dict[str, str],
    root_path: str | None,
    rest: str,
    websocket: dict[str, str],
) -> None:
    server = serve(root_path=root_path, allowed_hosts="*")
    expected: dict[str, Any] = {name: served(name) for name in ("openapi", "asyncapi")}
    expected["openapi"]["servers"] = [{**expected["openapi"]["servers"][0], "url": rest}]
    here = {name: value.replace("PORT", str(server.port)) for name, value in websocket.items()}
    expected["asyncapi"]["servers"] = {"this": {**expected["asyncapi"]["servers"]["this"], **here}}
    documents = {name: httpx.get(f"{server.url}/{name}.json", headers=headers).json() for name in expected}
    assert documents == expected


def test_an_address_that_the_document_names_itself_stays(serve: Callable[..., Server], tmp_path: Path) -> None:
    specs = copied_specs(tmp_path)
    for name, here, elsewhere in (
        ("openapi", "- url: /\n", "- url: https://example.org/bus\n"),
        ("asyncapi", "host: localhost:8080", "host: example.org"),
    ):
        document = specs / f"{name}.yaml"
        document.write_text(document.read_text().replace(here, elsewhere))
    with httpx.Client(base_url=serve(specs=specs, root_path="/bus").url) as client:
        assert client.get("/openapi.json").json() == served("openapi", specs)
        assert client.get("/asyncapi.json").json() == served("asyncapi", specs)


def test_paths_that_clients_are_told_begin_with_the_root_path(serve: Callable[..., Server]) -> None:
    with httpx.Client(base_url=serve(root_path="/bus").url) as client:
        assert client.get("/").json()["links"] == {name: f"/bus{path}" for name, path in LINKS.items()}
        assert client.post("/topics", json={"name": "orders"}).headers["location"] == "/bus/topics/orders"


def test_the_static_site_has_the_documents_and_relative_links_to_what_is_there(tmp_path: Path) -> None:
    specs = copied_specs(tmp_path)
    out = tmp_path / "a" / "site"
    built = CliRunner().invoke(main, ["docs", "build", "--out", str(out), "--specs", str(specs)])
    files = sorted(str(file.relative_to(out)) for file in out.rglob("*") if file.is_file())
    assert (built.exit_code, built.output) == (0, f"{len(files)} files written to {out}\n")
    pages = ["docs/index.html", "docs/websocket/index.html", "index.html"]
    assert [name for name in files if not name.startswith("assets/")] == sorted(
        [*pages, "openapi.json", "asyncapi.json"]
    )
    assert not [name for name in files if "console" in name]
    for page in pages:
        html = (out / page).read_text()
        assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in html
        elements = Elements(html)
        assert elements.inline == []
        # What a service alone has, the page hides.
        for address in elements.addresses:
            if address.startswith("#") or re.search(r"(console/?|/health)$", address):
                continue
            target = (out / page).parent / address
            assert address.startswith(".")
            assert (target / "index.html" if target.is_dir() else target).is_file(), address


@pytest.mark.parametrize(
    ("options", "env", "status", "line"),
    [
        (["--specs", "none"], {}, 1, "specbus: none/openapi.yaml: No such file or directory\n"),
        (["--out", "pyproject.toml/x"], {}, 1, "specbus: cannot write to pyproject.toml/x: Not a directory\n"),
        ([], {"PUBSUB_PORT": "x"}, 2, "specbus: PUBSUB_PORT: must be a valid integer"),
    ],
)
def test_a_site_that_cannot_be_built_is_told_in_one_line(
    tmp_path: Path, options: list[str], env: dict[str, str], status: int, line: str
) -> None:
    result = CliRunner().invoke(main, ["docs", "build", "--out", str(tmp_path), *options], env=env)
    assert result.exit_code == status
    assert result.stderr.startswith(line.replace("none/", f"{Path('none').resolve()}/"))
    assert result.stderr.count("\n") == 1


@pytest.fixture
def _without_viewers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation without the extra `docs`."""
    assets.cache_clear()
    monkeypatch.setitem(sys.modules, "swagger_ui_bundle", None)
    yield
    assets.cache_clear()


@pytest.mark.usefixtures("_without_viewers")
@pytest.mark.parametrize("docs", [True, False])
def test_without_the_viewers_a_service_says_how_to_install_them_and_serves_all_but_the_pages(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture, docs: bool
) -> None:
    with httpx.Client(base_url=serve(docs=docs).url) as client:
        assert client.get("/health").status_code == 200
        assert client.get("/docs", headers=BROWSER).status_code == 404
        assert client.get("/", headers=BROWSER).headers["content-type"] == "application/json"
    said = [record.fields for record in caplog.records if record.getMessage() == "pages not served"]  # type: ignore[attr-defined]
    assert said == [{"reason": "the pages need what `pip install 'specbus[docs]'` installs"}] * docs


@pytest.mark.usefixtures("_without_viewers")
def test_without_the_viewers_a_site_is_refused_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["docs", "build", "--out", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (
        2,
        "specbus: the pages need what `pip install 'specbus[docs]'` installs\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_service_whose_pages_nobody_opens_does_not_read_them() -> None:
    script = "from specbus.cli import serve; from specbus.site.assets import assets; print(assets.cache_info().misses)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert ran.stdout == "0\n"
