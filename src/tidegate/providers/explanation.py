"""Explains how a model name resolves: `tidegate config explain`. Never contains keys."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from msgspec.json import encode
from msgspec.structs import fields

from tidegate.catalog import CatalogModel, identity_of, retired_name
from tidegate.config import ModelConfig
from tidegate.protocols.profile import Profile

from .candidate import Candidate, Finding
from .facts import abilities_of
from .service import Service
from .words import shown

__all__ = ["PriceOf", "explain"]

PriceOf: TypeAlias = Callable[[Candidate], str]
"""Describes a candidate's price."""


def explain(
    model: str,
    finding: Finding,
    client_formats: Iterable[str],
    services: Iterable[Service],
    settings: ModelConfig | None,
    price_of: PriceOf,
) -> list[str]:
    """How a name resolves, line by line, for clients of these wire formats. `services` are all configured
    services, `settings` those of the name in `[models]`.
    """
    lines = [f"{model}: {finding.how}"]
    if settings is not None:
        lines += _settings(settings)
    wire_formats = tuple(client_formats)
    for number, candidate in enumerate(finding.candidates, 1):
        lines += _describe(number, candidate, wire_formats)
        lines.append(f"   price: {price_of(candidate)}")
    lines += _others(finding, services)
    return lines


def _settings(settings: ModelConfig) -> Iterator[str]:
    """The settings in `[models]` other than the candidates."""
    if settings.weights:
        yield f"weights {', '.join(f'{weight:g}' for weight in settings.weights)}"
    if settings.hedge is not None:
        yield "hedged" if settings.hedge else "not hedged"
    limits = (
        (settings.requests_per_minute, "requests per minute"),
        (settings.tokens_per_minute, "tokens per minute"),
        (settings.concurrent, "requests at the same time"),
        (settings.daily_budget_usd, "USD a day"),
        (settings.monthly_budget_usd, "USD a month"),
    )
    shared = [f"{most:,} {what}" for most, what in limits if most is not None]
    if shared:
        yield f"all callers together: at most {', '.join(shared)}"


def _describe(number: int, candidate: Candidate, client_formats: Iterable[str]) -> Iterator[str]:
    service = candidate.service
    yield f"{number}. {service.name}, model {candidate.model}"
    if candidate.replaces is not None:
        yield f"   takes the place of {candidate.replaces}; the record says so (resolved_from)"
    yield f"   kind {service.kind.name}, at {service.base_url or 'a socket inside Tidegate'}"
    yield f"   wire format {service.protocol.name}"
    if len(service.credentials) > 1:
        yield f"   {len(service.credentials)} keys, the least loaded first"
    yield from (f"   {line}" for line in _ways(service, client_formats))
    yield from (f"   {line}" for line in _catalog_facts(candidate))
    yield f"   known about the model: {_facts(candidate.profile)}"


def _ways(service: Service, client_formats: Iterable[str]) -> Iterator[str]:
    for name in client_formats:
        if name == service.speaking(name).protocol.name:
            yield f"a client that uses {name}: passed through, only the model name is replaced"
        else:
            yield f"a client that uses {name}: translated to {service.protocol.name} and back"


def _catalog_facts(candidate: Candidate) -> Iterator[str]:
    row = candidate.row
    if row is None:
        yield "not in the catalog"
        return
    yield f"the catalog's {row.identity_name}, {_limits(row)}, quantization {row.quantization or 'unknown'}"
    if abilities := abilities_of(row):
        yield f"supports {', '.join(abilities)}"
    if row.lacks:
        yield f"does not support {', '.join(row.lacks)}"
    if row.retires is not None:
        yield f"retirement date {row.retires}"


def _limits(row: CatalogModel) -> str:
    context = f"context {row.context:,} tokens" if row.context is not None else "context unknown"
    return f"{context}, output up to {row.output:,}" if row.output is not None else context


def _facts(profile: Profile) -> str:
    """The profile's keys that differ from the defaults."""
    values = {field.name: getattr(profile, field.name) for field in fields(profile)}
    defaults = {field.name: getattr(Profile(), field.name) for field in fields(profile)}
    facts = [
        f"{name} = {encode(value).decode()}" for name, value in values.items() if value != defaults[name]
    ]
    return ", ".join(facts) or "nothing special"


def _others(finding: Finding, services: Iterable[Service]) -> Iterator[str]:
    """Why the other configured providers are not candidates."""
    candidates = {one.service.name for one in finding.candidates}
    others = [service for service in services if service.name not in candidates]
    if others:
        yield "not candidates:"
    for service in others:
        yield f"   {service.name}: {_why_not(service, finding)}"


def _why_not(service: Service, finding: Finding) -> str:
    if finding.fixed:
        return "the name itself determines who serves it"
    gone = retired_name(finding.name)
    if gone is not None and service.kind.name in gone.kinds:
        return f"{gone.reason} (since {gone.since})"
    identity = identity_of(finding.name)
    if identity is None:
        return f"the catalog does not know {shown(finding.name)}; a request can name the provider"
    return f"the catalog has no {identity} of the kind {service.kind.name}"
