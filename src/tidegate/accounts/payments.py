"""Top-ups of wallets by a payment provider's webhook."""

import logging
from collections.abc import Callable, Sequence
from time import time

from tidegate.config import Secret
from tidegate.money import show_usd
from tidegate.protocols.errors import Forbidden, Unavailable
from tidegate.store.errors import StoreUnavailable
from tidegate.store.journal import milliseconds
from tidegate.store.payments import Settled, book_dispute, book_payment, book_refund, book_single_refund
from tidegate.store.store import Store

from .stripe import Dispute, Ignored, Payment, Refund, SingleRefund, check_signature, parse_event

__all__ = ["Payments"]

log = logging.getLogger("tidegate")

NOT_SET_UP = (
    "this gateway has no secret for Stripe's events, so it cannot tell who sent this. The operator sets "
    "stripe_secrets in [billing] (STRIPE_WEBHOOK_SECRET)"
)


class Payments:
    """What payments change in the wallets of a store."""

    def __init__(self, store: Store, now: Callable[[], float] = time) -> None:
        """`now` is in seconds since 1970."""
        self._store = store
        self._now = now

    async def take_event(self, signature: str, body: bytes, secrets: Sequence[Secret], overdraft: int) -> str:
        """Book an event of Stripe's, once, and return what it has changed. `overdraft` is that of a new
        wallet, in nano. Raises Forbidden without secrets, InvalidRequest, and Unavailable while the store is
        away: Stripe then sends the event again.
        """
        if not secrets:
            raise Forbidden(NOT_SET_UP, code="webhook_not_set_up")
        check_signature(signature, body, [one.reveal().encode() for one in secrets], self._now())
        event = parse_event(body)
        if isinstance(event, Ignored):
            log.info("stripe: %s is ignored: %s", event.event, event.reason)
            return f"ignored: {event.reason}"
        try:
            if isinstance(event, Payment):
                return await self._pay(event, overdraft)
            return await self._follow(event)
        except StoreUnavailable as error:
            raise Unavailable("the wallets are not available at the moment", retry_after=5) from error

    async def _pay(self, payment: Payment, overdraft: int) -> str:
        booked = await self._store.change(
            book_payment, payment.id, payment.user, payment.amount, milliseconds(), overdraft
        )
        if booked is None:
            log.info("stripe: %s is about %s, which is booked already", payment.event, payment.id)
            return "booked already"
        said = f"credited {show_usd(payment.amount)} USD to {payment.user}"
        log.info("stripe: %s: %s (%s)", payment.event, said, payment.id)
        if booked.debited or booked.written_off:
            return f"{said}; {_say(booked, payment.event)}"
        return said

    async def _follow(self, event: Refund | SingleRefund | Dispute) -> str:
        if isinstance(event, Refund):
            settled = await self._store.change(book_refund, event.id, event.total, milliseconds())
        elif isinstance(event, SingleRefund):
            settled = await self._store.change(
                book_single_refund, event.id, event.refund, event.amount, event.failed, milliseconds()
            )
        else:
            settled = await self._store.change(
                book_dispute, event.id, event.dispute, event.withdrawn, event.reinstated, milliseconds()
            )
        return _say(settled, event.event)


def _say(settled: Settled, event: str) -> str:
    """What was booked because a payment was given back, or came back after that. The log has it, too."""
    user = settled.user
    if user is None:
        log.info("stripe: %s: it is about a payment that is not known", event)
        return "noted, because the payment is not known"
    said = []
    if settled.debited or settled.written_off:
        said.append(f"debited {show_usd(settled.debited)} USD from {user}")
    if settled.written_off:
        rest = f"{show_usd(settled.written_off)} USD of it were spent already, and are written off"
        log.warning("stripe: %s: of a payment of %s that was given back, %s", event, user, rest)
        said.append(rest)
    if settled.credited or settled.recovered:
        said.append(f"credited {show_usd(settled.credited)} USD to {user}")
    if settled.recovered:
        said.append(f"{show_usd(settled.recovered)} USD more had been written off")
    if not said:
        return "booked already"
    log.info("stripe: %s: %s", event, said[0])
    return "; ".join(said)
