"""A run: the checks chosen, one after the other, and a server of our own where none is given."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import httpx

from specbus.spec import ContractError

# Each module of checks registers its own; here in the order in which they are made.
# isort: off
# ruff: noqa: F401
from specbus.verify.fuzzing import checks
from specbus.verify.rest import topics, operations, bodies, parameters, routing, framing as http_framing, origins
from specbus.verify.rest import errors, authentication, limits, hosts, served, addresses, index
from specbus.verify.websocket import operations as commands, handshake, framing, json_text, frames, correlation
from specbus.verify.websocket import schemas, keepalive
from specbus.verify.behaviour import order, publishing, subscriptions, replay, deletion, counts, slow_consumers, model
from specbus.verify.behaviour import slow_topics, positions, equality, races, heartbeat, health

# isort: on
from specbus.verify.access import check_key
from specbus.verify.checks import AREAS, Check, registered, within_profile
from specbus.verify.checks import only as only_those
from specbus.verify.failures import CannotRun
from specbus.verify.processes import child
from specbus.verify.target import Options, Target

SERVICE = (sys.executable, "-P", "-m", "specbus", "serve")
STOP_TIME = 20.0
"""Seconds in which it must have stopped."""
HEARTBEAT_INTERVAL = 1.0
"""Seconds between the heartbeats of a server that is started for a run."""
PING_INTERVAL, PING_TIMEOUT = 1.0, 8.0
"""The same of WebSocket pings, and the seconds in which they must be answered: a run sees dead peers found."""


def collect(target: Target, *only: str) -> list[Check]:
    """The checks of a run, in order; if `only` says so, those alone of the areas and with the names in it.

    Raises CannotRun if a document cannot be read that they need, or if nothing is called as `only` says.
    """
    areas = [area for area in AREAS if area in only] if only and all(each in AREAS for each in only) else AREAS
    made = registered(target, areas)
    if areas == AREAS:
        made = only_those(made, only)
    if target.options.profile.has_rest and any(check.area == "rest" for check in made):
        with _told_in_one_line(target.options.specs):
            _ = target.rest
    return within_profile(made, target)


def target_of(options: Options) -> Target:
    """The target of a run. Raises CannotRun if a document cannot be read, nothing answers, or the key is refused."""
    try:
        with _told_in_one_line(options.specs):
            target = Target(options)
    except httpx.InvalidURL as error:
        raise CannotRun(f"{options.url} is no URL: {error}") from None
    target.check_reachable()
    check_key(target)
    return target


@contextlib.contextmanager
def _told_in_one_line(specs: Path) -> Iterator[None]:
    """Raise CannotRun for what is wrong with the documents in `specs`."""
    try:
        yield
    except (ContractError, KeyError, TypeError, AttributeError, ValueError) as error:
        needs = f"needs {error}" if isinstance(error, KeyError) else str(error)
        raise CannotRun(f"{specs}: {needs}") from None


@contextlib.contextmanager
def own_server(specs: Path, api_key: str | None, program: Sequence[str] = SERVICE) -> Iterator[str]:
    """A service started for the run, by `program` and options after it; its URL. Raises CannotRun."""
    # Settings that are meant for another service would be rules that the documents do not have.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PUBSUB_")}
    if api_key:
        environment["PUBSUB_API_KEY"] = api_key
    command = [
        *program,
        "--host=127.0.0.1",
        "--port=0",
        f"--specs={specs}",
        f"--heartbeat-interval={HEARTBEAT_INTERVAL}",
        f"--ping-interval={PING_INTERVAL}",
        f"--ping-timeout={PING_TIMEOUT}",
    ]
    command += ["--log-format=json", "--log-level=INFO"]
    with child(command, env=environment, stderr=subprocess.PIPE) as process:
        log = process.stderr or ()
        drain = None
        try:
            url = _url(log)
            # A pipe that nobody reads would stop the service.
            drain = threading.Thread(target=deque, args=(log, 0), daemon=True)
            drain.start()
            yield url
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIME)
            process.kill()
            if drain:
                drain.join()


def _url(log: Iterable[str]) -> str:
    """The URL in the service's start line."""
    line = ""
    for line in log:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["url"])
    raise CannotRun(f"the service did not start: {line.strip()}")
