"""Browsers that have signed in: a cookie in place of a key, for pages of the gateway itself.

Four things keep other pages from using it. The cookie is `SameSite=Strict` and out of reach of scripts. A
request with it has to come from a page of this origin (browsers say so in `Origin` and `Sec-Fetch-Site`; a
page on another port of the same host is another origin). Whatever may change something carries a token in a
header that only such a page can know. And the cookie is looked for only in requests without a key.
"""

import hmac
import re
from hashlib import sha256
from time import time
from typing import NamedTuple

from tidegate.accounts import Caller, Directory
from tidegate.accounts.admin_keys import AdminKeys
from tidegate.accounts.api_keys import digest_of
from tidegate.accounts.sign_ins import LASTS_S, SignIn, SignIns
from tidegate.http.contract import ServerRequest
from tidegate.protocols.errors import BrowserRefused, TidegateError, Unauthenticated, Unavailable
from tidegate.store.errors import StoreUnavailable

from .identity import Tokens, looks_like_token
from .request import Header, Request

__all__ = ["CSRF", "BrowserSessions", "Session", "is_own_page"]

CSRF = b"x-tidegate-csrf"
SAFE = ("GET", "HEAD")
_PORT = re.compile(rb":(\d{1,5})$")


class Session(NamedTuple):
    """A browser that has signed in."""

    caller: Caller
    csrf: str
    """What its page sends in `x-tidegate-csrf`."""
    expires_at: float
    """In seconds since 1970."""


class BrowserSessions:
    """The sign-ins of one Config, and the callers that they stand for."""

    def __init__(
        self,
        sign_ins: SignIns,
        directory: Directory,
        admins: AdminKeys,
        tokens: Tokens | None,
        *,
        secure: bool,
        admin_tokens: bool,
    ) -> None:
        """`secure` is whether clients speak TLS with the gateway; `admin_tokens` whether tokens can be those
        of administrators.
        """
        self._sign_ins = sign_ins
        self._directory = directory
        self._admins = admins
        self._tokens = tokens
        self._secure = secure
        self._admin_tokens = admin_tokens

    # --- a request with a cookie ------------------------------------------------------------------

    def presented_by(self, request: Request | ServerRequest) -> str | None:
        """What a browser presents, which may be anything; None if it has no cookie of ours."""
        if b"cookie" not in request.named:
            return None
        wanted = _name_for(request) + b"="
        for name, value in request.headers:
            if name == b"cookie":
                for pair in value.split(b";"):
                    if (pair := pair.strip()).startswith(wanted):
                        return pair[len(wanted) :].decode("latin-1")
        return None

    async def caller(self, request: Request) -> Caller:
        """The caller of a browser with a cookie. Raises Unauthenticated for a sign-in that has ended,
        BrowserRefused for a request that is not from a page of the gateway, and Unavailable.
        """
        presented = self.presented_by(request)
        assert presented is not None, "the caller looks first"
        self.check_page(request)
        if request.method not in SAFE:
            sent = request.named.get(CSRF, b"").decode("latin-1")
            if not hmac.compare_digest(sent.encode(), csrf_of(presented).encode()):
                raise BrowserRefused("this request lacks the token of its page: reload the page")
        session = await self.find(presented)
        if session is None:
            raise Unauthenticated("this browser is not signed in, or not any more: sign in again")
        return session.caller

    async def find(self, presented: str) -> Session | None:
        """The session of a browser; None where there is none. Raises Unavailable."""
        try:
            sign_in = await self._sign_ins.find(presented)
        except StoreUnavailable as error:
            raise Unavailable("sign-ins cannot be looked up at the moment", retry_after=5) from error
        caller = await self._caller_of(sign_in) if sign_in is not None else None
        if sign_in is None or caller is None:
            return None
        return Session(caller, csrf_of(presented), sign_in.expires_at)

    @staticmethod
    def check_page(request: Request) -> None:
        """Raises BrowserRefused for a request that a page of another origin has sent."""
        if not is_own_page(request):
            raise BrowserRefused("only pages of this gateway may use its sign-ins")

    async def _caller_of(self, sign_in: SignIn) -> Caller | None:
        """Whom a sign-in stands for now; None if it stands for nobody any more."""
        if sign_in.kind == "admin":
            name = self._admins.name_of_digest(bytes.fromhex(sign_in.who))
            return None if name is None else Caller(label=name, admin=True)
        if sign_in.kind == "key":
            return self._directory.find_digest(bytes.fromhex(sign_in.who))
        if self._tokens is None:
            return None
        try:
            return await self._tokens.of_user(sign_in.who, admin=sign_in.admin and self._admin_tokens)
        except Unavailable:
            raise
        except TidegateError:  # a user who was disabled
            return None

    # --- signing in and out -----------------------------------------------------------------------

    async def begin(self, key: str, caller: Caller) -> tuple[str, Session]:
        """Sign in with a key that belongs to this caller. Returns what the browser presents from now on.
        Raises Unavailable.
        """
        until = time() + LASTS_S
        if self._admins.name_of(key) is not None:
            sign_in = SignIn(kind="admin", who=digest_of(key).hex(), admin=True, expires_at=until)
        elif self._directory.find(key) is None and self._tokens is not None and looks_like_token(key):
            assert caller.user is not None, "a token has a user"
            until = min(until, self._tokens.expiry_of(key))
            sign_in = SignIn(kind="token", who=caller.user, admin=caller.admin, expires_at=until)
        else:
            until = min(until, caller.expires_at or until)
            sign_in = SignIn(kind="key", who=digest_of(key).hex(), expires_at=until)
        try:
            presented = await self._sign_ins.begin(sign_in)
        except StoreUnavailable as error:
            raise Unavailable("nobody can sign in while the store is away", retry_after=5) from error
        return presented, Session(caller, csrf_of(presented), until)

    async def end(self, presented: str) -> None:
        """Sign out. Raises Unavailable."""
        try:
            await self._sign_ins.end(presented)
        except StoreUnavailable as error:
            raise Unavailable("nobody can sign out while the store is away", retry_after=5) from error

    def cookie(self, request: Request, presented: str, lasts_s: int) -> Header:
        """The header that gives a browser its cookie, or takes it away (`lasts_s` = 0)."""
        secure = self._secure or request.named.get(b"x-forwarded-proto", b"").lower() == b"https"
        value = _name_for(request).decode() + f"={presented}; Path=/; Max-Age={lasts_s}; HttpOnly"
        return b"set-cookie", f"{value}; SameSite=Strict{'; Secure' if secure else ''}".encode()


def csrf_of(presented: str) -> str:
    """The token for the page of a browser, which does not reveal what the browser presents."""
    return sha256(b"csrf\0" + presented.encode("utf-8", "replace")).hexdigest()


def is_own_page(request: Request | ServerRequest) -> bool:
    """Whether a request comes from a page of this gateway, or from no page at all."""
    origin = request.named.get(b"origin")
    if origin is not None:
        return origin.partition(b"://")[2] == request.named.get(b"host", b"") != b""
    return request.named.get(b"sec-fetch-site") in (None, b"none", b"same-origin")


def _name_for(request: Request | ServerRequest) -> bytes:
    """The cookie's name. It has the port, as browsers send cookies to all ports of a host alike."""
    port = _PORT.search(request.named.get(b"host", b""))
    return b"tidegate" if port is None else b"tidegate-" + port[1]
