"""Who may use the admin API: keys of their own, which no client has, tokens with the claim for it, and
browsers that have signed in with one of them.
"""

import ipaddress
import re

from tidegate.accounts.admin_keys import AdminKeys
from tidegate.http.contract import ServerRequest
from tidegate.protocols.errors import BrowserRefused, Forbidden, Unauthenticated

from .browser_sessions import BrowserSessions, is_own_page
from .identity import Keyring, Tokens, key_of, looks_like_token
from .request import Request

__all__ = ["ADMIN_PATH", "AdminAccess"]

ADMIN_PATH = "/admin"
OPEN = ("/admin/docs", "/admin/redoc", "/admin/openapi.json")
"""The description of the admin API, which reveals no accounts."""
VIEWED = ("/admin/overview", "/admin/requests", "/admin/sessions", "/admin/live", "/admin/refusals")
"""What everybody on this machine may read of a gateway that is open to it: figures, and lists without
contents."""
FORWARDED = (b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip")
"""Headers of proxies, whose clients may be anywhere."""
_HOST = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]*)(?::\d*)?")


class AdminAccess:
    """The admin keys of a Config, its tokens of administrators, and who has signed in with them."""

    def __init__(
        self,
        keys: AdminKeys,
        keyring: Keyring,
        sessions: BrowserSessions,
        tokens: Tokens | None = None,
        *,
        open_here: bool = False,
    ) -> None:
        """`keyring` slows down who guesses keys. `tokens` is None if no token suffices. `open_here` is
        whether the gateway needs no keys and is reachable from this machine only.
        """
        self._keys = keys
        self._keyring = keyring
        self._sessions = sessions
        self._tokens = tokens
        self._viewable = open_here and not keys and tokens is None

    async def authorize(self, client: ServerRequest | Request) -> str:
        """Who makes a request for the admin API, as the log names them; empty for what anybody may read.
        Raises Forbidden, BrowserRefused, Unauthenticated, LimitExceeded, and what Tokens.verify raises.
        """
        if client.path in OPEN:
            return ""
        if client.path in VIEWED and client.method == "GET" and self.is_viewer(client):
            return ""
        if not self._keys and self._tokens is None:
            raise Forbidden(
                "this gateway has no admin key. To use /admin, the operator sets admin_keys in [auth] "
                "(TIDEGATE_ADMIN_KEYS)",
                code="no_admin_key",
            )
        if not is_own_page(client):
            raise BrowserRefused("web pages of other origins may not call /admin")
        request = client if isinstance(client, Request) else Request(client)
        key = key_of(request)
        if key is None:
            return f"the browser of {await self._signed_in(request)}"
        name = self.name_of(key)
        self._keyring.slow_down(request, failed=False)
        if name is not None:
            return f"the key {name}"
        if self._tokens is not None and looks_like_token(key):
            return f"the token of {await _administrator(self._tokens, key)}"
        self._keyring.slow_down(request, failed=True)
        raise Unauthenticated("this admin key is not valid")

    def is_viewer(self, client: Request | ServerRequest) -> bool:
        """Whether somebody on this machine looks at a gateway that is open to it and has no administrator. A
        page whose host name was rebound to this machine has another `Host`.
        """
        find = client.named.get
        return (
            self._viewable
            and (not client.peer or _is_loopback(client.peer))
            and _is_loopback(_name_of(find(b"host", b"")))
            and not any(name in client.named for name in FORWARDED)
            and is_own_page(client)
        )

    def name_of(self, key: str) -> str | None:
        """The name of the administrator with this key; None for a key that is none."""
        return self._keys.name_of(key)

    async def _signed_in(self, request: Request) -> str:
        """The administrator who has signed in with a browser."""
        if self._sessions.presented_by(request) is None:
            raise Unauthenticated("no admin key: send it as Authorization: Bearer … or X-API-Key")
        caller = await self._sessions.caller(request)
        if not caller.admin or caller.label is None:
            raise Forbidden("who has signed in may not use the admin API")
        return caller.label


async def _administrator(tokens: Tokens, token: str) -> str:
    """The user of an administrator's token. Raises Forbidden if it is none, and what Tokens.verify raises."""
    caller = await tokens.verify(token)
    if not caller.admin or caller.user is None:
        raise Forbidden("the user of this token may not use the admin API")
    return caller.user


def _name_of(host: bytes) -> str:
    found = _HOST.fullmatch(host.decode("latin-1"))
    return found[1].strip("[]").lower() if found else ""


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
