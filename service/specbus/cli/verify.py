"""`specbus verify`: run the contract tests against a server and say what came of it."""

import contextlib
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
from hypothesis.configuration import set_hypothesis_home_dir
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from specbus.cli.ending import told
from specbus.cli.errors import Failed
from specbus.cli.parameters import SECONDS, TEXT, authorities
from specbus.cli.terminal import console as new_console
from specbus.settings import SPECS
from specbus.spec.text import printable
from specbus.verify.checks import Check, without
from specbus.verify.failures import CannotRun, Interrupted
from specbus.verify.processes import signals
from specbus.verify.profiles import PROFILES
from specbus.verify.report import plain, show, write_html, write_junit
from specbus.verify.run import collect, own_server, target_of
from specbus.verify.session import Outcome, Session, closing
from specbus.verify.target import Options

_KEPT, _BROKEN, _COULD_NOT_RUN = 0, 1, 2
_FILE = click.Path(dir_okay=False, path_type=Path)
_RUN_TIME = 240.0
_TIME_FOR_EXAMPLE = 6.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("url", type=TEXT, required=False)
@click.option("--specs", type=click.Path(path_type=Path), default=SPECS, help="Folder of the documents to hold it to.")
@click.option("--api-key", type=TEXT, envvar="PUBSUB_API_KEY", show_envvar=True, help="Key to send in X-API-Key.")
@authorities
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="full",
    show_default=True,
    help="What the server has: all; no REST, so that nothing is asked over HTTP; or topics that are not made over it.",
)
@click.option(
    "--only",
    type=TEXT,
    multiple=True,
    metavar="NAME",
    help="Check this area (rest, websocket, behaviour), or the check of that name; * is any text. May be repeated.",
)
@click.option(
    "--skip",
    type=TEXT,
    multiple=True,
    metavar="NAME",
    help="Leave out the check of that name; * in it is any text. May be repeated.",
)
@click.option(
    "--examples",
    type=click.IntRange(1),
    default=40,
    show_default=True,
    help="Cases generated of each kind.",
)
@click.option("--seed", type=click.IntRange(0), help="Seed of what is generated; a run says which one it used.")
@click.option(
    "--deadline", type=SECONDS, metavar="S", default=5.0, show_default=True, help="Seconds to wait for one answer."
)
@click.option(
    "--time",
    "run_time",
    type=SECONDS,
    metavar="S",
    help=f"Seconds for the whole run; what is not reached is skipped.  [default: {_RUN_TIME:g}, or "
    f"{_TIME_FOR_EXAMPLE:g} for each of --examples if that is more]",
)
@click.option("--max-failures", type=click.IntRange(1), metavar="N", help="End the run after N broken checks.")
@click.option("--verbose", "-v", is_flag=True, help="Show all failures in full.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write a JUnit report.")
@click.option("--html", type=_FILE, metavar="FILE", help="Write an HTML report, which has all failures in full.")
def verify(
    url: str | None,
    specs: Path,
    api_key: str | None,
    ca: str | None,
    profile: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    examples: int,
    seed: int | None,
    deadline: float,
    run_time: float | None,
    max_failures: int | None,
    verbose: bool,
    junit: Path | None,
    html: Path | None,
) -> None:
    """Say whether the server at URL keeps the contract; without URL, a service is started and checked.

    It talks to the server itself, whatever proxy the environment names.

    Exit status 0: kept. 1: broken, or the server went away. 2: could not run, or not all of it. 130, 143, 129: SIGINT,
    SIGTERM or SIGHUP ended it; the reports have what was found until then.
    """
    for path in (junit, html):
        if path:
            _prepare(path)
    options = Options(
        url=(url or "").rstrip("/"),
        specs=specs,
        api_key=api_key,
        ca=ca,
        examples=examples,
        seed=secrets.randbelow(2**32) if seed is None else seed,
        deadline=deadline,
        run_deadline=run_time or max(_RUN_TIME, _TIME_FOR_EXAMPLE * examples),
        profile=PROFILES[profile],
    )
    console = new_console(markup=True)
    outcome = Outcome()
    with contextlib.ExitStack() as stack:
        stack.enter_context(told(otherwise=_COULD_NOT_RUN, defect=_COULD_NOT_RUN))
        # Neither hooks of the user's nor a folder for Hypothesis where the user stands.
        os.environ.pop("SCHEMATHESIS_HOOKS", None)
        set_hypothesis_home_dir(stack.enter_context(tempfile.TemporaryDirectory(prefix="specbus-verify-")))
        stack.enter_context(signals.watched())
        problems: list[str] = []
        try:
            try:
                with contextlib.ExitStack() as server:
                    if url is None:
                        options = replace(options, url=server.enter_context(own_server(specs, api_key)))
                    _run(console, outcome, options, only, skip, max_failures, is_own=url is None)
            except CannotRun as error:
                click.echo(f"specbus verify: {printable(str(error))}", err=True)
                sys.exit(_COULD_NOT_RUN)
            except Interrupted as end:
                outcome.note_interruption(end)
            finally:
                # Whatever comes, a terminal that is gone too, the files have what was found.
                with signals.held():
                    problems += _written(outcome, options, junit, html)
            try:
                show(console, outcome, verbose=verbose, html=html)
                _say(console, outcome, options)
            finally:
                for problem in problems:
                    click.echo(f"specbus verify: {printable(problem)}", err=True)
        except Interrupted as end:
            outcome.note_interruption(end)
    sys.exit(_status(outcome, problems))


def _prepare(path: Path) -> None:
    """Make the folder of a report. Raises Failed if the report cannot be written there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.open("xb").close()
            path.unlink()
        elif path.is_file():
            path.open("ab").close()
    except OSError as error:
        raise Failed(f"the report {path} cannot be written: {error.strerror}", _COULD_NOT_RUN) from None


def _run(
    console: Console,
    outcome: Outcome,
    options: Options,
    only: Sequence[str],
    skip: Sequence[str],
    max_failures: int | None,
    *,
    is_own: bool,
) -> None:
    """Make the checks. Raises CannotRun."""
    # Where nobody reads any more, there are still the reports; and that it cannot be written is told at the end.
    with contextlib.suppress(OSError):
        console.print(f"Verifying {plain(options.url)} against {plain(str(options.specs))}, seed {options.seed}")
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    target = target_of(options)
    with (
        closing(target, outcome),
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        checks = without(collect(target, *only), skip)
        task = progress.add_task("", total=len(checks))

        def begin(check: Check) -> None:
            progress.update(task, description=printable(f"{check.area}: {check.name}")[:70].ljust(70))

        Session(target, outcome, max_broken=max_failures).run(checks, begin, lambda _: progress.advance(task))
        # A server of its own that a signal ended has nothing left to clean up.
        target.is_lost = target.is_lost or (is_own and outcome.interrupted_by is not None)


def _written(outcome: Outcome, options: Options, junit: Path | None, html: Path | None) -> list[str]:
    """Write the reports; a line for each that could not be written."""
    problems = []
    writers: list[tuple[Path | None, Callable[[Path], None]]] = [
        (junit, lambda path: write_junit(path, outcome)),
        (html, lambda path: write_html(path, outcome, options)),
    ]
    for path, write in writers:
        if path and (outcome.results or outcome.interrupted_by):
            try:
                write(path)
            except OSError as error:
                problems.append(f"the report {path} cannot be written: {error.strerror}")
    return problems


def _say(console: Console, outcome: Outcome, options: Options) -> None:
    """Print the last line."""
    again = f"To run this again: --seed {options.seed}"
    if outcome.verdict == "broken":
        console.print(f"[bold red]The contract is broken.[/] {again}")
    elif outcome.verdict == "kept":
        console.print("[bold green]The contract is kept.[/]")
    else:
        console.print(f"[bold yellow]Whether the contract is kept is not known: not all was checked.[/] {again}")


def _status(outcome: Outcome, problems: Sequence[str]) -> int:
    if outcome.interrupted_by is not None:
        return 128 + outcome.interrupted_by
    if problems:
        return _COULD_NOT_RUN
    return {"kept": _KEPT, "broken": _BROKEN, "not known": _COULD_NOT_RUN}[outcome.verdict]
