"""Several providers of one model are its candidates; retired names lead to what is served today."""

from typing import Any

import pytest

from tidegate.config import Config, ModelConfig, ProviderConfig
from tidegate.protocols.errors import ModelNotFound
from tidegate.providers import MaxPrice, ModelRegistry, Resolution

ADDRESSES = {"azure": "https://one.openai.azure.com"}
TURBO = "meta-llama/Llama-3.3-70B-Instruct-Turbo"


def make(*names: str, **models: ModelConfig) -> ModelRegistry:
    """A registry of providers: each is named after its kind, with a place behind it (`azure-west`)."""
    kinds = {name: name.partition("-")[0] for name in names}
    providers = {
        name: ProviderConfig(
            kind=kind, base_url=ADDRESSES.get(kind), region="us-east-1", project="p", location="global"
        )
        for name, kind in kinds.items()
    }
    return ModelRegistry(Config(providers=providers, models=models))


def served(resolution: Resolution) -> list[str]:
    return [f"{one.service.name} {one.model}" for one in resolution.candidates]


# --- by themselves ---------------------------------------------------------------------------

SAME_MODEL: dict[str, tuple[list[str], str, list[str]]] = {
    "an open model, in the order of the configuration": (
        ["together", "deepinfra", "groq", "openai"],
        "llama-3.3-70b",
        [f"together {TURBO}", f"deepinfra {TURBO}", "groq llama-3.3-70b-versatile"],
    ),
    "another order of the configuration": (
        ["groq", "together"],
        "llama-3.3-70b",
        ["groq llama-3.3-70b-versatile", f"together {TURBO}"],
    ),
    "the maker's own service first": (
        ["openrouter", "bedrock", "vertex", "anthropic"],
        "claude-sonnet-4-5",
        [
            "anthropic claude-sonnet-4-5",
            "openrouter anthropic/claude-sonnet-4.5",
            "bedrock global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "vertex claude-sonnet-4-5@20250929",
        ],
    ),
    "the regions of Azure": (
        ["azure-west", "azure-east", "openai"],
        "gpt-4o",
        ["openai gpt-4o", "azure-west gpt-4o", "azure-east gpt-4o"],
    ),
    "Google's two services": (
        ["vertex", "gemini"],
        "gemini-2.5-flash",
        ["gemini gemini-2.5-flash", "vertex gemini-2.5-flash"],
    ),
    "a provider's name for the model": (
        ["together", "groq"],
        "llama-3.3-70b-versatile",
        [f"together {TURBO}", "groq llama-3.3-70b-versatile"],
    ),
    "a dated name keeps its date where it is known": (
        ["anthropic", "bedrock"],
        "claude-haiku-4-5-20251001",
        ["anthropic claude-haiku-4-5-20251001", "bedrock global.anthropic.claude-haiku-4-5-20251001-v1:0"],
    ),
    "OpenAI's open model, which OpenAI does not serve": (
        ["openai", "together"],
        "gpt-oss-120b",
        ["together openai/gpt-oss-120b"],
    ),
    "one provider, its own name for the model": (["together"], "llama-3.3-70b", [f"together {TURBO}"]),
    "a model that the catalog does not know": (["openai", "openrouter"], "gpt-next", ["openai gpt-next"]),
}


@pytest.mark.parametrize("case", SAME_MODEL)
def test_all_providers_of_a_model_are_candidates(case: str) -> None:
    names, model, expected = SAME_MODEL[case]
    assert served(make(*names).resolve(model)) == expected


FIXED: dict[str, tuple[str, Any, list[str]]] = {
    "provider/model": ("groq/llama-3.3-70b-versatile", None, ["groq llama-3.3-70b-versatile"]),
    "provider/model, whatever the name": ("groq/llama-3.3-70b", None, ["groq llama-3.3-70b"]),
    "provider/model with a retired name": ("openai/gpt-4-turbo", None, ["openai gpt-4-turbo"]),
    "a provider beside the name": ("llama-3.3-70b", "groq", ["groq llama-3.3-70b-versatile"]),
    "a name in [models]": ("ours", None, ["groq llama-3.3-70b-versatile"]),
}


@pytest.mark.parametrize("case", FIXED)
def test_a_name_with_a_provider_is_not_widened(case: str) -> None:
    model, provider, expected = FIXED[case]
    ours = ModelConfig(candidates=("groq/llama-3.3-70b-versatile",))
    assert served(make("together", "groq", "openai", ours=ours).resolve(model, provider)) == expected


def test_claude_at_azure_does_not_offer_the_models_of_openai() -> None:
    providers = {
        "azure": ProviderConfig(kind="azure", base_url="https://one.services.ai.azure.com/anthropic"),
        "openai": ProviderConfig(kind="openai"),
    }
    assert served(ModelRegistry(Config(providers=providers)).resolve("gpt-4o")) == ["openai gpt-4o"]


# --- retired names ---------------------------------------------------------------------------

RETIRED: dict[str, tuple[list[str], str, list[str]]] = {
    "an alias": (["anthropic"], "claude-3-5-sonnet-latest", ["anthropic claude-sonnet-4-6"]),
    "a name without a date": (["anthropic"], "claude-3-opus", ["anthropic claude-opus-4-8"]),
    "behind a prefix": (["anthropic"], "anthropic-claude-3-opus", ["anthropic claude-opus-4-8"]),
    "with the others who serve what takes its place": (
        ["anthropic", "bedrock"],
        "claude-3-5-sonnet",
        ["anthropic claude-sonnet-4-6", "bedrock global.anthropic.claude-sonnet-4-6"],
    ),
    "of OpenAI": (["openai"], "gpt-3.5-turbo", ["openai gpt-5.6-terra"]),
    "of Google": (["gemini"], "gemini-1.5-pro", ["gemini gemini-3.8-flash"]),
    "of an open model": (["together"], "llama-3.1-70b", [f"together {TURBO}"]),
    "a provider's own": (["together"], "meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", [f"together {TURBO}"]),
}


@pytest.mark.parametrize("case", RETIRED)
def test_a_retired_name_leads_to_what_is_served_today(case: str) -> None:
    names, model, expected = RETIRED[case]
    found = make(*names).resolve(model)
    assert served(found) == expected
    assert {one.replaces for one in found.candidates} == {model}


STILL_SERVED: dict[str, tuple[list[str], str, list[str]]] = {
    "by another provider": (
        ["together", "deepinfra"],
        "llama-3.1-70b",
        ["deepinfra meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo"],
    ),
    "at Azure, which has its own dates": (["openai", "azure"], "gpt-3.5-turbo", ["azure gpt-35-turbo"]),
    "a dated name": (["anthropic"], "claude-3-opus-20240229", ["anthropic claude-3-opus-20240229"]),
    "a name of today": (["anthropic"], "claude-sonnet-4-5", ["anthropic claude-sonnet-4-5"]),
    "by a provider of other dates alone": (["openrouter"], "gpt-3.5-turbo", ["openrouter gpt-3.5-turbo"]),
}


@pytest.mark.parametrize("case", STILL_SERVED)
def test_a_name_that_is_served_is_not_replaced(case: str) -> None:
    names, model, expected = STILL_SERVED[case]
    found = make(*names).resolve(model)
    assert served(found) == expected
    assert {one.replaces for one in found.candidates} == {None}


def test_a_retired_name_at_a_provider_is_replaced_there() -> None:
    registry = make("anthropic", "openai", "openrouter")
    found = registry.resolve("claude-3-5-sonnet", "anthropic")
    assert [(one.model, one.replaces) for one in found.candidates] == [
        ("claude-sonnet-4-6", "claude-3-5-sonnet")
    ]
    elsewhere = registry.resolve("gpt-3.5-turbo", "openrouter")
    assert [(one.model, one.replaces) for one in elsewhere.candidates] == [("gpt-3.5-turbo", None)]


def test_the_operators_name_goes_before_the_table() -> None:
    mine = ModelConfig(candidates=("openai/gpt-5.6-luna",))
    assert served(make("openai", **{"gpt-3.5-turbo": mine}).resolve("gpt-3.5-turbo")) == [
        "openai gpt-5.6-luna"
    ]


# --- the request's preferences ---------------------------------------------------------------

ALL = ("together", "deepinfra", "groq")


def test_what_the_request_orders_stands_in_tiers() -> None:
    found = make(*ALL).resolve("llama-3.3-70b", {"order": ["groq"]})
    assert ([one.service.name for one in found.candidates], found.tiers) == (
        ["groq", "together", "deepinfra"],
        (1, 2),
    )
    several = make("azure-west", "azure-east", "openai").resolve("gpt-4o", {"order": ["azure", "openai"]})
    assert ([one.service.name for one in several.candidates], several.tiers) == (
        ["azure-west", "azure-east", "openai"],
        (2, 1),
    )


def test_without_a_rank_of_the_request_all_stand_together() -> None:
    registry = make(*ALL)
    for wish in (None, {}, {"only": ["groq", "together"]}, {"sort": "latency"}):
        assert registry.resolve("llama-3.3-70b", wish).tiers == ()


def test_fallbacks_stand_behind_unless_all_models_are_ordered_together() -> None:
    registry = make(*ALL)
    models = ("llama-3.3-70b", None, ["gpt-oss-120b"])
    assert registry.resolve(*models).tiers == (3, 3)
    by_model = registry.resolve(models[0], {"sort": {"by": "price"}}, models[2])
    across = registry.resolve(models[0], {"sort": {"by": "price", "partition": "none"}}, models[2])
    assert (by_model.tiers, across.tiers) == ((3, 3), ())
    assert len(across.candidates) == 6


def test_preferences_come_with_the_resolution() -> None:
    wish = {"sort": "price", "max_price": {"prompt": 1, "completion": "2.5"}, "require": ["tools"]}
    preferences = make(*ALL).resolve("llama-3.3-70b", wish).preferences
    assert preferences.ranking == "cost"
    assert preferences.max_price == MaxPrice(prompt=1.0, completion=2.5)
    assert preferences.require == ("tools",)
    assert make(*ALL).resolve("llama-3.3-70b").preferences.ranking is None


def test_weights_of_another_number_format_can_be_excluded() -> None:
    registry = make(*ALL)
    known = registry.resolve("llama-3.3-70b", {"quantizations": ["fp8"]})
    assert [one.service.name for one in known.candidates] == ["together", "deepinfra"]
    unknown = registry.resolve("llama-3.3-70b", {"quantizations": ["bf16", "unknown"]})
    assert [one.service.name for one in unknown.candidates] == ["groq"]
    with pytest.raises(ModelNotFound, match="no provider is left"):
        registry.resolve("llama-3.3-70b", {"quantizations": ["int4"]})


def test_a_provider_that_is_wanted_is_asked_by_its_own_name_for_the_model() -> None:
    found = make("openai", "openrouter").resolve("gpt-4o", {"only": ["openrouter"]})
    assert served(found) == ["openrouter openai/gpt-4o"]


def test_the_settings_of_a_name_come_with_it() -> None:
    model = ModelConfig(candidates=("together/a", "groq/b"), order="weighted", weights=(3.0, 1.0), hedge=True)
    found = make("together", "groq", ours=model).resolve("ours")
    assert (found.order, found.weights, found.hedge) == ("weighted", (3.0, 1.0), True)
    assert make("together").resolve("together/a").order is None


def test_the_same_question_has_the_same_answer() -> None:
    registry = make(*ALL)
    questions: list[tuple[Any, ...]] = [
        ("llama-3.3-70b",),
        ("llama-3.3-70b", "groq"),
        ("llama-3.3-70b", {"sort": "price", "max_price": {"prompt": 3}}),
        ("llama-3.3-70b", None, ["gpt-oss-120b"]),
    ]
    for question in questions:
        assert registry.resolve(*question) is registry.resolve(*question)


# --- explained -------------------------------------------------------------------------------


def explained(registry: ModelRegistry, model: str) -> str:
    return "\n".join(registry.explain(model, ["openai_chat"], lambda one: f"that of {one.service.name}"))


def test_candidates_and_others_are_explained() -> None:
    text = explained(make("together", "groq", "openai"), "llama-3.3-70b")
    assert "1. together, model meta-llama/Llama-3.3-70B-Instruct-Turbo" in text
    assert "the catalog's llama-3.3-70b, context 131,072 tokens, quantization fp8" in text
    assert "price: that of groq" in text
    assert "retirement date 2026-08-16" in text
    assert "not candidates:\n   openai: the catalog has no llama-3.3-70b of the kind openai" in text


def test_a_retired_name_is_explained_with_its_source() -> None:
    text = explained(make("anthropic", "openai"), "claude-3-5-sonnet")
    assert text.startswith(
        "claude-3-5-sonnet: Anthropic has retired Claude Sonnet 3.5 (since 2025-10-28); "
        "claude-sonnet-4-6 takes its place (https://platform.claude.com/"
    )
    assert "takes the place of claude-3-5-sonnet; the record says so (resolved_from)" in text


def test_a_provider_that_has_retired_a_name_is_explained() -> None:
    text = explained(make("together", "deepinfra"), "llama-3.1-70b")
    assert "together: Llama 3.3 70B has taken the place of Llama 3.1 70B there (since 2026-07-02)" in text


def test_the_settings_of_a_name_are_explained() -> None:
    model = ModelConfig(
        candidates=("together/a", "groq/b"), order="weighted", weights=(3.0, 1.0), hedge=False,
        tokens_per_minute=1_000_000, daily_budget_usd=0.5,
    )  # fmt: skip
    lines = explained(make("together", "groq", ours=model), "ours").splitlines()
    assert lines[1:4] == [
        "weights 3, 1", "not hedged",
        "all callers together: at most 1,000,000 tokens per minute, 0.5 USD a day",
    ]  # fmt: skip


# --- who is excluded, and why ------------------------------------------------------------------

EXCLUDED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nobody": ({"sort": "latency"}, []),
    "ignored": ({"ignore": ["groq"]}, ["groq is excluded by the request's provider.ignore"]),
    "not among the only ones": (
        {"only": ["groq", "together"]},
        ["deepinfra is not in the request's provider.only"],
    ),
    "of another format": (
        {"quantizations": ["unknown"]},
        [
            f"{name} has the quantization fp8, which is not in the request's provider.quantizations"
            for name in ("together", "deepinfra")
        ],
    ),
    "behind the ordered ones": (
        {"order": ["groq"], "allow_fallbacks": False},
        [
            f"{name} would be a fallback, and the request allows none (provider.allow_fallbacks)"
            for name in ("together", "deepinfra")
        ],
    ),
    "behind the first": (
        {"allow_fallbacks": False, "ignore": ["together"]},
        [
            "together is excluded by the request's provider.ignore",
            "groq would be a fallback, and the request allows none (provider.allow_fallbacks)",
        ],
    ),
}


@pytest.mark.parametrize(("preferences", "expected"), EXCLUDED.values(), ids=EXCLUDED)
def test_who_is_excluded_is_named_with_the_reason(preferences: dict[str, Any], expected: list[str]) -> None:
    found = make("together", "deepinfra", "groq").resolve("llama-3.3-70b", preferences)
    assert [f"{one.service.name} {reason}" for one, reason in found.excluded] == expected


def test_candidates_beyond_the_limit_are_named() -> None:
    names = [f"azure-{number}" for number in range(23)]
    found = make(*names).resolve("gpt-4o")
    assert len(found.candidates) == 20
    assert [one.service.name for one, _ in found.excluded] == names[20:]
    assert {reason for _, reason in found.excluded} == {"is beyond the 20 candidates of one request"}
