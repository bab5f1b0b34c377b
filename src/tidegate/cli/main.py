"""The commands, each in its own module; they import what they need when they run."""

from typing import Annotated

import typer

from tidegate import __version__

from . import config, keys, ledger, prices, providers, wallets
from .check import check
from .demo import demo
from .explain import explain
from .health import health
from .logs import logs
from .models import models
from .serve import serve
from .users import teams, users

__all__ = ["app", "main"]

app = typer.Typer(
    name="tidegate",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def print_version(wanted: bool) -> None:
    """Print the version and exit, if requested."""
    if wanted:
        typer.echo(f"tidegate {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=print_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """A self-hosted gateway to language models."""


for command in (serve, demo, check, explain, logs, models, health):
    app.command()(command)
for name, group in (
    ("config", config.app),
    ("keys", keys.app),
    ("users", users),
    ("teams", teams),
    ("wallets", wallets.app),
    ("prices", prices.app),
    ("providers", providers.app),
    ("ledger", ledger.app),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line."""
    app()
