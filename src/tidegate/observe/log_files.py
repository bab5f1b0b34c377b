"""The three streams of log files: what the process reports, what was said, and what went wrong."""

import logging
from functools import lru_cache
from pathlib import Path

from tidegate.config import Logs

from .interaction import Interaction
from .interaction_lines import failed, render_interaction, render_interaction_json
from .logs import NonBlockingHandler, TextFormatter, configure_logging
from .nonblocking import NonBlockingWriter
from .request_log import render_text
from .rotating import RotatingFile

__all__ = ["ERRORS", "INTERACTIONS", "SYSTEM", "LogFiles", "open_log_files", "start_logging"]

SYSTEM, INTERACTIONS, ERRORS = "tidegate_system", "tidegate_llm_interactions", "tidegate_error"
"""How the names of the files begin."""

log = logging.getLogger("tidegate")


class LogFiles:
    """The files of one process. Several processes may write to the same ones."""

    def __init__(self, logs: Logs, directory: Path) -> None:
        """The files are in `logs.directory`, relative to `directory`."""
        folder = directory / (logs.directory or ".")
        self._render = render_interaction if logs.interactions == "text" else render_interaction_json

        def open_stream(stream: str) -> NonBlockingWriter:
            file = RotatingFile(folder, stream, logs.keep_days, logs.file_mb * 1024 * 1024)
            return NonBlockingWriter(file.descriptor, log.error)

        self._interactions = open_stream(INTERACTIONS)
        self._errors = open_stream(ERRORS)
        self._handlers = (
            _handler(open_stream(SYSTEM), logging.NOTSET),
            _handler(self._errors, logging.ERROR),
        )

    def attach(self, logger: logging.Logger) -> None:
        """Write a logger's lines to the system's file, and its errors to that of errors too. Attaching the
        files again changes nothing.
        """
        for handler in self._handlers:
            logger.addHandler(handler)

    def write(self, interaction: Interaction) -> None:
        """Write an interaction, and one that failed to the errors too."""
        self._interactions.write(self._render(interaction))
        if failed(interaction.record):
            self._errors.write(render_text(interaction.record))


def _handler(writer: NonBlockingWriter, level: int) -> logging.Handler:
    handler = NonBlockingHandler(writer)
    handler.setLevel(level)
    handler.setFormatter(TextFormatter())
    return handler


@lru_cache(maxsize=1)
def open_log_files(logs: Logs, directory: Path) -> LogFiles:
    """The files of this process: the same for each who asks."""
    return LogFiles(logs, directory)


def start_logging(logs: Logs, directory: Path) -> None:
    """Write all loggers' lines to standard error, and to files if they are configured."""
    configure_logging(logs)
    if logs.directory:
        open_log_files(logs, directory).attach(logging.getLogger())
