"""`tidegate health`."""

from http.client import HTTPConnection, HTTPException
from typing import Annotated

import typer

from .config import load_or_exit
from .demo import reachable
from .serve import ConfigOption

__all__ = ["health"]

PATIENCE_S = 4.0


def health(
    config: ConfigOption = None,
    port: Annotated[
        int | None, typer.Option(help="The gateway's port, if it was set on the command line.")
    ] = None,
) -> None:
    """Check whether the gateway configured here is alive; for container health checks.

    The exit status is 0 if it is, 1 if not, 2 if the configuration is invalid.
    """
    server = load_or_exit(config).server
    host, wanted = reachable(server.host), port or server.port
    connection = HTTPConnection(host.strip("[]"), wanted, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/health/live")
        response = connection.getresponse()
        typer.echo(response.read().decode())
    except (OSError, HTTPException) as error:
        typer.echo(f"http://{host}:{wanted}/health/live: {error}", err=True)
        raise typer.Exit(1) from None
    finally:
        connection.close()
    if response.status != 200:
        raise typer.Exit(1)
