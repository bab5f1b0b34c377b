"""What an exchange adds to the figures, once it is over."""

import logging
from collections.abc import Sequence
from time import perf_counter

from msgspec.structs import astuple

from tidegate.figures import Answered, Part, Sample
from tidegate.figures.kinds import kind_of
from tidegate.money import Bill
from tidegate.observe import Record
from tidegate.protocols.errors import ClientError, ProviderBroke, ProviderError
from tidegate.protocols.usage import Usage

from .attempt import Attempt
from .plain_answers import LEAST_GENERATION_S
from .state import Exchange

__all__ = [
    "FREE",
    "NO_COUNTS",
    "Counts",
    "answered_by",
    "count",
    "counts_of",
    "is_plain",
    "is_sampled",
    "sample_of",
]

log = logging.getLogger("tidegate")

COMPLETE = frozenset(["complete", "complete_without_usage"])
FAILED = frozenset(["failed", "refused", "provider_broke", "gateway_failed", "shut_down"])
"""Endings with an error for the client."""
UNRATED = frozenset(["refused", "client_left", "shut_down"])
"""Endings that say nothing about providers and the gateway."""
FREE = frozenset(["refused", "failed", "gateway_failed", "shut_down"])
"""Endings of requests that got no answer: nothing is charged for them."""
BAD_TOOL_CALLS = frozenset(["MALFORMED_FUNCTION_CALL", "malformed_tool_use"])
"""Finish reasons of answers whose tool calls cannot be read."""
OK = 200

Counts = tuple[int, int, int, int, int]
"""Tokens by class: `input`, `cache_read`, `cache_write`, `output` and `reasoning`, as in Part."""
NO_COUNTS = 0, 0, 0, 0, 0


def count(this: Exchange, record: Record) -> None:
    """Count an exchange that is over. A failure to do so is logged, and never hides how it ended."""
    figures, error = this.gateway.figures, this.error
    try:
        if this.plain if this.record is record else is_plain(this, record):
            add_plain(this, record)
            return
        figures.live.count(this.door.name, record.status, error if isinstance(error, ClientError) else None)
        if is_sampled(this):
            sample = this.sample or sample_of(this, record, None)
            sample = sample.as_sample() if isinstance(sample, Answered) else sample
            figures.add(sample, this.caller.user, this.caller.key)
    except Exception:
        log.exception("%s could not be counted", this.request.id)


def is_plain(this: Exchange, record: Record) -> bool:
    """Whether it was a whole answer with usage, at the first attempt: most are, and are counted together."""
    if record.ended != "complete" or record.status != OK or len(this.attempts) != 1:
        return False
    return this.stream is not None and this.model is not None and not record.estimated and this.error is None


def add_plain(this: Exchange, record: Record) -> None:
    """Add such an answer to those that are counted together."""
    answers, attempt = this.gateway.plain_answers, this.attempts[0]
    if isinstance(this.sample, Answered):
        answers.add_booked(this.sample, record.door, this.caller)
        return
    begun = attempt.first_byte_at if this.stream else attempt.started_at
    took_s = attempt.ended_at - begun if attempt.ended_at is not None and begun is not None else 0.0
    answers.add(attempt.candidate, attempt.tally, record, this.caller, took_s)


def is_sampled(this: Exchange) -> bool:
    """Whether an exchange is in the figures of models: it named one, and did not only count tokens."""
    return this.model is not None and this.stream is not None


def counts_of(usage: Usage) -> Counts:
    """The tokens of a usage in the classes of Part."""
    own, read, written, hour, audio, image, text, reasoning, spoken, drawn, _ = astuple(usage)
    return (
        (own or 0) + (audio or 0) + (image or 0),
        read or 0,
        (written or 0) + (hour or 0),
        (text or 0) + (spoken or 0) + (drawn or 0),
        reasoning or 0,
    )


def answered_by(this: Exchange, record: Record, counts: Counts) -> Answered:
    """What such an answer that is booked adds to the figures: what `sample_of` says, in a third of the time.
    `counts` are those of its usage.
    """
    (attempt,) = this.attempts
    candidate, tally = attempt.candidate, attempt.tally
    own, read, written, output, reasoning = counts
    generated, generated_ms = _speed(this, attempt, output + reasoning)
    discount = premium = 0
    if read or written:
        assert tally.usage is not None, "it would not be complete"
        discount, premium = this.gateway.price_cards.cache_effect(candidate, tally, tally.usage)
    return Answered(
        candidate.service.name, this.gateway.model_names.of(candidate), record.total_ms, own, output,
        record.cost, generated, generated_ms, read, written, reasoning, discount, premium,
        tally.finish == "tool_calls", record.first_byte_ms if this.stream else None,
    )  # fmt: skip


def sample_of(this: Exchange, record: Record, bills: Sequence[tuple[int, Bill]] | None) -> Sample:
    """The sample of an exchange with this record. `bills` are those of its attempts, by their number; None
    where nothing was booked: then the cost is computed from the tokens.
    """
    error, ended = this.error, record.ended
    return Sample(
        record.status,
        record.total_ms,
        record.first_byte_ms if this.stream and record.status == 200 else None,
        error=ended in FAILED,
        rated=ended not in UNRATED and (error is None or error.fault != "request"),
        parts=_parts(this, record, bills) if this.attempts else (),
        estimated=record.estimated,
    )


def _parts(this: Exchange, record: Record, bills: Sequence[tuple[int, Bill]] | None) -> tuple[Part, ...]:
    """The attempts; that of the answer, or of the last failure, is the last one."""
    costs = None if bills is None else {number: bill.total for number, bill in bills}
    parts: list[Part] = []
    last: list[Part] = []
    for number, attempt in enumerate(this.attempts):
        known = costs is not None
        cost = costs.get(number, 0 if costs or this.ended in FREE else None) if costs is not None else None
        part = _part(this, attempt, record, cost, known=known)
        (last if attempt is this.attempt else parts).append(part)
    return (*parts, *last)


def _part(this: Exchange, attempt: Attempt, record: Record, cost: int | None, *, known: bool) -> Part:
    """An attempt; `cost` is what was booked, if that is `known`."""
    candidate, usage, failure = attempt.candidate, attempt.tally.usage, attempt.error
    cards = this.gateway.price_cards
    is_last = attempt is this.attempt
    if failure is None and is_last:
        failure = this.error
    kind = kind_of(failure) if isinstance(failure, ProviderError) else None
    if kind is not None:
        rated = failure is not None and failure.fault != "request"
    else:
        rated = is_last and record.ended in COMPLETE
    if attempt.first_byte_at is None:
        cost = cost or 0
    elif not known:
        cost = 0
        if kind is None:
            cost = cards.cost(candidate, attempt.tally, usage) if usage is not None else None
    provider, model = candidate.service.name, this.gateway.model_names.of(candidate)
    calls = attempt.tally.finish == "tool_calls"
    bad_calls = isinstance(failure, ProviderBroke) and failure.finish in BAD_TOOL_CALLS
    if usage is None:
        return Part(provider, model, kind, rated, cost=cost, tool_calls=calls, bad_tool_calls=bad_calls)
    counts = counts_of(usage)
    generated, generated_ms = _speed(this, attempt, counts[3] + counts[4]) if kind is None else (0, 0.0)
    discount, premium = cards.cache_effect(candidate, attempt.tally, usage)
    return Part(
        provider, model, kind, rated, *counts,
        cost, discount, premium, generated, generated_ms, calls, bad_calls,
    )  # fmt: skip


def _speed(this: Exchange, attempt: Attempt, tokens: int) -> tuple[int, float]:
    """Completion tokens, and the milliseconds in which they were generated; zeros where that is not known."""
    begun = attempt.first_byte_at if this.stream else attempt.started_at
    if not tokens or begun is None:
        return 0, 0.0
    elapsed = (attempt.ended_at or perf_counter()) - begun
    return (tokens, elapsed * 1e3) if elapsed >= LEAST_GENERATION_S else (0, 0.0)
