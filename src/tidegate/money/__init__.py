"""Money: the cost of requests. Amounts are `Decimal` in US dollars; None means unknown, never zero."""

from .pricing import PriceList
from .shown import render_prices, word_prices

__all__ = ["PriceList", "render_prices", "word_prices"]
