"""The same checks for pytest: `pytest contract_tests --base-url URL`; without a URL, against a service of its own."""

import contextlib
from pathlib import Path

import pytest

from specbus.settings import SPECS
from specbus.verify.run import OWN_HEARTBEAT, collect, own_server, target_of
from specbus.verify.target import CannotRun, Options, Target

_TARGET = pytest.StashKey[Target]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `specbus verify`; JUnit reports are pytest's own `--junit-xml`."""
    group = parser.getgroup("contract")
    group.addoption("--base-url", help="the server to check; a service is started without it")
    group.addoption("--specs", type=Path, default=SPECS, help="folder of the documents to hold it to")
    group.addoption("--api-key", help="key to send in X-API-Key")
    group.addoption("--examples", type=int, default=40, help="cases made for each kind")
    group.addoption("--seed", type=int, default=0, help="seed of what is made up")
    group.addoption("--only", choices=["rest", "websocket", "behaviour"], help="check this area only")
    group.addoption("--history", type=int, default=100, help="messages that a topic of the server retains")
    group.addoption("--heartbeat", type=float, default=30.0, help="seconds between the server's heartbeats")


def pytest_configure(config: pytest.Config) -> None:
    """Find, or start, the server."""
    option = config.getoption
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    url, heartbeat = option("--base-url"), option("--heartbeat")
    try:
        if url is None:
            url, heartbeat = stack.enter_context(own_server(option("--specs"), option("--api-key"))), OWN_HEARTBEAT
        options = Options(
            url=url.rstrip("/"),
            specs=option("--specs"),
            api_key=option("--api-key"),
            examples=option("--examples"),
            seed=option("--seed"),
            heartbeat=heartbeat,
            history=option("--history"),
        )
        target = stack.enter_context(target_of(options))
    except CannotRun as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_TARGET] = target


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each check."""
    if "check" in metafunc.fixturenames:
        checks = collect(metafunc.config.stash[_TARGET], metafunc.config.getoption("--only"))
        metafunc.parametrize("check", checks, ids=[f"{check.area}: {check.name}" for check in checks])


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    """The server under test."""
    return request.config.stash[_TARGET]
