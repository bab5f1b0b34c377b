"""Maps paths and methods to endpoints."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol as Interface

from tidegate.exchange import Gateway, Request
from tidegate.protocols.contract import Protocol

__all__ = ["Door", "Endpoint", "Router", "Routes"]

Endpoint = Callable[[Request, Gateway], Awaitable[None]]
Routes = Mapping[tuple[str, str], Endpoint]
"""(method, path) → endpoint. A star in a path matches anything, including slashes."""


class Door(Interface):
    """A client dialect's HTTP surface."""

    @property
    def name(self) -> str:
        """Its name in records."""
        ...

    @property
    def protocol(self) -> Protocol:
        """The protocol of its clients and of their errors."""
        ...

    @property
    def prefix(self) -> str:
        """Errors for paths with this prefix use this door's dialect."""
        ...

    def routes(self) -> Routes:
        """The door's paths."""
        ...


class Router:
    """The paths of all doors in one table."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self._exact: dict[str, dict[str, Endpoint]] = {}
        self._starred: dict[tuple[str, str], dict[str, Endpoint]] = {}
        """Patterns, by the parts before and after the star."""
        self._doors = sorted(doors, key=lambda door: -len(door.prefix))
        for door in doors:
            for (method, path), endpoint in door.routes().items():
                before, star, behind = path.partition("*")
                if star:
                    endpoints = self._starred.setdefault((before, behind), {})
                else:
                    endpoints = self._exact.setdefault(path, {})
                endpoints[method] = endpoint
                if method == "GET":  # the response leaves the body out
                    endpoints["HEAD"] = endpoint
        self._starred = dict(sorted(self._starred.items(), key=lambda row: -len(row[0][1])))

    def methods(self, path: str) -> Mapping[str, Endpoint] | None:
        """Endpoints by method; None if the path is unknown."""
        found = self._exact.get(path)
        if found is None and len(path) > 1 and path.endswith("/"):
            found = self._exact.get(path.rstrip("/"))
        if found is not None:
            return found
        return next((endpoints for ends, endpoints in self._starred.items() if _fits(path, ends)), None)

    def door_of(self, path: str) -> Door:
        """The door whose dialect is used for errors about this path."""
        return next(door for door in self._doors if path.startswith(door.prefix))


def _fits(path: str, ends: tuple[str, str]) -> bool:
    before, behind = ends
    return path.startswith(before) and path.endswith(behind) and len(path) > len(before) + len(behind)
