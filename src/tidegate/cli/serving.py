"""`tidegate serve` without the library that reads all other command lines: a gateway that was started by it
would keep ten megabytes of it in memory.
"""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.process import Source

__all__ = ["OPTIONS", "read_options", "report_configuration", "run"]

log = logging.getLogger("tidegate")

OPTIONS: Mapping[str, tuple[str, Callable[[str], Any]]] = MappingProxyType(
    {
        "-c": ("config", Path),
        "--config": ("config", Path),
        "--host": ("host", str),
        "--port": ("port", int),
        "--uds": ("uds", str),
        "--ssl-certfile": ("ssl_certfile", str),
        "--ssl-keyfile": ("ssl_keyfile", str),
        "--workers": ("workers", int),
    }
)
"""The options of the command (see `serve.py`): parameter and type."""


def read_options(words: Sequence[str]) -> dict[str, Any] | None:
    """The options of a command line that is `serve`; None for any other, for `--help`, and for mistakes."""
    if not words or words[0] != "serve":
        return None
    found: dict[str, Any] = {}
    rest = iter(words[1:])
    for word in rest:
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if option not in OPTIONS:
            return None
        name, kind = OPTIONS[option]
        text = value if equals else next(rest, "")
        if not text or text.startswith("-"):
            return None
        try:
            found[name] = kind(text)
        except ValueError:
            return None
    return found


def run(
    config: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    uds: str | None = None,
    ssl_certfile: str | None = None,
    ssl_keyfile: str | None = None,
    workers: int | None = None,
) -> None:
    """Serve until a signal says stop. Exits with status 2 for a configuration that is wrong."""
    from tidegate.config import ConfigError
    from tidegate.process import Source, serve

    options = {
        "server.host": host,
        "server.port": port,
        "server.uds": uds,
        "server.ssl_certfile": ssl_certfile,
        "server.ssl_keyfile": ssl_keyfile,
        "server.workers": workers,
    }
    overrides = {key: value for key, value in options.items() if value is not None}
    try:
        source = Source(config, Path.cwd(), overrides)
        report_configuration(source)
        serve(source)
    except ConfigError as error:
        for line in error.lines:
            sys.stderr.write(f"{line}\n")
        sys.exit(2)


def report_configuration(source: "Source") -> None:
    """Log what was found, and all warnings about it."""
    from tidegate.config import list_warnings, summarize
    from tidegate.observe.log_files import start_logging

    config = source.read()
    start_logging(config.logs, source.directory)
    for line in summarize(config):
        log.info("%s", line)
    for warning in list_warnings(config):
        log.warning("%s", warning)
    for handler in logging.getLogger().handlers:
        handler.flush()  # errors after this are printed directly, and must follow these lines
