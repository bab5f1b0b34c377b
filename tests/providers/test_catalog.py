"""Every model of the catalog is somebody's, and can be asked for."""

import pytest

from tidegate.catalog import CatalogModel, models
from tidegate.config import Config, ProviderConfig
from tidegate.providers import Directory, kinds

MODELS = models()
EVERYBODY = Config(
    providers={
        name: ProviderConfig(kind=name, base_url=kind.base_url or "https://x.example")
        for name, kind in kinds().items()
    }
)


@pytest.fixture(scope="module")
def directory() -> Directory:
    return Directory(EVERYBODY)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_a_model_reaches_its_service_by_its_full_name(directory: Directory, model: CatalogModel) -> None:
    (candidate,) = directory.resolve(f"{model.kind}/{model.id}")
    assert (candidate.service.kind.name, candidate.model) == (model.kind, model.id)


@pytest.mark.parametrize(
    "model", [model for model in MODELS if kinds()[model.kind].prefixes], ids=lambda model: model.id
)
def test_a_model_reaches_its_service_by_its_bare_name(directory: Directory, model: CatalogModel) -> None:
    (candidate,) = directory.resolve(model.id)
    assert (candidate.service.kind.name, candidate.model) == (model.kind, model.id)


def test_no_model_is_there_twice() -> None:
    names = [(model.kind, model.id) for model in MODELS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_limits_are_possible(model: CatalogModel) -> None:
    assert model.context is None or model.context >= (model.output or 1) > 0


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini", "demo"])
def test_the_services_of_today_have_models(kind: str) -> None:
    assert any(model.kind == kind for model in MODELS)
