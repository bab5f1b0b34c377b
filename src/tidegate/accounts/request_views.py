"""Requests and sessions, as operators and callers see them. Times are in milliseconds since 1970, durations
in milliseconds, amounts in USD; what is not known is None.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct, structs

from tidegate.money import Line, usd
from tidegate.protocols.usage import Usage
from tidegate.store.bodies import Body
from tidegate.store.requests import StoredRequest
from tidegate.store.sessions import Session, TokenCounts

__all__ = [
    "AttemptView",
    "BillLine",
    "BodyView",
    "Moment",
    "RequestDetails",
    "RequestView",
    "SessionView",
    "Tokens",
    "request_details",
    "request_view",
    "session_view",
]


class Tokens(Struct, frozen=True):
    """Tokens by class; audio and images count with the class that they are part of."""

    input: int
    """Of the prompt, neither read from nor written to a cache."""
    cache_read: int
    cache_write: int
    output: int
    """Of the completion, without reasoning where that is reported separately."""
    reasoning: int


class RequestView(Struct, frozen=True, kw_only=True):
    """A request that has ended."""

    id: str
    time: int
    """When it arrived."""
    door: str | None
    path: str | None
    model: str | None
    """The name that the client used."""
    provider: str | None
    provider_model: str | None
    user: str | None
    team: str | None
    key: str | None
    session: str | None
    client: str | None
    """The client's program."""
    status: int
    ended: str
    error: str | None
    stream: bool | None
    cost_usd: Decimal | None
    estimated: bool
    """Whether the usage was counted here, because the provider reported none."""
    tokens: Tokens | None
    ttft_ms: float | None
    """From its arrival to the first byte of the response's body."""
    total_ms: float | None
    attempts: int


class BodyView(Struct, frozen=True):
    """A body, or its beginning."""

    text: str
    truncated: bool
    """Whether the rest of it was not recorded."""
    redacted: bool
    """Whether something in it was replaced."""
    bytes: int
    """The size of the whole."""


class AttemptView(Struct, frozen=True, kw_only=True):
    """An attempt at one provider. Its times count from the arrival of the request."""

    provider: str
    model: str
    status: int
    error: str | None
    hedge: bool
    """Whether it was started beside an attempt that was silent for long."""
    cancelled: bool
    started_ms: float | None
    first_byte_ms: float | None
    ended_ms: float | None
    usage: Mapping[str, int] | None
    """Tokens by class, as far as they were reported."""
    cost_usd: Decimal | None
    request: BodyView | None
    response: BodyView | None


class Moment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened, so many milliseconds after the request arrived."""

    at_ms: float
    what: str
    """`arrived`, `attempt_started`, `attempt_failed`, `attempt_cancelled`, `attempt_answered`, `first_byte`
    or `ended`."""
    provider: str | None = None
    model: str | None = None
    status: int | None = None
    error: str | None = None


class BillLine(Struct, frozen=True, kw_only=True):
    """What one class of usage costs."""

    name: str
    """The class: as in `usage`, or `requests`, `images`, `margin`."""
    tokens: int
    """How many: tokens, searches, requests or images."""
    price: str
    """In USD: per million tokens, per thousand searches or requests, per image; of a margin, the share."""
    amount_usd: Decimal


class RequestDetails(RequestView, frozen=True, kw_only=True):
    """Everything that is known of a request."""

    timeline: Sequence[Moment]
    attempts: Sequence[AttemptView]  # type: ignore[assignment]
    routing: Mapping[str, Any] | None
    """How the candidates were ordered."""
    skipped: Sequence[Mapping[str, Any]]
    bill: Sequence[BillLine]
    usage: Mapping[str, int] | None
    """Tokens by class, as far as they were reported."""
    provider_cost_usd: Decimal | None
    """What the provider says that it cost."""
    finish: str | None
    dropped: Sequence[str]
    left_out: Sequence[str]
    correlation: str | None
    fields: Mapping[str, str]
    """What the client says of itself in headers."""
    overhead_ms: float | None
    request: BodyView | None
    """What the client sent; null if bodies are not recorded."""
    response: BodyView | None


class SessionView(Struct, frozen=True, kw_only=True):
    """What the requests of a session come to."""

    session: str
    first: int
    last: int
    wall_ms: int
    """From the beginning of the first request to the end of the last one."""
    requests: int
    errors: int
    cost_usd: Decimal
    unpriced: int
    """Requests whose cost is not known."""
    tokens: Tokens
    users: Sequence[str]
    models: Sequence[str]


class _Attempt(Struct):
    """A failed or cancelled attempt in a record."""

    provider: str = ""
    model: str = ""
    status: int = 0
    error: str = ""
    ms: float = 0.0
    usage: Usage | None = None
    hedge: bool = False
    cancelled: bool = False
    began_ms: float | None = None


class _Record(Struct):
    """What is read of a record, which another version may have written."""

    path: str | None = None
    client: str | None = None
    stream: bool | None = None
    usage: Usage | None = None
    first_byte_ms: float | None = None
    total_ms: float | None = None
    overhead_ms: float | None = None
    began_ms: float | None = None
    answered_ms: float | None = None
    attempts: list[_Attempt] = []
    hedge: bool = False
    bill: list[Line] = []
    costs: dict[int, int] = {}
    routing: dict[str, Any] | None = None
    skipped: list[dict[str, Any]] = []
    fields: dict[str, str] = {}
    correlation: str | None = None
    provider_cost: int | None = None
    finish: str | None = None
    dropped: list[str] = []
    left_out: list[str] = []


_decode = msgspec.json.Decoder(_Record).decode


def request_view(one: StoredRequest) -> RequestView:
    """A request in a list."""
    return RequestView(**_row(one, _record(one)))


def request_details(one: StoredRequest, bodies: Mapping[str, Body]) -> RequestDetails:
    """The whole of a request."""
    record = _record(one)
    attempts = _attempts(one, record, bodies)
    return RequestDetails(
        **{**_row(one, record), "attempts": attempts},
        timeline=_timeline(one, record, attempts),
        routing=record.routing,
        skipped=record.skipped,
        bill=[
            BillLine(name=line.name, tokens=line.count, price=line.rate, amount_usd=usd(line.amount))
            for line in record.bill
        ],
        usage=_counts(record.usage),
        provider_cost_usd=_usd(record.provider_cost),
        finish=record.finish,
        dropped=record.dropped,
        left_out=record.left_out,
        correlation=record.correlation,
        fields=record.fields,
        overhead_ms=record.overhead_ms,
        request=_body(bodies, "request"),
        response=_body(bodies, "response"),
    )


def session_view(one: Session) -> SessionView:
    """A session, as it is shown."""
    return SessionView(
        session=one.session, first=one.first, last=one.last, wall_ms=max(one.last - one.first, 0),
        requests=one.requests, errors=one.errors, cost_usd=usd(one.cost), unpriced=one.unpriced,
        tokens=_tokens(one.tokens), users=one.users, models=one.models,
    )  # fmt: skip


def _row(one: StoredRequest, record: _Record) -> dict[str, Any]:
    """The fields of a request in a list."""
    return {
        "id": one.id, "time": one.at, "door": one.door, "path": record.path, "model": one.model,
        "provider": one.provider, "provider_model": one.provider_model, "user": one.user, "team": one.team,
        "key": one.key, "session": one.session, "client": record.client, "status": one.status,
        "ended": one.ended, "error": one.error, "stream": record.stream, "cost_usd": _usd(one.cost),
        "estimated": one.estimated,
        "tokens": _tokens(TokenCounts.of(record.usage)) if record.usage is not None else None,
        "ttft_ms": record.answered_ms if record.first_byte_ms is None else record.first_byte_ms,
        "total_ms": record.total_ms,
        "attempts": len(record.attempts) + (record.began_ms is not None and not _last_failed(one, record)),
    }  # fmt: skip


def _record(one: StoredRequest) -> _Record:
    try:
        return _decode(one.detail)
    except msgspec.MsgspecError:
        return _Record()


def _last_failed(one: StoredRequest, record: _Record) -> bool:
    """Whether the last attempt is among those that failed."""
    last = record.attempts[-1] if record.attempts else None
    return last is not None and (last.began_ms, last.provider) == (record.began_ms, one.provider)


def _attempts(one: StoredRequest, record: _Record, bodies: Mapping[str, Body]) -> list[AttemptView]:
    """All attempts, in the order in which they began."""
    found: list[dict[str, Any]] = [
        {
            "provider": failed.provider, "model": failed.model, "status": failed.status,
            "error": failed.error, "hedge": failed.hedge, "cancelled": failed.cancelled,
            "started_ms": failed.began_ms, "first_byte_ms": None,
            "ended_ms": failed.began_ms + failed.ms if failed.began_ms is not None else None,
            "usage": _counts(failed.usage),
        }
        for failed in record.attempts
    ]  # fmt: skip
    if record.began_ms is not None and not _last_failed(one, record):
        answered = {
            "provider": one.provider or "", "model": one.provider_model or "", "status": one.status,
            "error": None, "hedge": record.hedge, "cancelled": False, "started_ms": record.began_ms,
            "first_byte_ms": record.answered_ms, "ended_ms": record.total_ms, "usage": _counts(record.usage),
        }  # fmt: skip
        found.append(answered)
    found.sort(key=lambda attempt: attempt["started_ms"] or 0.0)
    costs = record.costs or ({len(found) - 1: one.cost} if one.cost is not None else {})
    return [
        AttemptView(
            **attempt,
            cost_usd=_usd(costs.get(number)),
            request=_body(bodies, f"{number}.request"),
            response=_body(bodies, f"{number}.response"),
        )
        for number, attempt in enumerate(found)
    ]


def _timeline(one: StoredRequest, record: _Record, attempts: Sequence[AttemptView]) -> list[Moment]:
    """What happened, in order."""
    moments = [Moment(at_ms=0.0, what="arrived")]
    for attempt in attempts:
        named: dict[str, Any] = {"provider": attempt.provider, "model": attempt.model}
        if attempt.started_ms is not None:
            moments.append(Moment(at_ms=attempt.started_ms, what="attempt_started", **named))
        if attempt.first_byte_ms is not None:
            moments.append(Moment(at_ms=attempt.first_byte_ms, what="attempt_answered", **named))
        if attempt.error is not None and attempt.ended_ms is not None:
            what = "attempt_cancelled" if attempt.cancelled else "attempt_failed"
            moments.append(
                Moment(at_ms=attempt.ended_ms, what=what, status=attempt.status, error=attempt.error, **named)
            )
    if record.first_byte_ms is not None:
        moments.append(Moment(at_ms=record.first_byte_ms, what="first_byte"))
    moments.sort(key=lambda moment: moment.at_ms)
    if record.total_ms is not None:
        moments.append(Moment(at_ms=record.total_ms, what="ended", status=one.status, error=one.error))
    return moments


def _counts(usage: Usage | None) -> Mapping[str, int] | None:
    if usage is None:
        return None
    return {name: count for name, count in structs.asdict(usage).items() if count is not None}


def _tokens(counts: TokenCounts) -> Tokens:
    return Tokens(*(getattr(counts, name) for name in Tokens.__struct_fields__))


def _body(bodies: Mapping[str, Body], name: str) -> BodyView | None:
    body = bodies.get(name)
    return BodyView(body.text, body.truncated, body.redacted, body.bytes) if body is not None else None


def _usd(nano: int | None) -> Decimal | None:
    return usd(nano) if nano is not None else None
