"""The credentials of a service: which of them may be used, and which of those is the least loaded.

An `Account` is a credential at its service: it is closed when the provider refuses it or its funds are used
up. A `Limits` is what is known of the rate limits of one credential at one endpoint. A `Slot` is both, for
one credential at one endpoint: what a request can be sent with.
"""

from collections.abc import Callable, Iterable, Sequence

from tidegate.providers.credentials import Credential

from .limits import Limit, parse_limits

__all__ = ["Account", "Limits", "Slot", "Wall", "least_loaded"]

RATE_S, LONGEST_RATE_S = 2.0, 60.0
"""How long a rate limit without `Retry-After` closes a credential the first time, and at most, in seconds."""
HIGHEST_LEVEL = 5
"""The level at which LONGEST_RATE_S is reached."""
IN_FLIGHT_WEIGHT = 0.05
"""What one open attempt adds to the load, in shares of a limit."""
READ_EVERY_S = 0.25
"""How often the headers of answers are read, in seconds."""

Wall = Callable[[], float]
"""The time in seconds since the epoch: providers name moments by it."""
Headers = Iterable[tuple[bytes, bytes]]


class Account:
    """A credential at its service."""

    __slots__ = ("closed_at", "closed_until", "effect", "fingerprint", "in_flight", "own", "used")

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.closed_until = 0.0
        """0 while it has never been closed."""
        self.closed_at = 0.0
        """When this worker has last seen it refused."""
        self.own = False
        """Whether this worker has seen it, not another one."""
        self.effect = ""
        """Why it is closed: `account` or `funds`."""
        self.in_flight = 0
        """Open attempts."""
        self.used = 0
        """The number of the attempt that used it last: rotation among equals."""

    def close(self, until: float, effect: str, *, own: bool) -> None:
        """The provider has refused it."""
        self.closed_until, self.effect, self.own = until, effect, own

    def reopen(self, now: float) -> None:
        """It works again."""
        if self.closed_until > now:
            self.closed_until, self.own = now, False


class Limits:
    """The rate limits of a credential at an endpoint."""

    __slots__ = (
        "_headers", "_headers_at", "_limits", "_read_at", "_since", "_wall", "closed_until", "level", "own",
    )  # fmt: skip

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self.closed_until = 0.0
        """0 while it has never been closed."""
        self.own = False
        """Whether this worker has reached the limit, not another one."""
        self.level = 0
        """How many times in a row it was limited without a `Retry-After`."""
        self._headers: Headers = ()
        """The latest answer's, not read yet."""
        self._headers_at = 0.0
        self._read_at = 0.0
        self._limits: dict[str, Limit] = {}
        self._since = 0
        """Attempts begun since the headers."""

    def close(self, retry_after: float | None, now: float) -> float:
        """The limit is reached. Returns for how long it closes the credential, in seconds."""
        if retry_after is None:
            wait = min(RATE_S * 2.0**self.level, LONGEST_RATE_S)
            self.level = min(self.level + 1, HIGHEST_LEVEL)
        else:
            wait = retry_after
        if now + wait > self.closed_until:
            self.closed_until, self.own = now + wait, True
        return wait

    def succeed(self) -> None:
        """An answer has come: the limit is not reached."""
        self.level = 0

    def begin(self) -> None:
        """An attempt has begun: it is not in the headers yet."""
        self._since += 1

    def note(self, headers: Headers, now: float) -> None:
        """Keep the headers of an answer."""
        self._headers, self._headers_at, self._since = headers, now, 0

    def load(self, tokens: int, now: float) -> float:
        """The used share of the tightest limit, 0 to 1; more where a request of so many tokens does not
        fit.
        """
        self._read(now)
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
        limits = parse_limits(self._headers, self._wall() - (now - self._headers_at))
        self._headers, self._read_at, self._limits = (), now, limits


class Slot:
    """One credential at one endpoint."""

    __slots__ = ("account", "credential", "limits")

    def __init__(self, credential: Credential | None, account: Account, limits: Limits) -> None:
        self.credential = credential
        """None where the service needs none."""
        self.account = account
        self.limits = limits

    def opens_at(self) -> float:
        """When it can be used again; in the past if it can be used now."""
        return max(self.account.closed_until, self.limits.closed_until)

    def load(self, tokens: int, now: float) -> float:
        """How much it is used: 0 is idle, from 2 on a request of so many tokens does not fit its limits."""
        return self.limits.load(tokens, now) + IN_FLIGHT_WEIGHT * self.account.in_flight


FULL = 2.0
"""The load from which on a slot is expected to refuse."""


def least_loaded(slots: Sequence[Slot], tokens: int, now: float, preferred: str | None = None) -> Slot | None:
    """The slot to use: the preferred one (by its fingerprint) unless its limits are used up, else the least
    loaded, of equals the one that was used the longest time ago. None if all are closed.
    """
    best: Slot | None = None
    best_rank = (0.0, 0)
    for slot in slots:
        if slot.account.closed_until > now or slot.limits.closed_until > now:
            continue
        load = slot.load(tokens, now)
        if slot.account.fingerprint == preferred and load < FULL:
            return slot
        rank = (load, slot.account.used)
        if best is None or rank < best_rank:
            best, best_rank = slot, rank
    return best
