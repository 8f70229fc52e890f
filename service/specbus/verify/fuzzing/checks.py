"""The checks that come of a run of Schemathesis: one for each of its own, and one for what does not answer."""

from collections.abc import Iterator
from dataclasses import dataclass

from specbus.verify.checks import RISKY, check_for_each
from specbus.verify.failures import Broken, CouldNotCheck, Skipped, raise_all
from specbus.verify.fuzzing.findings import JUDGEMENTS
from specbus.verify.fuzzing.run import Run
from specbus.verify.rest.document import FILE
from specbus.verify.target import Target


@dataclass(frozen=True)
class _Part:
    """What one check looks at: a check of Schemathesis, or, without a name, what is none of those known."""

    run: Run
    sentence: str
    judgement: str = ""


def _parts(target: Target) -> Iterator[_Part]:
    del target
    run = Run()
    yield _Part(run, "every request is answered (schemathesis)")
    for name, sentence in JUDGEMENTS.items():
        yield _Part(run, f"{sentence} (schemathesis: {name})", name)


@check_for_each("rest", _parts, name=lambda part: part.sentence, rule=lambda _: FILE, order=RISKY)
def _found(target: Target, part: _Part) -> None:
    try:
        findings = part.run.findings(target)
    except (CouldNotCheck, Broken) as error:
        if part.judgement:
            raise Skipped("Schemathesis did not come to an end") from error
        raise
    if part.judgement:
        target.cases = findings.judged[part.judgement]
        raise_all(findings.of(part.judgement))
        if not target.cases and findings.unanswered:
            raise Skipped("Schemathesis got no answer to judge")
    else:
        target.cases = findings.requests
        raise_all(findings.others())
    if findings.cut_short is not None:
        raise Skipped(findings.cut_short)
