"""Events of Stripe's webhooks: their signatures, and the payments that they are about.

https://docs.stripe.com/webhooks describes the signature: the header has a time `t` and signatures `v1`, each
an HMAC-SHA256 of the time, a dot and the body, in hexadecimal digits. While a secret is replaced, Stripe
signs with the old and the new one. https://docs.stripe.com/disputes/how-disputes-work describes disputes: the
amount is taken from the operator when a dispute begins, and comes back, as a whole or in part, if it is won.
An inquiry moves no money. https://docs.stripe.com/refunds describes refunds that fail, up to a month after
they were made: the money comes back to the operator.
"""

import hmac
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from tidegate.money import MOST_NANO
from tidegate.protocols.decode import decode
from tidegate.protocols.errors import InvalidRequest
from tidegate.wording import counted

from .checks import check_name

__all__ = [
    "MAX_EVENT",
    "Dispute",
    "Ignored",
    "Payment",
    "Refund",
    "SingleRefund",
    "check_signature",
    "parse_event",
]

MAX_EVENT = 256 * 1024
"""Maximum bytes of an event."""
TOLERANCE_S = 300
"""Seconds by which the time of a signature may differ from ours, as in Stripe's libraries."""
LONGEST_HEADER = 4096
MOST_SIGNATURES = 16
"""Signatures of a header that are compared."""
NANO_PER_CENT = 10_000_000
LONGEST_ID = 100
"""Characters of an id of Stripe's."""
LONGEST_USER = 120
"""Characters of the user's id, which is one value with the payment's in the store."""
USER = "tidegate_user"
"""The key of the metadata that names the user."""
CURRENCY = "usd"


class Payment(Struct, frozen=True):
    """Money that a user has paid."""

    id: str
    """What identifies it, also in refunds and disputes: of the payment intent, else of the session."""
    user: str
    amount: int
    """In nano."""
    event: str


class Refund(Struct, frozen=True):
    """Money of a payment that the operator has given back."""

    id: str
    """Of the payment."""
    total: int
    """All that was given back of it so far, in nano."""
    event: str


class SingleRefund(Struct, frozen=True):
    """A refund by itself."""

    id: str
    """Of the payment."""
    refund: str
    amount: int
    """In nano."""
    failed: bool
    """Whether the money came back to the operator, for good."""
    event: str


class Dispute(Struct, frozen=True):
    """What a payer's objection to a payment has moved so far."""

    id: str
    """Of the payment."""
    dispute: str
    withdrawn: int
    """All that was taken from the operator because of it, in nano; fees are not part of it."""
    reinstated: int
    """All that came back, in nano."""
    event: str


class Ignored(Struct, frozen=True):
    """An event that changes no wallet."""

    reason: str
    event: str


class _Data(Struct):
    object: msgspec.Raw


class _Event(Struct):
    id: str
    type: str
    data: _Data


class _Session(Struct):
    id: str
    mode: str
    payment_status: str
    amount_total: int | None = None
    currency: str | None = None
    client_reference_id: str | None = None
    metadata: Mapping[str, Any] | None = None
    payment_intent: Any = None
    """An id, or the object if it is expanded."""


class _Charge(Struct):
    id: str
    amount_refunded: int
    currency: str
    payment_intent: Any = None


class _Refund(Struct):
    id: str
    amount: int
    currency: str
    status: str | None = None
    charge: Any = None
    payment_intent: Any = None


class _Movement(Struct):
    """Of money on the operator's account at Stripe, in that account's currency."""

    amount: int
    """Negative where money was taken."""
    currency: str


class _Dispute(Struct):
    id: str
    amount: int
    currency: str
    charge: Any = None
    payment_intent: Any = None
    balance_transactions: Sequence[_Movement] = ()


_EVENT = msgspec.json.Decoder(_Event)
_SESSION = msgspec.json.Decoder(_Session)
_CHARGE = msgspec.json.Decoder(_Charge)
_REFUND = msgspec.json.Decoder(_Refund)
_DISPUTE = msgspec.json.Decoder(_Dispute)

PAID = frozenset(["checkout.session.completed", "checkout.session.async_payment_succeeded"])
"""The second follows for payment methods that take days."""
REFUNDED = "charge.refunded"
SINGLE = frozenset(["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"])
"""All of them have the refund as it is now. The last is that of older versions of the API."""
FAILED: Mapping[str | None, bool] = MappingProxyType(
    {"pending": False, "succeeded": False, "failed": True, "canceled": True}
)
"""States of refunds that say where the money is → whether that is with the operator again. (`requires_action`
waits for the payer's bank account.)"""
DISPUTED = "charge.dispute."
"""What the types of all events about disputes begin with. Each has all that the dispute has moved so far."""


def check_signature(header: str, body: bytes, secrets: Sequence[bytes], now: float) -> None:
    """Check that a body was signed with one of the secrets, around `now` (in seconds since 1970). Raises
    InvalidRequest.
    """
    time, signatures = _parse_header(header)
    signed = b"%d." % time + body
    matches = False
    for secret in secrets:
        expected = hmac.digest(secret, signed, "sha256").hex().encode()
        for given in signatures:
            matches |= hmac.compare_digest(expected, given)
    if not matches:
        raise _unsigned("the signature of this event fits none of the secrets in billing.stripe_secrets")
    if abs(now - time) > TOLERANCE_S:
        apart = counted(round(abs(now - time)), "second")
        raise _unsigned(
            f"this event was signed {apart} before or after the time of this gateway; "
            f"{TOLERANCE_S} are allowed"
        )


def _parse_header(header: str) -> tuple[int, list[bytes]]:
    pairs = [item.strip().partition("=") for item in header[:LONGEST_HEADER].split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value.encode("latin-1", "replace") for name, _, value in pairs if name == "v1"]
    if len(header) > LONGEST_HEADER or len(times) != 1 or not signatures:
        raise _unsigned("the header Stripe-Signature is missing, or has no t=… and v1=…")
    time = times[0]
    if not (time.isascii() and time.isdigit() and len(time) <= 12):
        raise _unsigned("t in the header Stripe-Signature is not a time in seconds")
    return int(time), signatures[:MOST_SIGNATURES]


def _unsigned(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_signature", param="Stripe-Signature")


def parse_event(body: bytes) -> Payment | Refund | SingleRefund | Dispute | Ignored:
    """What an event means for a wallet. Raises InvalidRequest for one that cannot be booked as it is."""
    event = decode(_EVENT, body)
    _check_id(event.id, "id")
    if event.type in PAID:
        return _parse_session(decode(_SESSION, bytes(event.data.object)), event.id)
    if event.type == REFUNDED:
        return _parse_charge(decode(_CHARGE, bytes(event.data.object)), event.id)
    if event.type in SINGLE:
        return _parse_refund(decode(_REFUND, bytes(event.data.object)), event.id)
    if event.type.startswith(DISPUTED):
        return _parse_dispute(decode(_DISPUTE, bytes(event.data.object)), event.id)
    return Ignored("events of this type change no wallet", event.id)


def _parse_session(session: _Session, event: str) -> Payment | Ignored:
    if session.mode != "payment":
        return Ignored("the session is not in the mode payment", event)
    if session.payment_status != "paid":
        return Ignored("the session is not paid yet", event)
    named = (session.metadata or {}).get(USER) or session.client_reference_id
    if named is None:
        return Ignored(f"the session names no user in metadata.{USER} or client_reference_id", event)
    user = _parse_user(named)
    amount = _nano(session.amount_total or 0, session.currency, "amount_total")
    if not amount:
        return Ignored("nothing was to be paid", event)
    return Payment(_id_of(session.payment_intent, session.id), user, amount, event)


def _parse_user(named: object) -> str:
    """The id of a user. Raises InvalidRequest."""
    try:
        if not isinstance(named, str) or len(named) > LONGEST_USER:
            raise ValueError(f"the id of a user is a text of at most {LONGEST_USER} characters")
        return check_name(named)
    except ValueError as error:
        message = f"the session names a user who cannot be one: {error}"
        raise InvalidRequest(message, param="data.object.client_reference_id") from None


def _parse_charge(charge: _Charge, event: str) -> Refund:
    total = _nano(charge.amount_refunded, charge.currency, "amount_refunded")
    return Refund(_id_of(charge.payment_intent, charge.id), total, event)


def _parse_refund(refund: _Refund, event: str) -> SingleRefund | Ignored:
    failed = FAILED.get(refund.status)
    if failed is None:
        return Ignored("the refund has moved no money (yet)", event)
    amount = _nano(refund.amount, refund.currency, "amount")
    payment = _id_of(refund.payment_intent, _id_of(refund.charge, refund.id))
    return SingleRefund(payment, _check_id(refund.id, "data.object.id"), amount, failed, event)


def _parse_dispute(dispute: _Dispute, event: str) -> Dispute | Ignored:
    """The status does not say what has moved: one that is `lost` may be won in part."""
    moved = dispute.balance_transactions
    withdrawn = -sum(one.amount for one in moved if one.amount < 0)
    reinstated = sum(one.amount for one in moved if one.amount > 0)
    if not withdrawn:
        return Ignored("the dispute has taken no money (yet)", event)
    disputed = _nano(dispute.amount, dispute.currency, "amount")
    if any(one.currency.lower() != CURRENCY for one in moved):  # the account is not in the payment's currency
        share = min(reinstated, withdrawn) * disputed // withdrawn
        amounts = disputed, share
    else:
        amounts = (
            _nano(withdrawn, CURRENCY, "balance_transactions"),
            _nano(reinstated, CURRENCY, "balance_transactions"),
        )
    payment = _id_of(dispute.payment_intent, _id_of(dispute.charge, dispute.id))
    return Dispute(payment, _check_id(dispute.id, "data.object.id"), *amounts, event)


def _nano(cents: int, currency: str | None, field: str) -> int:
    """An amount in the currency's minor unit as nano. Raises InvalidRequest."""
    if currency is None or currency.lower() != CURRENCY:
        raise InvalidRequest(
            f"wallets are in USD, and this amount is in {currency or 'no currency'}: it is not booked",
            code="currency_not_supported",
            param="data.object.currency",
        )
    if not 0 <= cents <= MOST_NANO // NANO_PER_CENT:
        raise InvalidRequest("this amount cannot be booked", param=f"data.object.{field}")
    return cents * NANO_PER_CENT


def _id_of(expandable: Any, otherwise: str) -> str:
    """The id of an object that Stripe includes by its id or as a whole."""
    found = expandable.get("id") if isinstance(expandable, dict) else expandable
    return _check_id(found if isinstance(found, str) and found else otherwise, "data.object.payment_intent")


def _check_id(text: str, field: str) -> str:
    if not (0 < len(text) <= LONGEST_ID and text.isascii() and text.isprintable() and " " not in text):
        raise InvalidRequest("this is not an id of Stripe's", param=field)
    return text
