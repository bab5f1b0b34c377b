"""The users of tokens, as a worker knows them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tidegate.accounts import Users
from tidegate.store.errors import StoreUnavailable


class Source:
    """Users in memory, which counts what it is asked."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.counted = 0
        self.asked: list[str] = []
        self.failures: list[Exception] = []

    async def read(self, ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        self.asked.append("read")
        return [self.rows[one] for one in ids if one in self.rows]

    async def add(self, user: str) -> None:
        self.rows[user] = {
            "user": user, "team": None, "user_settings": {}, "disabled_at": None, "team_settings": None,
            "version": 0,
        }  # fmt: skip

    async def version(self) -> int:
        self.asked.append("version")
        if self.failures:
            raise self.failures.pop()
        return self.counted

    async def changed(self, version: int) -> Sequence[Mapping[str, Any]]:
        self.asked.append("changed")
        return [row for row in self.rows.values() if row["version"] > version]

    def disable(self, user: str) -> None:
        self.counted += 1
        self.rows[user] |= {"disabled_at": 1, "version": self.counted}


async def followed(users: Users, source: Source, looks: int = 2) -> None:
    """Wait until the users have looked at their source a few more times."""
    wanted = source.asked.count("version") + looks
    while source.asked.count("version") < wanted:
        await asyncio.sleep(0.02)


async def test_users_who_do_not_change_are_not_read_again() -> None:
    source = Source()
    users = Users(source)
    users.open()
    for number in range(1200):
        await users.load(f"u{number}")
    source.asked.clear()
    await followed(users, source, 3)
    assert set(source.asked) == {"version"}, "one number for all of them"
    source.disable("u7")
    while users.find("u7") is not None:
        await asyncio.sleep(0.02)
    assert source.asked.count("changed") == 1
    assert users.find("u8") is not None
    await users.close()


async def test_nothing_is_asked_before_anybody_has_called() -> None:
    source = Source()
    users = Users(source)
    users.open()
    await users._refresh()
    assert source.asked == []
    await users.load("alice")
    await followed(users, source)
    await users.close()


async def test_a_change_between_reading_a_user_and_the_next_look_is_noticed() -> None:
    source = Source()
    users = Users(source)
    await users.load("alice")
    source.disable("alice")
    await users.load("bob")
    await users._refresh()
    assert users.find("alice") is None
    assert users.find("bob") is not None


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), KeyError("a column"), OSError(5, "I/O error")])
async def test_no_failure_of_a_look_ends_the_looks(failure: Exception) -> None:
    """A revocation that comes after it is still noticed."""
    source = Source()
    users = Users(source)
    users.open()
    await users.load("alice")
    source.failures = [failure, failure]
    await followed(users, source, 3)
    source.disable("alice")
    while users.find("alice") is not None:
        await asyncio.sleep(0.02)
    await users.close()
