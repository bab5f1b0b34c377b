"""`/admin/users` and `/admin/teams`: what applies to all keys of a user, and to all users of a team."""

from typing import Annotated, Any

import msgspec
from fastapi import Query, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from tidegate.accounts.settings import TeamSettings, UserSettings
from tidegate.protocols.errors import InvalidRequest
from tidegate.store.database import Connection
from tidegate.store.journal import milliseconds
from tidegate.store.keys import find_team, find_user, list_teams, list_users, put_team, put_user
from tidegate.store.store import Store

from .answers import Page, TeamView, UserView, respond
from .reading import After, Limit, Name, check_name, check_settings, read
from .routes import Routes

__all__ = ["add_members"]

Label = Annotated[str, Meta(max_length=255)]


class UserBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is set for a user; what is left out stays."""

    name: Label | UnsetType = UNSET
    """For people."""
    team: Name | UnsetType | None = UNSET
    """The team is created if new."""
    settings: UserSettings | UnsetType = UNSET
    """Replaces all settings."""
    disabled: bool | UnsetType = UNSET
    """Whether the user's keys are refused."""


class TeamBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is set for a team; what is left out stays."""

    name: Label | UnsetType = UNSET
    settings: TeamSettings | UnsetType = UNSET
    """Replaces all settings."""


def add_members(routes: Routes, store: Store) -> None:
    """Add the paths."""
    _add_users(routes, store)
    _add_teams(routes, store)


def _add_users(routes: Routes, store: Store) -> None:
    @routes.add("GET", "/users", Page[UserView])
    async def list_all_users(
        limit: Limit = 100,
        after: After = "",
        team: Annotated[str | None, Query(description="Only users of this team.")] = None,
    ) -> Response:
        """List users in the order of their ids."""
        rows = await store.ask(list_users, team=team, after=after, limit=limit)
        return respond(Page([_user(row) for row in rows], _next(rows, limit)))

    @routes.add("GET", "/users/{user:path}", UserView)
    async def show_user(user: str) -> Response:
        """Show what is set for a user."""
        row = await store.ask(find_user, user)
        if row is None:
            raise InvalidRequest(f"there is no user {user}", status=404, code="not_found")
        return respond(_user(row))

    @routes.add("PUT", "/users/{user:path}", UserView, body=UserBody)
    async def set_user(request: Request, user: str) -> Response:
        """Create or change a user. Gateways follow within a second."""
        body = await read(request, UserBody)
        check_settings(body.settings)
        if body.team is not UNSET and body.team is not None:
            check_name(body.team, "team")
        return respond(_user(await store.change(_put_user, check_name(user, "user"), body, milliseconds())))


def _add_teams(routes: Routes, store: Store) -> None:
    @routes.add("GET", "/teams", Page[TeamView])
    async def list_all_teams(limit: Limit = 100, after: After = "") -> Response:
        """List teams in the order of their ids."""
        rows = await store.ask(list_teams, after=after, limit=limit)
        return respond(Page([_team(row) for row in rows], _next(rows, limit)))

    @routes.add("GET", "/teams/{team:path}", TeamView)
    async def show_team(team: str) -> Response:
        """Show what is set for a team."""
        row = await store.ask(find_team, team)
        if row is None:
            raise InvalidRequest(f"there is no team {team}", status=404, code="not_found")
        return respond(_team(row))

    @routes.add("PUT", "/teams/{team:path}", TeamView, body=TeamBody)
    async def set_team(request: Request, team: str) -> Response:
        """Create or change a team. Gateways follow within a second."""
        body = await read(request, TeamBody)
        check_settings(body.settings)
        return respond(_team(await store.change(_put_team, check_name(team, "team"), body, milliseconds())))


def _put_user(connection: Connection, user: str, body: UserBody, now: int) -> dict[str, Any]:
    values = msgspec.to_builtins(body)
    if (disabled := values.pop("disabled", None)) is not None:
        values["disabled_at"] = now if disabled else None
    if values.get("team"):
        put_team(connection, values["team"], now, {})
    put_user(connection, user, now, values)
    found = find_user(connection, user)
    assert found is not None, "it was put just now"
    return found


def _put_team(connection: Connection, team: str, body: TeamBody, now: int) -> dict[str, Any]:
    put_team(connection, team, now, msgspec.to_builtins(body))
    found = find_team(connection, team)
    assert found is not None, "it was put just now"
    return found


def _next(rows: Any, limit: int) -> str | None:
    return rows[-1]["id"] if len(rows) == limit else None


def _user(row: dict[str, Any]) -> UserView:
    return UserView(
        id=row["id"], name=row["name"], team=row["team"], created_at=row["created_at"],
        disabled_at=row["disabled_at"], settings=msgspec.convert(row["settings"], UserSettings),
    )  # fmt: skip


def _team(row: dict[str, Any]) -> TeamView:
    settings = msgspec.convert(row["settings"], TeamSettings)
    return TeamView(id=row["id"], name=row["name"], created_at=row["created_at"], settings=settings)
