"""JSON in pieces: what is found does not depend on how it is split, and costs no more than its size."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.protocols.json_marks import JsonMarks
from tidegate.protocols.object_root import ValueReader
from tidegate.protocols.property_names import LONGEST_WRITTEN, KeyRestorer

TEXTS = st.text(st.sampled_from('ab"\\{}[],: é\n'), max_size=8)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def marks(pieces: list[str]) -> list[tuple[int, str]]:
    """The places in the whole text, with their characters."""
    found, before, reader = [], 0, JsonMarks()
    for piece in pieces:
        found += [(before + place, piece[place]) for place in reader.places(piece)]
        before += len(piece)
    return found


def expected(text: str) -> list[tuple[int, str]]:
    """The same, one character after another."""
    found, in_text, escaped = [], False, False
    for place, char in enumerate(text):
        if escaped:
            escaped = False
        elif in_text and char == "\\":
            escaped = True
        elif char == '"' or (not in_text and char in "{}[],"):
            in_text ^= char == '"'
            found.append((place, char))
    return found


@given(value=VALUES, size=st.integers(1, 5))
def test_every_split_finds_the_same(value: Any, size: int) -> None:
    text = json.dumps(value, ensure_ascii=False)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert marks([text]) == marks(pieces) == expected(text)


@pytest.mark.parametrize("char", ["a", "\\\\", " "])
def test_a_name_without_end_is_passed_on(char: str) -> None:
    reader = KeyRestorer({"a": "b"})
    pieces = ['{"', *([char] * 5_000), '": 1}']
    longest, passed = 0, 0
    for number, piece in enumerate(pieces):
        passed += len(reader.feed(piece))
        longest = max(longest, sum(map(len, pieces[: number + 1])) - passed)
    assert longest <= LONGEST_WRITTEN
    assert passed + len(reader.close()) == sum(map(len, pieces))


def test_a_value_in_many_pieces_arrives_piece_by_piece() -> None:
    reader = ValueReader()
    assert reader.feed('{"value": [') == "["
    for piece in ('"\\', '"', ",{", '"', "]"):
        assert reader.feed(piece) == piece
    assert reader.feed(', "x": 1}') == ""
