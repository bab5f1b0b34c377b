"""Exports spans over OTLP (HTTP and protobuf) with OpenTelemetry's SDK, which is an extra: `tidegate[otel]`.

The SDK batches and sends from a thread of its own. When the collector is away, it keeps up to 2,048 spans,
drops what is more and says so in the log; requests never wait.
"""

from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .names import SCHEMA
from .span import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["Exporter", "is_installed"]

SIGNAL_PATH = "/v1/traces"
"""The path of traces below a collector's address."""


def is_installed() -> bool:
    """Whether the extra is there."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # one of its parents is missing
        return False


class Exporter:
    """Sends spans to a collector."""

    def __init__(self, endpoint: str, service: str) -> None:
        """`endpoint` is the collector's base URL, or the URL of its traces. Headers for it are in the SDK's
        own variable, `OTEL_EXPORTER_OTLP_HEADERS`.
        """
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        url = endpoint if endpoint.endswith(SIGNAL_PATH) else endpoint.rstrip("/") + SIGNAL_PATH
        release = version("tidegate")
        named = {"service.name": service, "service.version": release, "tidegate.schema": SCHEMA}
        self._resource = Resource.create(named)
        self._scope = InstrumentationScope("tidegate", release)
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=url))

    def export(self, spans: Iterable[Span]) -> None:
        """Take spans. Returns at once."""
        for span in spans:
            self._processor.on_end(self._convert(span))

    def close(self) -> None:
        """Send what is left. Blocks for some seconds at most."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _convert(self, span: Span) -> "ReadableSpan":
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState
        from opentelemetry.trace.status import Status, StatusCode

        trace = span.trace
        flags = TraceFlags(TraceFlags.SAMPLED)
        state = TraceState.from_header([trace.state]) if trace.state else TraceState()
        parent = None
        if span.parent_id is not None:
            remote = span.parent_id == trace.parent_id
            parent = SpanContext(trace.trace_id, span.parent_id, remote, flags, state)
        status = Status(StatusCode.ERROR, span.error) if span.error is not None else Status()
        return ReadableSpan(
            name=span.name,
            context=SpanContext(trace.trace_id, span.span_id, is_remote=False, trace_flags=flags,
                                trace_state=state),
            parent=parent,
            resource=self._resource,
            attributes={name: value for name, value in span.attributes.items() if value is not None},
            kind=SpanKind.SERVER if span.kind == "server" else SpanKind.CLIENT,
            status=status,
            start_time=int(span.began_at * 1e9),
            end_time=int(span.ended_at * 1e9),
            instrumentation_scope=self._scope,
        )  # fmt: skip
