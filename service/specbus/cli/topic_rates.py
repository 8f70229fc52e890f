"""Topics and their rates, as `top` and `demo` show them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from specbus.client.models import Stats, TopicStats

COLUMNS = ("topic", "msg/s", "delivered/s", "dropped/s", "messages", "dropped", "subscribers", "retained")


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
        return (self.name, *(f"{rate:,.0f}" for rate in rates), *(f"{count:,}" for count in counts))


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

    def table(self, max_rows: int) -> Table:
        """A table of the busiest topics, at most `max_rows`."""
        table = Table(box=None, header_style="bold", expand=True)
        for column in COLUMNS:
            table.add_column(column, justify="left" if column == "topic" else "right", no_wrap=True)
        for row in self.rows[:max_rows]:
            table.add_row(*row.cells(), style="red" if row.dropped else "" if row.messages else "dim")
        if more := len(self.rows) - max_rows:
            table.caption = f"{more:,} more" if more > 0 else None
        return table
