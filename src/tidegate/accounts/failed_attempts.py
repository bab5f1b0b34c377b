"""Failed authentication, counted for each client address: who guesses is slowed down."""

from collections import OrderedDict
from ipaddress import ip_address

from .gcra import Rate, Want, take

__all__ = ["FailedAttempts"]

ALLOWED = Rate(20, 60.0)
"""Failures that an address may have: 20 at once, then one every 3 seconds."""
MOST_ADDRESSES = 10_000
"""Addresses that are kept in mind; the ones that failed least recently are forgotten."""


class FailedAttempts:
    """What a worker knows of clients that sent wrong keys.

    The local machine is not slowed down: what comes from there is a proxy more often than somebody who
    guesses, and all of its clients would be.
    """

    __slots__ = ("_arrivals",)

    def __init__(self) -> None:
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """Seconds until an address may fail again; 0 if it may."""
        if not self._arrivals:
            return 0.0
        (standing,), _, _ = take([Want(address, ALLOWED, 1)], self._arrivals, now)
        return standing.retry_s

    def count(self, address: str, now: float) -> None:
        """An address has failed."""
        if not address or _is_local(address):
            return
        arrivals = self._arrivals
        arrivals.update(take([Want(address, ALLOWED, 1)], arrivals, now)[1])
        arrivals.move_to_end(address)
        while len(arrivals) > MOST_ADDRESSES:
            arrivals.popitem(last=False)

    def __len__(self) -> int:
        """How many addresses are kept in mind."""
        return len(self._arrivals)


def _is_local(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False  # a network of IPv6
