"""Where the prompt cache of a conversation is warm.

A conversation is recognized by the client's name for it, or else by the beginning that all its requests
share; always per caller, so one caller cannot influence another. Its last two homes are remembered: an
endpoint, a credential, and how much of the prompt is cached there. Moving does not forget the old home: a
conversation that had to move returns to a cache that is still warm, if that is cheaper.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from operator import add, sub
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct

from tidegate.protocols.usage import Usage

from .facts import SessionKey

__all__ = [
    "LEAST_CACHED",
    "Home",
    "Homes",
    "Saved",
    "Savings",
    "conversation_name",
    "held_after",
    "session_key",
    "wants_affinity",
]

AFFINITY_HEADER = b"x-tidegate-affinity"

MOST_SESSIONS = 50_000
"""Maximum number of remembered conversations; the least recently used is forgotten first."""
MOST_HOMES = 2
MOST_NEWS = 2000
"""Maximum number of conversations sent to other workers at a time; the rest is not sent."""
LEAST_CACHED = 1024
"""In tokens: providers that cache automatically do not cache shorter prompts."""
HOUR_S = 3600.0
MISSES_TO_FORGET = 2
KEY_BYTES = 16
CLIP = 4096
"""Bytes of each end of a long text that are hashed, along with its length."""

NAMING = frozenset([b"x-session-id", b"x-claude-code-session-id", b"session_id", b"session-id"])
"""Headers that name a conversation."""

NO_HEADERS: Mapping[bytes, bytes] = MappingProxyType({})


def wants_affinity(headers: Mapping[bytes, bytes]) -> bool:
    """Whether affinity is on for this request: `x-tidegate-affinity: off` switches it off."""
    value = headers.get(AFFINITY_HEADER)
    return value is None or value.strip().lower() != b"off"


def session_key(
    caller: str | None,
    headers: Mapping[bytes, bytes] = NO_HEADERS,
    *,
    session_id: str | None = None,
    prompt_cache_key: str | None = None,
    opening: Callable[[], Iterable[bytes]] | None = None,
) -> SessionKey | None:
    """The key of a conversation; None if nothing distinguishes it from others.

    `opening` returns what all requests of a conversation have in common: model, tools, instructions, the
    user's first message. It is only called if the conversation has no name.
    """
    name = conversation_name(headers, session_id, prompt_cache_key)
    who = (caller or "").encode()
    if name:
        return _digest(who, b"name", name)
    pieces = tuple(opening()) if opening is not None else ()
    return _digest(who, b"opening", *pieces) if pieces else None


def conversation_name(
    headers: Mapping[bytes, bytes], session_id: str | None = None, prompt_cache_key: str | None = None
) -> bytes | None:
    """What the client calls the conversation; None if it gives no name.

    Of several names the first counts: the header `x-session-id`, the body's `session_id`, Claude Code's
    header, Codex's two, the body's `prompt_cache_key`.
    """
    if session_id is None and prompt_cache_key is None and headers.keys().isdisjoint(NAMING):
        return None
    find = headers.get
    return (
        find(b"x-session-id")
        or (session_id and session_id.encode(errors="replace"))
        or find(b"x-claude-code-session-id")
        or find(b"session_id")
        or find(b"session-id")
        or (prompt_cache_key and prompt_cache_key.encode(errors="replace"))
        or None
    )


def _digest(*pieces: bytes) -> SessionKey:
    """A hash of the pieces; each is preceded by its length, so that none can be mistaken for two."""
    lengths = ",".join(map(str, map(len, pieces))).encode()
    if max(map(len, pieces)) > 2 * CLIP:
        pieces = tuple([piece[:CLIP] + piece[-CLIP:] for piece in pieces])
    return blake2b(b"".join((lengths, b":", *pieces)), digest_size=KEY_BYTES).digest()


class Home(Struct, gc=False):
    """Where a conversation's cache is warm."""

    service: str
    model: str
    credential: str
    """The fingerprint of the credential, whose cache it is."""
    tokens: int
    """Tokens of the prompt that the cache is expected to contain."""
    until: float
    """When they expire, unless they are used again."""
    writes: bool
    """Whether writing to the cache is billed."""
    misses: int = 0
    """Consecutive answers without a cache read, although the cache should have been warm."""
    bound: bool = True
    """Whether the conversation prefers to stay; false after a failure."""

    def is_at(self, service: str, model: str, credential: str) -> bool:
        """Whether this is the place."""
        return self.model == model and self.service == service and self.credential == credential


class Homes:
    """The homes of all conversations of a worker."""

    __slots__ = ("_homes", "_most", "_news", "on_news")

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._homes: dict[SessionKey, tuple[Home, ...]] = {}
        """The most recently used conversation is last."""
        self._most = most
        self._news: dict[SessionKey, None] = {}
        self.on_news: Callable[[], None] | None = None
        """Called when there is something for `take_news`. None: nobody wants to know."""

    def __len__(self) -> int:
        return len(self._homes)

    def of(self, session: SessionKey, now: float) -> tuple[Home, ...]:
        """The homes that are still warm, the latest first."""
        homes = self._homes.get(session)
        if homes is None:
            return ()
        for home in homes:
            if home.until <= now:
                return tuple(home for home in homes if home.until > now)
        return homes

    def settle(self, session: SessionKey, home: Home) -> None:
        """Remember where an answer came from, as the latest home."""
        kept: tuple[Home, ...] = ()
        for other in self._homes.pop(session, ()):
            if len(kept) < MOST_HOMES - 1 and not other.is_at(home.service, home.model, home.credential):
                kept = (*kept, other)
        self._keep(session, (home, *kept))
        self._note(session)

    def forget(self, session: SessionKey, home: Home) -> None:
        """Forget a home: nothing is cached there."""
        kept = tuple(other for other in self._homes.get(session, ()) if other is not home)
        if kept:
            self._homes[session] = kept
        else:
            self._homes.pop(session, None)
        self._note(session)

    def unbind(self, session: SessionKey, service: str, model: str) -> None:
        """Let a conversation move after a failed attempt, even if its cache may still be warm."""
        for home in self._homes.get(session, ()):
            if home.service == service and home.model == model:
                home.bound = False
                self._note(session)

    def take_news(self) -> list[tuple[SessionKey, tuple[Home, ...]]]:
        """The conversations whose homes have changed since the last time, and their homes."""
        news, self._news = self._news, {}
        return [(session, self._homes.get(session, ())) for session in news]

    def follow(self, session: SessionKey, homes: tuple[Home, ...]) -> None:
        """Another worker has served the conversation: these are its homes now."""
        self._homes.pop(session, None)
        if homes:
            self._keep(session, homes[:MOST_HOMES])

    def _keep(self, session: SessionKey, homes: tuple[Home, ...]) -> None:
        self._homes[session] = homes
        if len(self._homes) > self._most:
            del self._homes[next(iter(self._homes))]

    def _note(self, session: SessionKey) -> None:
        """Tell the other workers soon; not more than there is time for."""
        if self.on_news is None or len(self._news) >= MOST_NEWS:
            return
        if not self._news:
            self.on_news()
        self._news[session] = None


class Held(NamedTuple):
    """The state of a prompt cache after an answer."""

    tokens: int
    life_s: float
    writes: bool
    misses: int = 0


def held_after(usage: Usage, prompt: int, life_s: float, before: Home | None) -> Held | None:
    """The state of the cache after an answer with this usage and a prompt of `prompt` tokens; None if it is
    empty.

    Providers that report cache writes cache what they are asked to cache. Others cache long prompts
    automatically, even if they report nothing. If they report twice in a row that nothing was read although
    it should have been cached (`before`), the cache is no longer relied on.
    """
    read = usage.cache_read or 0
    written = usage.cache_write_total
    if written is not None:
        held = read + written
        return Held(held, HOUR_S if usage.cache_write_1h else life_s, writes=True) if held else None
    missed = usage.cache_read is not None and before is not None and not read
    misses = before.misses + 1 if missed and before is not None else 0
    held = prompt
    if held < LEAST_CACHED or misses >= MISSES_TO_FORGET:
        return None
    return Held(held, life_s, writes=False, misses=misses)


class Saved(NamedTuple):
    """Counts of `Savings`, as workers send them to each other."""

    stayed: int
    moved: int
    prompt_tokens: int
    read_tokens: int
    usd: float


class Savings:
    """Statistics of affinity and prompt caches."""

    __slots__ = ("_reported", "moved", "prompt_tokens", "read_tokens", "stayed", "usd")

    def __init__(self) -> None:
        self.stayed = self.moved = 0
        """Requests of conversations with a warm cache: served there, and served elsewhere."""
        self.prompt_tokens = self.read_tokens = 0
        """Tokens of all prompts, and those read from a cache."""
        self.usd = 0.0
        """Discounts for cache reads minus premiums for cache writes, in USD."""
        self._reported = self._counts()
        """What the other workers know."""

    def _counts(self) -> "Saved":
        return Saved(self.stayed, self.moved, self.prompt_tokens, self.read_tokens, self.usd)

    def take_news(self) -> "Saved | None":
        """What was counted here since the last time, for other workers; None if nothing was."""
        counts, reported = self._counts(), self._reported
        self._reported = counts
        return Saved(*map(sub, counts, reported)) if counts != reported else None

    def add(self, other: "Saved") -> None:
        """Add what another worker has counted."""
        self._reported = Saved(*map(add, self._reported, other))
        self.stayed += other.stayed
        self.moved += other.moved
        self.prompt_tokens += other.prompt_tokens
        self.read_tokens += other.read_tokens
        self.usd += other.usd

    def as_dict(self) -> Mapping[str, float | None]:
        """The counts, the share of cached tokens (None before the first prompt), and the money saved."""
        rate = round(self.read_tokens / self.prompt_tokens, 4) if self.prompt_tokens else None
        return {
            "stayed": self.stayed,
            "moved": self.moved,
            "prompt_tokens": self.prompt_tokens,
            "cache_read_tokens": self.read_tokens,
            "hit_rate": rate,
            "saved_usd": round(self.usd, 9),
        }
