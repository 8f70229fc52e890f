"""The files of the package `specbus`, found without importing any module of it."""

import importlib.util
from functools import cache
from pathlib import Path

from tools.mutation.operators import Mutant, mutants
from tools.mutation.rules import MODULES


@cache
def folder() -> Path:
    """Where the package is."""
    spec = importlib.util.find_spec("specbus")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package specbus is not installed")
    return Path(spec.submodule_search_locations[0])


def file(module: str) -> Path:
    """The file of a module, by its name below the package."""
    return folder() / f"{module.replace('.', '/')}.py"


@cache
def source(module: str) -> bytes:
    """What is in it."""
    return file(module).read_bytes()


def all_mutants() -> list[Mutant]:
    """Those of all modules that make up the service, unobservable ones included."""
    return [mutant for module in MODULES for mutant in mutants(module, source(module))]


def mutant_of(id_: str) -> Mutant:
    """The mutant of that id. Raises KeyError."""
    module = id_.partition(":")[0]
    if module in MODULES:
        for mutant in mutants(module, source(module)):
            if mutant.id == id_:
                return mutant
    raise KeyError(f"there is no mutant {id_}")
