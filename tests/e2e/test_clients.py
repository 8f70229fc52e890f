"""Clients of others, as they are by default, publish over REST: straight to the service, and through nginx."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PageError

from tests.support.http import payloads_of
from tests.support.messages import UUID
from tests.support.program import NODE
from tests.support.proxies import in_front
from tests.support.server import Server, create

HERE = Path(__file__).parent
COUNT = 6
"""How many messages each publishes."""
PUBLISH = """([url, payload]) => fetch(url, {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({id: crypto.randomUUID(), payload}),
}).then((answer) => answer.status)"""
"""What a page does."""


@pytest.fixture(params=["straight", pytest.param("nginx", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[str]:
    """Where the service is reached; it has the topic `orders`."""
    create(server, "orders")
    if request.param == "straight":
        yield server.url
    else:
        with in_front(request.param, server.port, tmp_path) as front:
            yield front.url


def lines_of(*command: str | Path) -> list[str]:
    """What it prints. It is skipped where the program is not installed."""
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"no {command[0]}")
    ran = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_curl_that_asks_for_http_2(server: Server, url: str) -> None:
    field = "Content-Type: application/json"
    for payload in range(COUNT):
        body = f'{{"id": "{UUID}", "payload": {payload}}}'
        command = ("curl", "--silent", "--http2", "--write-out", "\n%{http_version} %{http_code}", "-H", field)
        assert lines_of(*command, "-d", body, f"{url}/topics/orders/messages")[-1] == "1.1 202"
    assert payloads_of(server, "orders") == list(range(COUNT))


def test_node_with_fetch_and_with_an_agent_that_keeps_its_connection(server: Server, url: str) -> None:
    answers = lines_of(NODE, HERE / "rest_client.mjs", f"{url}/topics/orders/messages", str(COUNT))
    assert [answer.split()[0] for answer in answers] == ["202"] * COUNT, answers
    assert payloads_of(server, "orders") == list(range(COUNT))


@pytest.mark.slow
def test_java_which_asks_for_http_2(server: Server, url: str) -> None:
    if not shutil.which("javac"):
        pytest.skip("no javac: a JDK starts programs from their source, a JRE does not")
    answers = lines_of("java", HERE / "RestClient.java", f"{url}/topics/orders/messages", str(COUNT))
    assert [answer.split()[0] for answer in answers] == ["202"] * COUNT, answers
    assert payloads_of(server, "orders") == list(range(COUNT))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        context.set_default_timeout(10_000)
        yield context.new_page()


@pytest.mark.slow
def test_a_page_of_the_service(server: Server, url: str, page: Page) -> None:
    page.goto(url)
    for payload in range(COUNT):
        assert page.evaluate(PUBLISH, ["/topics/orders/messages", payload]) == 202
    assert payloads_of(server, "orders") == list(range(COUNT))


@pytest.mark.slow
def test_a_page_of_an_origin_that_is_allowed_and_of_another_that_is_not(
    serve: Callable[..., Server], page: Page, tmp_path: Path
) -> None:
    allowed, other = serve(), serve()
    server = serve(allowed_origins=allowed.url)
    create(server, "orders")
    with in_front("nginx", server.port, tmp_path) as front:
        page.goto(f"{allowed.url}/health")
        for payload, url in enumerate([server.url, front.url] * 3):
            assert page.evaluate(PUBLISH, [f"{url}/topics/orders/messages", payload]) == 202
        page.goto(f"{other.url}/health")
        for url in (server.url, front.url):
            with pytest.raises(PageError, match="Failed to fetch"):
                page.evaluate(PUBLISH, [f"{url}/topics/orders/messages", "not this"])
    assert payloads_of(server, "orders") == list(range(6))
