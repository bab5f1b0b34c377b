"""What is known of one exchange, as its layers find it out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tidegate.observe import Ending
from tidegate.protocols.contract import Call, Conduit
from tidegate.protocols.errors import TidegateError
from tidegate.providers import Candidate

from .attempt import Attempt
from .gateway import Door, Gateway
from .operation import Operation, WithBytes
from .request import Request
from .transcript import Transcript
from .watchdog import Watch

__all__ = ["Exchange", "Skipped"]


class Skipped(NamedTuple):
    """A candidate that was not asked, and why."""

    candidate: Candidate
    error: TidegateError


class Exchange:
    """One request on its way. Each layer fills in its part; the record is made of it at the end."""

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
        """The one whose answer is delivered, or that was tried last."""
        self.attempts: list[Attempt] = []
        """All that were tried, in order."""
        self.skipped: list[Skipped] = []
        self.fetched: WithBytes | None = None
        """The request with what it links to, once a candidate has wanted that."""
        self.waited_s = 0.0
        """Seconds spent waiting beside the attempts before the first byte."""
        # delivery
        self.transcript = Transcript(gateway.transcript_bytes)
        # the end
        self.ended: Ending = "complete"
        self.error: TidegateError | None = None

    def begin(self, candidate: Candidate, call: Call, conduit: Conduit) -> Attempt:
        """A new attempt."""
        attempt = self.attempt = Attempt(candidate, call, conduit)
        self.attempts.append(attempt)
        return attempt

    @property
    def resent(self) -> int:
        """How many attempts sent their request twice, because a kept connection was dead."""
        return sum(attempt.resent for attempt in self.attempts)

    def skip(self, candidate: Candidate, error: TidegateError) -> None:
        """Note a candidate that was not asked."""
        self.skipped.append(Skipped(candidate, error))

    def close(self) -> None:
        """Let go of what an exchange must not keep."""
        for attempt in self.attempts:
            attempt.close()
        self.fetched = self.parsed = None
