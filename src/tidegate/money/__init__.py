"""Money: what a request costs. Amounts are `Decimal`, in US dollars; None is "not known", never zero."""

from .pricing import PriceList

__all__ = ["PriceList"]
