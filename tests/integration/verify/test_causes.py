"""Failures of one cause are told once, with what they cost; the first page fits a screen."""

import pytest
from rich.console import Console

from specbus.verify.causes import cause_of
from specbus.verify.checks import Check, Failure, Result
from specbus.verify.report import causes, show, summarise
from specbus.verify.session import Outcome

SAME = [
    ("POST /topics is answered with 200, not 201", "DELETE /topics/{name} is answered with 200, not 201"),
    ("GET /topics/verify-0a1b2c3d-12 is answered with 500", "GET /topics/a/messages?n=2 is answered with 500"),
    ('the reply has not slip: "case-1" was sent, none came', 'the reply has not slip: "x" was sent, none came'),
    ("an event of topic verify-0a1b2c3d-1 came where only verify-0a1b2c3d-2 is expected",) * 2,
    ("an event of topic verify-0a1b2c3d-1 came", "an event of topic verify-ffffffff-made-up-x came"),
    ("after 3 acknowledged messages, /stats counts 2", "after 1 acknowledged messages, /stats counts 17"),
    ("the message 550e8400-e29b-41d4-a716-446655440000 came", "the message 00000000-0000-4000-8000-000000000000 came"),
    ("an invalid Stock (quantity is -1) is taken", "an invalid Stock (place missing) is taken"),
    ('a publish is answered with {"type":"error"}', 'a publish is answered with {"type":"info","a":[{}]}'),
    (
        "POST /topics with Content-Type: text/plain is answered with 201",
        "POST /topics with Content-Type: application/xml is answered with 201",
    ),
    (
        "GET / is answered with 404: undocumented status code - Received: 404; Documented: 200, 400",
        "GET /health is answered with 404: undocumented status code - Received: 404; Documented: 503",
    ),
    ("GET /a was not answered: nothing came in time", "PUT /b?c=d was not answered: nothing came in time"),
]  # fmt: skip
DIFFERENT = [
    ("GET /topics is answered with 500", "GET /topics is answered with 404"),
    ("the server closed the connection with 1011", "the server closed the connection with 1006"),
    ("the event has no `message`", "the event has no `offset`"),
    ("GET /topics has no topics", "GET /stats has no topic"),
    ('Found breaks its schema: "shelf" is a required property', 'Found breaks its schema: "op" is a required property'),
    ("a 401 has no WWW-Authenticate", "a 405 has no WWW-Authenticate"),
    ("a second subscribe gets no reply", "a second subscribe gets 2 replies"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_and_values_make_no_other_cause(one: str, other: str) -> None:
    assert cause_of(one) == cause_of(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_is_wrong_in_another_way_is_another_cause(one: str, other: str) -> None:
    assert cause_of(one) != cause_of(other)


@pytest.mark.parametrize("text", ["", "{" * 100_000, "'" * 100_000, "(" * 5_000, "A: " * 5_000, '"\\' * 5_000])
def test_any_text_has_a_cause(text: str) -> None:
    assert cause_of(text) == cause_of(text)


def result(name: str, *problems: str, **options: str) -> Result:
    failures = [Failure(problem, f"rule of {name}", ["a -> {}"] * 30, "print(1)\n" * 20) for problem in problems]
    return Result(Check("rest", name, "rule", lambda _: None), 3, 0.5, failures, **options)


def test_a_cause_counts_the_checks_that_it_cost_and_names_the_first() -> None:
    results = [
        result("one", "GET /a has no status", "GET /b has no status", "the reply is late"),
        result("two", "the reply is late"),
        result("three", "GET /abc has no status"),
        result("four", "GET /abc has no status"),
        result("five", error="the check did not come to an end: KeyError: 'a'"),
    ]
    first, second, third = causes(results)
    assert (first.problem, first.rule, first.checks) == (
        "GET /a has no status",
        "rule of one",
        ["one", "three", "four"],
    )
    assert (second.problem, second.checks, second.is_of_checks) == ("the reply is late", ["one", "two"], False)
    assert (third.checks, third.is_of_checks) == (["five"], True)


def shown(outcome: Outcome, *, verbose: bool = False) -> str:
    console = Console(width=100, record=True, highlight=False)
    with console.capture() as captured:
        show(console, outcome, verbose=verbose)
    return captured.get()


def test_the_first_page_fits_a_screen_however_much_is_broken() -> None:
    words = [f"{first}{second}" for first in "abcdefghij" for second in "klmnopqrst"]
    results = [result(f"check {word} {'of something ' * 12}", f"{word} is wrong {'x' * 300}") for word in words]
    results += [Result(Check("websocket", word, "", lambda _: None), skipped=f"reason {word}") for word in words]
    page, _, rest = shown(Outcome(results, notes=["a note", "another"])).partition("BROKEN")
    assert len(page.splitlines()) <= 40
    assert max(map(len, page.splitlines())) <= 100
    for text in (
        "100 causes",
        "and 91 more causes",
        "--html FILE",
        "--verbose",
        "and others, for 96 more reasons",
        "a note",
    ):
        assert text in page
    assert rest.count("BROKEN") + 1 == 3


def test_verbose_shows_all_but_what_a_page_has_room_for_alone() -> None:
    words = [f"cause{each}" for each in "abcdefgh"]
    text = shown(Outcome([result("many", *words), result("one", "other")]), verbose=True)
    assert text.count("BROKEN") == 6
    assert "and 3 more of this check in the HTML report (--html)" in text


def test_a_failure_is_shown_in_full_once_for_its_cause() -> None:
    text = shown(Outcome([result(name, "GET /a has no status") for name in ("one", "two", "three")]))
    assert text.count("BROKEN") == 1


def test_each_check_is_counted_once() -> None:
    results = [
        result("kept"),
        result("broken", "a"),
        result("broken too", "a", error="and more"),
        result("unknown", error="it"),
        Result(Check("rest", "skipped", "", lambda _: None), skipped="why"),
    ]
    *_, row = summarise(results)
    assert (row.checks, row.kept, row.broken, row.unknown, row.skipped) == (5, 1, 2, 1, 1)
