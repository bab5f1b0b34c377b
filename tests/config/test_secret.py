"""A key is never seen by accident."""

import copy
import pickle

import msgspec
import pytest
from msgspec import Struct

from tidegate.config import Secret

KEY = "sk-proj-1234567890abcdef7a92"


class Holder(Struct):
    key: Secret


SHOWS = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "format with a width": "{!r:>40}".format,
    "percent": "%s".__mod__,
    "in a struct": lambda secret: repr(Holder(secret)),
    "in a list": lambda secret: str([secret]),
}


@pytest.mark.parametrize("show", SHOWS.values(), ids=SHOWS.keys())
def test_no_part_of_a_secret_is_shown(show) -> None:
    shown = show(Secret(KEY))
    assert "Secret(…)" in shown
    assert not any(KEY[start : start + 4] in shown for start in range(len(KEY) - 3))


@pytest.mark.parametrize("write", [msgspec.json.encode, msgspec.to_builtins, pickle.dumps])
def test_a_secret_cannot_be_written_down(write) -> None:
    with pytest.raises(TypeError) as caught:
        write(Secret(KEY))
    assert KEY not in str(caught.value)


def test_a_copy_of_a_secret_is_the_secret() -> None:
    secret = Secret(KEY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"key": secret})["key"] is secret


def test_a_secret_does_not_change() -> None:
    secret = Secret(KEY)
    with pytest.raises(AttributeError):
        secret._value = "other"
    assert secret.reveal() == KEY


def test_equal_secrets_are_equal_and_others_are_not() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert hash(Secret(KEY)) == hash(Secret(KEY))
    assert Secret(KEY) != Secret(KEY + "x")
    assert Secret(KEY) != KEY
    assert Secret("schlüssel") != Secret("schlussel")


@pytest.mark.parametrize(
    ("key", "masked"),
    [
        (KEY, "sk-…7a92"),
        ("AIzaSyA1234567890abcd", "…abcd"),
        ("xai-1234567890123456", "xai-…3456"),
        ("fifteen-letters", "…"),
        ("sixteen--letters", "…ters"),
        ("short", "…"),
        ("", "…"),
    ],
)
def test_the_masked_form_shows_at_most_four_characters_and_none_of_a_short_key(key, masked) -> None:
    assert Secret(key).masked() == masked
