"""Figures over time, read from the store."""

from collections.abc import Sequence

from sqlalchemy import Connection

from tidegate.figures import Query, Row
from tidegate.protocols.errors import Unavailable

from .errors import StoreUnavailable
from .rollups import read_rollups
from .store import Store

__all__ = ["StoredHistory"]


class StoredHistory:
    """See figures.History."""

    source = "store"
    since: int | None = None

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, queries: Sequence[Query]) -> Sequence[Sequence[Row]]:
        """See History: with everything that this worker has written."""
        try:
            await self._store.flush(figures=True)
            return await self._store.ask(_read_all, queries)
        except StoreUnavailable as error:
            raise Unavailable("the store is not available at the moment", retry_after=5) from error


def _read_all(connection: Connection, queries: Sequence[Query]) -> list[list[Row]]:
    return [read_rollups(connection, query) for query in queries]
