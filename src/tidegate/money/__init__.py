"""Money: what a request costs, and who pays for it.

- `amounts.py`: integers of 10⁻⁹ USD.
- `pricing.py`: prices, from three sources, and what usage costs by them; `shown.py` words them.
- `bill.py`: a cost as lines that add up.
- `ledger.py`: what every movement of money writes into the books.

None means unknown, never zero.
"""

from .amounts import MOST_NANO, NANO, in_usd, nano_of, parse_usd, show_usd, usd
from .bill import Bill, Line, bill_of
from .pricing import PriceList
from .shown import render_prices, word_prices

__all__ = [
    "MOST_NANO",
    "NANO",
    "Bill",
    "Line",
    "PriceList",
    "bill_of",
    "in_usd",
    "nano_of",
    "parse_usd",
    "render_prices",
    "show_usd",
    "usd",
    "word_prices",
]
