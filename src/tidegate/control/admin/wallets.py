"""`/admin/wallets`: balances, money in and out, and statements."""

from typing import Annotated, Any

from fastapi import Header, Request, Response
from msgspec import Meta, Struct

from tidegate.accounts.pages import next_position, parse_position, parse_time, wants_csv
from tidegate.accounts.settings import overdraft_of
from tidegate.config import Config
from tidegate.money import show_usd, usd
from tidegate.money.ledger import wallet_of
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.books import Balance, balance_of, open_accounts
from tidegate.store.database import Connection
from tidegate.store.history import booked_amount, list_movements
from tidegate.store.journal import milliseconds
from tidegate.store.keys import add_user
from tidegate.store.statements import Credit, credits_of
from tidegate.store.store import Store
from tidegate.store.wallets import (
    InsufficientBalance,
    add_credit,
    give_back,
    refundable,
    take_out,
    wallet_balances,
)

from .answers import (
    CreditView,
    Moved,
    Movement,
    Page,
    Refund,
    WalletDetails,
    WalletView,
    respond,
    wallet_view,
)
from .reading import (
    After,
    From,
    Limit,
    Name,
    Note,
    Time,
    To,
    Usd,
    check_name,
    parse_amount,
    read,
)
from .routes import Routes
from .sheets import movement, respond_csv

__all__ = ["add_wallets"]

LONGEST_REFERENCE = 254
"""Characters of a user's id and a reference together, which are one value in the store."""

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Your id of this movement, such as an invoice number. It is booked once.",
    ),
]


class CreditBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money to pay in."""

    amount_usd: Usd
    note: Note = ""
    expires_at: Time | None = None
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    """Credits with a lower one are spent first."""


class DebitBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money to take out."""

    amount_usd: Usd
    note: Note = ""


class RefundBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to refund."""

    request: Name
    """The request's id (`x-request-id`)."""
    note: Note = ""


def add_wallets(routes: Routes, store: Store, config: Config) -> None:
    """Add the paths."""
    _add_balances(routes, store)
    _add_movements(routes, store, overdraft_of(config))


def _add_balances(routes: Routes, store: Store) -> None:
    @routes.add("GET", "/wallets", Page[WalletView])
    async def list_wallets(limit: Limit = 100, after: After = "") -> Response:
        """List wallets in the order of their users."""
        found = list((await store.ask(wallet_balances, after=after, limit=limit)).items())
        following = found[-1][0] if len(found) == limit else None
        return respond(Page([wallet_view(*one) for one in found], following))

    @routes.add("GET", "/wallets/{user}", WalletDetails)
    async def show_wallet(user: str) -> Response:
        """Show a wallet's balance, and the credits that it consists of."""
        await store.flush()
        balance, left = await store.ask(_look, user)
        shown = wallet_view(user, balance)
        return respond(WalletDetails(**_fields(shown), credits=[_credit(one) for one in left]))

    @routes.add("GET", "/wallets/{user}/statement", Page[Movement], csv=True)
    async def state_wallet(
        request: Request,
        user: str,
        limit: Limit = 100,
        after: After = "",
        since: From = None,
        to: To = None,
    ) -> Response:
        """List the movements of a wallet, the latest first; in CSV with `Accept: text/csv`."""
        await store.flush()
        await store.ask(_look, user)
        bounds = {"since": parse_time(since, "from"), "until": parse_time(to, "to")}
        rows = await store.ask(list_movements, user, before=parse_position(after), limit=limit, **bounds)
        following = next_position(rows, limit)
        if wants_csv(request.headers.get("accept")):
            return respond_csv(rows, request.url, following)
        return respond(Page([movement(one) for one in rows], following))


def _add_movements(routes: Routes, store: Store, overdraft: int) -> None:
    @routes.add("POST", "/wallets/{user}/credits", Moved, body=CreditBody, status=201)
    async def credit_wallet(request: Request, user: str, key: Key = None) -> Response:
        """Pay money into a user's wallet, which the first credit opens."""
        body = await read(request, CreditBody)
        now, amount = milliseconds(), parse_amount(body.amount_usd)
        if body.expires_at is not None and body.expires_at <= now:
            raise InvalidRequest("the credit would have expired already", param="expires_at")
        reference = _reference(check_name(user, "user"), key)
        booked, balance = await store.change(_credit_in, user, amount, reference, body, overdraft, now)
        return _moved(booked, amount, reference, user, balance)

    @routes.add("POST", "/wallets/{user}/debits", Moved, body=DebitBody, status=201)
    async def debit_wallet(request: Request, user: str, key: Key = None) -> Response:
        """Take money out of a user's wallet: at most what is not held for open requests."""
        body = await read(request, DebitBody)
        amount, reference = parse_amount(body.amount_usd), _reference(user, key)
        booked, balance = await store.change(_debit, user, amount, reference, body.note, milliseconds())
        return _moved(booked, amount, reference, user, balance)

    @routes.add("POST", "/refunds", Refund, body=RefundBody, status=201)
    async def refund_request(request: Request) -> Response:
        """Give back what a wallet has paid for a request, once."""
        body = await read(request, RefundBody)
        await store.flush()
        refund = await store.change(_give_back, body, milliseconds())
        return respond(refund, 201 if refund.booked else 200)


def _look(connection: Connection, user: str) -> tuple[Balance, list[Credit]]:
    balance = wallet_balances(connection, [user]).get(user)
    if balance is None:
        message = f"{user} has no wallet: the first credit opens it"
        raise InvalidRequest(message, status=404, code="not_found")
    return balance, list(credits_of(connection, user))


def _credit_in(
    connection: Connection, user: str, amount: int, reference: str, body: CreditBody, overdraft: int, now: int
) -> tuple[bool, Balance]:
    add_user(connection, user, now)
    open_accounts(connection, [wallet_of(user)], overdraft)
    booked = add_credit(
        connection, user, amount, now, reference=reference, note=body.note, expires_at=body.expires_at,
        priority=body.priority,
    )  # fmt: skip
    if not booked:
        _check_repeated(connection, user, reference, amount)
    return booked, balance_of(connection, wallet_of(user))


def _debit(
    connection: Connection, user: str, amount: int, reference: str, note: str, now: int
) -> tuple[bool, Balance]:
    balance, _ = _look(connection, user)
    try:
        booked = take_out(connection, user, amount, now, reference=reference, note=note)
    except InsufficientBalance:
        message = f"the wallet of {user} has {show_usd(balance.available)} USD available"
        raise InvalidRequest(message, status=402, code="insufficient_funds", param="amount_usd") from None
    if not booked:
        _check_repeated(connection, user, reference, -amount)
    return booked, balance_of(connection, wallet_of(user))


def _check_repeated(connection: Connection, user: str, reference: str, amount: int) -> None:
    """A key that was used for something else is a mistake, which must not look like a success."""
    if booked_amount(connection, user, reference) != amount:
        message = "this idempotency key is booked already, for another amount"
        raise InvalidRequest(message, status=409, code="idempotency_key_reused")


def _give_back(connection: Connection, body: RefundBody, now: int) -> Refund:
    paid = refundable(connection, body.request)
    if paid is None:
        message = f"no wallet has paid for {body.request}"
        raise InvalidRequest(message, status=404, code="not_found", param="request")
    user, amount = paid
    booked = give_back(connection, body.request, now, body.note)
    return Refund(booked=bool(booked), request=body.request, user=user, amount_usd=usd(booked or amount))


def _reference(user: str, key: str | None) -> str:
    """The reference of a movement. Raises InvalidRequest: nothing is booked twice by a repeated request."""
    if key is None or not key.strip():
        message = (
            "send Idempotency-Key, your own id of this movement, so that a repeated request is booked once"
        )
        raise InvalidRequest(message, code="idempotency_key_required", param="Idempotency-Key")
    if len(user) + len(key) > LONGEST_REFERENCE:
        most = LONGEST_REFERENCE - len(user)
        raise InvalidRequest(f"the key has at most {most} characters for this user", param="Idempotency-Key")
    return key


def _moved(booked: bool, amount: int, reference: str, user: str, balance: Balance) -> Response:
    view = wallet_view(user, balance)
    moved = Moved(booked=booked, amount_usd=usd(amount), reference=reference, wallet=view)
    return respond(moved, 201 if booked else 200)


def _fields(view: WalletView) -> dict[str, Any]:
    return {name: getattr(view, name) for name in WalletView.__struct_fields__}


def _credit(one: Credit) -> CreditView:
    return CreditView(
        id=one.id, amount_usd=usd(one.amount), remaining_usd=usd(one.remaining), priority=one.priority,
        expires_at=one.expires_at, at=one.at,
    )  # fmt: skip
