"""The router's state that workers share.

Each worker publishes its measurements every second, and what is blocked. A lost delta only costs a few
samples. Points in time are sent as durations, so hosts need no common clock.

A worker adopts a block from the worker that observed it (`own`), or from any worker if it knows nothing about
the subject itself. Otherwise workers would keep confirming to each other what ended long ago.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from .affinity import Home, Homes, Saved, Savings
from .breaker import PROBE_S, SETTLING_S, State
from .credentials import Account, Limits
from .endpoint import Endpoint, Endpoints
from .facts import SessionKey
from .figures import Delta
from .transitions import Count, Level, Name, Seconds, Transition

__all__ = ["apply", "merge", "merge_homes", "publish", "publish_homes"]

PART_BYTES, PART_ENDPOINTS = 16 * 1024, 50
"""Where a published part ends: making and merging one should take a few milliseconds."""


class Block(Struct, frozen=True, array_like=True, gc=False):
    """Something is blocked for a number of seconds."""

    wait_s: Seconds
    own: bool


class BreakerReport(Struct, frozen=True, array_like=True, gc=False):
    """A breaker that is not closed."""

    state: State
    wait_s: Seconds
    level: Level
    own: bool


class ErrorReport(Struct, frozen=True, array_like=True, gc=False):
    """The latest failure."""

    summary: str
    s_ago: Seconds


class ProbeReport(Struct, frozen=True, array_like=True, gc=False):
    """The latest probe that was no client's request."""

    error: str
    s_ago: Seconds


class EndpointReport(Struct, frozen=True, array_like=True, gc=False):
    """One endpoint of another worker."""

    service: Name
    model: Name
    delta: Delta
    breaker: BreakerReport | None
    missing: Block | None
    limited: dict[Name, Block]
    """The credentials blocked by rate limits, by fingerprint."""
    error: ErrorReport | None
    probe: ProbeReport | None


class AccountReport(Struct, frozen=True, array_like=True, gc=False):
    """A blocked credential."""

    service: Name
    credential: Name
    block: Block
    effect: Name


class Report(Struct, frozen=True, array_like=True, gc=False):
    """A worker's published state, or a part of it."""

    endpoints: list[EndpointReport]
    accounts: list[AccountReport]
    saved: Saved | None = None
    """What prompt caches have saved."""


class HomeReport(Struct, frozen=True, array_like=True, gc=False):
    """A home of a conversation; see `affinity.Home`."""

    service: Name
    model: Name
    credential: Name
    tokens: Count
    life_s: Seconds
    writes: bool
    misses: Count
    bound: bool


_DECODE = msgspec.msgpack.Decoder(Report).decode
_DECODE_HOMES = msgspec.msgpack.Decoder(dict[SessionKey, tuple[HomeReport, ...]]).decode
_ENCODE = msgspec.msgpack.Encoder().encode


# --- out -----------------------------------------------------------------------------------------


def publish(endpoints: Endpoints, savings: Savings, now: float) -> Iterator[bytes]:
    """The changes since the last call, in parts; empty if there are none. Each part is made on demand, so
    that the work for many endpoints can be spread over time.
    """
    accounts = [_account_report(service, one, now) for service, one in endpoints.blocked_accounts(now)]
    saved = savings.take_news()
    if accounts or saved is not None:
        yield _ENCODE(Report([], accounts, saved))
    found: list[EndpointReport] = []
    size = 0
    for endpoint in list(endpoints):
        report = _report(endpoint, now)
        if report is None:
            continue
        found.append(report)
        size += len(_ENCODE(report))
        if size > PART_BYTES or len(found) >= PART_ENDPOINTS:
            yield _ENCODE(Report(found, []))
            found, size = [], 0
    if found:
        yield _ENCODE(Report(found, []))


def publish_homes(homes: Homes, now: float) -> Iterator[bytes]:
    """Where the caches of the conversations are that were served since the last time, in parts."""
    found: dict[SessionKey, list[HomeReport]] = {}
    size = 0
    for session, known in homes.take_news():
        reports = [_home_report(home, now) for home in known if home.until > now]
        found[session] = reports
        size += len(session) + len(_ENCODE(reports))
        if size > PART_BYTES:
            yield _ENCODE(found)
            found, size = {}, 0
    if found:
        yield _ENCODE(found)


def _home_report(home: Home, now: float) -> HomeReport:
    life_s = home.until - now
    return HomeReport(
        home.service, home.model, home.credential, home.tokens, life_s, home.writes, home.misses, home.bound
    )


def _account_report(service: str, account: Account, now: float) -> AccountReport:
    block = Block(account.blocked_until - now, account.own)
    return AccountReport(service, account.fingerprint, block, account.effect)


def _report(endpoint: Endpoint, now: float) -> EndpointReport | None:
    breaker = endpoint.breaker
    news = endpoint.error_is_news or endpoint.probe_is_news
    if endpoint.clean and not endpoint.figures.changed and not news:
        return None
    unwell = missing = error = probe = None
    if breaker.state != "closed":
        unwell = BreakerReport(breaker.state, max(0.0, breaker.until - now), breaker.level, breaker.own)
    if endpoint.missing_until > now:
        missing = Block(endpoint.missing_until - now, endpoint.missing_own)
    limited = {
        name: Block(one.blocked_until - now, one.own)
        for name, one in endpoint.limits.items()
        if one.blocked_until > now
    }
    if endpoint.error_is_news and endpoint.last_error is not None:
        error = ErrorReport(endpoint.last_error, max(0.0, now - endpoint.last_error_at))
        endpoint.error_is_news = False
    if endpoint.probe_is_news:
        probe = ProbeReport(endpoint.probe_error, max(0.0, now - endpoint.probed_at))
        endpoint.probe_is_news = False
    if not (endpoint.figures.changed or news or unwell or missing or limited):
        return None
    delta = endpoint.figures.take_delta(now)
    return EndpointReport(endpoint.service, endpoint.model, delta, unwell, missing, limited, error, probe)


# --- in ------------------------------------------------------------------------------------------


def merge(endpoints: Endpoints, savings: Savings, data: bytes, now: float) -> list[Transition]:
    """Merge another worker's published state. Returns the resulting transitions: breakers that open because
    the failures of all workers together are enough. Raises msgspec.MsgspecError.
    """
    report = _DECODE(data)
    if report.saved is not None:
        savings.add(report.saved)
    found = [_merge_endpoint(endpoints, one, now) for one in report.endpoints]
    for account in report.accounts:
        known = endpoints.account(account.service, account.credential)
        if _concerns(account.block, known.blocked_until, now):
            _refuse(
                endpoints, account.service, account.credential, now + account.block.wait_s, account.effect
            )
    return [transition for transition in found if transition is not None]


def merge_homes(homes: Homes, data: bytes, now: float) -> None:
    """Take over where another worker has served conversations. Raises msgspec.MsgspecError."""
    for session, reports in _DECODE_HOMES(data).items():
        homes.follow(session, tuple(_home_of(one, now) for one in reports))


def _home_of(report: HomeReport, now: float) -> Home:
    until = now + report.life_s
    return Home(
        report.service,
        report.model,
        report.credential,
        report.tokens,
        until,
        report.writes,
        report.misses,
        report.bound,
    )


def _merge_endpoint(endpoints: Endpoints, report: EndpointReport, now: float) -> Transition | None:
    endpoint = endpoints.endpoint(report.service, report.model)
    breaker, delta, error, probe = endpoint.breaker, report.delta, report.error, report.probe
    endpoint.figures.merge(delta, now)
    if error is not None and now - error.s_ago > endpoint.last_error_at:
        endpoint.last_error, endpoint.last_error_at = error.summary, now - error.s_ago
    if probe is not None and now - probe.s_ago > endpoint.probed_at:
        endpoint.probed_at, endpoint.probe_error = now - probe.s_ago, probe.error
    if report.missing is not None and _concerns(report.missing, endpoint.missing_until, now):
        _lose(endpoint, now + report.missing.wait_s)
    for credential, block in report.limited.items():
        limits = endpoints.limits(endpoint, credential)
        if _concerns(block, limits.blocked_until, now):
            _limit(endpoint, limits, now + block.wait_s)
    if report.breaker is not None:
        _follow_breaker(endpoint, report.breaker, now)
    if breaker.merge(delta.successes + delta.failures, delta.failures, now) is None:
        return None
    endpoint.clean = False
    return Transition(
        kind="breaker_opened",
        service=endpoint.service,
        model=endpoint.model,
        wait_s=breaker.until - now,
        level=breaker.level,
        detail=endpoint.last_error or "",
    )


def _concerns(block: Block, known_until: float, now: float) -> bool:
    """Whether to adopt a reported block; `known_until` is 0 if the subject was never blocked."""
    if known_until == 0.0:
        return block.wait_s > 0
    just_over = 0 <= now - known_until < SETTLING_S
    return block.own and now + block.wait_s > known_until and not just_over


def _follow_breaker(endpoint: Endpoint, report: BreakerReport, now: float) -> None:
    breaker = endpoint.breaker
    is_open = report.own and report.state == "open" and report.wait_s > 0
    if breaker.untouched or (is_open and now - breaker.closed_at >= SETTLING_S):
        _open(endpoint, now + report.wait_s, report.level)


def apply(endpoints: Endpoints, transition: Transition, now: float) -> None:
    """Apply another worker's transition."""
    until = now + transition.wait_s
    service, credential = transition.service, transition.credential
    match transition.kind:
        case "credential_refused":
            _refuse(endpoints, service, credential, until, "account")
        case "funds_exhausted":
            _refuse(endpoints, service, credential, until, "funds")
        case "credential_restored":
            endpoints.account(service, credential).unblock(now)
        case _:
            _apply_to(endpoints.endpoint(service, transition.model), endpoints, transition, now)


def _apply_to(endpoint: Endpoint, endpoints: Endpoints, transition: Transition, now: float) -> None:
    """Follow what concerns an endpoint."""
    breaker, until = endpoint.breaker, now + transition.wait_s
    match transition.kind:
        case "breaker_opened":
            _open(endpoint, until, transition.level, failed_probe=True)
        case "breaker_probing":
            breaker.hold(min(until, now + PROBE_S))
        case "breaker_probed":
            breaker.hold(now, transition.level)
        case "breaker_closed":
            if breaker.state != "closed":
                breaker.close(now)
                endpoint.figures.restart(now)
        case "rate_limited":
            limits = endpoints.limits(endpoint, transition.credential)
            _limit(endpoint, limits, until, transition.level)
        case "model_missing":
            _lose(endpoint, until)
        case "model_found":
            endpoint.find(now)
        case "slowed_down":
            endpoint.figures.slowed = True


def _open(endpoint: Endpoint, until: float, level: int, *, failed_probe: bool = False) -> None:
    """Open a breaker, unless it is open already."""
    state = endpoint.breaker.state
    if state == "closed" or (state == "half_open" and failed_probe):
        endpoint.breaker.open_until(until, level)
        endpoint.clean = False


def _lose(endpoint: Endpoint, until: float) -> None:
    if until > endpoint.missing_until:
        endpoint.lose(until, own=False)


def _limit(endpoint: Endpoint, limits: Limits, until: float, level: int = 0) -> None:
    limits.level = max(limits.level, level)
    if until > limits.blocked_until:
        limits.blocked_until, limits.own = until, False
        endpoint.clean = False


def _refuse(endpoints: Endpoints, service: str, credential: str, until: float, effect: str) -> None:
    account = endpoints.account(service, credential)
    if until > account.blocked_until:
        account.block(until, effect, own=False)
        for endpoint in endpoints.of(service):
            endpoint.clean = False
