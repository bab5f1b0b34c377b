"""`tidegate users` and `tidegate teams`: what applies to all keys of a user, and to all users of a team."""

from typing import Annotated, Any

import typer

from .granted import (
    Budget,
    Concurrent,
    Models,
    Per,
    Providers,
    Requests,
    Tokens,
    changed_settings,
    settings_in,
    show_settings,
)
from .keys import checked_name
from .opening import StoreOption, open_store
from .serve import ConfigOption
from .tables import Row, print_table
from .values import blaming, encode, parse_threshold, show_moment

__all__ = ["teams", "users"]

users = typer.Typer(help="List users, and set what applies to all their keys.", no_args_is_help=True)
teams = typer.Typer(help="List teams, and set what applies to all their users.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Title = Annotated[str | None, typer.Option("--name", help="A name for people.")]
LowBalance = Annotated[
    str | None, typer.Option(metavar="USD", help="Below how much the wallet is reported to you; 0: never.")
]
Clear = Annotated[
    bool, typer.Option("--clear", help="Forget all limits, budgets and permissions that were set before.")
]


@users.command("set")
def set_user(
    user: Annotated[str, typer.Argument(help="The id of a user, who is created if new.")],
    name: Title = None,
    team: Annotated[str | None, typer.Option(help='The team, created if new; "" is none.')] = None,
    rpm: Requests = None,
    tpm: Tokens = None,
    concurrent: Concurrent = None,
    budget: Budget = None,
    per: Per = "month",
    models: Models = None,
    providers: Providers = None,
    wallet: Annotated[
        bool | None, typer.Option("--wallet/--no-wallet", help="Whether the user's wallet pays.")
    ] = None,
    low_balance: LowBalance = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Whether the user's keys are refused.")
    ] = None,
    clear: Clear = False,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Create or change a user. What is not given stays as it is; running gateways follow within a second."""
    from msgspec import to_builtins

    from tidegate.accounts.settings import UserSettings
    from tidegate.store.journal import milliseconds
    from tidegate.store.keys import find_user, put_team, put_user

    now = milliseconds()
    with open_store(config, store, create=True) as opened, opened.database.write() as connection:
        known = find_user(connection, checked_name(user)) or {"settings": {}}
        settings = changed_settings(
            UserSettings() if clear else settings_in(known["settings"], UserSettings),
            limits={"requests_per_minute": rpm, "tokens_per_minute": tpm, "concurrent": concurrent},
            budget=budget,
            per=per,
            names={"models": models, "providers": providers},
            others=_of_wallet(wallet, low_balance),
        )
        values: dict[str, Any] = {"settings": to_builtins(settings)}
        values |= {"name": name} if name is not None else {}
        values |= {"disabled_at": now if disabled else None} if disabled is not None else {}
        if team is not None:
            values["team"] = team or None
            if team:
                put_team(connection, checked_name(team), now, {})
        put_user(connection, user, now, values)
    typer.echo(f"{user}: {show_settings(settings) or 'no limits'}")


def _of_wallet(wallet: bool | None, low_balance: str | None) -> dict[str, Any]:
    """The settings of a wallet that are given."""
    given = {"wallet": wallet, "low_balance": parse_threshold(low_balance) if low_balance else None}
    return {name: value for name, value in given.items() if value is not None}


@users.command("list")
def list_users(as_json: Json = False, config: ConfigOption = None, store: StoreOption = None) -> None:
    """List all users."""
    from tidegate.accounts.settings import UserSettings
    from tidegate.store.keys import list_users

    rows: list[dict[str, Any]] = []
    with open_store(config, store) as opened, opened.database.read() as connection:
        while page := list_users(connection, after=rows[-1]["id"] if rows else ""):
            rows += page
    if as_json:
        shown = ("id", "name", "team", "settings", "created_at", "disabled_at")
        typer.echo(encode([{name: row[name] for name in shown} for row in rows]))
        return
    cells = [
        (
            row["id"], row["name"], row["team"] or "", "disabled" if row["disabled_at"] else "",
            show_moment(row["created_at"]), show_settings(settings_in(row["settings"], UserSettings)),
        )
        for row in rows
    ]  # fmt: skip
    headings = ("user", "name", "team", "state", "created", "settings")
    print_table(headings, [Row(one) for one in cells], fold="settings")


@teams.command("set")
def set_team(
    team: Annotated[str, typer.Argument(help="The id of a team, which is created if new.")],
    name: Title = None,
    rpm: Requests = None,
    tpm: Tokens = None,
    concurrent: Concurrent = None,
    budget: Budget = None,
    per: Per = "month",
    models: Models = None,
    providers: Providers = None,
    margin: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Added to each cost: 0.2, or -0.1 for a discount.")
    ] = None,
    clear: Clear = False,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Create or change a team. What is not given stays as it is; running gateways follow within a second."""
    from msgspec import to_builtins

    from tidegate.accounts.settings import TeamSettings
    from tidegate.store.journal import milliseconds
    from tidegate.store.keys import find_team, put_team

    with open_store(config, store, create=True) as opened, opened.database.write() as connection:
        known = find_team(connection, checked_name(team)) or {"settings": {}}
        settings = changed_settings(
            TeamSettings() if clear else settings_in(known["settings"], TeamSettings),
            limits={"requests_per_minute": rpm, "tokens_per_minute": tpm, "concurrent": concurrent},
            budget=budget,
            per=per,
            names={"models": models, "providers": providers},
            others={"margin": _checked_margin(margin)} if margin is not None else {},
        )
        values: dict[str, Any] = {"settings": to_builtins(settings)}
        put_team(connection, team, milliseconds(), values | ({"name": name} if name is not None else {}))
    typer.echo(f"{team}: {show_settings(settings) or 'no limits'}")


@teams.command("list")
def list_teams(as_json: Json = False, config: ConfigOption = None, store: StoreOption = None) -> None:
    """List all teams."""
    from tidegate.accounts.settings import TeamSettings
    from tidegate.store.keys import list_teams

    rows: list[dict[str, Any]] = []
    with open_store(config, store) as opened, opened.database.read() as connection:
        while page := list_teams(connection, after=rows[-1]["id"] if rows else ""):
            rows += page
    if as_json:
        typer.echo(encode(rows))
        return
    cells = [
        (row["id"], row["name"], show_moment(row["created_at"]),
         show_settings(settings_in(row["settings"], TeamSettings)))
        for row in rows
    ]  # fmt: skip
    print_table(("team", "name", "created", "settings"), [Row(one) for one in cells], fold="settings")


def _checked_margin(text: str) -> str:
    """A share that is above -1."""
    from tidegate.accounts.checks import check_margin

    with blaming("--margin"):
        return check_margin(text)
