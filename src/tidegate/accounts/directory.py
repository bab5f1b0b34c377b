"""The keys of a worker: those of the file, and those of the store, which it looks at twice a second.

All keys are held in memory by their digest, so that no request waits for the store. A key that was revoked or
changed anywhere is followed within a second; while the store is away, the keys that are known go on to work.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from time import time
from typing import Any, TypeVar
from typing import Protocol as Interface

import msgspec

from tidegate.periodic import Periodic
from tidegate.store.errors import StoreUnavailable

from .api_keys import digest_of, split_name
from .caller import ANONYMOUS, Caller, Subject, put_together
from .settings import UNLIMITED, KeySettings, Limits, TeamSettings, UserSettings

__all__ = ["Directory", "KeySource"]

log = logging.getLogger("tidegate")

MOST_ADDRESSES = 10_000
"""Addresses of clients without keys whose limits are kept in mind."""
EVERY_S = 0.4
"""Seconds between two looks at the store: a revoked key stops everywhere within a second."""


class KeySource(Interface):
    """Where keys are kept. Its methods raise StoreUnavailable."""

    async def version(self) -> int:
        """A number that grows with every change."""
        ...

    async def changed(self, version: int) -> Sequence[Mapping[str, Any]]:
        """The keys that have changed since a version, with the settings of their users and teams."""
        ...


class Directory:
    """Callers by their keys."""

    def __init__(
        self,
        keys: Iterable[str],
        source: KeySource | None = None,
        *,
        required: bool = True,
        billing: bool = False,
        limits: Limits = UNLIMITED,
    ) -> None:
        """`keys` are those of the file; `name:key` gives one a name. `required` is whether clients need one.
        `limits` are those of keys that set none.
        """
        self.required = required
        self._of_file = dict(_of_file(key, limits) for key in keys)
        self._limits = limits
        self._at = lru_cache(MOST_ADDRESSES)(self._make_anonymous)
        self._of_store: dict[bytes, Caller] = {}
        self._source = source
        self._billing = billing
        self._version = -1
        self.generation = object()
        """Another one after each change: whoever was found before it may not be the caller any more."""
        self._following = Periodic(
            "keys",
            EVERY_S,
            self._refresh,
            problem="the store cannot be read, and keys are used as they were known",
            expected=StoreUnavailable,
        )

    @property
    def has_keys(self) -> bool:
        """Whether any key is known."""
        return bool(self._of_file or self._of_store)

    def find(self, secret: str) -> Caller | None:
        """The caller with this key; None where it is unknown, revoked or expired."""
        return self.find_digest(digest_of(secret))

    def find_digest(self, digest: bytes) -> Caller | None:
        """The caller with the key of this digest; None where it is unknown, revoked or expired."""
        found = self._of_file.get(digest) or self._of_store.get(digest)
        if found is not None and found.expires_at is not None and found.expires_at <= time():
            return None
        return found

    def anonymous(self, address: str) -> Caller:
        """A caller without a key, where none is needed; limits apply to each address."""
        return ANONYMOUS if self._limits == UNLIMITED else self._at(address)

    async def open(self) -> None:
        """Read all keys, and begin to follow changes. Raises StoreUnavailable."""
        if self._source is not None:
            await self._refresh()
            self._following.start()

    async def close(self) -> None:
        """Stop following."""
        await self._following.close()

    def _make_anonymous(self, address: str) -> Caller:
        return Caller(subjects=(Subject(f"address:{address or 'local'}", self._limits),))

    async def _refresh(self) -> None:
        source = self._source
        assert source is not None, "without a store, nothing follows it"
        version = await source.version()
        if version == self._version:
            return
        changed = await source.changed(self._version)
        self.generation = object()
        for row in changed:
            digest = bytes.fromhex(row["digest"])
            caller = self._caller(row)
            if caller is None:
                self._of_store.pop(digest, None)
            else:
                self._of_store[digest] = caller
        self._version = version

    def _caller(self, row: Mapping[str, Any]) -> Caller | None:
        """The caller with a key; None where it does not work any more."""
        if row["revoked_at"] is not None and row["revoked_at"] <= time() * 1000:
            return None
        if row["disabled_at"] is not None:
            return None
        ends = [moment for moment in (row["expires_at"], row["revoked_at"]) if moment is not None]
        try:
            return put_together(
                key=row["id"],
                label=row["name"],
                settings=msgspec.convert(row["settings"], KeySettings),
                user=row["user"],
                user_settings=_settings(row["user_settings"], UserSettings),
                team=row["team"],
                team_settings=_settings(row["team_settings"], TeamSettings),
                expires_at=min(ends) / 1000 if ends else None,
                billing=self._billing,
                default=self._limits,
            )
        except (msgspec.ValidationError, ArithmeticError) as error:
            log.error("the settings of key %s cannot be read, and it does not work: %s", row["id"], error)
            return None


K = TypeVar("K")


def _settings(value: object, kind: type[K]) -> K | None:
    return None if value is None else msgspec.convert(value, kind)


def _of_file(key: str, limits: Limits) -> tuple[bytes, Caller]:
    """A key of the file. `name:key` names it; without a name, it is called by its fingerprint."""
    name, secret = split_name(key)
    digest = digest_of(secret)
    label = name or f"key-{digest.hex()[:8]}"
    subjects = (Subject(f"key:{label}", limits),) if limits != UNLIMITED else ()
    return digest, Caller(label=label, user=name or None, subjects=subjects)
