"""What a request may cost, and what it has cost: the accounts' part of an exchange.

Without an accountant (no store is configured) none of this happens.
"""

from collections.abc import Sequence

from msgspec import Raw
from msgspec.json import encode

from tidegate.accounts import Caller, Quote, Ticket
from tidegate.figures import Answered
from tidegate.money import Bill
from tidegate.observe import Record
from tidegate.protocols.errors import Forbidden, ModelNotFound
from tidegate.protocols.excerpt import shorten
from tidegate.providers import Candidate
from tidegate.store.journal import Charge, Ended, milliseconds

from .billing import bill_attempts
from .quoting import prompt_bytes, quote_of
from .sampling import (
    FREE,
    NO_COUNTS,
    Counts,
    answered_by,
    counts_of,
    is_plain,
    is_sampled,
    sample_of,
)  # fmt: skip
from .state import Exchange
from .tariff import Tariff

__all__ = ["book", "cost_line", "permitted", "quote_for"]

LONGEST_ERROR = 500
"""Characters of an error that can be searched for."""


def quote_for(this: Exchange) -> Quote:
    """What the request is expected to need. Candidates that a wallet cannot pay are left out."""
    if this.caller.wallet and len(this.candidates) > 1:
        this.candidates = this.gateway.tariff.with_prices(this.candidates)
    return quote_of(this.caller, this.parsed, this.candidates, this.gateway)


def permitted(
    caller: Caller, model: str, candidates: Sequence[Candidate], tariff: Tariff
) -> Sequence[Candidate]:
    """The candidates that a caller may use. Raises Forbidden, or ModelNotFound for a model that the caller
    must not know of.
    """
    if caller.models and not tariff.matches(model, caller.models):
        raise ModelNotFound(f"the model {model} does not exist, or this key may not use it")
    if not caller.providers:
        return candidates
    allowed = tariff.at_providers(candidates, tuple(caller.providers))
    if not allowed:
        raise Forbidden(f"this key may not use any provider that serves {model}", param="model")
    return allowed


def book(this: Exchange, record: Record) -> None:
    """Settle the request: what it costs, and its record. Raises Unavailable."""
    ticket, accountant = this.ticket, this.gateway.accountant
    assert ticket is not None and accountant is not None  # noqa: PT018 one state
    bills, estimated = bill_attempts(this)
    _add_bills(this, record, bills)
    record.estimated, record.drained = estimated, this.drained
    counts = counts_of(record.usage) if record.usage is not None else NO_COUNTS
    _learn(this, counts)
    this.plain = is_plain(this, record)
    if this.plain:
        this.sample = answered_by(this, record, counts)
    elif is_sampled(this):
        this.sample = sample_of(this, record, bills)
    this.encoded = encode(record)
    accountant.settle(ticket, _ended(this, ticket, record, bills, sum(counts)))


def _add_bills(this: Exchange, record: Record, bills: Sequence[tuple[int, Bill]]) -> None:
    """Add what a request costs to its record."""
    if not bills:
        answered = this.attempt is not None and this.attempt.first_byte_at is not None
        record.cost = None if answered and this.ended not in FREE else 0
        return
    number, bill = bills[-1]
    record.cost, record.bill = bill.total, bill.lines
    if len(bills) > 1:
        record.cost = sum([one.total for _, one in bills])
        record.bill = [line for _, one in bills for line in one.lines]
    if len(bills) > 1 or number != len(this.attempts) - 1:
        record.costs = {number: one.total for number, one in bills}
    if record.provider_cost is not None:
        record.cost_difference = _difference(this, bills)


def _ended(
    this: Exchange, ticket: Ticket, record: Record, bills: Sequence[tuple[int, Bill]], tokens: int
) -> Ended:
    """The end of a request that used so many tokens, as the journal has it."""
    caller, hold = this.caller, ticket.hold
    lease, held = (hold.lease, hold.amount) if hold is not None else (None, 0)
    charges = tuple([Charge(number, bill.total) for number, bill in bills]) if caller.wallet else ()
    ended = Ended(  # by position, as for Record
        record.id, milliseconds(), record.ended, record.status, ticket.begun_at, caller.user, caller.team,
        caller.key, this.model, record.provider, record.provider_model, lease, held, charges, record.cost,
        tokens, record.estimated, record.door, record.session,
    )  # fmt: skip
    if record.error is not None:
        ended.error = shorten(record.error, LONGEST_ERROR)
    if isinstance(this.sample, Answered):
        ended.answered = this.sample
    else:
        ended.figures = this.sample
    ended.detail = Raw(this.encoded)
    return ended


def _difference(this: Exchange, bills: Sequence[tuple[int, Bill]]) -> int | None:
    """What the provider's own figure is above what its answer costs by prices."""
    for number, bill in bills:
        reported = this.attempts[number].tally.provider_cost
        if this.attempts[number] is this.attempt and reported is not None and bill.listed is not None:
            return reported - bill.listed
    return None


def _learn(this: Exchange, counts: Counts) -> None:
    """Note how many tokens the provider has counted in the prompt."""
    attempt, tokens = this.attempt, counts[0] + counts[1] + counts[2]
    if attempt is not None and attempt.complete and tokens:
        size, candidate = prompt_bytes(this.parsed), attempt.candidate
        this.gateway.prompt_sizes.observe(candidate.service.name, candidate.model, size, tokens)


def cost_line(record: Record) -> bytes:
    """The header `x-tidegate-cost-usd`, where the cost is known."""
    if record.cost is None:
        return b""
    written = encode(record.cost).zfill(10)
    return b"x-tidegate-cost-usd: " + written[:-9] + b"." + written[-9:] + b"\r\n"
