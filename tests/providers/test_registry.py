"""A name leads to the services that serve it, in order."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.config import Config, ModelConfig, ProviderConfig
from tidegate.protocols.errors import InvalidRequest, ModelNotFound
from tidegate.protocols.profile import PLAIN
from tidegate.providers import ModelRegistry
from tidegate.providers.limits import MAX_NAME
from tidegate.providers.registry import REMEMBERED

PROVIDERS = {
    "openai": "openai",
    "openai-eu": "openai",
    "anthropic": "anthropic",
    "google-eu": "gemini",
    "together": "together",
    "router": "openrouter",
}
MODELS = {
    "llama": ["together/meta-llama/Llama-3.3-70B", "router/meta/llama-3.3:free"],
    "gpt-4o": ["openai-eu/gpt-4o-2024-08-06"],
    "vendor/model": ["router/vendor/model"],
}


def make(providers: Mapping[str, str] = PROVIDERS, models: Mapping[str, list[str]] = MODELS) -> ModelRegistry:
    return ModelRegistry(
        Config(
            providers={name: ProviderConfig(kind=kind) for name, kind in providers.items()},
            models={name: ModelConfig(candidates=tuple(found)) for name, found in models.items()},
        )
    )


SHARED = make()


def resolved(*question: Any, directory: ModelRegistry | None = None) -> list[str]:
    candidates = (directory or make()).resolve(*question).candidates
    return [f"{one.service.name} {one.model}" for one in candidates]


# --- a bare name -------------------------------------------------------------------------------

NAMES = {
    "the provider's name": ("together/x", ["together x"]),
    "a model's name with slashes": ("together/meta-llama/Llama/x", ["together meta-llama/Llama/x"]),
    "a provider twice": ("router/router/auto", ["router router/auto"]),
    "the kind's name, where no provider has it": ("gemini/gemini-2.5-pro", ["google-eu gemini-2.5-pro"]),
    "another name of the kind": ("google/gemini-2.5-pro", ["google-eu gemini-2.5-pro"]),
    "the kind's name in capitals": ("Google/gemini-2.5-pro", ["google-eu gemini-2.5-pro"]),
    "a name in [models]": (
        "llama",
        ["together meta-llama/Llama-3.3-70B", "router meta/llama-3.3:free"],
    ),
    "a name in [models] over a prefix": ("gpt-4o", ["openai-eu gpt-4o-2024-08-06"]),
    "a name in [models] with a slash": ("vendor/model", ["router vendor/model"]),
    "a prefix, at all services of the kind": ("gpt-x", ["openai gpt-x", "openai-eu gpt-x"]),
    "a model that others serve too": (
        "gpt-5",
        ["openai gpt-5", "openai-eu gpt-5", "router openai/gpt-5"],
    ),
    "a prefix without a dash": ("o3", ["openai o3", "openai-eu o3"]),
    "a dated name": (
        "claude-haiku-4-5-20251001",
        ["anthropic claude-haiku-4-5-20251001", "router anthropic/claude-haiku-4.5"],
    ),
    "a prefix that is taken off": ("anthropic-claude-x", ["anthropic claude-x"]),
    "a family that nobody has seen": ("gemini-99-ultra", ["google-eu gemini-99-ultra"]),
}


@pytest.mark.parametrize(("name", "found"), NAMES.values(), ids=NAMES.keys())
def test_a_name_is_resolved(name: str, found: list[str]) -> None:
    assert resolved(name) == found


def test_a_sole_provider_takes_any_name() -> None:
    alone = make({"mine": "openai_compatible"}, {})
    assert resolved("what/ever:7b", directory=alone) == ["mine what/ever:7b"]
    assert resolved("gpt-4o", directory=alone) == ["mine gpt-4o"]
    assert resolved("mine/gpt-4o", directory=alone) == ["mine gpt-4o"]


def test_a_candidate_knows_its_profile_and_its_alias() -> None:
    first, _ = make().resolve("llama").candidates
    assert (first.alias, first.profile) == ("llama", PLAIN)
    (gemini,) = make().resolve("google-eu/gemini-2.5-pro").candidates
    assert (gemini.alias, gemini.profile.thinking) == (None, "budget")


# --- the request's own provider ----------------------------------------------------------------

WISHES = {
    "a provider": ("x", "together", ["together x"]),
    "a provider for another's model": ("gpt-x", "router", ["router gpt-x"]),
    "one of two": ("gpt-x", "openai-eu", ["openai-eu gpt-x"]),
    "another name of the kind": ("gemini-2.5-pro", "google", ["google-eu gemini-2.5-pro"]),
    "a name in [models] at one provider": ("llama", "router", ["router meta/llama-3.3:free"]),
    "a name in [models] at a provider that is not in it": ("llama", "openai", ["openai llama"]),
    "a model whose name begins like the provider": ("together/x", "together", ["together together/x"]),
    "an order": ("gpt-x", {"order": ["openai-eu"]}, ["openai-eu gpt-x", "openai gpt-x"]),
    "an order and no others": (
        "gpt-x",
        {"order": ["openai-eu"], "allow_fallbacks": False},
        ["openai-eu gpt-x"],
    ),
    "no fallbacks": ("gpt-x", {"allow_fallbacks": False}, ["openai gpt-x"]),
    "only": ("gpt-x", {"only": ["openai-eu"]}, ["openai-eu gpt-x"]),
    "ignore": ("gpt-x", {"ignore": ["openai"]}, ["openai-eu gpt-x"]),
    "others for a name that fits them as well": (
        "gpt-x",
        {"order": ["router", "openai"]},
        ["router gpt-x", "openai gpt-x", "openai-eu gpt-x"],
    ),
    "only others": ("gpt-x", {"only": ["router"]}, ["router gpt-x"]),
    "others for a name that nobody claims": (
        "phi-4",
        {"order": ["router", "together"]},
        ["router phi-4", "together phi-4"],
    ),
    "the prefix is taken off for others too": (
        "anthropic-claude-3",
        {"only": ["router"]},
        ["router claude-3"],
    ),
    "an order within [models]": (
        "llama",
        {"order": ["router"]},
        ["router meta/llama-3.3:free", "together meta-llama/Llama-3.3-70B"],
    ),
    "nobody is added to [models]": (
        "llama",
        {"order": ["openai", "router"], "allow_fallbacks": False},
        ["router meta/llama-3.3:free"],
    ),
    "nobody is added to a provider's name": ("together/x", {"order": ["router"]}, ["together x"]),
    "a provider that is not configured is passed over": (
        "gpt-x",
        {"order": ["azure", "openai-eu"], "ignore": ["azure"]},
        ["openai-eu gpt-x", "openai gpt-x"],
    ),
    "nothing in particular": ("gpt-x", {}, ["openai gpt-x", "openai-eu gpt-x"]),
}


@pytest.mark.parametrize(("model", "provider", "found"), WISHES.values(), ids=WISHES.keys())
def test_the_request_may_choose(model: str, provider: Any, found: list[str]) -> None:
    assert resolved(model, provider) == found


def test_fallbacks_come_last_and_nobody_is_called_twice() -> None:
    assert resolved("gpt-x", "openai", ["gpt-x", "claude-x", "llama", "openai/gpt-x"]) == [
        "openai gpt-x",
        "openai-eu gpt-x",
        "anthropic claude-x",
        "together meta-llama/Llama-3.3-70B",
        "router meta/llama-3.3:free",
    ]


def test_preferences_hold_for_fallbacks_too() -> None:
    assert resolved("gpt-5", {"ignore": ["openai", "router"]}, ["gpt-4.1"]) == [
        "openai-eu gpt-5",
        "openai-eu gpt-4.1",
    ]


# --- what is refused ---------------------------------------------------------------------------

BAD_WISHES = {
    "a provider that is not there": ("togehter", "provider", "did you mean together"),
    "an empty provider": ("", "provider", 'no provider ""'),
    "a list that is none": ({"order": "openai"}, "provider.order", "expected `array`, got `str`"),
    "a name that is none": ({"only": ["openai", 1]}, "provider.only.1", "expected `str`, got `int`"),
    "a truth that is none": ({"allow_fallbacks": "no"}, "provider.allow_fallbacks", "expected `bool`"),
    "something unknown": ({"zdr": True}, "provider", "unknown field `zdr` (known: order, only, "),
    "an order that there is not": (
        {"sort": "fastest"},
        "provider.sort",
        "provider.sort: invalid enum value 'fastest' (known: price, latency, throughput, balanced)",
    ),
    "an order of another type": ({"sort": 3}, "provider.sort", "got `int` (known: price, latency"),
    "a part of an order that there is not": ({"sort": {"by": "size"}}, "provider.sort.by", "(known: price, "),
    "a price below zero": ({"max_price": {"prompt": -1}}, "provider.max_price.prompt", ">= 0"),
    "a price that is none": (
        {"max_price": {"completion": "low"}},
        "provider.max_price.completion",
        "got `str`",
    ),
    "a price of something unknown": (
        {"max_price": {"image": 1}},
        "provider.max_price",
        "unknown field `image` (known: prompt, completion, request)",
    ),
    "a capability that there is not": (
        {"require": ["tools", "smell"]},
        "provider.require.1",
        "unknown value (known: stream, tools, ",
    ),
    "a number format that there is not": (
        {"quantizations": ["q4"]},
        "provider.quantizations.0",
        "unknown value (known: int4, ",
    ),
}


@pytest.mark.parametrize(("provider", "param", "words"), BAD_WISHES.values(), ids=BAD_WISHES.keys())
def test_a_malformed_preference_is_refused(provider: Any, param: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make().resolve("gpt-5", provider)
    assert caught.value.param == param
    assert words in caught.value.message


def test_a_wish_that_leaves_nobody_is_refused() -> None:
    with pytest.raises(ModelNotFound, match='no provider is left for "claude-x"'):
        make().resolve("claude-x", {"ignore": ["anthropic"]})
    with pytest.raises(ModelNotFound, match="no provider is left"):
        make().resolve("claude-x", {"only": ["azure"]})


UNKNOWN = {
    "nobody's name": ("phi-4", ["not in [models]", "use provider/model"]),
    "nobody's provider": ("azure/gpt-4o", ['no provider "azure" is configured', "openai, openai-eu"]),
    "a provider misspelt": ("togehter/x", ["did you mean together"]),
    "a provider without a model": ("together/", ['the model\'s name is missing after "together/"']),
    "a prefix of nobody": ("grok-4", ["xAI", "no provider of the kind xai"]),
    "a name of [models] misspelt": ("lama", ["did you mean llama"]),
    "a part of a model's name": ("opus-4-8", ["did you mean anthropic/claude-opus-4-8?"]),
    "a model of the catalog misspelt": ("cluade-opus-4-8", ["did you mean anthropic/claude-opus-4-8"]),
    "nothing": ("", ['no provider serves ""']),
    "nothing but a prefix that is taken off": ("anthropic-", ['no provider serves "anthropic-"']),
}


@pytest.mark.parametrize(("name", "words"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_unknown_name_is_reported_with_what_was_tried_and_similar_names(
    name: str, words: list[str]
) -> None:
    with pytest.raises(ModelNotFound) as caught:
        make().resolve(name)
    assert [word for word in words if word not in caught.value.message] == []


def test_an_unknown_fallback_is_refused() -> None:
    with pytest.raises(ModelNotFound, match='"phi-4"'):
        make().resolve("gpt-5", None, ["phi-4"])


def test_an_endless_name_does_not_make_an_endless_message() -> None:
    with pytest.raises(ModelNotFound) as caught:
        make().resolve("x" * MAX_NAME)
    assert len(caught.value.message) < 500


NAMES_AND_JUNK = st.sampled_from([*PROVIDERS, *MODELS, "gpt-5", "anthropic-", "azure", "google"]) | st.text(
    max_size=5
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES_AND_JUNK,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
PREFERENCES = st.dictionaries(
    st.sampled_from(["order", "only", "ignore", "allow_fallbacks", "sort"]),
    st.lists(NAMES_AND_JUNK, max_size=3) | ANYTHING,
    max_size=3,
)


@given(
    st.lists(NAMES_AND_JUNK, min_size=1, max_size=3).map("/".join),
    st.none() | NAMES_AND_JUNK | PREFERENCES,
    st.lists(NAMES_AND_JUNK, max_size=2),
)
def test_any_question_has_an_answer_or_a_refusal(model: str, provider: Any, fallbacks: list[str]) -> None:
    try:
        candidates = SHARED.resolve(model, provider, fallbacks).candidates
    except (ModelNotFound, InvalidRequest) as refusal:
        candidates, result = (), bool(refusal.param and refusal.message)
    else:
        result = False
    assert bool(candidates) != result
    assert len({(one.service.name, one.model) for one in candidates}) == len(candidates)
    assert all(one.model for one in candidates)


# --- memory ------------------------------------------------------------------------------------


def test_an_answer_is_remembered() -> None:
    directory = make()
    assert directory.resolve("gpt-5") is directory.resolve("gpt-5")
    assert directory.resolve("gpt-5", "router") is directory.resolve("gpt-5", "router")
    assert directory.resolve("gpt-5") is not directory.resolve("gpt-5", "router")


def test_memory_has_an_end_and_answers_stay_right() -> None:
    directory = make()
    before = directory.resolve("gpt-5")
    for number in range(REMEMBERED):
        assert directory.resolve(f"together/{number}").candidates[0].model == str(number)
    assert directory.resolve("gpt-5") == before


# --- what is listed ----------------------------------------------------------------------------


def test_names_of_models_and_the_catalog_of_what_is_configured_are_listed() -> None:
    listed = {model.id: model for model in make().listed()}
    assert list(listed)[:3] == list(MODELS)
    assert listed["llama"].owner == "together"
    assert listed["openai-eu/gpt-4o"].owner == "openai-eu"
    assert listed["anthropic/claude-opus-5"].label == "Claude Opus 5"
    assert not any(name.startswith("xai/") for name in listed)
    assert make().names() == tuple(listed)


def test_every_listed_name_can_be_requested() -> None:
    directory = make()
    for model in directory.listed():
        assert directory.resolve(model.id).candidates[0].service.name == model.owner


def test_a_name_is_explained() -> None:
    explained = make().explain("google/gemini-2.5-pro", ["gemini", "anthropic"], lambda _: "1 USD")
    lines = [line.strip() for line in explained]
    assert lines[:6] == [
        'google/gemini-2.5-pro: "google" names the provider',
        "1. google-eu, model gemini-2.5-pro",
        "kind gemini, at https://generativelanguage.googleapis.com",
        "wire format gemini",
        "a client that uses gemini: passed through, only the model name is replaced",
        "a client that uses anthropic: translated to gemini and back",
    ]
    assert lines[6] == (
        "the catalog's gemini-2.5-pro, context 1,048,576 tokens, output up to 65,536, quantization unknown"
    )
    assert lines[7].startswith("supports stream, tools")
    assert lines[8].startswith('known about the model: thinking = "budget"')
    assert lines[9] == "price: 1 USD"
    assert lines[10:12] == ["not candidates:", "openai: the name itself determines who serves it"]
    unknown = "\n".join(make().explain("together/x", [], lambda _: "unknown"))
    assert "not in the catalog\n   known about the model: nothing special\n   price: unknown" in unknown


# --- the catalog -------------------------------------------------------------------------------


def test_a_name_of_the_catalog_reaches_whoever_has_such_a_model() -> None:
    config = Config(providers={name: ProviderConfig(kind=name) for name in ("together", "deepinfra", "qwen")})
    directory = ModelRegistry(config)
    (candidate,) = directory.resolve("text-embedding-v4").candidates
    assert (candidate.service.name, candidate.model) == ("qwen", "text-embedding-v4")
    with pytest.raises(ModelNotFound):
        directory.resolve("text-embedding-v5000")


# --- a model that the provider in the request does not have --------------------------------------


@pytest.mark.parametrize(
    ("provider", "model"),
    [("mistral", "gpt-4o"), ("openai", "claude-sonnet-5"), ("anthropic", "gemini-2.5-pro")],
)
def test_a_model_of_another_maker_is_refused_by_both_names(provider: str, model: str) -> None:
    registry = make({"mistral": "mistral", "openai": "openai", "anthropic": "anthropic"}, {})
    with pytest.raises(ModelNotFound) as refusal:
        registry.resolve(model, provider)
    assert f'"{provider}" has no model "{model}"' in refusal.value.message
    assert refusal.value.status == 404


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("mistral", "mistral-new-9"),
        ("mistral", "unknown"),
        ("openai", "ft:gpt-4o:me::1"),
        ("together", "gpt-4o"),
        ("qwen", "deepseek-v3"),
        ("router", "gpt-4o"),
    ],
)
def test_a_name_that_the_provider_may_have_is_passed_on(provider: str, model: str) -> None:
    named = {
        "mistral": "mistral",
        "openai": "openai",
        "together": "together",
        "qwen": "qwen",
        "router": "openrouter",
    }
    assert make(named, {}).resolve(model, provider).candidates[0].service.name == provider


def test_a_server_at_another_address_may_have_any_model() -> None:
    config = Config(
        providers={"mistral": ProviderConfig(kind="mistral", base_url="https://proxy.example/v1")}
    )
    assert ModelRegistry(config).resolve("gpt-4o", "mistral").candidates[0].model == "gpt-4o"


def test_a_name_in_models_decides_for_itself() -> None:
    registry = make({"mistral": "mistral"}, {"gpt-4o": ["mistral/mistral-large-latest"]})
    assert registry.resolve("gpt-4o", "mistral").candidates[0].model == "mistral-large-latest"
