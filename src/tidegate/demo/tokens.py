"""Tokens by OpenAI's newest open vocabulary (o200k), offline.

The vocabulary takes about a second of processor time and 145 MB of memory, so it is loaded by the
first answer that needs it, beside that answer's stream.
"""

from collections.abc import Iterator
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

__all__ = ["Token", "count", "cut", "split"]

SLICE = 100_000
"""Characters encoded at once; the encoder refuses a million."""


_LOADING = Lock()


class Token(NamedTuple):
    """A token, or the few that only together are characters."""

    text: str
    size: int
    """How many they are."""


def count(text: str) -> int:
    """How many tokens a text has."""
    return sum(len(ids) for ids in _encode(text))


def cut(text: str, limit: int) -> str:
    """The beginning of a text that has no more than so many tokens."""
    left, kept = limit, []
    for token in split(text):
        left -= token.size
        if left < 0:
            break
        kept.append(token.text)
    return "".join(kept)


def split(text: str) -> list[Token]:
    """The tokens of a text; those that hold parts of one character are kept together."""
    decode = _encoding().decode_bytes
    tokens: list[Token] = []
    held: list[int] = []
    for ids in _encode(text):
        for one in ids:
            held.append(one)
            try:
                tokens.append(Token(decode(held).decode(), len(held)))
            except UnicodeDecodeError:
                continue
            held.clear()
    return tokens


def _encode(text: str) -> Iterator[list[int]]:
    encode = _encoding().encode_ordinary
    for start in range(0, len(text), SLICE):
        yield encode(text[start : start + SLICE])


def _encoding() -> Any:
    with _LOADING:  # the first answers may come together
        return _load()


@cache
def _load() -> Any:
    from bpe_openai import get_encoding

    return get_encoding("o200k_base")
