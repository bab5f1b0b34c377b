"""The metrics of `GET /metrics`: names, meanings, labels, and which cells of a block hold them.

Names follow Prometheus' conventions: base units (seconds, bytes, USD), `_total` for what only grows. Cells
hold whole numbers: times in microseconds, amounts in nano (10⁻⁹ USD).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from .counters import BLOCK_CELLS
from .kinds import KINDS

__all__ = [
    "BOUNDS_S", "CLASSES", "DOOR", "FAMILIES", "GAUGES", "MODEL", "READINGS", "REFUSALS", "STATUSES",
    "WORKER", "Family", "Type", "status_class",
]  # fmt: skip

Type = Literal["counter", "gauge", "histogram"]

STATUSES = ("2xx", "3xx", "4xx", "499", "5xx")
"""Classes of statuses. 499, a client that left before there was a response, is no error of anybody."""
CLASSES = ("input", "cache_read", "cache_write", "output", "reasoning")
"""Classes of tokens, which do not overlap."""
REFUSALS = ("limit", "funds", "permission", "key", "model", "request")
"""Why requests are refused: a rate limit or concurrency limit; a wallet or budget; what a key may do; no
valid key; an unknown model or path; anything else that is wrong with them."""
BOUNDS_S = tuple(round(0.01 * 2**n, 2) for n in range(16))
"""The upper bounds of the buckets of histograms: 10 ms, doubled up to 328 s (OpenTelemetry's for the duration
of a GenAI operation, and two more)."""


def status_class(status: int) -> int:
    """The place of a status in STATUSES."""
    return 3 if status == 499 else min(4, max(0, status // 100 - 2 + (status >= 500)))


class Family(NamedTuple):
    """One metric."""

    name: str
    help: str
    type: Type
    block: str
    """The kind of the blocks that have it; their labels come first."""
    cell: int
    """The first of its cells."""
    label: str = ""
    """The label that tells its cells apart; empty if it has one cell, or is a histogram."""
    values: Sequence[str] = ()
    """The values of that label, one for each cell."""
    unit: float = 1.0
    """What a number in a cell is multiplied by."""
    sparse: bool = False
    """Whether cells that are zero are left out: those of labels with many values."""


class Reading(NamedTuple):
    """A metric that is read when it is asked for, instead of being counted."""

    help: str
    type: Type
    labels: tuple[str, ...]


READINGS = {
    "tidegate_build_info": Reading("The version of this gateway.", "gauge", ("version",)),
    "tidegate_breaker_state": Reading(
        "1 for the state that the circuit breaker of a model at a provider is in, else 0.",
        "gauge",
        ("provider", "model", "state"),
    ),
    "process_cpu_seconds_total": Reading("Processor time of a worker.", "counter", ("worker",)),
    "process_resident_memory_bytes": Reading("Resident memory of a worker.", "gauge", ("worker",)),
    "process_open_fds": Reading("Open file descriptors of a worker.", "gauge", ("worker",)),
    "process_start_time_seconds": Reading(
        "When a worker began, in seconds since 1970.", "gauge", ("worker",)
    ),
}
"""By name."""


class Layout:
    """Cells of one kind of block, handed out in order."""

    def __init__(self, block: str, labels: Sequence[str]) -> None:
        self.block = block
        self.labels = tuple(labels)
        self.families: list[Family] = []
        self._next = 0

    def one(self, name: str, text: str, kind: Type = "counter", unit: float = 1.0) -> int:
        """A metric with one cell."""
        return self._add(Family(name, text, kind, self.block, self._next, unit=unit), 1)

    def each(self, name: str, text: str, label: str, values: Sequence[str], *, sparse: bool = False) -> int:
        """A counter with a cell for each value of a label."""
        family = Family(name, text, "counter", self.block, self._next, label, tuple(values), sparse=sparse)
        return self._add(family, len(values))

    def histogram(self, name: str, text: str) -> int:
        """A histogram of seconds: a cell for each bound, one for what is greater, and the sum in µs."""
        family = Family(name, text, "histogram", self.block, self._next, unit=1e-6)
        return self._add(family, len(BOUNDS_S) + 2)

    def _add(self, family: Family, cells: int) -> int:
        place, self._next = self._next, self._next + cells
        assert self._next <= BLOCK_CELLS, "a block has too few cells"
        self.families.append(family)
        return place


_USD = 1e-9


class ModelCells:
    """Cells of the blocks of models at providers."""

    layout = Layout("model", ["provider", "model"])
    requests = layout.each(
        "tidegate_requests_total",
        "Requests that named a model, by the provider and model of the answer or of the last failure.",
        "status_class", STATUSES,
    )  # fmt: skip
    attempts = layout.one("tidegate_attempts_total", "Attempts at a provider; a request may need several.")
    errors = layout.each(
        "tidegate_provider_errors_total", "Attempts that failed, by the kind of error.",
        "kind", tuple(KINDS), sparse=True,
    )  # fmt: skip
    tokens = layout.each(
        "tidegate_tokens_total",
        "Tokens by class: input and cached input do not overlap, nor do output and reasoning.",
        "class", CLASSES,
    )  # fmt: skip
    cost = layout.one("tidegate_cost_usd_total", "What answers have cost, with margins, in USD.", unit=_USD)
    unpriced = layout.one("tidegate_unpriced_answers_total", "Answers whose cost is not known.")
    discount = layout.one(
        "tidegate_cache_discount_usd_total",
        "What reading from prompt caches of providers has saved, in USD.",
        unit=_USD,
    )
    premium = layout.one(
        "tidegate_cache_premium_usd_total",
        "What writing to prompt caches of providers has cost on top, in USD.",
        unit=_USD,
    )
    estimated = layout.one(
        "tidegate_estimated_answers_total",
        "Answers whose tokens were counted here, because the provider reported none.",
    )
    tool_calls = layout.one("tidegate_tool_call_answers_total", "Answers that ended in tool calls.")
    bad_tool_calls = layout.one(
        "tidegate_tool_call_errors_total", "Answers whose tool calls the provider reported as malformed."
    )
    duration = layout.histogram(
        "tidegate_request_duration_seconds", "From the request's head to the end of the response."
    )
    ttft = layout.histogram(
        "tidegate_time_to_first_token_seconds",
        "From the request's head to the first byte of a streamed answer.",
    )


class DoorCells:
    """Cells of the blocks of doors."""

    layout = Layout("door", ["door"])
    requests = layout.each(
        "tidegate_http_requests_total",
        "All requests that leave a record, by door: also those that name no model.",
        "status_class", STATUSES,
    )  # fmt: skip
    refused = layout.each(
        "tidegate_refused_requests_total", "Requests that the gateway refused, by reason.",
        "reason", REFUSALS,
    )  # fmt: skip


class WorkerCells:
    """Cells of a worker's own block."""

    layout = Layout("worker", [])
    open_requests = layout.one("tidegate_open_requests", "Requests under way.", "gauge")
    open_streams = layout.one("tidegate_open_streams", "Requests for a stream under way.", "gauge")
    journal_lag = layout.one(
        "tidegate_journal_lag_bytes", "Bytes of journals that the store does not have yet.", "gauge"
    )
    store_failing = layout.one(
        "tidegate_store_failing_seconds",
        "How long the store has failed, added up over the workers; 0 while it works.",
        "gauge",
        1e-3,
    )
    dropped_details = layout.one(
        "tidegate_dropped_details_total",
        "Bodies and interactions that were not kept, because there was no room for them.",
    )
    dropped_messages = layout.one(
        "tidegate_dropped_messages_total", "Messages between workers that were not delivered."
    )
    limits_alone = layout.one(
        "tidegate_limits_alone_seconds",
        "How long Valkey, or the PostgreSQL that limits are counted in, has been away, added up over the "
        "workers; 0 while it is not.",
        "gauge",
        1e-3,
    )


MODEL, DOOR, WORKER = ModelCells, DoorCells, WorkerCells
LAYOUTS = (ModelCells.layout, DoorCells.layout, WorkerCells.layout)

FAMILIES = tuple(family for layout in LAYOUTS for family in layout.families)
GAUGES = tuple(one.cell for one in WorkerCells.layout.families if one.type == "gauge")
"""Cells of a worker's block that say what is now, and end with the worker."""
