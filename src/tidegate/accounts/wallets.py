"""Holds of this worker: money that requests may spend, taken from leases of their users' wallets.

While a wallet is rich, its worker has a lease with room for many requests, and no request waits for the
store. While it is poor, the lease grows by just what each request needs. Either way no more is held than the
wallet has: what is spent beyond that is what requests cost beyond their holds (see `money.ledger.charges`).
"""

import asyncio
import contextlib
from time import monotonic

from msgspec import Struct

from tidegate.money import show_usd
from tidegate.money.ledger import wallet_of
from tidegate.protocols.errors import InsufficientFunds, Unavailable
from tidegate.store.books import balance_of
from tidegate.store.errors import JournalFailed, StoreUnavailable
from tidegate.store.journal import Released, milliseconds
from tidegate.store.leases import Grown, Lease, take_lease
from tidegate.store.store import Store

__all__ = ["Hold", "Wallets"]

LARGEST_LEASE = 1_000_000_000
"""The most that a worker leases at once, in nano: 1 USD."""
IDLE_S = 30.0
"""Seconds after which a lease that nobody uses is given back."""
SWEEP_S = 5.0
"""Seconds between two looks for such leases."""


class _Lease:
    """A lease, and what is left of it."""

    __slots__ = ("id", "left", "open", "used_at")

    def __init__(self, id: str, left: int) -> None:  # noqa: A002
        self.id = id
        self.left = left
        self.open = 0
        """Holds on it that are not settled."""
        self.used_at = monotonic()


class Hold(Struct):
    """What is held for one request."""

    user: str
    amount: int
    """In nano."""
    lease: str
    """The id of the lease that it is a part of."""
    part_of: _Lease


def _hold(user: str, lease: _Lease, amount: int) -> Hold:
    lease.left -= amount
    lease.open += 1
    lease.used_at = monotonic()
    return Hold(user, amount, lease.id, lease)


class Wallets:
    """The holds of a worker."""

    def __init__(self, store: Store, minimum: int) -> None:
        self._store = store
        self.minimum = minimum
        """What a wallet must have for any request, in nano."""
        self._timer: asyncio.TimerHandle | None = None
        self._current: dict[str, _Lease] = {}
        """By user: the lease that new holds are taken from."""
        self._taking: dict[str, asyncio.Lock] = {}

    def hold_now(self, user: str, amount: int) -> Hold | None:
        """Hold money for a request, if this worker has it; None if `hold` has to ask the store."""
        lease = self._current.get(user)
        return _hold(user, lease, amount) if lease is not None and lease.left >= amount else None

    async def hold(self, user: str, amount: int) -> Hold:
        """Hold money for a request. Raises InsufficientFunds, and Unavailable where the store has to be asked
        and cannot be.
        """
        hold = self.hold_now(user, amount)
        if hold is not None:
            return hold
        taking = asyncio.ensure_future(self._take(user, amount))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(self._return)  # the client has left: its lease is there all the same
            raise

    async def check(self, user: str, amount: int) -> None:
        """Check that money could be held for a request. Raises InsufficientFunds, and Unavailable."""
        lease = self._current.get(user)
        if lease is not None and lease.left >= amount:
            return
        try:
            await self._store.flush()
            available = (await self._store.ask(balance_of, wallet_of(user))).available
        except StoreUnavailable as error:
            raise Unavailable("the wallets are not available at the moment", retry_after=5) from error
        if lease is not None:
            available += lease.left
        if available < max(amount, self.minimum):
            raise self._refusal(amount, available)

    def settle(self, hold: Hold, cost: int) -> None:
        """A request has ended: what it did not spend of its hold can be held again."""
        lease = hold.part_of
        if cost < hold.amount:
            lease.left += hold.amount - cost
        lease.open -= 1

    def close(self) -> None:
        """Stop giving back leases: the store gives all of them back when it is closed."""
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        """Give back the leases that nobody uses."""
        now = monotonic()
        for user, lease in list(self._current.items()):
            if not lease.open and now - lease.used_at > IDLE_S:
                del self._current[user]
                self._taking.pop(user, None)
                self._release(lease)
        self._timer = None
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None and self._current:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _release(self, lease: _Lease) -> None:
        with contextlib.suppress(JournalFailed):  # then the next start gives it back
            self._store.append(Released(lease.id))

    def _give_up(self, user: str, granted: Lease) -> None:
        """Give back what was leased when nobody waited for it any longer."""
        lease = self._current.get(user)
        if lease is not None and lease.id == granted.id:  # it has grown, and serves the next request
            lease.left += granted.amount
        elif granted.amount:
            self._release(_Lease(granted.id, granted.amount))

    def _return(self, taken: "asyncio.Future[Hold]") -> None:
        """Give back a hold whose request has ended before it was there."""
        if not taken.cancelled() and taken.exception() is None:
            self.settle(taken.result(), 0)

    async def _take(self, user: str, amount: int) -> Hold:
        """A hold on a lease that is new or has grown. Requests of one user ask one after another."""
        async with self._taking.setdefault(user, asyncio.Lock()):
            lease = self._current.get(user)
            if lease is None:
                granted = await self._lease(user, amount, amount, None)
                lease = self._current[user] = _Lease(granted.id, granted.amount)
                self._schedule()
            while lease.left < amount:  # others may use it meanwhile
                lease.open += 1  # so nobody gives it back
                try:
                    grown = Grown(lease.id, lease.left)
                    granted = await self._lease(user, amount, amount - lease.left, grown)
                    lease.left += granted.amount
                finally:
                    lease.open -= 1
            return _hold(user, lease, amount)

    async def _lease(self, user: str, amount: int, needed: int, grown: Grown | None) -> Lease:
        """Lease what a request for `amount` still needs. Raises InsufficientFunds, and Unavailable."""
        store = self._store
        try:
            granted = await store.obtain(
                lambda late: self._give_up(user, late),
                take_lease, user, needed, LARGEST_LEASE, self.minimum, store.id, milliseconds(), grown,
            )  # fmt: skip
        except StoreUnavailable as error:
            raise Unavailable("the wallets are not available at the moment", retry_after=5) from error
        if not granted.amount:
            raise self._refusal(amount, granted.available + (grown.left if grown is not None else 0))
        return granted

    def _refusal(self, amount: int, available: int) -> InsufficientFunds:
        needed = show_usd(max(amount, self.minimum))
        return InsufficientFunds(
            f"the wallet has {show_usd(available)} USD available, and this request needs {needed} USD"
        )
