"""`tidegate config`: validate and show the settings, explain how a model is resolved."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .at_rest import describe_order
from .serve import ConfigOption
from .tables import Row, print_table

if TYPE_CHECKING:
    from tidegate.config import Config
    from tidegate.providers import Candidate

__all__ = ["app", "load_or_exit"]

app = typer.Typer(help="Validate, show and explain the configuration.", no_args_is_help=True)

DOORS = ("openai_chat", "openai_responses", "anthropic", "gemini")
"""The wire formats of the doors that take chats."""


@app.command()
def check(config: ConfigOption = None) -> None:
    """Validate the configuration and report every mistake.

    The exit status is 0 if it is valid, otherwise 2.
    """
    from tidegate.config import summarize

    settings = load_or_exit(config)
    _echo_warnings(settings)
    typer.echo("The configuration is valid.")
    for line in summarize(settings):
        typer.echo(line)


@app.command()
def show(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the settings in effect and where each was set. Keys are masked."""
    settings = load_or_exit(config)
    if as_json:
        typer.echo(json.dumps(_as_json(settings), ensure_ascii=False, indent=2))
        return
    _print_table(settings)
    _echo_warnings(settings)


@app.command()
def explain(
    model: Annotated[str, typer.Argument(help="A model name, as in a client's request.")],
    config: ConfigOption = None,
    prompt_tokens: Annotated[
        int, typer.Option(min=1, help="The prompt's length, for the order and the cost.")
    ] = 1000,
    completion_tokens: Annotated[int, typer.Option(min=1, help="The completion's length.")] = 300,
) -> None:
    """Show which providers serve a model, in which order, what is known about it there, and why others do
    not serve it.

    The exit status is 0 if at least one does, 1 if none does, 2 if the configuration is invalid.
    """
    from tidegate.protocols.errors import ModelNotFound
    from tidegate.providers import ModelRegistry

    settings = load_or_exit(config)
    registry = ModelRegistry(settings)
    try:
        lines = registry.explain(model, DOORS, _prices_of(settings))
        lines += describe_order(settings, registry, model, prompt_tokens, completion_tokens)
    except ModelNotFound as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None
    for line in lines:
        typer.echo(line)


def _prices_of(config: "Config") -> "Callable[[Candidate], str]":
    """What candidates cost now, in words."""
    from datetime import UTC, datetime

    from tidegate.money import PriceList, word_prices

    prices, now = PriceList(config), datetime.now(UTC)

    def price_of(candidate: "Candidate") -> str:
        place = (candidate.service.name, candidate.model)
        found = prices.find(*place, now)
        return word_prices(found.rates, found.images)

    return price_of


def load_or_exit(path: Path | None) -> "Config":
    """The configuration that `serve` would use here. Exits with 2 if it is invalid."""
    from tidegate.config import ConfigError
    from tidegate.process import Source

    try:
        return Source(path, Path.cwd(), {}).read()
    except ConfigError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        raise typer.Exit(2) from None


def _echo_warnings(config: "Config") -> None:
    from tidegate.config import list_warnings

    for warning in list_warnings(config):
        typer.echo(f"warning: {warning}", err=True)


# --- the settings ----------------------------------------------------------------------------


def _as_json(config: "Config") -> dict[str, Any]:
    from tidegate.config import shown_settings

    return {
        "settings": [
            {"key": one.key, "value": one.value, "origin": one.origin} for one in shown_settings(config)
        ],
        "not_used_yet": list(config.not_used_yet),
        "warnings": list(config.warnings),
    }


def _print_table(config: "Config") -> None:
    from tidegate.config import shown_settings

    rows = [
        Row((one.key, _text(one.value), one.origin), style="dim" if one.is_default else None)
        for one in shown_settings(config)
        # Most providers and prices set two or three of their keys.
        if not (one.is_default and one.key.startswith(("providers.", "prices.")))
    ]
    print_table(("key", "value", "from"), rows, fold="value")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
