"""Mutants: what is changed, what is left out, which are drawn. That verify finds them is tried in integration."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.mutation.__main__ import drawn, judged
from tools.mutation.judge import Outcome, Settings, Verdict
from tools.mutation.operators import Mutant, mutants
from tools.mutation.package import all_mutants, folder, mutant_of, source
from tools.mutation.report import share, told
from tools.mutation.rules import LEFT_OUT, MARKED, MODULES, UNSEEN
from tools.mutation.serve import MutantFinder

ALL = all_mutants()


def changed(text: str) -> dict[str, list[str]]:
    """What becomes of the one-line module `text`, by operator."""
    found: dict[str, list[str]] = {}
    for mutant in mutants("tiny", text.encode()):
        found.setdefault(mutant.operator, []).append(mutant.applied(text.encode()).decode())
    return found


@pytest.mark.parametrize(
    ("text", "operator", "expected"),
    [
        ("if a: b", "condition-true", ["if True: b"]),
        ("while a: b", "condition-false", ["while False: b"]),
        ("if (a.b): c", "condition-negated", ["if (not (a.b)): c"]),
        ("x = a if b else c", "condition-true", ["x = a if True else c"]),
        ("[a for a in b if c if d]", "condition-true", ["[a for a in b if True if d]", "[a for a in b if c if True]"]),
        ("if a == b: c", "comparison-swapped", ["if a != b: c"]),
        ("x = a < b <= c", "comparison-swapped", ["x = a <= b <= c", "x = a < b < c"]),
        ("x = a is  not b", "comparison-swapped", ["x = a is b"]),
        ("x = a not in b", "comparison-swapped", ["x = a in b"]),
        ("x = (a) > (b)", "comparison-swapped", ["x = (a) >= (b)"]),
        ("x = a and (b) and c", "and-or-swapped", ["x = a or (b) or c"]),
        ("x = a and b or c", "and-or-swapped", ["x = a or b or c", "x = a and b and c"]),
        ("a.b(c)", "call-dropped", ["pass"]),
        ("x = 7, 0x7F, 1.5", "constant-changed", ["x = 8, 0x7F, 1.5", "x = 7, 0x80, 1.5", "x = 7, 0x7F, 2.5"]),
        ("x = True", "constant-changed", ["x = False"]),
        ("x = 'é', b'b'", "string-changed", ["x = 'é' \"~\", b'b'", "x = 'é', b'b' b\"~\""]),
        ("x = f'{a}b'", "string-changed", ["x = f'{a}b' \"~\""]),
        ("def f(): return a", "return-none", ["def f(): return None"]),
        ("for a in b: continue", "break-continue-swapped", ["for a in b: break"]),
        ("for a in b: break", "break-continue-swapped", ["for a in b: continue"]),
        ("async def f(): x = await a", "await-dropped", ["async def f(): x = a"]),
        ("async def f(): await a()", "call-dropped", ["async def f(): pass"]),
    ],
)  # fmt: skip
def test_an_operator_changes_one_point(text: str, operator: str, expected: list[str]) -> None:
    assert changed(text)[operator] == expected


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("while True: a", "condition-true"),
        # It would be the same as the comparison swapped.
        ("if a is b: c", "condition-negated"),
        ("def f(): return None", "return-none"),
        ("def f(): return", "return-none"),
        ("async def f(): await a()", "await-dropped"),
        ("x = f'{a == b}'", "comparison-swapped"),
    ],
)
def test_what_would_change_nothing_new_is_no_mutant(text: str, operator: str) -> None:
    assert operator not in changed(text)


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_each_mutant_of_the_service_is_another_program(module: str) -> None:
    text = source(module)
    original = ast.dump(ast.parse(text))
    for mutant in (mutant for mutant in ALL if mutant.module == module):
        assert ast.dump(ast.parse(mutant.applied(text))) != original, mutant.id


def test_an_id_says_where_and_what() -> None:
    text = b"def f(a):\n    if a < 10:\n        return b\n"
    assert [mutant.id for mutant in mutants("some.module", text)] == [
        "some.module:2:8:condition-false",
        "some.module:2:8:condition-negated",
        "some.module:2:8:condition-true",
        "some.module:2:10:comparison-swapped",
        "some.module:2:12:constant-changed",
        "some.module:3:16:return-none",
    ]


def test_each_has_an_id_of_its_own_by_which_it_is_found() -> None:
    assert len({mutant.id for mutant in ALL}) == len(ALL) > 1000
    assert mutant_of(ALL[-1].id) == ALL[-1]
    for id_ in ("bus.hub:1:1:condition-true", "no.module:1:1:condition-true"):
        with pytest.raises(KeyError, match=re.escape(f"there is no mutant {id_}")):
            mutant_of(id_)


def test_a_person_is_shown_the_line_before_and_after() -> None:
    text = b"x = 1\nif (\n    a\n    and b\n):\n    c()\n"
    shown = {mutant.operator: mutant.diff(text) for mutant in mutants("tiny", text)}
    assert shown["and-or-swapped"] == ("and b", "or b")
    assert shown["condition-true"] == ("a and b", "True")
    assert shown["call-dropped"] == ("c()", "pass")


def test_it_knows_the_lines_of_its_statement() -> None:
    text = b"def f(\n    a=1,\n):\n    if (\n        a\n        and b\n    ):\n        c(\n            2\n        )\n"
    found = {(mutant.line, mutant.operator): mutant.lines for mutant in mutants("tiny", text)}
    assert found[2, "constant-changed"] == range(1, 4)
    assert found[6, "and-or-swapped"] == range(4, 8)
    assert found[9, "constant-changed"] == range(8, 11)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("'''What this is.'''", "docstrings"),
        ("class A:\n    a = b\n    '''What this is.'''", "docstrings"),
        ("def f(a: 'A') -> 'B': pass", "types"),
        ("A: TypeAlias = 'B'", "types"),
        ("class A(Protocol):\n    a = 1", "types"),
        ("class A(Protocol[T]):\n    a = 1", "types"),
        ("if TYPE_CHECKING:\n    a()", "types"),
        ("__slots__ = ('a', 'b')", "types"),
        ("a = cast('A', b)", "types"),
        ("assert a == 1", "assertions"),
        ("for a in zip(b, c, strict=True): pass", "assertions"),
        ("class A:\n    def __repr__(self): return a", "representations"),
        ("_log.exception('failed')", "logging"),
        ("log_event(_log, logging.INFO, 'opened', peer=a if b else c)", "logging"),
        ("if a == 1:\n    log_event(_log)", "logging"),
        ("raise ContractError(f'{a}' if b else 'c')", "start-up"),
        ("if a == 1:\n    raise ContractError(b)", "start-up"),
        ("a = 'a sentence'", "words"),
        ("a = f'there is no {b}'", "words"),
    ],
)
def test_what_no_client_could_see_is_left_out(text: str, rule: str) -> None:
    assert {mutant.unobservable for mutant in mutants("tiny", text.encode())} == {rule}


@pytest.mark.parametrize(
    "text",
    [
        "class A(asyncio.Protocol):\n    a = 1",
        "a = cast('A', b if c else d)",
        "if a:\n    log_event(_log)\n    b()",
        "if a:\n    log_event(_log)\nelse:\n    b()",
        "if a:\n    raise ValueError",
        "a = 'word'",
    ],
)
def test_what_a_client_could_see_counts(text: str) -> None:
    assert None in {mutant.unobservable for mutant in mutants("tiny", text.encode())}


def test_each_module_is_mutated_or_said_not_to_be() -> None:
    for file in folder().rglob("*.py"):
        name = ".".join(file.relative_to(folder()).with_suffix("").parts)
        if file.stat().st_size and not (name.endswith("__init__") and "def " not in file.read_text()):
            packages = [name.rsplit(".", count)[0] for count in range(name.count(".") + 1)]
            assert (name in MODULES) != any(each in LEFT_OUT for each in packages), name


def test_the_rules_name_what_is_there() -> None:
    names = {f"{mutant.module}.{mutant.function}" for mutant in ALL}
    for name in UNSEEN:
        assert any(f"{each}.".startswith(f"{name}.") for each in names), name
    for function, line, operators, _ in MARKED:
        assert any(marked(mutant, function, line, operators) for mutant in ALL), (function, line)


def marked(mutant: Mutant, function: str, line: str, operators: str) -> bool:
    return (
        f"{mutant.module}.{mutant.function}".rstrip(".") == function
        and line in mutant.diff(source(mutant.module))[0]
        and re.fullmatch(operators, mutant.operator) is not None
    )


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of one module, which is not imported yet."""
    (tmp_path / "tiny_package").mkdir()
    (tmp_path / "tiny_package" / "__init__.py").touch()
    (tmp_path / "tiny_package" / "module.py").write_text("def is_small(size):\n    return size < 10\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "tiny_package"
    for name in [name for name in sys.modules if name.startswith("tiny_package")]:
        del sys.modules[name]


def test_a_mutant_runs_in_place_of_its_module(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (tmp_path / package / "module.py").read_bytes()
    # So that there is a compiled file of the original, which must not be taken.
    assert not importlib.import_module(f"{package}.module").is_small(10)
    del sys.modules[f"{package}.module"]
    (mutant,) = (each for each in mutants("module", text) if each.operator == "comparison-swapped")
    monkeypatch.setattr(sys, "meta_path", [MutantFinder(mutant, text, package), *sys.meta_path])
    assert importlib.import_module(f"{package}.module").is_small(10)
    assert (tmp_path / package / "module.py").read_bytes() == text


def test_a_sample_is_the_same_each_time_and_part_of_a_larger_one() -> None:
    assert drawn(ALL, 20, 1) == drawn(ALL[::-1], 20, 1) == drawn(ALL, 40, 1)[:20]
    assert drawn(ALL, 20, 1) != drawn(ALL, 20, 2)
    assert len(drawn(ALL, 0, 1)) == len(ALL)


def test_a_sample_stays_when_others_are_left_out() -> None:
    first, *others = drawn(ALL, 20, 1)
    assert drawn([each for each in ALL if each is not first], 19, 1) == others


def test_what_verify_never_executes_is_not_found_and_needs_no_run() -> None:
    mutant = next(each for each in ALL if each.lines == range(each.line, each.line + 1))
    lines = {mutant.module: {mutant.line - 1, mutant.line + 1}}
    (verdict,) = judged([mutant], lines, Settings(examples=1, seed=1, seconds=1), jobs=1)
    assert (verdict.mutant, verdict.outcome, verdict.remark) == (mutant, "not found", "verify never executes it")


def test_the_report_tells_what_was_not_found() -> None:
    outcomes: list[Outcome] = ["found", "not found", "stillborn", "found"]
    sample = [mutant for mutant in ALL if mutant.module == "bus.hub"]
    verdicts = [
        Verdict(mutant, outcome, f"why {outcome}", 1.0) for mutant, outcome in zip(sample, outcomes, strict=False)
    ]
    assert round(share(verdicts)) == 67
    report = told(verdicts, 1000, {"words": 2, "types": 3}, 7)
    assert report.splitlines()[:3] == [
        "1000 mutants; unobservable 5: types 3, words 2",
        "tried 4, seed 7: found 2, not found 1, stillborn 1",
        "share found: 67 %",
    ]
    before, after = sample[1].diff(source("bus.hub"))
    assert (
        f"{sample[1].id}  in {sample[1].function or 'the module'}  (why not found)\n    - {before}\n    + {after}"
        in report
    )
    assert sample[0].id not in report


def test_nothing_that_started_is_no_reason_to_fail() -> None:
    assert share([]) == 100
