"""The state of one exchange, filled in by its layers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tidegate.observe import Ending
from tidegate.protocols.contract import Call, Conduit
from tidegate.protocols.errors import TidegateError
from tidegate.providers import Candidate, Resolution

from .attempt import Attempt
from .gateway import Door, Gateway
from .operation import Operation, WithBytes
from .request import Request
from .transcript import Transcript
from .watchdog import Watch

__all__ = ["Exchange", "Skipped"]


class Skipped(NamedTuple):
    """A candidate that was skipped, and why."""

    candidate: Candidate
    error: TidegateError


class Exchange:
    """One request in progress. Each layer fills in its part; the record is built from it at the end."""

    __slots__ = (
        "attempt",
        "attempts",
        "caller",
        "candidates",
        "door",
        "ended",
        "error",
        "fetched",
        "gateway",
        "model",
        "operation",
        "parsed",
        "request",
        "resolution",
        "skipped",
        "stream",
        "transcript",
        "waited_s",
        "watch",
    )

    watch: Watch
    """Set while the exchange is open."""
    operation: Operation[Any]
    parsed: Any
    resolution: Resolution
    """Set by admission, with the candidates."""

    def __init__(self, request: Request, door: Door, gateway: Gateway) -> None:
        self.request = request
        self.door = door
        self.gateway = gateway
        # admission
        self.caller: str | None = None
        self.model: str | None = None
        self.stream: bool | None = None
        self.candidates: Sequence[Candidate] = ()
        # attempts
        self.attempt: Attempt | None = None
        """The attempt whose answer is delivered, or the last one tried."""
        self.attempts: list[Attempt] = []
        """All attempts, in order."""
        self.skipped: list[Skipped] = []
        self.fetched: WithBytes | None = None
        """The request with its links fetched, once a candidate has needed that."""
        self.waited_s = 0.0
        """Seconds spent waiting outside of the attempts before the first byte."""
        # delivery
        self.transcript = Transcript(gateway.transcript_bytes)
        # the end
        self.ended: Ending = "complete"
        self.error: TidegateError | None = None

    def begin(self, candidate: Candidate, call: Call, conduit: Conduit) -> Attempt:
        """Start a new attempt."""
        attempt = self.attempt = Attempt(candidate, call, conduit)
        self.attempts.append(attempt)
        return attempt

    @property
    def resent(self) -> int:
        """How many attempts sent their request twice, because a reused connection was dead."""
        count = 0
        for attempt in self.attempts:
            count += attempt.resent
        return count

    def skip(self, candidate: Candidate, error: TidegateError) -> None:
        """Record a candidate that was skipped."""
        self.skipped.append(Skipped(candidate, error))

    def close(self) -> None:
        """Release what a finished exchange must not keep alive."""
        for attempt in self.attempts:
            attempt.close()
        self.fetched = self.parsed = None
