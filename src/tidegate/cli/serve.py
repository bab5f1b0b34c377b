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
        "--config", "-c", metavar="FILE", help="Configuration file. Default: ./tidegate.toml, if it exists."
    ),
]


def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    uds: Annotated[
        str | None, typer.Option(metavar="PATH", help="Unix socket to listen on, instead of host and port.")
    ] = None,
    ssl_certfile: Annotated[str | None, typer.Option(metavar="FILE", help="TLS certificate (PEM).")] = None,
    ssl_keyfile: Annotated[
        str | None, typer.Option(metavar="FILE", help="The certificate's private key, if in a separate file.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Number of worker processes.")] = None,
) -> None:
    """Run the gateway, configured by a file, the environment and .env."""
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
    """Log what was found, and all warnings about it."""
    from tidegate.config import list_warnings, summarize
    from tidegate.observe.logs import configure_logging

    configure_logging(config.logs)
    for line in summarize(config):
        log.info("%s", line)
    for warning in list_warnings(config):
        log.warning("%s", warning)
    for handler in logging.getLogger().handlers:
        handler.flush()  # errors after this are printed directly, and must follow these lines
