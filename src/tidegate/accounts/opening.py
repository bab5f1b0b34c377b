"""The accounts of a configuration that has a store."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tidegate.config import Config
from tidegate.money import nano_of
from tidegate.store.journal import Place, milliseconds
from tidegate.store.keys import (
    add_user,
    changed_keys,
    changed_users,
    users_with_teams,
    version_of_keys,
    version_of_users,
)
from tidegate.store.store import Store

from .accountant import Accountant
from .counters import Counters

__all__ = ["StoredKeys", "StoredUsers", "low_balance_of", "make_accountant", "make_store", "minimum_of",
           "place_of_journals"]  # fmt: skip

FOLDER = "tidegate-journal"
"""The folder of the journals for a store that is not a file, in the working directory."""


class StoredKeys:
    """The keys in a store (see directory.KeySource)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def version(self) -> int:
        """See KeySource."""
        return await self._store.ask(version_of_keys)

    async def changed(self, version: int) -> Sequence[Mapping[str, Any]]:
        """See KeySource."""
        return await self._store.ask(changed_keys, version)


class StoredUsers:
    """The users in a store (see users.UserSource)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """See UserSource."""
        return await self._store.ask(users_with_teams, ids)

    async def add(self, user: str) -> None:
        """See UserSource."""
        await self._store.change(add_user, user, milliseconds())

    async def version(self) -> int:
        """See UserSource."""
        return await self._store.ask(version_of_users)

    async def changed(self, version: int) -> Sequence[Mapping[str, Any]]:
        """See UserSource."""
        return await self._store.ask(changed_users, version)


def make_store(config: Config) -> Store:
    """The store of a configuration, to be opened. Raises ValueError."""
    assert config.store.url is not None, "there is one"
    return Store(config.store.url.reveal(), place_of_journals(config), config.store.durability)


def make_accountant(store: Store, counters: Counters, config: Config) -> Accountant:
    """The accountant of a configuration."""
    return Accountant(store, counters, minimum_of(config))


def minimum_of(config: Config) -> int:
    """What a wallet must have for any request, in nano."""
    return nano_of(Decimal(str(config.billing.minimum_funds_usd)))


def low_balance_of(config: Config) -> int:
    """Below how much a wallet is reported if its user has no threshold, in nano; 0: never."""
    return nano_of(Decimal(str(config.billing.low_balance_usd)))


def place_of_journals(config: Config) -> Place:
    """Where the journals of this store are: as configured, else beside an SQLite file."""
    if config.store.journal:
        return Place(Path(config.store.journal))
    url = config.store.url.reveal() if config.store.url is not None else ""
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite":
        return Place(Path(path).parent, f"{Path(path).name}.")
    return Place(Path(FOLDER))
