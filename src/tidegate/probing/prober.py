"""Decides what is probed and when, and reports the results."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

from tidegate.bus import Bus
from tidegate.exchange import Gateway
from tidegate.protocols.errors import ProviderError, TidegateError, Unsupported
from tidegate.providers import Candidate, Service
from tidegate.providers.candidate import COUNTING
from tidegate.providers.credentials import Credential
from tidegate.routing import Account, Endpoint, Outcome

from .calls import Question, ask, list_models, plan_question

__all__ = ["Prober"]

log = logging.getLogger("tidegate")

LOOK_S = 0.5
"""How often it checks what has to be probed, in seconds."""
AHEAD_S = 1.0
"""How long before a breaker would let a client's request pass its probe begins, in seconds."""
REST_S = 60.0
"""The interval between probes of a rejected key, in seconds, and of a model after a probe without a
result."""
AT_ONCE = 4
"""Maximum number of concurrent probes. The rest is due at the next check."""
CLAIM = "probes"
"""The name of the claim to probe."""

Call = Callable[[], Awaitable[None]]
"""A call to a provider. Raises a ProviderError if it fails."""


class Probe(NamedTuple):
    """A probe that is due."""

    key: str
    """The subject, which is not probed twice at the same time."""
    run: Callable[[], Awaitable[None]]


class Prober:
    """Probes for all workers, while it holds the claim."""

    def __init__(self, gateway: Callable[[], Gateway | None], bus: Bus) -> None:
        """`gateway` returns the current gateway."""
        self._gateway = gateway
        self._bus = bus
        self._timer: asyncio.TimerHandle | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._rests: dict[str, float] = {}
        """Subject → when it may be probed again, by `perf_counter`."""

    def start(self) -> None:
        """Start on the running event loop."""
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    async def stop(self) -> None:
        """Stop probing."""
        if self._timer is not None:
            self._timer.cancel()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
        gateway = self._gateway()
        if gateway is None or gateway.config.routing.probe == "off":
            return
        now = perf_counter()
        down, refused = gateway.router.down(now, AHEAD_S), gateway.router.refused(now)
        self._rests = {key: until for key, until in self._rests.items() if until > now - REST_S}
        if (down or refused) and self._bus.claim(CLAIM):
            for probe in (*self._of_endpoints(down, gateway), *self._of_accounts(refused, gateway, now)):
                self._begin(probe, now)

    def _begin(self, probe: Probe, now: float) -> None:
        if probe.key in self._running or len(self._running) >= AT_ONCE or self._rests.get(probe.key, 0) > now:
            return
        task = self._running[probe.key] = asyncio.ensure_future(self._run(probe))
        task.add_done_callback(lambda _: self._running.pop(probe.key, None))

    async def _run(self, probe: Probe) -> None:
        try:
            await probe.run()
        except Exception:
            log.exception("the probe of %s failed inside the gateway", probe.key)
            self._rest(probe.key)

    def _rest(self, key: str) -> None:
        self._rests[key] = perf_counter() + REST_S

    # --- endpoints ----------------------------------------------------------------------------

    def _of_endpoints(self, down: Iterable[Endpoint], gateway: Gateway) -> Iterator[Probe]:
        """The probes of endpoints. Lists are requested once per service."""
        listed: dict[str, list[Endpoint]] = {}
        for endpoint in down:
            candidate = candidate_of(endpoint, gateway)
            if candidate is None:
                continue
            question = question_for(candidate, gateway)
            if question is None:
                listed.setdefault(endpoint.service, []).append(endpoint)
                continue
            key, service = f"{endpoint.service}/{endpoint.model}", candidate.service
            call = partial(ask, service, question, open_credential(service, gateway), gateway)
            yield Probe(key, partial(self._try_asking, key, endpoint, call, gateway))
        for name, endpoints in listed.items():
            # The second success that closes a breaker is that of a client's request.
            fresh = [endpoint for endpoint in endpoints if not endpoint.breaker.successes]
            service = gateway.registry.services[name]
            call = partial(list_models, service, open_credential(service, gateway), gateway)
            if fresh:
                yield Probe(name, partial(self._try_listing, fresh, call, gateway))

    async def _try_asking(self, key: str, endpoint: Endpoint, call: Call, gateway: Gateway) -> None:
        outcome = await self._try([endpoint], call, gateway, proof=("request",))
        if outcome.error is not None and outcome.error.fault != "provider":
            self._rest(key)

    async def _try_listing(self, endpoints: Sequence[Endpoint], call: Call, gateway: Gateway) -> None:
        # Whatever a provider answers to the request for a list: it answers.
        await self._try(endpoints, call, gateway, proof=("request", "account", "rate"))

    async def _try(
        self, endpoints: Sequence[Endpoint], call: Call, gateway: Gateway, proof: Sequence[str]
    ) -> Outcome:
        """Make the call, and report its outcome to the router. An error whose fault is in `proof` shows that
        the provider works.
        """
        router, now = gateway.router, perf_counter()
        numbers = [(endpoint, router.begin_probe(endpoint, now)) for endpoint in endpoints]
        begun = [(endpoint, number) for endpoint, number in numbers if number]
        outcome = Outcome(abandoned=True)
        try:
            if begun:
                outcome = await outcome_of(call, proof)
        finally:
            for endpoint, number in begun:
                router.end_probe(endpoint, number, outcome, perf_counter())
        return outcome

    # --- credentials --------------------------------------------------------------------------

    def _of_accounts(
        self, refused: Iterable[tuple[str, Account]], gateway: Gateway, now: float
    ) -> Iterator[Probe]:
        """The probes of credentials that were rejected, or have no funds."""
        for name, account in refused:
            key = f"the key {account.fingerprint} of {name}"
            service = gateway.registry.services.get(name)
            credential = credential_of(service, account.fingerprint) if service is not None else None
            if service is None or credential is None:
                continue
            call = call_with(credential, service, account, gateway)
            if key not in self._rests:
                self._rest(key)  # it was refused just now
            elif call is not None:
                yield Probe(key, partial(self._try_account, key, name, account, call, gateway))

    async def _try_account(
        self, key: str, service: str, account: Account, call: Call, gateway: Gateway
    ) -> None:
        self._rest(key)
        outcome = await outcome_of(call, proof=("request",))
        if outcome.error is None:
            gateway.router.restore(service, account, perf_counter())
            log.info("%s: the key %s is accepted again", service, account.fingerprint)


async def outcome_of(call: Call, proof: Sequence[str]) -> Outcome:
    """The outcome of a call. An error whose fault is in `proof` is a success."""
    try:
        await call()
    except ProviderError as error:
        error.__traceback__ = None
        return Outcome() if error.fault in proof else Outcome(error=error)
    return Outcome()


def candidate_of(endpoint: Endpoint, gateway: Gateway) -> Candidate | None:
    """A candidate for an endpoint; None if it is no longer configured, or counts tokens."""
    if endpoint.service not in gateway.registry.services or endpoint.model.endswith(COUNTING):
        return None
    try:
        found = gateway.registry.resolve(endpoint.model, endpoint.service).candidates
    except TidegateError:
        return None
    return next((one for one in found if one.model == endpoint.model), None)


def question_for(candidate: Candidate, gateway: Gateway) -> Question | None:
    """The chat to send to a model; None if only the model list is requested."""
    row = candidate.row
    if gateway.config.routing.probe != "request" or (row is not None and row.type != "chat"):
        return None
    try:
        return plan_question(candidate)
    except Unsupported:
        return None


def call_with(credential: Credential, service: Service, account: Account, gateway: Gateway) -> Call | None:
    """The call that tests a credential; None if there is none."""
    for endpoint in gateway.router.endpoints.of(service.name):
        candidate = candidate_of(endpoint, gateway)
        question = question_for(candidate, gateway) if candidate is not None else None
        if candidate is not None and question is not None:
            return partial(ask, candidate.service, question, credential, gateway)
    if account.effect == "funds" or service.signs:
        return None  # a list is given without funds, and not signed
    return partial(list_models, service, credential, gateway)


def credential_of(service: Service, fingerprint: str) -> Credential | None:
    """The credential with this fingerprint, if it is still configured."""
    return next((one for one in service.credentials if one.fingerprint == fingerprint), None)


def open_credential(service: Service, gateway: Gateway) -> Credential | None:
    """The credential to probe with: the first that is not blocked."""
    refused = {
        one.fingerprint for name, one in gateway.router.refused(perf_counter()) if name == service.name
    }
    usable = [one for one in service.credentials if one.fingerprint not in refused]
    return next(iter(usable or service.credentials), None)
