"""Events of Stripe's: whose are accepted, and what they change in wallets."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path
from time import time
from typing import Any

import pytest

from cases import each
from running import Gateway, Reply
from tidegate.accounts.stripe import (
    Dispute,
    Ignored,
    Payment,
    Refund,
    SingleRefund,
    check_signature,
    parse_event,
)
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.checking import check_books
from tidegate.store.history import list_booked
from tidegate.store.wallets import take_out, wallet_balances

SECRET, OLD = "whsec_of-the-endpoint", "whsec_the-one-before"
USD = 1_000_000_000


def session(kind: str = "checkout.session.completed", **changes: Any) -> dict[str, Any]:
    given = {
        "id": "cs_1", "object": "checkout.session", "mode": "payment", "payment_status": "paid",
        "amount_total": 2500, "currency": "usd", "client_reference_id": "alice", "metadata": {},
        "payment_intent": "pi_1", **changes,
    }  # fmt: skip
    return {"id": "evt_1", "object": "event", "type": kind, "livemode": False, "data": {"object": given}}


def refund(cents: int, **changes: Any) -> dict[str, Any]:
    given = {
        "id": "ch_1", "object": "charge", "amount": 2500, "amount_refunded": cents, "currency": "usd",
        "payment_intent": "pi_1", "metadata": {}, **changes,
    }  # fmt: skip
    return {"id": "evt_2", "object": "event", "type": "charge.refunded", "data": {"object": given}}


def refunded(
    cents: int, status: str = "failed", kind: str = "refund.failed", **changes: Any
) -> dict[str, Any]:
    """One refund, as it is now."""
    given = {
        "id": "re_1", "object": "refund", "amount": cents, "currency": "usd", "status": status,
        "charge": "ch_1", "payment_intent": "pi_1", "failure_balance_transaction": "txn_9",
        "failure_reason": "expired_or_canceled_card", **changes,
    }  # fmt: skip
    return {"id": "evt_4", "object": "event", "type": kind, "data": {"object": given}}


def dispute(
    *moved: int, kind: str = "funds_withdrawn", currency: str = "usd", **changes: Any
) -> dict[str, Any]:
    """With what has moved on the operator's account so far, in its currency."""
    given = {
        "id": "dp_1", "object": "dispute", "amount": 2500, "currency": "usd", "status": "needs_response",
        "charge": "ch_1", "payment_intent": "pi_1",
        "balance_transactions": [
            {"id": f"txn_{number}", "amount": one, "currency": currency, "fee": 1500, "net": one - 1500}
            for number, one in enumerate(moved)
        ], **changes,
    }  # fmt: skip
    return {"id": "evt_3", "object": "event", "type": f"charge.dispute.{kind}", "data": {"object": given}}


def sign(body: bytes, *secrets: str, at: int | None = None) -> str:
    moment = int(time()) if at is None else at
    digests = [hmac.digest(one.encode(), b"%d." % moment + body, "sha256").hex() for one in secrets]
    return ",".join([f"t={moment}", *(f"v1={one}" for one in digests), "v0=6ffbb59b2300aae63f272406069a9788"])


# --- signatures ------------------------------------------------------------------------------------

BODY = b'{"id":"evt_1"}'
NOW = 1_800_000_000
GOOD = sign(BODY, SECRET, at=NOW)


def test_a_signature_is_accepted_by_every_secret_in_force() -> None:
    check_signature(GOOD, BODY, [SECRET.encode()], NOW)
    check_signature(sign(BODY, OLD, at=NOW), BODY, [SECRET.encode(), OLD.encode()], NOW)
    check_signature(sign(BODY, OLD, SECRET, at=NOW), BODY, [SECRET.encode()], NOW)
    for shift in (-300, 300):
        check_signature(sign(BODY, SECRET, at=NOW + shift), BODY, [SECRET.encode()], NOW)


FORGED = {
    "no header": "",
    "another secret": sign(BODY, OLD, at=NOW),
    "another body": sign(BODY + b" ", SECRET, at=NOW),
    "another time": GOOD.replace(f"t={NOW}", f"t={NOW + 1}"),
    "too old": sign(BODY, SECRET, at=NOW - 301),
    "too new": sign(BODY, SECRET, at=NOW + 301),
    "only v0": GOOD.replace("v1=", "v0="),
    "no time": GOOD.partition(",")[2],
    "two times": f"t={NOW},{GOOD}",
    "a time that is a word": GOOD.replace(str(NOW), "now"),
    "a time of many digits": GOOD.replace(str(NOW), "1" * 5000),
    "digits of another script": GOOD.replace(str(NOW), "١٢٣"),
    "an empty signature": f"t={NOW},v1=",
    "a cut signature": GOOD.partition(",v0")[0][:-1],
    "a signature in capitals": f"t={NOW},v1={GOOD.split('v1=')[1].split(',')[0].upper()}",
    "a signature that is no text of ours": f"t={NOW},v1=\xff\u20ac",
    "too many signatures": f"t={NOW}," + "v1=00," * 16 + GOOD.partition(",")[2],
}


@each("header", [pytest.param(header, id=name) for name, header in FORGED.items()])
def test_a_signature_that_does_not_fit_is_refused(header: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_signature(header, BODY, [SECRET.encode()], NOW)
    assert (refused.value.code, refused.value.param) == ("invalid_signature", "Stripe-Signature")
    assert SECRET not in str(refused.value)


# --- what events mean ------------------------------------------------------------------------------


def meant(event: dict[str, Any]) -> Payment | Refund | SingleRefund | Dispute | Ignored:
    return parse_event(json.dumps(event).encode())


def test_a_paid_session_is_a_payment_to_the_cent() -> None:
    assert meant(session()) == Payment("pi_1", "alice", 25 * USD, "evt_1")
    assert meant(session(amount_total=1)) == Payment("pi_1", "alice", USD // 100, "evt_1")
    later = session("checkout.session.async_payment_succeeded")
    assert meant(later) == meant(session())
    assert meant(session(currency="USD")) == meant(session())
    assert meant(session(payment_intent={"id": "pi_1", "object": "payment_intent"})) == meant(session())
    assert meant(session(payment_intent=None)) == Payment("cs_1", "alice", 25 * USD, "evt_1")
    assert meant(session(metadata={"tidegate_user": "bob"})) == Payment("pi_1", "bob", 25 * USD, "evt_1")
    assert meant(refund(700)) == Refund("pi_1", 7 * USD, "evt_2")


def test_a_dispute_says_what_it_has_moved_whatever_its_status_is() -> None:
    taken = Dispute("pi_1", "dp_1", 25 * USD, 0, "evt_3")
    assert meant(dispute(-2500)) == taken
    for kind in ("created", "updated", "closed"):
        assert meant(dispute(-2500, kind=kind, status="lost")) == taken
    assert meant(dispute(-2500, 700, status="lost")) == Dispute("pi_1", "dp_1", 25 * USD, 7 * USD, "evt_3")
    assert meant(dispute(-2500, payment_intent=None)) == Dispute("ch_1", "dp_1", 25 * USD, 0, "evt_3")


def test_a_dispute_on_an_account_in_another_currency_counts_in_that_of_the_payment() -> None:
    assert meant(dispute(-2000, currency="eur")) == Dispute("pi_1", "dp_1", 25 * USD, 0, "evt_3")
    assert meant(dispute(-2000, 500, currency="eur")) == Dispute(
        "pi_1", "dp_1", 25 * USD, 25 * USD // 4, "evt_3"
    )
    more = dispute(-2000, 2100, currency="eur")  # the rate has changed meanwhile
    assert meant(more) == Dispute("pi_1", "dp_1", 25 * USD, 25 * USD, "evt_3")


def test_a_refund_says_where_the_money_is() -> None:
    failed = SingleRefund("pi_1", "re_1", 7 * USD, True, "evt_4")
    assert meant(refunded(700)) == meant(refunded(700, "canceled")) == failed
    for status in ("pending", "succeeded"):
        for kind in ("refund.created", "refund.updated", "charge.refund.updated"):
            assert meant(refunded(700, status, kind)) == SingleRefund("pi_1", "re_1", 7 * USD, False, "evt_4")
    assert meant(refunded(700, payment_intent=None)) == SingleRefund("ch_1", "re_1", 7 * USD, True, "evt_4")


IGNORED = {
    "a refund that waits for the payer": refunded(700, "requires_action"),
    "a refund in no state": refunded(700, status=None),
    "an inquiry": dispute(kind="created", status="warning_needs_response"),
    "not paid yet": session(payment_status="unpaid"),
    "nothing to pay": session(payment_status="no_payment_required", amount_total=0),
    "a subscription": session(mode="subscription"),
    "no user": session(client_reference_id=None),
    "nothing paid": session(amount_total=0),
    "another event": {**session(), "type": "customer.created"},
}


@each("event", [pytest.param(event, id=name) for name, event in IGNORED.items()])
def test_an_event_that_is_no_payment_is_ignored(event: dict[str, Any]) -> None:
    assert isinstance(meant(event), Ignored)


REFUSED = {
    "another currency": (session(currency="eur"), "data.object.currency"),
    "no currency": (session(currency=None), "data.object.currency"),
    "a refund in another currency": (refund(1, currency="jpy"), "data.object.currency"),
    "one refund in another currency": (refunded(1, currency="jpy"), "data.object.currency"),
    "a refund of less than nothing": (refunded(-1), "data.object.amount"),
    "a refund whose id is a text": (refunded(1, id="re 1"), "data.object.id"),
    "a dispute about another currency": (
        {**dispute(), "data": {"object": {**dispute(-1)["data"]["object"], "currency": "eur"}}},
        "data.object.currency",
    ),
    "a dispute that takes an absurd amount": (
        dispute(-(10**18)),
        "data.object.balance_transactions",
    ),
    "a dispute whose id is a text": (dispute(-1, id="dp 1"), "data.object.id"),
    "a negative amount": (session(amount_total=-1), "data.object.amount_total"),
    "an absurd amount": (session(amount_total=10**18), "data.object.amount_total"),
    "an amount beyond 64 bits": (session(amount_total=10**30), "data.object.amount_total"),
    "half a cent": (session(amount_total=0.5), "amount_total"),
    "a user with a line break": (session(client_reference_id="a\nb"), "data.object.client_reference_id"),
    "a user that is too long": (session(client_reference_id="a" * 121), "data.object.client_reference_id"),
    "a user that is a number": (session(metadata={"tidegate_user": 7}), "data.object.client_reference_id"),
    "an id that is a text": (session(payment_intent="pi 1"), "data.object.payment_intent"),
    "no type": ({"id": "evt_1", "data": {"object": {}}}, "type"),
}


@each("event, param", [pytest.param(*one, id=name) for name, one in REFUSED.items()])
def test_an_event_that_cannot_be_booked_is_refused_by_field(event: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        meant(event)
    assert refused.value.param == param


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"id":"evt_1"'])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_event(body)


# --- at a gateway ----------------------------------------------------------------------------------


class Shop:
    """Stripe, and the books of the gateway that it calls."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        assert gateway.app._store is not None
        self.store = gateway.app._store

    async def send(self, event: dict[str, Any] | bytes, secret: str = SECRET, **headers: str) -> Reply:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        sent = {"stripe-signature": sign(body, secret), "content-type": "application/json", **headers}
        return await self.gateway.post("/webhooks/stripe", body, sent)

    async def outcome(self, event: dict[str, Any]) -> str:
        reply = await self.send(event)
        assert reply.status == 200, reply.body
        found: str = reply.json["outcome"]
        return found

    async def balance(self, user: str = "alice") -> int:
        assert await self.store.ask(lambda connection: list(check_books(connection))) == []
        return (await self.store.ask(wallet_balances))[user].posted

    async def kinds(self) -> list[tuple[str, int]]:
        rows = await self.store.ask(list_booked, filters={})
        return [(row.kind, row.amount) for row in reversed(rows)]


def stored(folder: Path, more: str = f'stripe_secrets = ["{SECRET}", "{OLD}"]') -> str:
    return f'[store]\nurl = "sqlite:///{folder}/tidegate.db"\n[billing]\noverdraft_usd = 5\n{more}'


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with Gateway({"demo": ("demo", "")}, more=stored(tmp_path)) as gateway:
        yield Shop(gateway)


async def test_a_payment_is_credited_once_however_often_it_is_reported(shop: Shop) -> None:
    assert await shop.outcome(session()) == "credited 25.00 USD to alice"
    assert await shop.outcome(session()) == "booked already"
    later = {**session("checkout.session.async_payment_succeeded"), "id": "evt_9"}
    assert await shop.outcome(later) == "booked already"
    assert await shop.balance() == 25 * USD
    assert (await shop.send(session(payment_intent="pi_2"), OLD)).status == 200
    assert await shop.balance() == 50 * USD


async def test_the_same_event_many_times_at_once_is_booked_once(shop: Shop) -> None:
    outcomes = await asyncio.gather(*(shop.outcome(session()) for _ in range(12)))
    assert sorted(outcomes) == ["booked already"] * 11 + ["credited 25.00 USD to alice"]
    assert await shop.balance() == 25 * USD


async def test_refunds_are_debited_by_what_is_new_in_each(shop: Shop) -> None:
    await shop.outcome(session())
    assert await shop.outcome(refund(700)) == "debited 7.00 USD from alice"
    assert await shop.outcome(refund(700)) == "booked already"
    assert await shop.outcome(refund(2500)) == "debited 18.00 USD from alice"
    assert await shop.outcome(refund(700)) == "booked already", "an old event that comes late"
    assert await shop.balance() == 0
    assert [kind for kind, _ in await shop.kinds()] == ["credit", "reversal", "reversal"]


async def test_a_refund_that_is_reported_before_its_payment_is_booked_with_it(shop: Shop) -> None:
    assert await shop.outcome(refund(700)) == "noted, because the payment is not known"
    assert await shop.outcome(session()) == "credited 25.00 USD to alice; debited 7.00 USD from alice"
    assert await shop.outcome(refund(700)) == "booked already"
    assert await shop.balance() == 18 * USD


async def test_of_what_is_spent_the_overdraft_covers_a_part_and_the_rest_is_written_off(shop: Shop) -> None:
    await shop.outcome(session())
    await shop.store.change(take_out, "alice", 23 * USD, 1, reference="spent")
    outcome = await shop.outcome(refund(2500))
    assert outcome == ("debited 7.00 USD from alice; 18.00 USD of it were spent already, and are written off")
    assert await shop.balance() == -5 * USD
    assert (await shop.kinds())[-1] == ("reversal", -7 * USD)
    assert await shop.outcome(session(payment_intent="pi_2")) == "credited 25.00 USD to alice"
    assert await shop.balance() == 20 * USD


async def test_a_refund_that_fails_is_credited_again_once(shop: Shop) -> None:
    await shop.outcome(session())
    await shop.outcome(refund(700))
    assert (await shop.outcome(refunded(700, "requires_action"))).startswith(
        "ignored: the refund has moved no"
    )
    for kind, status in (("created", "pending"), ("updated", "succeeded")):
        assert await shop.outcome(refunded(700, status, f"refund.{kind}")) == "booked already"
    assert await shop.balance() == 18 * USD
    assert await shop.outcome(refunded(700)) == "credited 7.00 USD to alice"
    for kind in ("refund.failed", "refund.updated", "charge.refund.updated"):
        assert await shop.outcome(refunded(700, kind=kind)) == "booked already"
    for late in (refund(700), refunded(700, "succeeded", "refund.updated")):
        assert await shop.outcome(late) == "booked already", "an old event"
    assert await shop.balance() == 25 * USD
    assert await shop.kinds() == [("credit", 25 * USD), ("reversal", -7 * USD), ("reinstatement", 7 * USD)]


async def test_refunds_that_are_reported_only_one_by_one_are_debited_too(shop: Shop) -> None:
    await shop.outcome(session())
    assert await shop.outcome(refunded(700, "succeeded", "refund.created")) == "debited 7.00 USD from alice"
    assert await shop.outcome(refunded(500, "pending", "refund.created", id="re_2")) == (
        "debited 5.00 USD from alice"
    )
    assert await shop.outcome(refund(1200)) == "booked already"
    assert await shop.outcome(refunded(500, "canceled", id="re_2")) == "credited 5.00 USD to alice"
    assert await shop.balance() == 18 * USD


@pytest.mark.parametrize("total", [700, 1400], ids=["the total is without it", "the total is with it"])
async def test_a_refund_after_one_that_has_failed_is_debited(shop: Shop, total: int) -> None:
    await shop.outcome(session())
    await shop.outcome(refund(700))
    await shop.outcome(refunded(700))
    again = [refund(total), refunded(700, "succeeded", "refund.created", id="re_2")]
    for event in again:
        await shop.outcome(event)
    assert await shop.balance() == 18 * USD


async def test_of_several_refunds_only_those_that_fail_come_back(shop: Shop) -> None:
    await shop.outcome(session())
    await shop.outcome(refund(700))
    await shop.outcome(refund(1200))
    assert await shop.outcome(refunded(500, "canceled", "charge.refund.updated", id="re_2")) == (
        "credited 5.00 USD to alice"
    )
    assert await shop.balance() == 18 * USD
    assert await shop.outcome(refunded(700)) == "credited 7.00 USD to alice"
    assert await shop.balance() == 25 * USD


async def test_a_refund_that_fails_comes_to_the_same_in_any_order(shop: Shop) -> None:
    for number, order in enumerate(permutations(("paid", "refunded", "made", "failed"))):
        user, about = f"user-{number}", {"payment_intent": f"pi_{number}"}
        events = {
            "paid": session(client_reference_id=user, **about),
            "refunded": refund(700, **about),
            "made": refunded(700, "succeeded", "refund.created", id=f"re_{number}", **about),
            "failed": refunded(700, id=f"re_{number}", **about),
        }
        for name in order * 2:
            assert (await shop.send(events[name])).status == 200, (order, name)
        assert await shop.balance(user) == 25 * USD, order


async def test_what_was_written_off_for_a_refund_that_fails_is_recovered_first(shop: Shop) -> None:
    await shop.outcome(session())
    await shop.store.change(take_out, "alice", 23 * USD, 1, reference="spent")
    await shop.outcome(refund(2500))
    assert await shop.balance() == -5 * USD
    assert (
        await shop.outcome(refunded(2500))
        == "credited 7.00 USD to alice; 18.00 USD more had been written off"
    )
    assert await shop.balance() == 2 * USD, "as before the refund"


async def test_a_failed_refund_does_not_bring_back_what_a_dispute_has_taken(shop: Shop) -> None:
    await shop.outcome(session())
    await shop.outcome(refund(1000))
    await shop.outcome(dispute(-2500))
    assert await shop.balance() == 0
    assert await shop.outcome(refunded(1000)) == "booked already", "the dispute has taken it, too"
    assert await shop.outcome(dispute(-2500, 2500)) == "credited 25.00 USD to alice"
    assert await shop.balance() == 25 * USD


async def test_a_dispute_takes_the_money_and_brings_it_back_when_it_is_won(shop: Shop) -> None:
    await shop.outcome(session())
    assert await shop.outcome(dispute(kind="created", status="warning_needs_response")) == (
        "ignored: the dispute has taken no money (yet)"
    )
    for kind in ("created", "funds_withdrawn", "updated"):
        outcome = await shop.outcome(dispute(-2500, kind=kind))
        assert outcome == ("debited 25.00 USD from alice" if kind == "created" else "booked already")
    assert await shop.balance() == 0
    for kind in ("funds_reinstated", "closed"):
        outcome = await shop.outcome(dispute(-2500, 2500, kind=kind, status="won"))
        expected = "credited 25.00 USD to alice" if kind == "funds_reinstated" else "booked already"
        assert outcome == expected
    assert await shop.outcome(dispute(-2500)) == "booked already", "an old event that comes late"
    assert await shop.balance() == 25 * USD
    assert [kind for kind, _ in await shop.kinds()] == ["credit", "reversal", "reinstatement"]


async def test_what_a_dispute_brings_back_is_first_what_was_written_off(shop: Shop) -> None:
    await shop.outcome(session())
    await shop.store.change(take_out, "alice", 23 * USD, 1, reference="spent")
    await shop.outcome(dispute(-2500))
    assert await shop.balance() == -5 * USD
    assert await shop.outcome(dispute(-2500, 1000)) == (
        "credited 0.00 USD to alice; 10.00 USD more had been written off"
    )
    assert await shop.balance() == -5 * USD
    assert await shop.outcome(dispute(-2500, 2500)) == (
        "credited 7.00 USD to alice; 8.00 USD more had been written off"
    )
    assert await shop.balance() == 2 * USD, "as before the dispute"


async def test_refunds_and_disputes_together_take_no_more_than_was_paid(shop: Shop) -> None:
    await shop.outcome(session())
    await shop.outcome(refund(1000))
    assert await shop.outcome(dispute(-2500)) == "debited 15.00 USD from alice"
    another = dispute(-2500, id="dp_2")
    assert await shop.outcome(another) == "booked already"
    assert await shop.outcome(dispute(-2500, 1500)) == "booked already", "the other one has taken it, too"
    assert await shop.outcome(dispute(-2500, 2500, id="dp_2")) == "credited 5.00 USD to alice"
    assert await shop.balance() == 5 * USD


async def test_nobody_else_can_credit_a_wallet(shop: Shop) -> None:
    reply = await shop.send(session(), "whsec_guessed")
    assert (reply.status, reply.error["code"]) == (400, "invalid_signature")
    body = json.dumps(session()).encode()
    assert (await shop.gateway.post("/webhooks/stripe", body)).status == 400
    assert await shop.store.ask(wallet_balances) == {}
    record = await shop.gateway.record()
    assert SECRET not in json.dumps(record)


async def test_a_body_that_is_too_large_is_not_read(shop: Shop) -> None:
    assert (await shop.send(b" " * 300_000)).status == 413


async def test_without_a_secret_or_a_store_every_event_is_refused(tmp_path: Path) -> None:
    body = json.dumps(session()).encode()
    async with Gateway({"demo": ("demo", "")}, more=stored(tmp_path, "")) as gateway:
        reply = await gateway.post("/webhooks/stripe", body, {"stripe-signature": sign(body, "")})
        assert (reply.status, reply.error["code"]) == (403, "webhook_not_set_up")
        assert "STRIPE_WEBHOOK_SECRET" in reply.error["message"]
    async with Gateway({"demo": ("demo", "")}) as gateway:
        reply = await gateway.post("/webhooks/stripe", body)
        assert (reply.status, reply.error["code"]) == (404, "no_store")
