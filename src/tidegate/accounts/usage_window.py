"""Between which times the cost of requests is summed up."""

from collections.abc import Mapping, Sequence

from tidegate.protocols.errors import InvalidRequest
from tidegate.store.costs import DAY_MS, reads_requests

__all__ = ["usage_window"]

DAYS = 30
"""How many days before the last one, unless it is said when to begin."""
MOST_DAYS = 92
"""The most for which requests are read: a million of them take about a second."""


def usage_window(
    since: int | None, until: int | None, now: int, *, groups: Sequence[str], filters: Mapping[str, str]
) -> tuple[int, int]:
    """The beginning, and the end that is not included, in milliseconds since 1970: by default to the end of
    today in UTC, and from the beginning of the day DAYS days before the last one. Raises InvalidRequest.
    """
    end = now - now % DAY_MS + DAY_MS if until is None else until
    last = (end - 1) - (end - 1) % DAY_MS
    begin = last - DAYS * DAY_MS if since is None else since
    if end - begin > MOST_DAYS * DAY_MS and reads_requests(groups, filters):
        message = (
            f"what is summed up by or restricted to more than one of user, team, key, model and provider is "
            f"read from the requests of at most {MOST_DAYS} days: ask for a shorter time"
        )
        raise InvalidRequest(message, param="from")
    return begin, end
