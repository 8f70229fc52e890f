"""`specbus bench`: measure throughput, latency and memory of a server."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from specbus.bench.compare import KINDS, ROWS, as_json, compare, table
from specbus.bench.errors import CannotRun, Failed
from specbus.bench.event_scan import MIN_PAYLOAD_SIZE
from specbus.bench.growth import growth
from specbus.bench.measure import endpoint, measure, remote
from specbus.bench.plan import Work
from specbus.bench.plot import draw_growth, draw_timeline
from specbus.bench.report import figures, microseconds, remarks, show, write_json
from specbus.bench.rest_load import RestLoad
from specbus.bench.sdk_cost import WAYS, costs
from specbus.bench.servers import SPECBUS, raise_file_limit, started
from specbus.cli.ending import told
from specbus.cli.parameters import COUNT, PAUSE, RATE, SECONDS, TEXT, Number
from specbus.cli.terminal import console, is_terminal
from specbus.spec.text import printable

_FAILED, _COULD_NOT_RUN = 1, 2
_FILE = click.Path(dir_okay=False, path_type=Path)
_MAX_PAYLOAD_SIZE = 1_000_000
"""Bytes of a payload that still fits into a frame of 1 MiB."""
_DEFAULT_WIDTH = 150
"""Characters of a line if standard output is not a terminal: enough for the widest table."""


def _console() -> Console:
    """The console for the tables."""
    return console() if is_terminal(sys.stdout) else console(width=_DEFAULT_WIDTH)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def bench() -> None:
    """Measure throughput, latency and memory of a server, and check that it loses nothing.

    Exit status 0: nothing was lost. 1: events were lost, or the server failed. 2: the benchmark could not run.
    """


@dataclass(frozen=True, slots=True)
class _Scenario:
    """A subcommand that puts one load on one server."""

    name: str
    help: str
    work: Work
    """The default load."""

    def command(self) -> click.Command:
        return click.Command(self.name, params=list(self._options()), callback=self._run, help=self.help)

    def _options(self) -> Iterator[click.Option]:
        work, shown = self.work, {"show_default": True}
        yield click.Option(["--url"], type=TEXT, help="Server to measure, ws://HOST:PORT; by default, one is started.")
        yield click.Option(["--api-key"], type=TEXT, envvar="PUBSUB_API_KEY", show_envvar=True, help="API key to send.")
        if self.name == "pairs":
            yield click.Option(["--publishers"], type=COUNT, default=work.publishers, **shown, help="Publishers.")
            yield click.Option(
                ["--topics"], type=COUNT, help="Topics to spread the messages over.  [default: one each]"
            )
            yield click.Option(
                ["--subscribers"], type=COUNT, help="Connections that share the topics.  [default: one each]"
            )
        else:
            yield click.Option(["--subscribers"], type=COUNT, default=work.subscribers, **shown, help="Subscribers.")
            yield click.Option(["--publishers"], type=COUNT, default=work.publishers, **shown, help="Publishers.")
            yield click.Option(
                ["--stalled"],
                type=click.IntRange(0),
                default=0,
                **shown,
                help="More subscribers, which never read.",
            )
        yield click.Option(
            ["--in-flight"], type=COUNT, default=work.in_flight, **shown, help="Messages of a publisher in flight."
        )
        yield click.Option(
            ["--rate"],
            type=RATE,
            default=work.rate,
            **shown,
            help="Messages a second of all publishers together, regardless of --in-flight.",
        )
        size = click.IntRange(MIN_PAYLOAD_SIZE, _MAX_PAYLOAD_SIZE)
        yield click.Option(["--size"], type=size, default=work.size, **shown, help="Bytes of a payload.")
        yield click.Option(["--duration"], type=SECONDS, default=work.duration, **shown, help="Seconds of measurement.")
        yield click.Option(["--warm-up"], type=PAUSE, default=work.warm_up, **shown, help="Seconds of load before.")
        yield _deadline()
        yield _json()
        yield click.Option(["--plot"], type=_FILE, metavar="FILE.svg", help="Plot latency and throughput over time.")

    def _run(
        self,
        url: str | None,
        api_key: str | None,
        deadline: float,
        json: Path | None,
        plot: Path | None,
        **load: Any,
    ) -> None:
        if self.name == "pairs":
            load["topics"] = load["topics"] or load["publishers"]
            load["subscribers"] = min(load["subscribers"] or load["topics"], load["topics"])
        work = replace(self.work, **load)
        out = _console()
        with _exit_status(), contextlib.ExitStack() as stack:
            running = stack.enter_context(started(SPECBUS, api_key)) if url is None else None
            to = endpoint(running.url if running else url or "", api_key, deadline)
            out.print(f"Measuring {printable(to.url)}")
            with _progress(out) as progress:
                result = measure(running or remote(to), to, work, progress)
            show(out, self.name, result)
            if json:
                write_json(json, {"work": self.name, **figures(result)})
            if plot:
                draw_timeline(plot, self.name, result)
        if not result.faultless:
            sys.exit(_FAILED)


def _deadline() -> click.Option:
    help_text = "Seconds in which an answer or event must come."
    return click.Option(["--deadline"], type=SECONDS, default=5.0, show_default=True, help=help_text)


def _json() -> click.Option:
    return click.Option(["--json"], type=_FILE, metavar="FILE", help="Write the figures as JSON.")


for _scenario in (
    _Scenario(
        "fanout",
        "One publisher, many subscribers, at full speed.",
        Work(subscribers=1000, publishers=1, in_flight=64),
    ),
    _Scenario(
        "pairs",
        "Many topics, each with one publisher and one subscriber, at full speed.",
        Work(subscribers=50, publishers=50, topics=50, in_flight=10),
    ),
    _Scenario(
        "latency",
        "One publisher, many subscribers, at a given rate. Latency counts from the time at which a message was due.",
        Work(subscribers=100, publishers=1, rate=200.0),
    ),
    _Scenario(
        "connections",
        "Many nearly idle subscribers: memory per connection.",
        Work(subscribers=5000, publishers=1, rate=1.0, warm_up=0.0, duration=1.0),
    ),
):
    bench.add_command(_scenario.command())


def _compare(rounds: int, only: str | None, duration: float, scale: float, deadline: float, json: Path | None) -> None:
    """Measure Specbus, a NATS server and a FastAPI server in turn: medians, ratios and targets.

    REST is compared with plain connexion. A ratio is that of Specbus to what the target names: another server, or
    Specbus itself under another load.
    """
    names = only.split(",") if only else [row.name for row in ROWS]
    rows = [row for row in ROWS if row.name in names]
    if unknown := set(names) - {row.name for row in ROWS}:
        raise click.BadParameter(f"no such load: {', '.join(sorted(unknown))}", param_hint="--only")

    def adjust(work: Work | RestLoad) -> Work | RestLoad:
        if isinstance(work, RestLoad):
            return replace(work, duration=duration)
        many = {"subscribers": work.subscribers, "publishers": work.publishers, "topics": work.topics}
        return replace(work, duration=duration, **{name: max(1, int(number * scale)) for name, number in many.items()})

    out = _console()
    with _exit_status():
        with _progress(out) as progress:
            outcomes = compare(rows, KINDS, rounds, adjust, progress, deadline)
        out.print(table(outcomes))
        for line in (line for outcome in outcomes for line in outcome.remarks):
            out.print(printable(line), soft_wrap=True)
        if json:
            write_json(json, {"rounds": rounds, "rows": as_json(outcomes)})
    if not all(outcome.faultless for outcome in outcomes):
        sys.exit(_FAILED)


bench.add_command(
    click.Command(
        "compare",
        params=[
            click.Option(["--rounds"], type=COUNT, default=5, show_default=True, help="Number of rounds."),
            click.Option(
                ["--only"], type=TEXT, metavar="LOAD,...", help="Run these only: " + ", ".join(row.name for row in ROWS)
            ),
            click.Option(["--duration"], type=SECONDS, default=4.0, show_default=True, help="Seconds of each run."),
            click.Option(
                ["--scale"],
                type=Number(0, 1e6, min_open=True),
                default=1.0,
                show_default=True,
                help="Factor on all numbers, for a trial run.",
            ),
            _deadline(),
            _json(),
        ],
        callback=_compare,
        help=_compare.__doc__,
    )
)


def _growth(most: int, duration: float, deadline: float, json: Path | None, plot: Path | None) -> None:
    """Measure the cost of a delivery as subscribers grow, and of a publication as topics grow."""
    out = _console()
    with _exit_status():
        with _progress(out) as progress:
            found = growth(most, duration, progress, deadline)
        deliveries = [(number, result.cpu_per_delivery_us or 0.0) for number, result in found.by_subscribers]
        publishes = [(number, result.cpu_per_publish_us or 0.0) for number, result in found.by_topics]
        shown = Table("", "CPU")
        for number, value in deliveries:
            shown.add_row(f"delivery, {number:,} subscribers", microseconds(value))
        for number, value in publishes:
            shown.add_row(f"publish, {number:,} topics", microseconds(value))
        out.print(shown)
        runs = [*found.by_subscribers, *found.by_topics]
        for line in dict.fromkeys(f"{number:,}: {line}" for number, result in runs for line in remarks(result)):
            out.print(printable(line), soft_wrap=True)
        if json:
            by = {"by_subscribers": found.by_subscribers, "by_topics": found.by_topics}
            write_json(json, {name: [(number, figures(one)) for number, one in some] for name, some in by.items()})
        if plot:
            draw_growth(plot, deliveries, publishes)
    if not all(result.faultless for _, result in runs):
        sys.exit(_FAILED)


bench.add_command(
    click.Command(
        "growth",
        params=[
            click.Option(
                ["--most"],
                type=COUNT,
                default=100_000,
                show_default=True,
                help="Maximum of subscribers and topics.",
            ),
            click.Option(["--duration"], type=SECONDS, default=4.0, show_default=True, help="Seconds of each run."),
            _deadline(),
            _json(),
            click.Option(["--plot"], type=_FILE, metavar="FILE.svg", help="Plot it."),
        ],
        callback=_growth,
        help=_growth.__doc__,
    )
)


def _sdk(messages: int, size: int, rounds: int, deadline: float, json: Path | None) -> None:
    """Measure the cost of a message in the Python SDK, compared with `websockets` and `json` alone.

    The figures are medians of the rounds. Every message must come, in order.
    """
    out = _console()
    with _exit_status():
        with _progress(out) as progress:
            found = costs(messages, size, rounds, progress, deadline)
        shown = Table("", "messages/s", "CPU per message", "of the floor's")
        for column in shown.columns[1:]:
            column.justify = "right"
        floor = found[-1].median(lambda reading: reading.cpu)
        for cost in found:
            shown.add_row(
                WAYS[cost.way],
                f"{cost.median(lambda reading: reading.messages_per_second):,.0f}",
                microseconds(cost.median(lambda reading: reading.cpu_per_message_us)),
                f"{cost.median(lambda reading: reading.cpu) / floor:.2f} x",
            )
        out.print(shown)
        for line in filter(None, (cost.remark() for cost in found)):
            out.print(printable(line), soft_wrap=True)
        if json:
            ways = {cost.way: [asdict(reading) for reading in cost.readings] for cost in found}
            write_json(json, {"work": "sdk", "size": size, **ways})


bench.add_command(
    click.Command(
        "sdk",
        params=[
            click.Option(
                ["--messages"], type=click.IntRange(2), default=50_000, show_default=True, help="Messages of a reading."
            ),
            click.Option(
                ["--size"],
                type=click.IntRange(100, _MAX_PAYLOAD_SIZE),
                default=200,
                show_default=True,
                help="Bytes of a payload.",
            ),
            click.Option(["--rounds"], type=COUNT, default=5, show_default=True, help="Number of rounds."),
            _deadline(),
            _json(),
        ],
        callback=_sdk,
        help=_sdk.__doc__,
    )
)


@contextlib.contextmanager
def _exit_status() -> Iterator[None]:
    """Exit with one line and a status if a run fails."""
    raise_file_limit()
    with told(otherwise=_COULD_NOT_RUN, defect=_COULD_NOT_RUN):
        try:
            yield
        except (CannotRun, Failed) as error:
            click.echo(f"specbus bench: {printable(str(error))}", err=True)
            sys.exit(_COULD_NOT_RUN if isinstance(error, CannotRun) else _FAILED)


@contextlib.contextmanager
def _progress(out: Console) -> Iterator[Callable[[str, float], None]]:
    """A progress bar; what it yields takes a description and the progress from 0 to 1."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # Without a refresh thread, which would compete with a worker for its core.
    with Progress(*columns, console=out, transient=True, auto_refresh=False, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=1.0)

        def update(what: str, done: float) -> None:
            progress.update(task, description=what, completed=done, refresh=True)

        yield update
