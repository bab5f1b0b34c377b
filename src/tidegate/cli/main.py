"""The commands, each in a module of its own, imported when it is asked for."""

import typer

from .serve import serve

__all__ = ["app", "main"]

app = typer.Typer(
    name="tidegate",
    help="A self-hosted gateway to language models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(serve)


def main() -> None:
    """Run the command line."""
    app()
