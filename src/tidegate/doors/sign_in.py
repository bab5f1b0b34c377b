"""Signing in to the dashboard: a key or token in, a cookie out."""

from collections.abc import Awaitable
from time import time
from typing import Any

import msgspec

from tidegate import __version__
from tidegate.accounts import Caller
from tidegate.exchange import JSON, Gateway, Header, Request, recorded, refuse
from tidegate.exchange.browser_sessions import Session
from tidegate.exchange.identity import key_of
from tidegate.exchange.state import Exchange
from tidegate.protocols.errors import TidegateError, Unauthenticated
from tidegate.providers import protocol_named

from .routing import Routes

__all__ = ["SignInDoor", "may_view"]

PRIVATE: Header = (b"cache-control", b"no-store")


class SignInDoor:
    """For the pages of the dashboard. Records say who has signed in or failed to, never with what."""

    name = "sign_in"
    prefix = "/ui"

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_chat")

    def routes(self) -> Routes:
        """See Door."""
        return {
            ("GET", "/ui/session"): self.show,
            ("POST", "/ui/session"): self.sign_in,
            ("DELETE", "/ui/session"): self.sign_out,
        }

    async def show(self, request: Request, gateway: Gateway) -> None:
        """Report who has signed in, if anybody has. It writes no record."""
        presented = gateway.sessions.presented_by(request)
        try:
            gateway.sessions.check_page(request)
            session = await gateway.sessions.find(presented) if presented is not None else None
        except TidegateError as error:
            await refuse(request, self, gateway, error)
            return
        request.respond(200, [JSON, PRIVATE], msgspec.json.encode(_describe(session, request, gateway)))

    def sign_in(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Sign in with the key or token of the request."""

        async def handler(this: Exchange) -> None:
            gateway.sessions.check_page(request)
            key = key_of(request)
            if key is None:
                raise Unauthenticated("no key: send it as Authorization: Bearer …")
            this.caller = request.caller = caller = await _owner_of(key, request, gateway)
            presented, session = await gateway.sessions.begin(key, caller)
            lasts_s = max(1, int(session.expires_at - time()))
            headers = [JSON, PRIVATE, gateway.sessions.cookie(request, presented, lasts_s)]
            request.respond(200, headers, msgspec.json.encode(_describe(session, request, gateway)))

        return recorded(request, self, gateway, handler)

    def sign_out(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """End the sign-in of this browser."""

        async def handler(this: Exchange) -> None:
            presented = gateway.sessions.presented_by(request)
            if presented is not None and await gateway.sessions.find(presented) is not None:
                this.caller = request.caller = await gateway.sessions.caller(request)
                await gateway.sessions.end(presented)
            headers = [JSON, PRIVATE, gateway.sessions.cookie(request, "", 0)]
            request.respond(200, headers, b'{"signed_in":false}')

        return recorded(request, self, gateway, handler)


async def may_view(request: Request, gateway: Gateway) -> bool:
    """Whether a browser may have the dashboard's pages: it has signed in, or the gateway is open to it."""
    if gateway.admins.is_viewer(request):
        return True
    presented = gateway.sessions.presented_by(request)
    try:
        return presented is not None and await gateway.sessions.find(presented) is not None
    except TidegateError:  # the page that it gets instead says what is wrong
        return False


async def _owner_of(key: str, request: Request, gateway: Gateway) -> Caller:
    """Whose key or token it is. Raises Unauthenticated and what Keyring raises."""
    keyring = gateway.keyring
    keyring.slow_down(request, failed=False)
    name = gateway.admins.name_of(key)
    if name is not None:
        return Caller(label=name, admin=True)
    caller = keyring.identify(request) or await keyring.verify(request)
    if caller.label is None:  # the gateway is open to everybody: that is nobody's key
        keyring.slow_down(request, failed=True)
        raise Unauthenticated("this key is not valid for this gateway")
    return caller


def _describe(session: Session | None, request: Request, gateway: Gateway) -> dict[str, Any]:
    """What a page has to know: who looks at it, and what there is to see."""
    config = gateway.config
    gateway_has = {
        "title": config.api.title,
        "version": __version__,
        "store": bool(config.store.url),
        "billing": config.billing.enabled,
        "open": config.auth.mode == "open",
    }
    if session is None:
        return {"signed_in": False, "viewer": gateway.admins.is_viewer(request), "gateway": gateway_has}
    caller = session.caller
    return {
        "signed_in": True, "viewer": False, "admin": caller.admin, "name": caller.label, "user": caller.user,
        "team": caller.team, "key": caller.key, "csrf": session.csrf,
        "expires_at": int(session.expires_at * 1000), "gateway": gateway_has,
    }  # fmt: skip
