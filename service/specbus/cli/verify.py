"""`specbus verify`: run the contract tests against a server and say what came of it."""

import contextlib
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click
from hypothesis.configuration import set_hypothesis_home_dir
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from specbus.cli.ending import told
from specbus.cli.parameters import SECONDS, TEXT, authorities
from specbus.cli.terminal import console as new_console
from specbus.settings import SPECS
from specbus.spec.text import printable
from specbus.verify.checks import Area, Result, execute, without
from specbus.verify.failures import CannotRun
from specbus.verify.report import plain, show, write_html, write_junit
from specbus.verify.run import collect, own_server, target_of
from specbus.verify.target import Options

_KEPT, _BROKEN, _COULD_NOT_RUN = 0, 1, 2
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("url", type=TEXT, required=False)
@click.option("--specs", type=click.Path(path_type=Path), default=SPECS, help="Folder of the documents to hold it to.")
@click.option("--api-key", type=TEXT, envvar="PUBSUB_API_KEY", show_envvar=True, help="Key to send in X-API-Key.")
@authorities
@click.option(
    "--examples",
    type=click.IntRange(1),
    default=40,
    show_default=True,
    help="Cases generated of each kind.",
)
@click.option("--seed", type=click.IntRange(0), help="Seed of what is generated; a run says which one it used.")
@click.option("--only", type=click.Choice(get_args(Area)), help="Check this area only.")
@click.option(
    "--skip",
    type=TEXT,
    multiple=True,
    metavar="NAME",
    help="Leave out the check of that name; * in it is any text. May be given several times.",
)
@click.option("--junit", type=_FILE, metavar="FILE", help="Write a JUnit report.")
@click.option("--html", type=_FILE, metavar="FILE", help="Write an HTML report.")
@click.option(
    "--deadline", type=SECONDS, metavar="S", default=5.0, show_default=True, help="Seconds to wait for one answer."
)
def verify(
    url: str | None,
    specs: Path,
    api_key: str | None,
    ca: str | None,
    examples: int,
    seed: int | None,
    only: Area | None,
    skip: tuple[str, ...],
    junit: Path | None,
    html: Path | None,
    deadline: float,
) -> None:
    """Say whether the server at URL keeps the contract; without URL, a service is started and checked.

    It talks to the server itself, whatever proxy the environment names.

    Exit status 0: kept. 1: broken. 2: could not run.
    """
    console = new_console(markup=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(told(otherwise=_COULD_NOT_RUN, defect=_COULD_NOT_RUN))
        # Neither hooks of the user's nor a folder for Hypothesis where the user stands.
        os.environ.pop("SCHEMATHESIS_HOOKS", None)
        set_hypothesis_home_dir(stack.enter_context(tempfile.TemporaryDirectory(prefix="specbus-verify-")))
        try:
            if url is None:
                url = stack.enter_context(own_server(specs, api_key))
            options = Options(
                url=url.rstrip("/"),
                specs=specs,
                api_key=api_key,
                ca=ca,
                examples=examples,
                seed=secrets.randbelow(2**32) if seed is None else seed,
                deadline=deadline,
            )
            results = _run(console, options, only, skip)
        except CannotRun as error:
            click.echo(f"specbus verify: {printable(str(error))}", err=True)
            sys.exit(_COULD_NOT_RUN)
        show(console, results)
        if junit:
            write_junit(junit, results)
        if html:
            write_html(html, results, options)
        if any(result.failures for result in results):
            console.print(f"[bold red]The contract is broken.[/] To run this again: --seed {options.seed}")
            sys.exit(_BROKEN)
        if any(result.error for result in results):
            sys.exit(_COULD_NOT_RUN)
        console.print("[bold green]The contract is kept.[/]")


def _run(console: Console, options: Options, only: Area | None, skip: Sequence[str]) -> list[Result]:
    console.print(f"Verifying {plain(options.url)} against {plain(str(options.specs))}, seed {options.seed}")
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results = []
    with target_of(options) as target, Progress(*columns, console=console, transient=True) as progress:
        checks = without(collect(target, only), skip)
        task = progress.add_task("", total=len(checks))
        for check in checks:
            progress.update(task, description=printable(f"{check.area}: {check.name}")[:70].ljust(70))
            result = execute(check, target)
            if not result.kept:
                progress.console.print(f"[red]✗[/] {check.area}: {plain(check.name)}")
            results.append(result)
            progress.advance(task)
    return results
