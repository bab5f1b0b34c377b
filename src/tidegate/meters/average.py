"""Moving averages with exponential decay over time, in which no single value dominates."""

__all__ = ["HALF_LIFE_S", "MOST", "Average"]

HALF_LIFE_S = 60.0
"""Default half-life in seconds: after this time, a new level has replaced half of the old one."""
MOST = 0.1
"""The maximum weight of one value, however rare values are."""


class Average:
    """An average with a half-life. The weight of each value depends on the time since the previous one and is
    at most `most`. Until there are enough values, it is their plain mean.
    """

    __slots__ = ("_half_life_s", "_most", "at", "samples", "value")

    def __init__(self, half_life_s: float = HALF_LIFE_S, most: float = MOST) -> None:
        self._half_life_s = half_life_s
        self._most = most
        self.value = 0.0
        """The average; meaningless while `samples` is 0."""
        self.samples = 0
        """The number of values."""
        self.at = 0.0
        """The time of the last value."""

    def add(self, value: float, now: float, count: int = 1) -> None:
        """Add a value, or `count` values with this mean since the last call."""
        # What other workers report, and reports made in parts, may come with an earlier time.
        share = 1.0 - 2.0 ** ((self.at - now) / self._half_life_s) if now > self.at else 0.0
        most = self._most if count == 1 else 1.0 - (1.0 - self._most) ** count
        if share > most:
            share = most
        self.samples += count
        least = count / self.samples
        if share < least:
            share = least
        self.value += (value - self.value) * share
        self.at = max(self.at, now)

    def restart(self, value: float, now: float, samples: int) -> None:
        """Continue from another level, as if it were the mean of `samples` values."""
        self.value, self.at, self.samples = value, now, samples

    def clear(self) -> None:
        """Forget all values."""
        self.value, self.at, self.samples = 0.0, 0.0, 0
