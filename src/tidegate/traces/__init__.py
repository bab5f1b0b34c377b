"""Traces: what happened to a request, as OpenTelemetry spans for any collector that speaks OTLP.

A request is a SERVER span, each of its attempts a CLIENT span below it, named and described by the semantic
conventions for generative AI (`names.py` is the only place that knows them). The client's `traceparent` is
continued and passed on to providers, so the request's trace goes through the gateway.

Spans are made once, from the finished request, and exported from a thread; nothing of this runs, and nothing
of OpenTelemetry is imported, unless `[traces] endpoint` is set.
"""

from .context import Trace, begin_trace, new_span_id, outgoing_headers
from .opening import open_tracer
from .span import Span, Value
from .tracer import Tracer

__all__ = [
    "Span",
    "Trace",
    "Tracer",
    "Value",
    "begin_trace",
    "new_span_id",
    "open_tracer",
    "outgoing_headers",
]
