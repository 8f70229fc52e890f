"""The service with one deliberate defect each, by area."""

from tests.mutants import (
    access,
    behaviour,
    counts,
    equality,
    positions,
    rest,
    staleness,
    timestamps,
    websocket,
)
from tests.mutants.registry import MUTANTS, Mutant

__all__ = [
    "MUTANTS",
    "Mutant",
    "access",
    "behaviour",
    "counts",
    "equality",
    "positions",
    "rest",
    "staleness",
    "timestamps",
    "websocket",
]
