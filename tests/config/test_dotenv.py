"""`.env` files are read as python-dotenv and docker compose read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.config.dotenv import Entry, parse_dotenv

LINES = {
    "plain": ("A=b", "b"),
    "spaces": ("  A = b c  ", "b c"),
    "export": ("export A=b", "b"),
    "nothing": ("A=", ""),
    "only a name": ("A", ""),
    "a comment behind": ("A=b # c", "b"),
    "a number sign within": ("A=b#c", "b#c"),
    "nothing but a comment": ("A= # c", ""),
    "double quotes": ('A="b # c"  # d', "b # c"),
    "escapes": (r'A="b\n\"c\"\\ \x"', 'b\n"c"\\ \\x'),
    "single quotes": (r"A='b\n # c'", r"b\n # c"),
    "a text over lines": ('A="b\nc"', "b\nc"),
    "an equals sign": ("A=b=c==", "b=c=="),
    "a dollar sign": ("A=$HOME${X}", "$HOME${X}"),
    "windows lines": ("A=b\r", "b"),
}


@pytest.mark.parametrize(("line", "value"), LINES.values(), ids=LINES.keys())
def test_a_line_has_its_value(line, value) -> None:
    assert list(parse_dotenv(line)) == [Entry("A", value, 1)]


def test_entries_know_their_lines() -> None:
    text = '# a comment\n\nA=1\nB="x\ny"\n  # more\nC=3\n'
    assert list(parse_dotenv(text)) == [Entry("A", "1", 3), Entry("B", "x\ny", 4), Entry("C", "3", 7)]


@pytest.mark.parametrize("line", ["=b", "A B=c", "1A=b", "A='b", "A='b' c", '{"json": 1}'])
def test_a_malformed_line_is_reported_and_the_rest_is_read(line) -> None:
    assert list(parse_dotenv(f"{line}\nZ=1\n")) == [Entry("", "", 1), Entry("Z", "1", 2)]


@given(st.text(alphabet="A=b'\"\\#\n $", max_size=30))
def test_no_text_is_too_odd(text) -> None:
    lines = [entry.line for entry in parse_dotenv(text)]
    assert lines == sorted(set(lines))
