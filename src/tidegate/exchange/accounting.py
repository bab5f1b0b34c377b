"""What a request may cost, and what it has cost: the accounts' part of an exchange.

Without an accountant (no store is configured) none of this happens.
"""

from collections.abc import Sequence

from msgspec import Raw, structs
from msgspec.json import encode

from tidegate.accounts import Caller, Ticket
from tidegate.money import Bill, in_usd
from tidegate.observe import Record
from tidegate.protocols.errors import Forbidden, ModelNotFound
from tidegate.protocols.excerpt import shorten
from tidegate.protocols.usage import Usage
from tidegate.providers import Candidate
from tidegate.store.journal import Charge, Ended, milliseconds

from .attempt import Attempt
from .continuation import MOST_BYTES
from .delivered import delivered_by
from .facts import BYTES_PER_TOKEN
from .quoting import drawing_of, prompt_bytes, quote_of
from .request import Header
from .sampling import FREE, is_plain, is_sampled, plain_sample, sample_of
from .state import Exchange
from .tariff import Tariff

__all__ = ["admit_to_accounts", "bill_attempts", "book", "cost_header", "permitted"]

LONGEST_ERROR = 500
"""Characters of an error that can be searched for."""


async def admit_to_accounts(this: Exchange) -> None:
    """Take what the request needs of its caller's limits, budgets and wallet. Raises LimitExceeded,
    InsufficientFunds, Forbidden and Unavailable.
    """
    accountant = this.gateway.accountant
    assert accountant is not None, "the caller looks first"
    if this.caller.wallet:
        this.candidates = this.gateway.tariff.with_prices(this.candidates)
    quote = quote_of(this.caller, this.parsed, this.candidates, this.gateway)
    this.ticket = await accountant.admit(this.request.id, this.caller, quote)
    if this.ticket.hold is not None:
        this.transcript.keep(MOST_BYTES)  # to count what was delivered, if the stream breaks


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


def bill_attempts(this: Exchange) -> tuple[list[tuple[int, Bill]], bool]:
    """The bills of the attempts that cost something, by their number, and whether their usage was estimated.

    An attempt costs what its provider reports. One that answered and reported nothing (it broke, its client
    left, or it is a provider that never does) is counted by what was sent and delivered.
    """
    if this.ended in FREE:
        return [], False
    bills: list[tuple[int, Bill]] = []
    estimated, margin = False, this.caller.margin
    for number, attempt in enumerate(this.attempts):
        usage, counted = usage_of(this, attempt)
        bill = bill_of_attempt(this, attempt, usage) if usage is not None else None
        if bill is not None:
            estimated = estimated or counted
            bills.append((number, bill.with_margin(margin) if margin else bill))
    return bills, estimated


def usage_of(this: Exchange, attempt: Attempt) -> tuple[Usage | None, bool]:
    """What an attempt used, and whether that is an estimate; None where it gave no answer. Of one that was
    overtaken, only what its provider had reported by then is known.

    What a provider reports before the end is a beginning: Anthropic's first event says one completion token.
    """
    usage, began = attempt.tally.usage, attempt.first_byte_at is not None
    if attempt.error is not None and not began:
        return None, False  # whatever it reports: the client received none of it
    ended = attempt.complete or attempt.tally.finish is not None
    if usage is not None and ended:
        return attempt.tally.billed or usage, False
    if attempt.tally.images:
        return usage or Usage(), False  # priced by the image
    if not began:
        return (usage if attempt.trial.effect == "overtaken" else None), False
    output = delivered_by(this, attempt)
    if usage is None or usage.prompt_tokens is None:
        prompt = prompt_bytes(this.parsed) // BYTES_PER_TOKEN
        usage = structs.replace(usage or Usage(), input=prompt)
    elif (usage.completion_tokens or 0) >= output:
        return usage, False
    return structs.replace(usage, output=max(output - (usage.reasoning or 0), 0)), True


def bill_of_attempt(this: Exchange, attempt: Attempt, usage: Usage) -> Bill | None:
    """What a usage costs at the attempt's provider, as it was served, by the prices of when the request
    began.
    """
    candidate, ticket = attempt.candidate, this.ticket
    assert ticket is not None, "bills are for requests that are accounted for"
    return this.gateway.tariff.bill(
        candidate.service.name, candidate.model, attempt.tally, usage, ticket.begun_at / 1000,
        drawing_of(this.parsed),
    )  # fmt: skip


def book(this: Exchange, record: Record) -> None:
    """Settle the request: what it costs, and its record. Raises Unavailable."""
    ticket, accountant = this.ticket, this.gateway.accountant
    assert ticket is not None and accountant is not None  # noqa: PT018 one state
    bills, estimated = bill_attempts(this)
    total = sum([bill.total for _, bill in bills])
    answered = this.attempt is not None and this.attempt.first_byte_at is not None
    unknown = answered and not bills and this.ended not in FREE
    record.cost = None if unknown else total
    record.bill = [line for _, bill in bills for line in bill.lines]
    record.cost_difference = _difference(this, bills)
    record.estimated, record.drained = estimated, this.drained
    _learn(this)
    if len(bills) > 1 or (bills and bills[0][0] != len(this.attempts) - 1):
        record.costs = {number: bill.total for number, bill in bills}
    if is_plain(this, record):
        this.sample = plain_sample(this, record)
    elif is_sampled(this):
        this.sample = sample_of(this, record, bills)
    accountant.settle(ticket, _ended(this, ticket, record, bills))


def _ended(this: Exchange, ticket: Ticket, record: Record, bills: Sequence[tuple[int, Bill]]) -> Ended:
    """The end of a request, as the journal has it."""
    usage, caller, hold = record.usage, this.caller, ticket.hold
    tokens = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0) if usage is not None else 0
    return Ended(
        id=record.id,
        at=milliseconds(),
        ended=record.ended,
        status=record.status,
        begun_at=ticket.begun_at,
        user=caller.user,
        team=caller.team,
        key=caller.key,
        model=this.model,
        provider=record.provider,
        provider_model=record.provider_model,
        lease=hold.lease if hold is not None else None,
        held=hold.amount if hold is not None else 0,
        charges=tuple(Charge(number, bill.total) for number, bill in bills) if caller.wallet else (),
        cost=record.cost,
        tokens=tokens,
        estimated=record.estimated,
        door=record.door,
        session=record.session,
        error=shorten(record.error, LONGEST_ERROR) if record.error is not None else None,
        figures=this.sample,
        detail=Raw(encode(record)),
    )


def _difference(this: Exchange, bills: Sequence[tuple[int, Bill]]) -> int | None:
    """What the provider's own figure is above what its answer costs by prices."""
    for number, bill in bills:
        reported = this.attempts[number].tally.provider_cost
        if this.attempts[number] is this.attempt and reported is not None and bill.listed is not None:
            return reported - bill.listed
    return None


def _learn(this: Exchange) -> None:
    """Note how many tokens the provider has counted in the prompt."""
    attempt = this.attempt
    if attempt is not None and attempt.complete and attempt.tally.usage is not None:
        tokens, candidate = attempt.tally.usage.prompt_tokens, attempt.candidate
        if tokens is not None:
            size = prompt_bytes(this.parsed)
            this.gateway.prompt_sizes.observe(candidate.service.name, candidate.model, size, tokens)


def cost_header(record: Record) -> tuple[Header, ...]:
    """`x-tidegate-cost-usd`, where the cost is known."""
    if record.cost is None:
        return ()
    return ((b"x-tidegate-cost-usd", f"{in_usd(record.cost):.9f}".encode()),)
