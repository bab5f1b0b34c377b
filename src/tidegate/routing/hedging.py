"""Whether and when a second candidate is started beside a first one that is silent."""

__all__ = ["HedgeBudget", "delay_of"]

LEAST_DELAY_S = 0.5
"""No first token is late before this time, in seconds."""
SHARE = 0.05
"""The share of requests that may be hedged in the long run."""
BURST = 10.0
"""How many may be hedged at once, where few were before."""


def delay_of(p95: float | None) -> float | None:
    """The time after which a first token is late, in seconds; None where nothing is known that says so."""
    return None if p95 is None else max(LEAST_DELAY_S, p95)


class HedgeBudget:
    """A bucket of tokens: each request adds a twentieth, each hedge takes one."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens = BURST

    def request(self) -> None:
        """A request that may be hedged has begun."""
        self._tokens = min(BURST, self._tokens + SHARE)

    def take(self) -> bool:
        """Take a token, if there is one."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
