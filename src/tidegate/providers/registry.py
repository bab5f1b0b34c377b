"""Which services serve a name, in order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tidegate.catalog import model_named, models
from tidegate.config import MAX_CANDIDATES, Config
from tidegate.protocols.errors import InvalidRequest, ModelNotFound

from .candidate import Candidate, Finding, ListedModel
from .families import profile_of
from .limits import KEPT_NAME, check_name, check_names
from .preferences import Preferences, parse_preferences
from .rows import kinds
from .service import Service
from .words import explain, not_configured, not_found, shown

__all__ = ["ModelRegistry"]

REMEMBERED = 1024
"""Answers that a model registry keeps. Clients choose the names, so their number and length are bounded:
with `KEPT_NAME`, to a megabyte or two in all.
"""


class ModelRegistry:
    """The services of a Config, and the names that lead to them. Made anew for every Config."""

    def __init__(self, config: Config) -> None:
        self.services: Mapping[str, Service] = MappingProxyType(
            {name: Service(name, provider) for name, provider in config.providers.items()}
        )
        self._aliases = {
            name: tuple(self._candidates_of(name, model.candidates)) for name, model in config.models.items()
        }
        self._catch_alls = tuple(one for one in self.services.values() if one.catch_all)
        self._prefixes = tuple(self._render_prefixes())
        self._own_prefixes = tuple(self._render_own_prefixes())
        self.discovered: Mapping[str, Sequence[str]] = MappingProxyType({})
        """By service: what those list that alone know their models; filled by `exchange/model_lists`."""
        self._known: dict[tuple[str, str | None, str], tuple[Candidate, ...]] = {}

    # --- what requests ask --------------------------------------------------------------------

    def resolve(
        self,
        model: str,
        provider: str | Mapping[str, Any] | None = None,
        fallbacks: Sequence[str] = (),
        spoken: str = "",
    ) -> tuple[Candidate, ...]:
        """Who serves the model, the first choice first; never empty, and never more than MAX_CANDIDATES.

        `provider` is the request's own field: a provider's name, or preferences. `fallbacks` are the
        names to try behind `model`. `spoken` is the client's wire format: a service that speaks it beside
        its own is asked in it. Raises ModelNotFound, and InvalidRequest about a name or `provider`.
        """
        if not fallbacks and (provider is None or isinstance(provider, str)):
            known = self._known.get((model, provider, spoken))
            return known if known is not None else self._remember(model, provider, spoken)
        check_name(model, "model")
        check_names(fallbacks, "models")
        wished = self._resolve_wishes(model, provider, fallbacks)
        return tuple(one.speaking(spoken) for one in wished)

    def listed(self) -> tuple[ListedModel, ...]:
        """The models that are worth naming: those of `[models]`, then the catalog's by provider, then
        those that the providers list themselves.
        """
        named = [ListedModel(name, found[0].service.name, name) for name, found in self._aliases.items()]
        catalog = [
            ListedModel(f"{service.name}/{model.id}", service.name, model.label)
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
            before = "" if self.services[name] in self._catch_alls else f"{name}/"
            yield from (ListedModel(f"{before}{model}", name, model) for model in models_of_it)

    def names(self) -> tuple[str, ...]:
        """The names of the listed models."""
        return tuple(model.id for model in self.listed())

    def explain(self, model: str, spoken: Iterable[str]) -> list[str]:
        """How a name resolves, line by line; `spoken` are the clients' wire formats. Raises ModelNotFound."""
        return explain(model, self._find(model), spoken)

    # --- with a wish of its own ---------------------------------------------------------------

    def _remember(self, model: str, provider: str | None, spoken: str) -> tuple[Candidate, ...]:
        check_name(model, "model")
        if provider is not None:
            check_name(provider, "provider")
        offered = self._find(model).candidates if provider is None else self._find_at(model, provider)
        found = tuple(one.speaking(spoken) for one in offered[:MAX_CANDIDATES])
        if max(len(model), len(provider or "")) <= KEPT_NAME:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[model, provider, spoken] = found
        return found

    def _resolve_wishes(
        self, model: str, provider: str | Mapping[str, Any] | None, fallbacks: Sequence[str]
    ) -> tuple[Candidate, ...]:
        if isinstance(provider, Mapping):
            names = dict.fromkeys((model, *fallbacks))
            found = [one for name in names for one in self._choose(name, provider)]
        else:
            # The provider is that of `model`; a fallback names its own.
            found = [*self.resolve(model, provider)]
            found += [one for name in dict.fromkeys(fallbacks) for one in self.resolve(name)]
        first_of_each: dict[tuple[str, str], Candidate] = {}
        for one in found:
            first_of_each.setdefault((one.service.name, one.model), one)
        return tuple(first_of_each.values())[:MAX_CANDIDATES]

    def _find_at(self, model: str, provider: str) -> tuple[Candidate, ...]:
        """The model at one provider, under the name that the client gives it."""
        services = self._named(provider)
        if not services:
            raise InvalidRequest(not_configured(provider, self.services), param="provider")
        if not model:
            raise ModelNotFound("the request has no model")
        named = {service.name for service in services}
        aliased = tuple(one for one in self._aliases.get(model, ()) if one.service.name in named)
        return aliased or _offers(services, model)

    def _choose(self, model: str, provider: Mapping[str, Any]) -> list[Candidate]:
        """Who serves a model under the request's preferences; where its name leads to a service that has
        such preferences itself (OpenRouter), they are for that service.
        """
        finding = self._find_quietly(model)
        if finding is not None and finding.fixed and all(_prefers_itself(one) for one in finding.candidates):
            return [*finding.candidates]
        return self._prefer(model, parse_preferences(provider))

    def _prefer(self, model: str, preferences: Preferences) -> list[Candidate]:
        order, only = self._all_named(preferences.order), self._all_named(preferences.only)
        ignored = self._all_named(preferences.ignore)
        found = self._find_also_at((*order.values(), *only.values()), model)
        left = [one for one in found if one.service.name not in ignored]
        if preferences.only:
            left = [one for one in left if one.service.name in only]
        places = {name: place for place, name in enumerate(order)}
        left.sort(key=lambda one: places.get(one.service.name, len(places)))
        if not preferences.allow_fallbacks:
            left = [one for one in left if one.service.name in order] if preferences.order else left[:1]
        if not left:
            reason = "the request's provider field excludes every provider that serves it"
            raise ModelNotFound(f"no provider is left for {shown(model)}: {reason}", param="provider")
        return left

    def _find_also_at(self, wanted: Sequence[Service], model: str) -> list[Candidate]:
        """Who serves the model; where its name leaves that open, also the services that are wanted."""
        finding = self._find_quietly(model) if wanted and model else self._find(model)
        if finding is None:
            return [*_offers(dict.fromkeys(wanted), model)]
        found = [*finding.candidates]
        if not finding.fixed:
            known = {one.service.name for one in found}
            others = dict.fromkeys(one for one in wanted if one.name not in known)
            found += _offers(others, found[0].model)
        return found

    # --- rules for a bare name: the first that fits counts ------------------------------------

    def _find(self, model: str) -> Finding:
        finding = self._find_quietly(model)
        if finding is None:
            raise ModelNotFound(not_found(model, self.services, self.names()))
        return finding

    def _find_quietly(self, model: str) -> Finding | None:
        rules = (
            self._by_alias,
            self._by_service,
            self._by_own_prefix,
            self._by_catch_all,
            self._by_prefix,
            self._by_catalog,
            self._by_being_alone,
        )
        return next((found for rule in rules if (found := rule(model)) is not None), None)

    def _by_alias(self, model: str) -> Finding | None:
        candidates = self._aliases.get(model)
        return Finding(candidates, "a name in [models]", fixed=True) if candidates else None

    def _by_service(self, model: str) -> Finding | None:
        name, _, rest = model.partition("/")
        services = self._named(name) if rest else ()
        if not services:
            return None
        return Finding(_offers(services, rest), f"{shown(name)} names the provider", fixed=True)

    def _by_catch_all(self, model: str) -> Finding | None:
        if not self._catch_alls or not model:
            return None
        names = ", ".join(shown(one.name) for one in self._catch_alls)
        return Finding(_offers(self._catch_alls, model), f"{names} serves every name", fixed=False)

    def _by_own_prefix(self, model: str) -> Finding | None:
        for prefix, strip, services in self._own_prefixes:
            if model.startswith(prefix) and model != strip:
                how = f"the configuration gives {shown(prefix)} to {', '.join(one.name for one in services)}"
                return Finding(_offers(services, model.removeprefix(strip)), how, fixed=False)
        return None

    def _by_prefix(self, model: str) -> Finding | None:
        for prefix, strip, services in self._prefixes:
            if services and model.startswith(prefix) and model != strip:
                how = f"names that start with {shown(prefix)} belong to {services[0].kind.label}"
                return Finding(_offers(services, model.removeprefix(strip)), how, fixed=False)
        return None

    def _by_catalog(self, model: str) -> Finding | None:
        services = tuple(one for one in self.services.values() if model_named(one.kind.name, model))
        if not services:
            return None
        return Finding(_offers(services, model), "a name in the catalog", fixed=False)

    def _by_being_alone(self, model: str) -> Finding | None:
        if len(self.services) != 1 or not model:
            return None
        services = tuple(self.services.values())
        return Finding(
            _offers(services, model), f"{shown(services[0].name)} is the only provider", fixed=False
        )

    def _named(self, name: str) -> tuple[Service, ...]:
        """The service of this name; where there is none, all of the kind that goes by it."""
        service = self.services.get(name)
        if service is not None:
            return (service,)
        lower = name.lower()
        return tuple(one for one in self.services.values() if lower in _names_of(one))

    def _all_named(self, names: Iterable[str]) -> dict[str, Service]:
        return {service.name: service for name in names for service in self._named(name)}

    # --- tables, made once --------------------------------------------------------------------

    def _candidates_of(self, alias: str, names: Iterable[str]) -> Iterator[Candidate]:
        for name in names:
            provider, _, model = name.partition("/")
            yield Candidate(self.services[provider].serving(model), model, profile_of(model), alias)

    def _render_own_prefixes(self) -> list[tuple[str, str, tuple[Service, ...]]]:
        """The same, as the operator gave them to providers."""
        claimed: dict[tuple[str, str], list[Service]] = {}
        for service in self.services.values():
            for claim in service.prefixes:
                claimed.setdefault(claim, []).append(service)
        rows = [(prefix, strip, tuple(services)) for (prefix, strip), services in claimed.items()]
        return sorted(rows, key=lambda row: -len(row[0]))

    def _render_prefixes(self) -> list[tuple[str, str, tuple[Service, ...]]]:
        """Prefix, what of it is not part of the model's name, and who serves it; the longest first."""
        rows = []
        for kind in kinds().values():
            services = tuple(one for one in self.services.values() if one.kind.name == kind.name)
            rows += [(prefix, "", services) for prefix in kind.prefixes]
            rows += [(prefix, prefix, services) for prefix in kind.strip_prefixes]
        return sorted(rows, key=lambda row: -len(row[0]))


def _offers(services: Iterable[Service], model: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(service.serving(model), model, profile_of(model)) for service in services)


def _prefers_itself(candidate: Candidate) -> bool:
    """Whether the service understands the request's `provider` itself."""
    return "provider" in getattr(candidate.service.dialect, "own_fields", ())


def _names_of(service: Service) -> tuple[str, ...]:
    return (service.name.lower(), service.kind.name, *service.kind.aliases)
