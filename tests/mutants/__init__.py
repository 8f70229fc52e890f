"""The service with one deliberate defect each, by area."""

from tests.mutants import (
    access,
    behaviour,
    counts,
    documents,
    equality,
    framing,
    http_semantics,
    lifecycle,
    limits,
    payloads,
    positions,
    races,
    rest,
    slow_readers,
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
    "documents",
    "equality",
    "framing",
    "http_semantics",
    "lifecycle",
    "limits",
    "payloads",
    "positions",
    "races",
    "rest",
    "slow_readers",
    "staleness",
    "timestamps",
    "websocket",
]
