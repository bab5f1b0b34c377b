"""The answers of the model registry."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from tidegate.catalog import model_named
from tidegate.protocols.contract import AnswerDialect, BridgeRoute, Protocol, Route, Target
from tidegate.protocols.profile import Profile

from .service import Service

__all__ = ["Candidate", "Finding", "ListedModel"]


@dataclass(frozen=True)
class Candidate:
    """One way to serve a request. Made when a name is first resolved, and kept with what is compiled."""

    service: Service
    model: str
    """The service's own name of the model."""
    profile: Profile
    alias: str | None = None
    """The name in `[models]` that led here, if one did."""

    @cached_property
    def target(self) -> Target:
        """What requests for a chat are rendered for."""
        return Target(self.model, self.service.dialect, self.profile)

    @cached_property
    def _routes(self) -> dict[Protocol, Route]:
        return {}

    def route(self, door: Protocol) -> Route:
        """The route from this client dialect. The same dialect on both sides is spliced, different ones
        are bridged.
        """
        route = self._routes.get(door)
        if route is None:
            route = door.route(self.target) if self.service.protocol is door else self.bridge(door)
            self._routes[door] = route
        return route

    def bridge(self, door: AnswerDialect) -> BridgeRoute:
        """The route by way of a turn and events, whatever the dialects are."""
        return BridgeRoute(door, self.service.protocol, self.target, self._most_output)

    def _most_output(self) -> int | None:
        """The most completion tokens, where the catalog knows them."""
        row = model_named(self.service.kind.name, self.model)
        return row.output if row is not None and row.type == "chat" else None

    def speaking(self, name: str) -> "Candidate":
        """The same for a client of this wire format: a service that supports it too is called in it."""
        service = self.service.speaking(name)
        return self if service is self.service else replace(self, service=service)


class Finding(NamedTuple):
    """Who serves a name, and how that is known."""

    candidates: tuple[Candidate, ...]
    how: str
    """The rule that fits, for people."""
    fixed: bool
    """Whether the name itself determines the provider: a request's preferences can then choose among
    these, but name no others."""


class ListedModel(NamedTuple):
    """A model that clients can ask for."""

    id: str
    """What they ask for."""
    owner: str
    """The service that serves it, or the first that does."""
    label: str
    """The display name."""
