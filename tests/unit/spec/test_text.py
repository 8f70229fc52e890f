"""Foreign text in a line for a person."""

import sys
import unicodedata

import pytest

from specbus.cli.errors import Failed
from specbus.contract.phrasing import quoted
from specbus.spec import ContractError
from specbus.spec.text import printable

CONTROLS = ("\x1b", "\x07", "\n", "\r", "\t", "\x7f", "\x80", "\x9b", "\x9d", "\u2028", "\u2029", "\u202e", "\u2066")
FORMATS = ("\u200b", "\u200f", "\ufeff", "\u00ad", "\U000e0001", "\ud800", "\u0085", "\u00a0")


def test_what_a_terminal_obeys_is_escaped() -> None:
    for each in (*CONTROLS, *FORMATS):
        assert printable(f"a{each}b").isascii()
        assert printable(f"a{each}b") == "a" + each.encode("unicode_escape").decode() + "b"


def test_text_stays() -> None:
    assert printable('naïve [b]日本[/] "x" \\ 🎉') == 'naïve [b]日本[/] "x" \\ 🎉'


def test_no_control_of_any_kind_comes_through() -> None:
    obeyed = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    all_of_them = [each for each in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(each) in obeyed]
    assert len(all_of_them) > 2000
    assert printable("".join(all_of_them)).isascii()


@pytest.mark.parametrize("character", [*CONTROLS, *FORMATS])
def test_all_that_quotes_foreign_text_escapes_alike(character: str, capsys: pytest.CaptureFixture[str]) -> None:
    escaped = printable(character)
    assert quoted(character) == f'"{escaped}"'
    assert str(ContractError(character)) == escaped
    Failed(f"<{character}>").show()
    assert capsys.readouterr().err == f"specbus: <{escaped}>\n"
