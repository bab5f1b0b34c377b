"""Keys, users and teams in the store. Every change counts the versions of the keys and users that it concerns
up, by which workers notice it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, func, or_, select, text, update

from tidegate.money.ledger import wallet_of

from .spending import carry_over
from .tables import accounts, keys, teams, users
from .upsert import insert_new

__all__ = [
    "add_key", "add_user", "change_key", "changed_keys", "changed_users", "find_key", "find_team",
    "find_user", "ids_of_keys", "keys_named", "list_keys", "list_teams", "list_users", "put_team", "put_user",
    "revoke_key", "revoke_with_predecessors", "rotate_key", "users_with_teams", "version_of_keys",
    "version_of_users",
]  # fmt: skip

Row = dict[str, Any]
"""A row by its columns."""

LOCK = 0x7469_6B79
"""PostgreSQL's advisory lock for changes of keys."""


def version_of_keys(connection: Connection) -> int:
    """A number that grows with every change of a key, a user or a team."""
    found = connection.execute(select(func.max(keys.c.version))).scalar()
    return found or 0


def version_of_users(connection: Connection) -> int:
    """A number that grows with every change of a user or a team; new users do not count."""
    return connection.execute(select(func.max(users.c.version))).scalar() or 0


def _next_version(connection: Connection, table: Table = keys) -> Any:
    """The next version. Changes happen one after another, so that none is overlooked."""
    if connection.dialect.name != "sqlite":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    return select(func.coalesce(func.max(table.c.version), 0) + 1).scalar_subquery()


def add_key(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a key."""
    connection.execute(keys.insert().values(**row, version=_next_version(connection)))


def find_key(connection: Connection, id_or_name: str) -> Row | None:
    """A key by its id, or by its name where only one that is not revoked has it."""
    found = keys_named(connection, id_or_name)
    return found[0] if len(found) == 1 else None


def ids_of_keys(connection: Connection, user: str) -> Sequence[str]:
    """The ids of a user's keys, also of those that are revoked."""
    query = select(keys.c.id).where(keys.c.user == user).order_by(keys.c.id)
    return list(connection.execute(query).scalars())


def keys_named(connection: Connection, id_or_name: str) -> Sequence[Row]:
    """The key with this id, or all of this name that are not revoked. A key that was rotated has left its
    name to the new one.
    """
    query = select(keys).where(keys.c.id == id_or_name)
    found = connection.execute(query).mappings().first()
    if found is not None:
        return [dict(found)]
    query = select(keys).where(keys.c.name == id_or_name, keys.c.revoked_at.is_(None)).order_by(keys.c.id)
    return _rows(connection, query)


def change_key(connection: Connection, key: str, values: Mapping[str, Any]) -> None:
    """Change a key."""
    connection.execute(
        update(keys).where(keys.c.id == key).values(**values, version=_next_version(connection))
    )


def revoke_key(connection: Connection, key: str, now: int) -> bool:
    """Revoke a key at once. Returns False where it is revoked already, or unknown."""
    works = or_(keys.c.revoked_at.is_(None), keys.c.revoked_at > now)
    revoked = update(keys).where(keys.c.id == key, works)
    result = connection.execute(revoked.values(revoked_at=now, version=_next_version(connection)))
    return bool(result.rowcount)


def revoke_with_predecessors(connection: Connection, row: Row, now: int) -> Sequence[str]:
    """Revoke a key, and the keys before it that work on for the overlap of a rotation. Returns the ids of
    those that still worked.
    """
    revoked: list[str] = []
    key = row
    while True:
        if revoke_key(connection, key["id"], now):
            revoked.append(key["id"])
        before = find_key(connection, key["replaces"]) if key["replaces"] is not None else None
        if before is None:
            return revoked
        key = before


def rotate_key(connection: Connection, old: Row, new: Mapping[str, Any], now: int, ends_at: int) -> None:
    """Add a key in place of another, which works until `ends_at`. `new` has what differs: id, digest and
    prefix, and maybe the expiry; what was spent with the old one counts for the budgets of the new one.
    """
    kept = {name: old[name] for name in ("name", "user", "settings", "expires_at")}
    add_key(connection, {**kept, **new, "created_at": now, "replaces": old["id"]})
    carry_over(connection, f"key:{old['id']}", f"key:{new['id']}")
    change_key(connection, old["id"], {"revoked_at": ends_at})


def list_keys(
    connection: Connection, *, user: str | None = None, after: str = "", limit: int = 1000
) -> Sequence[Row]:
    """Keys in the order of their ids, beginning behind `after`."""
    query = select(keys).where(keys.c.id > after).order_by(keys.c.id).limit(limit)
    if user is not None:
        query = query.where(keys.c.user == user)
    return _rows(connection, query)


def changed_keys(connection: Connection, version: int) -> Sequence[Row]:
    """The keys that have changed since a version, each with the settings of its user and team."""
    columns: list[Any] = [
        keys,
        users.c.team,
        users.c.settings.label("user_settings"),
        users.c.disabled_at,
        teams.c.settings.label("team_settings"),
    ]
    query = (
        select(*columns)
        .outerjoin(users, users.c.id == keys.c.user)
        .outerjoin(teams, teams.c.id == users.c.team)
        .where(keys.c.version > version)
    )
    return _rows(connection, query)


def add_user(connection: Connection, user: str, now: int) -> None:
    """Add a user, if there is none of this id."""
    insert_new(connection, users, ("id", "name", "settings", "created_at"), [(user, "", {}, now)])


def find_user(connection: Connection, user: str) -> Row | None:
    """A user."""
    found = connection.execute(select(users).where(users.c.id == user)).mappings().first()
    return dict(found) if found is not None else None


def users_with_teams(connection: Connection, ids: Sequence[str]) -> Sequence[Row]:
    """Users with the settings of their teams, in columns named as those of `changed_keys`."""
    return _rows(connection, _users().where(users.c.id.in_(ids)))


def changed_users(connection: Connection, version: int) -> Sequence[Row]:
    """The users who have changed since a version, as `users_with_teams` returns them."""
    return _rows(connection, _users().where(users.c.version > version))


def _users() -> Select[Any]:
    columns: list[Any] = [
        users.c.id.label("user"),
        users.c.team,
        users.c.settings.label("user_settings"),
        users.c.disabled_at,
        teams.c.settings.label("team_settings"),
    ]
    return select(*columns).outerjoin(teams, teams.c.id == users.c.team)


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def list_users(
    connection: Connection, *, team: str | None = None, after: str = "", limit: int = 1000
) -> Sequence[Row]:
    """Users in the order of their ids, beginning behind `after`."""
    query = select(users).where(users.c.id > after).order_by(users.c.id).limit(limit)
    if team is not None:
        query = query.where(users.c.team == team)
    return _rows(connection, query)


def find_team(connection: Connection, team: str) -> Row | None:
    """A team."""
    found = connection.execute(select(teams).where(teams.c.id == team)).mappings().first()
    return dict(found) if found is not None else None


def list_teams(connection: Connection, *, after: str = "", limit: int = 1000) -> Sequence[Row]:
    """Teams in the order of their ids, beginning behind `after`."""
    query = select(teams).where(teams.c.id > after).order_by(teams.c.id).limit(limit)
    return _rows(connection, query)


def put_user(connection: Connection, user: str, now: int, values: Mapping[str, Any]) -> None:
    """Add or change a user; their keys follow."""
    add_user(connection, user, now)
    if values:
        connection.execute(update(users).where(users.c.id == user).values(**values))
        # The threshold of the wallet may be another one.
        connection.execute(update(accounts).where(accounts.c.id == wallet_of(user)).values(touched=1))
    _touch(connection, users, users.c.id == user)
    _touch(connection, keys, keys.c.user == user)


def put_team(connection: Connection, team: str, now: int, values: Mapping[str, Any]) -> None:
    """Add or change a team; the keys of its users follow."""
    insert_new(connection, teams, ("id", "name", "settings", "created_at"), [(team, "", {}, now)])
    if values:
        connection.execute(update(teams).where(teams.c.id == team).values(**values))
    _touch(connection, users, users.c.team == team)
    _touch(connection, keys, keys.c.user.in_(select(users.c.id).where(users.c.team == team)))


def _touch(connection: Connection, table: Table, which: Any) -> None:
    """Give keys or users a new version, so that workers read them again."""
    connection.execute(update(table).where(which).values(version=_next_version(connection, table)))
