"""Prices that an operator has set in the store, each from a moment on: what was billed before stays."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from tidegate.catalog import ImagePrice, Rate

__all__ = ["OperatorPrice", "OperatorPrices", "check_price", "operator_price", "stored_images"]

MOST_PRICE = Decimal(1_000_000)
"""The highest price of anything, in USD."""
DECIMALS = 12
LEAST_PRICE = Decimal(1).scaleb(-DECIMALS)


class OperatorPrice(Struct, frozen=True, kw_only=True):
    """What an operator has decided for a model of a provider."""

    id: str
    provider: str
    """The configured provider's name."""
    model: str
    """Its own name for the model."""
    starts_at: int
    """From when on it is in force, until the next one: in milliseconds since 1970."""
    default: bool = False
    """Whether it ends what was set before: the model costs again what the configuration or the catalog
    says."""
    rates: Mapping[str, Rate] = MappingProxyType({})
    """By class; as in `[prices]`."""
    images: tuple[ImagePrice, ...] = ()


class OperatorPrices:
    """All of them, by model. They may be replaced while others look them up."""

    def __init__(self, prices: Iterable[OperatorPrice] = ()) -> None:
        self.generation = 0
        """Grows with every change, so that what was computed from them can be computed anew."""
        self._by_model: dict[tuple[str, str], list[OperatorPrice]] = {}
        self._next: list[int] = []
        """When any of them begins, in order."""
        self.replace(prices)

    def replace(self, prices: Iterable[OperatorPrice]) -> None:
        """Take these in place of all. Of two that begin at the same time, the later in the order counts."""
        by_model: dict[tuple[str, str], list[OperatorPrice]] = {}
        for one in prices:
            by_model.setdefault((one.provider, one.model), []).append(one)
        for rows in by_model.values():
            rows.sort(key=_starts_at)  # stable
        self._next = sorted({one.starts_at for rows in by_model.values() for one in rows})
        self._by_model = by_model
        self.generation += 1

    def in_force(self, provider: str, model: str, at: int) -> OperatorPrice | None:
        """What applies to a model at a moment, in milliseconds; None if nothing was set by then."""
        rows = self._by_model.get((provider, model))
        if rows is None:
            return None
        place = bisect_right(rows, at, key=_starts_at)
        return rows[place - 1] if place else None

    def next_change(self, at: int) -> int | None:
        """When the first price after a moment begins, in milliseconds; None if there is none."""
        place = bisect_right(self._next, at)
        return self._next[place] if place < len(self._next) else None

    def __bool__(self) -> bool:
        return bool(self._by_model)


def _starts_at(price: OperatorPrice) -> int:
    return price.starts_at


# --- as they are stored ----------------------------------------------------------------------


def operator_price(row: Mapping[str, Any]) -> OperatorPrice:
    """A row of the store as a price."""
    images = [
        ImagePrice(price=Decimal(one["price"]), size=one.get("size"), quality=one.get("quality"))
        for one in row["images"] or ()
    ]
    return OperatorPrice(
        id=row["id"],
        provider=row["provider"],
        model=row["model"],
        starts_at=row["starts_at"],
        default=row["rates"] is None,
        rates={name: Decimal(price) for name, price in (row["rates"] or {}).items()},
        images=tuple(images),
    )


def check_price(price: Decimal) -> Decimal:
    """A price that may be stored. Raises ValueError."""
    if not price.is_finite() or not 0 <= price <= MOST_PRICE:
        raise ValueError(f"a price is from 0 to {MOST_PRICE:,} USD")
    if price.quantize(LEAST_PRICE) != price:
        raise ValueError(f"a price has at most {DECIMALS} decimals")
    return price


def stored_images(images: Iterable[ImagePrice]) -> list[dict[str, str]]:
    """Prices of images, as `operator_price` reads them."""
    fields = ("price", "size", "quality")
    return [{key: str(value) for key in fields if (value := getattr(one, key)) is not None} for one in images]
