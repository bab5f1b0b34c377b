"""The spans of an exchange that is over, if it has a trace (see the package `traces`)."""

import logging
from time import perf_counter, time
from urllib.parse import urlsplit

from tidegate.observe import Record
from tidegate.protocols.errors import ProviderError, TidegateError
from tidegate.protocols.usage import Usage
from tidegate.traces import Span, Trace, names

from .attempt import Attempt
from .state import Exchange
from .trace_content import Attributes

__all__ = ["export_spans"]

log = logging.getLogger("tidegate")

USD = 1e-9
"""Of an amount."""
NOT_FOUND = 404
MODELS = "/models/"
"""What stands before a model's name in paths that have one."""


def export_spans(this: Exchange, record: Record, content: Attributes) -> None:
    """Export the spans of the request and of its attempts; `content` belongs to the attempt that answered."""
    trace, tracer = this.trace, this.gateway.tracer
    if trace is None or tracer is None or not trace.sampled:
        return
    try:
        tracer.export(_spans_of(this, trace, record, content))
    except Exception:
        log.exception("%s could not be traced", this.request.id)


def _spans_of(this: Exchange, trace: Trace, record: Record, content: Attributes) -> list[Span]:
    offset = time() - perf_counter()
    attempts = (
        _attempt_span(this, trace, one, content if one is this.attempt else {}, offset)
        for one in this.attempts
    )
    return [_request_span(this, trace, record, offset), *attempts]


# --- spans -------------------------------------------------------------------------------------------


def _request_span(this: Exchange, trace: Trace, record: Record, offset: float) -> Span:
    request = this.request
    attributes: Attributes = {
        names.HTTP_METHOD: request.method,
        names.URL_PATH: request.path,
        names.HTTP_STATUS: record.status,
        names.ERROR_TYPE: None if record.error is None else record.ended,
        names.REQUEST_MODEL: record.model,
        names.CONVERSATION: record.session,
        names.USER: record.user or record.caller,
        "tidegate.request_id": record.id,
        "tidegate.door": record.door,
        "tidegate.ended": record.ended,
        "tidegate.attempts": len(this.attempts),
        "tidegate.cost_usd": None if record.cost is None else record.cost * USD,
        "tidegate.dropped": record.dropped or None,
        "tidegate.left_out": record.left_out or None,
        "tidegate.overhead_ms": record.overhead_ms,
    }
    began, ended = request.received_at, request.received_at + record.total_ms / 1e3
    return Span(
        _name_of(request.method, request.path, record), "server", trace, trace.span_id, trace.parent_id,
        began + offset, ended + offset, attributes, record.error if record.status >= 500 else None,
    )  # fmt: skip


def _name_of(method: str, path: str, record: Record) -> str:
    """The name of a request's span, one of few: without models, and without paths that do not exist."""
    if record.model is None and record.status == NOT_FOUND:
        return method
    before, found, after = path.partition(MODELS)
    colon, action = after.rpartition(":")[1:]
    return (
        f"{method} {before}{MODELS}{{model}}{colon}{action if colon else ''}" if found else f"{method} {path}"
    )


def _attempt_span(this: Exchange, trace: Trace, attempt: Attempt, content: Attributes, offset: float) -> Span:
    candidate, tally, error = attempt.candidate, attempt.tally, attempt.error
    if error is None and attempt is this.attempt and isinstance(this.error, ProviderError):
        error = this.error  # its stream broke
    ended = attempt.ended_at or attempt.first_byte_at or attempt.started_at
    operation = this.operation.name
    attributes: Attributes = {
        names.OPERATION: operation,
        names.PROVIDER: candidate.service.kind.telemetry_name or candidate.service.kind.name,
        names.REQUEST_MODEL: candidate.model,
        names.REQUEST_STREAM: this.stream,
        names.MAX_TOKENS: this.facts.max_output,
        names.RESPONSE_MODEL: tally.model or None,
        names.RESPONSE_ID: tally.id or None,
        names.FINISH_REASONS: (tally.finish,) if tally.finish else None,
        names.TIME_TO_FIRST_CHUNK: _first_chunk_s(this, attempt),
        names.SERVER_ADDRESS: urlsplit(candidate.service.base_url).hostname,
        names.ERROR_TYPE: None if error is None else _error_type(error),
        **_usage_of(tally.usage),
        "tidegate.provider": candidate.service.name,
        "tidegate.hedge": attempt.trial.hedge or None,
        "tidegate.retry": attempt.trial.retry or None,
        "tidegate.cancelled": (error is None and attempt is not this.attempt) or None,
        **content,
    }
    return Span(
        f"{operation} {candidate.model}", "client", trace, attempt.span_id, trace.span_id,
        attempt.started_at + offset, ended + offset, attributes,
        None if error is None else error.summary,
    )  # fmt: skip


def _error_type(error: TidegateError) -> str:
    return error.code or str(error.status)


def _first_chunk_s(this: Exchange, attempt: Attempt) -> float | None:
    if not this.stream or attempt.first_byte_at is None:
        return None
    return attempt.first_byte_at - attempt.started_at


def _usage_of(usage: Usage | None) -> Attributes:
    if usage is None:
        return {}
    return {
        names.INPUT_TOKENS: usage.prompt_tokens,
        names.OUTPUT_TOKENS: usage.completion_tokens,
        names.CACHE_READ_TOKENS: usage.cache_read,
        names.CACHE_WRITE_TOKENS: usage.cache_write_total,
        names.REASONING_TOKENS: usage.reasoning,
    }
