"""The service with one deliberate defect each, by area."""

from tests.mutants import behaviour, positions, rest, websocket
from tests.mutants.registry import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "behaviour", "positions", "rest", "websocket"]
