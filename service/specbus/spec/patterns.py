"""Regular expressions of documents, held to those that are matched in a time that grows as the text does.

Such an expression runs over what anybody sends, on the one thread that serves all. The engine (Rust's `regex`) is
linear for whatever is regular in the strict sense, `(a+)+$` and `.*.*=.*` included. Look-around and references back to
groups are not: for these it backtracks, or looks ahead to the end of the text from each of its places. Of them, what
is tried at one place only is taken: look-ahead right behind the `^` that an expression begins with.
"""

import functools
import itertools
import re
from collections.abc import Iterator

import jsonschema_rs

from specbus.spec import ContractError, Json
from specbus.spec.grammar import PLAIN, SCHEMA, fields

_TOKEN = re.compile(r"\\.|\[(?!\^?\])\^?(?:\\.|[^\]\\\[])+\]|\(\?[=!]|\{\d+(?:,\d*)?\}|.", re.DOTALL)
"""A part of an expression: an escape, a class, how a look-ahead begins, a count, or one character."""


def check_patterns(schema: Json, place: str) -> None:
    """Raise ContractError for an expression in `schema`, which stands at `place`, that is none or has no bound."""
    for steps, pattern in _patterns(schema):
        try:
            check_pattern(pattern)
        except ContractError as error:
            raise ContractError(f"{place}: {'.'.join(steps)}: {error}") from None


def check_pattern(pattern: str) -> None:
    """Raise ContractError if `pattern` is no regular expression, or one that has no bound."""
    if problem := _problem(pattern):
        shown = pattern if len(pattern) <= 100 else f"{pattern[:100]}..."
        raise ContractError(f"the pattern {shown} {problem}")


def _patterns(schema: Json) -> Iterator[tuple[list[str], str]]:
    """The expressions in `schema`, each with the names and indexes that lead to it."""
    waiting: list[tuple[Json, str, list[str]]] = [(schema, SCHEMA, [])]
    while waiting:
        node, kind, steps = waiting.pop()
        if kind == SCHEMA and isinstance(node, dict):
            if isinstance(pattern := node.get("pattern"), str):
                yield [*steps, "pattern"], pattern
            if isinstance(named := node.get("patternProperties"), dict):
                for pattern in named:
                    yield [*steps, "patternProperties"], pattern
        waiting += [
            (item, inner, [*steps, str(key)])
            for key, item, inner in fields(PLAIN, kind, node)
            if inner is not None and isinstance(item, dict | list)
        ]


@functools.lru_cache(1024)
def _problem(pattern: str) -> str:
    """What is wrong with `pattern`; "" if nothing is."""
    tokens = _TOKEN.findall(pattern)
    if not _compiles(pattern, jsonschema_rs.FancyRegexOptions()):
        return "is no regular expression (ECMA 262), or is too large"
    repeated = itertools.pairwise(tokens)
    if any(_is_quantifier(one) and _is_quantifier(other) and other != "?" for one, other in repeated):
        return "is no regular expression (ECMA 262): nothing stands before a repetition"
    if _is_linear(pattern) or _is_tried_once(tokens):
        return ""
    return "has no bound on its time: look-around must be look-ahead behind a first ^, such as ^(?!.*--)[a-z-]+$"


def _is_tried_once(tokens: list[str]) -> bool:
    """Whether the expression is `^`, look-ahead, and what is regular, which no alternative evades."""
    flags = any(tokens[at : at + 2] == ["(", "?"] and tokens[at + 2 : at + 3] != [":"] for at in range(len(tokens)))
    if tokens[0] != "^" or "[" in tokens or flags:  # a bracket that is left is of a class that may be read otherwise
        return False
    start = at = 1
    level = 0
    parts: list[str] = []
    while at < len(tokens) and (level or tokens[at] in ("(?=", "(?!")):
        level += (tokens[at][0] == "(") - (tokens[at] == ")")
        at += 1
        if level == 0:
            parts.append("".join(tokens[start + 1 : at - 1]))
            start = at
    rest = tokens[at:]
    for part in rest:
        level += (part == "(") - (part == ")")
        if part == "|" and level == 0:
            return False
    return not (rest and _is_quantifier(rest[0])) and all(map(_is_linear, [*parts, "".join(rest)]))


def _is_quantifier(token: str) -> bool:
    return token in ("*", "+", "?") or (token[0] == "{" and len(token) > 1)


def _is_linear(pattern: str) -> bool:
    return _compiles(pattern, jsonschema_rs.RegexOptions())


def _compiles(pattern: str, options: jsonschema_rs.FancyRegexOptions | jsonschema_rs.RegexOptions) -> bool:
    try:
        jsonschema_rs.Draft201909Validator({"pattern": pattern}, pattern_options=options)
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True
