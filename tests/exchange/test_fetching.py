"""Where in a request the link stands that could not be fetched."""

import json

import pytest

from tidegate.exchange.fetching import path_of
from tidegate.upstream.allowed import NotFetched, is_public
from tidegate.upstream.download import parse_address


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"messages": [{"content": [{"text": "a"}, {"url": "x"}]}]}, "messages.0.content.1.url"),
        ({"a": {"b": ["x", "x"]}}, "a.b.0"),
        ({"a": "y"}, None),
    ],
)
def test_the_first_place_of_a_link_is_its_path(body: object, path: str | None) -> None:
    assert path_of("x", json.dumps(body).encode()) == path


def test_a_long_name_above_a_long_list_is_not_copied_for_each_element() -> None:
    body = json.dumps({"k" * 1_000_000: [{} for _ in range(20_000)] + ["x"]}).encode()
    place = path_of("x", body)
    assert place is not None
    assert place.endswith(".20000")


@pytest.mark.parametrize(
    "address", ["http://[]@", "http://[", "http://]", "http://[::1", "http://@", "http://:", "//"]
)
def test_what_is_no_address_is_not_fetched(address: str) -> None:
    with pytest.raises(NotFetched):
        parse_address(address, is_public)
