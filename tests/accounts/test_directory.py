"""Keys of the store, as a worker follows them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tidegate.accounts.api_keys import digest_of
from tidegate.accounts.caller import Caller
from tidegate.accounts.directory import Directory
from tidegate.accounts.failed_attempts import FailedAttempts
from tidegate.exchange.identity import Keyring
from tidegate.protocols.errors import Forbidden, Unauthenticated
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


class Asked:
    """A request with a key, on a connection that remembers its head, or that does not."""

    def __init__(self, key: str, memory: dict[object, Any] | None) -> None:
        self.named = {b"authorization": f"Bearer {key}".encode()}
        self.memory = memory
        self.peer = "192.0.2.7"


def said(keyring: Keyring, request: Any) -> Caller | str | None:
    try:
        return keyring.identify(request)
    except (Unauthenticated, Forbidden) as error:
        return str(error)


CHANGES: list[dict[str, Any]] = [
    {"name": "renamed"},
    {"settings": {"limits": {"requests_per_minute": 5}}},
    {"settings": {"addresses": ["198.51.100.0/24"]}},
    {"settings": {"addresses": ["192.0.2.0/24"]}},
    {"settings": {}, "expires_at": 4_000_000_000_000},
    {"expires_at": 1},
    {"expires_at": None},
    {"user": "ann", "user_settings": {}},
    {"disabled_at": 1},
    {"disabled_at": None},
    {"revoked_at": 1},
]
"""What may become of a key, one after another."""


async def test_a_caller_who_is_remembered_with_a_head_is_the_one_who_would_be_found() -> None:
    """The first request after a change is answered by it, on every connection."""
    source, remembered = Source(), dict[object, Any]()
    directory = Directory(["a-key-of-the-file"], source)
    keyring = Keyring(directory, (), FailedAttempts())
    await directory.open()
    found: list[Caller | str | None] = []
    for change in ({}, *CHANGES):
        source.row.update(change)
        source.counted += 1
        await directory._refresh()
        for _ in range(2):
            again = said(keyring, Asked("tg-one", remembered))
            assert again == said(keyring, Asked("tg-one", None))
        found.append(again)
    assert len({str(one) for one in found}) >= 8, "the changes make a difference"
    assert found[-1] == "this API key is not valid for this gateway"
    assert said(keyring, Asked("tg-other", {})) == found[-1]
    await directory.close()


async def test_a_caller_is_looked_up_once_for_a_head() -> None:
    directory, remembered = Directory([], Source()), dict[object, Any]()
    keyring = Keyring(directory, (), FailedAttempts())
    await directory.open()
    first = said(keyring, Asked("tg-one", remembered))
    assert isinstance(first, Caller)
    assert said(keyring, Asked("nobody looks at this", remembered)) is first
    other = Keyring(Directory([], Source()), (), FailedAttempts())
    assert said(other, Asked("tg-one", remembered)) == "this API key is not valid for this gateway"
    await directory.close()


@pytest.mark.parametrize("key", ["a-key-of-the-file", "tg-one"])
async def test_a_key_that_may_not_be_used_always_is_looked_up_each_time(key: str) -> None:
    source, remembered = Source(), dict[object, Any]()
    source.row["expires_at"] = 4_000_000_000_000
    directory = Directory(["a-key-of-the-file"], source)
    keyring = Keyring(directory, (), FailedAttempts())
    await directory.open()
    assert isinstance(said(keyring, Asked(key, remembered)), Caller)
    assert remembered == {}
    await directory.close()
