"""The rest of a text is joined to its beginning without repeating or losing anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.protocols.continuation import CannotContinue, Joint, require_whole_characters

LONG = "Once upon a time there was a lighthouse keeper."
"""Longer than the least echo that is recognized from any service."""


def joined(delivered: str, rest: list[str], *, echoed: bool = False) -> str:
    """What the client has in the end."""
    beginning = delivered.rstrip()
    joint = Joint(beginning, delivered[len(beginning) :], echoed=echoed)
    text = delivered
    for piece in rest:
        text += joint.add(piece) if joint.waits else piece
    return text + (joint.close() if joint.waits else "")


@pytest.mark.parametrize(
    ("delivered", "rest", "whole"),
    [
        ("The tide", [" is high."], "The tide is high."),
        ("The tide ", [" is high."], "The tide is high."),  # repeated by the model
        ("The tide ", ["is high."], "The tide is high."),  # left out by the model
        ("The tide ", [" ", " is high."], "The tide  is high."),
        ("A list:\n\n", ["\n", "\n- one"], "A list:\n\n- one"),
        ("A list:\n\n", ["\n- one"], "A list:\n\n- one"),
        ("A list:\n", ["\n\n- one"], "A list:\n\n- one"),
        ("A list: ", ["\n\n- one"], "A list: \n\n- one"),  # other white space is new
        ("A list:", ["\n\n- one"], "A list:\n\n- one"),
        ("\n\n", ["\n\nHi"], "\n\nHi"),
        ("Done. ", [], "Done. "),
        ("Done. ", [" "], "Done. "),
        ("Done. ", ["\n"], "Done. \n"),
        ("ha ha ", ["ha ha"], "ha ha ha ha"),  # a short repetition is the text's own
        (LONG[:30], [LONG[:10]], LONG[:30] + LONG[:10]),
    ],
)
def test_white_space_at_the_joint(delivered: str, rest: list[str], whole: str) -> None:
    assert joined(delivered, rest) == whole


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("at", [1, 8, 9, len(LONG) - 1])
def test_the_echo_of_a_service_that_is_known_for_it_is_removed(at: int, size: int) -> None:
    pieces = [LONG[begin : begin + size] for begin in range(0, len(LONG), size)]
    assert joined(LONG[:at], pieces, echoed=True) == LONG


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_long_echo_is_removed_whoever_sends_it(size: int) -> None:
    whole = f"{LONG} He slept."
    pieces = [whole[begin : begin + size] for begin in range(0, len(whole), size)]
    assert joined(f"{LONG} ", pieces) == whole


def test_a_text_that_only_begins_like_its_beginning_is_kept() -> None:
    assert joined(f"{LONG} ", [LONG[:20], "x"]) == f"{LONG} {LONG[:20]}x"
    assert joined(f"{LONG} ", [LONG[:20]]) == f"{LONG} {LONG[:20]}"


@given(st.text(alphabet="ab \n\t", max_size=30), st.data())
def test_a_model_that_goes_on_exactly_is_joined_exactly(whole: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole)))
    size = data.draw(st.integers(1, 4))
    rest = whole[len(whole[:at].rstrip()) :]
    pieces = [rest[begin : begin + size] for begin in range(0, len(rest), size)]
    assert joined(whole[:at], pieces) == whole


def test_half_a_character_cannot_be_carried_on() -> None:
    whole = rb'data: {"t":"\ud83c\udf0a and \\ud83c"}' + b"\n\n"
    require_whole_characters(whole)
    require_whole_characters(rb'{"t":"\ud83c"}' + b"\n" + rb'{"t":"\udf0a"}')
    with pytest.raises(CannotContinue):
        require_whole_characters(whole + rb'data: {"t":"\ud83c"}')
