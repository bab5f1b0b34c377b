"""The state of one exchange, filled in by its layers."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

from msgspec import structs

from tidegate.accounts import ANONYMOUS, Ticket
from tidegate.figures import Answered, Sample
from tidegate.observe import Capture, Ending, Record
from tidegate.protocols.contract import Call, Conduit
from tidegate.protocols.errors import TidegateError
from tidegate.providers import Candidate, Resolution
from tidegate.routing import Pick, Plan, RequestFacts, Trial
from tidegate.traces import Trace, Tracer, outgoing_headers

from .attempt import Attempt
from .captured import CapturedConduit
from .gateway import Door, Gateway
from .operation import Operation, WithBytes
from .request import Request
from .transcript import Transcript
from .watchdog import Watch

__all__ = ["NO_PLAN", "Exchange", "Segment", "Skipped"]

NO_PLAN = Plan(choices=())
"""The plan of an exchange whose candidates are not known yet."""


ANSWER_OVER_TEXT = 32
"""How much longer than its text an answer may be, to be exported with a trace: events of a stream are."""


class Skipped(NamedTuple):
    """A candidate that was skipped, and why."""

    candidate: Candidate
    reason: str


class Segment(NamedTuple):
    """The part of a stream that an attempt delivered before it broke."""

    attempt: Attempt
    tokens: int
    """Estimated from its text."""


class Exchange:
    """One request in progress. Each layer fills in its part; the record is built from it at the end."""

    __slots__ = (
        "attempt",
        "attempts",
        "caller",
        "candidates",
        "capture",
        "continuations_left",
        "door",
        "drained",
        "encoded",
        "ended",
        "error",
        "explains",
        "facts",
        "fetched",
        "gateway",
        "hurried",
        "model",
        "operation",
        "parsed",
        "plain",
        "plan",
        "record",
        "request",
        "resolution",
        "sample",
        "segments",
        "session",
        "skipped",
        "stream",
        "ticket",
        "trace",
        "transcript",
        "tried",
        "waited_s",
        "watch",
    )

    watch: Watch
    """Set while the exchange is open."""
    operation: Operation[Any]
    parsed: Any
    resolution: Resolution
    """Set by admission, with the candidates."""
    plain: bool
    """Whether it was a whole answer as most are (see sampling.is_plain); set with the record."""
    model: str | None
    stream: bool | None
    session: str | None
    """The client's name for the conversation or task that the request belongs to."""
    capture: Capture | None
    """What is kept of its bodies, if they are recorded."""
    facts: RequestFacts
    """What routing knows of the request; set with the plan."""

    def __init__(self, request: Request, door: Door, gateway: Gateway) -> None:
        self.request = request
        self.door = door
        self.gateway = gateway
        # admission
        self.caller = ANONYMOUS
        self.model = self.stream = self.session = self.capture = None
        self.ticket: Ticket | None = None
        """What was held for the request, where accounts are kept."""
        self.hurried = False
        """Whether the client has shortened the deadline."""
        self.candidates: Sequence[Candidate] = ()
        # attempts
        self.explains = False
        """Whether the client wants the decision explained (`x-tidegate-explain: 1`): with all figures."""
        self.plan = NO_PLAN
        """The candidates in the order in which to try them."""
        self.tried: Sequence[Trial] = ()  # the attempts that have failed, as the router sees them
        self.attempt: Attempt | None = None
        """The attempt whose answer is delivered, or the last one tried."""
        self.attempts: list[Attempt] = []
        """All attempts, in order."""
        self.skipped: list[Skipped] = []
        self.fetched: WithBytes | None = None
        """The request with its links fetched, once a candidate has needed that."""
        self.waited_s = 0.0
        """Seconds spent waiting outside of the attempts before the first byte."""
        self.transcript = Transcript(gateway.transcript_bytes)
        self.trace = self._begin_trace(gateway.tracer) if gateway.tracer is not None else None
        self.continuations_left = 0
        """How often the stream may still be carried on when it breaks."""
        self.segments: Sequence[Segment] = ()
        """The parts of the stream that were carried on, in order."""
        self.ended: Ending = "complete"
        self.record: Record | None = None
        """Set once the request is booked, before the last byte is sent."""
        self.encoded = b""  # the record as it was booked, in JSON
        self.sample: Answered | Sample | None = None  # what it adds to the figures; set with the record
        self.error: TidegateError | None = None
        self.drained = False  # whether the rest of the stream was read after its client had left

    def _begin_trace(self, tracer: Tracer) -> Trace:
        if tracer.content_bytes:
            self.transcript.keep(tracer.content_bytes * ANSWER_OVER_TEXT)
        return tracer.begin(self.request.named)

    def begin(
        self, pick: Pick, call: Call, conduit: Conduit, *, retry: bool = False, hedge: bool = False
    ) -> Attempt:
        """Start a new attempt. Its end is reported to the router by `reporting` or `hedging`."""
        router, now = self.gateway.router, perf_counter()
        if retry or hedge:
            trial = router.begin(pick, self.facts, now, retry=retry, hedge=hedge)
        else:
            trial = router.begin(pick, self.facts, now)
        if self.capture is not None:
            conduit = CapturedConduit.begin(self.capture, call, conduit)
        if self.trace is None:
            attempt = self.attempt = Attempt(trial, call, conduit)
        else:
            attempt = self.attempt = self._begin_traced(self.trace, trial, call, conduit)
        self.attempts.append(attempt)
        return attempt

    def _begin_traced(self, trace: Trace, trial: Trial, call: Call, conduit: Conduit) -> Attempt:
        """An attempt with a span, which the provider is told of."""
        span_id = self.gateway.tracer.new_span_id() if self.gateway.tracer is not None else 0
        headers = {**call.headers, **outgoing_headers(trace, span_id)}
        attempt = Attempt(trial, structs.replace(call, headers=headers), conduit)
        attempt.span_id = span_id
        return attempt

    @property
    def resent(self) -> int:
        """How many attempts sent their request twice, because a reused connection was dead."""
        return sum([attempt.resent for attempt in self.attempts])

    def skip(self, candidate: Candidate, reason: str) -> None:
        """Record a candidate that was skipped."""
        self.skipped.append(Skipped(candidate, reason))

    def close(self) -> None:
        """Release what a finished exchange must not keep alive."""
        for attempt in self.attempts:
            attempt.close()
        self.fetched = self.parsed = None
