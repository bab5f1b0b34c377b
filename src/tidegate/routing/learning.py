"""Updates the router's state from the beginning and end of attempts."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tidegate.protocols.usage import Usage

from .affinity import Home, Homes, Savings, held_after
from .breaker import Change
from .claims import ProbeClaims
from .cost import Card
from .credentials import Account, Slot
from .endpoint import Endpoint, Endpoints, Lane
from .facts import RequestFacts
from .outcome import ACCOUNT_S, FUNDS_S, Effect, Outcome, effect_of
from .transitions import Transition, TransitionKind
from .trial import Trial

__all__ = ["Learning"]

LEAST_GENERATION_S = 0.01
"""Minimum generation time for measuring the speed, in seconds: faster answers arrived at once."""

BLOCKS_ACCOUNT: Mapping[Effect, tuple[float, TransitionKind]] = MappingProxyType(
    {"account": (ACCOUNT_S, "credential_refused"), "funds": (FUNDS_S, "funds_exhausted")}
)


class Learning:
    """Follows attempts from their beginning to their end."""

    def __init__(
        self,
        endpoints: Endpoints,
        homes: Homes,
        savings: Savings,
        probes: ProbeClaims,
        emit: Callable[[Transition], None],
    ) -> None:
        self._endpoints = endpoints
        self._homes = homes
        self._savings = savings
        self._probes = probes
        self._emit = emit
        self._number = 0
        """The number of the latest attempt."""

    def begin(self, lane: Lane, slot: Slot, facts: RequestFacts, now: float) -> Trial:
        """An attempt begins."""
        self._number += 1
        account = slot.account
        account.in_flight += 1
        account.used = self._number
        slot.limits.begin()
        probe = 0
        if not lane.endpoint.clean:
            probe = lane.endpoint.breaker.begin(now)
            if probe:
                self._probes.take(lane.endpoint)
                self._report(lane.endpoint, "breaker_probing", lane.endpoint.breaker.until - now)
        return Trial(lane, slot, facts, now, probe)

    def first_token(self, trial: Trial, now: float) -> None:
        """A stream has begun."""
        trial.first_token_at = now
        endpoint = trial.lane.endpoint
        endpoint.figures.first_token(now - trial.started_at)
        if trial.probe:
            self._tried(trial, endpoint.breaker.succeed(now, trial.probe), now)

    def ended(self, trial: Trial, outcome: Outcome, card: Card | None, now: float) -> None:
        """An attempt has ended."""
        effect = trial.effect = effect_of(outcome)
        trial.slot.account.in_flight -= 1
        if outcome.headers:
            trial.slot.limits.note(outcome.headers, now)
        if effect == "success":
            self._succeeded(trial, outcome.usage, card, now)
            return
        endpoint = trial.lane.endpoint
        if effect == "overtaken":
            self._overtaken(trial, now)
            return
        if effect == "failure":
            self._failed(trial, now)
        else:
            endpoint.breaker.release(now, trial.probe)
            self._tried(trial, None, now)
            self._close(trial, effect, outcome, now)
        if effect != "nothing":
            assert outcome.error is not None, "only an error has such an effect"
            endpoint.last_error, endpoint.last_error_at = outcome.error.summary, now
            endpoint.error_is_news = True

    # --- success ------------------------------------------------------------------------------

    def _succeeded(self, trial: Trial, usage: Usage | None, card: Card | None, now: float) -> None:
        endpoint = trial.lane.endpoint
        figures = endpoint.figures
        if figures.succeeded():
            self.count(endpoint, now)
        if endpoint.clean:
            endpoint.breaker.succeed(now)
        else:
            self._restore(trial, now)
        trial.slot.limits.succeed()
        begun_at = trial.first_token_at
        if not trial.facts.stream:
            begun_at = trial.started_at
            figures.answered(now - begun_at)
        if usage is None:
            return
        tokens = usage.completion_tokens
        if tokens and begun_at is not None and now - begun_at >= LEAST_GENERATION_S:
            figures.generated(tokens, now - begun_at)
        prompt = usage.prompt_tokens or 0
        self._count_savings(usage, prompt, card)
        if trial.facts.session is not None:
            self._settle(trial, usage, prompt, now)

    def _restore(self, trial: Trial, now: float) -> None:
        """Unblock everything that this success proves to work."""
        endpoint, account = trial.lane.endpoint, trial.slot.account
        self._tried(trial, endpoint.breaker.succeed(now, trial.probe), now)
        if endpoint.missing_until > now:
            endpoint.find(now)
            self._report(endpoint, "model_found")
        if account.blocked_until > now and trial.started_at > account.blocked_at:
            account.unblock(now)
            self._report(endpoint, "credential_restored", credential=account.fingerprint)

    def count(self, endpoint: Endpoint, now: float) -> None:
        """Count the recorded events of an endpoint."""
        endpoint.figures.count(now)
        if endpoint.figures.slows():
            usual, current = endpoint.figures.pace
            detail = f"the time to first token is {current:.2f} s, usually {usual:.2f} s"
            self._report(endpoint, "slowed_down", detail=detail)

    def _count_savings(self, usage: Usage, prompt: int, card: Card | None) -> None:
        savings = self._savings
        savings.prompt_tokens += prompt
        savings.read_tokens += usage.cache_read or 0
        if card is not None and (usage.cache_read or usage.cache_write or usage.cache_write_1h):
            savings.usd += card.saved(
                usage.cache_read or 0, usage.cache_write or 0, usage.cache_write_1h or 0
            )

    def _settle(self, trial: Trial, usage: Usage, prompt: int, now: float) -> None:
        """Remember where the conversation's cache is warm."""
        session, endpoint = trial.facts.session, trial.lane.endpoint
        assert session is not None
        fingerprint = trial.slot.account.fingerprint
        homes = self._homes.of(session, now)
        before = None
        for home in homes:
            if home.is_at(endpoint.service, endpoint.model, fingerprint):
                before = home
                break
        if homes:
            self._savings.stayed += before is not None
            self._savings.moved += before is None
        held = held_after(usage, prompt, trial.candidate.service.kind.cache_life_s, before)
        if held is not None:
            until = now + held.life_s
            home = Home(
                endpoint.service, endpoint.model, fingerprint, held.tokens, until, held.writes, held.misses
            )
            self._homes.settle(session, home)
        elif before is not None:
            self._homes.forget(session, before)

    # --- failure ------------------------------------------------------------------------------

    def _overtaken(self, trial: Trial, now: float) -> None:
        """Record that its first token is at least this late (see `hedging`)."""
        endpoint = trial.lane.endpoint
        endpoint.breaker.release(now, trial.probe)
        silent_s, late_s = now - trial.started_at, endpoint.figures.view(now).ttft_p95_s
        if trial.first_token_at is None and late_s is not None and silent_s >= late_s:
            endpoint.figures.first_token(silent_s)

    def _failed(self, trial: Trial, now: float) -> None:
        endpoint = trial.lane.endpoint
        self.count(endpoint, now)
        endpoint.figures.failed(now)
        self._tried(trial, endpoint.breaker.fail(now, trial.probe), now)
        self._unbind(trial)

    def _close(self, trial: Trial, effect: Effect, outcome: Outcome, now: float) -> None:
        """Block what the failure concerns: a credential, its limits at the endpoint, or the endpoint."""
        endpoint, account = trial.lane.endpoint, trial.slot.account
        retry_after = outcome.error.retry_after if outcome.error is not None else None
        if effect == "rate":
            wait = trial.slot.limits.block(retry_after, now)
            endpoint.clean = False
            level = trial.slot.limits.level
            self._report(endpoint, "rate_limited", wait, account.fingerprint, outcome, level=level)
        elif effect == "model":
            endpoint.lose(now + ACCOUNT_S, own=True)
            self._report(endpoint, "model_missing", ACCOUNT_S, outcome=outcome)
            self._unbind(trial)
        elif effect in BLOCKS_ACCOUNT:
            wait, kind = BLOCKS_ACCOUNT[effect]
            account.block(now + wait, effect, own=True)
            account.blocked_at = now
            for one in self._endpoints.of(endpoint.service):
                one.clean = False
            self._report(endpoint, kind, wait, account.fingerprint, outcome)
            self._unbind(trial)

    # --- probes of our own --------------------------------------------------------------------

    def begin_probe(self, endpoint: Endpoint, now: float) -> int:
        """A probe that is no client's request begins. Returns its number; 0: another one is under way."""
        if not self._probes.take(endpoint):
            return 0
        number = endpoint.breaker.begin(now)
        if number:
            self._report(endpoint, "breaker_probing", endpoint.breaker.until - now)
        else:
            self._probes.give_back(endpoint)
        return number

    def end_probe(self, endpoint: Endpoint, number: int, outcome: Outcome, now: float) -> None:
        """It has ended. It counts for the breaker, and for no figure."""
        effect, error, breaker = effect_of(outcome), outcome.error, endpoint.breaker
        endpoint.note_probe(error.summary if error is not None else "", now)
        change: Change | None = None
        if effect == "success":
            change = breaker.succeed(now, number)
        elif effect == "failure":
            change = breaker.fail(now, number)
        else:
            breaker.release(now, number)
        self._decided(endpoint, number, change, now)

    def restore(self, service: str, account: Account, now: float) -> None:
        """A probe has shown that a credential works again."""
        account.unblock(now)
        self._emit(Transition(kind="credential_restored", service=service, credential=account.fingerprint))

    def _unbind(self, trial: Trial) -> None:
        if trial.facts.session is not None:
            self._homes.unbind(trial.facts.session, trial.lane.endpoint.service, trial.lane.endpoint.model)

    # --- reports ------------------------------------------------------------------------------

    def _tried(self, trial: Trial, change: Change | None, now: float) -> None:
        """Report the effect of an attempt on its breaker."""
        probe, trial.probe = trial.probe, 0
        self._decided(trial.lane.endpoint, probe, change, now)

    def _decided(self, endpoint: Endpoint, probe: int, change: Change | None, now: float) -> None:
        """Report a change of a breaker. If there is none and a probe has ended, the next probe may begin, in
        any worker.
        """
        breaker = endpoint.breaker
        if probe:
            self._probes.give_back(endpoint)
            if change is None and breaker.state == "half_open" and breaker.until <= now:
                self._report(endpoint, "breaker_probed", level=breaker.successes)
        if change is None:
            return
        endpoint.clean = False
        if change == "closed":
            endpoint.figures.restart(now)
            self._report(endpoint, "breaker_closed")
        else:
            self._report(endpoint, "breaker_opened", breaker.until - now, level=breaker.level)

    def _report(
        self,
        endpoint: Endpoint,
        kind: TransitionKind,
        wait_s: float = 0.0,
        credential: str = "",
        outcome: Outcome | None = None,
        detail: str = "",
        level: int = 0,
    ) -> None:
        error = outcome.error if outcome is not None else None
        self._emit(
            Transition(
                kind=kind,
                service=endpoint.service,
                model=endpoint.model,
                credential=credential,
                wait_s=wait_s,
                level=level,
                detail=detail or (error.summary if error is not None else ""),
            )
        )
