"""Every model of the catalog is somebody's, and can be asked for."""

import pytest

from cases import each
from tidegate.catalog import CatalogModel, models, retired_name
from tidegate.config import Config, ProviderConfig
from tidegate.providers import ModelRegistry, kinds

MODELS = models()
EVERYBODY = Config(
    providers={
        name: ProviderConfig(kind=name, base_url=kind.base_url or "https://x.example")
        for name, kind in kinds().items()
    }
)


@pytest.fixture(scope="module")
def directory() -> ModelRegistry:
    return ModelRegistry(EVERYBODY)


def reached(directory: ModelRegistry, name: str) -> list[tuple[str, str]]:
    return [(one.service.kind.name, one.model) for one in directory.resolve(name).candidates]


def is_retired(model: CatalogModel) -> bool:
    gone = retired_name(model.id)
    return gone is not None and model.kind in gone.kinds


@each("model", MODELS)
def test_a_model_reaches_its_service_by_its_full_name(directory: ModelRegistry, model: CatalogModel) -> None:
    assert reached(directory, f"{model.kind}/{model.id}") == [(model.kind, model.id)]


@each("model", [model for model in MODELS if kinds()[model.kind].prefixes and not is_retired(model)])
def test_a_model_reaches_its_service_by_its_bare_name(directory: ModelRegistry, model: CatalogModel) -> None:
    assert (model.kind, model.id) in reached(directory, model.id)


@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("openai/gpt-oss-120b", ["openai"]),  # what stands before a slash is a provider, if there is one
        ("zai-org/GLM-5.3", ["deepinfra", "fireworks", "openrouter", "together"]),
        ("imagen-4.0-generate-001", ["gemini"]),
    ],
)
def test_a_bare_name_that_no_prefix_covers_leads_to_all_who_have_it(
    directory: ModelRegistry, name: str, served: list[str]
) -> None:
    assert sorted(one.service.kind.name for one in directory.resolve(name).candidates) == sorted(served)


def test_a_model_that_the_catalog_does_not_know_can_be_requested(directory: ModelRegistry) -> None:
    (candidate,) = directory.resolve("together/somebody/new-model").candidates
    assert candidate.model == "somebody/new-model"


def test_no_model_is_there_twice() -> None:
    names = [(model.kind, model.id) for model in MODELS]
    assert sorted(set(names)) == sorted(names)


@each("model", MODELS)
def test_limits_are_possible(model: CatalogModel) -> None:
    assert model.context is None or model.context >= (model.output or 1) > 0


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini", "demo"])
def test_the_services_of_today_have_models(kind: str) -> None:
    assert any(model.kind == kind for model in MODELS)
