"""Whether and when a second candidate is started beside a first one that is silent.

The one that is overtaken is cancelled, so that nobody knows when it would have answered: its latency is
censored. To drop it would be wrong, for what is dropped are the slowest answers: the figures of a provider
that grows slow would stay as good as they were. So the time for which it was silent counts as its time to
first token, if it is beyond the 95th percentile. That percentile stays right, because the true value is
beyond it too; the mean is too low, but less so than without the sample. A shorter silence says nothing about
the endpoint, and counts for nothing.
"""

__all__ = ["HedgeBudget", "delay_of"]

LEAST_DELAY_S = 0.5
"""No first token is late before this time, in seconds."""
SHARE = 0.05
"""The share of attempts that may be hedged in the long run."""
BURST = 10.0
"""How many may be hedged at once, where few were before."""


def delay_of(p95: float | None) -> float | None:
    """The time after which a first token is late, in seconds; None where nothing is known that says so."""
    return None if p95 is None else max(LEAST_DELAY_S, p95)


class HedgeBudget:
    """A bucket of tokens: each attempt that may be hedged adds a twentieth, each hedge takes one."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens = BURST

    def add(self) -> None:
        """An attempt that may be hedged has begun."""
        self._tokens = min(BURST, self._tokens + SHARE)

    @property
    def allows(self) -> bool:
        """Whether there is a token."""
        return self._tokens >= 1.0

    def take(self) -> None:
        """A hedge has begun."""
        self._tokens -= 1.0
