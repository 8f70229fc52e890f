"""What a run has to say: on the terminal, as JUnit XML, as an HTML page."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import jinja2
from rich import markup
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from specbus.spec.text import printable
from specbus.verify.causes import cause_of
from specbus.verify.checks import AREAS, Failure, Result
from specbus.verify.session import Outcome
from specbus.verify.target import Options

MAX_STEPS = 12
"""Exchanges shown of a failure on the terminal."""
MAX_CAUSES = 9
"""Causes that the first page has room for."""
MAX_REASONS = 4
"""Reasons for skipped checks that it has room for, beside causes."""
MAX_IN_FULL = 3
"""Failures shown in full where not all of them are asked for."""
MAX_OF_CHECK = 5
"""Failures of one check shown in full."""
_WIDTH = 100
"""Columns of the first page, where the terminal has as many."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One row of the table: numbers of checks, but for `cases`."""

    area: str
    checks: int
    kept: int
    broken: int
    unknown: int
    """That could not be checked, and broke nothing as far as they got."""
    skipped: int
    cases: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cause:
    """What is wrong in one or more checks."""

    problem: str
    """The shortest of the sentences that tell it."""
    rule: str
    checks: list[str]
    """The names of the checks that it cost, each once."""
    is_of_checks: bool
    """Whether the checks themselves did not come to an end, which says nothing of the server."""


def plain(text: str) -> str:
    """`text`, which a server or a document may have in it, for a console of Rich: one line, with no effect."""
    return markup.escape(printable(text))


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def summarise(results: Iterable[Result]) -> list[Summary]:
    """A row for each area that was run, and one for all."""
    results = list(results)
    groups = [(area, [result for result in results if result.check.area == area]) for area in AREAS]
    rows = [(area, group) for area, group in groups if group] + [("all", results)]
    return [
        Summary(
            area,
            len(group),
            sum(result.kept and result.skipped is None for result in group),
            sum(bool(result.failures) for result in group),
            sum(result.error is not None and not result.failures for result in group),
            sum(result.skipped is not None for result in group),
            sum(result.cases for result in group),
            sum(result.seconds for result in group),
        )
        for area, group in rows
    ]


def causes(results: Iterable[Result]) -> list[Cause]:
    """What is wrong, each cause once; first what is wrong with the server, and what cost most checks."""
    found: dict[tuple[bool, str], Cause] = {}

    def add(result: Result, problem: str, rule: str, *, is_of_checks: bool) -> None:
        key = is_of_checks, cause_of(problem)
        known = found.get(key)
        if known is None:
            found[key] = Cause(problem, rule, [result.check.name], is_of_checks)
            return
        if result.check.name not in known.checks:
            known.checks.append(result.check.name)
        if len(problem) < len(known.problem):
            found[key] = Cause(problem, rule, known.checks, is_of_checks)

    for result in results:
        for failure in result.failures:
            add(result, failure.problem, failure.rule, is_of_checks=False)
        if result.error is not None:
            add(result, result.error.strip().rpartition("\n")[2], result.check.rule, is_of_checks=True)
    return sorted(found.values(), key=lambda cause: (cause.is_of_checks, -len(cause.checks)))


def reasons(results: Iterable[Result]) -> list[tuple[str, int]]:
    """Why checks were skipped, and how many; the most frequent reason first."""
    return Counter(result.skipped for result in results if result.skipped is not None).most_common()


def show(console: Console, outcome: Outcome, *, verbose: bool = False, html: Path | None = None) -> None:
    """Print a page that says all in short, then failures in full: a few, or with `verbose` all.

    `html` is where the page is that has all of them, if there is one.
    """
    found = causes(outcome.results)
    _show_causes(console, found, html)
    _show_table(console, outcome.results)
    skipped = reasons(outcome.results)
    shown = skipped[:MAX_REASONS] if found and not verbose else skipped
    for reason, count in shown:
        checks = "1 check was" if count == 1 else f"{count} checks were"
        console.print(f"{checks} skipped: {plain(reason)}", highlight=False)
    if (more := len(skipped) - len(shown)) > 0:
        console.print(f"and others, for {_counted(more, 'more reason')}", highlight=False)
    for note in outcome.notes:
        if note in dict(shown):
            continue
        console.print(f"[yellow]![/] {plain(note)}", highlight=False)
    _show_in_full(console, outcome.results, verbose=verbose, html=html)


def _show_causes(console: Console, found: list[Cause], html: Path | None) -> None:
    """Two lines for each cause: the problem, and the rule with the first check that found it."""
    if not found:
        return
    width = min(console.width, _WIDTH)
    console.print(f"[bold]{_counted(len(found), 'cause')}[/], and how many checks each of them cost:", highlight=False)
    for cause in found[:MAX_CAUSES]:
        colour = "yellow" if cause.is_of_checks else "red"
        problem = _cut(printable(cause.problem), width - 6)
        console.print(f"[bold {colour}]{len(cause.checks):>4}[/]  {markup.escape(problem)}", highlight=False)
        where = f"{printable(cause.rule)}: " if cause.rule else ""
        line = _cut(where + printable(cause.checks[0]), width - 6)
        console.print(f"      [dim]{markup.escape(line)}[/]", highlight=False)
    if (more := len(found) - MAX_CAUSES) > 0:
        console.print(f"      and {_counted(more, 'more cause')}", highlight=False)
    where = f"All failures are in {plain(str(html))}" if html else "--html FILE writes all of them to a page"
    console.print(f"{where}; --verbose shows them here.", highlight=False)


def _show_table(console: Console, results: list[Result]) -> None:
    table = Table(title="Contract", title_justify="left")
    for heading in ("area", "checks", "kept", "broken", "not checked", "skipped", "cases", "seconds"):
        table.add_column(heading, justify="left" if heading == "area" else "right")
    for row in summarise(results):
        if row.area == "all":
            table.add_section()
        broken = f"[bold red]{row.broken}[/]" if row.broken else "0"
        unknown = f"[bold yellow]{row.unknown}[/]" if row.unknown else "0"
        numbers = (str(row.checks), str(row.kept), broken, unknown, str(row.skipped), str(row.cases))
        table.add_row(row.area, *numbers, f"{row.seconds:.1f}")
    console.print(table)


def _show_in_full(console: Console, results: list[Result], *, verbose: bool, html: Path | None) -> None:
    """Failures with all that shows them: without `verbose` some, each of another cause."""
    known: set[str] = set()
    for result in results:
        for failure in result.failures[:MAX_OF_CHECK]:
            if verbose or (len(known) < MAX_IN_FULL and failure.cause not in known):
                known.add(failure.cause)
                _show_failure(console, result, failure)
        if verbose and (more := len(result.failures) - MAX_OF_CHECK) > 0:
            where = f"in {plain(str(html))}" if html else "in the HTML report (--html)"
            console.print(f"  and {more} more of this check {where}", highlight=False)
    errors = [result for result in results if result.error is not None]
    for result in errors if verbose else errors[:MAX_IN_FULL]:
        console.print()
        console.print(f"[bold yellow]COULD NOT BE CHECKED[/] [bold]{plain(result.check.name)}[/]", highlight=False)
        for line in _lines((result.error or "").strip()).split("\n"):
            console.print(f"  {markup.escape(line)}", highlight=False)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _show_failure(console: Console, result: Result, failure: Failure) -> None:
    console.print()
    console.print(f"[bold red]BROKEN[/] [bold]{plain(result.check.name)}[/] [dim]({result.check.area})[/]")
    console.print(f"  {plain(failure.problem)}", highlight=False)
    console.print(f"  rule: [cyan]{plain(failure.rule)}[/]", highlight=False)
    if failure.steps:
        hidden = len(failure.steps) - MAX_STEPS
        console.print(
            "  what went over the wire:" + (f" (the last {MAX_STEPS} of {len(failure.steps)})" if hidden > 0 else "")
        )
        for step in failure.steps[-MAX_STEPS:]:
            console.print(f"    {plain(step)}", highlight=False, soft_wrap=True)
    if failure.reproduce:
        console.print("  to see it yourself:")
        language = "bash" if failure.reproduce.startswith("curl") else "python"
        console.print(Syntax(_lines(failure.reproduce), language, background_color="default", word_wrap=True))


def write_junit(path: Path, outcome: Outcome) -> None:
    """Write JUnit XML: a suite for each area, a case for each check. Raises OSError."""
    results = outcome.results
    root = ElementTree.Element("testsuites", name="specbus verify")
    for summary in summarise(results)[:-1]:
        group = [result for result in results if result.check.area == summary.area]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=summary.area,
            tests=str(len(group)),
            failures=str(sum(bool(result.failures) for result in group)),
            errors=str(sum(result.error is not None for result in group)),
            skipped=str(summary.skipped),
            time=f"{summary.seconds:.3f}",
        )
        for result in group:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"contract.{summary.area}",
                name=_legal(result.check.name),
                time=f"{result.seconds:.3f}",
            )
            for failure in result.failures:
                text = "\n".join([f"rule: {failure.rule}", *failure.steps, "", failure.reproduce])
                ElementTree.SubElement(case, "failure", message=_legal(failure.problem)).text = _legal(text)
            if result.error is not None:
                ElementTree.SubElement(case, "error", message="could not be checked").text = _legal(result.error)
            if result.skipped is not None:
                ElementTree.SubElement(case, "skipped", message=_legal(result.skipped))
    if outcome.notes and len(root):
        ElementTree.SubElement(root[-1], "system-err").text = _legal("\n".join(outcome.notes))
    ElementTree.indent(root)
    path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def write_html(path: Path, outcome: Outcome, options: Options) -> None:
    """Write a page that can be read, and sent, without anything else. Raises OSError."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("report.html.j2").render(
        outcome=outcome,
        results=outcome.results,
        summaries=summarise(outcome.results),
        causes=causes(outcome.results),
        reasons=reasons(outcome.results),
        options=options,
        time=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    # What a server sends may hold half a surrogate pair.
    path.write_bytes(page.encode(errors="replace"))


_ILLEGAL = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def _legal(text: str) -> str:
    """`text` without what XML 1.0 cannot hold (2.2, "Characters")."""
    return _ILLEGAL.sub("\ufffd", text)
