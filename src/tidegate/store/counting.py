"""Counters that several hosts share: what a worker asks of them, and what they answer.

A *rate* is a limit of units per period (see `accounts.gcra`), a *place* one of the requests that may be open
at the same time. While there is much room, a worker is granted a *lease* with what it asks for: more units or
places, which it gives out without asking again. A lease of units ends when they would have come back anyway,
so units that are leased are as exact as units that are taken one by one. Where room gets scarce, leases are
*recalled*.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from typing import Protocol as Interface

__all__ = ["SHARE", "Asked", "CounterServer", "Granted", "PlaceAsked", "RateAsked", "Recall", "Returned"]

SHARE = 16
"""A lease is this part of the room that is left, and is granted while at least half of the limit is."""


class RateAsked(NamedTuple):
    """Units of a rate."""

    name: str
    units: int
    limit: int
    period_s: float
    lease: bool
    """Whether the worker wants a lease as well."""
    back: int = 0
    """Units of an earlier lease that are given back with this."""
    ended: int = 0
    """The size of that lease."""


class PlaceAsked(NamedTuple):
    """A place for a request."""

    name: str
    most: int
    lease: bool


class Asked(NamedTuple):
    """All that a request needs, which is granted as a whole or not at all."""

    rates: Sequence[RateAsked]
    places: Sequence[PlaceAsked]


class Granted(NamedTuple):
    """The answer."""

    now: float
    """The time by the server's clock, in seconds since 1970."""
    allowed: bool
    full: int | None
    """The place in `places` that had no room. Then nothing is said of the rates."""
    leased_elsewhere: bool
    """Whether others have leases of what was refused; they have been recalled."""
    arrivals: Sequence[float]
    """The numbers of the rates before (see `accounts.gcra`)."""
    leases: Sequence[int]
    """The sizes of the leases of the rates."""
    places: Sequence[int]
    """Places that were granted, with that of the request itself."""


class Returned(NamedTuple):
    """Units that a worker gives back; it takes them where the number is negative."""

    name: str
    units: int
    limit: int
    period_s: float
    ended: int = 0
    """The size of the lease that has ended with this."""


class Recall(NamedTuple):
    """Called when leases are wanted back, with the name of the rate or place."""

    rate: Callable[[str], None]
    place: Callable[[str], None]


class CounterServer(Interface):
    """Counters that several hosts share. Nothing here blocks."""

    @property
    def failure(self) -> str | None:
        """Why the counters are not available at the moment; None while they are."""
        ...

    def on_recall(self, recall: Recall) -> None:
        """Call these when leases are wanted back."""
        ...

    async def take(self, asked: Asked) -> Granted:
        """Take what a request needs. Raises StoreUnavailable."""
        ...

    def give_back(self, units: Sequence[Returned]) -> None:
        """Give units back soon."""
        ...

    def leave(self, places: Sequence[tuple[str, int]]) -> None:
        """Give places back soon, by name; 0 says that there are none to spare."""
        ...

    async def beat(self) -> bool:
        """Say that this worker lives, which has to be repeated every few seconds. Returns False where it was
        taken for dead, and its places are given to others. Raises StoreUnavailable.
        """
        ...

    async def renew(self, places: Sequence[tuple[str, int]]) -> None:
        """Say how many places this worker has. Raises StoreUnavailable."""
        ...
