"""Which worker may probe an endpoint whose breaker is half-open."""

from typing import Protocol as Interface

from .endpoint import Endpoint

__all__ = ["Claims", "Everything", "ProbeClaims"]


class Claims(Interface):
    """Names that at most one worker holds. See `tidegate.bus`."""

    def claim(self, name: str) -> bool:
        """Whether this worker holds the claim, now or already. Never blocks."""
        ...

    def release(self, name: str) -> None:
        """Let another worker have it."""
        ...


class Everything:
    """The claims of a worker that is alone: it has them all."""

    def claim(self, name: str) -> bool:
        """See Claims."""
        return True

    def release(self, name: str) -> None:
        """See Claims."""


class ProbeClaims:
    """The claims to probe endpoints: one probe at a time over all workers."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def take(self, endpoint: Endpoint) -> bool:
        """Whether this worker may probe."""
        if not endpoint.claimed:
            endpoint.claimed = self._claims.claim(_name(endpoint))
        return endpoint.claimed

    def give_back(self, endpoint: Endpoint) -> None:
        """The probe is over, or has not begun after all."""
        if endpoint.claimed:
            endpoint.claimed = False
            self._claims.release(_name(endpoint))


def _name(endpoint: Endpoint) -> str:
    return f"probe {endpoint.service}/{endpoint.model}"
