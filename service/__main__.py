"""`python -m service`: the same as `specbus`."""

from service.cli import main

main(prog_name="specbus")
