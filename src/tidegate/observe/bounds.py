"""Limits the size of records: whatever a client or provider sends, each request leaves one short line."""

from collections.abc import Callable
from typing import Any

from msgspec import structs

from tidegate.protocols.excerpt import is_name, names_only, shorten
from tidegate.protocols.usage import Usage

from .record import Considered, Decision, Record

__all__ = ["CUTS", "clean", "replace_surrogates", "shortened", "without_absurd_counts"]

CUTS = (150, 40, 12, 6)
"""Lengths to which texts are truncated if a line is too long: the first that suffices is used."""
MOST_DROPPED = 10
"""Maximum number of dropped parameters in a line that would be too long."""
MOST_ATTEMPTS = 3
"""Maximum number of failed attempts in a line that would be too long."""
MAX_COUNT = 10**15
"""Maximum number of tokens of one class; larger values are not counts."""

MOST_SKIPPED = 3
"""Maximum number of skipped candidates in a line that would be too long."""
MOST_CANDIDATES = 3
"""Maximum number of ordered candidates in a line that would be too long."""

USUAL_FINISHES = (None, "stop", "tool_calls", "length", "content_filter")
"""Finish reasons of nearly all answers."""

_OTHERS = (
    "correlation", "path", "session", "client", "model", "provider", "provider_model", "finish",
    "service_tier", "caller", "error",
)  # fmt: skip
"""Fields whose text is chosen by clients, providers or the operator."""


def clean(record: Record) -> Record:
    """Remove what a provider or client may have put in place of a name or a count."""
    changes: dict[str, Any] = {}
    if record.dropped:
        changes["dropped"] = tuple(map(names_only, record.dropped))
    if record.finish not in USUAL_FINISHES and not is_name(record.finish or ""):
        changes["finish"] = "*"
    if record.service_tier is not None and not is_name(record.service_tier):
        changes["service_tier"] = "*"
    if record.provider_cost is not None and abs(record.provider_cost) > MAX_COUNT:
        changes["provider_cost"] = None
    return structs.replace(record, **changes) if changes else record


def without_absurd_counts(record: Record) -> Record:
    """Remove token counts above `MAX_COUNT`, which encoders cannot handle; they are named in `shortened`."""
    usage = _without_absurd(record.usage)
    attempts = [structs.replace(one, usage=_without_absurd(one.usage)) for one in record.attempts]
    changes = {"usage": usage, "attempts": attempts}
    names = [name for name, value in changes.items() if value != getattr(record, name)]
    return structs.replace(record, usage=usage, attempts=attempts, shortened=(*record.shortened, *names))


def _without_absurd(usage: Usage | None) -> Usage | None:
    if usage is None:
        return None
    counts = zip(usage.__struct_fields__, structs.astuple(usage), strict=True)
    absurd = {name: None for name, count in counts if count is not None and count > MAX_COUNT}
    return structs.replace(usage, **absurd)


def shortened(record: Record, limit: int) -> Record:
    """Truncate the record's texts to `limit` characters, and its lists. Names the truncated fields."""
    cut = _with_texts(record, lambda text: shorten(text, limit))
    cut = structs.replace(
        cut,
        dropped=cut.dropped[:MOST_DROPPED],
        left_out=cut.left_out[:MOST_DROPPED],
        attempts=cut.attempts[:MOST_ATTEMPTS],
        skipped=cut.skipped[:MOST_SKIPPED],
        routing=_with_candidates(cut.routing, lambda one: one, MOST_CANDIDATES),
    )
    looked = (*_OTHERS, "dropped", "left_out", "attempts", "skipped", "routing")
    names = [name for name in looked if getattr(cut, name) != getattr(record, name)]
    return structs.replace(cut, shortened=(*record.shortened, *names))


def replace_surrogates(record: Record) -> Record:
    """Escape lone surrogates, which UTF-8 cannot encode."""
    return _with_texts(record, lambda text: text.encode(errors="backslashreplace").decode())


def _with_texts(record: Record, change: Callable[[str], str]) -> Record:
    """Apply a function to every text in the record that others choose."""
    texts = {name: change(text) for name in _OTHERS if (text := getattr(record, name)) is not None}
    attempts = [
        structs.replace(
            attempt,
            provider=change(attempt.provider),
            model=change(attempt.model),
            error=change(attempt.error),
        )
        for attempt in record.attempts
    ]
    skipped = [
        structs.replace(
            one, provider=change(one.provider), model=change(one.model), reason=change(one.reason)
        )
        for one in record.skipped
    ]
    routing = _with_candidates(
        record.routing,
        lambda one: (
            change(one)
            if isinstance(one, str)
            else structs.replace(one, provider=change(one.provider), model=change(one.model))
        ),
    )
    dropped = tuple(map(change, record.dropped))
    return structs.replace(
        record, **texts, dropped=dropped, attempts=attempts, skipped=skipped, routing=routing
    )


def _with_candidates(
    decision: Decision | None, change: Callable[[Considered | str], Considered | str], most: int | None = None
) -> Decision | None:
    """Apply a function to the decision's candidates, keeping at most `most`."""
    if decision is None:
        return None
    return structs.replace(decision, candidates=[change(one) for one in decision.candidates[:most]])
