"""What is kept of a delivered answer."""

import pytest

from tidegate.exchange.transcript import Transcript


@pytest.mark.parametrize("limit", [0, 1, 5, 6, 7, 100])
def test_the_size_is_counted_whatever_is_kept(limit: int) -> None:
    transcript = Transcript(limit)
    for piece in (b"abc", b"", b"def"):
        transcript.add(piece)
    assert transcript.size == 6
    assert transcript.body == (b"abcdef" if limit >= 6 else None)


def test_a_part_is_never_mistaken_for_the_whole() -> None:
    transcript = Transcript(4)
    transcript.add(b"abc")
    transcript.add(b"de")
    transcript.add(b"")
    assert transcript.body is None
