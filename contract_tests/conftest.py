"""The checks of `specbus verify` for pytest, a test for each, for any server.

    pytest contract_tests --base-url URL

Without a URL, a service is started. This folder works from wherever it is copied to, with `specbus[verify]` and pytest
installed. JUnit reports are pytest's own `--junit-xml`; `pytest contract_tests/test_rest.py` checks one area alone.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from specbus.settings import SPECS
from specbus.verify.checks import AREAS, Check, Result, execute
from specbus.verify.failures import CannotRun, Ended
from specbus.verify.run import collect, own_server, target_of
from specbus.verify.target import Options, Target

_TARGET = pytest.StashKey[Target]()
MAX_STEPS = 12
"""Exchanges shown of a failure."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `specbus verify`."""
    group = parser.getgroup("contract")
    group.addoption("--base-url", help="the server to check; a service is started without it")
    group.addoption("--specs", type=Path, default=SPECS, help="folder of the documents to hold it to")
    group.addoption("--api-key", help="key to send in X-API-Key")
    group.addoption("--examples", type=int, default=40, help="cases generated for each operation and kind")
    group.addoption("--seed", type=int, default=0, help="seed of what is generated")
    group.addoption("--deadline", type=float, default=5.0, help="seconds to wait for one answer")


def pytest_configure(config: pytest.Config) -> None:
    """Find, or start, the server."""
    option = config.getoption
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    try:
        url = option("--base-url") or stack.enter_context(own_server(option("--specs"), option("--api-key")))
        options = Options(
            url=url.rstrip("/"),
            specs=option("--specs"),
            api_key=option("--api-key"),
            examples=option("--examples"),
            seed=option("--seed"),
            deadline=option("--deadline"),
        )
        target = stack.enter_context(target_of(options))
    except CannotRun as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_TARGET] = target


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each check of the area that the test function names: `rest_check`, `websocket_check`, ..."""
    for area in AREAS:
        if (fixture := f"{area}_check") in metafunc.fixturenames:
            try:
                checks = collect(metafunc.config.stash[_TARGET], area)
            except CannotRun as error:
                raise pytest.UsageError(str(error)) from None
            metafunc.parametrize(fixture, checks, ids=[check.name for check in checks])


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    """The server under test."""
    return request.config.stash[_TARGET]


@pytest.fixture
def hold(target: Target) -> Callable[[Check], None]:
    """What makes a check, and fails or skips the test by what comes of it."""

    def make(check: Check) -> None:
        try:
            result = execute(check, target)
        except Ended as end:
            pytest.skip(str(end))
        if result.error:
            pytest.fail(f"the check itself failed\n{result.error}", pytrace=False)
        if result.failures:
            pytest.fail(_told(result), pytrace=False)
        if result.skipped:
            pytest.skip(result.skipped)

    return make


def _told(result: Result) -> str:
    texts = []
    for failure in result.failures:
        lines = [failure.problem, f"rule: {failure.rule}", *failure.steps[-MAX_STEPS:], "", failure.reproduce]
        texts.append("\n".join(lines))
    return "\n\n".join(texts)
