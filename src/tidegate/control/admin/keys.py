"""`/admin/keys`: API keys of clients."""

from typing import Annotated, Any

import msgspec
from fastapi import Query, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from tidegate.accounts.api_keys import NewKey, new_key
from tidegate.accounts.checks import Ambiguous, State, check_rotation, only_key, state_of
from tidegate.accounts.settings import KeySettings
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.database import Connection
from tidegate.store.journal import milliseconds
from tidegate.store.keys import (
    add_key,
    add_user,
    change_key,
    keys_named,
    list_keys,
    revoke_key,
    revoke_with_predecessors,
    rotate_key,
)
from tidegate.store.store import Store

from .answers import KeyView, KeyWithSecret, Page, respond
from .reading import After, Limit, Name, Time, check_name, check_settings, read
from .routes import Routes

__all__ = ["add_keys"]

DAY_S = 86_400


class NewKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to make."""

    name: Name
    """As records show it."""
    user: Name | None = None
    """Whom it belongs to; the user is created if new."""
    settings: KeySettings = KeySettings()
    expires_at: Time | None = None


class KeyChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes for a key; what is left out stays."""

    name: Name | UnsetType = UNSET
    settings: KeySettings | UnsetType = UNSET
    """Replaces all settings."""
    expires_at: Time | UnsetType | None = UNSET


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to rotate a key."""

    overlap_s: Annotated[int, Meta(ge=0, le=365 * DAY_S)] = 3600
    """How long the old key works on."""
    expires_at: Time | UnsetType | None = UNSET
    """When the new key expires, null for never; left out: when the old one does, unless it has expired."""


def add_keys(routes: Routes, store: Store) -> None:
    """Add the paths."""
    _add_making(routes, store)
    _add_looking(routes, store)
    _add_changing(routes, store)


def _add_making(routes: Routes, store: Store) -> None:
    @routes.add("POST", "/keys", KeyWithSecret, body=NewKeyBody, status=201)
    async def create_key(request: Request) -> Response:
        """Make a key. It is in the answer, and is shown only now."""
        body = await read(request, NewKeyBody)
        check_name(body.name, "name")
        check_settings(body.settings)
        if body.user is not None:
            check_name(body.user, "user")
        now, made = milliseconds(), new_key()
        _check_expiry(body.expires_at, now)
        row = {
            "id": made.id, "digest": made.digest, "prefix": made.prefix, "name": body.name,
            "user": body.user, "settings": msgspec.to_builtins(body.settings), "created_at": now,
            "expires_at": body.expires_at,
        }  # fmt: skip
        await store.change(_create, row, now)
        return respond(_with_secret(row, made, now), 201)


def _add_looking(routes: Routes, store: Store) -> None:
    @routes.add("GET", "/keys", Page[KeyView])
    async def list_all_keys(
        limit: Limit = 100,
        after: After = "",
        user: Annotated[str | None, Query(description="Only keys of this user.")] = None,
        state: Annotated[State | None, Query(description="Only keys in this state.")] = None,
    ) -> Response:
        """List keys in the order of their ids. With `state`, a page may have fewer than `limit`."""
        rows = await store.ask(list_keys, user=user, after=after, limit=limit)
        now = milliseconds()
        views = [_view(row, now) for row in rows]
        following = rows[-1]["id"] if len(rows) == limit else None
        return respond(Page([one for one in views if state in (None, one.state)], following))

    @routes.add("GET", "/keys/{key}", KeyView)
    async def show_key(key: str) -> Response:
        """Show a key, by its id or its name."""
        return respond(_view(await store.ask(_find, key), milliseconds()))


def _add_changing(routes: Routes, store: Store) -> None:
    @routes.add("PATCH", "/keys/{key}", KeyView, body=KeyChange)
    async def update_key(request: Request, key: str) -> Response:
        """Change a key. Gateways follow within a second."""
        body = await read(request, KeyChange)
        now = milliseconds()
        if body.name is not UNSET:
            check_name(body.name, "name")
        if body.expires_at is not UNSET:
            _check_expiry(body.expires_at, now)
        check_settings(body.settings)
        return respond(_view(await store.change(_change, key, msgspec.to_builtins(body)), now))

    @routes.add("POST", "/keys/{key}/rotate", KeyWithSecret, body=Rotation, status=201)
    async def rotate(request: Request, key: str) -> Response:
        """Replace a key by a new one with the same name, user and settings, which is shown only now."""
        body = await read(request, Rotation)
        now, made = milliseconds(), new_key()
        if body.expires_at is not UNSET:
            _check_expiry(body.expires_at, now)
        row = await store.change(_rotate, key, made, body, now)
        return respond(_with_secret(row, made, now), 201)

    @routes.add("DELETE", "/keys/{key}", KeyView)
    async def revoke(key: str) -> Response:
        """Revoke a key: within a second, no worker accepts it any more. The key stays in the list. By its
        name, keys that work on after a rotation to it are revoked, too; by its id, only this one.
        """
        now = milliseconds()
        return respond(_view(await store.change(_revoke, key, now), now))


def _create(connection: Connection, row: dict[str, Any], now: int) -> None:
    if row["user"] is not None:
        add_user(connection, row["user"], now)
    add_key(connection, row)


def _change(connection: Connection, key: str, values: dict[str, Any]) -> dict[str, Any]:
    row = _find(connection, key)
    if values:
        change_key(connection, row["id"], values)
    return {**row, **values}


def _rotate(connection: Connection, key: str, made: NewKey, body: Rotation, now: int) -> dict[str, Any]:
    old = _find(connection, key)
    remedy = "set expires_at (null: never)" if body.expires_at is UNSET else None
    try:
        check_rotation(old, now, remedy)
    except ValueError as error:
        raise InvalidRequest(str(error), status=409, code="key_not_active") from None
    new: dict[str, Any] = {"id": made.id, "digest": made.digest, "prefix": made.prefix}
    if body.expires_at is not UNSET:
        new["expires_at"] = body.expires_at
    rotate_key(connection, old, new, now, now + body.overlap_s * 1000)
    return _find(connection, made.id)


def _revoke(connection: Connection, key: str, now: int) -> dict[str, Any]:
    row = _find(connection, key)
    if key == row["id"]:
        revoke_key(connection, key, now)
    else:
        revoke_with_predecessors(connection, row, now)
    return _find(connection, row["id"])


def _find(connection: Connection, key: str) -> dict[str, Any]:
    try:
        return only_key(keys_named(connection, key), key)
    except LookupError as error:
        raise InvalidRequest(str(error.args[0]), status=404, code="not_found") from None
    except Ambiguous as error:
        raise InvalidRequest(str(error), status=409, code="ambiguous") from None


def _check_expiry(expires_at: int | None, now: int) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("expires_at is in the past", param="expires_at")


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    shown = ("id", "name", "prefix", "user", "created_at", "expires_at", "revoked_at", "replaces")
    settings = msgspec.convert(row["settings"], KeySettings)
    return {**{name: row.get(name) for name in shown}, "settings": settings}


def _view(row: dict[str, Any], now: int) -> KeyView:
    return KeyView(**_fields(row), state=state_of(row, now))


def _with_secret(row: dict[str, Any], made: NewKey, now: int) -> KeyWithSecret:
    complete = {"revoked_at": None, **row}
    return KeyWithSecret(**_fields(complete), state=state_of(complete, now), secret=made.secret)
