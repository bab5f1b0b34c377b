"""Keys of the store, as a worker follows them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tidegate.accounts.api_keys import digest_of
from tidegate.accounts.directory import Directory
from tidegate.store.errors import StoreUnavailable


class Source:
    """One key in memory."""

    def __init__(self) -> None:
        self.counted = 0
        self.failures: list[Exception] = []
        self.row: dict[str, Any] = {
            "digest": digest_of("tg-one").hex(), "id": "key_1", "name": "one", "settings": {}, "user": None,
            "user_settings": None, "team": None, "team_settings": None, "disabled_at": None,
            "expires_at": None, "revoked_at": None,
        }  # fmt: skip

    async def version(self) -> int:
        if self.failures:
            raise self.failures.pop()
        return self.counted

    async def changed(self, version: int) -> Sequence[Mapping[str, Any]]:
        return [self.row]


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), KeyError("a column"), OSError(5, "I/O error")])
async def test_a_revocation_is_followed_after_any_failure_of_the_store(failure: Exception) -> None:
    source = Source()
    directory = Directory([], source)
    await directory.open()
    assert directory.find("tg-one") is not None
    source.failures = [failure, failure]
    while source.failures:
        await asyncio.sleep(0.02)
        assert directory.find("tg-one") is not None, "the keys that are known go on to work"
    source.row["revoked_at"], source.counted = 1, 1
    while directory.find("tg-one") is not None:
        await asyncio.sleep(0.02)
    await directory.close()
