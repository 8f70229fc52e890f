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
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from specbus.spec.text import printable
from specbus.verify.checks import AREAS, Failure, Result
from specbus.verify.target import Options

MAX_STEPS = 12
"""Exchanges shown of a failure."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One row of the table."""

    area: str
    checks: int
    cases: int
    failures: int
    """Checks that failed."""
    skipped: int
    """Checks that were not made."""
    seconds: float


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
            sum(result.cases for result in group),
            sum(not result.kept for result in group),
            sum(result.skipped is not None for result in group),
            sum(result.seconds for result in group),
        )
        for area, group in rows
    ]


def show(console: Console, results: list[Result]) -> None:
    """Print each failure, then the table, then why checks were skipped."""
    for result in results:
        for failure in result.failures:
            _show_failure(console, result, failure)
        if result.error is not None:
            title = f"[bold yellow]could not be checked[/]: {plain(result.check.name)}"
            console.print(
                Panel(
                    markup.escape(_lines(result.error.strip())), title=title, title_align="left", border_style="yellow"
                )
            )
    table = Table(title="Contract", title_justify="left")
    for heading in ("area", "checks", "cases", "failures", "skipped", "seconds"):
        table.add_column(heading, justify="left" if heading == "area" else "right")
    for row in summarise(results):
        style = "bold red" if row.failures else ""
        failures = f"[{style}]{row.failures}[/]" if style else "0"
        if row.area == "all":
            table.add_section()
        table.add_row(row.area, str(row.checks), str(row.cases), failures, str(row.skipped), f"{row.seconds:.1f}")
    console.print(table)
    reasons = Counter(result.skipped for result in results if result.skipped is not None)
    for reason, count in reasons.items():
        checks = "1 check was" if count == 1 else f"{count} checks were"
        console.print(f"{checks} skipped: {plain(reason)}", highlight=False)


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


def write_junit(path: Path, results: list[Result]) -> None:
    """Write JUnit XML: a suite for each area, a case for each check."""
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
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def write_html(path: Path, results: list[Result], options: Options) -> None:
    """Write a page that can be read, and sent, without anything else."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("report.html.j2").render(
        results=results,
        summaries=summarise(results),
        options=options,
        kept=all(result.kept for result in results),
        time=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    # What a server sends may hold half a surrogate pair.
    path.write_bytes(page.encode(errors="replace"))


_ILLEGAL = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def _legal(text: str) -> str:
    """`text` without what XML 1.0 cannot hold (2.2, "Characters")."""
    return _ILLEGAL.sub("\ufffd", text)
