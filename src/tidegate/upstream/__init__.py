"""The only package that awaits a provider: connections and their failures.

`pool` calls providers, `model_list` reads their model lists, `document` reads other small documents, `fetch`
downloads files that clients link to.
Nothing here retries or knows a dialect, and only fetching follows redirects. Deadlines are not set here
either: the exchange cancels its task (see `exchange/watchdog.py`), which closes the connection and so cancels
the provider's work.
"""

from .document import fetch_json
from .fetch import Budget, Fetched, Fetcher, NotFetched
from .model_list import fetch_model_names
from .pool import TRANSPORT_ERRORS, Answer, Pool, explain, headers_of, read_error, read_whole

__all__ = [
    "TRANSPORT_ERRORS",
    "Answer",
    "Budget",
    "Fetched",
    "Fetcher",
    "NotFetched",
    "Pool",
    "explain",
    "fetch_json",
    "fetch_model_names",
    "headers_of",
    "read_error",
    "read_whole",
]
