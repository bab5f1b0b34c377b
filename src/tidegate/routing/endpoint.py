"""The state of the endpoints, which the router keeps between requests.

A `Lane` is a candidate with its endpoint and credentials, looked up once. Several candidates may share one
endpoint; a reload creates new candidates, and the endpoints remain.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from random import Random

from tidegate.catalog import Rate, Tiered, identity_of
from tidegate.money.pricing import PriceList
from tidegate.providers import Candidate

from .breaker import Breaker
from .cost import Card, card_of
from .credentials import Account, Limits, Slot, WallClock
from .figures import Figures
from .needs import Abilities
from .plan import BlockedBy, Choice, Pick, Plan

__all__ = ["Endpoint", "Endpoints", "Lane"]

MOST_ENDPOINTS = 1024
"""Maximum number of remembered endpoints: clients may choose the names of models."""
MOST_LANES = 4096
PRICES_S = 60.0
"""How long prices are cached, in seconds: some change with the time of day."""
WORSE = frozenset(["ttft", "errors"])
"""Changes that make an endpoint a worse choice."""
NO_CREDENTIAL = "none"
"""The fingerprint for services that need no credential."""


class Endpoint:
    """A service and its name for a model."""

    __slots__ = (
        "breaker",
        "changes",
        "claimed",
        "clean",
        "error_is_news",
        "figures",
        "last_error",
        "last_error_at",
        "limits",
        "missing_own",
        "missing_until",
        "model",
        "probe_error",
        "probe_is_news",
        "probed_at",
        "service",
    )

    def __init__(self, service: str, model: str, random: Random) -> None:
        self.service = service
        """The service's name."""
        self.model = model
        self.figures = Figures()
        self.breaker = Breaker(random)
        self.missing_until = 0.0
        """Until when the model is considered missing at the account; 0 if it never was."""
        self.missing_own = False
        """Whether this worker saw it, rather than another one."""
        self.limits: dict[str, Limits] = {}
        """By the credential's fingerprint."""
        self.clean = False
        """Whether nothing is blocked, so nothing has to be checked."""
        self.claimed = False
        """Whether this worker holds the right to probe it."""
        self.last_error: str | None = None
        """The summary of the latest failure."""
        self.last_error_at = 0.0
        self.error_is_news = False
        """Whether the other workers have not received it yet."""
        self.probed_at = 0.0
        """When the gateway's own probe last ended; 0: never."""
        self.probe_error = ""
        """Its error; empty if it succeeded."""
        self.probe_is_news = False
        """Whether the other workers have not received it yet."""

        self.changes: frozenset[str] = frozenset()
        """What has changed against its own past: `ttft` and `errors` for the worse, `cost`."""

    @property
    def got_worse(self) -> bool:
        """Whether it is slower, or fails more, than in its own past."""
        return bool(self.changes and self.changes & WORSE)

    def note_probe(self, error: str, now: float) -> None:
        """Record the end of the gateway's own probe."""
        self.probed_at, self.probe_error, self.probe_is_news = now, error, True

    def lose(self, until: float, *, own: bool) -> None:
        """Record that the account has no such model."""
        self.missing_until, self.missing_own = until, own
        self.clean = False

    def find(self, now: float) -> None:
        """Record that the account has the model after all."""
        if self.missing_until > now:
            self.missing_until, self.missing_own = now, False


class Lane:
    """A candidate with its endpoint and credentials."""

    __slots__ = (
        "_card",
        "_card_until",
        "_rates",
        "_tiered",
        "abilities",
        "candidate",
        "endpoint",
        "name",
        "pick",
        "plan",
        "slots",
    )

    def __init__(self, candidate: Candidate, endpoint: Endpoint, slots: tuple[Slot, ...]) -> None:
        self.candidate = candidate
        self.endpoint = endpoint
        self.slots = slots
        self.name = candidate.alias or identity_of(candidate.model) or candidate.model
        """The state shared by all candidates for the same model."""
        self.abilities = Abilities(candidate)
        choice = Choice(candidate)
        self.plan = Plan(choices=(choice,))
        """The plan of a request that only this candidate can serve, if nothing is blocked."""
        self.pick = Pick(choice, slots[0])
        """The pick of that plan."""
        self._rates: Mapping[str, Rate] = {}
        self._tiered = False
        self._card: Card | None = None
        self._card_until = 0.0

    def card(self, prices: PriceList, prompt: int, now: float, wall_clock: WallClock) -> Card | None:
        """The prices for a prompt of this length; None if unknown."""
        if now >= self._card_until:
            self._card_until = now + PRICES_S
            moment = datetime.fromtimestamp(wall_clock(), UTC)
            self._rates = prices.rates(self.endpoint.service, self.endpoint.model, moment)
            self._tiered = any(isinstance(rate, Tiered) for rate in self._rates.values())
            self._card = card_of(self._rates, 0, writes=self.abilities.writes)
        return card_of(self._rates, prompt, writes=self.abilities.writes) if self._tiered else self._card

    def blocked(self, now: float) -> tuple[BlockedBy | None, float]:
        """Why and for how many seconds it cannot serve; None and 0 if it can."""
        endpoint = self.endpoint
        if endpoint.clean:
            return None, 0.0
        if endpoint.missing_until > now:
            return "model", endpoint.missing_until - now
        available_at = min(slot.available_at() for slot in self.slots)
        until = endpoint.breaker.until
        if until > now and until >= available_at:
            return "breaker", until - now
        if available_at > now:
            first = min(self.slots, key=Slot.available_at)
            return ("account" if first.account.blocked_until >= available_at else "rate"), available_at - now
        if all(slot.limits.is_full(now) for slot in self.slots if slot.available_at() <= now):
            return "cap", 0.0
        endpoint.clean = self._is_clean(now)
        return None, 0.0

    def _is_clean(self, now: float) -> bool:
        if self.endpoint.breaker.state != "closed":
            return False
        return all(one.available_at() <= now and not one.limits.is_capped(now) for one in self.slots)


class Endpoints:
    """All endpoints and accounts of a worker, by name."""

    def __init__(self, random: Random, wall_clock: WallClock) -> None:
        self._random = random
        self._wall_clock = wall_clock
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._accounts: dict[tuple[str, str], Account] = {}
        self._lanes: dict[int, Lane] = {}
        self.on_forget: Callable[[], None] = _nothing
        """Called when lanes are forgotten."""

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def lane(self, candidate: Candidate) -> Lane:
        """The lane of a candidate."""
        lane = self._lanes.get(id(candidate))
        if lane is None:
            if len(self._lanes) >= MOST_LANES:
                self.forget_lanes()
            # The lane holds the candidate, so that no other object gets its id.
            lane = self._lanes[id(candidate)] = self._make(candidate)
        return lane

    def forget_lanes(self) -> None:
        """Forget all lanes, because the candidates are new after a reload."""
        self._lanes.clear()
        self.on_forget()

    def endpoint(self, service: str, model: str) -> Endpoint:
        """The endpoint with this name, created if necessary."""
        endpoint = self._endpoints.get((service, model))
        if endpoint is None:
            if len(self._endpoints) >= MOST_ENDPOINTS:
                del self._endpoints[next(iter(self._endpoints))]
                self.forget_lanes()
            endpoint = self._endpoints[service, model] = Endpoint(service, model, self._random)
        return endpoint

    def known(self, service: str, model: str) -> Endpoint | None:
        """The endpoint with this name, or None."""
        return self._endpoints.get((service, model))

    def account(self, service: str, fingerprint: str) -> Account:
        """The account of a credential."""
        key = (service, fingerprint)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(fingerprint)
        return account

    def accounts(self, service: str) -> list[Account]:
        """The accounts of a service that have been used."""
        return [account for (of, _), account in self._accounts.items() if of == service]

    def blocked_accounts(self, now: float) -> list[tuple[str, Account]]:
        """The blocked accounts, with the names of their services."""
        return [(of, account) for (of, _), account in self._accounts.items() if account.blocked_until > now]

    def limits(self, endpoint: Endpoint, fingerprint: str) -> Limits:
        """The limits of a credential at an endpoint."""
        limits = endpoint.limits.get(fingerprint)
        if limits is None:
            limits = endpoint.limits[fingerprint] = Limits(self._wall_clock)
        return limits

    def of(self, service: str) -> list[Endpoint]:
        """The endpoints of a service."""
        return [endpoint for endpoint in self._endpoints.values() if endpoint.service == service]

    def _make(self, candidate: Candidate) -> Lane:
        service = candidate.service
        endpoint = self.endpoint(service.name, candidate.model + candidate.beside)
        slots = []
        for credential in service.credentials or (None,):
            fingerprint = credential.fingerprint if credential is not None else NO_CREDENTIAL
            account = self.account(service.name, fingerprint)
            slots.append(Slot(credential, account, self.limits(endpoint, fingerprint)))
        return Lane(candidate, endpoint, tuple(slots))


def _nothing() -> None:
    """Do nothing: no other cache of lanes exists."""
