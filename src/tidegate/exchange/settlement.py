"""What is written down of an exchange when it is over."""

from time import perf_counter

from tidegate.observe import Record, RequestLog
from tidegate.observe.request_log import timestamp

from .http import Request

__all__ = ["open_record", "settle"]

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that left before there was a response; stands in records only."""


def open_record(request: Request, door: str) -> Record:
    """The record of a request that has just arrived."""
    return Record(
        time=timestamp(),
        id=request.id,
        correlation=request.correlation,
        door=door,
        path=request.path,
        status=0,
        ended="complete",
    )


def settle(record: Record, request: Request, request_log: RequestLog) -> None:
    """Complete the record and hand it over."""
    record.total_ms = round((perf_counter() - request.began) * 1e3, 3)
    if request.first_byte_at is not None:
        record.first_byte_ms = round((request.first_byte_at - request.began) * 1e3, 3)
    if record.overhead_ms is not None:
        record.overhead_ms = round(record.overhead_ms, 3)
    record.status = request.status or CLIENT_CLOSED_REQUEST
    if record.ended == "complete" and record.usage is None and record.stream is not None:
        record.ended = "complete_without_usage"
    request_log.write(record)
