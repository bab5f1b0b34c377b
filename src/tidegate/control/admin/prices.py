"""`/admin/prices`: what models cost, and what operators have set for them."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request, Response
from msgspec import Meta, Struct

from tidegate.accounts.pages import parse_time
from tidegate.accounts.price_book import put_price, remove_prices
from tidegate.catalog import ImagePrice
from tidegate.config import Config, PriceConfig
from tidegate.money import OperatorPrices, PriceList, render_prices, word_prices
from tidegate.money.operator_prices import check_price, operator_price
from tidegate.money.pricing import PRICED
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.database import Connection
from tidegate.store.journal import milliseconds
from tidegate.store.prices import list_prices, prices_in_order
from tidegate.store.store import Store

from .answers import Page, respond
from .reading import After, Limit, Note, blaming, check_name, read
from .routes import Routes

__all__ = ["add_prices"]

log = logging.getLogger("tidegate")

When = Annotated[
    int | str | None,
    Meta(description="In milliseconds since 1970, or a date or time of ISO 8601; null: now."),
]


class PriceBody(PriceConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """The prices of a model, as in `[prices]`: in USD per million tokens, per thousand searches or requests,
    per image. What is left out is not priced by itself.
    """

    since: When = None
    """From when on; not in the past."""
    note: Note = ""


class PriceChange(Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    """What an operator has set for a model."""

    id: str
    provider: str
    model: str
    since: int
    """From when on."""
    prices: Mapping[str, Any] | None
    """Null: from then on, the model costs what the configuration or the catalog says."""
    note: str
    created_at: int
    cancelled_at: int | None
    """When it was taken back, before it came into force."""


class ModelPrices(Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    """What a model costs now."""

    provider: str
    model: str
    source: str | None
    """`store` (set here), `file` (`[prices]`), `genai-prices` or `catalog`; null if no price is known."""
    since: int | None
    """From when on, if it was set here."""
    prices: Mapping[str, Any] | None
    upcoming: Sequence[PriceChange]
    """What comes into force later, the next first."""
    history: Sequence[PriceChange]
    """Everything that was set here, the last first; at most 100."""


class Removed(Struct, frozen=True, kw_only=True):
    """What a removal did."""

    cancelled: Sequence[str]
    """The ids of changes that were not in force yet, and now never will be."""
    price: ModelPrices


Place = tuple[str, str]
"""A configured provider, and its name for a model."""


def add_prices(routes: Routes, store: Store, config: Config) -> None:
    """Add the paths."""
    _add_reading(routes, store, config)
    _add_changing(routes, store, config)


def _add_reading(routes: Routes, store: Store, config: Config) -> None:
    @routes.add("GET", "/prices", Page[PriceChange])
    async def list_price_changes(
        limit: Limit = 100,
        after: After = "",
        provider: Annotated[str | None, Query(description="Only of this provider.")] = None,
        model: Annotated[str | None, Query(description="Only of this model.")] = None,
    ) -> Response:
        """List what was set for models, the last first."""
        before = _number(after)
        rows = await store.ask(list_prices, provider=provider, model=model, before=before, limit=limit)
        following = str(rows[-1]["number"]) if len(rows) == limit else None
        return respond(Page([_change(row) for row in rows], following))

    @routes.add("GET", "/prices/{provider}/{model:path}", ModelPrices)
    async def show_prices(provider: str, model: str) -> Response:
        """Show what a model costs, who says so, and what was set for it."""
        place = _check_place(config, provider, model)
        return respond(await store.ask(_model_prices, config, place, milliseconds()))


def _add_changing(routes: Routes, store: Store, config: Config) -> None:
    @routes.add("PUT", "/prices/{provider}/{model:path}", ModelPrices, body=PriceBody)
    async def set_prices(request: Request, provider: str, model: str) -> Response:
        """Set what a model costs, in place of all other sources, from now or a later time on. Requests that
        began before cost what they cost then.
        """
        place, body = _check_place(config, provider, model), await read(request, PriceBody)
        shown = await store.change(_set, config, place, body)
        words, since = word_prices(*_prices_in(body)), _iso(shown.history[0].since)
        log.info("%s set the price of %s/%s: %s, from %s on", request.state.actor, *place, words, since)
        return respond(shown)

    @routes.add("DELETE", "/prices/{provider}/{model:path}", Removed)
    async def delete_prices(
        request: Request,
        provider: str,
        model: str,
        id: Annotated[  # noqa: A002 its name in the query
            str | None, Query(description="Only this change, which must not be in force yet.")
        ] = None,
    ) -> Response:
        """Let a model cost again what the configuration or the catalog says, from now on; what was set for
        later is cancelled.
        """
        place = _check_place(config, provider, model)
        removed = await store.change(_remove, config, place, id)
        what = "all prices" if id is None else "a later price"
        cancelled = ", ".join(removed.cancelled) or "none"
        log.info("%s removed %s of %s/%s; cancelled: %s", request.state.actor, what, *place, cancelled)
        return respond(removed)


def _check_place(config: Config, provider: str, model: str) -> Place:
    if provider not in config.providers:
        message = f"there is no provider {provider}: prices are for one of {', '.join(config.providers)}"
        raise InvalidRequest(message, status=404, code="not_found", param="provider")
    return provider, check_name(model, "model")


def _set(connection: Connection, config: Config, place: Place, body: PriceBody) -> ModelPrices:
    rates, images = _prices_in(body)
    starts_at = parse_time(None if body.since is None else str(body.since), "from")
    now = milliseconds()
    with blaming("from"):
        put_price(connection, *place, now, starts_at=starts_at, rates=rates, images=images, note=body.note)
    return _model_prices(connection, config, place, now)


def _remove(connection: Connection, config: Config, place: Place, wanted: str | None) -> Removed:
    now = milliseconds()
    done = remove_prices(connection, *place, now, only=wanted)
    if wanted is not None and not done.cancelled:
        message = f"there is no change {wanted} of {place[0]}/{place[1]} that is not in force yet"
        raise InvalidRequest(message, status=404, code="not_found", param="id")
    return Removed(cancelled=done.cancelled, price=_model_prices(connection, config, place, now))


def _prices_in(body: PriceBody) -> tuple[dict[str, Decimal], tuple[ImagePrice, ...]]:
    """The prices in a request. Raises InvalidRequest naming the field."""
    rates = {name: price for name in sorted(PRICED) if (price := getattr(body, name)) is not None}
    for name, price in rates.items():
        with blaming(name):
            check_price(price)
    for place, row in enumerate(body.images):
        with blaming(f"images[{place}].price"):
            check_price(row.price)
    if not rates and not body.images:
        raise InvalidRequest("set at least one price, such as input and output", param="input")
    images = (ImagePrice(price=row.price, size=row.size, quality=row.quality) for row in body.images)
    return rates, tuple(images)


def _model_prices(connection: Connection, config: Config, place: Place, now: int) -> ModelPrices:
    provider, model = place
    rows = [row for row in prices_in_order(connection) if (row["provider"], row["model"]) == place]
    prices = OperatorPrices(map(operator_price, rows))
    in_force = prices.in_force(provider, model, now)
    found = PriceList(config, prices).find(provider, model, datetime.fromtimestamp(now / 1000, UTC))
    later = [row for row in rows if row["starts_at"] > now]
    history = list_prices(connection, provider=provider, model=model, limit=100)
    return ModelPrices(
        provider=provider,
        model=model,
        source=found.source,
        since=in_force.starts_at if in_force is not None and found.source == "store" else None,
        prices=render_prices(found.rates, found.images),
        upcoming=[_change(row) for row in sorted(later, key=lambda row: (row["starts_at"], row["number"]))],
        history=[_change(row) for row in history],
    )


def _change(row: Mapping[str, Any]) -> PriceChange:
    price = operator_price(row)
    return PriceChange(
        id=row["id"], provider=row["provider"], model=row["model"], since=row["starts_at"],
        prices=None if price.default else render_prices(price.rates, price.images), note=row["note"],
        created_at=row["created_at"], cancelled_at=row["cancelled_at"],
    )  # fmt: skip


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")


def _number(after: str) -> int | None:
    if not after:
        return None
    try:
        return msgspec.convert(after, int, strict=False)
    except msgspec.ValidationError:
        raise InvalidRequest("expected `next` of the page before", param="after") from None
