"""Money: what a request costs. Amounts are `Decimal`, in US dollars; None is "not known", never zero."""

from .pricing import PriceList
from .shown import render_prices, word_prices

__all__ = ["PriceList", "render_prices", "word_prices"]
