"""The users of tokens: what the store has set for each, held in memory while they call."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from typing import Protocol as Interface

import msgspec

from tidegate.periodic import Periodic
from tidegate.protocols.errors import Forbidden, Unavailable
from tidegate.store.errors import StoreUnavailable

from .caller import Caller, Subject, put_together
from .settings import UNLIMITED, KeySettings, Limits, TeamSettings, UserSettings

__all__ = ["UserSource", "Users"]

log = logging.getLogger("tidegate")

EVERY_S = 0.4
"""Seconds between two looks at the store: a user who is disabled is stopped everywhere within a second."""
ROUNDS = 150
"""Looks after which users who have not called since are forgotten: a minute."""
MOST = 10_000
"""Users held in memory."""


class UserSource(Interface):
    """Where users are kept. Its methods raise StoreUnavailable."""

    async def read(self, ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Those users that exist, with their settings and those of their teams."""
        ...

    async def add(self, user: str) -> None:
        """Add a user, if there is none of this id."""
        ...

    async def version(self) -> int:
        """A number that grows with every change."""
        ...

    async def changed(self, version: int) -> Sequence[Mapping[str, Any]]:
        """The users who have changed since a version, as `read` returns them."""
        ...


class Users:
    """Callers by the ids of their users."""

    def __init__(
        self, source: UserSource | None = None, *, billing: bool = False, limits: Limits = UNLIMITED
    ) -> None:
        """`limits` are those of users who have none of their own. Without a source, every user is served."""
        self._source = source
        self._billing = billing
        self._limits = limits
        self._known: dict[str, Caller | None] = {}
        """None for a user who is disabled."""
        self._version: int | None = None
        """The version that the known users are of, or newer; None: there are none yet."""
        self._recent: set[str] = set()
        """Users who have called since users were last forgotten."""
        self._rounds = 0
        self._following = Periodic(
            "users",
            EVERY_S,
            self._look,
            problem="the users in the store cannot be read, and are served as they were known",
            expected=StoreUnavailable,
            expected_level=logging.DEBUG,  # the directory of keys warns of it
        )

    def find(self, user: str) -> Caller | None:
        """The caller of a user; None if the user has to be loaded, or is disabled."""
        self._recent.add(user)
        return self._known.get(user)

    async def load(self, user: str) -> Caller:
        """The caller of a user, who is added to the store on the first call. Raises Forbidden for a disabled
        user, and Unavailable if the store has to be asked and cannot be.
        """
        self._recent.add(user)
        if user not in self._known:
            caller = await self._read(self._source, user) if self._source is not None else self._make(user)
            if len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
            self._known[user] = caller
        caller = self._known[user]
        if caller is None:
            raise Forbidden("this user is disabled")
        return caller

    def open(self) -> None:
        """Begin to follow changes."""
        if self._source is not None:
            self._following.start()

    async def close(self) -> None:
        """Stop following."""
        await self._following.close()

    def _make(self, user: str) -> Caller:
        limited = self._limits != UNLIMITED
        return Caller(
            label=user, user=user, subjects=(Subject(f"user:{user}", self._limits),) if limited else ()
        )

    async def _read(self, source: UserSource, user: str) -> Caller | None:
        try:
            if self._version is None:
                self._version = await source.version()
            rows = await source.read([user])
            if not rows:
                await source.add(user)
                rows = await source.read([user])
        except StoreUnavailable as error:
            raise Unavailable("the users are not available at the moment", retry_after=5) from error
        return self._caller(rows[0])

    async def _look(self) -> None:
        self._rounds += 1
        if self._rounds % ROUNDS == 0:
            self._known = {user: one for user, one in self._known.items() if user in self._recent}
            self._recent = set()
        await self._refresh()

    async def _refresh(self) -> None:
        """Read who has changed. Nobody is known before there is a version, so it costs nothing until then."""
        source = self._source
        if source is None or self._version is None:
            return
        version = await source.version()
        if version == self._version:
            return
        for row in await source.changed(self._version):
            if row["user"] in self._known:
                self._known[row["user"]] = self._caller(row)
        self._version = version

    def _caller(self, row: Mapping[str, Any]) -> Caller | None:
        if row["disabled_at"] is not None:
            return None
        try:
            return put_together(
                key=None,
                label=row["user"],
                settings=KeySettings(),
                user=row["user"],
                user_settings=msgspec.convert(row["user_settings"], UserSettings),
                team=row["team"],
                team_settings=msgspec.convert(row["team_settings"], TeamSettings | None),
                expires_at=None,
                billing=self._billing,
                default=self._limits,
            )
        except (msgspec.ValidationError, ArithmeticError) as error:
            log.error("the settings of user %s cannot be read, who is not served: %s", row["user"], error)
            return None
