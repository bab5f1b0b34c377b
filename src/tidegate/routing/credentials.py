"""The credentials of a service: which of them can be used, and which of those is the least loaded.

An `Account` is a credential at its service: it is blocked when the provider rejects it or its funds are
exhausted. `Limits` are the known rate limits of one credential at one endpoint. A `Slot` is both, for one
credential at one endpoint.
"""

from collections.abc import Callable, Iterable, Sequence

from tidegate.providers.credentials import Credential

from .caps import Cap
from .limits import Limit, parse_limits

__all__ = ["Account", "Limits", "Slot", "WallClock", "least_loaded"]

RATE_S, LONGEST_RATE_S = 2.0, 60.0
"""How long a rate limit without `Retry-After` blocks a credential at first, and at most, in seconds."""
HIGHEST_LEVEL = 5
"""The level at which LONGEST_RATE_S is reached."""
IN_FLIGHT_WEIGHT = 0.05
"""The load of one open attempt, as a share of a limit."""
READ_EVERY_S = 0.25
"""How often the headers of answers are parsed, in seconds."""

FULL = 2.0
"""From this load on, a request is expected to exceed the limits."""

WallClock = Callable[[], float]
"""Returns the time in seconds since the epoch, which providers use for points in time."""
Headers = Iterable[tuple[bytes, bytes]]


class Account:
    """A credential at its service."""

    __slots__ = ("blocked_at", "blocked_until", "effect", "fingerprint", "in_flight", "own", "used")

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.blocked_until = 0.0
        """0 if it has never been blocked."""
        self.blocked_at = 0.0
        """When this worker last saw it rejected."""
        self.own = False
        """Whether this worker saw it, rather than another one."""
        self.effect = ""
        """Why it is blocked: `account` or `funds`."""
        self.in_flight = 0
        """Open attempts."""
        self.used = 0
        """The number of the last attempt that used it, for rotating among equals."""

    def block(self, until: float, effect: str, *, own: bool) -> None:
        """Block it: the provider has rejected it."""
        self.blocked_until, self.effect, self.own = until, effect, own

    def unblock(self, now: float) -> None:
        """It works again."""
        if self.blocked_until > now:
            self.blocked_until, self.own = now, False


class Limits:
    """The rate limits of a credential at an endpoint."""

    __slots__ = (
        "_headers", "_headers_at", "_limits", "_read_at", "_since", "_wall_clock", "blocked_until", "cap",
        "level", "own",
    )  # fmt: skip

    def __init__(self, wall_clock: WallClock) -> None:
        self._wall_clock = wall_clock
        self.blocked_until = 0.0
        """0 if it has never been blocked."""
        self.own = False
        """Whether this worker reached the limit, rather than another one."""
        self.level = 0
        """Consecutive rate limits without `Retry-After`."""
        self._headers: Headers = ()
        """The latest answer's headers, if not parsed yet."""
        self._headers_at = 0.0
        self._read_at = 0.0
        self._limits: dict[str, Limit] = {}
        self._since = 0
        """Attempts begun since the headers."""
        self.cap: Cap | None = None
        """The learned cap of the request rate; None until a limit was reached."""

    def block(self, retry_after: float | None, now: float) -> float:
        """Block the credential: the limit is reached. Returns for how long, in seconds."""
        if self.cap is None:
            self.cap = Cap()
        self.cap.limit(now)
        if retry_after is None:
            wait = min(RATE_S * 2.0**self.level, LONGEST_RATE_S)
            self.level = min(self.level + 1, HIGHEST_LEVEL)
        else:
            wait = retry_after
        if now + wait > self.blocked_until:
            self.blocked_until, self.own = now + wait, True
        return wait

    def succeed(self) -> None:
        """An answer has arrived: the limit is not reached."""
        self.level = 0
        if self.cap is not None:
            self.cap.served += 1

    def begin(self) -> None:
        """An attempt has begun, which the headers do not include yet."""
        self._since += 1
        if self.cap is not None:
            self.cap.begin()

    def is_full(self, now: float) -> bool:
        """Whether one more request would exceed the learned cap."""
        return self.cap is not None and not self.cap.allows(now)

    def is_capped(self, now: float) -> bool:
        """Whether there is a learned cap."""
        return self.cap is not None and self.cap.rate(now) is not None

    def note(self, headers: Headers, now: float) -> None:
        """Keep the headers of an answer."""
        self._headers, self._headers_at, self._since = headers, now, 0

    def load(self, tokens: int, now: float) -> float:
        """The used share of the tightest limit, 0 to 1; more if a request of `tokens` tokens does not fit."""
        self._read(now)
        if self.is_full(now):
            return FULL
        if not self._limits:
            return 0.0
        age = now - self._headers_at
        shares = [
            self._share(what, limit, tokens) for what, limit in self._limits.items() if age < limit.reset_s
        ]
        return max(shares, default=0.0)

    def _share(self, what: str, limit: Limit, tokens: int) -> float:
        spent = self._since if what == "requests" else tokens if what.endswith("tokens") else 0
        return 2.0 if limit.remaining < max(spent, 1) else limit.used

    def _read(self, now: float) -> None:
        if not self._headers or now - self._read_at < READ_EVERY_S:
            return
        limits = parse_limits(self._headers, self._wall_clock() - (now - self._headers_at))
        self._headers, self._read_at, self._limits = (), now, limits


class Slot:
    """One credential at one endpoint."""

    __slots__ = ("account", "credential", "limits")

    def __init__(self, credential: Credential | None, account: Account, limits: Limits) -> None:
        self.credential = credential
        """None if the service needs none."""
        self.account = account
        self.limits = limits

    def available_at(self) -> float:
        """When it can be used again; a time in the past if it can be used now."""
        return max(self.account.blocked_until, self.limits.blocked_until)

    def load(self, tokens: int, now: float) -> float:
        """Its load: 0 is idle; from 2 on, a request of `tokens` tokens exceeds its limits."""
        return self.limits.load(tokens, now) + IN_FLIGHT_WEIGHT * self.account.in_flight


def least_loaded(slots: Sequence[Slot], tokens: int, now: float, preferred: str | None = None) -> Slot | None:
    """The slot to use: the preferred one (by fingerprint) unless its limits are used up, else the least
    loaded, and among equals the least recently used. None if all are blocked.
    """
    best: Slot | None = None
    best_rank = (0.0, 0)
    for slot in slots:
        if slot.account.blocked_until > now or slot.limits.blocked_until > now:
            continue
        load = slot.load(tokens, now)
        if slot.account.fingerprint == preferred and load < FULL:
            return slot
        rank = (load, slot.account.used)
        if best is None or rank < best_rank:
            best, best_rank = slot, rank
    return best
