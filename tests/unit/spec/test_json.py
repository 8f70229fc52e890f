"""JSON files, read strictly, with the line of what is wrong."""

import json as standard

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specbus.spec import ContractError, json


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{a: 1}", "line 1 not JSON: Expecting property name enclosed in double quotes (column 2)"),
        ('{"a": 1}\n{}', "line 2 not JSON: Extra data (column 1)"),
        ('{"a":\n NO}', "line 2 not JSON: Expecting value (column 2)"),
        ("", "line 1 not JSON: Expecting value (column 1)"),
        ('{"a": 1,\n"b": 2,\n"a": 3}', 'line 3 the key "a" stands twice'),
        ('{"a": 1, "b": {"x": 1,\n\n"x": 2}}', 'line 3 the key "x" stands twice'),
        ('{"a": 1,\n"\\u0061": 3}', 'line 2 the key "a" stands twice'),
        ('{"a": 1,\n"b": NaN}', "line 2 NaN is no number that JSON has or a program can hold"),
        ("[\n-Infinity]", "line 2 -Infinity is no number that JSON has or a program can hold"),
        ("[1,\n1e400]", "line 2 1e400 is no number that JSON has or a program can hold"),
        ('["x",\n"\\ud800"]', "line 2 an escape is half a character (a lone surrogate)"),
        ("[" * 201 + "]" * 201, "line 1 nested more than 200 levels deep"),
        ("[" * 100_000, "nested more than 200 levels deep"),
    ],
)
def test_what_is_no_json_is_told_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(ContractError) as failure:
        json.loads(text)
    assert str(failure.value) == problem


def test_an_integer_that_python_does_not_read_is_refused() -> None:
    with pytest.raises(ContractError, match=r"^line 1 9{40} is no number that "):
        json.loads("9" * 5000)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [{"a": 1}, {"a": 2}], "b": {"a": 3}}',
        '{"a": "b:[{,\\"", "b": "NaN"}',
        '["a", "a", {"a": "a"}]',
        '{"a:b": 1, "a": {":": ":"}}',
        '"\\ud83d\\ude00"',
        "1e300",
    ],
)
def test_what_only_looks_wrong_is_taken(text: str) -> None:
    assert json.loads(text) == standard.loads(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300)
@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_every_json_text_is_taken(value: object, indent: str | int | None, ascii_: bool) -> None:
    assert json.loads(standard.dumps(value, indent=indent, ensure_ascii=ascii_)) == value


@settings(max_examples=500)
@given(st.lists(st.sampled_from([*'[]{},:"\\ \n-+.', "1", "e", "NaN", '"a"', "null", "é"]), max_size=12).map("".join))
def test_whatever_the_text_is_there_is_a_value_or_one_line(text: str) -> None:
    try:
        value = json.loads(text)
    except ContractError as error:
        line = str(error)
        assert line.startswith("line ")
        assert line.isprintable()
    else:
        assert value == standard.loads(text)
