"""The state of the endpoints: what the router remembers between requests.

A `Lane` is a candidate with the state that it stands on, looked up once. Several candidates may lead to one
endpoint; a reload makes new candidates, and the endpoints stay.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from random import Random

from tidegate.catalog import Rate, Tiered, identity_of
from tidegate.money.pricing import PriceList
from tidegate.providers import Candidate

from .breaker import Breaker
from .cost import Card, card_of
from .credentials import Account, Limits, Slot, Wall
from .figures import Figures
from .needs import Abilities
from .plan import Choice, ClosedBy, Pick, Plan

__all__ = ["Endpoint", "Endpoints", "Lane"]

MOST_ENDPOINTS = 1024
"""Endpoints that are remembered; clients may choose the names of models."""
MOST_LANES = 4096
PRICES_S = 60.0
"""How long prices are kept before they are looked up again, in seconds: some change with the time of day."""
NO_CREDENTIAL = "none"
"""The fingerprint where a service needs no credential."""


class Endpoint:
    """A service and its name for a model."""

    __slots__ = (
        "breaker",
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
        """Until when the account is taken to have no such model; 0 while it never was."""
        self.missing_own = False
        """Whether this worker has seen that, not another one."""
        self.limits: dict[str, Limits] = {}
        """By the credential's fingerprint."""
        self.clean = False
        """Whether nothing is closed, so that nothing has to be looked at."""
        self.claimed = False
        """Whether this worker, of all workers, may probe it."""
        self.last_error: str | None = None
        """The summary of the latest failure."""
        self.last_error_at = 0.0
        self.error_is_news = False
        """Whether the other workers do not know of it yet."""
        self.probed_at = 0.0
        """When a probe of our own has ended the last time; 0: never."""
        self.probe_error = ""
        """How it failed; empty if it succeeded."""
        self.probe_is_news = False
        """Whether the other workers do not know of it yet."""

    def note_probe(self, error: str, now: float) -> None:
        """A probe of our own has ended."""
        self.probed_at, self.probe_error, self.probe_is_news = now, error, True

    def lose(self, until: float, *, own: bool) -> None:
        """The account has no such model."""
        self.missing_until, self.missing_own = until, own
        self.clean = False

    def find(self, now: float) -> None:
        """It has, after all."""
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
        """What all candidates for the same model have in common."""
        self.abilities = Abilities(candidate)
        choice = Choice(candidate)
        self.plan = Plan(choices=(choice,))
        """The plan of a request that only this candidate may serve, while nothing is closed."""
        self.pick = Pick(choice, slots[0])
        """The pick of that plan."""
        self._rates: Mapping[str, Rate] = {}
        self._tiered = False
        self._card: Card | None = None
        self._card_until = 0.0

    def card(self, prices: PriceList, prompt: int, now: float, wall: Wall) -> Card | None:
        """The prices for a prompt of this length; None where they are not known."""
        if now >= self._card_until:
            self._card_until = now + PRICES_S
            moment = datetime.fromtimestamp(wall(), UTC)
            self._rates = prices.rates(self.endpoint.service, self.endpoint.model, moment)
            self._tiered = any(isinstance(rate, Tiered) for rate in self._rates.values())
            self._card = card_of(self._rates, 0)
        return card_of(self._rates, prompt) if self._tiered else self._card

    def closed(self, now: float) -> tuple[ClosedBy | None, float]:
        """Why it cannot serve now and for how many seconds; None and 0 if it can."""
        endpoint = self.endpoint
        if endpoint.clean:
            return None, 0.0
        if endpoint.missing_until > now:
            return "model", endpoint.missing_until - now
        opens_at = min(slot.opens_at() for slot in self.slots)
        until = endpoint.breaker.until
        if until > now and until >= opens_at:
            return "breaker", until - now
        if opens_at > now:
            first = min(self.slots, key=Slot.opens_at)
            return ("account" if first.account.closed_until >= opens_at else "rate"), opens_at - now
        endpoint.clean = self._is_clean(now)
        return None, 0.0

    def _is_clean(self, now: float) -> bool:
        closings = (max(slot.account.closed_until, slot.limits.closed_until) for slot in self.slots)
        return self.endpoint.breaker.state == "closed" and all(until <= now for until in closings)


class Endpoints:
    """All endpoints and accounts of a worker, by name."""

    def __init__(self, random: Random, wall: Wall) -> None:
        self._random = random
        self._wall = wall
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
        """Forget which candidates lead where: they are new after a reload."""
        self._lanes.clear()
        self.on_forget()

    def endpoint(self, service: str, model: str) -> Endpoint:
        """The endpoint of this name; made where there is none yet."""
        endpoint = self._endpoints.get((service, model))
        if endpoint is None:
            if len(self._endpoints) >= MOST_ENDPOINTS:
                del self._endpoints[next(iter(self._endpoints))]
                self.forget_lanes()
            endpoint = self._endpoints[service, model] = Endpoint(service, model, self._random)
        return endpoint

    def known(self, service: str, model: str) -> Endpoint | None:
        """The endpoint of this name, if there is one."""
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

    def closed_accounts(self, now: float) -> list[tuple[str, Account]]:
        """The accounts that are closed, with the names of their services."""
        return [(of, account) for (of, _), account in self._accounts.items() if account.closed_until > now]

    def limits(self, endpoint: Endpoint, fingerprint: str) -> Limits:
        """The limits of a credential at an endpoint."""
        limits = endpoint.limits.get(fingerprint)
        if limits is None:
            limits = endpoint.limits[fingerprint] = Limits(self._wall)
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
    """No lanes are kept elsewhere."""
