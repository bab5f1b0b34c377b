"""Which worker may probe an endpoint whose breaker is half-open."""

from typing import Protocol as Interface

from .endpoint import Endpoint

__all__ = ["Claims", "Everything", "ProbeClaims"]


class Claims(Interface):
    """Locks by name, each held by at most one worker. See `tidegate.bus`."""

    def claim(self, name: str) -> bool:
        """Try to obtain a claim. Returns whether this worker holds it. Never blocks."""
        ...

    def release(self, name: str) -> None:
        """Release a claim."""
        ...


class Everything:
    """The claims of a single worker, which always holds them."""

    def claim(self, name: str) -> bool:
        """See Claims."""
        return True

    def release(self, name: str) -> None:
        """See Claims."""


class ProbeClaims:
    """Claims for probing endpoints: one probe at a time across all workers."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def take(self, endpoint: Endpoint) -> bool:
        """Try to obtain the right to probe. Returns whether this worker may."""
        if not endpoint.claimed:
            endpoint.claimed = self._claims.claim(_name(endpoint))
        return endpoint.claimed

    def give_back(self, endpoint: Endpoint) -> None:
        """Release it: the probe has ended, or did not begin."""
        if endpoint.claimed:
            endpoint.claimed = False
            self._claims.release(_name(endpoint))


def _name(endpoint: Endpoint) -> str:
    return f"probe {endpoint.service}/{endpoint.model}"
