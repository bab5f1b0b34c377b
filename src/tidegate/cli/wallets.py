"""`tidegate wallets`: the prepaid money of users."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .keys import checked_name
from .opening import Opened, StoreOption, fail, open_store
from .serve import ConfigOption
from .tables import Row, print_table
from .values import check_note, encode, parse_amount, parse_moment, show_amount, show_moment, usd

if TYPE_CHECKING:
    from tidegate.store.books import Balance
    from tidegate.store.database import Connection
    from tidegate.store.statements import Credit

__all__ = ["app"]

app = typer.Typer(help="Show the wallets of users, and move money in and out.", no_args_is_help=True)

UserArgument = Annotated[str, typer.Argument(help="The id of a user.")]
AmountArgument = Annotated[str, typer.Argument(metavar="AMOUNT", help="In USD.")]
Note = Annotated[str, typer.Option(help="A remark for the statement.")]
Reference = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Your id of it, such as an invoice number: it is booked once."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def credit(
    user: UserArgument,
    amount: AmountArgument,
    note: Note = "",
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="90d, 2027-01-31 or 2027-01-31T12:00:00Z.")
    ] = None,
    priority: Annotated[
        int, typer.Option(min=-1000, max=1000, help="Credits with a lower one are spent first.")
    ] = 0,
    reference: Reference = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Pay money into a user's wallet. A new user's wallet is opened first."""
    from tidegate.accounts.settings import overdraft_of
    from tidegate.money.ledger import wallet_of
    from tidegate.store.books import balance_of, open_accounts
    from tidegate.store.journal import milliseconds
    from tidegate.store.keys import add_user
    from tidegate.store.wallets import add_credit

    nano, now = parse_amount(amount), milliseconds()
    expires_at = parse_moment(expires, now) if expires is not None else None
    if expires_at is not None and expires_at <= now:
        raise typer.BadParameter("the credit would have expired already", param_hint="--expires")
    with open_store(config, store, create=True) as opened, opened.database.write() as connection:
        add_user(connection, checked_name(user), now)
        open_accounts(connection, [wallet_of(user)], overdraft_of(opened.config))
        booked = add_credit(
            connection, user, nano, now, reference=reference or _own_reference(), note=check_note(note),
            expires_at=expires_at, priority=priority,
        )  # fmt: skip
        balance = balance_of(connection, wallet_of(user))
    _report(f"credited {show_amount(nano)} USD to", user, booked, reference, balance)


@app.command()
def debit(
    user: UserArgument,
    amount: AmountArgument,
    note: Note = "",
    reference: Reference = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Take money out of a user's wallet: at most what is not held for open requests.

    The exit status is 1 if there is less than that.
    """
    from tidegate.money.ledger import wallet_of
    from tidegate.store.books import balance_of
    from tidegate.store.journal import milliseconds
    from tidegate.store.wallets import InsufficientBalance, take_out

    nano = parse_amount(amount)
    with open_store(config, store) as opened, opened.database.write() as connection:
        try:
            booked = take_out(
                connection, user, nano, milliseconds(), reference=reference or _own_reference(),
                note=check_note(note),
            )  # fmt: skip
        except InsufficientBalance:
            available = balance_of(connection, wallet_of(user)).available
            raise fail(f"the wallet of {user} has {show_amount(available)} USD available") from None
        balance = balance_of(connection, wallet_of(user))
    _report(f"debited {show_amount(nano)} USD from", user, booked, reference, balance)


@app.command()
def refund(
    request: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="As in `x-request-id` and records.")],
    note: Note = "",
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Give back what a wallet paid for a request, once.

    The exit status is 1 if there is nothing to give back.
    """
    from tidegate.store.journal import milliseconds
    from tidegate.store.wallets import give_back

    with open_store(config, store) as opened, opened.database.write() as connection:
        nano = give_back(connection, request, milliseconds(), check_note(note))
    if not nano:
        raise fail(f"no wallet has paid for {request}, or it was given back already")
    typer.echo(f"refunded {show_amount(nano)} USD for {request}")


@app.command()
def show(
    user: UserArgument, as_json: Json = False, config: ConfigOption = None, store: StoreOption = None
) -> None:
    """Show a wallet's balance, and the credits that it consists of."""
    from tidegate.store.statements import credits_of
    from tidegate.store.wallets import wallet_balances

    with open_store(config, store) as opened, _up_to_date(opened) as connection:
        balance = wallet_balances(connection, [user]).get(user)
        left = credits_of(connection, user)
    if balance is None:
        raise fail(f"{user} has no wallet: the first credit opens it")
    if as_json:
        typer.echo(encode({**_described(user, balance), "credits": [_credit(one) for one in left]}))
        return
    _print_balances({user: balance})
    if left:
        typer.echo("\ncredits, in the order in which they are spent:")
        rows = [
            Row(
                (
                    show_amount(one.remaining), show_amount(one.amount), str(one.priority),
                    show_moment(one.at), show_moment(one.expires_at) or "never",
                )
            )
            for one in left
        ]  # fmt: skip
        print_table(("left", "of USD", "priority", "credited", "expires"), rows, fold="expires")


@app.command("list")
def list_(as_json: Json = False, config: ConfigOption = None, store: StoreOption = None) -> None:
    """List all wallets."""
    from tidegate.store.wallets import wallet_balances

    with open_store(config, store) as opened, _up_to_date(opened) as connection:
        balances = wallet_balances(connection)
    if as_json:
        typer.echo(encode([_described(user, balance) for user, balance in balances.items()]))
    else:
        _print_balances(balances)


@app.command()
def statement(
    user: UserArgument,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="From this time on (UTC).")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Before this time (UTC).")] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Print every movement of a wallet's money, with the balance after it."""
    from tidegate.store.statements import statement_of

    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv")
    first = parse_moment(since, 0) if since is not None else None
    last = parse_moment(until, 0) if until is not None else None
    with open_store(config, store) as opened, _up_to_date(opened) as connection:
        movements = list(statement_of(connection, user, first, last))
    if as_json:
        from tidegate.accounts.own import describe_movement

        typer.echo(encode([describe_movement(one) for one in movements]))
    elif as_csv:
        from tidegate.accounts.pages import render_csv

        typer.echo(render_csv(movements), nl=False)
    else:
        headings = ("time (UTC)", "kind", "amount", "balance", "request or reference", "expires", "note")
        rows = [
            Row(
                (
                    show_moment(one.at), one.kind, show_amount(one.amount), show_amount(one.balance),
                    one.request or one.reference or "", show_moment(one.expires_at), one.note,
                )
            )
            for one in movements
        ]  # fmt: skip
        print_table(headings, rows, fold="note")


@contextmanager
def _up_to_date(opened: Opened) -> "Iterator[Connection]":
    """A view for reading, once credits that have expired are booked out."""
    from tidegate.store.journal import milliseconds
    from tidegate.store.wallets import expire_grants

    with opened.database.write() as connection:
        expire_grants(connection, milliseconds())
    with opened.database.read() as connection:
        yield connection


# --- how it is said ----------------------------------------------------------------------------


def _own_reference() -> str:
    """A reference for what the caller gave none."""
    from tidegate.protocols.ids import new_id

    return new_id("cli_")


def _report(done: str, user: str, booked: bool, reference: str | None, balance: "Balance") -> None:
    if not booked:
        typer.echo(f"the reference {reference} is booked already: nothing was changed", err=True)
    else:
        typer.echo(f"{done} {user}")
    typer.echo(f"balance: {show_amount(balance.posted)} USD, available: {show_amount(balance.available)} USD")


def _print_balances(balances: "dict[str, Balance]") -> None:
    rows = [
        Row((user, *map(show_amount, (one.posted, one.held, one.available, one.overdraft))))
        for user, one in balances.items()
    ]
    print_table(("user", "balance USD", "held", "available", "overdraft"), rows, fold="user")


def _described(user: str, balance: "Balance") -> dict[str, Any]:
    return {
        "user": user, "balance_usd": usd(balance.posted), "held_usd": usd(balance.held),
        "available_usd": usd(balance.available), "overdraft_usd": usd(balance.overdraft),
    }  # fmt: skip


def _credit(one: "Credit") -> dict[str, Any]:
    return {
        "id": one.id, "amount_usd": usd(one.amount), "remaining_usd": usd(one.remaining),
        "priority": one.priority, "expires_at": one.expires_at, "at": one.at,
    }  # fmt: skip
