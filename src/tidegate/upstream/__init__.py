"""The only package that awaits a provider: connections, and what can go wrong with them.

`pool` asks providers, `fetch` gets what clients link to. Nothing here retries, decodes JSON or knows a
dialect, and only fetching follows redirects. Deadlines are not set
here either: the exchange cancels its task (see `exchange/vigil.py`), which closes the connection
and with it the provider's work.
"""

from .fetch import Budget, Fetched, Fetcher, NotFetched
from .pool import TRANSPORT_ERRORS, Answer, Pool, explain

__all__ = [
    "TRANSPORT_ERRORS",
    "Answer",
    "Budget",
    "Fetched",
    "Fetcher",
    "NotFetched",
    "Pool",
    "explain",
]
