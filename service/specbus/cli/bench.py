"""`specbus bench`: the commands."""

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
from specbus.bench.counting import SMALLEST
from specbus.bench.errors import CannotRun, Failed
from specbus.bench.growth import growth
from specbus.bench.plan import Work
from specbus.bench.plot import draw_course, draw_growth
from specbus.bench.report import figures, microseconds, remarks, show, write_json
from specbus.bench.requests import Requests
from specbus.bench.scenarios import endpoint, measure, remote
from specbus.bench.sdk import WAYS, costs
from specbus.bench.servers import SPECBUS, raise_file_limit, started

_FAILED, _COULD_NOT_RUN = 1, 2
_FILE = click.Path(dir_okay=False, path_type=Path)
_MANY = click.IntRange(1)
_SECONDS = click.FloatRange(0, min_open=True)
_LARGEST = 1_000_000
"""Bytes of a payload that still fits into a frame of 1 MiB."""
_WIDTH = 150
"""Characters of a line where no terminal says how many it has: enough for the widest table."""


def _console() -> Console:
    """Where the tables go; wide, where no terminal says how wide."""
    return Console() if sys.stdout.isatty() else Console(width=_WIDTH)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def bench() -> None:
    """Say how fast a server is, and that it loses nothing on the way.

    Exit status 0: nothing was lost. 1: something was, or the server failed. 2: could not run.
    """


@dataclass(frozen=True, slots=True)
class _Scenario:
    """A command that puts one load on one server."""

    name: str
    help: str
    work: Work
    """The load, unless the options say otherwise."""

    def command(self) -> click.Command:
        return click.Command(self.name, params=list(self._options()), callback=self._run, help=self.help)

    def _options(self) -> Iterator[click.Option]:
        work, shown = self.work, {"show_default": True}
        yield click.Option(["--url"], help="Server to put the load on, ws://HOST:PORT; without, one is started.")
        yield click.Option(["--api-key"], help="Key to send in X-API-Key.")
        if self.name == "pairs":
            yield click.Option(["--publishers"], type=_MANY, default=work.publishers, **shown, help="Publishers.")
            yield click.Option(
                ["--topics"], type=_MANY, help="Topics to spread the messages over.  [default: one each]"
            )
            yield click.Option(
                ["--subscribers"], type=_MANY, help="Connections that share the topics.  [default: one each]"
            )
        else:
            yield click.Option(["--subscribers"], type=_MANY, default=work.subscribers, **shown, help="Subscribers.")
            yield click.Option(["--publishers"], type=_MANY, default=work.publishers, **shown, help="Publishers.")
            yield click.Option(
                ["--stalled"], type=click.IntRange(0), default=0, **shown, help="More subscribers, that never read."
            )
        yield click.Option(
            ["--in-flight"], type=_MANY, default=work.in_flight, **shown, help="Messages of a publisher on their way."
        )
        yield click.Option(
            ["--rate"],
            type=_SECONDS,
            default=work.rate,
            **shown,
            help="Messages a second of all publishers, whatever is in flight.",
        )
        size = click.IntRange(SMALLEST, _LARGEST)
        yield click.Option(["--size"], type=size, default=work.size, **shown, help="Bytes of a payload.")
        yield click.Option(
            ["--duration"], type=_SECONDS, default=work.duration, **shown, help="Seconds that are measured."
        )
        warm_up = click.FloatRange(0)
        yield click.Option(["--warm-up"], type=warm_up, default=work.warm_up, **shown, help="Seconds before that.")
        yield _deadline()
        yield _json()
        yield click.Option(["--plot"], type=_FILE, metavar="FILE.svg", help="Draw latency and throughput over time.")

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
        console = _console()
        with _exit_status(), contextlib.ExitStack() as stack:
            running = stack.enter_context(started(SPECBUS, api_key)) if url is None else None
            to = endpoint(running.url if running else url or "", api_key, deadline)
            console.print(f"Measuring {to.url}", highlight=False)
            with _progress(console) as progress:
                result = measure(running or remote(to), to, work, progress)
            show(console, self.name, result)
            if json:
                write_json(json, {"work": self.name, **figures(result)})
            if plot:
                draw_course(plot, self.name, result)
        if not result.faultless:
            sys.exit(_FAILED)


def _deadline() -> click.Option:
    help_text = "Seconds in which something must come."
    return click.Option(["--deadline"], type=_SECONDS, default=5.0, show_default=True, help=help_text)


def _json() -> click.Option:
    return click.Option(["--json"], type=_FILE, metavar="FILE", help="Write the figures as JSON.")


for _scenario in (
    _Scenario(
        "fanout",
        "One publisher, many subscribers: as fast as the server can.",
        Work(subscribers=1000, publishers=1, in_flight=64),
    ),
    _Scenario(
        "pairs",
        "Many topics, with one publisher and one subscriber each: as fast as the server can.",
        Work(subscribers=50, publishers=50, topics=50, in_flight=10),
    ),
    _Scenario(
        "latency",
        "One publisher, many subscribers, at a given rate. Latency counts from when a message was due.",
        Work(subscribers=100, publishers=1, rate=200.0),
    ),
    _Scenario(
        "connections",
        "Many subscribers with next to nothing to do: memory of a connection.",
        Work(subscribers=5000, publishers=1, rate=1.0, warm_up=0.0, duration=1.0),
    ),
):
    bench.add_command(_scenario.command())


def _compare(rounds: int, only: str | None, duration: float, scale: float, deadline: float, json: Path | None) -> None:
    """The targets, on Specbus, on a NATS server and on a stand-in written with FastAPI, in turn: medians and ratios.

    REST is measured beside plain connexion. The ratio is that of Specbus to what the target names: a server, or
    Specbus itself at other work.
    """
    names = only.split(",") if only else [row.name for row in ROWS]
    rows = [row for row in ROWS if row.name in names]
    if unknown := set(names) - {row.name for row in ROWS}:
        raise click.BadParameter(f"no such work: {', '.join(sorted(unknown))}", param_hint="--only")

    def adjust(work: Work | Requests) -> Work | Requests:
        if isinstance(work, Requests):
            return replace(work, duration=duration)
        many = {"subscribers": work.subscribers, "publishers": work.publishers, "topics": work.topics}
        return replace(work, duration=duration, **{name: max(1, int(number * scale)) for name, number in many.items()})

    console = _console()
    with _exit_status():
        with _progress(console) as progress:
            outcomes = compare(rows, KINDS, rounds, adjust, progress, deadline)
        console.print(table(outcomes), highlight=False)
        for line in (line for outcome in outcomes for line in outcome.remarks):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        if json:
            write_json(json, {"rounds": rounds, "rows": as_json(outcomes)})
    if not all(outcome.faultless for outcome in outcomes):
        sys.exit(_FAILED)


bench.add_command(
    click.Command(
        "compare",
        params=[
            click.Option(["--rounds"], type=_MANY, default=5, show_default=True, help="How often."),
            click.Option(["--only"], metavar="WORK,...", help="These works: " + ", ".join(row.name for row in ROWS)),
            click.Option(["--duration"], type=_SECONDS, default=4.0, show_default=True, help="Seconds of each run."),
            click.Option(
                ["--scale"], type=_SECONDS, default=1.0, show_default=True, help="Factor on all numbers, to try it out."
            ),
            _deadline(),
            _json(),
        ],
        callback=_compare,
        help=_compare.__doc__,
    )
)


def _growth(most: int, duration: float, deadline: float, json: Path | None, plot: Path | None) -> None:
    """Say what a delivery costs with more subscribers, and a publication with more topics."""
    console = _console()
    with _exit_status():
        with _progress(console) as progress:
            found = growth(most, duration, progress, deadline)
        deliveries = [(number, result.cpu_per_delivery_us or 0.0) for number, result in found.by_subscribers]
        publishes = [(number, result.cpu_per_publish_us or 0.0) for number, result in found.by_topics]
        shown = Table("", "CPU")
        for number, value in deliveries:
            shown.add_row(f"delivery, {number:,} subscribers", microseconds(value))
        for number, value in publishes:
            shown.add_row(f"publish, {number:,} topics", microseconds(value))
        console.print(shown, highlight=False)
        runs = [*found.by_subscribers, *found.by_topics]
        for line in dict.fromkeys(f"{number:,}: {line}" for number, result in runs for line in remarks(result)):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
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
                ["--most"], type=_MANY, default=100_000, show_default=True, help="Most subscribers and topics."
            ),
            click.Option(["--duration"], type=_SECONDS, default=4.0, show_default=True, help="Seconds of each run."),
            _deadline(),
            _json(),
            click.Option(["--plot"], type=_FILE, metavar="FILE.svg", help="Draw it."),
        ],
        callback=_growth,
        help=_growth.__doc__,
    )
)


def _sdk(messages: int, size: int, rounds: int, deadline: float, json: Path | None) -> None:
    """Say what a message costs a subscriber that reads by the Python SDK, beside one that reads by `websockets` alone.

    The figures are medians of the rounds. Every message must come, in order.
    """
    console = _console()
    with _exit_status():
        with _progress(console) as progress:
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
        console.print(shown, highlight=False)
        for line in filter(None, (cost.remark() for cost in found)):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
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
                type=click.IntRange(100, _LARGEST),
                default=200,
                show_default=True,
                help="Bytes of a payload.",
            ),
            click.Option(["--rounds"], type=_MANY, default=5, show_default=True, help="How often."),
            _deadline(),
            _json(),
        ],
        callback=_sdk,
        help=_sdk.__doc__,
    )
)


@contextlib.contextmanager
def _exit_status() -> Iterator[None]:
    """End with one line and an exit status where a run comes to nothing."""
    raise_file_limit()
    try:
        yield
    except (CannotRun, Failed) as error:
        click.echo(f"specbus bench: {error}", err=True)
        sys.exit(_COULD_NOT_RUN if isinstance(error, CannotRun) else _FAILED)


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, float], None]]:
    """What is to be told what is going on, and how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # No thread that draws: it would take the core that a worker runs on.
    with Progress(
        *columns, console=console, transient=True, auto_refresh=False, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=1.0)

        def tell(what: str, done: float) -> None:
            progress.update(task, description=what, completed=done, refresh=True)

        yield tell
