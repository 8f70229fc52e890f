"""What a person sees who uses the commands on a terminal, whoever has written it."""

import json
import os
import re
import signal
from collections.abc import Callable

import httpx
import pytest
from rich.console import Console

from specbus.cli.topic_rates import COLUMNS, TopicRates
from specbus.client.models import Stats, TopicStats
from tests.integration.cli.screen import terminal
from tests.support.http import publish_text
from tests.support.program import Running
from tests.support.server import Server, create

HOSTILE = '"\u009b31m\u009d0;x\u0007 \u202ekcab\u2028 \x7f [red]x[/red] \u200b"'


def test_a_terminal_gets_time_topic_and_payload_of_events_in_colour(server: Server) -> None:
    create(server, "orders")
    publish_text(server, '{"n":\t99.50,\n "é": [1e400]}')
    with terminal(server.url, "sub", "orders", "--last-n", "1", "--count", "1") as screen:
        assert screen.rest() == 0
    assert re.search(r'\d\d:\d\d:\d\d  orders  \{"n": 99\.50,  "é": \[1e400\]\}\r\n', screen.seen)
    assert b"\x1b[36morders\x1b[0m" in screen.raw


@pytest.mark.parametrize("settings", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_gets_no_colours_where_none_are_wanted(server: Server, settings: dict[str, str]) -> None:
    create(server, "orders")
    publish_text(server, "1")
    with terminal(server.url, "sub", "orders", "--last-n", "1", "--count", "1", settings=settings) as screen:
        assert screen.rest() == 0
    assert b"\x1b[" not in screen.raw
    assert re.search(r":\d\d  orders  1\r\n", screen.seen)


def test_no_publisher_reaches_a_terminal_through_sub(server: Server, start: Callable[..., Running]) -> None:
    create(server, "orders")
    publish_text(server, HOSTILE.replace("\u0007", "\\u0007"))
    with terminal(server.url, "sub", "orders", "--last-n", "1", "--count", "1", settings={"NO_COLOR": "1"}) as screen:
        assert screen.rest() == 0
    shown = r'"\x9b31m\x9d0;x\u0007 \u202ekcab\u2028 \x7f [red]x[/red] \u200b"'
    assert shown in screen.raw.decode()
    # In a pipe it is what it is.
    status, output, _ = start(server.url, "sub", "orders", "--last-n", "1", "--count", "1").end()
    assert (status, json.loads(output)["message"]["payload"]) == (0, json.loads(HOSTILE.replace("\u0007", "\\u0007")))


def rates(*names: str) -> TopicRates:
    made = TopicRates()
    topics = {
        name: TopicStats(messages=1_234_567, subscribers=12, delivered=9_999_999, dropped=3, retained=100)
        for name in names
    }
    made.update(Stats.model_construct(topics=topics))
    return made


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120])
def test_the_table_of_rates_fits_the_terminal_and_cuts_no_number(width: int) -> None:
    console = Console(width=width, force_terminal=False, no_color=True)
    with console.capture() as capture:
        console.print(rates("orders", "a-very-long-name-of-a-topic-that-goes-on").table(10, width))
    head, *rows = capture.get().splitlines()
    assert all(len(line) <= width for line in (head, *rows))
    columns = head.split()
    assert columns == [each for each in COLUMNS if each in columns]
    assert columns[:2] == ["topic", "msg/s"]
    assert width < 100 or tuple(columns) == COLUMNS
    assert width < 60 or "dropped/s" in columns
    cells = dict(zip(COLUMNS, rates("orders").rows[0].cells(), strict=True))
    assert rows[1].split() == [cells[column] for column in columns]


def test_a_topics_name_is_neither_markup_nor_obeyed() -> None:
    console = Console(width=120, force_terminal=False)
    with console.capture() as capture:
        console.print(rates("[red]x[/red]\x1b[2J\u202e").table(10, 120))
    assert r"[red]x[/red]\x1b[2J\u202e" in capture.get()


@pytest.mark.parametrize("columns", [60, 120])
def test_q_ends_the_live_table(server: Server, columns: int) -> None:
    create(server, "orders")
    with terminal(server.url, "top", "--interval", "100", columns=columns) as screen:
        screen.see(r"(?s)connections.*orders")
        os.write(screen.fd, b"xq")
        assert screen.rest() == 0
    assert b"\x1b[?25h" in screen.raw  # the cursor is back


def test_the_rates_are_lines_of_json(server: Server, start: Callable[..., Running]) -> None:
    create(server, "orders")
    publish_text(server, "1", "2")
    top = start(server.url, "top", "--json", "--interval", "0.1")
    first, second = (json.loads(top.line()) for _ in range(2))
    assert first.keys() == {"ts", "topics"}
    assert first["ts"] < second["ts"]
    counters = httpx.get(f"{server.url}/stats").json()["topics"]["orders"]
    assert second["topics"]["orders"] == counters | {
        "messages_per_sec": 0.0,
        "delivered_per_sec": 0.0,
        "dropped_per_sec": 0.0,
    }
    assert top.end(signal.SIGTERM)[0] == 0
