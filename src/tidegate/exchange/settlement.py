"""The end of an exchange: it is booked, and its record is handed over."""

import logging

from tidegate.observe import Ending, Record
from tidegate.protocols.errors import ClientError, ProviderError, ShutDown, TidegateError

from .accounting import book
from .capturing import submit_capture
from .planning import note_passed_over
from .recording import add_times, outcome, record_of
from .refusing import note_refusal
from .reporting import report_end
from .sampling import count
from .state import Exchange
from .trace_content import content_of
from .tracing import export_spans

__all__ = ["conclude", "ending_of", "settle"]

log = logging.getLogger("tidegate")


def settle(this: Exchange) -> None:
    """Close what is open, and hand the record over."""
    if this.ticket is not None:
        if this.record is None:
            conclude_late(this)
    elif this.error is not None:
        note_refusal(this)
    report_end(this)
    note_passed_over(this)
    content = content_of(this) if this.trace is not None else {}
    this.close()
    record, encoded = this.record, this.encoded
    if record is None or record.ended != outcome(this):  # or its client has left since
        record, encoded = record_of(this), b""
        if this.record is not None:
            booked = this.record
            record.cost, record.bill, record.estimated = booked.cost, booked.bill, booked.estimated
            record.cost_difference = booked.cost_difference
    elif record.first_byte_ms is None:  # it was booked before the answer was sent
        add_times(this, record)
    this.gateway.request_log.write(record, encoded)
    count(this, record)
    if this.trace is not None:
        export_spans(this, record, content)
    recorder = this.gateway.recorder
    if recorder is not None and (this.capture is not None or recorder.keeps_interactions):
        submit_capture(this, record, recorder)


def conclude(this: Exchange) -> Record:
    """Book the request, before the last byte of its answer is sent. Raises Unavailable."""
    record = this.record
    if record is None:
        record = record_of(this)
        record.status = record.status if this.request.responded else 200
        book(this, record)
        this.record = record
    return record


def conclude_late(this: Exchange) -> None:
    """Book a request that did not end well, or whose answer was not accounted for yet."""
    try:
        record = record_of(this)
        book(this, record)
        this.record = record
    except TidegateError as error:
        log.error("%s could not be booked: %s", this.request.id, error)
    except Exception:
        log.exception("%s could not be booked", this.request.id)


def ending_of(error: TidegateError, *, responded: bool) -> Ending:
    """The outcome of a request that ended in an error."""
    if isinstance(error, ShutDown):
        return "shut_down"
    if isinstance(error, ProviderError):
        return "provider_broke" if responded else "failed"
    return "refused" if isinstance(error, ClientError) else "gateway_failed"
