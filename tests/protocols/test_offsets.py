"""Places in bytes and in characters say the same place."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.protocols.offsets import STRIDE, Offsets

TEXTS = st.text(alphabet=st.sampled_from("aä€😀\ud800"), max_size=3 * STRIDE)


@given(TEXTS)
def test_a_place_in_characters_is_the_size_of_the_text_before_it(text: str) -> None:
    offsets = Offsets(text)
    for place in range(len(text) + 1):
        assert offsets.byte_of(place) == len(text[:place].encode(errors="replace"))


@given(TEXTS)
def test_every_character_is_found_again_by_its_byte(text: str) -> None:
    offsets = Offsets(text)
    assert [offsets.character_of(offsets.byte_of(place)) for place in range(len(text) + 1)] == list(
        range(len(text) + 1)
    )


def test_a_place_inside_of_a_character_is_the_character() -> None:
    assert [Offsets("a€b").character_of(byte) for byte in range(6)] == [0, 1, 1, 1, 2, 3]


def test_places_outside_of_the_text_are_its_ends() -> None:
    offsets = Offsets("ä" * 1000)
    assert (offsets.byte_of(-5), offsets.byte_of(10**9)) == (0, 2000)
    assert (offsets.character_of(-5), offsets.character_of(10**9)) == (0, 1000)
