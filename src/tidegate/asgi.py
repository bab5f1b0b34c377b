"""`tidegate.asgi:app`: the gateway for any ASGI server.

Configured by the environment and by the `tidegate.toml` of the working directory, which is read when the
server starts the application. The server owns the signals, the log and the number of workers; these find each
other in a folder of the host.
"""

import logging
from pathlib import Path
from typing import Any

from tidegate.app import Tidegate
from tidegate.config import ConfigError
from tidegate.process import Source, make_app, meet_siblings

__all__ = ["app"]

log = logging.getLogger("tidegate")

ADVICE = "set TIDEGATE_API_KEYS to require a key"
"""The server chooses the address, so the gateway cannot know whether other machines can reach it."""


class _Application:
    """Becomes the gateway when the server starts it."""

    def __init__(self) -> None:
        self._gateway: Tidegate | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if self._gateway is None:
            if scope["type"] != "lifespan":
                raise RuntimeError("tidegate.asgi:app needs a server that speaks ASGI's lifespan protocol")
            try:
                source = Source(None, Path.cwd(), {})
                config = source.read()
                bus = meet_siblings(source.directory)
                self._gateway, _ = make_app(config, source, exposed=False, bus=bus)
            except ConfigError as error:
                await receive()
                await send({"type": "lifespan.startup.failed", "message": "\n".join(error.lines)})
                return
            if config.auth.mode == "open" and not config.auth.open_beyond_loopback:
                log.warning("no client keys: everyone who can reach this server has access; %s", ADVICE)
        await self._gateway(scope, receive, send)


app = _Application()
