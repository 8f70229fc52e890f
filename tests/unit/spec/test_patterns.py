"""Regular expressions of documents: which are taken, since they are matched in a time that has a bound."""

import time

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specbus.spec import ContractError
from specbus.spec.patterns import check_patterns
from specbus.spec.validators import compiled

LINEAR = [
    *(
        "^[a-z]+$",
        "(a+)+$",
        "(.*)*x",
        ".*.*.*=.*",
        "^(a|aa)+$",
        "(?:a|b)*?c",
        "(?<n>a)+",
        r"^\(?\d{3}\)?$",
        "[a++]",
        "a??",
    ),
    *("^(?!x-)", r"^(?=.*\d)(?=.*[a-z]).{8,}$", "^(?!(?:foo|bar)$)[a-z]+$", "^(?=a)(b|c)", "^(?=[(]|x)a", "^(?=a)", ""),
]
UNBOUNDED = [
    *("(?=.*b)c", "(?!.*b)a$", "(?=(a+)+$)b", "^((?!x).)*$", "^(?:(?=.*z)a)*b$", "a|^(?=.*b)c", "^(?!a)b.*|c.*d"),
    *(
        r"(a+)\1",
        r"^(a+)\1$",
        "^[a-z]+(?<!-)$",
        "(?<=a)b",
        "^(?=(?!.*x)a)b",
        "^(?=[^]|x])a|b.*c]",
        "^(?=a)(?i)b|(?=.*c)d",
    ),
]
NONE = ["(", "[z-a]", "a++", "a*+b", "a{2}{3}", "*a", "a**", r"\8", "(?>a)", "(?"]
AT = "test: properties.a.pattern: the pattern "


@pytest.mark.parametrize("pattern", LINEAR)
def test_what_has_a_bound_is_taken(pattern: str) -> None:
    check_patterns({"pattern": pattern, "patternProperties": {pattern: {}}}, "test")


@pytest.mark.parametrize("pattern", UNBOUNDED)
def test_what_has_none_is_refused_with_its_place(pattern: str) -> None:
    with pytest.raises(ContractError) as failure:
        compiled({"properties": {"a": {"pattern": pattern}}}, "test")
    assert str(failure.value).startswith((AT + pattern, "test: not a JSON Schema: properties.a.pattern: "))
    with pytest.raises(ContractError):
        compiled({"patternProperties": {pattern: {}}}, "test")


@pytest.mark.parametrize("pattern", NONE)
def test_what_is_none_is_refused_even_where_nothing_refers_to_it(pattern: str) -> None:
    with pytest.raises(ContractError, match="is no regular expression"):
        compiled({"$defs": {"unused": {"pattern": pattern}}}, "test")


def test_a_pattern_that_is_data_is_not_looked_at() -> None:
    check_patterns({"const": {"pattern": "("}, "default": {"pattern": "("}, "properties": {"pattern": {}}}, "test")


PARTS = st.sampled_from(
    [*"ab^$.|()[]*+?", "(?=", "(?!", "(?:", "(?<!", "[^a]", "[]", "{1,2}", ".*", r"\\1", r"\\(", "(a+)+"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PARTS, max_size=9).map("".join))
def test_what_is_taken_is_matched_soon(pattern: str) -> None:
    try:
        validator = compiled({"pattern": pattern}, "test")
    except ContractError:
        return
    assert isinstance(validator, jsonschema_rs.Draft201909Validator)
    start = time.process_time()
    for text in ("a" * 50_000 + "!", "ab" * 25_000, "b" * 50_000):
        validator.is_valid(text)
    assert time.process_time() - start < 0.5
