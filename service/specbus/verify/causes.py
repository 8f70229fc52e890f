"""Failures that are the same but for names and values: of one cause, as far as one can tell."""

import re

_LEFT_OUT = (
    # What was sent or received.
    (r"\{.*\}", "{}"),
    (r"\[.*\]", "[]"),
    # Quoted values; but the field that is missing is what is wrong.
    (r'"(?:[^"\\]|\\.)*"(?! is a required)', "VALUE"),
    (r"(?<!\w)'(?:[^'\\]|\\.)*'(?!\w)", "VALUE"),
    (r"\([^()]*\)", ""),
    # What Schemathesis adds of an operation's own.
    (r"\b(?:Documented|Defined \w+): .*", ""),
    # Header fields: what one is set to, and not which.
    (r"\b([A-Z][A-Za-z]*(?:-[A-Za-z]+)*): .*?(?=,| is | are | was |$)", r"\1: VALUE"),
    # Operations and paths.
    (r"\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT|QUERY) \S*[^\s,:;.]", "OPERATION"),
    (r"(?<![\w/.])/[^\s,:;]*[^\s,:;.]", "PATH"),
    # Names and ids.
    (r"\bverify-[0-9a-f]{8}-[\w.-]*", "NAME"),
    (r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "ID"),
    (r"\b(?=\w*\d)(?=\w*[a-z])[0-9a-f]{8,}\b", "ID"),
    # Numbers, but for those of a status or a close code, which are not the same to anybody.
    (
        r"(?<!answered with )(?<!connection with )(?<!not with )(?<!, not )(?<!\ba )(?<!\bthe )(?<![\w.])-?\d[\d.,]*",
        "N",
    ),
)
_EXPRESSIONS = [(re.compile(pattern, re.DOTALL), text) for pattern, text in _LEFT_OUT]
_MAX_READ = 2_000
"""Characters of a problem that are looked at."""


def cause_of(problem: str) -> str:
    """What stays of `problem` without names, numbers, ids, quoted values, operations and paths."""
    text = problem[:_MAX_READ]
    for expression, instead in _EXPRESSIONS:
        text = expression.sub(instead, text)
    return " ".join(text.split()).casefold()
