"""Which rows are the same model, and which names are no longer served."""

import re
from collections import defaultdict

import pytest

from tidegate.catalog import Retired, identity_of, models, retired, retired_name, serving_row
from tidegate.providers import kinds

DATED = re.compile(r"-20\d\d-?\d\d-?\d\d$|-\d{4}$")


def test_a_name_belongs_to_one_identity() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for row in models():
        for name in (row.id, *row.also):
            found[name.lower()].add(row.identity_name)
    assert {name: identities for name, identities in found.items() if len(identities) > 1} == {}


def test_rows_of_one_identity_are_of_one_type() -> None:
    types: dict[str, set[str]] = defaultdict(set)
    for row in models():
        types[row.identity_name].add(row.type)
    assert {name for name, found in types.items() if len(found) > 1} == set()


def test_no_kind_has_two_models_of_one_other_name() -> None:
    names = [(row.kind, name.lower()) for row in models() for name in (row.id, *row.also)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("identity", "served"),
    [
        ("llama-3.3-70b", {"together", "deepinfra", "groq", "openrouter", "bedrock", "vertex"}),
        ("gpt-4o", {"openai", "azure", "openrouter"}),
        ("claude-sonnet-4-5", {"anthropic", "bedrock", "vertex", "openrouter"}),
        ("gemini-2.5-flash", {"gemini", "vertex", "openrouter"}),
        ("deepseek-v4-pro", {"deepseek", "deepinfra", "openrouter"}),
        ("qwen3-235b-a22b-instruct-2507", {"qwen", "deepinfra", "openrouter", "vertex"}),
        ("gpt-oss-120b", {"together", "groq", "deepinfra", "fireworks", "openrouter", "bedrock", "vertex"}),
    ],
)
def test_the_kinds_that_serve_a_model_are_known(identity: str, served: set[str]) -> None:
    assert {kind for kind in kinds() if serving_row(kind, identity) is not None} == served


def test_every_name_of_a_model_leads_to_its_identity() -> None:
    names = ("llama-3.3-70b", "llama-3.3-70b-versatile", "META-llama/Llama-3.3-70B-Instruct-Turbo")
    assert {identity_of(name) for name in names} == {"llama-3.3-70b"}
    assert identity_of("claude-sonnet-4-5-20250929") == "claude-sonnet-4-5"
    assert identity_of("nobody-knows-it") is None


def test_of_several_rows_the_named_one_is_meant() -> None:
    full = serving_row("deepinfra", "llama-3.3-70b", "meta-llama/llama-3.3-70b-instruct")
    turbo = serving_row("deepinfra", "llama-3.3-70b")
    assert full is not None
    assert turbo is not None
    assert (full.id, full.quantization) == ("meta-llama/Llama-3.3-70B-Instruct", None)
    assert (turbo.id, turbo.quantization) == ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "fp8")


# --- retired names ---------------------------------------------------------------------------


def test_a_retired_name_is_there_once() -> None:
    names = [name.lower() for row in retired() for name in row.names]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("row", retired(), ids=lambda row: row.names[0])
def test_what_takes_a_names_place_is_served_by_all_who_retired_it(row: Retired) -> None:
    assert set(row.kinds) <= kinds().keys()
    assert retired_name(row.now) is None
    assert all(serving_row(kind, row.now) is not None for kind in row.kinds)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", row.since)
    assert row.source.startswith("https://")
    assert row.reason


@pytest.mark.parametrize("row", retired(), ids=lambda row: row.names[0])
def test_dated_names_are_never_replaced(row: Retired) -> None:
    assert [name for name in row.names if DATED.search(name)] == []


@pytest.mark.parametrize("row", retired(), ids=lambda row: row.names[0])
def test_no_kind_serves_what_it_has_retired(row: Retired) -> None:
    for name in row.names:
        identity = identity_of(name)
        assert identity is None or all(serving_row(kind, identity) is None for kind in row.kinds)
