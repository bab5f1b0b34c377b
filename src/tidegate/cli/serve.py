"""`tidegate serve`."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.config import ConfigError

__all__ = ["ConfigOption", "serve"]

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
    workers: Annotated[int | None, typer.Option(help="Processes that serve.")] = None,
) -> None:
    """Serve the gateway, configured by a file, the environment and .env."""
    from tidegate.server import Source, serve

    told = {"server.host": host, "server.port": port, "server.workers": workers}
    overrides = {key: value for key, value in told.items() if value is not None}
    try:
        serve(Source(config, Path.cwd(), overrides))
    except ConfigError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        raise typer.Exit(2) from None
