"""The model registry: the services that serve a model name, in order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tidegate.catalog import models
from tidegate.config import Config
from tidegate.protocols.errors import InvalidRequest, ModelNotFound

from .candidate import Candidate, Finding, ListedModel
from .explanation import PriceOf, explain
from .limits import KEPT_NAME, check_name, check_names
from .names import Names, owner_elsewhere, translated
from .preferences import ANY, Preferences, parse_preferences
from .resolution import Exclusion, Resolution, resolution_of
from .service import Service
from .words import not_configured, not_found, not_there, shown

__all__ = ["ModelRegistry"]

REMEMBERED = 1024
"""Size of each cache of a model registry. Clients choose the names, so their number and length are limited:
with `_is_short`, to a few megabytes in total.
"""

NOTHING, FALLBACKS, PREFERENCES = frozenset[str](), frozenset(["models"]), frozenset(["provider", "models"])
NO_FALLBACKS = "would be a fallback, and the request allows none (provider.allow_fallbacks)"
UNKNOWN_FORMAT = "unknown"
"""The value of `quantizations` for models whose format is not known."""


class ModelRegistry:
    """The services of a Config, and the model names that they serve. Created anew for every Config."""

    def __init__(self, config: Config) -> None:
        self.services: Mapping[str, Service] = MappingProxyType(
            {name: Service(name, provider) for name, provider in config.providers.items()}
        )
        self._models = config.models
        self._names = Names(self.services, config.models)
        self.discovered: Mapping[str, Sequence[str]] = MappingProxyType({})
        """By service: the models listed by services that alone know them; set by `exchange/model_lists`."""
        self._known: dict[tuple[str, str | None, str], Resolution] = {}
        self._known_wishes: dict[tuple[tuple[str, ...], str | None, Preferences, str], Resolution] = {}

    # --- for requests -------------------------------------------------------------------------

    def resolve(
        self,
        model: str,
        provider: str | Mapping[str, Any] | None = None,
        fallbacks: Sequence[str] = (),
        client_format: str = "",
    ) -> Resolution:
        """Who serves the model, the first choice first.

        `provider` is the request's field of that name: a provider, or preferences. `fallbacks` are tried
        after `model`. `client_format` is the client's wire format: a service that supports it besides its
        own is called in it. Raises ModelNotFound, and InvalidRequest for an invalid name or `provider`.
        """
        if not fallbacks and (provider is None or isinstance(provider, str)):
            known = self._known.get((model, provider, client_format))
            return known if known is not None else self._remember(model, provider, client_format)
        check_name(model, "model")
        check_names(fallbacks, "models")
        names = (model, *dict.fromkeys(fallbacks))
        if isinstance(provider, Mapping):
            preferences = ANY if self._are_for_others(names) else parse_preferences(provider)
            return self._wish(names, None, preferences, client_format)
        if provider is not None:
            check_name(provider, "provider")
        return self._wish(names, provider, ANY, client_format)

    def listed(self) -> tuple[ListedModel, ...]:
        """The models to list: those of `[models]`, then the catalog's by provider, then those that the
        providers list themselves.
        """
        named = [
            ListedModel(name, found[0].service.name, name, found[0].row)
            for name, found in self._names.aliases.items()
        ]
        catalog = [
            ListedModel(f"{service.name}/{model.id}", service.name, model.label, model)
            for service in self.services.values()
            for model in models()
            if model.kind == service.kind.name
        ]
        once: dict[str, ListedModel] = {}
        for model in (*named, *catalog, *self._discovered()):
            once.setdefault(model.id, model)
        return tuple(once.values())

    def _discovered(self) -> Iterator[ListedModel]:
        for name, models_of_it in self.discovered.items():
            before = "" if self.services[name] in self._names.catch_alls else f"{name}/"
            yield from (ListedModel(f"{before}{model}", name, model) for model in models_of_it)

    def names(self) -> tuple[str, ...]:
        """The names of the listed models."""
        return tuple(model.id for model in self.listed())

    def find(self, model: str) -> Finding:
        """The candidates for a name alone, and the rule that found them. Raises ModelNotFound."""
        finding = self._names.find(model)
        if finding is None:
            raise ModelNotFound(not_found(model, self.services, self.names()))
        return finding

    def explain(self, model: str, client_formats: Iterable[str], price_of: PriceOf) -> list[str]:
        """How a name resolves, line by line. `client_formats` are the wire formats of the doors, `price_of`
        describes a candidate's price. Raises ModelNotFound.
        """
        finding = self.find(model)
        return explain(
            model, finding, client_formats, self.services.values(), self._models.get(model), price_of
        )

    # --- a name alone, or at a provider -------------------------------------------------------

    def _remember(self, model: str, provider: str | None, client_format: str) -> Resolution:
        check_name(model, "model")
        if provider is not None:
            check_name(provider, "provider")
        offered = self.find(model).candidates if provider is None else self._find_at(model, provider)
        found = resolution_of([offered], client_format, model=self._models.get(model))
        if _is_short([model, provider or ""]):
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[model, provider, client_format] = found
        return found

    def _find_at(self, model: str, provider: str) -> tuple[Candidate, ...]:
        """The model at one provider, under the provider's own name if the catalog has one."""
        services = self._names.named(provider)
        if not services:
            raise InvalidRequest(not_configured(provider, self.services), param="provider")
        if not model:
            raise ModelNotFound("the request has no model")
        named = {service.name for service in services}
        aliased = tuple(one for one in self._names.aliases.get(model, ()) if one.service.name in named)
        if aliased:
            return aliased
        owners = {one.name: owner_elsewhere(one, model) for one in services}
        if all(owners.values()):
            raise ModelNotFound(not_there(model, provider, next(iter(owners.values()))))
        return translated((one for one in services if owners[one.name] is None), model)

    # --- with fallbacks or preferences --------------------------------------------------------

    def _wish(
        self, names: tuple[str, ...], provider: str | None, preferences: Preferences, client_format: str
    ) -> Resolution:
        key = (names, provider, preferences, client_format)
        known = self._known_wishes.get(key)
        if known is None:
            excluded: list[Exclusion] = []
            parts = list(self._parts(names, provider, preferences, excluded))
            applied = self._applied(names, preferences, parts)
            parts = [[one.without(applied) for one in part] for part in parts]
            model = self._models.get(names[0])
            known = resolution_of(parts, client_format, preferences, model, excluded)
            if _is_short([*names, provider or "", *preferences.names()]):
                if len(self._known_wishes) >= REMEMBERED:
                    self._known_wishes.clear()
                self._known_wishes[key] = known
        return known

    def _parts(
        self,
        names: tuple[str, ...],
        provider: str | None,
        preferences: Preferences,
        excluded: list[Exclusion],
    ) -> Iterator[Sequence[Candidate]]:
        """The candidates, in the parts in which the request itself ranks them; those that it excludes are
        added to `excluded`.
        """
        if preferences is not ANY:
            for name in dict.fromkeys(names):
                yield from self._prefer(name, preferences, excluded)
            return
        first, *others = names
        # The provider is that of `model`; a fallback names its own.
        yield self.find(first).candidates if provider is None else self._find_at(first, provider)
        for name in others:
            check_name(name, "models")
            yield self.find(name).candidates

    def _applied(
        self, names: tuple[str, ...], preferences: Preferences, parts: Sequence[Sequence[Candidate]]
    ) -> frozenset[str]:
        """The fields of the request that Tidegate applies itself. A service that understands them too must
        not get them if they contain Tidegate's names, which it does not know.
        """
        candidates = [one for part in parts for one in part]
        if preferences is not ANY:
            services = (*preferences.order, *preferences.only, *preferences.ignore)
            ours = preferences.require or preferences.ranking == "balanced"
            if ours or any(map(self._names.named, services)) or not all(map(_prefers_itself, candidates)):
                return PREFERENCES
        verbatim = all(_prefers_itself(one) and one.model in names for one in candidates)
        return NOTHING if len(names) == 1 or verbatim else FALLBACKS

    def _are_for_others(self, names: Iterable[str]) -> bool:
        """Whether all names lead to services that have such preferences themselves (OpenRouter): they are for
        those services then.
        """
        findings = map(self._names.find_fixed, names)
        return all(
            finding is not None and all(map(_prefers_itself, finding.candidates)) for finding in findings
        )

    def _prefer(
        self, model: str, preferences: Preferences, excluded: list[Exclusion]
    ) -> list[list[Candidate]]:
        """Who serves a model under the request's preferences: the providers that it orders, one by one, then
        the others. Those that it excludes are added to `excluded`.
        """
        places = self._places_of(preferences.order)
        only, ignored = self._places_of(preferences.only), self._places_of(preferences.ignore)
        last = len(preferences.order)
        parts: list[list[Candidate]] = [[] for _ in range(last + 1)]
        for one in self._find_also_at((*places, *only), model):
            reason = _excludes(one, preferences, only, ignored)
            place = places.get(one.service.name, last)
            if reason is None and place == last and not preferences.allow_fallbacks and (last or parts[0]):
                reason = NO_FALLBACKS
            if reason is None:
                parts[place].append(one)
            else:
                excluded.append(Exclusion(one, reason))
        parts = [part for part in parts if part]
        if not parts:
            reason = "the request's provider field excludes every provider that serves it"
            raise ModelNotFound(f"no provider is left for {shown(model)}: {reason}", param="provider")
        return parts

    def _find_also_at(self, wanted: Iterable[str], model: str) -> list[Candidate]:
        """Who serves the model; where its name leaves that open, also the services that are wanted."""
        services = [self.services[name] for name in dict.fromkeys(wanted)]
        finding = self._names.find(model) if services and model else self.find(model)
        if finding is None:
            return [*translated(services, model)]
        found = [*finding.candidates]
        if not finding.fixed:
            known = {one.service.name for one in found}
            found += translated((one for one in services if one.name not in known), finding.name)
        return found

    def _places_of(self, names: Sequence[str]) -> dict[str, int]:
        """The services that these names mean → the first place at which they are named."""
        places: dict[str, int] = {}
        for place, name in enumerate(names):
            for service in self._names.named(name):
                places.setdefault(service.name, place)
        return places


def _prefers_itself(candidate: Candidate) -> bool:
    """Whether the service understands the request's `provider` itself."""
    return "provider" in getattr(candidate.service.dialect, "gateway_fields", ())


def _excludes(
    candidate: Candidate, preferences: Preferences, only: Mapping[str, int], ignored: Mapping[str, int]
) -> str | None:
    """Why the request's preferences exclude a candidate; None if they do not."""
    name = candidate.service.name
    if name in ignored:
        return "is excluded by the request's provider.ignore"
    if preferences.only and name not in only:
        return "is not in the request's provider.only"
    if preferences.quantizations:
        row = candidate.row
        known = (row.quantization if row is not None else None) or UNKNOWN_FORMAT
        if known not in preferences.quantizations:
            return f"has the quantization {known}, which is not in the request's provider.quantizations"
    return None


def _is_short(names: Iterable[str]) -> bool:
    """Whether the names that a client gave may be kept."""
    lengths = [len(name) for name in names]
    return max(lengths) <= KEPT_NAME and sum(lengths) <= 4 * KEPT_NAME
