"""The record of one request."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from tidegate.money import Line
from tidegate.protocols.usage import Usage

__all__ = ["Considered", "Decision", "Ending", "FailedAttempt", "Record", "SkippedCandidate", "in_ms"]

Ending = Literal[
    "complete",
    "complete_without_usage",
    "client_left",
    "provider_broke",
    "failed",
    "refused",
    "gateway_failed",
    "shut_down",
]
"""How a request ended:

- `complete`: the whole answer arrived, with its usage
- `complete_without_usage`: the whole answer arrived, but the provider reported no usage
- `client_left`: the client disconnected before the end
- `provider_broke`: the provider failed after the first byte had been sent to the client
- `failed`: no candidate answered; the client received an error
- `refused`: the request was rejected (4xx of this gateway)
- `gateway_failed`: a bug in this gateway
- `shut_down`: the gateway's grace period ended before the request did
"""


class FailedAttempt(Struct, frozen=True, omit_defaults=True):
    """A failed or cancelled attempt at one provider."""

    provider: str
    model: str
    status: int
    """Of the error; 499 for a cancelled one."""
    error: str
    """The `summary` of the error, or why it was cancelled."""
    ms: float = 0.0
    """From sending the request to the failure."""
    usage: Usage | None = None
    """Tokens by class, as far as they were reported before it ended."""
    delivered_tokens: int | None = None
    """Tokens that it delivered before its stream broke and was carried on, estimated; None for any other."""
    hedge: bool = False
    """Whether it was started beside an attempt that was silent for long."""
    cancelled: bool = False
    """Whether it was cancelled while it was silent, because the attempt beside it answered first, or nobody
    waited any more. The provider may bill it."""
    key: str | None = None
    """The fingerprint of the provider's key that was used; None where there is only one."""
    began_ms: float | None = None
    """From the request's head to its start."""


class SkippedCandidate(Struct, frozen=True):
    """A candidate that was not tried, and why."""

    provider: str
    model: str
    reason: str


class Considered(Struct, frozen=True, omit_defaults=True, gc=False):
    """A candidate that could serve the request, with the figures it was ranked by. None: not known, or the
    order needed no figures.
    """

    provider: str
    model: str
    blocked_by: str | None = None
    """Why it could not serve when the order was made: `breaker`, `rate`, `account` or `model`."""
    wait_s: float | None = None
    """Seconds until it was expected to serve again; None: it could serve at once."""
    cost_usd: float | None = None
    """The expected cost of this request, with what its prompt cache holds."""
    ttft_s: float | None = None
    """The time to first token, in seconds."""
    tokens_per_s: float | None = None
    success: float | None = None
    """The rate of success by which it was ranked, 0 to 1; None for 1 too."""
    cached_tokens: int = 0
    """Tokens of the conversation that its prompt cache was expected to hold."""
    slow: bool = False
    """Whether its first tokens come so late that it counted as half as successful."""
    weight: float | None = None
    """Its weight in the draw, for orders that draw."""


class Decision(Struct, frozen=True, omit_defaults=True, gc=False):
    """The order in which candidates were to be tried, and why."""

    order: str
    """The order that was applied: a name of `routing.order`."""
    candidates: Sequence[Considered | str]
    """The first choice first; `provider/model` where nothing else is to be said."""
    requested: bool = False
    """Whether the request itself chose the order (`provider.sort`)."""
    tiers: tuple[int, ...] = ()
    """How many candidates stood together, where the request ranked them itself."""
    prompt_tokens: int = 0
    """The estimate of the prompt's length; 0 where nobody needed one."""
    conversation: bool = False
    """Whether the request was recognized as part of a conversation."""
    stayed: bool = False
    """Whether the first choice was first because the conversation's prompt cache is warm there."""
    answered_ms: float | None = None
    """From sending the request to the candidate that answered to the first byte of its answer."""


class Record(Struct, kw_only=True, omit_defaults=True):
    """The record of a finished request. Times are in milliseconds."""

    time: str
    """When it arrived: UTC, RFC 3339."""
    id: str
    """The response's `x-request-id`."""
    correlation: str | None = None
    """The client's correlation id, if its dialect has one."""
    door: str
    """The client's dialect."""
    path: str
    status: int
    """The response's status; 499 if the client disconnected before there was one."""
    ended: Ending
    session: str | None = None
    """The client's name for the conversation or task that the request belongs to."""
    client: str | None = None
    """The client's program, usually with its version."""
    fields: dict[str, str] = {}
    """What coding agents and LLM Gate's clients say of themselves in headers."""
    model: str | None = None
    """The name that the client used."""
    provider: str | None = None
    """The configured name of the last provider tried."""
    provider_model: str | None = None
    """The model requested from the provider."""
    provider_key: str | None = None
    """The fingerprint of the provider's key that was used; None where there is only one."""
    resolved_from: str | None = None
    """The retired name in the request that `provider_model` takes the place of, if there is one."""
    stream: bool | None = None
    finish: str | None = None
    """The finish reason, with OpenAI's names."""
    usage: Usage | None = None
    """Tokens by class; None if the provider reported none."""
    service_tier: str | None = None
    """The service tier, with the provider's name."""
    provider_cost: int | None = None
    """The cost reported by the provider, in 10⁻⁹ USD; None if it reports none."""
    cost_difference: int | None = None
    """`provider_cost` less what the answer costs by prices, in 10⁻⁹ USD; None if one of them is not known."""
    dropped: tuple[str, ...] = ()
    """Parameters that the provider does not support."""
    left_out: tuple[str, ...] = ()
    """Optional parts of the response that were malformed and omitted."""
    attempts: list[FailedAttempt] = []
    """Attempts that failed before the one that answered, or were cancelled beside it."""
    hedge: bool = False
    """Whether the attempt that answered was started beside one that was silent for long, and overtook it."""
    continued: int = 0
    """How often the stream broke and was continued by another attempt. `usage` is that of the last one, whose
    input contains the text delivered before."""
    resent: int = 0
    """Attempts whose request was sent twice, because the reused connection closed without a byte of an
    answer. Whether the provider received it twice is unknown."""
    skipped: list[SkippedCandidate] = []
    """Candidates that were not tried: they do not support a feature of the request, or are closed."""
    routing: Decision | None = None
    """How the candidates were ordered; None where there was only one."""
    user: str | None = None
    """Whose wallet and budgets the request belongs to."""
    cost: int | None = None
    """What it cost, in 10⁻⁹ USD; None where that is not known, or no accounts are kept."""
    bill: Sequence[Line] = ()
    """The cost by class of usage; the amounts add up to it."""
    costs: dict[int, int] = {}
    """What each attempt cost, by its number from 0 in the order in which they began; empty where only the
    last one cost anything."""
    estimated: bool = False
    """Whether the cost is of usage that was counted here, because the provider reported none."""
    drained: bool = False
    """Whether the rest of the stream was read after its client had left, so that the usage is the reported
    one."""
    caller: str | None = None
    """The caller, if known; never the key."""
    error: str | None = None
    """The `summary` of the client's error, which contains no quotes."""
    shortened: tuple[str, ...] = ()
    """Fields that are truncated because the line would have been too long."""
    paused_ms: float | None = None
    """Time spent waiting before the first byte, outside of attempts: for rate limits, before retries, for
    linked media. None if there was none."""
    total_ms: float = 0.0
    """From the request's head to the end of the response."""
    first_byte_ms: float | None = None
    """From the request's head to the first byte of the response's body."""
    began_ms: float | None = None
    """From the request's head to the start of the attempt that answered, or the last one."""
    answered_ms: float | None = None
    """From the request's head to the first byte of that attempt's answer."""
    overhead_ms: float | None = None
    """Tidegate's share of the time to the first byte: everything except waiting for providers."""
    response_bytes: int | None = None
    """Bytes of the response passed to the server."""


_ROUNDS = 1.5 * 2.0**52
"""A number so large that floats next to it are whole numbers: adding it rounds."""


def in_ms(seconds: float) -> float:
    """A time in milliseconds, to the microsecond: `round` takes ten times as long."""
    return (seconds * 1e6 + _ROUNDS - _ROUNDS) / 1e3
