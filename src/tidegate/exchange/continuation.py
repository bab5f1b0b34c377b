"""Carrying on a stream that broke: the next candidate goes on in the answer that the client has in part.

It stands between attempts and delivery. What the client has received is read back in its own dialect, so it
does not matter whether the beginning was passed on or translated; the rest is opened as an attempt like any
other, and returned. Nothing of this costs anything until a stream breaks, except that the delivered bytes are
kept, up to a limit.
"""

import logging
from time import perf_counter

from tidegate.protocols.continuation import CannotContinue, Rest, require_whole_characters
from tidegate.protocols.contract import Call, Conduit
from tidegate.protocols.errors import InvalidRequest, ProviderError, Unsupported
from tidegate.providers import Candidate
from tidegate.routing import Pick

from .attempt import Attempt
from .delivered import delivered_since
from .operation import Chat
from .planning import leave_out
from .rendering import refuse_dropped, requires_parameters
from .reporting import report_failure, report_start
from .request import header_value
from .sending import expect_stream
from .state import Exchange, Segment
from .watchdog import NEVER, Waiting

__all__ = ["MOST", "MOST_BYTES", "carry_on", "keep_delivered"]

log = logging.getLogger("tidegate")

MOST = 2
"""How often one stream is carried on."""
MOST_BYTES = 1024 * 1024
"""Bytes of a stream up to which it can be carried on: about 4,000 tokens in OpenAI's format."""


def keep_delivered(this: Exchange, attempt: Attempt) -> None:
    """Keep what is delivered of the stream that begins, if it is to be carried on when it breaks."""
    config = this.gateway.config
    model = config.models.get(attempt.candidate.alias or "")
    wanted = config.routing.resume if model is None or model.resume is None else model.resume
    if wanted and isinstance(this.operation, Chat) and hasattr(this.operation.door, "resume"):
        this.continuations_left = MOST
        this.transcript.keep(MOST_BYTES)


async def carry_on(this: Exchange, broken: Attempt, error: ProviderError) -> tuple[Attempt, bytes]:
    """Open an attempt that goes on where a stream broke. Returns it, and its first bytes.

    Raises the failure of the stream if it cannot be carried on.
    """
    rest = read_rest(this) if error.tries_elsewhere else None
    if rest is None:
        raise error
    this.continuations_left -= 1
    this.segments = (*this.segments, Segment(broken, delivered_since(this)))
    this.request.abort_stream = rest.abort
    report_failure(this, broken, error)
    while pick := next_pick(this, broken):
        first = await open_rest(this, pick, rest, again=pick.candidate is broken.candidate)
        if first is not None:
            assert this.attempt is not None
            this.request.abort_stream = this.attempt.abort_stream
            return this.attempt, rest.mark(name_of(this.attempt)) + first
    this.attempt = broken
    raise error


def read_rest(this: Exchange) -> Rest | None:
    """The rest of the answer, from what was delivered of it; None if it cannot be carried on."""
    delivered, operation, parsed = this.transcript.body, this.operation, this.parsed
    if delivered is None or not isinstance(operation, Chat):
        return None
    try:
        require_whole_characters(delivered)
        turn = (this.fetched or parsed).turn()
        return Rest(operation.door.resume(parsed, delivered), turn)  # type: ignore[attr-defined]
    except (CannotContinue, InvalidRequest) as reason:
        log.info("%s is not carried on: %s", this.request.id, reason)
    except Exception:
        log.exception("%s is not carried on: what was delivered cannot be read back", this.request.id)
    return None


def next_pick(this: Exchange, broken: Attempt) -> Pick | None:
    """The next candidate; after all others the one that broke, if attempts are repeated at all."""
    router, now = this.gateway.router, perf_counter()
    pick = router.next(this.plan, this.tried, this.facts, now)
    if pick is None and this.gateway.config.routing.retries != 0 and router.may_retry(now):
        others = tuple(trial for trial in this.tried if trial is not broken.trial)
        pick = router.next(this.plan, others, this.facts, now)
    return None if pick is None or (pick.blocked_by == "rate" and pick.wait_s > 0) else pick


async def open_rest(this: Exchange, pick: Pick, rest: Rest, *, again: bool) -> bytes | None:
    """Ask a candidate for the rest; `again`: the one that broke. Returns its first bytes; None means: try the
    next one.
    """
    routing = this.gateway.config.routing
    try:
        call, conduit = plan_rest(this, pick.candidate, rest)
    except Unsupported as refusal:
        leave_out(this, pick, refusal)
        return None
    attempt = this.begin(pick, call, conduit, retry=again)
    this.watch.expect(Waiting.FIRST_BYTE, routing.first_byte_s if call.stream else routing.attempt_s, NEVER)
    try:
        first = await attempt.open(this.request, this.operation.client_format, this.gateway, this.watch)
    except ProviderError as error:
        report_failure(this, attempt, error)
        return None
    report_start(this)
    expect_stream(this.watch, this.gateway)
    return first


def plan_rest(this: Exchange, candidate: Candidate, rest: Rest) -> tuple[Call, Conduit]:
    """What to send to a candidate, and how the rest is written. Raises Unsupported."""
    service, turn = candidate.service, rest.turn(candidate.profile)
    if turn.continues and "continues" not in service.protocol.carries:
        raise Unsupported("this wire format does not know of it", param="continues")  # a package's, and older
    rest.echoed = getattr(service.dialect, "echoes_prefill", False)
    call, conduit = candidate.bridge(rest).plan_turn(this.parsed, turn)
    rest.report_to(conduit.tally)
    if call.dropped and requires_parameters(this):
        refuse_dropped(call, candidate)
    return call, conduit


def name_of(attempt: Attempt) -> str:
    """The name of an attempt's candidate, as a comment may contain it."""
    candidate = attempt.candidate
    return header_value(f"{candidate.service.name}/{candidate.model}").decode()
