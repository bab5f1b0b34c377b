"""`tidegate serve`: read the configuration, open the sockets, serve."""

import logging
import sys

from tidegate.config import baseline_of
from tidegate.observe.log_files import start_logging

from .descriptors import open_missing_streams, raise_file_limit
from .listeners import load_certificate, open_listeners
from .source import Source
from .supervisor import supervise
from .worker import Worker, ignore_hangups

__all__ = ["serve"]

log = logging.getLogger("tidegate")


def serve(source: Source) -> None:
    """Serve until a signal says stop. Raises ConfigError before anything is opened."""
    ignore_hangups()
    open_missing_streams()
    config = source.read()
    start_logging(config.logs, source.directory)
    raise_file_limit()
    try:
        load_certificate(config.server)
    except OSError as error:
        sys.exit(f"cannot use the certificate {config.server.ssl_certfile}: {error.strerror or error}")
    listeners = open_listeners(config.server)
    try:
        if config.server.workers > 1:
            baseline = baseline_of(config, exposed=listeners.exposed)
            status = supervise(source, listeners, config.server.workers, baseline)
        else:
            worker = Worker(config, source, exposed=listeners.exposed)
            status = worker.serve(listeners.sockets, lambda: log.info("serving on %s", listeners.address))
    finally:
        listeners.remove()
    if status:
        sys.exit(status)
