"""`tidegate prices`: what models cost, as operators set it while gateways run."""

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .keys import checked_name
from .opening import Opened, StoreOption, fail, open_store
from .serve import ConfigOption
from .tables import Row, print_table
from .values import blaming, check_note, encode, parse_moment, show_moment

if TYPE_CHECKING:
    from tidegate.catalog import ImagePrice

__all__ = ["app"]

app = typer.Typer(help="Set what models cost, now or from a later time on.", no_args_is_help=True)

Model = Annotated[
    str, typer.Argument(metavar="PROVIDER/MODEL", help="A configured provider, and its name for a model.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

IMAGE = re.compile(r"image(?:\[(?P<size>[^:\]]*)(?::(?P<quality>[^\]]*))?\])?")


@app.command("set")
def set_prices(
    model: Model,
    prices: Annotated[
        list[str],
        typer.Argument(
            metavar="CLASS=USD...",
            help="Such as input=0.15 output=0.60 (per million tokens), searches=10 (per thousand), "
            "image=0.04 or image[1024x1024:hd]=0.08 (each).",
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="WHEN", help="30m, 2027-01-31 or 2027-01-31T12:00:00Z; default: now."),
    ] = None,
    note: Annotated[str, typer.Option(help="A remark for the history.")] = "",
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Set what a model costs, in place of the configuration and the catalog. Running gateways follow within a
    second. Requests that began before cost what they cost then.
    """
    from tidegate.accounts.price_book import put_price
    from tidegate.store.journal import milliseconds

    rates, images = _parse_prices(prices)
    starts_at = parse_moment(since, milliseconds()) if since is not None else None
    with open_store(config, store, create=True) as opened, opened.database.write() as connection:
        place = _place(opened, model)
        with blaming("--from"):
            row = put_price(
                connection, *place, milliseconds(), starts_at=starts_at, rates=rates, images=images,
                note=check_note(note),
            )  # fmt: skip
    typer.echo(f"{model} costs {_words(row)} from {show_moment(row['starts_at'])} on ({row['id']})")


@app.command("list")
def list_all(
    model: Annotated[
        str | None, typer.Argument(metavar="PROVIDER/MODEL", help="Only what was set for this model.")
    ] = None,
    json: Json = False,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """List what was set, the last first."""
    from tidegate.store.journal import milliseconds
    from tidegate.store.prices import list_prices

    with open_store(config, store) as opened, opened.database.read() as connection:
        place = _place(opened, model) if model is not None else (None, None)
        rows = list_prices(connection, provider=place[0], model=place[1], limit=10_000)
    if json:
        typer.echo(encode(rows))
        return
    now = milliseconds()
    print_table(
        ("id", "model", "from", "state", "prices", "note"),
        [
            Row((row["id"], f"{row['provider']}/{row['model']}", show_moment(row["starts_at"]),
                 _state(row, now), _words(row), row["note"]))
            for row in rows
        ],
        fold="prices",
    )  # fmt: skip


@app.command()
def remove(
    model: Model,
    id: Annotated[  # noqa: A002 its name as an option
        str | None, typer.Option(metavar="ID", help="Only this change, which must not be in force yet.")
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Let a model cost again what the configuration or the catalog says, from now on; what was set for later
    is cancelled.

    The exit status is 1 if there is nothing to remove.
    """
    from tidegate.accounts.price_book import remove_prices
    from tidegate.store.journal import milliseconds

    with open_store(config, store) as opened, opened.database.write() as connection:
        done = remove_prices(connection, *_place(opened, model), milliseconds(), only=id)
    if not done.cancelled and not done.ended:
        raise fail(f"nothing was set for {model}" if id is None else f"no change {id} of {model} waits")
    words = [f"cancelled {one}" for one in done.cancelled]
    if done.ended:
        words.append(f"{model} costs again what the configuration or the catalog says")
    typer.echo("\n".join(words))


def _place(opened: Opened, name: str) -> tuple[str, str]:
    provider, slash, model = name.partition("/")
    if not slash or provider not in opened.config.providers:
        known = ", ".join(opened.config.providers) or "none"
        raise typer.BadParameter(
            f"{name!r} does not begin with a configured provider ({known})", param_hint="PROVIDER/MODEL"
        )
    return provider, checked_name(model)


def _parse_prices(given: list[str]) -> "tuple[dict[str, Decimal], tuple[ImagePrice, ...]]":
    from tidegate.catalog import ImagePrice
    from tidegate.money import decimal_of
    from tidegate.money.operator_prices import check_price
    from tidegate.money.pricing import PRICED

    rates: dict[str, Decimal] = {}
    images: list[ImagePrice] = []
    for one in given:
        name, _, text = one.partition("=")
        image = IMAGE.fullmatch(name)
        if name not in PRICED and image is None:
            classes = ", ".join([*sorted(PRICED), "image"])
            raise typer.BadParameter(
                f"{one!r} is not CLASS=USD with one of {classes}", param_hint="CLASS=USD"
            )
        with blaming(name):
            price = check_price(decimal_of(text))
        if image is None:
            rates[name] = price
        else:
            size, quality = image["size"] or None, image["quality"] or None
            images.append(ImagePrice(price=price, size=size, quality=quality))
    return rates, tuple(images)


def _words(row: dict[str, Any]) -> str:
    from tidegate.money import word_prices
    from tidegate.money.operator_prices import operator_price

    price = operator_price(row)
    return "as configured" if price.default else word_prices(price.rates, price.images)


def _state(row: dict[str, Any], now: int) -> str:
    if row["cancelled_at"] is not None:
        return "cancelled"
    return "waits" if row["starts_at"] > now else ""
