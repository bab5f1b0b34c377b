"""Authentication: a key or token in any of the headers that clients of the various dialects use, or the
cookie of a browser that has signed in.
"""

import math
from collections.abc import Sequence
from time import perf_counter
from typing import Protocol as Interface

from tidegate.accounts import Caller, Directory, FailedAttempts
from tidegate.protocols.errors import Forbidden, LimitExceeded, Unauthenticated
from tidegate.wording import counted

from .client_address import is_within, make_address_reader, network_of
from .request import Request

__all__ = ["Keyring", "Sessions", "Tokens", "key_of", "looks_like_token"]


class Tokens(Interface):
    """Callers by their tokens (see `accounts.jwt`)."""

    def known(self, token: str) -> Caller | None:
        """The caller of a token that was verified just now; None if it has to be verified."""
        ...

    async def verify(self, token: str) -> Caller:
        """The caller of a token. Raises Unauthenticated, Forbidden and Unavailable."""
        ...

    async def of_user(self, user: str, *, admin: bool = False) -> Caller:
        """The caller of a user whose token was verified earlier. Raises Forbidden and Unavailable."""
        ...

    def expiry_of(self, token: str) -> float:
        """When a token that was verified expires, in seconds since 1970."""
        ...


class Sessions(Interface):
    """Callers by the cookies of their browsers (see `browser_sessions`)."""

    def presented_by(self, request: Request) -> str | None:
        """What a browser presents; None if it has no cookie of ours."""
        ...

    async def caller(self, request: Request) -> Caller:
        """The caller with a cookie. Raises Unauthenticated, BrowserRefused and Unavailable."""
        ...


class Keyring:
    """Finds out who calls; without any keys, the gateway is open to everyone."""

    def __init__(
        self,
        directory: Directory,
        proxies: Sequence[str],
        failed: FailedAttempts,
        tokens: Tokens | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        """`proxies` are the networks whose `X-Forwarded-For` is believed; `tokens` is None if no tokens are
        accepted, `sessions` if browsers cannot sign in.
        """
        self._directory = directory
        self.address_of = make_address_reader(proxies)
        """Where a request comes from; empty where that is not known."""
        self._failed = failed
        self._tokens = tokens
        self._sessions = sessions

    def identify(self, request: Request) -> Caller | None:
        """The caller; None if `verify` has to look at a token or a cookie. Raises Unauthenticated, Forbidden
        for one that calls from elsewhere than it may, and LimitExceeded after too many failed attempts.

        A key of the store that may be used for ever and from anywhere is looked up once for all requests with
        the same head, until any key changes.
        """
        memory = request.memory
        if memory is None:
            return self._find(request)
        known: tuple[object, Caller] | None = memory.get(Keyring)
        if known is not None and known[0] is self._directory.generation:
            return known[1]
        generation, caller = self._directory.generation, self._find(request)
        if (
            caller is not None
            and caller.key is not None
            and caller.expires_at is None
            and not caller.addresses
        ):
            memory[Keyring] = generation, caller
        return caller

    def _find(self, request: Request) -> Caller | None:
        directory = self._directory
        if not directory.required and not directory.has_keys:
            return directory.anonymous(self.address_of(request))
        key = key_of(request)
        if key is None and self._has_cookie(request):
            return None
        if not directory.required:  # SDKs send some key always
            caller = directory.find(key) if key is not None else None
            if caller is None:
                return directory.anonymous(self.address_of(request))
        elif key is None:
            raise Unauthenticated("no API key: send it as Authorization: Bearer … or X-API-Key")
        else:
            caller = directory.find(key)
            if caller is None and self._tokens is not None and looks_like_token(key):
                return self._tokens.known(key)
            if caller is None or (caller.key is None and self._failed):
                self.slow_down(request, failed=caller is None)
        if caller is None:
            raise Unauthenticated("this API key is not valid for this gateway")
        if caller.addresses:
            self._check_address(request, caller)
        return caller

    async def verify(self, request: Request) -> Caller:
        """The caller with a token or a cookie. Raises what `identify` does, BrowserRefused for a cookie that
        another page has sent, Forbidden for a disabled user, and Unavailable if the user of a valid token, or
        the sign-in of a browser, cannot be looked up.
        """
        token = key_of(request)
        if token is None:
            return await self._signed_in(request)
        assert self._tokens is not None, "identify has found a token"
        try:
            return await self._tokens.verify(token)
        except Unauthenticated as error:
            if error.code == Unauthenticated.code:  # not one that was valid, or may be
                self.slow_down(request, failed=True)
            raise

    def _has_cookie(self, request: Request) -> bool:
        return self._sessions is not None and self._sessions.presented_by(request) is not None

    async def _signed_in(self, request: Request) -> Caller:
        """The caller of a browser that has signed in."""
        assert self._sessions is not None, "identify has found a cookie"
        caller = await self._sessions.caller(request)
        if caller.addresses:
            self._check_address(request, caller)
        return caller

    def slow_down(self, request: Request, *, failed: bool) -> None:
        """Refuse a client that has failed too often. A key that we have made is served all the same (nobody
        guesses 256 bits), so that no other client of its network can lock it out.
        """
        address, now = network_of(self.address_of(request)), perf_counter()
        wait = self._failed.wait(address, now)
        if wait:
            seconds = math.ceil(wait)
            raise LimitExceeded(
                f"too many failed attempts to authenticate from {address}; "
                f"retry in {counted(seconds, 'second')}",
                retry_after=seconds,
            )
        if failed:
            self._failed.count(address, now)

    def _check_address(self, request: Request, caller: Caller) -> None:
        address = self.address_of(request)
        if not is_within(address, tuple(caller.addresses)):
            raise Forbidden(f"this API key may not be used from {address or 'here'}")


def looks_like_token(key: str) -> bool:
    """Whether a key has the form of a signed JWT: three parts, the first of them a JSON object."""
    return key.startswith("eyJ") and key.count(".") == 2


def key_of(request: Request) -> str | None:
    """The key of the request: in headers whose value is just a key (Anthropic's, Google's and Azure's), or in
    Authorization, which SDKs set on their own, and which counts last.
    """
    find = request.named.get
    value = find(b"x-api-key") or find(b"x-goog-api-key") or find(b"api-key")
    if value:
        return value.decode("latin-1").strip()
    value = find(b"authorization", b"")
    if value.startswith(b"Bearer "):  # as nearly all write it
        return value[7:].decode("latin-1").strip() or None
    scheme, _, token = value.decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return None
