"""Browsers that have signed in with a key or a token, and what they have instead of it.

A browser keeps a random id, or a signed statement, never the key. What it may do is decided again with every
request: a key that is revoked, or a user who is disabled, ends the sign-in too.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from hashlib import sha256
from time import time
from typing import TYPE_CHECKING, Literal
from typing import Protocol as Interface

import msgspec
from msgspec import Struct

from tidegate.config import Config

if TYPE_CHECKING:
    from tidegate.store.store import Store

__all__ = ["LASTS_S", "SignIn", "SignIns", "SignedSignIns", "StoredSignIns", "secret_of"]

LASTS_S = 12 * 3600
"""How long a browser stays signed in, in seconds; with a token no longer than the token."""
MOST_ENDED = 10_000
"""Signed statements that are remembered as ended before their time."""
LONGEST = 1024
"""Characters of what a browser may present."""


class SignIn(Struct, frozen=True, kw_only=True):
    """Who has signed in."""

    kind: Literal["admin", "key", "token"]
    who: str
    """The digest of an admin key or a key, in hex; the user of a token."""
    admin: bool = False
    """Whether the token had the claim of administrators; always true for an admin key."""
    expires_at: float
    """In seconds since 1970."""


class SignIns(Interface):
    """Where sign-ins are kept. Its methods raise StoreUnavailable."""

    async def begin(self, sign_in: SignIn) -> str:
        """Keep a sign-in. Returns what the browser presents from now on."""
        ...

    async def find(self, presented: str) -> SignIn | None:
        """The sign-in of a browser; None where it has expired or ended, or never was."""
        ...

    async def end(self, presented: str) -> None:
        """End a sign-in."""
        ...


class StoredSignIns:
    """Sign-ins in the store: they survive a restart, hold for all workers and hosts, and end everywhere at
    once.
    """

    def __init__(self, store: "Store") -> None:
        self._store = store

    async def begin(self, sign_in: SignIn) -> str:
        """See SignIns."""
        from tidegate.store.sign_ins import add_sign_in

        presented = secrets.token_urlsafe(32)
        row = {
            "id": _id_of(presented), "kind": sign_in.kind, "who": sign_in.who, "admin": sign_in.admin,
            "at": int(time() * 1000), "expires_at": int(sign_in.expires_at * 1000),
        }  # fmt: skip
        await self._store.change(add_sign_in, row)
        return presented

    async def find(self, presented: str) -> SignIn | None:
        """See SignIns."""
        from tidegate.store.sign_ins import find_sign_in

        row = await self._store.ask(find_sign_in, _id_of(presented), int(time() * 1000))
        if row is None:
            return None
        return SignIn(
            kind=row["kind"], who=row["who"], admin=row["admin"], expires_at=row["expires_at"] / 1000
        )

    async def end(self, presented: str) -> None:
        """See SignIns."""
        from tidegate.store.sign_ins import remove_sign_in

        await self._store.change(remove_sign_in, _id_of(presented))


class SignedSignIns:
    """Sign-ins without a store: the browser keeps the statement itself, signed with a secret that all workers
    have. They survive a restart; one that is ended stays so in this worker, until it restarts.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._ended: OrderedDict[str, float] = OrderedDict()

    async def begin(self, sign_in: SignIn) -> str:
        """See SignIns."""
        payload = urlsafe_b64encode(msgspec.json.encode([secrets.token_urlsafe(12), sign_in]))
        return f"{payload.decode()}.{self._sign(payload)}"

    async def find(self, presented: str) -> SignIn | None:
        """See SignIns."""
        payload, _, signature = presented.partition(".")
        if len(presented) > LONGEST or not presented.isascii():
            return None
        if not hmac.compare_digest(self._sign(payload.encode()), signature):
            return None
        _, sign_in = _decode(urlsafe_b64decode(payload))
        return sign_in if sign_in.expires_at > time() and _id_of(presented) not in self._ended else None

    async def end(self, presented: str) -> None:
        """See SignIns."""
        if await self.find(presented) is not None:
            self._ended[_id_of(presented)] = time()
            while len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)

    def _sign(self, payload: bytes) -> str:
        return hmac.new(self._secret, payload, sha256).hexdigest()


def secret_of(config: Config) -> bytes | None:
    """The secret of signed sign-ins, made of what is configured and no client knows, so that all workers have
    the same; None if there is nothing of the kind.
    """
    auth = config.auth
    known = [key.reveal() for key in auth.admin_keys]
    if auth.jwt_secret is not None:
        known.append(auth.jwt_secret.reveal())
    if not known and not auth.takes_tokens:
        known = [key.reveal() for key in auth.keys]  # statements can only be about these keys
    if not known:
        return None
    return hmac.new(b"tidegate: sign-ins", b"\0".join(key.encode() for key in known), sha256).digest()


_decode = msgspec.json.Decoder(tuple[str, SignIn]).decode


def _id_of(presented: str) -> str:
    return sha256(presented.encode("utf-8", "replace")).hexdigest()
