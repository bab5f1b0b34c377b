"""Keys of providers, encrypted: one for each provider that has any here."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, select, update

from .tables import provider_keys
from .upsert import replace

__all__ = ["disable_provider_key", "list_provider_keys", "put_provider_key", "remove_provider_key"]

COLUMNS = ("provider", "encrypted", "fingerprint", "last_four", "set_at", "set_by", "disabled_at")


def list_provider_keys(connection: Connection) -> dict[str, Mapping[str, Any]]:
    """All keys, by the name of their provider."""
    query = select(provider_keys).order_by(provider_keys.c.provider)
    return {row["provider"]: dict(row) for row in connection.execute(query).mappings()}


def put_provider_key(connection: Connection, row: Mapping[str, Any]) -> None:
    """Set the key of a provider, in place of the one before."""
    values = tuple(row[name] for name in COLUMNS)
    replace(connection, provider_keys, COLUMNS, [values], COLUMNS[1:])


def disable_provider_key(connection: Connection, provider: str, at: int | None) -> Mapping[str, Any] | None:
    """Disable the key of a provider from a moment on, in milliseconds since 1970, or enable it with None. One
    that is disabled stays so since when it was. Returns its row; None where there is none.
    """
    mine = provider_keys.c.provider == provider
    changed = update(provider_keys).where(mine).values(disabled_at=at)
    connection.execute(changed if at is None else changed.where(provider_keys.c.disabled_at.is_(None)))
    row = connection.execute(select(provider_keys).where(mine)).mappings().first()
    return dict(row) if row is not None else None


def remove_provider_key(connection: Connection, provider: str) -> bool:
    """Remove the key of a provider. Returns False where there is none."""
    gone = connection.execute(delete(provider_keys).where(provider_keys.c.provider == provider))
    return bool(gone.rowcount)
