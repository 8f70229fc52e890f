"""The mutants of a module: what can be changed at one point of its source.

A mutant is an edit of the text, not of the syntax tree, so that all else of the file, its line numbers included, stays
as it is, and a person can be shown the line before and after. Operators:

    condition-true, condition-false, condition-negated   of `if`, `while`, `x if y else z`, comprehensions and guards
    call-dropped                                         a statement that is a call, awaited or not, becomes `pass`
    await-dropped                                        of a value
    constant-changed                                     a number grows by 1; True and False change places
    string-changed                                       a text gets one character more, at its end
    comparison-swapped                                   `<` and `<=`, `>` and `>=`, `==` and `!=`; `is`, `in` and `not`
    and-or-swapped
    return-none
    break-continue-swapped

What is written inside of f-strings is left alone, as Python 3.11 does not say where in the file it is.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.mutation.rules import Path, unobservable

_SWAPPED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
}
"""How each comparison is written, as a pattern, and what takes its place."""
_NEGATED_BY_SWAPPING = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)


@dataclass(frozen=True)
class Edit:
    """A change of a file, in bytes of it."""

    operator: str
    start: int
    end: int
    replacement: bytes

    def applied(self, source: bytes) -> bytes:
        """`source` with the change."""
        return source[: self.start] + self.replacement + source[self.end :]


@dataclass(frozen=True)
class Mutant:
    """A module with one edit."""

    module: str
    """Its name below the package: `bus.hub`."""
    line: int
    """Where the edit begins, counted from 1."""
    column: int
    """In bytes, counted from 1."""
    edit: Edit
    function: str
    """The class and function that it is in, `Fanout.flush`; empty outside of any."""
    lines: range
    """Those of the statement that it is in, without the statements inside."""
    unobservable: str | None
    """The rule by which no client could see it, if there is one."""

    @property
    def operator(self) -> str:
        """What is done."""
        return self.edit.operator

    @property
    def id(self) -> str:
        """What names it, as long as the file does not change before it."""
        return f"{self.module}:{self.line}:{self.column}:{self.operator}"

    def applied(self, source: bytes) -> bytes:
        """`source`, its module's, with the edit."""
        return self.edit.applied(source)

    def diff(self, source: bytes) -> tuple[str, str]:
        """The line before and after; lines, where the edit goes over several, are joined."""
        return _shown(source, self.edit)


def mutants(module: str, source: bytes) -> list[Mutant]:
    """All mutants of the module of that name and `source`, in the order of the file."""
    tree = ast.parse(source)
    text = _Text(source)
    found = []
    for path in _paths((tree,)):
        function = _function(path)
        for edit in _edits(path, text):
            line, column = text.place(edit.start)
            before, _ = _shown(source, edit)
            rule = unobservable(module, function, path, edit.operator, before)
            found.append(Mutant(module, line, column, edit, function, _lines(path), rule))
    return sorted(found, key=lambda each: (each.edit.start, each.operator))


class _Text:
    """A file's bytes, and where nodes are in them."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._starts = [0, *(found.end() for found in re.finditer(rb"\n", source))]

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where `node` begins and ends."""
        # `ast.parse` gives each node an end.
        end = self._at(node.end_lineno or 0, node.end_col_offset or 0)
        return self._at(node.lineno, node.col_offset), end

    def place(self, position: int) -> tuple[int, int]:
        """Line and column of a position, both from 1."""
        start = self.source.rfind(b"\n", 0, position) + 1
        return self._starts.index(start) + 1, position - start + 1

    def _at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column


def _paths(path: Path) -> Iterator[Path]:
    """Each node below the last of `path`, with all that it is in."""
    yield path
    if not isinstance(path[-1], ast.JoinedStr):
        for child in ast.iter_child_nodes(path[-1]):
            yield from _paths((*path, child))


def _edits(path: Path, text: _Text) -> Iterator[Edit]:
    """What can be changed about the last node of `path` itself."""
    node = path[-1]
    match node:
        case ast.If() | ast.While() | ast.IfExp():
            yield from _of_condition(node.test, text)
        case ast.comprehension():
            for condition in node.ifs:
                yield from _of_condition(condition, text)
        case ast.match_case(guard=ast.expr() as guard):
            yield from _of_condition(guard, text)
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield Edit("call-dropped", *text.span(node), b"pass")
        case ast.Await() if not isinstance(path[-2], ast.Expr):
            yield Edit("await-dropped", text.span(node)[0], text.span(node.value)[0], b"")
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield Edit("return-none", *text.span(value), b"None")
        case ast.Break():
            yield Edit("break-continue-swapped", *text.span(node), b"continue")
        case ast.Continue():
            yield Edit("break-continue-swapped", *text.span(node), b"break")
        case ast.JoinedStr():
            yield _longer(node, b' "~"', text)
        case ast.Constant():
            yield from _of_constant(node, text)
        case ast.Compare():
            operands = [node.left, *node.comparators]
            for left, operator, right in zip(operands, node.ops, node.comparators, strict=False):
                written, other = _SWAPPED[type(operator)]
                yield _between(left, written, other, right, "comparison-swapped", text)
        case ast.BoolOp():
            yield _and_or(node, text)


def _of_condition(node: ast.expr, text: _Text) -> Iterator[Edit]:
    start, end = text.span(node)
    for name, value in (("condition-true", True), ("condition-false", False)):
        if not (isinstance(node, ast.Constant) and node.value is value):
            yield Edit(name, start, end, repr(value).encode())
    swapping_does_it = isinstance(node, ast.Compare) and len(node.ops) == 1
    if not (swapping_does_it and isinstance(node.ops[0], _NEGATED_BY_SWAPPING)):  # type: ignore[attr-defined]
        yield Edit("condition-negated", start, end, b"not (" + text.source[start:end] + b")")


def _of_constant(node: ast.Constant, text: _Text) -> Iterator[Edit]:
    start, end = text.span(node)
    match node.value:
        case bool():
            yield Edit("constant-changed", start, end, repr(not node.value).encode())
        case int() | float():
            is_hexadecimal = text.source[start : start + 2].lower() == b"0x"
            more = hex(int(node.value) + 1) if is_hexadecimal else repr(node.value + 1)
            yield Edit("constant-changed", start, end, more.encode())
        case str():
            yield _longer(node, b' "~"', text)
        case bytes():
            yield _longer(node, b' b"~"', text)


def _longer(node: ast.expr, more: bytes, text: _Text) -> Edit:
    """`node`, a text, followed by another, which Python joins."""
    start, end = text.span(node)
    return Edit("string-changed", start, end, text.source[start:end] + more)


def _and_or(node: ast.BoolOp, text: _Text) -> Edit:
    """All operands of `node` joined with the other word. The edit is placed at the first word."""
    written, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    edits = [
        _between(left, written, other, right, "and-or-swapped", text)
        for left, right in zip(node.values, node.values[1:], strict=False)
    ]
    start, end = edits[0].start, edits[-1].end
    replacement, at = b"", start
    for edit in edits:
        replacement += text.source[at : edit.start] + edit.replacement
        at = edit.end
    return Edit("and-or-swapped", start, end, replacement)


def _between(left: ast.expr, written: str, other: str, right: ast.expr, operator: str, text: _Text) -> Edit:
    """What is `written` between two operands, replaced by `other`."""
    begin, end = text.span(left)[1], text.span(right)[0]
    found = re.search(written.encode(), text.source[begin:end])
    if found is None:
        raise ValueError(f"no {written} between operands, in line {left.lineno}")
    return Edit(operator, begin + found.start(), begin + found.end(), other.encode())


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _function(path: Path) -> str:
    """The name of what `path` leads into."""
    scopes = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return ".".join(node.name for node in path if isinstance(node, scopes))


def _lines(path: Path) -> range:
    """The lines of the innermost statement, up to the first that is inside of it."""
    statement = next(node for node in reversed(path) if isinstance(node, ast.stmt))
    inside = [child.lineno for child in ast.walk(statement) if isinstance(child, ast.stmt) and child is not statement]
    last = statement.end_lineno or statement.lineno
    return range(statement.lineno, max(min([last + 1, *inside]), statement.lineno + 1))


def _shown(source: bytes, edit: Edit) -> tuple[str, str]:
    """The line of `source` before and after `edit`, each as one line without indentation."""
    begin = source.rfind(b"\n", 0, edit.start) + 1
    end = source.find(b"\n", edit.end)
    end = len(source) if end < 0 else end
    before, after = source[begin:end], source[begin : edit.start] + edit.replacement + source[edit.end : end]
    first, second = (" ".join(lines.decode().split()) for lines in (before, after))
    return first, second
