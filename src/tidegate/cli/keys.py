"""`tidegate keys`: API keys of clients."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .granted import (
    Addresses,
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
from .opening import Opened, StoreOption, fail, open_store
from .serve import ConfigOption
from .tables import Row, print_table
from .values import blaming, encode, parse_duration, parse_moment, show_moment

if TYPE_CHECKING:
    from tidegate.accounts.api_keys import NewKey
    from tidegate.accounts.settings import KeySettings
    from tidegate.store.database import Connection

__all__ = ["app"]

app = typer.Typer(help="Create, list, rotate and revoke API keys of clients.", no_args_is_help=True)

HEADINGS = ("id", "name", "key", "user", "state", "created", "expires", "settings")
KeyArgument = Annotated[
    str, typer.Argument(metavar="KEY", help="The key's id, or its name if only one has it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A name for the key, as records show it.")],
    user: Annotated[str | None, typer.Option(help="Whom it belongs to; the user is created if new.")] = None,
    rpm: Requests = None,
    tpm: Tokens = None,
    concurrent: Concurrent = None,
    budget: Budget = None,
    per: Per = "month",
    models: Models = None,
    providers: Providers = None,
    addresses: Addresses = None,
    tags: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="Words for your records. Repeatable.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="90d, 2027-01-31 or 2027-01-31T12:00:00Z.")
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Create an API key. It is shown only now: standard output has the key and nothing else."""
    from tidegate.accounts.api_keys import new_key
    from tidegate.accounts.settings import KeySettings
    from tidegate.store.journal import milliseconds
    from tidegate.store.keys import add_key, add_user

    now = milliseconds()
    settings = changed_settings(
        KeySettings(),
        limits={"requests_per_minute": rpm, "tokens_per_minute": tpm, "concurrent": concurrent},
        budget=budget,
        per=per,
        names={"models": models, "providers": providers, "addresses": addresses, "tags": tags},
    )
    check_addresses(settings.addresses)
    expires_at = _parse_expiry(expires, now) if expires is not None else None
    made = new_key()
    row = _new_row(made, checked_name(name), user, settings, now, expires_at)
    with open_store(config, store, create=True) as opened:
        with opened.database.write() as connection:
            if user is not None:
                add_user(connection, checked_name(user), now)
            add_key(connection, row)
        if user is None and opened.config.billing.enabled:
            typer.echo("billing is enabled, and this key has no user: nobody pays for its requests", err=True)
    typer.echo(f"created {made.id}, named {name}. Keep the key: it is not shown again.", err=True)
    typer.echo(made.secret)


@app.command("list")
def list_(
    user: Annotated[str | None, typer.Option(help="Only keys of this user.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also keys that do not work any more.")] = False,
    as_json: Json = False,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """List the keys that work. Only the beginning of each is stored."""
    with open_store(config, store) as opened:
        rows = [row for row in _all_keys(opened, user) if everything or state_of(row) not in ENDED]
    if as_json:
        typer.echo(encode([_described(row) for row in rows]))
    else:
        _print(rows)


@app.command()
def show(
    key: KeyArgument, as_json: Json = False, config: ConfigOption = None, store: StoreOption = None
) -> None:
    """Show what is set for a key."""
    with open_store(config, store) as opened, opened.database.read() as connection:
        row = _find(connection, key)
    if as_json:
        typer.echo(encode(_described(row)))
    else:
        _print([row])


@app.command()
def rotate(
    key: KeyArgument,
    overlap: Annotated[str, typer.Option(metavar="DURATION", help="How long the old key works on.")] = "1h",
    expires: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="When the new key expires, or never. Default: as the old one."),
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Replace a key by a new one with the same name, user and settings. It is shown only now.

    The old key works on for the overlap. What was spent with it counts for the budgets of the new one.
    """
    from tidegate.accounts.api_keys import new_key
    from tidegate.accounts.checks import check_rotation
    from tidegate.store.journal import milliseconds
    from tidegate.store.keys import rotate_key

    now = milliseconds()
    ends_at = now + parse_duration(overlap)
    made = new_key()
    new: dict[str, Any] = {"id": made.id, "digest": made.digest, "prefix": made.prefix}
    if expires is not None:
        new["expires_at"] = None if expires.strip().lower() == NEVER else _parse_expiry(expires, now)
    with open_store(config, store) as opened, opened.database.write() as connection:
        old = _find(connection, key)
        try:
            check_rotation(old, now, None if expires is not None else "use --expires WHEN, or never")
        except ValueError as error:
            raise fail(str(error)) from None
        rotate_key(connection, old, new, now, ends_at)
    if old["expires_at"] is not None:
        ends_at = min(ends_at, old["expires_at"])
    works = f"which works until {show_moment(ends_at)} UTC" if ends_at > now else "which works no longer"
    typer.echo(
        f"created {made.id}, named {old['name']}, in place of {old['id']}, {works}. "
        "Keep the key: it is not shown again.",
        err=True,
    )
    typer.echo(made.secret)


@app.command()
def revoke(key: KeyArgument, config: ConfigOption = None, store: StoreOption = None) -> None:
    """Revoke a key: within a second, no worker accepts it any more.

    By its name, keys that work on after a rotation to it are revoked, too; by its id, only this one.
    """
    from tidegate.store.journal import milliseconds
    from tidegate.store.keys import revoke_key, revoke_with_predecessors

    with open_store(config, store) as opened, opened.database.write() as connection:
        row, now = _find(connection, key), milliseconds()
        if key == row["id"]:
            revoked = [key] if revoke_key(connection, key, now) else []
        else:
            revoked = [*revoke_with_predecessors(connection, row, now)]
    typer.echo(
        f"{'revoked' if revoked else 'was revoked already:'} {', '.join(revoked) or row['id']}, "
        f"named {row['name']}"
    )


# --- what there is -----------------------------------------------------------------------------

ENDED = ("revoked", "expired")
NEVER = "never"


def _parse_expiry(text: str, now: int) -> int:
    """When a key expires."""
    expires_at = parse_moment(text, now)
    if expires_at <= now:
        raise typer.BadParameter("the key would have expired already", param_hint="--expires")
    return expires_at


def state_of(row: dict[str, Any]) -> str:
    """Whether a key works."""
    from tidegate.accounts import checks
    from tidegate.store.journal import milliseconds

    return checks.state_of(row, milliseconds())


def checked_name(name: str) -> str:
    """A name that may be stored."""
    from tidegate.accounts import checks

    with blaming():
        return checks.check_name(name)


def check_addresses(networks: tuple[str, ...]) -> None:
    """Reject what is no network."""
    from tidegate.accounts import checks

    with blaming("--addresses"):
        for network in networks:
            checks.check_network(network)


def _new_row(
    made: "NewKey", name: str, user: str | None, settings: "KeySettings", now: int, expires_at: int | None
) -> dict[str, Any]:
    from msgspec import to_builtins

    return {
        "id": made.id, "digest": made.digest, "prefix": made.prefix, "name": name, "user": user,
        "settings": to_builtins(settings), "created_at": now, "expires_at": expires_at,
    }  # fmt: skip


def _find(connection: "Connection", key: str) -> dict[str, Any]:
    from tidegate.accounts.checks import only_key
    from tidegate.store.keys import keys_named

    try:
        return only_key(keys_named(connection, key), key)
    except (LookupError, ValueError) as error:
        raise fail(str(error.args[0])) from None


def _all_keys(opened: Opened, user: str | None) -> list[dict[str, Any]]:
    from tidegate.store.keys import list_keys

    rows: list[dict[str, Any]] = []
    with opened.database.read() as connection:
        while page := list_keys(connection, user=user, after=rows[-1]["id"] if rows else ""):
            rows += page
    return sorted(rows, key=lambda row: row["created_at"])


def _described(row: dict[str, Any]) -> dict[str, Any]:
    """A key for scripts: neither the key nor its digest."""
    shown = ("id", "name", "prefix", "user", "settings", "created_at", "expires_at", "revoked_at", "replaces")
    return {**{name: row[name] for name in shown}, "state": state_of(row)}


def _print(rows: list[dict[str, Any]]) -> None:
    from tidegate.accounts.settings import KeySettings

    print_table(
        HEADINGS,
        [
            Row(
                (
                    row["id"],
                    row["name"],
                    f"{row['prefix']}…",
                    row["user"] or "",
                    state_of(row),
                    show_moment(row["created_at"]),
                    show_moment(row["revoked_at"] or row["expires_at"]),
                    show_settings(settings_in(row["settings"], KeySettings)),
                ),
                style="dim" if state_of(row) in ENDED else None,
            )
            for row in rows
        ],
        fold="settings",
    )
