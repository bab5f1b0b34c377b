"""Counts of events within the last seconds."""

__all__ = ["WindowCount"]


class WindowCount:
    """Counts of several kinds of events within a sliding window. Kinds are numbered from 0."""

    __slots__ = ("_current", "_ends_at", "_now", "_slice_s", "_slices", "totals")

    def __init__(self, window_s: float, things: int = 1, slices: int = 6) -> None:
        self._slice_s = window_s / slices
        self._slices = [[0] * things for _ in range(slices)]
        self._now = 0
        """The number of the newest slice."""
        self._current = self._slices[0]
        self._ends_at = self._slice_s
        self.totals = [0] * things
        """The counts, as of the last call of `add` or `at`."""

    def add(self, thing: int, now: float, count: int = 1) -> None:
        """Count an event."""
        if now >= self._ends_at:
            self._move(now)
        self._current[thing] += count
        self.totals[thing] += count

    def at(self, now: float) -> list[int]:
        """The counts within the window that ends now."""
        if now >= self._ends_at:
            self._move(now)
        return self.totals

    def clear(self) -> None:
        """Forget all counts."""
        for one in (*self._slices, self.totals):
            one[:] = [0] * len(one)

    def _move(self, now: float) -> None:
        """Drop the slices that are too old."""
        number = max(self._now, int(now / self._slice_s))
        slices, totals = self._slices, self.totals
        for gone in range(self._now + 1, min(number, self._now + len(slices)) + 1):
            old = slices[gone % len(slices)]
            for thing, count in enumerate(old):
                totals[thing] -= count
                old[thing] = 0
        self._now = number
        self._current = slices[number % len(slices)]
        self._ends_at = (number + 1) * self._slice_s
