"""`tidegate config`: validate and show the settings, explain how a model is resolved."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from .at_rest import describe_order
from .serve import ConfigOption
from .tables import Row, print_table

if TYPE_CHECKING:
    from msgspec import Struct

    from tidegate.config import Config, ProviderConfig
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


class Shown(NamedTuple):
    """A setting in effect."""

    key: str
    value: Any
    """JSON, with masked keys."""
    origin: str
    is_default: bool


def _shown(config: "Config") -> Iterator[Shown]:
    """Every value: the sections in their order, then the providers and models."""
    for section in ("server", "auth", "routing", "images", "logs", "alerts", "api"):
        yield from _shown_section(config, (section,), getattr(config, section))
    for name, provider in config.providers.items():
        yield from _shown_provider(config, name, provider)
    for name, model in config.models.items():
        yield from _shown_section(config, ("models", name), model)
    for name, price in config.prices.items():
        yield from _shown_section(config, ("prices", name), price)


def _shown_section(config: "Config", table: tuple[str, ...], struct: "Struct") -> Iterator[Shown]:
    from tidegate.config import render_path

    for key in struct.__struct_fields__:
        origin = config.origin(*table, key)
        value = _plain(getattr(struct, key))
        yield Shown(render_path((*table, key)), value, str(origin), origin.kind == "default")


def _shown_provider(config: "Config", name: str, provider: "ProviderConfig") -> Iterator[Shown]:
    """A provider's values; without its own address, that of the kind."""
    from tidegate.config import kinds

    for shown in _shown_section(config, ("providers", name), provider):
        if shown.value is None and shown.key.endswith(".base_url"):
            yield Shown(shown.key, kinds()[provider.kind].base_url, f"the kind {provider.kind}", False)
        else:
            yield shown


def _plain(value: Any) -> Any:
    """A value as JSON has it, keys masked."""
    from decimal import Decimal

    from tidegate.config import ImagePriceConfig, Secret

    if isinstance(value, Secret):
        return value.masked()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, ImagePriceConfig):
        return {key: _plain(getattr(value, key)) for key in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _as_json(config: "Config") -> dict[str, Any]:
    return {
        "settings": [
            {"key": shown.key, "value": shown.value, "origin": shown.origin} for shown in _shown(config)
        ],
        "not_used_yet": list(config.not_used_yet),
        "warnings": list(config.warnings),
    }


def _print_table(config: "Config") -> None:
    rows = [
        Row((shown.key, _text(shown.value), shown.origin), style="dim" if shown.is_default else None)
        for shown in _shown(config)
        # Most providers and prices set two or three of their keys.
        if not (shown.is_default and shown.key.startswith(("providers.", "prices.")))
    ]
    print_table(("key", "value", "from"), rows, fold="value")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
