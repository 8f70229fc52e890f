"""`specbus docs`: the references as files."""

from pathlib import Path

import click

from specbus.cli.errors import Failed, WrongUsage
from specbus.settings import SettingsError, load
from specbus.site.assets import AssetsMissing
from specbus.site.build import build
from specbus.spec import ContractError


@click.group()
def docs() -> None:
    """The references as files."""


@docs.command("build")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to")
@click.option("--specs", type=click.Path(path_type=Path), help="Folder of openapi.yaml and asyncapi.yaml")
def build_docs(out: Path, specs: Path | None) -> None:
    """Write the references as a static site, which any file server can publish."""
    try:
        written = build(specs or load().specs, out)
    except (SettingsError, AssetsMissing) as error:
        raise WrongUsage(str(error)) from None
    except ContractError as error:
        raise Failed(str(error)) from None
    except OSError as error:
        raise Failed(f"cannot write to {out}: {error.strerror}") from None
    click.echo(f"{len(written)} files written to {out}")
