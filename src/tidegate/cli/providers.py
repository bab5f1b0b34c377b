"""`tidegate providers`: keys of providers that are kept encrypted in the store."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .opening import StoreOption, fail, open_store
from .serve import ConfigOption
from .tables import Row, print_table
from .values import blaming, show_moment

if TYPE_CHECKING:
    from tidegate.accounts.encryption import Cipher
    from tidegate.config import Config

__all__ = ["app"]

app = typer.Typer(help="Set keys of providers while gateways run.", no_args_is_help=True)

Provider = Annotated[str, typer.Argument(help="The name of a provider.")]
MISSING = (
    "keys of providers are stored encrypted: set TIDEGATE_SECRET_KEY to at least 32 random characters "
    "(openssl rand -hex 32), and install tidegate[jwt]"
)


@app.command("list")
def list_(config: ConfigOption = None, store: StoreOption = None) -> None:
    """List the keys in the store: only their fingerprints and last characters are shown."""
    from tidegate.accounts.provider_keys import why_not
    from tidegate.store.provider_keys import list_provider_keys

    with open_store(config, store) as opened, opened.database.read() as connection:
        rows = list_provider_keys(connection)
        cells = [
            (
                name, row["fingerprint"], f"…{row['last_four']}", show_moment(row["set_at"]), row["set_by"],
                _use(row["disabled_at"] is not None, why_not(opened.config, name) is None),
            )
            for name, row in rows.items()
        ]  # fmt: skip
    headings = ("provider", "fingerprint", "key", "set", "by", "in use")
    print_table(headings, [Row(one) for one in cells], fold="by")


@app.command("set-key")
def set_key(provider: Provider, config: ConfigOption = None, store: StoreOption = None) -> None:
    """Set the key of a provider, which is read from standard input. Gateways use it within a second."""
    from tidegate.accounts.provider_keys import LONGEST_KEY, check_key, row_of, why_not
    from tidegate.store.journal import milliseconds
    from tidegate.store.provider_keys import put_provider_key

    with open_store(config, store, create=True) as opened:
        cipher = _cipher(opened.config)
        if (reason := why_not(opened.config, provider)) is not None:
            raise fail(reason)
        with blaming():
            key = check_key(sys.stdin.read(LONGEST_KEY + 2))
        row = row_of(cipher, provider, key, milliseconds(), "the command line")
        with opened.database.write() as connection:
            put_provider_key(connection, row)
    typer.echo(f"{provider}: key …{row['last_four']}, fingerprint {row['fingerprint']}")


@app.command("disable-key")
def disable_key(provider: Provider, config: ConfigOption = None, store: StoreOption = None) -> None:
    """Keep the key of a provider, but use it no more: gateways follow within a second."""
    from tidegate.store.journal import milliseconds

    _switch(provider, config, store, milliseconds())
    typer.echo(f"{provider}: its key is disabled")


@app.command("enable-key")
def enable_key(provider: Provider, config: ConfigOption = None, store: StoreOption = None) -> None:
    """Use the key of a provider again: gateways follow within a second."""
    _switch(provider, config, store, None)
    typer.echo(f"{provider}: its key is enabled")


@app.command("remove-key")
def remove_key(provider: Provider, config: ConfigOption = None, store: StoreOption = None) -> None:
    """Remove the key of a provider: within a second, no gateway uses it any more."""
    from tidegate.store.provider_keys import remove_provider_key

    with open_store(config, store) as opened, opened.database.write() as connection:
        if not remove_provider_key(connection, provider):
            raise fail(f"the store has no key of {provider}")
    typer.echo(f"{provider}: its key is removed")


@app.command("reencrypt")
def reencrypt(config: ConfigOption = None, store: StoreOption = None) -> None:
    """Encrypt all keys with the first secret of TIDEGATE_SECRET_KEY. The others can then be dropped."""
    from tidegate.accounts.encryption import CannotDecrypt
    from tidegate.store.provider_keys import list_provider_keys, put_provider_key

    with open_store(config, store) as opened, opened.database.write() as connection:
        cipher, changed = _cipher(opened.config), 0
        for name, row in list_provider_keys(connection).items():
            if cipher.is_current(row["encrypted"]):
                continue
            try:
                encrypted = cipher.encrypt(cipher.decrypt(row["encrypted"], name), name)
            except CannotDecrypt as error:
                raise fail(f"the key of {name} cannot be read: {error}") from None
            put_provider_key(connection, {**row, "encrypted": encrypted})
            changed += 1
    typer.echo(f"{changed} encrypted again")


def _switch(provider: str, config: ConfigOption, store: StoreOption, disabled_at: int | None) -> None:
    from tidegate.store.provider_keys import disable_provider_key

    with open_store(config, store) as opened, opened.database.write() as connection:
        if disable_provider_key(connection, provider, disabled_at) is None:
            raise fail(f"the store has no key of {provider}")


def _use(disabled: bool, possible: bool) -> str:
    return "disabled" if disabled else "yes" if possible else "no"


def _cipher(config: "Config") -> "Cipher":
    from tidegate.accounts.provider_keys import cipher_of

    cipher = cipher_of(config)
    if cipher is None:
        raise fail(MISSING)
    return cipher
