"""The record of an exchange, built once."""

from time import perf_counter

from tidegate.observe import Ending, Record
from tidegate.observe.record import FailedAttempt, SkippedCandidate, in_ms
from tidegate.observe.request_log import timestamp

from .attempt import Attempt
from .client_fields import said_of_client
from .explaining import decision_of
from .state import Exchange

__all__ = ["add_times", "outcome", "record_of"]

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that left before there was a response; used only in records."""
CANCELLED = ("the request ended before it answered", "another attempt answered first")
"""Why an attempt was cancelled: whether it was overtaken."""


def record_of(this: Exchange) -> Record:
    """The record of an exchange that is over."""
    request, attempt = this.request, this.attempt
    took_s = perf_counter() - request.received_at
    # To make a record with all of these at once takes three times as long as to add them.
    record = Record(
        time=timestamp(took_s),
        id=request.id,
        door=this.door.name,
        path=request.path,
        status=request.status or CLIENT_CLOSED_REQUEST,
        ended=outcome(this),
    )
    record.session = this.session
    record.client, fields = said_of_client(request)
    if fields is not None:
        record.fields = fields
    record.model, record.stream = this.model, this.stream
    record.caller, record.user = this.caller.label, this.caller.user
    record.total_ms = in_ms(took_s)
    if request.first_byte_at is not None:
        record.first_byte_ms = in_ms(request.first_byte_at - request.received_at)
    record.response_bytes = this.transcript.size or None
    if attempt is not None:
        _add_attempt(this, attempt, record)
    _add_story(this, record)
    return record


def _add_attempt(this: Exchange, attempt: Attempt, record: Record) -> None:
    """Add what is known of the attempt that answered, or of the last one."""
    tally, candidate = attempt.tally, attempt.candidate
    arrived = this.request.received_at
    record.provider, record.provider_model = candidate.service.name, candidate.model
    record.finish, record.usage = tally.finish, tally.usage
    record.began_ms = in_ms(attempt.started_at - arrived)
    if attempt.first_byte_at is not None:
        record.answered_ms = in_ms(attempt.first_byte_at - arrived)
        record.overhead_ms = _overhead(this)
    _add_particulars(attempt, record)


def _add_particulars(attempt: Attempt, record: Record) -> None:
    """Add what is known of few attempts."""
    tally, trial = attempt.tally, attempt.trial
    if attempt.candidate.replaces is not None:
        record.resolved_from = attempt.candidate.replaces
    if len(trial.lane.slots) > 1:
        record.provider_key = _key_of(attempt)
    if attempt.dropped:
        record.dropped = attempt.dropped
    if tally.left_out:
        record.left_out = tuple(tally.left_out)
    if tally.service_tier is not None:
        record.service_tier = tally.service_tier
    if tally.provider_cost is not None:
        record.provider_cost = tally.provider_cost
    if trial.hedge:
        record.hedge = True


def _add_story(this: Exchange, record: Record) -> None:
    """Add what distinguishes a request from most: how it was routed, and what happened before its end."""
    attempts = this.attempts
    if this.request.correlation is not None:
        record.correlation = this.request.correlation
    if len(this.plan.choices) > 1 or this.explains:
        record.routing = decision_of(this)
    if this.skipped:
        record.skipped = _skipped(this)
    if this.waited_s:
        record.paused_ms = in_ms(this.waited_s)
    if this.ended == "complete" and len(attempts) == 1 and not attempts[0].resent:
        return
    record.attempts = _failed(this)
    record.continued = sum(one.attempt is not this.attempt for one in this.segments)
    record.resent = this.resent
    record.error = this.error.summary if this.error is not None else None


def _failed(this: Exchange) -> list[FailedAttempt]:
    """The attempts that failed or were cancelled, in order."""
    return [
        _failed_attempt(this, one)
        for one in this.attempts
        if one.error is not None or one is not this.attempt
    ]


def _failed_attempt(this: Exchange, attempt: Attempt) -> FailedAttempt:
    error = attempt.error
    overtaken = attempt.trial.effect == "overtaken"
    return FailedAttempt(
        attempt.candidate.service.name,
        attempt.candidate.model,
        error.status if error is not None else CLIENT_CLOSED_REQUEST,
        error.summary if error is not None else CANCELLED[overtaken],
        in_ms((attempt.ended_at or attempt.started_at) - attempt.started_at),
        usage=attempt.tally.usage if attempt is not this.attempt else None,
        delivered_tokens=_delivered(this, attempt),
        hedge=attempt.trial.hedge,
        key=_key_of(attempt),
        cancelled=error is None,
        began_ms=in_ms(attempt.started_at - this.request.received_at),
    )


def _key_of(attempt: Attempt) -> str | None:
    """Which of the provider's keys was used; None where it has only one."""
    trial = attempt.trial
    return trial.slot.account.fingerprint if len(trial.lane.slots) > 1 else None


def _delivered(this: Exchange, failed: Attempt) -> int | None:
    """Tokens of a part of the stream that was carried on."""
    for attempt, tokens in this.segments:
        if attempt is failed and attempt is not this.attempt:
            return tokens
    return None


def _skipped(this: Exchange) -> list[SkippedCandidate]:
    """The candidates that were skipped, in order."""
    return [
        SkippedCandidate(one.candidate.service.name, one.candidate.model, one.reason) for one in this.skipped
    ]


def outcome(this: Exchange) -> Ending:
    """The outcome; an answer without usage has its own."""
    attempt = this.attempt
    if this.ended == "complete" and attempt is not None and attempt.tally.usage is None:
        return "complete_without_usage"
    return this.ended


def add_times(this: Exchange, record: Record) -> None:
    """Add the times of a plain answer that has been sent to its record."""
    request = this.request
    record.total_ms = in_ms(perf_counter() - request.received_at)
    record.first_byte_ms = request.first_byte_at and in_ms(request.first_byte_at - request.received_at)
    record.overhead_ms = _overhead(this)


def _overhead(this: Exchange) -> float | None:
    """Milliseconds that the gateway itself took until the first byte of an answer; None without an answer."""
    request = this.request
    if request.first_byte_at is None or this.attempt is None or this.attempt.first_byte_at is None:
        return None
    own = request.first_byte_at - request.body_at - this.waited_s
    if len(this.attempts) == 1:
        return in_ms(own - _waited(this.attempt))
    until = 0.0
    for attempt in this.attempts:  # in the order in which they began; two may have waited at the same time
        if attempt.started_at < request.first_byte_at:
            end = attempt.started_at + _waited(attempt)
            own -= max(0.0, end - max(attempt.started_at, until))
            until = max(until, end)
    return in_ms(own)


def _waited(attempt: Attempt) -> float:
    """Seconds that an attempt waited for its provider."""
    if attempt.waited_s is not None:
        return attempt.waited_s
    return attempt.ended_at - attempt.started_at if attempt.ended_at is not None else 0.0
