"""The result of a run: on the terminal, and as JSON."""

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from specbus import __version__
from specbus.bench.measure import Result
from specbus.bench.rest_load import RestResult

_MAX_FOREIGN = 0.15
"""The share of the server's core that other programs may use before the figures are called unreliable."""


def show(console: Console, name: str, result: Result) -> None:
    """Print the table of one run, and the remarks."""
    table = Table("", name, title_justify="left")
    table.columns[1].justify = "right"
    for label, value in _rows(result):
        table.add_row(label, value)
    console.print(table, highlight=False)
    for line in remarks(result):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _rows(result: Result) -> list[tuple[str, str]]:
    memory = result.memory_per_connection
    return [
        ("deliveries/s", f"{result.deliveries_per_second:,.0f}"),
        ("publishes/s", f"{result.publishes_per_second:,.0f}"),
        ("latency p50", microseconds(result.p50_us)),
        ("latency p99", microseconds(result.p99_us)),
        ("latency p99.9", microseconds(result.p999_us)),
        ("latency max", microseconds(result.max_us)),
        ("server CPU per delivery", microseconds(result.cpu_per_delivery_us)),
        ("server CPU per publish", microseconds(result.cpu_per_publish_us)),
        ("memory per connection", "-" if memory is None else f"{memory / 1000:.1f} kB"),
        ("lost", f"{result.lost:,}"),
    ]


def microseconds(value: float | None) -> str:
    """A duration for a person; `-` where it is not known."""
    return "-" if value is None else f"{value:,.2f} µs" if value < 100 else f"{value:,.0f} µs"


def remarks(result: Result | RestResult) -> list[str]:
    """What a reader must know to judge the figures."""
    lines: list[str] = []
    if isinstance(result, RestResult):
        return lines
    if result.is_saturated:
        lines.append(
            f"A worker's core was saturated ({result.worker_busy:.0%}): the server can do more than this shows."
        )
    if result.foreign is not None and result.foreign > _MAX_FOREIGN:
        lines.append(f"Other programs used {result.foreign:.0%} of the server's core: do not trust these figures.")
    if result.stalled:
        lines.append("FAULT: events stopped coming, and the run was aborted.")
    for number, what in (
        (result.lost, "lost"),
        (result.late, "out of order"),
        (result.repeated, "delivered more than once"),
    ):
        if number:
            lines.append(f"FAULT: {number:,} {'event was' if number == 1 else 'events were'} {what}.")
    if result.unacknowledged:
        lines.append(f"FAULT: publications without an answer: {result.unacknowledged:,}.")
    if result.complaint:
        lines.append(f"The server said: {result.complaint}")
    return lines


def machine() -> dict[str, Any]:
    """Machine, versions and time."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": __version__,
        "command": " ".join(["specbus", *sys.argv[1:]]),
        "machine": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def write_json(file: Path, figures: Mapping[str, Any]) -> None:
    """Write `figures`, with the machine, versions and time."""
    file.write_text(json.dumps({**machine(), **figures}, indent=1) + "\n")


def figures(result: Result | RestResult) -> dict[str, Any]:
    """A run for JSON."""
    return asdict(result)
