"""What `specbus pub` makes of the lines of its standard input."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbus.cli.payloads import MAX_BYTES, Bad, Texts, Values


def read(text: str | bytes, reader: Texts | Values | None = None) -> tuple[list[str], list[str]]:
    """The payloads of `text`, and what is told of the rest."""
    reader = reader or Values()
    lines = (text if isinstance(text, bytes) else text.encode()).removesuffix(b"\n").split(b"\n")
    found = [each for number, line in enumerate(lines, 1) for each in reader.feed(line, number)]
    found += reader.end()
    return (
        [each.text for each in found if not isinstance(each, Bad)],
        [str(each) for each in found if isinstance(each, Bad)],
    )


def test_each_line_is_a_value() -> None:
    assert read('1\n\n "a" \n{"a": 1.50}\r\n') == (["1", '"a"', '{"a": 1.50}'], [])


def test_a_value_may_span_lines_and_stays_as_it_is_written() -> None:
    first, second = '{\n  "a": [\n    1,\n\n    -2.50e3\n  ],\n  "b": {}\n}', "[\n]"
    assert read(f"{first}\n7\n{second}\n") == ([first, "7", second], [])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**53), 2**53)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.tuples(JSON, st.sampled_from([None, 0, 1, 4]), st.booleans()), max_size=5))
def test_any_values_in_any_layout_are_read(values: list[tuple[object, int | None, bool]]) -> None:
    texts = [json.dumps(value, indent=indent, ensure_ascii=ascii) for value, indent, ascii in values]
    assert read("\n".join(texts)) == (texts, [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("three", "line 2 is not JSON: expected"),
        ("NaN", "line 2 is not JSON: expected value"),
        ("[1] 2", "line 2 is not JSON: trailing characters"),
        ("{'a': 1}", "line 2 is not JSON: key must be a string"),
        ("[1}", "line 2 is not JSON: "),
        ("01", "line 2 is not JSON: "),
        ('"\\ud800"', "line 2 is not JSON: "),
        ('"a', "line 2 is not JSON: "),
        (b'"\xff"', "line 2 is not JSON: byte 2 of it, 0xff, is not UTF-8"),
        ("[" * 300 + "]" * 300, "line 2 is not JSON: recursion limit exceeded"),
        (b'"' + b"x" * MAX_BYTES + b'"', "line 2 is not JSON: it is larger than 16,777,216 bytes"),
    ],
)
def test_a_bad_line_is_told_and_the_others_are_read(line: str | bytes, reason: str) -> None:
    given = line if isinstance(line, bytes) else line.encode()
    payloads, told = read(b"1\n" + given + b"\n4")
    assert payloads == ["1", "4"]
    assert len(told) == 1
    assert told[0].startswith(reason)


def test_a_value_without_an_end_does_not_take_the_next() -> None:
    payloads, told = read('{"a": 1\n{"b": 2}\n[1,\n"c"\n')
    assert payloads == ['{"b": 2}']
    assert told == ["line 1 is not JSON: it has no end", "lines 3 to 4 are not JSON: it has no end"]


def test_the_rest_of_a_broken_value_is_passed_over_and_told() -> None:
    payloads, told = read('{\n  "a": 1\n  "b": 2,\n  "c": [\n    3\n  ]\n}\n4\n')
    assert payloads == ["4"]
    assert told == [
        "lines 1 to 3 are not JSON: expected a comma or the closing bracket in line 3",
        "lines 4 to 7 are passed over, as the rest of the same value",
    ]


@pytest.mark.parametrize("line", [b"[", b" 1,", b"  [1, 2,"])
def test_a_value_that_never_ends_is_given_up(line: bytes) -> None:
    reader = Values()
    assert list(reader.feed(b"[", 1)) == []
    line += b" " * (1 << 20)
    told = [each for number in range(2, 20) for each in reader.feed(line if line[:1] != b"[" else b" " + line, number)]
    assert [str(each) for each in told] == ["lines 1 to 17 are not JSON: it is larger than 16,777,216 bytes"]


def test_as_text_each_line_is_a_string() -> None:
    payloads, told = read(b'plain "text"\r\n\n {"a": 1} \n\xff\n\xc3\xa9', Texts())
    assert [json.loads(payload) for payload in payloads] == ['plain "text"', "", ' {"a": 1} ', "é"]
    assert told == ["line 4 is no text: byte 1 of it, 0xff, is not UTF-8"]
