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

from specbus.spec import ContractError

# Each module of checks registers its own; here in the order in which they are made.
# isort: off
# ruff: noqa: F401
from specbus.verify.fuzzing import checks
from specbus.verify.rest import topics, operations, bodies, parameters, routing, framing as http_framing, origins
from specbus.verify.rest import errors, authentication
from specbus.verify.websocket import operations as commands, handshake, framing, schemas
from specbus.verify.behaviour import order, publishing, subscriptions, replay, deletion, counts, slow_consumers, model
from specbus.verify.behaviour import positions, heartbeat

# isort: on
from specbus.verify.checks import Area, Check, registered
from specbus.verify.failures import CannotRun
from specbus.verify.target import Options, Target

SERVICE = (sys.executable, "-P", "-m", "specbus", "serve")
HEARTBEAT_INTERVAL = 1.0
"""Seconds between the heartbeats of a server that is started for a run."""


def collect(target: Target, only: Area | None = None) -> list[Check]:
    """The checks of a run, in order; of one area, if `only` says so. Raises CannotRun if a document cannot be read."""
    if only in (None, "rest"):
        with _told_in_one_line(target.options.specs):
            _ = target.rest
    return registered(target, only)


def target_of(options: Options) -> Target:
    """The target of a run. Raises CannotRun if a document cannot be read, or nothing answers at the URL."""
    with _told_in_one_line(options.specs):
        target = Target(options)
    target.check_reachable()
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
    ]
    command += ["--log-format=json", "--log-level=INFO"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
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
                process.wait(timeout=20)
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
