"""The plots, as SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from specbus.bench.errors import CannotRun
from specbus.bench.measure import Result


def draw_timeline(file: Path, name: str, result: Result) -> None:
    """Draw latency and throughput over time. Raises CannotRun."""
    figure, (above, below) = _axes(2)
    seconds = [point.second for point in result.course]
    for label, values in (
        ("p50", [point.p50_us for point in result.course]),
        ("p99", [point.p99_us for point in result.course]),
        ("max", [point.max_us for point in result.course]),
    ):
        above.plot(seconds, values, marker=".", label=label)
    above.set(title=name, ylabel="latency (µs)", yscale="log")
    above.legend()
    below.plot(seconds, [point.deliveries_per_second for point in result.course], marker=".")
    below.set(xlabel="seconds", ylabel="deliveries/s", ylim=(0, None))
    figure.savefig(file, format="svg")


def draw_growth(file: Path, fan_out: Sequence[tuple[int, float]], topics: Sequence[tuple[int, float]]) -> None:
    """Draw CPU per delivery by subscribers, and CPU per publish by topics, in microseconds. Raises CannotRun."""
    figure, (above, below) = _axes(2)
    for axes, points, x, y in (
        (above, fan_out, "subscribers", "CPU per delivery (µs)"),
        (below, topics, "topics", "CPU per publish (µs)"),
    ):
        axes.plot(*zip(*points, strict=True), marker="o")
        axes.set(xlabel=x, ylabel=y, xscale="log", ylim=(0, None))
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(file, format="svg")


def _axes(number: int) -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CannotRun("--plot needs matplotlib, which `pip install 'specbus[bench]'` installs") from None
    figure = Figure(figsize=(8, 7), layout="constrained")
    return figure, figure.subplots(number, 1)
