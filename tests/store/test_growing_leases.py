"""What a worker has left of a lease is not lost to a request that needs more: the lease grows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tidegate.accounts import wallets as module
from tidegate.accounts.wallets import Wallets
from tidegate.money.ledger import wallet_of
from tidegate.protocols.errors import InsufficientFunds
from tidegate.store.books import balance_of
from tidegate.store.checking import check_books
from tidegate.store.journal import Place
from tidegate.store.store import Store
from tidegate.store.wallets import add_credit

CENT = 10_000_000


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(url, Place(tmp_path))
    await opened.open()
    await opened.change(add_credit, "alice", 100 * CENT, 1, reference="a")
    yield opened
    await opened.close()


async def held(store: Store) -> int:
    assert await store.ask(lambda connection: list(check_books(connection))) == []
    return (await store.ask(balance_of, wallet_of("alice"))).held


async def test_one_request_after_another_may_hold_nearly_all_of_a_wallet(store: Store) -> None:
    wallets = Wallets(store, 0)
    for amount in (90, 95, 100, 1, 100):
        wallets.settle(await wallets.hold("alice", amount * CENT), 0)
    assert await held(store) == 100 * CENT
    with pytest.raises(InsufficientFunds, match=r"has 1\.00 USD available, and this request needs 1\.01"):
        await wallets.hold("alice", 101 * CENT)
    wallets.close()


async def test_what_open_requests_hold_is_not_held_twice(store: Store) -> None:
    wallets = Wallets(store, 0)
    first = await wallets.hold("alice", 60 * CENT)
    with pytest.raises(InsufficientFunds, match=r"has 0\.40 USD"):
        await wallets.hold("alice", 50 * CENT)
    second = await wallets.hold("alice", 40 * CENT)
    assert first.lease == second.lease
    wallets.settle(first, 10 * CENT)
    assert (await wallets.hold("alice", 50 * CENT)).amount == 50 * CENT
    with pytest.raises(InsufficientFunds):
        await wallets.hold("alice", 1)
    wallets.close()


async def test_requests_together_hold_no_more_than_the_wallet_has(store: Store) -> None:
    wallets = Wallets(store, 0)
    asked = [wallets.hold("alice", amount * CENT) for amount in (9, 20, 3, 31, 4, 25, 8, 17, 2)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    granted = sum(answer.amount for answer in answers if not isinstance(answer, BaseException))
    assert granted <= await held(store) <= 100 * CENT
    assert any(isinstance(answer, InsufficientFunds) for answer in answers)
    wallets.close()


async def test_a_lease_that_grows_is_not_given_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_S", -1.0)
    wallets = Wallets(store, 0)
    first = await wallets.hold("alice", 10 * CENT)
    wallets.settle(first, 0)
    growing = asyncio.ensure_future(wallets.hold("alice", 50 * CENT))
    while not wallets._current["alice"].open:
        await asyncio.sleep(0)
    while not growing.done():
        wallets._sweep()
        await asyncio.sleep(0.001)
    assert growing.result().lease == first.lease
    await store.flush()
    assert await held(store) == 50 * CENT
    wallets.close()
