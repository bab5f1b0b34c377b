"""What is at `/`: the dashboard for browsers, and for other clients where to go from here."""

import msgspec

from tidegate import __version__
from tidegate.exchange import JSON, Gateway, Request
from tidegate.providers import protocol_named

from .routing import Routes

__all__ = ["HomeDoor"]

LINKS = {
    "/ui": "the dashboard",
    "/docs": "API reference, interactive",
    "/redoc": "API reference",
    "/v1/models": "the models",
    "/health/ready": "readiness",
}
"""Path → what is there."""


class HomeDoor:
    """For people who open the address in a browser. Needs no key, reveals no names, writes no record."""

    name = "home"
    prefix = "/"

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_chat")

    def routes(self) -> Routes:
        """See Door."""
        return {("GET", "/"): self.welcome}

    async def welcome(self, request: Request, gateway: Gateway) -> None:
        """Lead browsers to the dashboard, and respond to other clients with JSON."""
        if b"text/html" in (request.header(b"accept") or b""):
            request.respond(302, [(b"location", b"/ui"), (b"vary", b"accept")], b"")
            return
        api = gateway.config.api
        body = {"name": api.title, "description": api.description, "version": __version__, "see": LINKS}
        request.respond(200, [JSON, (b"vary", b"accept")], msgspec.json.encode(body))
