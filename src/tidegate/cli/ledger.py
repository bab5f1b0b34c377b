"""`tidegate ledger`: the audit."""

import typer

from tidegate.wording import counted

from .opening import StoreOption, fail, open_store
from .serve import ConfigOption

__all__ = ["app"]

app = typer.Typer(help="Check the books.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Check the books."""


@app.command()
def check(config: ConfigOption = None, store: StoreOption = None) -> None:
    """Recompute every balance, hold, credit and cost from what was written once, and print each difference.

    It may run beside a gateway that serves. The exit status is 0 if the books are right, otherwise 1.
    """
    from tidegate.store.checking import check_books, extent_of

    with open_store(config, store) as opened, opened.database.read() as connection:
        extent = extent_of(connection)
        differences = list(check_books(connection))
    for line in differences:
        typer.echo(line)
    looked_at = ", ".join(
        [
            counted(extent.transactions, "transaction"),
            counted(extent.wallets, "wallet"),
            counted(extent.requests, "request"),
        ]
    )
    if differences:
        raise fail(f"{counted(len(differences), 'difference')} in {looked_at}")
    typer.echo(f"the books are right: {looked_at}")
