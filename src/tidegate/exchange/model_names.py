"""The names that models have in figures."""

from collections.abc import Mapping
from functools import cache

from tidegate.catalog import model_named, models
from tidegate.config import Config
from tidegate.figures import OTHER
from tidegate.providers import Candidate, ModelRegistry, Service

__all__ = ["ModelNames"]

MOST_KEPT = 4096


class ModelNames:
    """The names for one Config. Clients choose names, so that there may be any number of them: one that
    neither the configuration, nor the catalog, nor the list of its provider has is OTHER.
    """

    def __init__(self, config: Config, registry: ModelRegistry) -> None:
        self._configured = {place for model in config.models.values() for place in model.candidates}
        self._configured.update(config.prices)
        self._registry = registry
        self._names: dict[tuple[str, str], str] = {}
        self._discovered = registry.discovered
        """What was known when `_names` began to be filled."""

    def of(self, candidate: Candidate) -> str:
        """The provider's name for the model, or OTHER."""
        key = candidate.service.name, candidate.model
        if self._discovered is not self._registry.discovered:
            self._discovered = self._registry.discovered
            self._names.clear()
        name = self._names.get(key)
        if name is None:
            if len(self._names) >= MOST_KEPT:
                self._names.clear()
            name = self._names[key] = self.name_of(candidate.service, candidate.model) or OTHER
        return name

    def name_of(self, service: Service, model: str) -> str | None:
        """The name of a service's model; None for one that is nowhere."""
        row = model_named(service.kind.name, model)
        if row is not None:
            return row.id
        if f"{service.name}/{model}" in self._configured or model in self._discovered.get(service.name, ()):
            return model
        return _catalog_names().get(model.lower())


@cache
def _catalog_names() -> Mapping[str, str]:
    """All names in the catalog, in lower case, and as they are written: services that pass requests on have
    the models of others.
    """
    return {row.id.lower(): row.id for row in models()}
