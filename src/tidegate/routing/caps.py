"""The request rate that a provider is expected to accept with a credential, learned from its rate limits.

Many providers report neither how much they allow nor when to come back. After a block, requests are sent
until the next 429, again and again, and each 429 costs its request the time of an attempt. So the rate at
which requests were served between two rate limits becomes a cap. It grows by 5 % every 10 seconds, and the
next rate limit reduces it to 70 %. After 10 minutes without a rate limit it is forgotten.

A cap is only an estimate: other candidates and credentials are preferred, but no request waits or fails
because of it.
"""

import math

__all__ = ["Cap"]

GROWTH, GROWTH_S = 1.05, 10.0
"""The factor by which a cap grows, and in how many seconds."""
CUT = 0.7
"""What remains of a cap after a rate limit."""
ONE_CUT_S = 5.0
"""Rate limits within so many seconds are one: requests that were under way together fail together."""
LEARNING_S = 120.0
"""The longest time between two rate limits from which a cap is learned, in seconds."""
FORGET_S = 600.0
"""After this time without a rate limit a cap is forgotten, in seconds."""
BURST_S = 2.0
"""How many seconds' worth of requests may come at once."""
LEAST = 0.05
"""The lowest cap, in requests per second."""
LEAST_SERVED = 5
"""The fewest answers between two rate limits from which a cap is learned."""


class Cap:
    """The cap of one credential at one endpoint."""

    __slots__ = ("_allowance", "_base", "_filled_at", "_limited_at", "served")

    def __init__(self) -> None:
        self.served = 0
        """Answers since the last rate limit."""
        self._base: float | None = None
        """The cap right after the last rate limit, in requests per second; None: there is none."""
        self._limited_at = 0.0
        self._allowance = 0.0
        """Requests that may begin now."""
        self._filled_at = 0.0

    def limit(self, now: float) -> None:
        """A rate limit was reached."""
        since = now - self._limited_at
        if since < ONE_CUT_S:
            return
        current = self.rate(now)
        if current is not None:
            self._base = max(LEAST, current * CUT)
        elif since <= LEARNING_S and self.served >= LEAST_SERVED:
            self._base = max(LEAST, self.served / since)
        self._limited_at = self._filled_at = now
        self.served = 0
        self._allowance = 0.0

    def rate(self, now: float) -> float | None:
        """The requests per second that are allowed; None: any number."""
        if self._base is None:
            return None
        age = now - self._limited_at
        if age > FORGET_S:
            self._base = None
            return None
        return self._base * math.exp(age / GROWTH_S * math.log(GROWTH))

    def begin(self) -> None:
        """A request begins."""
        if self._base is not None:
            self._allowance -= 1.0

    def allows(self, now: float) -> bool:
        """Whether one more request may begin."""
        rate = self.rate(now)
        if rate is None:
            return True
        most = max(1.0, rate * BURST_S)
        self._allowance = min(most, self._allowance + (now - self._filled_at) * rate)
        self._filled_at = now
        return self._allowance >= 1.0
