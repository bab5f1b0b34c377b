"""The commands, each in a module of its own; what they run is imported when they are asked for."""

import typer

from . import config
from .check import check
from .demo import demo
from .models import models
from .serve import serve

__all__ = ["app", "main"]

app = typer.Typer(
    name="tidegate",
    help="A self-hosted gateway to language models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (serve, demo, check, models):
    app.command()(command)
app.add_typer(config.app, name="config")


def main() -> None:
    """Run the command line."""
    app()
