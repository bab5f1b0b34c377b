"""W3C Trace Context: which trace a request belongs to (https://www.w3.org/TR/trace-context/)."""

import re
from collections.abc import Mapping
from random import Random

from msgspec import Struct

__all__ = ["Trace", "begin_trace", "new_span_id", "outgoing_headers"]

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
LONGEST_STATE = 512
"""Characters of `tracestate` that are passed on; a longer one is dropped as a whole."""
SAMPLED = 1


class Trace(Struct, frozen=True, gc=False):
    """The trace of one request, and the request's span in it."""

    trace_id: int
    span_id: int
    parent_id: int | None = None
    """The client's span; None if the trace begins here."""
    sampled: bool = True
    """Whether spans are exported."""
    state: str = ""
    """The client's `tracestate`, which is passed on as it is."""


def begin_trace(headers: Mapping[bytes, bytes], sample: float, random: Random) -> Trace:
    """The trace of a request with these headers. A valid `traceparent` is continued, and decides whether the
    trace is sampled; otherwise a new trace begins, sampled with the probability `sample`.
    """
    found = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b"").strip())
    if found is not None:
        version, trace, parent, flags, more = found.groups()
        trace_id, parent_id = int(trace, 16), int(parent, 16)
        # Later versions may append fields; ff is no version, and zeros are no ids.
        if version != b"ff" and trace_id and parent_id and (version != b"00" or more is None):
            state = headers.get(b"tracestate", b"")
            text = state.decode("latin-1") if len(state) <= LONGEST_STATE and state.isascii() else ""
            sampled = bool(int(flags, 16) & SAMPLED)
            return Trace(trace_id, new_span_id(random), parent_id, sampled, text)
    sampled = sample > 0 and (sample >= 1 or random.random() < sample)
    return Trace(random.getrandbits(128) or 1, new_span_id(random), sampled=sampled)


def new_span_id(random: Random) -> int:
    """The id of a new span; never 0."""
    return random.getrandbits(64) or 1


def outgoing_headers(trace: Trace, span_id: int) -> dict[str, str]:
    """The headers of a request below this span."""
    parent = f"00-{trace.trace_id:032x}-{span_id:016x}-{int(trace.sampled):02x}"
    return {"traceparent": parent, "tracestate": trace.state} if trace.state else {"traceparent": parent}
