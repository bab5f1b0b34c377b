"""`tidegate models`: the available models, their capabilities and prices."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tidegate.wording import counted

from .config import load_or_exit
from .serve import ConfigOption
from .tables import Row, print_table

if TYPE_CHECKING:
    from tidegate.catalog import CatalogModel
    from tidegate.config import Config

__all__ = ["models"]

HEADINGS = ("model", "type", "context", "output", "USD in/out", "capabilities")


class Entry(NamedTuple):
    """A model in the catalog, at one provider that serves it."""

    provider: str
    """A configured provider's name, or the kind's name if none is configured."""
    configured: bool
    model: "CatalogModel"
    prices: dict[str, Any] | None


def models(
    provider: Annotated[str | None, typer.Option(help="Only models of this provider or kind.")] = None,
    capability: Annotated[
        list[str] | None, typer.Option(help="Only models with this capability. Repeatable.")
    ] = None,
    configured: Annotated[
        bool, typer.Option("--configured", help="Only models of configured providers.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """List the models in the catalog. Other models can be used too.

    Prices are the current ones, in US dollars per million tokens. The exit status is 1 if no model
    matches, 2 if a capability is unknown.
    """
    from tidegate.catalog import CAPABILITIES
    from tidegate.config import kinds
    from tidegate.config.problems import near
    from tidegate.providers.facts import abilities_of

    wanted = set(capability or ())
    if not wanted <= set(CAPABILITIES):
        typer.echo(f"unknown capability; choose from: {', '.join(CAPABILITIES)}", err=True)
        raise typer.Exit(2)
    settings = load_or_exit(config)
    if provider is not None and provider not in settings.providers and provider not in kinds():
        typer.echo(
            f'there is no provider or kind "{provider}"{near(provider, {*settings.providers, *kinds()})}',
            err=True,
        )
        raise typer.Exit(1)
    found = [
        entry
        for entry in _entries(settings)
        if provider in (None, entry.provider, entry.model.kind)
        and (entry.configured or not configured)
        and wanted <= set(abilities_of(entry.model))
    ]
    if not found:
        typer.echo("no model in the catalog matches", err=True)
        raise typer.Exit(1)
    if as_json:
        _print_json(found)
    else:
        _print_table(found)


def _entries(config: "Config") -> Iterator[Entry]:
    """Every model at every provider of its kind, or at the kind itself if none is configured."""
    from datetime import UTC, datetime

    from msgspec.structs import replace

    from tidegate.catalog import models
    from tidegate.config import ProviderConfig
    from tidegate.money import PriceList

    named: dict[str, list[str]] = {}
    for name, one in config.providers.items():
        named.setdefault(one.kind, []).append(name)
    missing = {one.kind: ProviderConfig(kind=one.kind) for one in models() if one.kind not in named}
    prices = PriceList(replace(config, providers={**missing, **config.providers}))
    now = datetime.now(UTC)
    for model in models():
        for name in named.get(model.kind, [model.kind]):
            yield Entry(name, model.kind in named, model, _prices(prices, name, model, now))


def _prices(prices: Any, provider: str, model: "CatalogModel", now: Any) -> dict[str, Any] | None:
    from tidegate.money import render_prices

    found = prices.find(provider, model.id, now)
    return render_prices(found.rates, found.images)


def _print_json(found: list[Entry]) -> None:
    import msgspec

    from tidegate.providers.facts import facts_of

    rows = [
        {
            "id": f"{entry.provider}/{entry.model.id}",
            "provider": entry.provider,
            "kind": entry.model.kind,
            "configured": entry.configured,
            "model": entry.model.id,
            "label": entry.model.label,
            **facts_of(entry.model),
            "prices": entry.prices,
        }
        for entry in found
    ]
    encoded = msgspec.json.Encoder(decimal_format="number").encode(rows)
    typer.echo(msgspec.json.format(encoded, indent=2).decode())


def _print_table(found: list[Entry]) -> None:
    from tidegate.providers.facts import abilities_of

    rows = [
        Row(
            (
                f"{entry.provider}/{entry.model.id}",
                entry.model.type,
                _number(entry.model.context),
                _number(entry.model.output),
                _price(entry.prices),
                " ".join(abilities_of(entry.model)),
            ),
            style=None if entry.configured else "dim",
        )
        for entry in found
    ]
    print_table(HEADINGS, rows, fold="capabilities", gap=1)
    configured = sum(entry.configured for entry in found)
    typer.echo(f"{counted(len(found), 'model')}, {configured} of configured providers")


def _number(tokens: int | None) -> str:
    return f"{tokens:,}" if tokens is not None else ""


def _price(prices: dict[str, Any] | None) -> str:
    tokens = (prices or {}).get("per_million_tokens", {})
    if tokens:
        return " / ".join(str(tokens[name]) for name in ("input", "output") if name in tokens)
    images = (prices or {}).get("per_image", [])
    return f"{images[0]['price']} per image" if images else ""
