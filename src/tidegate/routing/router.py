"""The router of one worker: it plans requests and learns from their outcomes. See the package's docstring."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from tidegate.config import Config, Order
from tidegate.money import OperatorPrices
from tidegate.money.pricing import PriceList
from tidegate.providers import Candidate

from .affinity import Home, Homes, Savings
from .assess import Peers, availability
from .claims import Claims, Everything, ProbeClaims
from .credentials import Account, WallClock, least_loaded
from .endpoint import Endpoint, Endpoints, Lane
from .facts import RequestFacts
from .health import ServiceHealth, health_of
from .hedging import HedgeBudget, delay_of
from .learning import Learning
from .needs import too_expensive
from .orders import ORDERS, Settings, behind
from .outcome import Outcome
from .plan import Choice, Pick, Plan, Skip
from .retry_budget import RetryBudget
from .sharing import apply, merge, merge_homes, publish, publish_homes
from .transitions import Transition
from .trial import Trial

__all__ = ["Router"]

MOST_GROUPS = 2048
"""Maximum number of cached lists of candidates."""

LEAN = frozenset(["priority", "weighted"])
"""Orders that need no figures."""

USABLE = (None, "cap")
"""Values of `blocked_by` with which a candidate can serve."""

HELD_S = 1.0
"""How long a worker waits before it tries again to obtain the claim for a probe, in seconds."""

ELSEWHERE = frozenset(["rate", "account", "funds"])
"""Effects after which the same candidate can be tried with another credential."""


class Group(NamedTuple):
    """A list of candidates, looked up once."""

    candidates: Sequence[Candidate]
    """Kept alive, so that no other list gets the same id."""
    lanes: tuple[Lane, ...]
    order: Order
    settings: Settings
    plan: Plan
    """The plan in the order of the list, if nothing is blocked."""
    peers: Peers
    fits: float
    """The maximum number of prompt tokens that fits into every known context."""
    streams: bool
    """Whether all of them stream."""
    hedge: bool
    """Whether any of them may be hedged."""

    def takes(self, facts: RequestFacts) -> bool:
        """Whether every candidate can serve the request."""
        if facts.needs or facts.input_tokens > self.fits or (facts.stream and not self.streams):
            return False
        return not facts.require and facts.max_price is None and not facts.tiers  # it is plain


class Router:
    """Chooses candidates and learns from their outcomes. There is one per worker, which survives reloads."""

    def __init__(
        self,
        config: Config,
        random: Random | None = None,
        wall_clock: WallClock = time.time,
        homes: Homes | None = None,
        claims: Claims | None = None,
        operator: OperatorPrices | None = None,
    ) -> None:
        """`wall_clock` returns the time in seconds since the epoch, which providers and prices use. `claims`
        are shared with the other workers; without them, this worker is the only one. `operator` are the
        prices of the store.
        """
        self._random = random or Random()  # noqa: S311 no secret
        self._wall_clock = wall_clock
        self.endpoints = Endpoints(self._random, wall_clock)
        self.endpoints.on_forget = self._forget_groups
        self.homes = homes or Homes()
        self.savings = Savings()
        self._operator = operator
        self._retries = RetryBudget()
        self._hedges = HedgeBudget()
        self._groups: dict[int, Group] = {}
        self._observers: list[Callable[[Transition], None]] = []
        self.reload(config)
        self._probes = ProbeClaims(claims or Everything())
        self.learning = Learning(self.endpoints, self.homes, self.savings, self._probes, self._emit)

    def reload(self, config: Config) -> None:
        """Apply a new configuration. The state of endpoints and credentials remains."""
        self._routing, self._models = config.routing, config.models
        self.prices = PriceList(config, self._operator)
        self.endpoints.forget_lanes()

    def subscribe(self, observer: Callable[[Transition], None]) -> None:
        """Register a callback for every transition that this worker makes. It must return at once."""
        self._observers.append(observer)

    # --- planning -----------------------------------------------------------------------------

    def plan(
        self, facts: RequestFacts, candidates: Sequence[Candidate], now: float, *, in_full: bool = False
    ) -> Plan:
        """Order the candidates of a request. `in_full` fills in all figures, for explanations."""
        group = self._groups.get(id(candidates)) or self._group(candidates)
        if len(group.lanes) == 1 and group.lanes[0].endpoint.clean and facts.plain and not in_full:
            return group.plan
        return self._plan(facts, group, now, in_full)

    def _plan(self, facts: RequestFacts, group: Group, now: float, in_full: bool) -> Plan:
        order = facts.order or group.order
        homes = self.homes.of(facts.session, now) if facts.session is not None else ()
        lanes, skipped = (group.lanes, ()) if group.takes(facts) else self._suitable(group.lanes, facts, now)
        lean = order in LEAN and not homes and not in_full
        if not homes and not in_full and lanes is group.lanes and not facts.tiers and _are_clean(lanes):
            if order == "priority":
                return group.plan
            ranking = group.peers.ranking(order, facts, group.settings, self.prices, now, self._wall_clock)
            return ranking.plan(order, self._random, hedge=group.hedge)
        if lean:
            choices = availability(lanes, now)
        else:
            peers = group.peers if lanes is group.lanes else Peers(lanes)
            choices = peers.assess(facts, homes, self.prices, now, self._wall_clock)
        ordered: list[Choice] = []
        for part, settings in self._tiers(choices, lanes, facts, group):
            ordered += ORDERS[order](part, settings).order(self._random)
        ordered = behind(ordered)
        stayed = facts.order is None and bool(homes) and self._stay(ordered, homes, facts, now)
        return Plan(choices=tuple(ordered), skipped=skipped, order=order, stayed=stayed, hedge=group.hedge)

    def _tiers(
        self, choices: list[Choice], lanes: Sequence[Lane], facts: RequestFacts, group: Group
    ) -> list[tuple[list[Choice], Settings]]:
        """The choices that are ordered together, and the settings for them."""
        settings = group.settings
        if lanes is not group.lanes and settings.weights:
            by_lane = dict(zip(map(id, group.lanes), settings.weights, strict=True))
            settings = settings._replace(weights=[by_lane[id(lane)] for lane in lanes])
        if not facts.tiers:
            return [(choices, settings)]
        place_of = {id(lane.candidate): place for place, lane in enumerate(group.lanes)}
        tiers: list[tuple[list[Choice], Settings]] = []
        begin = 0
        for length in facts.tiers:
            end = begin + length
            within = [at for at, one in enumerate(choices) if begin <= place_of[id(one.candidate)] < end]
            weights = [settings.weights[at] for at in within] if settings.weights else ()
            tiers.append(([choices[at] for at in within], settings._replace(weights=weights)))
            begin = end
        return tiers

    def _stay(self, ordered: list[Choice], homes: Sequence[Home], facts: RequestFacts, now: float) -> bool:
        """Move the choice with the conversation's warm cache to the front, unless another one is cheaper. The
        other home follows, even if it has failed before: it is the place to return to after a failure.
        """
        left = self._first_tier(ordered, facts)
        place = 0
        for home in homes:
            if not home.bound and not place:
                continue
            cheapest = min((choice.cost for choice in left if choice.cost is not None), default=None)
            for choice in left:
                if self._is_home(choice, home, now) and (choice.cost is None or choice.cost <= cheapest):  # type: ignore[operator]
                    ordered.remove(choice)
                    ordered.insert(place, choice)
                    left.remove(choice)
                    place += 1
                    break
        return place > 0

    def _first_tier(self, ordered: list[Choice], facts: RequestFacts) -> list[Choice]:
        """The choices that can serve now; if the request ranks them, only those of the first rank."""
        available = [choice for choice in ordered if choice.blocked_by is None]
        return available if not facts.tiers else available[:1]

    def _is_home(self, choice: Choice, home: Home, now: float) -> bool:
        """Whether a choice is healthy and has a warm cache that saves money."""
        candidate = choice.candidate
        if candidate.model != home.model or candidate.service.name != home.service:
            return False
        if choice.slow or not choice.cached_tokens:
            return False
        card = self.endpoints.lane(candidate).card(self.prices, choice.cached_tokens, now, self._wall_clock)
        return card is None or card.cache_read < card.input

    def _suitable(
        self, lanes: tuple[Lane, ...], facts: RequestFacts, now: float
    ) -> tuple[tuple[Lane, ...], tuple[Skip, ...]]:
        """The lanes that can serve the request, and why the others cannot."""
        able: list[Lane] = []
        skipped: list[Skip] = []
        for lane in lanes:
            reason = lane.abilities.missing(facts)
            if reason is None and facts.max_price is not None:
                card = lane.card(self.prices, facts.input_tokens, now, self._wall_clock)
                reason = too_expensive(card, facts.max_price)
            if reason is None:
                able.append(lane)
            else:
                skipped.append(Skip(lane.candidate, reason))
        reasons = [lane.abilities.unfit(facts) for lane in able]
        if any(reasons) and not all(reasons):
            skipped += [Skip(lane.candidate, why) for lane, why in zip(able, reasons, strict=True) if why]
            able = [lane for lane, why in zip(able, reasons, strict=True) if not why]
        return (lanes if len(able) == len(lanes) else tuple(able)), tuple(skipped)

    # --- attempts -----------------------------------------------------------------------------

    def next(self, plan: Plan, tried: Sequence[Trial], facts: RequestFacts, now: float) -> Pick | None:
        """The next attempt: the first choice that has not been tried and can serve now; if none can, the one
        that is available first. None if all have been tried. Call `begin` before awaiting anything: until
        then, another request may receive the same probe.
        """
        best: Pick | None = None
        for choice in plan.choices:
            lane = self.endpoints.lane(choice.candidate)
            if not tried and lane.endpoint.clean and len(lane.slots) == 1:
                return lane.pick if lane.plan is plan else Pick(choice, lane.slots[0])
            pick = self._pick(choice, lane, tried, facts, now)
            if pick is None:
                continue
            if pick.blocked_by is None:
                return pick
            if best is None or pick.wait_s < best.wait_s:
                best = pick
        return best

    def _pick(
        self, choice: Choice, lane: Lane, tried: Sequence[Trial], facts: RequestFacts, now: float
    ) -> Pick | None:
        """A choice with its current state; None if it was tried with every credential that may help."""
        slots = lane.slots
        for trial in tried:
            if trial.lane.candidate is choice.candidate:
                if trial.effect not in ELSEWHERE:
                    return None
                slots = tuple(slot for slot in slots if slot is not trial.slot)
        if not slots:
            return None
        blocked_by, wait_s = lane.blocked(now)
        slot = least_loaded(slots, facts.input_tokens, now, self._home_credential(lane, facts, now))
        if slot is not None:
            breaker = lane.endpoint.breaker
            if blocked_by in USABLE and breaker.state != "closed" and not self._probes.take(lane.endpoint):
                breaker.hold(now + HELD_S)
                blocked_by, wait_s = "breaker", HELD_S
            return Pick(choice, slot, wait_s, blocked_by)
        first = min(slots, key=lambda slot: slot.available_at())
        by = "account" if first.account.blocked_until >= first.limits.blocked_until else "rate"
        return Pick(choice, first, max(wait_s, first.available_at() - now), blocked_by or by)  # type: ignore[arg-type]

    def _home_credential(self, lane: Lane, facts: RequestFacts, now: float) -> str | None:
        """The credential whose cache is warm, if there are several."""
        if facts.session is None or len(lane.slots) == 1:
            return None
        endpoint = lane.endpoint
        for home in self.homes.of(facts.session, now):
            if home.model == endpoint.model and home.service == endpoint.service:
                return home.credential
        return None

    def begin(
        self, pick: Pick, facts: RequestFacts, now: float, *, retry: bool = False, hedge: bool = False
    ) -> Trial:
        """Begin an attempt. Its end must be reported to `ended`. `hedge`: the pick is from `hedge`."""
        lane = self.endpoints.lane(pick.choice.candidate)
        trial = self.learning.begin(lane, pick.slot, facts, now)
        if hedge:
            trial.hedge = True
            self._hedges.take()
        elif retry:
            trial.retry = True
            self._retries.begin(now)
        else:
            self._retries.request(now)
        return trial

    def first_token(self, trial: Trial, now: float) -> None:
        """The first output of a stream has arrived."""
        self.learning.first_token(trial, now)

    def ended(self, trial: Trial, outcome: Outcome, now: float) -> None:
        """An attempt has ended. A second report of the same attempt changes nothing."""
        if trial.effect is not None:
            return
        if trial.retry:
            self._retries.end()
        lane = trial.lane
        card = lane.card(self.prices, trial.facts.input_tokens, now, self._wall_clock)
        self.learning.ended(trial, outcome, card, now)

    def may_retry(self, now: float) -> bool:
        """Whether the process may afford a retry at the same candidate."""
        return self._retries.allows(now)

    # --- for health reports and other workers -----------------------------------------------------

    def health(self, service: str, now: float) -> ServiceHealth:
        """The health of a service."""
        return health_of(self.endpoints, service, now)

    def down(self, now: float, within_s: float) -> list[Endpoint]:
        """The endpoints whose breaker lets a probe through now or within so many seconds."""
        return [
            one
            for one in self.endpoints
            if one.breaker.state != "closed" and one.breaker.until <= now + within_s
        ]

    def refused(self, now: float) -> list[tuple[str, Account]]:
        """The credentials that are closed because they were refused or have no funds, with their services."""
        return self.endpoints.blocked_accounts(now)

    def begin_probe(self, endpoint: Endpoint, now: float) -> int:
        """A probe that is no client's request begins. Returns its number, which its end must name; 0: it
        must not begin, another one is under way.
        """
        return self.learning.begin_probe(endpoint, now)

    def end_probe(self, endpoint: Endpoint, number: int, outcome: Outcome, now: float) -> None:
        """A probe has ended. It counts for the breaker, and for no figure."""
        self.learning.end_probe(endpoint, number, outcome, now)

    def restore(self, service: str, account: Account, now: float) -> None:
        """A probe has shown that a credential works again."""
        self.learning.restore(service, account, now)

    def note_changes(self, changes_of: Callable[[str, str], frozenset[str]]) -> None:
        """Take over what has changed of endpoints, by service and model, against their own past (see
        `Endpoint.changes`). Every worker finds it out by itself.
        """
        for endpoint in self.endpoints:
            endpoint.changes = changes_of(endpoint.service, endpoint.model)

    def publish(self, now: float) -> Iterator[bytes]:
        """The measurements of this worker since the last call, in parts; empty if there are none."""
        for endpoint in self.endpoints:
            if endpoint.claimed and endpoint.breaker.until <= now:
                self._probes.give_back(endpoint)  # it was picked, and never begun
        return publish(self.endpoints, self.savings, now)

    def merge(self, data: bytes, now: float) -> None:
        """Merge another worker's measurements. Raises msgspec.MsgspecError."""
        for transition in merge(self.endpoints, self.savings, data, now):
            self._emit(transition)

    def publish_homes(self, now: float) -> Iterator[bytes]:
        """Where this worker has served conversations since the last time, for the others, in parts."""
        return publish_homes(self.homes, now)

    def merge_homes(self, data: bytes, now: float) -> None:
        """Take over where another worker has served conversations. Raises msgspec.MsgspecError."""
        merge_homes(self.homes, data, now)

    def apply(self, transition: Transition, now: float) -> None:
        """Apply another worker's transition."""
        apply(self.endpoints, transition, now)

    # --- hedging ------------------------------------------------------------------------------

    def hedge_after(self, trial: Trial, now: float) -> float | None:
        """Seconds from the start of an attempt after which its first token is late; None if it must not be
        hedged. Call it once per attempt, when it begins.
        """
        facts, lane = trial.facts, trial.lane
        if not facts.stream or not self._may_be_hedged(lane.candidate):
            return None
        if not self._is_cheap(lane, facts, now):
            return None
        self._hedges.add()
        return delay_of(lane.endpoint.figures.view(now).ttft_p95_s)

    def hedge(self, plan: Plan, tried: Sequence[Trial], facts: RequestFacts, now: float) -> Pick | None:
        """The pick for a second attempt beside the silent one, which is the last of `tried`: the same model
        at another service with a closed breaker. None if there is none, if the prompt is too expensive, or if
        the budget is used up.
        """
        if not self._hedges.allows:
            return None
        name = tried[-1].lane.name
        services = {trial.lane.endpoint.service for trial in tried}
        for choice in plan.choices:
            lane = self.endpoints.lane(choice.candidate)
            if lane.name != name or lane.endpoint.service in services:
                continue
            if lane.endpoint.breaker.state != "closed" or not self._is_cheap(lane, facts, now):
                continue
            pick = self._pick(choice, lane, tried, facts, now)
            if pick is not None and pick.blocked_by is None:
                return pick
        return None

    def _may_be_hedged(self, candidate: Candidate) -> bool:
        """Whether the configuration allows a second attempt beside this candidate."""
        model = self._models.get(candidate.alias or "")
        return self._routing.hedge if model is None or model.hedge is None else model.hedge

    def _is_cheap(self, lane: Lane, facts: RequestFacts, now: float) -> bool:
        """Whether a prompt is known to be cheap enough to be paid for twice."""
        if not facts.input_tokens:  # it is not estimated
            return False
        card = lane.card(self.prices, facts.input_tokens, now, self._wall_clock)
        return card is not None and card.input * facts.input_tokens <= self._routing.hedge_max_usd

    def expected_output(
        self, candidates: Sequence[Candidate], max_output: int | None, choices: int, now: float
    ) -> float:
        """The completion tokens to expect, by earlier answers of these candidates."""
        group = self._groups.get(id(candidates)) or self._group(candidates)
        return group.peers.expected_output(max_output, choices, now)

    # --- lists of candidates ------------------------------------------------------------------

    def _group(self, candidates: Sequence[Candidate]) -> Group:
        if len(self._groups) >= MOST_GROUPS:
            self._groups.clear()
        lanes = tuple(self.endpoints.lane(candidate) for candidate in candidates)
        order, weights = self._order_of(candidates)
        settings = Settings(self._routing.exponents, weights)
        choices = tuple(lane.plan.choices[0] for lane in lanes)
        services = {one.service.name for one in candidates}
        hedge = len(services) > 1 and any(map(self._may_be_hedged, candidates))
        places = tuple(candidate.place for candidate in candidates)
        several = Plan(choices=choices, order="priority", hedge=hedge, places=places)
        plan = lanes[0].plan if len(lanes) == 1 else several
        fits = min((lane.abilities.fits for lane in lanes), default=math.inf)
        streams = all(lane.abilities.streams for lane in lanes)
        group = Group(candidates, lanes, order, settings, plan, Peers(lanes), fits, streams, hedge)
        self._groups[id(candidates)] = group
        return group

    def _order_of(self, candidates: Sequence[Candidate]) -> tuple[Order, Sequence[float]]:
        """The configured order of a list of candidates, and their weights."""
        model = self._models.get(candidates[0].alias or "") if candidates else None
        if model is None:
            return self._routing.order, ()
        order = model.order or self._routing.order
        if not model.weights:
            return order, ()
        weights = dict(zip(model.candidates, model.weights, strict=True))
        named = (f"{one.service.name}/{one.model}" for one in candidates)
        return order, [weights.get(name, 1.0) for name in named]

    def _forget_groups(self) -> None:
        self._groups.clear()

    def _emit(self, transition: Transition) -> None:
        for observer in self._observers:
            observer(transition)


def _are_clean(lanes: Sequence[Lane]) -> bool:
    """Whether nothing is blocked."""
    for lane in lanes:  # a loop: a generator costs more than the few candidates  # noqa: SIM110
        if not lane.endpoint.clean:
            return False
    return True
