"""The catalog's rows are possible, and there are enough of them."""

import re
from collections import Counter

import pytest

from cases import each
from tidegate.catalog import CAPABILITIES, CatalogModel, model_named, models, priced_model
from tidegate.catalog.prices import SELLERS
from tidegate.providers import kinds
from tidegate.providers.facts import abilities_of, facts_of

CHATS = [model for model in models() if model.type == "chat"]
REPLACED = [
    "openai",
    "anthropic",
    "mistral",
    "cohere",
    "gemini",
    "deepseek",
    "xai",
    "qwen",
    "ai21",
    "perplexity",
    "deepinfra",
    "together",
    "azure",
]
"""The kinds of providers of the gateways that Tidegate replaces."""


def test_there_are_150_chat_models_of_the_replaced_gateways_providers() -> None:
    counts = Counter(model.kind for model in CHATS)
    assert sum(counts[kind] for kind in REPLACED) >= 150
    assert all(counts[kind] >= 4 for kind in REPLACED), counts


@pytest.mark.parametrize("purpose", ["embedding", "image"])
def test_there_are_models_for_other_things(purpose: str) -> None:
    assert sum(model.type == purpose for model in models()) >= 10


def test_every_file_is_named_after_a_kind() -> None:
    assert {model.kind for model in models()} <= kinds().keys()
    assert SELLERS.keys() <= kinds().keys()


@each("model", models())
def test_a_row_is_possible(model: CatalogModel) -> None:
    assert model.label.strip() == model.label != ""
    assert model.description.endswith(".")
    assert set(abilities_of(model)) <= set(CAPABILITIES)
    assert len(set(abilities_of(model))) == len(abilities_of(model))
    assert "parallel_tools" not in model.capabilities or "tools" in model.capabilities
    assert model.cutoff is None or re.fullmatch(r"20[12]\d-(0[1-9]|1[0-2])", model.cutoff)
    for day in (model.released, model.retires):
        assert day is None or re.fullmatch(r"20[12]\d-(0[1-9]|1[0-2])-\d\d", day)
    assert (model.type == "embedding") == (model.outputs == ("embedding",))
    assert (model.type == "image") <= ("image" in model.outputs)
    assert model_named(model.kind, model.id.upper()) is model


@pytest.mark.parametrize(
    "model", [one for one in models() if one.prices or one.priced_as], ids=lambda model: model.id
)
def test_own_prices_stand_only_where_the_package_is_silent(model: CatalogModel) -> None:
    assert priced_model(model.kind, model.id) is None
    assert not (model.prices and model.priced_as)


def test_most_chat_models_have_a_price() -> None:
    silent = {"demo", "qwen", "deepinfra"}  # docs/models.md says why
    unpriced = set()
    for model in CHATS:
        found = priced_model(model.kind, model.priced_as or model.id)
        if not (model.prices or (found is not None and found.prices)):
            unpriced.add((model.kind, model.id))
    assert {f"{kind}/{name}" for kind, name in unpriced if kind not in silent} == UNPRICED


UNPRICED = {
    "groq/qwen/qwen3.6-27b",
    "mistral/glm-5-2",
    "mistral/voxtral-small-2507",  # sound is billed by the hour
    "mistral/voxtral-small-latest",
    "perplexity/sonar-deep-research",  # bills its citations, which nobody counts
}
"""Models of which nobody tells us the price. The list may only shrink."""


def test_facts_that_are_not_known_are_left_out() -> None:
    mini = model_named("openai", "gpt-4o-mini")
    large = model_named("mistral", "mistral-large-4")
    assert mini is not None
    assert large is not None
    assert facts_of(mini)["training_cutoff"] == "2023-10"
    assert "training_cutoff" not in facts_of(large)
    assert "max_output_tokens" not in facts_of(large)


@pytest.mark.parametrize(
    ("kind", "name", "efforts"),
    [
        ("openai", "gpt-4o", None),
        ("openai", "gpt-5.2", ("none", "low", "medium", "high", "xhigh")),
        ("openai", "o3", ("low", "medium", "high")),
        ("xai", "grok-4.3", ("none", "low", "medium", "high")),
        ("deepseek", "deepseek-v4-pro", ("none", "low", "high", "max")),
    ],
)
def test_whether_and_how_much_a_model_reasons_follows_its_profile(
    kind: str, name: str, efforts: tuple[str, ...] | None
) -> None:
    model = model_named(kind, name)
    assert model is not None
    assert ("reasoning" in abilities_of(model)) == bool(efforts)
    assert facts_of(model).get("reasoning_efforts") == efforts
