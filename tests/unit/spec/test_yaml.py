"""YAML as the core schema of its version 1.2 has it, in what JSON can hold."""

import contextlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specbus.spec import ContractError, yaml

STRINGS = [
    "NO",
    "no",
    "No",
    "yes",
    "Yes",
    "YES",
    "on",
    "On",
    "off",
    "OFF",
    "y",
    "n",
    "Y",
    "N",
    "12:30",
    "1:30:00",
    "190:20:30",
    "0b101",
    "1_000",
    "0x",
    "0o",
    "0o8",
    "-0x1F",
    "+0o7",
    "0X1F",
    "0O7",
    "0xG",
    "2025-08-25",
    "2025-08-25T10:00:00Z",
    "1.2.3",
    "1e",
    "1e+",
    "e3",
    ".e3",
    ".",
    "..",
    "+",
    "=",
    "nULL",
    "TRue",
    "tRUE",
    "+.nan",
    "-.NaN",
    ".iNF",
    "inf",
    "nan",
    "NaN",
    "Infinity",
    "0.1.0",
    "1e3.5",
    "12e03x",
    "0x1F.5",
    "<<",
]


@pytest.mark.parametrize("text", STRINGS)
def test_what_the_core_schema_does_not_list_is_a_string(text: str) -> None:
    assert yaml.loads(f"a: {text}") == {"a": text}
    assert yaml.loads(f"[{text}]") == [text]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("null", None), ("Null", None), ("NULL", None), ("~", None), ("", None)),
        *(("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False)),
        *(("0", 0), ("010", 10), ("-010", -10), ("+12", 12), ("007", 7), ("08", 8), ("-0", 0)),
        *(("0o10", 8), ("0o0", 0), ("0x1F", 31), ("0x1f", 31), ("0xDEADBEEF", 3735928559)),
        *(("1e3", 1000.0), ("1E+3", 1000.0), ("+12e03", 12000.0), ("-2E-2", -0.02), ("0.", 0.0), (".5", 0.5)),
        *(("-.5", -0.5), ("12.3015e+05", 1230150.0), ("1.0", 1.0), ("0e0", 0.0), ("685.230_15", "685.230_15")),
        ("9" * 400, int("9" * 400)),
    ],
)
def test_a_plain_scalar_has_the_type_of_the_core_schema(text: str, value: object) -> None:
    found = yaml.loads(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["null", "true", "12", "0x1F", "1e3", ".inf", "~", "", "<<", "NO"])
@pytest.mark.parametrize("quote", ["'{}'", '"{}"', "!!str '{}'", "!!str {}"])
def test_what_is_quoted_or_tagged_is_text(text: str, quote: str) -> None:
    assert yaml.loads(f"a: {quote.format(text)}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("!!int '5'", 5), ("!!int 0o17", 15), ("!!float 5", 5.0), ("!!bool 'true'", True), ("!!null ''", None)],
)
def test_a_tag_says_the_type(text: str, value: object) -> None:
    found = yaml.loads(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", [".inf", "-.INF", "+.Inf", ".nan", ".NaN", ".NAN", "1e400", "!!float .inf", "-1e999"])
def test_a_number_that_json_does_not_have_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ContractError, match=r"^line 2 \S+ has no form in JSON$"):
        yaml.loads(f"a: 1\nb: {text}")


@pytest.mark.parametrize("text", ["!!int x", "!!bool yes", "!!float x", "!!null x", "!!int 1_0", f"!!int {'9' * 5000}"])
def test_a_tag_that_does_not_fit_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ContractError) as failure:
        yaml.loads(f"a: 1\nb: {text}")
    assert str(failure.value).startswith("line 2 ")
    assert len(str(failure.value)) < 100


@pytest.mark.parametrize("key", ["!custom k", "!!binary aGk=", "!!set x"])
def test_a_key_with_another_tag_is_refused(key: str) -> None:
    with pytest.raises(ContractError, match=r"^line 1 could not determine a constructor for the tag "):
        yaml.loads(f"{key}: 1")


def test_an_empty_text_is_null() -> None:
    assert yaml.loads("") is None
    assert yaml.loads("# nothing\n---\n") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}", {"x": 1, "y": 3}),
        ("a: &a {x: 1, y: 2}\nb: {y: 3, <<: *a}", {"x": 1, "y": 3}),
        ("a: &a {x: 1}\nc: &c {x: 2, z: 3}\nb: {<<: [*a, *c]}", {"x": 1, "z": 3}),
        ("a: &a {x: 1}\nc: &c {<<: *a, z: 3}\nb: {<<: *c}", {"x": 1, "z": 3}),
        ("b: {<<: {x: 1}}", {"x": 1}),
        ("b: {<<: []}", {}),
        ("b: {'<<': 1}", {"<<": 1}),
    ],
)
def test_a_merge_key_brings_fields_that_are_not_there(text: str, value: object) -> None:
    assert yaml.loads(text)["b"] == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: {<<: 1}", "line 2 << must have a mapping, or several"),
        ("a: 1\nb: {<<: [[]]}", "line 2 << must have a mapping, or several"),
        ("a: &a {x: 1}\nb: {<<: *a, <<: *a}", 'line 2 the key "<<" stands twice'),
        ("a: &a\n  <<: *a", "line 1 found unconstructable recursive node"),
        ("a: &a {b: *a}", "line 1 found unconstructable recursive node"),
    ],
)
def test_a_merge_or_alias_that_makes_no_sense_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ContractError) as failure:
        yaml.loads(text)
    assert str(failure.value) == problem


def laughs(levels: int, width: int = 10) -> str:
    """Aliases of aliases: `width` to the power of `levels` values."""
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        laughs(30),
        laughs(30).replace("[", "{x: [").replace("]", "]}"),
        "a: &a " + "x" * 100_000 + "\nb: [" + "*a, " * 1000 + "]",
        "a0: &a0 {x: 1}\n" + "\n".join(f"a{n}: &a{n} {{l: *a{n - 1}, r: *a{n - 1}}}" for n in range(1, 100)),
    ],
    ids=["lists", "mappings", "long text", "doubling"],
)
def test_a_billion_laughs_are_refused_at_once(text: str) -> None:
    start = time.process_time()
    with pytest.raises(ContractError, match=r"^line \d+ too large once its aliases are expanded$"):
        yaml.loads(text)
    assert time.process_time() - start < 5


def merges(levels: int, fields: int, width: int) -> str:
    """Merges of merges: `levels` mappings, the first of so many fields, each merging the one before `width` times."""
    lines = ["a0: &a0 {" + ", ".join(f"k{field}: 1" for field in range(fields)) + "}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * width)}]}}" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        merges(3, 400, 400),
        "a: &a {"
        + ", ".join(f"k{n}: 1" for n in range(2_000))
        + "}\n"
        + "\n".join(f"b{n}: {{<<: *a}}" for n in range(200)),
        "\n".join(["a0: &a0 {k: 1}", *(f"a{n}: &a{n} {{k{n}: 1, <<: *a{n - 1}}}" for n in range(1, 1_000))]),
    ],
    ids=["the same often", "the same in many", "a chain"],
)
def test_merges_are_bounded_as_aliases_are(text: str) -> None:
    with pytest.raises(ContractError, match=r"^line \d+ too large once its aliases are expanded$"):
        yaml.loads(text)


def test_merges_that_double_and_stay_small_are_taken() -> None:
    assert yaml.loads(merges(60, 1, 2))["a59"] == {"k0": 1}


def test_a_document_has_a_most_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "MAX_VALUES", 50)
    with pytest.raises(ContractError, match=r"^line 1 more than 50 values$"):
        yaml.loads("[" + "a," * 101 + "]")


@pytest.mark.parametrize("text", ["%YAML 1." + "9" * 5000 + "\n---\na", '"\\UFFFFFFFF"', "0x" + "f" * 5000])
def test_a_number_that_python_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match=r"too large|too many digits"):
        yaml.loads(text)


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from([*"[]{}:,-?&*!|>%@`#'\"\\ \n\t", "<<", "a", "1", "\\U", "&a ", "*a", "%YAML 1.", "---"])
    ).map("".join)
)
def test_whatever_is_no_yaml_costs_no_other_error(text: str) -> None:
    with contextlib.suppress(ContractError):
        yaml.loads(text)


def test_aliases_that_stay_small_are_taken() -> None:
    assert yaml.loads(laughs(3))["a2"] == [[["lol"]] * 10] * 10


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 5000 + "a", "{a: " * 5000, "a: " + "[" * 300 + "]" * 300])
def test_bottomless_nesting_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match=r"^line 1 nested more than 200 levels deep$"):
        yaml.loads(text)


def test_nesting_is_taken_up_to_the_maximum() -> None:
    assert yaml.loads("[" * yaml.MAX_DEPTH + "]" * yaml.MAX_DEPTH)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{\n\t"a":\t1,\n\t"b": [1,\t2]\n}', {"a": 1, "b": [1, 2]}),
        ("a:\tb\nc: d\t# e", {"a": "b", "c": "d"}),
        (r'"\/\ud83d\ude00"', "/😀"),
        ('{"a":{"b":[1,2.5e1,null,true,""]}}', {"a": {"b": [1, 25.0, None, True, ""]}}),
        ("%YAML 1.2\n---\na: NO", {"a": "NO"}),
    ],
)
def test_json_is_yaml(text: str, value: object) -> None:
    assert yaml.loads(text) == value


def test_tabs_do_not_indent() -> None:
    with pytest.raises(ContractError, match=r"^line 2 found character '\\t' that cannot start any token$"):
        yaml.loads("a:\n\tb: 1")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (r'a: "\ud800"', "line 1 an escape is half a character (a lone surrogate)"),
        ('"a\\nb": 1\n"a\\nb": 2', r'line 2 the key "a\nb" stands twice'),
        ("a: 1\nb: \x00", "line 2 a character that YAML does not have: U+0000"),
        ("a: 1\n---\nb: 2", "line 2 but found another document"),
    ],
)
def test_what_is_no_document_is_told_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(ContractError) as failure:
        yaml.loads(text)
    assert str(failure.value) == problem


PIECES = [
    *"[]{},:-?&*!|>'\"%@`#~ \n\t\\",
    "a",
    "&a",
    "*a",
    "<<",
    "!!int",
    "0x1",
    "1e9",
    ": ",
    "- ",
    "\ud7ff",
    "é",
    "\x85",
]


@settings(max_examples=1500)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_whatever_the_text_is_there_is_a_value_or_one_line(text: str) -> None:
    try:
        value = yaml.loads(text)
    except ContractError as error:
        line = str(error)
        assert line.startswith("line ")
        assert line.isprintable()
    else:
        json.dumps(value, allow_nan=False).encode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    # An implicit key has at most 1,024 characters (YAML 1.2.2, 7.4.2), of which an escaped one may take 12.
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=80), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300)
@given(VALUES)
def test_every_json_text_is_read_as_json_has_it(value: object) -> None:
    assert yaml.loads(json.dumps(value)) == value
