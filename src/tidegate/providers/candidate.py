"""The results of the model registry."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from tidegate.catalog import CatalogModel, model_named
from tidegate.http.lines import render_lines
from tidegate.http.values import header_value
from tidegate.protocols.contract import AnswerDialect, BridgeRoute, Protocol, Route, Target
from tidegate.protocols.profile import Profile

from .service import Service

__all__ = ["COUNTING", "Candidate", "Finding", "ListedModel"]

COUNTING = " (count_tokens)"


@dataclass(frozen=True)
class Candidate:
    """One way to serve a request. Created when a name is first resolved, and cached with
    its compiled routes.
    """

    service: Service
    model: str
    """The service's own model name."""
    profile: Profile
    alias: str | None = None
    """The name in `[models]` that led here, if one did."""
    replaces: str | None = None
    """The retired name in the request that this model takes the place of, if there is one."""
    beside: str = ""
    """`COUNTING` for a candidate that only counts tokens: added to the model's name where figures, health and
    rate limits are kept, because those of counting say nothing about the model's answers."""

    @property
    def row(self) -> CatalogModel | None:
        """What the catalog has about the model."""
        return model_named(self.service.kind.name, self.model)

    @cached_property
    def place(self) -> str:
        """`provider/model`."""
        return f"{self.service.name}/{self.model}"

    @cached_property
    def lines(self) -> bytes:
        """The response headers that name it, rendered."""
        provider, model = header_value(self.service.name), header_value(self.model)
        return render_lines([(b"x-tidegate-provider", provider), (b"x-tidegate-model", model)])

    @cached_property
    def target(self) -> Target:
        """The target for chat requests."""
        return Target(self.model, self.service.dialect, self.profile)

    @cached_property
    def counting(self) -> "tuple[Candidate]":
        """The same for counting tokens; always the same tuple."""
        return (replace(self, beside=COUNTING),)

    @cached_property
    def _routes(self) -> dict[Protocol, Route]:
        return {}

    def route(self, door: Protocol) -> Route:
        """Return the route from this client dialect: a splice for the same dialect on both sides, else a
        bridge.
        """
        route = self._routes.get(door)
        if route is None:
            route = door.route(self.target) if self.service.protocol is door else self.bridge(door)
            self._routes[door] = route
        return route

    def bridge(self, door: AnswerDialect) -> BridgeRoute:
        """Return the route through a turn and events, whatever the dialects are."""
        searching = self.service.searching
        other = replace(self, service=searching).bridge(door) if searching is not None else None
        return BridgeRoute(door, self.service.protocol, self.target, self._most_output, other)

    def _most_output(self) -> int | None:
        """Return the maximum number of completion tokens, if the catalog has it."""
        row = self.row
        return row.output if row is not None and row.type == "chat" else None

    def without(self, fields: frozenset[str]) -> "Candidate":
        """The candidate whose service does not get these fields of the request, because Tidegate has applied
        them itself.
        """
        service = self.service.without(fields)
        return self if service is self.service else replace(self, service=service)

    def speaking(self, name: str) -> "Candidate":
        """Return the candidate for a client of this wire format: a service that supports it too is called in
        it.
        """
        service = self.service.speaking(name)
        return self if service is self.service else replace(self, service=service)


class Finding(NamedTuple):
    """The candidates for a name, and the rule that found them."""

    candidates: tuple[Candidate, ...]
    how: str
    """The rule that matched, in words."""
    name: str
    """The model's name, without what only chose the provider; of a retired name, what takes its place."""
    fixed: bool
    """Whether the name itself determines the provider: a request's preferences can then choose among these,
    but not add others."""


class ListedModel(NamedTuple):
    """A model that clients can request."""

    id: str
    """The name that clients use."""
    owner: str
    """The service that serves it, or the first one that does."""
    label: str
    """The display name."""
    row: CatalogModel | None = None
    """What the catalog knows of it."""
