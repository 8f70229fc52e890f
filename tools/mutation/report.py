"""What came of a sample, as a text."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tools.mutation.judge import Verdict
from tools.mutation.package import source


def share(verdicts: Sequence[Verdict]) -> float:
    """How many of those that started were found, in percent; 100 if none did."""
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    born = outcomes["found"] + outcomes["not found"]
    return 100.0 * outcomes["found"] / born if born else 100.0


def told(verdicts: Sequence[Verdict], observable: int, rules: Mapping[str, int], seed: int) -> str:
    """The report.

    Args:
        verdicts: The sample's, in its order.
        observable: How many mutants there are to draw from.
        rules: How many there are beside them that no client could see, by rule.
        seed: The sample's.

    """
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    reasons = ", ".join(f"{rule} {count}" for rule, count in sorted(rules.items(), key=lambda each: -each[1]))
    lines = [
        f"{observable} mutants; unobservable {sum(rules.values())}: {reasons}",
        f"tried {len(verdicts)}, seed {seed}: found {outcomes['found']}, not found {outcomes['not found']}, "
        f"stillborn {outcomes['stillborn']}",
        f"share found: {share(verdicts):.0f} %",
    ]
    missed = [verdict for verdict in verdicts if verdict.outcome == "not found"]
    if missed:
        lines += ["", "Not found:"]
    for verdict in missed:
        before, after = verdict.mutant.diff(source(verdict.mutant.module))
        remark = f"  ({verdict.remark})" if verdict.remark else ""
        lines += [f"  {verdict.mutant.id}  in {verdict.mutant.function or 'the module'}{remark}"]
        lines += [f"    - {before}", f"    + {after}"]
    return "\n".join(lines)
