"""Latencies in buckets, each about 1.6 % wide: a long run takes no more memory than a short one."""

from collections.abc import Iterable, Mapping

BUCKETS = 4096


def bucket(nanoseconds: int) -> int:
    """The bucket of a latency."""
    shift = max(0, nanoseconds.bit_length() - 7)
    return (shift << 6) + (nanoseconds >> shift)


def _middle(index: int) -> float:
    """The middle of a bucket, in microseconds."""
    shift = max(0, (index >> 6) - 1)
    return ((index - (shift << 6)) + 0.5) * (1 << shift) / 1000


def percentiles(counts: Mapping[int, int], shares: Iterable[float]) -> list[float]:
    """The latencies, in microseconds, that the given `shares` (0 to 1) of all do not exceed; 0 if there are none."""
    total = sum(counts.values())
    ordered = sorted(counts.items())
    found = []
    for share in shares:
        so_far, value = 0, 0.0
        for index, number in ordered:
            so_far += number
            value = _middle(index)
            if so_far >= share * total:
                break
        found.append(value)
    return found
