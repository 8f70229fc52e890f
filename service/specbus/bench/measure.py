"""A run: workers put a load on a server; the result is measured."""

import contextlib
import ipaddress
import pickle
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psutil

from specbus.bench.connections import Endpoint
from specbus.bench.errors import CannotRun, Failed
from specbus.bench.latency import percentiles
from specbus.bench.plan import Plan, Work, share
from specbus.bench.rest_client import topics
from specbus.bench.servers import SPECBUS, Running, Usage, cores, find
from specbus.bench.shared_state import SharedState, State
from specbus.bench.worker import INTERVAL, Report

_SETTLE_TIME = 0.3
"""Seconds without load before memory is measured and the load begins."""
_SATURATED = 0.9
"""The share of its core above which a worker is the bottleneck."""
_CHECK_INTERVAL = 0.5
"""Seconds between two checks of the workers. They may have to share their core with this process."""

Progress = Callable[[str, float], None]
"""Takes a description of the current step, and the progress from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Point:
    """What came in one interval of a run, of all workers."""

    second: float
    """The end of the interval, from the beginning of what is measured."""
    deliveries_per_second: float
    publishes_per_second: float
    p50_us: float
    p99_us: float
    max_us: float


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run. Latencies and costs are in microseconds; None if they cannot be measured."""

    subscribers: int
    publishers: int
    topics: int
    seconds: float
    deliveries: int
    """While it was measured, like `published`."""
    published: int
    deliveries_per_second: float
    publishes_per_second: float
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    lost: int
    """Events that did not come, in the whole run, as are the next three counts."""
    late: int
    """Events that came after a later one."""
    repeated: int
    unacknowledged: int
    stalled: bool
    """Whether events stopped coming, so that the run was aborted."""
    complaint: str | None
    """What the server said about the losses."""
    cpu_per_delivery_us: float | None
    cpu_per_publish_us: float | None
    server_busy: float | None
    """Cores that the server took."""
    memory_per_connection: float | None
    """Bytes."""
    memory_growth: int | None
    """Bytes that the load added."""
    connect_seconds: float
    worker_busy: float
    """The share of its core that the busiest worker took."""
    foreign: float | None
    """The share of the server's core that other programs took."""
    course: list[Point]

    @property
    def faultless(self) -> bool:
        """Whether each event came once, in order, and each publication was acknowledged."""
        return not (self.lost or self.late or self.repeated or self.unacknowledged or self.stalled)

    @property
    def is_saturated(self) -> bool:
        """Whether a worker was the bottleneck, so that the server could have done more."""
        return self.worker_busy > _SATURATED


def endpoint(url: str, api_key: str | None, deadline: float) -> Endpoint:
    """Where `url` leads to. `deadline`: seconds to wait for an answer. Raises CannotRun if nothing answers there."""
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as error:
        raise CannotRun(f"{url} is not a URL: {error}") from None
    if parts.scheme != "ws" or not parts.hostname:
        raise CannotRun(f"{url} is not a URL of the form ws://HOST[:PORT][/PATH]")
    url = url if parts.path.strip("/") else f"{url.rstrip('/')}{SPECBUS.dialect.path}"
    try:
        with socket.create_connection((parts.hostname, port), deadline) as connection:
            host = str(connection.getpeername()[0])
    except (OSError, UnicodeError) as error:
        raise CannotRun(f"nothing answers at {url}: {error}") from None
    return Endpoint(url, host, port, api_key, deadline)


def remote(to: Endpoint) -> Running:
    """The server at `to`, which was not started for the run."""
    here = ipaddress.ip_address(to.host.partition("%")[0]).is_loopback
    return Running(SPECBUS, to.url, find(to.port) if here else None, own=False)


def measure(running: Running, to: Endpoint, work: Work, progress: Progress) -> Result:
    """Put the load `work` on the server. Raises CannotRun, Failed."""
    with contextlib.ExitStack() as stack:
        if running.kind.topics:
            progress("Creating topics", 0.0)
            base = urlsplit(to.url).path.rstrip("/").removesuffix(SPECBUS.dialect.path)
            names = stack.enter_context(topics(to, work.topics, base=base, delete=not running.own))
        else:
            names = [f"bench.{secrets.token_hex(4)}.{one:06}" for one in range(work.topics)]
        run = stack.enter_context(_Run(running, to, work, names, progress))
        return run.result()


class _Run:
    """The worker processes of a run, and the resources that the server uses meanwhile."""

    def __init__(self, running: Running, to: Endpoint, work: Work, names: list[str], progress: Progress) -> None:
        self._server = running.process
        self._deadline = to.deadline
        self._work = work
        self._progress = progress
        self._memory_before = self._usage().memory
        available, apart = cores(), self._server is not None and self._server.core is not None
        spare = len(available) - (self._server is not None and not apart)
        shares = share(work, names, max(1, spare))
        self._connections = sum(len(one.subscribers) + len(one.publishers) + one.stalled for one in shares)
        self._folder = tempfile.TemporaryDirectory(prefix="specbus-bench-")
        file = Path(self._folder.name) / "state"
        file.touch()
        shared_streams = work.publishers if work.topics == 1 and len(shares) > 1 else 0
        self._shared = SharedState(file, len(shares), shared_streams)
        self._workers: list[subprocess.Popen[bytes]] = []
        self._stall = _StallDetector(to.deadline)
        for number, one in enumerate(shares):
            plan = Plan(
                worker=number,
                workers=len(shares),
                core=available[number] if apart else None,
                busy=self._server is None or apart or len(available) > 1,
                endpoint=to,
                dialect=running.kind.dialect,
                work=work,
                shared_file=str(file),
                shared_streams=shared_streams,
                share=one,
            )
            self._start(plan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
            for pipe in (worker.stdin, worker.stdout):
                if pipe:
                    pipe.close()
            worker.wait()
        self._folder.cleanup()

    def result(self) -> Result:
        """Run. Raises Failed."""
        self._progress("Connecting", 0.0)
        self._await(State.READY, 30 + 0.02 * self._connections)
        time.sleep(_SETTLE_TIME)
        idle = self._usage()
        start = time.monotonic_ns() + 50_000_000
        begin = start + int(self._work.warm_up * 1e9)
        end = begin + int(self._work.duration * 1e9)
        self._shared.begin(start, begin, end)
        self._load_until(begin, start, end)
        before, core_before = self._usage(), self._core_busy_seconds()
        self._load_until(end, start, end)
        after, core_after = self._usage(), self._core_busy_seconds()
        while not self._stall.is_stalled and not self._drained():
            self._sleep_and_check()
        self._shared.finish()
        self._await(State.DONE, 2 * self._deadline + 5)
        reports: list[Report] = [self._report(worker) for worker in self._workers]
        _, _, expected, reached = self._shared.totals()
        cpu = after.cpu - before.cpu
        return _result(
            self._work,
            reports,
            missing=expected - reached,
            stalled=self._stall.is_stalled,
            cpu=cpu if self._server else None,
            memory=(idle.memory - self._memory_before) / self._connections if self._server else None,
            growth=after.memory - idle.memory if self._server else None,
            foreign=core_after - core_before - cpu if self._server and self._server.core is not None else None,
        )

    def _start(self, plan: Plan) -> None:
        command = (sys.executable, "-P", "-c", "from specbus.bench.worker import main; main()")
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 # ours
        self._workers.append(worker)
        if worker.stdin:
            # A worker that has ended already is found by `_check`.
            with contextlib.suppress(BrokenPipeError):
                pickle.dump(plan, worker.stdin)
                worker.stdin.flush()

    def _load_until(self, instant: int, start: int, end: int) -> None:
        """Watch the load until `instant`, or until events stop coming."""
        while not self._stall.is_stalled and (left := instant - time.monotonic_ns()) > 0:
            self._sleep_and_check(left / 1e9)
            deliveries = self._shared.totals()[0]
            seconds = max((time.monotonic_ns() - start) / 1e9, 0.05)
            self._progress(f"{deliveries / seconds:,.0f} deliveries/s", seconds / ((end - start) / 1e9))

    def _sleep_and_check(self, max_seconds: float = _CHECK_INTERVAL) -> None:
        """Sleep for one interval, or `max_seconds` if that is shorter, and check on everything. Raises Failed."""
        time.sleep(min(max_seconds, _CHECK_INTERVAL))
        self._check()
        deliveries, _, expected, reached = self._shared.totals()
        self._stall.update(deliveries, waiting=expected > reached)

    def _await(self, state: int, seconds: float) -> None:
        """Wait until all workers are at `state`. Raises Failed."""
        end = time.monotonic() + seconds
        while any(self._shared.state(number) < state for number in range(len(self._workers))):
            if time.monotonic() > end:
                raise Failed("the workers took too long to connect" if state == State.READY else "the workers hang")
            time.sleep(0.02)
            self._check()

    def _check(self) -> None:
        """Raise Failed if the server or a worker is gone."""
        for number, worker in enumerate(self._workers):
            if self._shared.state(number) == State.FAILED:
                if self._server:
                    # The server may be the reason; the system takes a moment to show that it has ended.
                    time.sleep(0.1)
                    self._server.check()
                raise Failed(self._report(worker).failure or "")
            if self._shared.state(number) != State.DONE and worker.poll() is not None:
                raise Failed(f"a worker ended with status {worker.returncode}")
        if self._server:
            self._server.check()

    def _drained(self) -> bool:
        """Whether everything that was published has been delivered."""
        _, _, expected, reached = self._shared.totals()
        workers = range(len(self._workers))
        return all(self._shared.state(number) >= State.STOPPED for number in workers) and reached >= expected

    def _usage(self) -> Usage:
        return self._server.usage() if self._server else Usage(0.0, 0)

    def _core_busy_seconds(self) -> float:
        """Seconds for which the server's core has been busy, by whatever program."""
        if not self._server or self._server.core is None:
            return 0.0
        times = psutil.cpu_times(percpu=True)[self._server.core]
        return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))

    @staticmethod
    def _report(worker: subprocess.Popen[bytes]) -> Report:
        assert worker.stdout is not None  # noqa: S101 # it is a pipe
        report: Report = pickle.load(worker.stdout)  # noqa: S301 # from a process of our own
        return report


class _StallDetector:
    """Detects that no events have come for too long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deliveries = -1
        self._since = 0.0
        self.is_stalled = False

    def update(self, deliveries: int, *, waiting: bool) -> None:
        """Note the number of deliveries so far, and whether more are expected."""
        now = time.monotonic()
        if deliveries != self._deliveries or not waiting:
            self._deliveries, self._since = deliveries, now
        self.is_stalled = self.is_stalled or now - self._since > self._seconds


def _result(
    work: Work,
    reports: list[Report],
    *,
    missing: int,
    stalled: bool,
    cpu: float | None,
    memory: float | None,
    growth: int | None,
    foreign: float | None,
) -> Result:
    """The workers' reports as one result. `missing`: events that had not come when the run ended."""
    seconds = max(report.seconds for report in reports)
    deliveries = sum(report.deliveries for report in reports)
    published = sum(report.published for report in reports)
    latencies = sum((interval.latencies for report in reports for interval in report.intervals), Counter[int]())
    p50, p99, p999, maximum = percentiles(latencies, (0.5, 0.99, 0.999, 1.0))
    return Result(
        subscribers=work.subscribers,
        publishers=work.publishers,
        topics=work.topics,
        seconds=seconds,
        deliveries=deliveries,
        published=published,
        deliveries_per_second=deliveries / seconds,
        publishes_per_second=published / seconds,
        p50_us=p50,
        p99_us=p99,
        p999_us=p999,
        max_us=maximum,
        lost=missing + sum(report.lost for report in reports),
        late=sum(report.late for report in reports),
        repeated=sum(report.repeated for report in reports),
        unacknowledged=sum(report.unacknowledged for report in reports),
        stalled=stalled,
        complaint=next((report.complaint for report in reports if report.complaint), None),
        cpu_per_delivery_us=cpu * 1e6 / deliveries if cpu is not None and deliveries else None,
        cpu_per_publish_us=cpu * 1e6 / published if cpu is not None and published else None,
        server_busy=cpu / seconds if cpu is not None else None,
        memory_per_connection=memory,
        memory_growth=growth,
        connect_seconds=max(report.connect_seconds for report in reports),
        worker_busy=max(report.busy for report in reports),
        foreign=foreign / seconds if foreign is not None else None,
        course=_course(reports),
    )


def _course(reports: list[Report]) -> list[Point]:
    points = []
    for number, parts in enumerate(zip(*(report.intervals for report in reports), strict=False), 1):
        p50, p99, maximum = percentiles(sum((part.latencies for part in parts), Counter[int]()), (0.5, 0.99, 1.0))
        points.append(
            Point(
                second=number * INTERVAL,
                deliveries_per_second=sum(part.deliveries / part.seconds for part in parts),
                publishes_per_second=sum(part.published / part.seconds for part in parts),
                p50_us=p50,
                p99_us=p99,
                max_us=maximum,
            )
        )
    return points
