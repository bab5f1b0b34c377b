"""A lease that nobody uses is given back by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tidegate.accounts import wallets as module
from tidegate.accounts.wallets import Wallets
from tidegate.money.ledger import wallet_of
from tidegate.store.books import Balance, balance_of
from tidegate.store.journal import Place
from tidegate.store.store import Store
from tidegate.store.wallets import add_credit

USD = 1_000_000_000


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(url, Place(tmp_path))
    await opened.open()
    await opened.change(add_credit, "alice", 100 * USD, 1, reference="a")
    yield opened
    await opened.close()


async def balance(store: Store) -> Balance:
    await store.flush()
    return await store.ask(balance_of, wallet_of("alice"))


async def test_the_timer_gives_back_a_lease_once_it_is_idle(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.0)
    monkeypatch.setattr(module, "SWEEP_S", 0.01)
    wallets = Wallets(store, 0)
    hold = await wallets.hold("alice", USD // 2)
    for _ in range(5):
        await asyncio.sleep(0.02)
        assert (await balance(store)).held == USD, "a request is open: the lease is used"
    wallets.settle(hold, 0)
    while (await balance(store)).held:
        await asyncio.sleep(0.01)
    again = await wallets.hold("alice", USD // 2)
    assert (await balance(store)).held == USD, "the next request takes a new one"
    wallets.settle(again, 0)
    wallets.close()


async def test_a_lease_that_is_used_now_and_then_stays(store: Store) -> None:
    wallets = Wallets(store, 0)
    hold = await wallets.hold("alice", 1)
    wallets.settle(hold, 0)
    wallets._sweep()
    assert (await balance(store)).held == USD
    assert (await wallets.hold("alice", 1)).lease == hold.lease
    wallets.close()
