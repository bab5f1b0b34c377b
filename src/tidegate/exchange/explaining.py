"""The routing decision of one exchange, as a response header for a client that requests it."""

from msgspec.json import encode

from tidegate.protocols.excerpt import shorten

from .request import Header, header_value
from .state import Exchange

__all__ = ["explanation"]

MOST_TRIED, MOST_SKIPPED = 6, 8
"""Entries of each list: with `LONGEST`, the value stays below the limit of a header."""
LONGEST = 60
"""Characters of a name or a reason."""


def explanation(this: Exchange) -> tuple[Header, ...]:
    """`x-tidegate-explained`, if the client has sent `x-tidegate-explain: 1`; otherwise nothing."""
    if this.request.named.get(b"x-tidegate-explain") != b"1":
        return ()
    tried = [
        {
            "provider": shorten(one.candidate.service.name, LONGEST),
            "model": shorten(one.candidate.model, LONGEST),
            "error": shorten(one.error.summary, LONGEST) if one.error is not None else None,
            "ms": round(((one.ended_at or one.first_byte_at or one.started_at) - one.started_at) * 1e3, 3),
        }
        for one in this.attempts[-MOST_TRIED:]
    ]
    skipped = [
        {
            "provider": shorten(one.candidate.service.name, LONGEST),
            "model": shorten(one.candidate.model, LONGEST),
            "reason": shorten(one.reason, LONGEST),
        }
        for one in this.skipped[:MOST_SKIPPED]
    ]
    decision = {"order": this.plan.order, "stayed": this.plan.stayed, "tried": tried, "skipped": skipped}
    return ((b"x-tidegate-explained", header_value(encode(decision).decode())),)
