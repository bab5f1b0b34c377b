"""The answers of the model registry."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from tidegate.protocols.profile import Profile

from .service import Service

__all__ = ["Candidate", "Finding", "ListedModel"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to serve a request."""

    service: Service
    model: str
    """The service's own name of the model."""
    profile: Profile
    alias: str | None = None
    """The name in `[models]` that led here, if one did."""

    def speaking(self, name: str) -> "Candidate":
        """The same for a client of this wire format: a service that speaks it too is asked in it."""
        service = self.service.speaking(name)
        return self if service is self.service else replace(self, service=service)


class Finding(NamedTuple):
    """Who serves a name, and how that is known."""

    candidates: tuple[Candidate, ...]
    how: str
    """The rule that fits, for people."""
    fixed: bool
    """Whether the name itself says who serves it: a request's preferences can then choose among
    these, but name no others."""


class ListedModel(NamedTuple):
    """A model that clients can ask for."""

    id: str
    """What they ask for."""
    owner: str
    """The service that serves it, or the first that does."""
    label: str
    """Its name for people."""
