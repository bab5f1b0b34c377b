"""The only package that awaits a provider: connections, and what can go wrong with them.

Nothing here retries, follows redirects, decodes JSON or knows a dialect. Deadlines are not set
here either: the exchange cancels its task (see `exchange/vigil.py`), which closes the connection
and with it the provider's work.
"""

from .pool import TRANSPORT_ERRORS, Answer, Pool, explain

__all__ = ["TRANSPORT_ERRORS", "Answer", "Pool", "explain"]
