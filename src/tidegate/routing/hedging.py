"""Whether and when to start a second attempt beside a silent first one.

The slower attempt is cancelled, so its latency is unknown (censored). Ignoring it would bias the figures:
only the slowest answers are lost, so a provider that becomes slow would keep its good figures. Therefore the
time for which it was silent counts as its time to first token, if it exceeds the 95th percentile. The
percentile remains correct, because the true value is above it too; the mean is too low, but less so than
without the sample. A shorter silence carries no information and is ignored.
"""

__all__ = ["HedgeBudget", "delay_of"]

LEAST_DELAY_S = 0.5
"""The minimum delay before a first token counts as late, in seconds."""
SHARE = 0.05
"""The long-term share of attempts that may be hedged."""
BURST = 10.0
"""How many attempts may be hedged in a burst."""


def delay_of(p95: float | None) -> float | None:
    """The time after which a first token is late, in seconds; None if unknown."""
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
        """Whether a hedge may begin."""
        return self._tokens >= 1.0

    def take(self) -> None:
        """A hedge has begun."""
        self._tokens -= 1.0
