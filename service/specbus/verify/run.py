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

from specbus.spec.documents import ContractError
from specbus.verify import behaviour, rest, websocket
from specbus.verify.checks import AREAS, Area, Check
from specbus.verify.target import CannotRun, Options, Target

_MODULES = {"rest": rest, "websocket": websocket, "behaviour": behaviour}
SERVICE = (sys.executable, "-P", "-m", "specbus", "serve")
OWN_HEARTBEAT = 1.0
"""Seconds between the heartbeats of a server that is started for a run."""


def collect(target: Target, only: Area | None = None) -> list[Check]:
    """The checks of a run, in order; of one area, if `only` says so."""
    # Behaviour last: it waits for a heartbeat, which the others give time to come.
    checks = [check for area in AREAS if only in (None, area) for check in _MODULES[area].checks(target)]
    return [*checks, websocket.last(target)] if only != "rest" else checks


def target_of(options: Options) -> Target:
    """The target of a run. Raises CannotRun if the documents cannot be read, or nothing answers at the URL."""
    try:
        target = Target(options)
    except (ContractError, KeyError, TypeError, AttributeError, ValueError) as error:
        needs = f"needs {error}" if isinstance(error, KeyError) else str(error)
        raise CannotRun(f"{options.specs}: {needs}") from None
    target.check_reachable()
    return target


@contextlib.contextmanager
def own_server(specs: Path, api_key: str | None, program: Sequence[str] = SERVICE) -> Iterator[str]:
    """A service started for the run, by `program` and options after it; its URL. Raises CannotRun."""
    environment = {**os.environ, **({"PUBSUB_API_KEY": api_key} if api_key else {})}
    command = [*program, "--host=127.0.0.1", "--port=0", f"--specs={specs}", f"--heartbeat-interval={OWN_HEARTBEAT}"]
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
