"""`tidegate serve`."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.config import ConfigError

if TYPE_CHECKING:
    from tidegate.config import Config

__all__ = ["ConfigOption", "report_configuration", "serve"]

log = logging.getLogger("tidegate")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="The operator's file; else ./tidegate.toml, if there is one."
    ),
]


def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    uds: Annotated[
        str | None, typer.Option(metavar="PATH", help="Unix socket to listen on, instead of host and port.")
    ] = None,
    ssl_certfile: Annotated[
        str | None, typer.Option(metavar="FILE", help="Certificate (PEM); clients then speak TLS.")
    ] = None,
    ssl_keyfile: Annotated[
        str | None, typer.Option(metavar="FILE", help="Its private key, if that is in a file of its own.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve.")] = None,
) -> None:
    """Serve the gateway, configured by a file, the environment and .env."""
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
        report_configuration(source.read())
        serve(source)
    except ConfigError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        raise typer.Exit(2) from None


def report_configuration(config: "Config") -> None:
    """Log what was found, and everything about it that deserves a second look."""
    from tidegate.config import list_warnings, summarize
    from tidegate.observe.logs import configure_logging

    configure_logging(config.logs)
    for line in summarize(config):
        log.info("%s", line)
    for warning in list_warnings(config):
        log.warning("%s", warning)
    for handler in logging.getLogger().handlers:
        handler.flush()  # what may still go wrong is printed directly, and belongs behind this
