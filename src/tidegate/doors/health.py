"""Liveness and readiness."""

import msgspec

from tidegate import __version__
from tidegate.exchange import JSON, Gateway, Request
from tidegate.providers import protocol_named

from .routing import Routes

__all__ = ["HealthDoor"]


class HealthDoor:
    """For load balancers and people. Needs no key, reveals no names, writes no record."""

    name = "health"
    prefix = "/health"

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_chat")

    def routes(self) -> Routes:
        """See Door."""
        paths = {"/health": self.live, "/health/live": self.live, "/health/ready": self.ready}
        return {("GET", path): endpoint for path, endpoint in paths.items()}

    async def live(self, request: Request, gateway: Gateway) -> None:
        """Report that the process responds."""
        self._respond(request, 200, "ok", gateway)

    async def ready(self, request: Request, gateway: Gateway) -> None:
        """Report whether requests can be served, which needs at least one provider."""
        if gateway.config.providers:
            self._respond(request, 200, "ready", gateway)
        else:
            self._respond(request, 503, "no provider is configured", gateway)

    def _respond(self, request: Request, status: int, word: str, gateway: Gateway) -> None:
        body = {"status": word, "version": __version__, "open_requests": len(gateway.watchdog)}
        request.respond(status, [JSON], msgspec.json.encode(body))
