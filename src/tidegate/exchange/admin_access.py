"""Who may use the admin API: keys of their own, which no client has, and tokens with the claim for it."""

import hmac
from collections.abc import Iterable

from tidegate.accounts.api_keys import digest_of, split_name
from tidegate.http.contract import ServerRequest
from tidegate.protocols.errors import BrowserRefused, Forbidden, Unauthenticated

from .identity import Keyring, Tokens, key_of, looks_like_token
from .request import Request

__all__ = ["ADMIN_PATH", "AdminAccess"]

ADMIN_PATH = "/admin"
OPEN = ("/admin/docs", "/admin/redoc", "/admin/openapi.json")
"""The description of the admin API, which reveals no accounts."""


class AdminAccess:
    """The admin keys of a Config, and its tokens of administrators."""

    def __init__(self, keys: Iterable[str], keyring: Keyring, tokens: Tokens | None = None) -> None:
        """`keys` may have names, as those of clients: `ops:key`. `keyring` slows down who guesses them.
        `tokens` is None if no token suffices.
        """
        self._keyring = keyring
        self._tokens = tokens
        self._digests = [(digest_of(secret), name) for name, secret in map(_named, keys)]

    async def authorize(self, client: ServerRequest) -> str:
        """Who makes a request for the admin API, as the log names them; empty for pages that anybody may
        read. Raises Forbidden, BrowserRefused, Unauthenticated, LimitExceeded, and what Tokens.verify raises.
        """
        if client.path in OPEN:
            return ""
        if not self._digests and self._tokens is None:
            raise Forbidden(
                "this gateway has no admin key. To use /admin, the operator sets admin_keys in [auth] "
                "(TIDEGATE_ADMIN_KEYS)",
                code="no_admin_key",
            )
        if not _is_own_page(client):
            raise BrowserRefused("web pages of other origins may not call /admin")
        request = Request(client)
        key = key_of(request)
        if key is None:
            raise Unauthenticated("no admin key: send it as Authorization: Bearer … or X-API-Key")
        name = self.name_of(key)
        self._keyring.slow_down(request, failed=False)
        if name is not None:
            return f"the key {name}"
        if self._tokens is not None and looks_like_token(key):
            return f"the token of {await _administrator(self._tokens, key)}"
        self._keyring.slow_down(request, failed=True)
        raise Unauthenticated("this admin key is not valid")

    def name_of(self, key: str) -> str | None:
        """Whose key it is; None for a key that is none. It takes equally long for every key."""
        given, found = digest_of(key), None
        for digest, name in self._digests:
            if hmac.compare_digest(digest, given):
                found = name
        return found


async def _administrator(tokens: Tokens, token: str) -> str:
    """The user of an administrator's token. Raises Forbidden if it is none, and what Tokens.verify raises."""
    caller = await tokens.verify(token)
    if not caller.admin or caller.user is None:
        raise Forbidden("the user of this token may not use the admin API")
    return caller.user


def _is_own_page(client: ServerRequest) -> bool:
    """Whether a request comes from a page of this gateway, or from no page at all."""
    origin = client.named.get(b"origin")
    if origin is not None:
        return origin.partition(b"://")[2] == client.named.get(b"host", b"") != b""
    return client.named.get(b"sec-fetch-site") in (None, b"none", b"same-origin")


def _named(key: str) -> tuple[str, str]:
    name, secret = split_name(key)
    return name or f"admin-{digest_of(secret).hex()[:8]}", secret
