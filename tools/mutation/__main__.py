"""How many defects of the service, made by machine, `specbus verify` finds.

tools/dev mutation [--sample N] [--seed N] [ID...]
"""

import argparse
import hashlib
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from tools.mutation.judge import Settings, Unsound, Verdict, executed_lines, judge
from tools.mutation.operators import Mutant
from tools.mutation.package import all_mutants, mutant_of, source
from tools.mutation.report import share, told


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status: 1 if fewer are found than `--least` asks for, 2 if nothing was measured."""
    parser = argparse.ArgumentParser(prog="tools/dev mutation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("ids", nargs="*", metavar="ID", help="the mutants to try, as a report names them")
    parser.add_argument("--sample", type=int, default=40, metavar="N", help="how many are drawn (40); 0 for all")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of what is drawn, and of verify (1)")
    parser.add_argument("--examples", type=int, default=5, metavar="N", help="those of verify (5)")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="for each (60)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="how many at a time (cores)")
    parser.add_argument("--least", type=float, default=0.0, metavar="PERCENT", help="exit with 1 if fewer are found")
    parser.add_argument("--list", action="store_true", help="list all that a client could see, and try none")
    options = parser.parse_args(arguments)
    settings = Settings(options.examples, options.seed, options.seconds)

    everything = all_mutants()
    observable = [mutant for mutant in everything if mutant.unobservable is None]
    if options.list:
        for mutant in observable:
            print(mutant.id, *mutant.diff(source(mutant.module)), sep="\n    ")
        return 0
    try:
        sample = [mutant_of(id_) for id_ in options.ids] or drawn(observable, options.sample, options.seed)
        lines = executed_lines(settings, {mutant.module for mutant in sample})
    except (KeyError, Unsound) as error:
        print(f"tools/dev mutation: {error.args[0]}", file=sys.stderr)
        return 2
    verdicts = []
    for verdict in judged(sample, lines, settings, options.jobs):
        verdicts.append(verdict)
        progress = f"{len(verdicts):3} {verdict.outcome:9} {verdict.seconds:5.1f} s  {verdict.mutant.id}"
        print(f"{progress}  {verdict.remark[:120]}", file=sys.stderr)
    verdicts.sort(key=lambda verdict: sample.index(verdict.mutant))
    rules = Counter(mutant.unobservable for mutant in everything if mutant.unobservable)
    print(told(verdicts, len(observable), rules, options.seed))
    return 1 if share(verdicts) < options.least else 0


def drawn(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """So many of `mutants`, or all of them if `count` is 0.

    Their order depends on `seed` and on each mutant alone, so that a change of the service changes little of a sample.
    """
    ordered = sorted(mutants, key=lambda each: (_digest(each, seed), each.id))
    return ordered[:count] if count else ordered


def _digest(mutant: Mutant, seed: int) -> bytes:
    """Like a random number; the same wherever in its function the mutated line stands."""
    text = (seed, mutant.module, mutant.function, mutant.operator, *mutant.diff(source(mutant.module)))
    return hashlib.sha256(repr(text).encode()).digest()


def judged(sample: Sequence[Mutant], lines: dict[str, set[int]], settings: Settings, jobs: int) -> Iterator[Verdict]:
    """A verdict on each of `sample`, as they come. What verify never executes, in no line, needs no run."""
    reached = []
    for mutant in sample:
        if lines[mutant.module].isdisjoint(mutant.lines):
            yield Verdict(mutant, "not found", "verify never executes it", 0.0)
        else:
            reached.append(mutant)
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(judge, mutant, settings) for mutant in reached]):
            yield future.result()


if __name__ == "__main__":
    sys.exit(main())
