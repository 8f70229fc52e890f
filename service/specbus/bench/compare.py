"""`specbus bench compare`: Specbus against its targets, a NATS server and a FastAPI server, in turn."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.table import Table

from specbus.bench.errors import CannotRun, Failed
from specbus.bench.measure import Result, endpoint, measure
from specbus.bench.plan import Work
from specbus.bench.report import figures, remarks
from specbus.bench.rest_load import GET_HEALTH, PUBLISH, RestLoad, RestResult, measure_rest
from specbus.bench.servers import CONNEXION, FASTAPI, NATS, SPECBUS, Kind, Running, started

Measured = Result | RestResult
KINDS = (SPECBUS, NATS, FASTAPI, CONNEXION)
_MESSAGING = (SPECBUS, NATS, FASTAPI)


def per_delivery(result: Measured) -> float | None:
    """Microseconds of the server's CPU."""
    return result.cpu_per_delivery_us if isinstance(result, Result) else None


def per_publish(result: Measured) -> float | None:
    """Microseconds of the server's CPU."""
    return result.cpu_per_publish_us if isinstance(result, Result) else None


def per_request(result: Measured) -> float | None:
    """Microseconds of the server's CPU."""
    return result.cpu_per_request_us if isinstance(result, RestResult) else None


def p99(result: Measured) -> float | None:
    """Microseconds of latency."""
    return result.p99_us if isinstance(result, Result) else None


def memory(result: Measured) -> float | None:
    """Kilobytes of a connection."""
    if not isinstance(result, Result) or result.memory_per_connection is None:
        return None
    return result.memory_per_connection / 1000


@dataclass(frozen=True, slots=True)
class Row:
    """A load, and the target for it."""

    name: str
    work: Work | RestLoad
    figure: Callable[[Measured], float | None]
    unit: str
    most: float | None = None
    """Target: the largest figure."""
    most_ratio: float | None = None
    """Target: the largest ratio to `beside`."""
    beside: str = NATS.name
    """What the ratio is to: a kind of server, or another row on Specbus in the same round."""
    kinds: tuple[Kind, ...] = _MESSAGING
    """The servers to measure."""


_FANOUT_1000 = Work(subscribers=1000, publishers=1, in_flight=64)
_FANOUT_100 = replace(_FANOUT_1000, subscribers=100)
_PAIRS_50 = Work(subscribers=50, publishers=50, topics=50, in_flight=10)
_FANOUT_100_1K = replace(_FANOUT_100, size=1024)

ROWS = (
    Row("fanout1000", _FANOUT_1000, per_delivery, "µs/delivery", most=0.35, most_ratio=0.5),
    Row("fanout1000-single", replace(_FANOUT_1000, in_flight=1), per_delivery, "µs/delivery", most=7.0, most_ratio=0.6),
    Row("fanout1000-1k", replace(_FANOUT_1000, size=1024), per_delivery, "µs/delivery", most_ratio=0.6),
    Row(
        "fanout1000-1k-single",
        replace(_FANOUT_1000, size=1024, in_flight=1),
        per_delivery,
        "µs/delivery",
        most_ratio=0.6,
    ),
    Row("fanout1000-16k", replace(_FANOUT_1000, size=16_384), per_delivery, "µs/delivery", most_ratio=0.6),
    Row(
        "fanout1000-16k-single",
        replace(_FANOUT_1000, size=16_384, in_flight=1),
        per_delivery,
        "µs/delivery",
        most_ratio=0.6,
    ),
    Row("fanout100", _FANOUT_100, per_delivery, "µs/delivery", most=0.35),
    Row("pairs50", _PAIRS_50, per_publish, "µs/publish", most=7.0, most_ratio=1.4),
    # One write for each delivery, as nearly all of `topics10000` are.
    Row("pairs50-single", replace(_PAIRS_50, in_flight=1), per_publish, "µs/publish"),
    Row("latency", replace(_FANOUT_100, rate=200), p99, "µs p99", most_ratio=1.0),
    Row(
        "topics10000",
        replace(_PAIRS_50, subscribers=10_000, topics=10_000),
        per_publish,
        "µs/publish",
        most_ratio=1.2,
        beside="pairs50",
    ),
    Row(
        "idle10000",
        Work(subscribers=10_000, publishers=1, rate=1, warm_up=0, duration=1),
        memory,
        "kB/connection",
        most=4.0,
    ),
    Row("fanout100-1k", _FANOUT_100_1K, per_delivery, "µs/delivery", kinds=(SPECBUS,)),
    Row(
        "stalled",
        replace(_FANOUT_100_1K, subscribers=99, stalled=1),
        per_delivery,
        "µs/delivery",
        most_ratio=1.1,
        beside="fanout100-1k",
        kinds=(SPECBUS,),
    ),
    *(
        Row(name, work, per_request, "µs/request", most_ratio=1.1, beside=CONNEXION.name, kinds=(SPECBUS, CONNEXION))
        for name, work in (("rest-health", GET_HEALTH), ("rest-publish", PUBLISH))
    ),
)


@dataclass(slots=True)
class Outcome:
    """The results of one row, of all rounds."""

    row: Row
    results: dict[str, list[Measured | None]]
    """By the name of the server, in the order of the rounds; None for a run that failed."""
    all_of_specbus: dict[str, list[Measured | None]]
    """The results of Specbus, by the name of the row."""
    failures: list[str]
    """Why runs failed."""

    def _figures(self, results: Iterable[Measured | None]) -> list[float | None]:
        return [None if result is None else self.row.figure(result) for result in results]

    def median(self, name: str) -> float | None:
        """The median of the figures of the server `name`."""
        values = [value for value in self._figures(self.results.get(name, [])) if value is not None]
        return statistics.median(values) if values else None

    @property
    def ratios(self) -> list[float]:
        """The ratio of each round in which both runs succeeded."""
        beside = self.row.beside
        others = self.results.get(beside) or self.all_of_specbus.get(beside, [])
        pairs = zip(self._figures(self.results.get(SPECBUS.name, [])), self._figures(others), strict=False)
        return [mine / other for mine, other in pairs if mine is not None and other]

    @property
    def met(self) -> bool | None:
        """Whether the targets are met; None if there are none, or no results to judge by."""
        verdicts = []
        if self.row.most is not None and (value := self.median(SPECBUS.name)) is not None:
            verdicts.append(value <= self.row.most)
        if self.row.most_ratio is not None and self.ratios:
            verdicts.append(statistics.median(self.ratios) <= self.row.most_ratio)
        return all(verdicts) if verdicts else None

    @property
    def faultless(self) -> bool:
        """Whether all runs of Specbus succeeded and lost nothing."""
        return all(result is not None and result.faultless for result in self.results.get(SPECBUS.name, []))

    @property
    def remarks(self) -> list[str]:
        """The remarks on all runs, without repetitions."""
        lines = [
            f"{self.row.name}, {name}: {line}"
            for name, results in self.results.items()
            for result in results
            if result is not None
            for line in remarks(result)
        ]
        return list(dict.fromkeys([*lines, *self.failures]))


def compare(
    rows: Sequence[Row],
    kinds: Iterable[Kind],
    rounds: int,
    adjust: Callable[[Work | RestLoad], Work | RestLoad],
    progress: Callable[[str, float], None],
    deadline: float,
) -> list[Outcome]:
    """Run all `rows` in turn, `rounds` times, the servers alternating. Raises CannotRun if Specbus cannot start.

    Another server that cannot start, and a run that fails, leave a gap and a remark.
    """
    kinds = list(kinds)
    specbus: dict[str, list[Measured | None]] = {}
    outcomes = [Outcome(row, {}, specbus, []) for row in rows]
    steps = [
        (number, outcome, kind)
        for number in range(1, rounds + 1)
        for outcome in outcomes
        for kind in kinds
        if kind in outcome.row.kinds
    ]
    for done, (number, outcome, kind) in enumerate(steps):
        progress(f"Round {number} of {rounds}: {outcome.row.name} on {kind.name}", done / len(steps))
        result: Measured | None = None
        try:
            with started(kind) as running:
                result = _measured(running, adjust(outcome.row.work), deadline)
        except (CannotRun, Failed) as error:
            if kind is SPECBUS and isinstance(error, CannotRun):
                raise
            outcome.failures.append(f"{outcome.row.name}, {kind.name}: {error}")
        outcome.results.setdefault(kind.name, []).append(result)
        if kind is SPECBUS:
            specbus.setdefault(outcome.row.name, []).append(result)
    return outcomes


def _measured(running: Running, work: Work | RestLoad, deadline: float) -> Measured:
    """Measure a server that has started. Raises Failed."""
    try:
        to = endpoint(running.url, None, deadline)
        if isinstance(work, RestLoad):
            return measure_rest(running, to, work)
        return measure(running, to, work, lambda *_: None)
    except CannotRun as error:
        raise Failed(str(error)) from None


def table(outcomes: Iterable[Outcome]) -> Table:
    """The outcomes as a table: medians, ratios with their range, targets, and whether they are met."""
    shown = Table("work", "unit", *(kind.name for kind in KINDS), "ratio", "target", "met")
    for column in shown.columns[:1] + shown.columns[2 : 2 + len(KINDS)]:
        column.no_wrap = True
    for outcome in outcomes:
        row, ratios = outcome.row, outcome.ratios
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "-"
        targets = [f"≤ {row.most:g}"] if row.most is not None else []
        targets += [f"≤ {row.most_ratio:g} x {row.beside}"] if row.most_ratio is not None else []
        values = [outcome.median(kind.name) for kind in KINDS]
        shown.add_row(
            row.name,
            row.unit,
            *("-" if value is None else f"{value:,.2f}" for value in values),
            spread,
            ", ".join(targets),
            {True: "yes", False: "[bold red]no[/]", None: "-"}[outcome.met],
        )
    return shown


def as_json(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """The outcomes as JSON, with every run."""
    return [
        {
            "work": outcome.row.name,
            "unit": outcome.row.unit,
            "medians": {name: outcome.median(name) for name in outcome.results},
            "ratios": outcome.ratios,
            "beside": outcome.row.beside,
            "most": outcome.row.most,
            "most_ratio": outcome.row.most_ratio,
            "met": outcome.met,
            "runs": {
                name: [None if result is None else figures(result) for result in results]
                for name, results in outcome.results.items()
            },
            "failures": outcome.failures,
        }
        for outcome in outcomes
    ]
