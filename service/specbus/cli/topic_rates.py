"""Topics and their rates, as `top` and `demo` show them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specbus.cli.terminal import cell
from specbus.client.models import Stats, TopicStats
from specbus.spec.text import printable

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("topic", "msg/s", "delivered/s", "dropped/s", "messages", "dropped", "subscribers", "retained")

_DISPENSABLE = ("retained", "messages", "dropped", "delivered/s", "subscribers", "dropped/s")
"""Columns that a narrow terminal does without, the first first."""
_MIN_NAME = 16
"""Characters of a name for which columns make room, if it has as many."""
_GAP = 2
"""Blanks between two columns."""


@dataclass(frozen=True, slots=True)
class Row:
    """A topic at one time."""

    name: str
    now: TopicStats
    messages: float = 0.0
    """Messages published a second; `delivered` and `dropped` are events a second."""
    delivered: float = 0.0
    dropped: float = 0.0

    def cells(self) -> tuple[str, ...]:
        """The cells of `COLUMNS`."""
        now = self.now
        rates = (self.messages, self.delivered, self.dropped)
        counts = (now.messages, now.dropped, now.subscribers, now.retained)
        return (printable(self.name), *(f"{rate:,.0f}" for rate in rates), *(f"{count:,}" for count in counts))

    def as_json(self) -> dict[str, Any]:
        """The counters, and the rates a second."""
        rates = {"messages": self.messages, "delivered": self.delivered, "dropped": self.dropped}
        return self.now.model_dump(mode="json") | {f"{name}_per_sec": round(rate, 3) for name, rate in rates.items()}


class TopicRates:
    """The newest counters of the topics, and how fast they grow."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        """The busiest topics first."""
        self._before: Mapping[str, TopicStats] = {}
        self._at = 0.0

    def update(self, stats: Stats) -> None:
        """Take counters that have just been fetched."""
        now = time.monotonic()
        rows = [self._row(name, topic, now - self._at) for name, topic in stats.topics.items()]
        self.rows = sorted(rows, key=lambda row: (-row.messages, -row.now.messages, row.name))
        self._before, self._at = stats.topics, now

    def _row(self, name: str, now: TopicStats, seconds: float) -> Row:
        before = self._before.get(name)
        # Fewer than before: the topic was deleted and created again.
        if before is None or before.messages > now.messages or seconds <= 0:
            return Row(name, now)
        return Row(
            name,
            now,
            (now.messages - before.messages) / seconds,
            max(0, now.delivered - before.delivered) / seconds,
            max(0, now.dropped - before.dropped) / seconds,
        )

    def table(self, max_rows: int, width: int) -> "Table":
        """A table of the busiest topics, at most `max_rows`, with the columns that `width` characters have room for."""
        from rich.table import Table

        rows = [(row, dict(zip(COLUMNS, row.cells(), strict=True))) for row in self.rows[:max_rows]]
        widths = {column: max([len(column), *(len(cells[column]) for _, cells in rows)]) for column in COLUMNS}
        widths["topic"] = min(widths["topic"], _MIN_NAME)
        columns = list(COLUMNS)
        for column in _DISPENSABLE:
            if sum(widths[each] + _GAP for each in columns) - _GAP > width:
                columns.remove(column)
        table = Table(box=None, header_style="bold", expand=True, padding=(0, _GAP, 0, 0), pad_edge=False)
        for column in columns:
            is_name = column == "topic"
            # A name that is too long is cut, never a number.
            table.add_column(
                column,
                justify="left" if is_name else "right",
                no_wrap=True,
                overflow="ellipsis",
                min_width=None if is_name else widths[column],
                ratio=1 if is_name else None,
            )
        for row, cells in rows:
            style = "red" if row.dropped else "" if row.messages else "dim"
            table.add_row(*(cell(cells[column]) for column in columns), style=style)
        if (more := len(self.rows) - max_rows) > 0:
            table.caption = f"{more:,} more"
        return table
