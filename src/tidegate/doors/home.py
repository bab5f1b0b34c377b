"""The page at `/`: what this is, and where to go from here."""

from html import escape

import msgspec

from tidegate import __version__
from tidegate.exchange import JSON, Gateway, Header, Request
from tidegate.providers import protocol_named

from .routing import Routes

__all__ = ["HomeDoor"]

LINKS = {
    "/docs": "API reference, interactive",
    "/redoc": "API reference",
    "/v1/models": "the models",
    "/health/ready": "readiness",
}
"""Path → what is there."""

HTML: tuple[Header, ...] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}
code {{ background: #8882; padding: .1em .3em; border-radius: .2em }}
:root {{ color-scheme: light dark }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{description}</p>
<ul>
{links}
</ul>
<p>OpenAI's SDKs use <code>/v1</code> of this address as their base URL, Anthropic's and Google's the
address itself.</p>
</body>
</html>
"""


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
        """Respond with a page for browsers, with JSON for other clients."""
        api = gateway.config.api
        if b"text/html" in (request.header(b"accept") or b""):
            links = "\n".join(f'<li><a href="{path}">{path}</a>: {what}</li>' for path, what in LINKS.items())
            page = PAGE.format(title=escape(api.title), description=escape(api.description), links=links)
            request.respond(200, HTML, page.encode())
            return
        body = {"name": api.title, "description": api.description, "version": __version__, "see": LINKS}
        request.respond(200, [JSON], msgspec.json.encode(body))
