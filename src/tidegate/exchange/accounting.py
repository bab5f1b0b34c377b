"""What a request may cost, and what it has cost: the accounts' part of an exchange.

Without an accountant (no store is configured) none of this happens.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

from msgspec import Raw, structs
from msgspec.json import encode

from tidegate.accounts import Caller, Quote
from tidegate.money import Bill, in_usd
from tidegate.observe import Record
from tidegate.protocols.errors import Forbidden, ModelNotFound, TidegateError
from tidegate.protocols.usage import Usage
from tidegate.providers import Candidate
from tidegate.store.journal import Charge, Ended, milliseconds

from .attempt import Attempt
from .continuation import MOST_BYTES
from .delivered import delivered_by
from .facts import BYTES_PER_TOKEN
from .gateway import Gateway
from .request import Header
from .state import Exchange
from .tariff import Tariff

__all__ = ["admit_to_accounts", "bill_attempts", "book", "cost_header", "foreseen_refusal", "permitted"]

FREE = frozenset(["refused", "failed", "gateway_failed", "shut_down"])
"""Endings of requests that got no answer: nothing is charged for them."""


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


def quote_of(caller: Caller, parsed: Any, candidates: Sequence[Candidate], gateway: Gateway) -> Quote:
    """What a request is expected to need, at most."""
    prompt = len(getattr(parsed, "body", b"")) // BYTES_PER_TOKEN
    most = getattr(parsed, "max_output", None) or gateway.config.billing.output_tokens
    output = most * (getattr(parsed, "n", 1) or 1)
    cost = gateway.tariff.greatest_cost(candidates, prompt, output)
    if caller.margin and cost is not None:
        cost = ceil(cost * (1 + caller.margin))
    return Quote(parsed.model or "", prompt + output, cost)


async def foreseen_refusal(
    caller: Caller, parsed: Any, candidates: Sequence[Candidate], gateway: Gateway
) -> TidegateError | None:
    """Why the caller's funds would not allow a request now; None if they would."""
    if gateway.accountant is None:
        return None
    if caller.wallet and len(candidates) > 1:
        candidates = gateway.tariff.with_prices(candidates)
    quote = quote_of(caller, parsed, candidates, gateway)
    return await gateway.accountant.foresee_refusal(caller, quote)


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
    estimated = False
    for number, attempt in enumerate(this.attempts):
        usage, counted = usage_of(this, attempt)
        bill = bill_of_attempt(this, attempt, usage) if usage is not None else None
        if bill is not None:
            estimated = estimated or counted
            bills.append((number, bill.with_margin(this.caller.margin)))
    return bills, estimated


def usage_of(this: Exchange, attempt: Attempt) -> tuple[Usage | None, bool]:
    """What an attempt used, and whether that is an estimate; None where it gave no answer.

    What a provider reports before the end is a beginning: Anthropic's first event says one completion token.
    """
    usage, began = attempt.tally.usage, attempt.first_byte_at is not None
    if attempt.error is not None and not began:
        return None, False  # whatever it reports: the client received none of it
    ended = attempt.complete or attempt.tally.finish is not None
    if usage is not None and ended:
        return usage, False
    if not began:
        return None, False
    output = delivered_by(this, attempt)
    if usage is None or usage.prompt_tokens is None:
        prompt = len(getattr(this.parsed, "body", b"")) // BYTES_PER_TOKEN
        usage = structs.replace(usage or Usage(), input=prompt)
    elif (usage.completion_tokens or 0) >= output:
        return usage, False
    return structs.replace(usage, output=max(output - (usage.reasoning or 0), 0)), True


def bill_of_attempt(this: Exchange, attempt: Attempt, usage: Usage) -> Bill | None:
    """What a usage costs at the attempt's provider, as it was served."""
    candidate, tally = attempt.candidate, attempt.tally
    return this.gateway.tariff.bill(
        candidate.service.name, candidate.model, usage, tally.service_tier, tally.speed
    )


def book(this: Exchange, record: Record) -> None:
    """Settle the request: what it costs, and its record. Raises Unavailable."""
    ticket, accountant = this.ticket, this.gateway.accountant
    assert ticket is not None and accountant is not None  # noqa: PT018 one state
    bills, estimated = bill_attempts(this)
    total = sum(bill.total for _, bill in bills)
    answered = this.attempt is not None and this.attempt.first_byte_at is not None
    unknown = answered and not bills and this.ended not in FREE
    record.cost = None if unknown else total
    record.bill = [line for _, bill in bills for line in bill.lines]
    record.estimated = estimated
    usage = record.usage
    tokens = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0) if usage is not None else 0
    caller = this.caller
    accountant.settle(
        ticket,
        Ended(
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
            lease=ticket.hold.lease if ticket.hold is not None else None,
            held=ticket.hold.amount if ticket.hold is not None else 0,
            charges=tuple(Charge(number, bill.total) for number, bill in bills) if caller.wallet else (),
            cost=record.cost,
            tokens=tokens,
            estimated=estimated,
            detail=Raw(encode(record)),
        ),
    )


def cost_header(record: Record) -> tuple[Header, ...]:
    """`x-tidegate-cost-usd`, where the cost is known."""
    if record.cost is None:
        return ()
    return ((b"x-tidegate-cost-usd", f"{in_usd(record.cost):.9f}".encode()),)
