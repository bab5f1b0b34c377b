"""The bills of an exchange: one for each attempt that cost something."""

from decimal import Decimal

from msgspec import structs

from tidegate.money import Bill
from tidegate.protocols.usage import Usage

from .attempt import Attempt
from .delivered import delivered_by
from .facts import BYTES_PER_TOKEN
from .quoting import drawing_of, prompt_bytes
from .sampling import FREE
from .state import Exchange
from .tariff import PLAIN

__all__ = ["bill_attempts", "bill_each"]


def bill_attempts(this: Exchange) -> tuple[list[tuple[int, Bill]], bool]:
    """The bills of the attempts that cost something, by their number, and whether their usage was estimated.

    An attempt costs what its provider reports. One that answered and reported nothing (it broke, its client
    left, or it is a provider that never does) is counted by what was sent and delivered.
    """
    if this.ended in FREE:
        return [], False
    ticket, margin = this.ticket, this.caller.margin
    assert ticket is not None, "bills are for requests that are accounted for"
    began = ticket.begun_at / 1000
    if len(this.attempts) == 1 and not margin:  # as most requests
        attempt = this.attempts[0]
        tally = attempt.tally
        usage = tally.usage
        if attempt.complete and attempt.error is None and usage is not None and not tally.images:
            bill = this.gateway.tariff.bill(attempt.candidate, tally, tally.billed or usage, began)
            return ([(0, bill)] if bill is not None else []), False
    return bill_each(this, began, margin)


def bill_each(this: Exchange, began: float, margin: Decimal) -> tuple[list[tuple[int, Bill]], bool]:
    """The same of any attempts."""
    bills: list[tuple[int, Bill]] = []
    estimated, tariff = False, this.gateway.tariff
    for number, attempt in enumerate(this.attempts):
        usage, counted = usage_of(this, attempt)
        if usage is None:
            continue
        tally = attempt.tally
        drawing = drawing_of(this.parsed) if tally.images else PLAIN
        bill = tariff.bill(attempt.candidate, tally, usage, began, drawing)
        if bill is not None:
            estimated = estimated or counted
            bills.append((number, bill.with_margin(margin) if margin else bill))
    return bills, estimated


def usage_of(this: Exchange, attempt: Attempt) -> tuple[Usage | None, bool]:
    """What an attempt used, and whether that is an estimate; None where it gave no answer. Of one that was
    overtaken, only what its provider had reported by then is known.

    What a provider reports before the end is a beginning: Anthropic's first event says one completion token.
    """
    usage = attempt.tally.usage
    if attempt.complete and usage is not None and attempt.error is None:
        return attempt.tally.billed or usage, False
    began = attempt.first_byte_at is not None
    if attempt.error is not None and not began:
        return None, False  # whatever it reports: the client received none of it
    if usage is not None and (attempt.complete or attempt.tally.finish is not None):
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
