"""Names are bounded in length and number, and no cache keeps what a client made up."""

import gc
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from running import parse_config
from tidegate.config import MAX_CANDIDATES, Config, ConfigError, ModelConfig, ProviderConfig
from tidegate.exchange.request import header_value
from tidegate.protocols.errors import InvalidRequest
from tidegate.providers import ModelRegistry
from tidegate.providers.families import profile_of
from tidegate.providers.limits import KEPT_NAME, MAX_NAME, MAX_NAMES

LONG = "m" * (MAX_NAME + 1)
LONGEST = "together/" + "m" * (MAX_NAME - 9)
MANY = [f"together/{number}" for number in range(MAX_NAMES + 1)]


def make(count: int = 1) -> ModelRegistry:
    """A registry with so many providers of one kind."""
    names = ["together", *(f"together-{number}" for number in range(1, count))]
    return ModelRegistry(Config(providers={name: ProviderConfig(kind="together") for name in names}))


REFUSED: dict[str, tuple[str, Any, list[str], str]] = {
    "a long name": (LONG, None, [], "model"),
    "a control character": ("together/m\x1b[2J", None, [], "model"),
    "a line break": ("together/m\r\n", None, [], "model"),
    "a line separator": ("together/m\u2028", None, [], "model"),
    "half a surrogate pair": ("together/m\ud800", None, [], "model"),
    "a long name with preferences": (LONG, {}, [], "model"),
    "a long name with fallbacks": (LONG, None, ["together/m"], "model"),
    "a long provider": ("m", LONG, [], "provider"),
    "a long fallback": ("together/m", None, ["together/n", LONG], "models.1"),
    "a control character in a fallback": ("together/m", None, ["\x00"], "models.0"),
    "many fallbacks": ("together/m", None, MANY, "models"),
    "a long name in an order": ("together/m", {"order": ["x", LONG]}, [], "provider.order.1"),
    "many in an order": ("together/m", {"order": MANY}, [], "provider.order"),
    "many in only": ("together/m", {"only": MANY}, [], "provider.only"),
    "many that are ignored": ("together/m", {"ignore": MANY}, [], "provider.ignore"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_plausible_name_is_refused_by_its_field(case: str) -> None:
    model, provider, fallbacks, param = REFUSED[case]
    with pytest.raises(InvalidRequest) as caught:
        make().resolve(model, provider, fallbacks)
    assert (caught.value.status, caught.value.param) == (400, param)
    assert len(caught.value.message) < 200
    limit = MAX_NAMES if "many" in case else MAX_NAME
    assert str(limit) in caught.value.message or "control characters" in caught.value.message


def test_names_up_to_the_limit_are_served() -> None:
    for wish in (None, "together", {"order": ["together"] * MAX_NAMES}):
        [found, *_] = make().resolve(LONGEST, wish, []).candidates
        assert LONGEST.endswith(found.model)


def test_names_that_are_given_twice_are_tried_once() -> None:
    found = make().resolve("together/m", None, ["together/m", "together/n", "together/n"]).candidates
    assert [one.model for one in found] == ["m", "n"]


@pytest.mark.parametrize(
    ("provider", "fallbacks"),
    [(None, []), ("together", []), ({}, []), ({"order": ["together"]}, []), (None, MANY[:MAX_NAMES])],
)
def test_a_request_has_a_bounded_number_of_candidates(
    provider: str | Mapping[str, Any] | None, fallbacks: list[str]
) -> None:
    assert len(make(MAX_CANDIDATES + 5).resolve("together/m", None).candidates) == 1
    registry = ModelRegistry(
        Config(
            providers={f"t{number}": ProviderConfig(kind="together") for number in range(30)},
            models={"all": ModelConfig(candidates=tuple(f"t{number}/m" for number in range(20)))},
        )
    )
    found = registry.resolve("together/m" if provider != "together" else "m", provider, fallbacks).candidates
    assert 1 <= len(found) <= MAX_CANDIDATES
    assert len(registry.resolve("all", None, ["together/x", "together/y"]).candidates) == MAX_CANDIDATES


def test_a_name_in_the_file_has_a_bounded_number_of_candidates() -> None:
    provider = '[providers.t]\nkind = "together"\napi_key = "sk-upstream-0123456789"\n'
    names = ", ".join(f'"t/{number}"' for number in range(MAX_CANDIDATES + 1))
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{provider}[models.m]\ncandidates = [{names}]\n")
    [line] = caught.value.lines
    assert "models.m.candidates: at most 20 candidates are allowed, got 21" in line


class Name(str):
    """A text whose end can be noticed."""


def ask_registry(name: str) -> None:
    SHARED.resolve(name)


def ask_for_fallbacks(name: str) -> None:
    SHARED.resolve("together/m", None, [name])


def ask_for_provider(name: str) -> None:
    SHARED.resolve("m", name)


SHARED = make()
KEEPERS: list[Callable[[str], object]] = [
    ask_registry,
    ask_for_fallbacks,
    ask_for_provider,
    profile_of,
    header_value,
]


@pytest.mark.parametrize("keep", KEEPERS)
@pytest.mark.parametrize("length", [KEPT_NAME + 1, MAX_NAME, MAX_NAME + 1, 1_000_000])
def test_no_cache_keeps_a_long_name(keep: Callable[[str], object], length: int) -> None:
    name = Name("together/".ljust(length, "m"))
    gone = weakref.ref(name)
    try:
        keep(name)
    except InvalidRequest as error:
        assert length > MAX_NAME or keep is ask_for_provider
        error.__traceback__ = None
    del name
    gc.collect()
    assert gone() is None


def test_a_short_name_is_kept() -> None:
    """Else the test above could not fail."""
    name = Name("together/a-name-of-its-own")
    gone = weakref.ref(name)
    ask_registry(name)
    del name
    gc.collect()
    assert gone() is not None
