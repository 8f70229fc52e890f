"""`python -m specbus`: the same as `specbus`."""

from specbus.cli.main import main

main(prog_name="specbus")
