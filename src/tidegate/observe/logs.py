"""The process's own log: starts, reloads, faults. To standard error, apart from the records."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

from tidegate.config import Logs

from .nonblocking import NonBlockingWriter
from .record import Record
from .request_log import render_json, render_text

__all__ = ["RENDERERS", "configure_logging", "line_format"]

RENDERERS: Mapping[str, Callable[[Record], bytes]] = {"json": render_json, "text": render_text}


def line_format(logs: Logs) -> Literal["json", "text"]:
    """The form of lines: what is configured, or readable on a terminal and JSON elsewhere."""
    if logs.format != "auto":
        return logs.format
    return "text" if sys.stdout.isatty() else "json"


def configure_logging(logs: Logs) -> None:
    """Send all loggers' lines to standard error, at the configured level."""
    out = NonBlockingHandler(NonBlockingWriter(sys.stderr.fileno(), lambda _: None))
    out.setFormatter(JsonFormatter() if line_format(logs) == "json" else TextFormatter())
    logging.basicConfig(level=logs.level.upper(), handlers=[out], force=True)
    # The libraries' own chatter at debug level names addresses and headers: never shown.
    for name in ("asyncio", "aiohttp", "watchfiles"):
        logging.getLogger(name).setLevel(logging.WARNING)


class NonBlockingHandler(logging.Handler):
    """Log lines on their way to where nobody may read them."""

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


class JsonFormatter(logging.Formatter):
    """A log line as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        told = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A log line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        line = f"{_time(record)} {record.levelname.lower():7} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line
