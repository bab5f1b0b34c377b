"""The end of an object that comes in pieces, wherever they are cut."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.protocols.object_end import ObjectEnd

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('a"\\{}[]\n é'), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)

OBJECTS = st.dictionaries(st.text(st.sampled_from('a"\\{}'), max_size=4), VALUES, max_size=4)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    value=st.dictionaries(st.text(st.sampled_from('a"\\{}'), max_size=4), VALUES, max_size=4), data=st.data()
)
def test_an_object_is_whole_at_its_last_brace_and_not_before(
    value: dict[str, object], data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces: list[str] = []
    end = ObjectEnd(pieces)
    for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True):
        assert not end.is_whole()
        pieces.append(text[start:stop])
        if stop == len(text):
            break
    assert end.is_whole()
    pieces.append(" \n")
    assert end.is_whole()


@pytest.mark.parametrize(
    "text", ["", "null", "[{}]", '"{}"', "{", '{"a":{}', '{"a":}', "{a}", "}{", '{"a": "}']
)
def test_what_is_no_object_is_never_whole(text: str) -> None:
    assert not ObjectEnd([text]).is_whole()
    assert not ObjectEnd(list(text)).is_whole()
