"""The process of a mutant: `python -m tools.mutation.serve SECONDS ID OPTION...`, with the options of `specbus serve`.

One module is compiled from its mutated source when it is imported; no file is written. After so many seconds the
process ends, wherever it hangs.

`python -m tools.mutation.serve --lines FILE OPTION...` is the service as it is, and writes which lines were executed.
"""

import importlib.abc
import importlib.machinery
import signal
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType

from coverage import Coverage

from tools.mutation.operators import Mutant
from tools.mutation.package import mutant_of, source

PACKAGE = "specbus"


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from its mutated source, whatever is cached of it."""

    def __init__(self, name: str, path: str, mutated: bytes) -> None:
        super().__init__(name, path)
        self._mutated = mutated

    def get_code(self, fullname: str) -> CodeType:
        """The mutant's code, under the file's name."""
        code: CodeType = self.source_to_code(self._mutated, self.path)
        return code


class MutantFinder(importlib.abc.MetaPathFinder):
    """Finds the module of one mutant, and no other."""

    def __init__(self, mutant: Mutant, original: bytes, package: str = PACKAGE) -> None:
        """`original` is the source of the mutant's module, which is below `package`."""
        self._name = f"{package}.{mutant.module}"
        self._mutated = mutant.applied(original)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Where the module is, with the loader of the mutant."""
        if fullname != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self._mutated)
        return spec


def main(first: str, second: str, *options: str) -> None:
    """Run the mutant, or the service as it is."""
    if first == "--lines":
        coverage = Coverage(data_file=second, config_file=False, source_pkgs=[PACKAGE])
        with coverage.collect():
            _serve(options)
        coverage.save()
        return
    signal.alarm(int(first))
    mutant = mutant_of(second)
    sys.meta_path.insert(0, MutantFinder(mutant, source(mutant.module)))
    _serve(options)


def _serve(options: Sequence[str]) -> None:
    from specbus.cli.main import main as cli

    cli(["serve", *options], prog_name="specbus", standalone_mode=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
