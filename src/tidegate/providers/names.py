"""Rules that map a model name to services. The first matching rule is used."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from tidegate.catalog import CatalogModel, Retired, identity_of, retired_name, serving_row
from tidegate.config import ModelConfig

from .candidate import Candidate, Finding
from .families import profile_of
from .rows import kinds
from .service import Service
from .words import shown

__all__ = ["Names"]


class Claim(NamedTuple):
    """A prefix of model names, and the services for them."""

    prefix: str
    strip: str
    """The part of the prefix that is removed from the model's name."""
    services: tuple[Service, ...]


class Names:
    """The model names that the services of a Config serve."""

    def __init__(self, services: Mapping[str, Service], models: Mapping[str, ModelConfig]) -> None:
        self.services = services
        self.aliases = {name: tuple(self._candidates_of(name, model)) for name, model in models.items()}
        self.catch_alls = tuple(one for one in services.values() if one.catch_all)
        self._prefixes = tuple(_kinds_claims(services.values()))
        self._own_prefixes = tuple(_own_claims(services.values()))

    def find(self, model: str) -> Finding | None:
        """The candidates for a name, or None."""
        rules = (
            self._by_alias,
            self._by_service,
            self._by_own_prefix,
            self._by_catch_all,
            self._by_model,
            self._by_being_alone,
        )
        return next((found for rule in rules if (found := rule(model)) is not None), None)

    def find_fixed(self, model: str) -> Finding | None:
        """The candidates for a name that determines its providers, or None."""
        return self._by_alias(model) or self._by_service(model)

    def named(self, name: str) -> tuple[Service, ...]:
        """The service of this name, or else all services of the kind with this name or alias."""
        service = self.services.get(name)
        if service is not None:
            return (service,)
        lower = name.lower()
        return tuple(one for one in self.services.values() if lower in _names_of(one))

    # --- rules --------------------------------------------------------------------------------

    def _by_alias(self, model: str) -> Finding | None:
        candidates = self.aliases.get(model)
        return Finding(candidates, "a name in [models]", model, fixed=True) if candidates else None

    def _by_service(self, model: str) -> Finding | None:
        name, _, rest = model.partition("/")
        services = self.named(name) if rest else ()
        if not services:
            return None
        how = f"{shown(name)} names the provider"
        return Finding(verbatim(services, rest), how, rest, fixed=True)

    def _by_own_prefix(self, model: str) -> Finding | None:
        claim = _claim_of(self._own_prefixes, model)
        if claim is None:
            return None
        how = f"the configuration gives {shown(claim.prefix)} to {_list(claim.services)}"
        name = model.removeprefix(claim.strip)
        return Finding(verbatim(claim.services, name), how, name, fixed=False)

    def _by_catch_all(self, model: str) -> Finding | None:
        if not self.catch_alls or not model:
            return None
        names = ", ".join(shown(one.name) for one in self.catch_alls)
        return Finding(verbatim(self.catch_alls, model), f"{names} serves every name", model, fixed=False)

    def _by_model(self, model: str) -> Finding | None:
        """The maker's services, found by the name's prefix, then all others that serve the same model."""
        claim = _claim_of(self._prefixes, model)
        name = model.removeprefix(claim.strip) if claim is not None else model
        candidates = tuple(self._serving(name))
        if candidates:
            return Finding(candidates, _how_served(claim, name, candidates), name, fixed=False)
        gone = retired_name(name)
        if gone is not None and any(one.kind.name in gone.kinds for one in self.services.values()):
            successors = tuple(replace(one, replaces=model) for one in self._serving(gone.now))
            if successors:
                return Finding(successors, _how_replaced(gone), gone.now, fixed=False)
        if claim is None:
            return None
        return Finding(verbatim(claim.services, name), _how_claimed(claim), name, fixed=False)

    def _by_being_alone(self, model: str) -> Finding | None:
        if len(self.services) != 1 or not model:
            return None
        services = tuple(self.services.values())
        how = f"{shown(services[0].name)} is the only provider"
        return Finding(verbatim(services, model), how, model, fixed=False)

    def _serving(self, name: str) -> Iterator[Candidate]:
        """The services whose kind serves the model according to the catalog: the maker's services first."""
        identity = identity_of(name)
        if identity is None:
            return
        claim = _claim_of(self._prefixes, name)
        makers = claim.services if claim is not None else ()
        for service in dict.fromkeys((*makers, *self.services.values())):
            row = _row_at(service, identity, name)
            if row is not None:
                yield offer(service, name if row.is_named(name) else row.id)

    # --- tables, made once --------------------------------------------------------------------

    def _candidates_of(self, alias: str, model: ModelConfig) -> Iterator[Candidate]:
        for name in model.candidates:
            provider, _, own = name.partition("/")
            yield offer(self.services[provider], own, alias)


def offer(service: Service, model: str, alias: str | None = None) -> Candidate:
    """A candidate: a service and its own name for a model."""
    return Candidate(service.serving(model), model, profile_of(model), alias)


def verbatim(services: Iterable[Service], model: str) -> tuple[Candidate, ...]:
    """Candidates that use the name unchanged."""
    return tuple(offer(service, model) for service in services)


def translated(services: Iterable[Service], model: str) -> tuple[Candidate, ...]:
    """Candidates with each service's own name for the model, if the catalog has one. Retired names are
    replaced.
    """
    return tuple(_translate(service, model) for service in services)


def owner_elsewhere(service: Service, model: str) -> str | None:
    """The kind whose prefix a model's name has, if the service surely does not serve such models."""
    kind = kinds()[service.kind.name]
    official = service.base_url in (kind.base_url, *kind.base_urls.values())
    if not kind.exclusive or not official or model.startswith(kind.prefixes):
        return None
    return next((one.label for one in kinds().values() if model.startswith(one.prefixes)), None)


def _translate(service: Service, model: str) -> Candidate:
    identity = identity_of(model)
    row = _row_at(service, identity, model) if identity is not None else None
    if row is not None:
        return offer(service, model if row.is_named(model) else row.id)
    gone = retired_name(model)
    if gone is not None and service.kind.name in gone.kinds:
        row = _row_at(service, gone.now, gone.now)
        if row is not None:
            return replace(offer(service, row.id), replaces=model)
    return offer(service, model)


def _row_at(service: Service, identity: str, name: str) -> CatalogModel | None:
    """The catalog's row for a model at a service. A base URL with its own wire format (Claude on Azure) has
    different models than the rest of its kind.
    """
    kind = service.kind.name
    if service.kind.protocol != kinds()[kind].protocol:
        return None
    return serving_row(kind, identity, name)


def _claim_of(claims: Iterable[Claim], model: str) -> Claim | None:
    """The first claim that matches a name."""
    return next(
        (one for one in claims if one.services and model.startswith(one.prefix) and model != one.strip), None
    )


def _how_served(claim: Claim | None, name: str, candidates: tuple[Candidate, ...]) -> str:
    if claim is None:
        return "a name in the catalog"
    claimed = {service.name for service in claim.services}
    others = [one.service.name for one in candidates if one.service.name not in claimed]
    if not others:
        return _how_claimed(claim)
    return f"{_how_claimed(claim)}; {', '.join(others)} serves the same model ({identity_of(name)})"


def _how_claimed(claim: Claim) -> str:
    return f"names that start with {shown(claim.prefix)} belong to {claim.services[0].kind.label}"


def _how_replaced(gone: Retired) -> str:
    return f"{gone.reason} (since {gone.since}); {gone.now} takes its place ({gone.source})"


def _own_claims(services: Iterable[Service]) -> list[Claim]:
    """The operator's prefixes, the longest first."""
    claimed: dict[tuple[str, str], list[Service]] = {}
    for service in services:
        for claim in service.prefixes:
            claimed.setdefault(claim, []).append(service)
    claims = [Claim(prefix, strip, tuple(found)) for (prefix, strip), found in claimed.items()]
    return sorted(claims, key=lambda claim: -len(claim.prefix))


def _kinds_claims(services: Iterable[Service]) -> list[Claim]:
    """The kinds' prefixes, the longest first."""
    having = list(services)
    claims: list[Claim] = []
    for kind in kinds().values():
        found = tuple(one for one in having if one.kind.name == kind.name)
        claims += [Claim(prefix, "", found) for prefix in kind.prefixes]
        claims += [Claim(prefix, prefix, found) for prefix in kind.strip_prefixes]
    return sorted(claims, key=lambda claim: -len(claim.prefix))


def _names_of(service: Service) -> tuple[str, ...]:
    return (service.name.lower(), service.kind.name, *service.kind.aliases)


def _list(services: Iterable[Service]) -> str:
    return ", ".join(one.name for one in services)
