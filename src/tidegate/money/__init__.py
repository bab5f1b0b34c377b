"""Money: what a request costs, and who pays for it.

- `amounts.py`: integers of 10⁻⁹ USD.
- `pricing.py`: prices, from four sources, and what usage costs by them; `shown.py` words them.
- `operator_prices.py`: those that an operator has set, each from a moment on.
- `terms.py`: how an answer was served, as far as prices depend on it.
- `bill.py`: a cost as lines that add up.
- `ledger.py`: what every movement of money writes into the books.

None means unknown, never zero.
"""

from .amounts import MOST_NANO, NANO, decimal_of, in_usd, nano_of, parse_usd, show_usd, usd
from .bill import Bill, Line, bill_of
from .operator_prices import OperatorPrice, OperatorPrices
from .pricing import Found, PriceList
from .shown import render_prices, word_prices
from .terms import STANDARD, Terms

__all__ = [
    "MOST_NANO",
    "NANO",
    "STANDARD",
    "Bill",
    "Found",
    "Line",
    "OperatorPrice",
    "OperatorPrices",
    "PriceList",
    "Terms",
    "bill_of",
    "decimal_of",
    "in_usd",
    "nano_of",
    "parse_usd",
    "render_prices",
    "show_usd",
    "usd",
    "word_prices",
]
