"""What all tests have: servers, proxies and clients as fixtures."""

import logging
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import hypothesis
import pytest

from tests.support.chaos import Chaos, proxied
from tests.support.requirements import missing
from tests.support.server import Server, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Programs that the tests start inherit it, and whoever runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing on a shared machine.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


class _Errors(logging.Handler):
    """What the service logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {getattr(record, 'fields', '')}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of mutants, each with the check that found it."""
    found = [
        str(value).split("|")
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "mutant" and report.when == "call"
    ]
    if found:
        terminalreporter.section("mutants, and the check that found each")
        for name, defect, check in sorted(found):
            terminalreporter.write_line(f"{name:36}  {defect}\n{'':36}  -> {check}")


@pytest.fixture
def logged_errors() -> Iterator[list[str]]:
    """What the service logs as an error, contract violations among it. A test that expects some empties the list."""
    handler = _Errors()
    handler.addFilter(lambda record: not record.name.startswith("specbus.client"))
    logger = logging.getLogger("specbus")
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)
    assert not handler.lines


@pytest.fixture
def serve(logged_errors: list[str]) -> Iterator[Callable[..., Server]]:
    """Start servers, each with settings of its own; they are stopped at the end."""
    servers: list[Any] = []

    def start(**settings: Any) -> Server:
        context = running(**settings)
        servers.append(context)
        return context.__enter__()

    yield start
    for context in reversed(servers):
        context.__exit__(None, None, None)


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """A server with the default settings."""
    return serve()


@pytest.fixture
def proxy() -> Iterator[Callable[[Server], Chaos]]:
    """Put proxies in front of servers; they are stopped at the end."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(proxied(server.port))


@pytest.fixture
def unused_url() -> Iterator[str]:
    """A URL where nothing listens, nor will as long as the test lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The system's Chromium. Without one the tests are skipped; where CI is set, they fail."""
    from playwright.sync_api import sync_playwright  # takes half a second, which few tests need

    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        missing("no browser: install Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """An HTTP client of `server`."""
    with httpx.Client(base_url=server.url) as client:
        yield client
