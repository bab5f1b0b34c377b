"""What the workers of a gateway let each other know.

Each publishes every second what it has measured since the last time, and what is closed. A delta that is lost
is a few samples less. Moments travel as durations, so that hosts with different clocks understand each other.
"""

import msgspec
from msgspec import Struct

from .breaker import PROBE_S
from .endpoint import Endpoint, Endpoints
from .figures import Delta
from .transitions import Transition

__all__ = ["apply", "merge", "publish"]


class EndpointReport(Struct, frozen=True, array_like=True, gc=False):
    """One endpoint of another worker."""

    service: str
    model: str
    delta: Delta
    open_s: float = 0.0
    """For how long its breaker is open; 0: it is not."""
    level: int = 0
    missing_s: float = 0.0
    limited: dict[str, float] = {}
    """For how long its limits close credentials, by fingerprint."""


class AccountReport(Struct, frozen=True, array_like=True, gc=False):
    """One closed credential."""

    service: str
    credential: str
    closed_s: float
    effect: str


class Report(Struct, frozen=True, array_like=True, gc=False):
    """Everything that one worker publishes."""

    endpoints: list[EndpointReport]
    accounts: list[AccountReport]


_DECODE = msgspec.msgpack.Decoder(Report).decode
_ENCODE = msgspec.msgpack.Encoder().encode


def publish(endpoints: Endpoints, now: float) -> bytes | None:
    """What is new since the last time; None if nothing is."""
    reports = [_report(one, now) for one in endpoints if one.figures.changed or not one.clean]
    accounts = [
        AccountReport(service, account.fingerprint, account.closed_until - now, account.effect)
        for service, account in endpoints.closed_accounts(now)
    ]
    return _ENCODE(Report(reports, accounts)) if reports or accounts else None


def merge(endpoints: Endpoints, data: bytes, now: float) -> None:
    """Take over what another worker has published. Raises msgspec.MsgspecError."""
    report = _DECODE(data)
    for one in report.endpoints:
        endpoint = endpoints.endpoint(one.service, one.model)
        endpoint.figures.merge(one.delta, now)
        failures = one.delta.failures
        if endpoint.breaker.merge(one.delta.successes + failures, failures, now) is not None:
            endpoint.clean = False
        if one.open_s > 0:
            _open(endpoint, now + one.open_s, one.level)
        if now + one.missing_s > endpoint.missing_until and one.missing_s > 0:
            _lose(endpoint, now + one.missing_s)
        for credential, wait_s in one.limited.items():
            _limit(endpoints, endpoint, credential, now + wait_s)
    for account in report.accounts:
        _refuse(endpoints, account.service, account.credential, now + account.closed_s, account.effect)


def apply(endpoints: Endpoints, transition: Transition, now: float) -> None:
    """Follow a transition of another worker."""
    until = now + transition.wait_s
    endpoint = endpoints.endpoint(transition.service, transition.model)
    match transition.kind:
        case "breaker_opened":
            _open(endpoint, until, transition.level)
        case "breaker_probing":
            endpoint.breaker.hold(min(until, now + PROBE_S))
        case "breaker_closed":
            if endpoint.breaker.state != "closed":
                endpoint.breaker.close(now)
                endpoint.figures.restart(now)
        case "rate_limited":
            _limit(endpoints, endpoint, transition.credential, until)
        case "model_missing":
            _lose(endpoint, until)
        case "credential_refused":
            _refuse(endpoints, transition.service, transition.credential, until, "account")
        case "funds_exhausted":
            _refuse(endpoints, transition.service, transition.credential, until, "funds")
        case "slowed_down":
            endpoint.figures.slowed = True


def _report(endpoint: Endpoint, now: float) -> EndpointReport:
    breaker = endpoint.breaker
    limited = {
        name: one.closed_until - now for name, one in endpoint.limits.items() if one.closed_until > now
    }
    return EndpointReport(
        endpoint.service,
        endpoint.model,
        endpoint.figures.take_delta(now),
        max(0.0, breaker.until - now) if breaker.state == "open" else 0.0,
        breaker.level,
        max(0.0, endpoint.missing_until - now),
        limited,
    )


def _open(endpoint: Endpoint, until: float, level: int) -> None:
    """Open a breaker that is closed; one that has opened by itself keeps its own time."""
    if endpoint.breaker.state == "closed":
        endpoint.breaker.open_until(until, level)
        endpoint.clean = False


def _lose(endpoint: Endpoint, until: float) -> None:
    endpoint.missing_until = until
    endpoint.clean = False


def _limit(endpoints: Endpoints, endpoint: Endpoint, credential: str, until: float) -> None:
    limits = endpoints.limits(endpoint, credential)
    if until > limits.closed_until:
        limits.closed_until = until
        endpoint.clean = False


def _refuse(endpoints: Endpoints, service: str, credential: str, until: float, effect: str) -> None:
    account = endpoints.account(service, credential)
    if until > account.closed_until:
        account.close(until, effect)
        for endpoint in endpoints.of(service):
            endpoint.clean = False
