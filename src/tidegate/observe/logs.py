"""The process's log: starts, reloads, errors. Written to standard error, separate from the records."""

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from traceback import format_tb
from typing import Literal

from tidegate.config import Logs
from tidegate.protocols.excerpt import escape_controls

from .nonblocking import NonBlockingWriter
from .record import Record
from .request_log import render_json, render_text

__all__ = ["RENDERERS", "configure_logging", "line_format"]

RENDERERS: Mapping[str, Callable[[Record], bytes]] = {"json": render_json, "text": render_text}


def line_format(logs: Logs) -> Literal["json", "text"]:
    """The format of lines: as configured, or by default text on a terminal and JSON elsewhere."""
    if logs.format != "auto":
        return logs.format
    return "text" if sys.stdout.isatty() else "json"


def occupy_streams() -> None:
    """Open the null device for closed standard streams (`>&-`). Otherwise a connection would get the free
    descriptor, and log lines would be written to it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode)  # noqa: SIM115 for as long as the process lives
            os.set_inheritable(stream.fileno(), True)  # for workers too
            setattr(sys, name, stream)


def configure_logging(logs: Logs) -> None:
    """Write all loggers' lines to standard error, at the configured level."""
    occupy_streams()
    out = NonBlockingHandler(NonBlockingWriter(sys.stderr.fileno(), lambda _: None))
    out.setFormatter(JsonFormatter() if line_format(logs) == "json" else TextFormatter())
    logging.basicConfig(level=logs.level.upper(), handlers=[out], force=True)
    # Libraries log addresses and headers at debug level: never shown.
    for name in ("asyncio", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)


class NonBlockingHandler(logging.Handler):
    """Writes log lines without waiting for a slow reader."""

    def __init__(self, nonblocking: NonBlockingWriter) -> None:
        super().__init__()
        self._writer = nonblocking

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        try:
            self._writer.write((self.format(record) + "\n").encode(errors="backslashreplace"))
        except Exception:  # noqa: BLE001 as logging's own handlers do
            self.handleError(record)

    def flush(self) -> None:
        """See logging.Handler."""
        self._writer.flush()


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    """The line's message. asyncio's messages include the exception's, which may quote a conversation."""
    message = record.getMessage()
    return message.partition("\n")[0] if record.name == "asyncio" else message


def render_trace(error: BaseException) -> str:
    """Where an exception and its causes were raised, the first cause first. Only the system's messages
    (OSError) are included: others may quote a prompt, an answer or a key.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(_render_one(one) for one in reversed(chain))


def _render_one(error: BaseException) -> str:
    words = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return "".join(format_tb(error.__traceback__)) + type(error).__qualname__ + words


class JsonFormatter(logging.Formatter):
    """A log line as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["trace"] = render_trace(record.exc_info[1])
        return json.dumps(fields, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A log line as text."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        line = f"{_time(record)} {record.levelname.lower():7} {escape_controls(_message(record))}"
        trace = record.exc_info[1] if record.exc_info else None
        return line if trace is None else f"{line}\n{render_trace(trace)}"
