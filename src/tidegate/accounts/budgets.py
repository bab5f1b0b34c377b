"""Budgets: what keys, users and teams may spend in a day or a month.

What was spent is in the store; a worker reads it when it first needs it, adds what its own requests cost, and
reads it again every second. What other workers spend is in the store half a second later. So several workers
together may go beyond a budget by what they spend within one and a half seconds.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from time import time

from tidegate.money import show_usd
from tidegate.protocols.errors import InsufficientFunds
from tidegate.store.errors import StoreUnavailable
from tidegate.store.spending import spent_in
from tidegate.store.store import Store

from .caller import Subject
from .settings import Budget

__all__ = ["Budgets", "Spent"]

FRESH_S = 1.0
"""Seconds after which the store is asked again."""
MOST_KEPT = 10_000


class Spent:
    """What a subject has spent in a period."""

    __slots__ = ("amount", "held", "read_at", "reading", "recent")

    def __init__(self) -> None:
        self.amount = 0
        """By the store, in nano."""
        self.recent = 0
        """By requests of this worker that have ended since."""
        self.held = 0
        """By the open requests of this worker."""
        self.read_at = 0.0
        self.reading = asyncio.Lock()


class Budgets:
    """The budgets of a worker's callers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spent: dict[tuple[str, str], Spent] = {}

    async def hold(self, subjects: Iterable[Subject], amount: int) -> list[Spent]:
        """Check that a request fits all budgets, and count it as spent until it ends. Raises
        InsufficientFunds naming the budget.
        """
        held = await self.check(subjects, amount)
        for spent in held:
            spent.held += amount
        return held

    async def check(self, subjects: Iterable[Subject], amount: int) -> list[Spent]:
        """Check that a request fits all budgets, and return what is spent of each. Raises InsufficientFunds
        naming the budget.
        """
        now = time()
        found = [
            (subject.name, budget, await self._read(subject.name, period_of(budget, now), now))
            for subject in subjects
            for budget in subject.budgets
        ]
        for name, budget, spent in found:  # from here on nothing is awaited
            used, limit = spent.amount + spent.recent + spent.held, _limit(budget, now)
            if used + amount > limit:
                raise _refusal(name, budget, limit, used, now)
        return [spent for _, _, spent in found]

    async def standings(self, subjects: Iterable[Subject]) -> list[tuple[str, Budget, int, int]]:
        """The budgets, each with whose it is, what may be spent now and what is spent and held, in nano."""
        now = time()
        found = []
        for subject in subjects:
            for budget in subject.budgets:
                spent = await self._read(subject.name, period_of(budget, now), now)
                used = spent.amount + spent.recent + spent.held
                found.append((subject.name, budget, _limit(budget, now), used))
        return found

    def settle(self, held: Iterable[Spent], amount: int, cost: int) -> None:
        """A request has ended."""
        for spent in held:
            spent.held -= amount
            spent.recent += cost

    async def _read(self, subject: str, period: str, now: float) -> Spent:
        spent = self._spent.get((subject, period))
        if spent is None:
            if len(self._spent) >= MOST_KEPT:
                self._spent.clear()
            spent = self._spent[subject, period] = Spent()
        if now - spent.read_at > FRESH_S:
            async with spent.reading:
                if now - spent.read_at > FRESH_S:
                    await self._refresh(spent, subject, period)
        return spent

    async def _refresh(self, spent: Spent, subject: str, period: str) -> None:
        recent = spent.recent
        try:
            await self._store.flush()
            amount = await self._store.ask(spent_in, subject, period)
        except StoreUnavailable:
            return  # what is known, and what this worker spends itself
        spent.amount = amount
        spent.recent -= recent
        spent.read_at = time()


def _limit(budget: Budget, now: float) -> int:
    """What may be spent now, in nano."""
    overridden = budget.extra_until is not None and budget.extra_until / 1000 > now
    return budget.amount + (budget.extra if overridden else 0)


def period_of(budget: Budget, now: float) -> str:
    """The name of the period in the store: a day, or a month."""
    day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    return day if budget.period == "day" else day[:7]


def _refusal(subject: str, budget: Budget, limit: int, used: int, now: float) -> InsufficientFunds:
    kind, _, name = subject.partition(":")
    every = "daily" if budget.period == "day" else "monthly"
    return InsufficientFunds(
        f"the {every} budget of {kind} {name} is exhausted: {show_usd(used)} of {show_usd(limit)} USD; "
        f"it resets on {_next_period(budget, now):%Y-%m-%d} at 00:00 UTC",
        code="budget_exceeded",
    )


def _next_period(budget: Budget, now: float) -> datetime:
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if budget.period == "day":
        return today + timedelta(days=1)
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
