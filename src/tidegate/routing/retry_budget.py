"""Limits the retries of a process, so that they do not overload a failing provider."""

from tidegate.meters import WindowCount

__all__ = ["RetryBudget"]

WINDOW_S = 10.0
SHARE = 0.2
"""The maximum ratio of retries to requests in the window."""
LEAST_CONCURRENT = 3
"""The number of retries that may always be in progress."""

_REQUESTS, _RETRIES = 0, 1


class RetryBudget:
    """Allows at most `SHARE` retries per request of the last `WINDOW_S` seconds, but always a few."""

    __slots__ = ("_concurrent", "_window")

    def __init__(self) -> None:
        self._window = WindowCount(WINDOW_S, 2, slices=10)
        self._concurrent = 0

    def request(self, now: float) -> None:
        """A request has begun."""
        self._window.add(_REQUESTS, now)

    def allows(self, now: float) -> bool:
        """Whether another retry may begin."""
        if self._concurrent < LEAST_CONCURRENT:
            return True
        requests, retries = self._window.at(now)
        return retries < SHARE * requests

    def begin(self, now: float) -> None:
        """A retry has begun."""
        self._window.add(_RETRIES, now)
        self._concurrent += 1

    def end(self) -> None:
        """A retry has ended."""
        self._concurrent -= 1
