"""`python -m tests.mutants` lists the mutants; with NAME [OPTIONS OF specbus serve] after it, it runs one."""

import sys

from specbus.cli import main as cli
from tests.mutants import MUTANTS
from tests.mutants.registry import Patch


def main(args: list[str]) -> None:
    """List the mutants, or run one as the service."""
    if not args:
        for each in MUTANTS.values():
            print(f"{each.area:9}  {each.name:34}  {each.defect}")
        return
    name, *options = args
    if name not in MUTANTS:
        sys.exit(f"there is no mutant {name}")
    MUTANTS[name].apply(Patch())
    settings = [f"--{setting.replace('_', '-')}={value}" for setting, value in MUTANTS[name].settings.items()]
    cli.main(["serve", *settings, *options], prog_name="specbus")


if __name__ == "__main__":
    main(sys.argv[1:])
