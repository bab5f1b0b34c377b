"""The health of endpoints, for `GET /v1/chat/health`."""

from typing import Literal

from msgspec import Struct

from tidegate.providers import COUNTING

from .breaker import State
from .credentials import Account
from .endpoint import Endpoint, Endpoints

__all__ = ["CredentialHealth", "EndpointHealth", "ServiceHealth", "health_of"]

Status = Literal["unknown", "healthy", "degraded", "unavailable"]

HEALTHY = 0.95
"""The minimum success rate of a healthy endpoint."""


class CredentialHealth(Struct, frozen=True, kw_only=True):
    """A credential of a service."""

    fingerprint: str
    """Identifies it, and reveals nothing about it."""
    blocked_by: str | None
    """`account`: it was rejected. `funds`: its funds are exhausted. None: it can be used."""
    available_in_s: float
    in_flight: int
    """Open attempts of this worker."""


class EndpointHealth(Struct, frozen=True, kw_only=True):
    """A model at a service. Figures are None until there are enough samples."""

    model: str
    status: Status
    breaker: State
    available_in_s: float
    """Seconds until it is called again; 0: now."""
    success_rate: float | None
    attempts: int
    """Since this worker first used the model."""
    ttft_p50_s: float | None
    ttft_p95_s: float | None
    tokens_per_s: float | None
    rate_limited: int
    """The number of credentials whose limits for this model are exhausted."""
    changes: list[str]
    """What has changed against the model's own past: `ttft`, `errors`, `cost`."""
    last_error: str | None
    last_error_s_ago: float | None
    last_probe: str | None
    """How the latest probe that was no client's request ended: `ok`, or the error. None: there was none."""
    last_probe_s_ago: float | None


class ServiceHealth(Struct, frozen=True, kw_only=True):
    """A service, which is as healthy as the best of its models."""

    status: Status
    endpoints: list[EndpointHealth]
    credentials: list[CredentialHealth]


def health_of(endpoints: Endpoints, service: str, now: float) -> ServiceHealth:
    """The health of a service; without endpoints and `unknown` if it has not been used."""
    accounts = endpoints.accounts(service)
    refused = bool(accounts) and all(account.blocked_until > now for account in accounts)
    found = [_endpoint_health(one, refused=refused, now=now) for one in endpoints.of(service)]
    order: tuple[Status, ...] = ("healthy", "degraded", "unknown", "unavailable")
    answering = (one.status for one in found if not one.model.endswith(COUNTING))
    status = min(answering, key=order.index, default=order[2])
    return ServiceHealth(
        status="unavailable" if refused else status,
        endpoints=found,
        credentials=[_credential_health(account, now) for account in accounts],
    )


def _endpoint_health(endpoint: Endpoint, *, refused: bool, now: float) -> EndpointHealth:
    figures, breaker = endpoint.figures, endpoint.breaker
    view = figures.view(now)
    available_at = max(breaker.until, endpoint.missing_until)
    failed = endpoint.last_error is not None
    return EndpointHealth(
        model=endpoint.model,
        status=_status_of(endpoint, refused=refused, now=now),
        breaker=breaker.state,
        available_in_s=round(max(0.0, available_at - now), 3),
        success_rate=round(view.success, 4) if figures.enough else None,
        attempts=figures.attempts,
        ttft_p50_s=_rounded(view.ttft_p50_s),
        ttft_p95_s=_rounded(view.ttft_p95_s),
        tokens_per_s=_rounded(view.tokens_per_s),
        rate_limited=sum(limits.blocked_until > now for limits in endpoint.limits.values()),
        changes=sorted(endpoint.changes),
        last_error=endpoint.last_error,
        last_error_s_ago=round(now - endpoint.last_error_at, 3) if failed else None,
        last_probe=(endpoint.probe_error or "ok") if endpoint.probed_at else None,
        last_probe_s_ago=round(now - endpoint.probed_at, 3) if endpoint.probed_at else None,
    )


def _status_of(endpoint: Endpoint, *, refused: bool, now: float) -> Status:
    if refused or endpoint.missing_until > now or endpoint.breaker.state == "open":
        return "unavailable"
    unwell = endpoint.got_worse or endpoint.figures.view(now).success < HEALTHY
    if endpoint.breaker.state == "half_open" or unwell:
        return "degraded"
    if not endpoint.figures.attempts:
        return "unknown"
    limited = endpoint.limits and all(one.blocked_until > now for one in endpoint.limits.values())
    return "degraded" if limited else "healthy"


def _credential_health(account: Account, now: float) -> CredentialHealth:
    closed = account.blocked_until > now
    return CredentialHealth(
        fingerprint=account.fingerprint,
        blocked_by=account.effect if closed else None,
        available_in_s=round(max(0.0, account.blocked_until - now), 3),
        in_flight=account.in_flight,
    )


def _rounded(figure: float | None) -> float | None:
    return round(figure, 4) if figure is not None else None
