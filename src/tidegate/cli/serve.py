"""`tidegate serve`."""

from pathlib import Path
from typing import Annotated

import typer

from .serving import run

__all__ = ["ConfigOption", "serve"]

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
    run(config, host, port, uds, ssl_certfile, ssl_keyfile, workers)
