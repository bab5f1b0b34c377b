"""Compares the figures of a request's candidates."""

from collections.abc import Iterable, Sequence
from random import Random

from msgspec import structs

from tidegate.config import Order
from tidegate.money.pricing import PriceList

from .affinity import Home
from .cost import expected_output
from .credentials import WallClock
from .drawing import MOST_DRAWN, Draw
from .endpoint import Lane
from .facts import RequestFacts
from .figures import FRESH_S, View
from .orders import ORDERS, Ranking, Settings, median
from .plan import Choice, Plan

__all__ = ["STREAM_SHARE", "Peers", "SharedRanking", "availability"]

STREAM_SHARE = 0.1
"""The share of the expected generation time that counts for a stream, in addition to the time to first token:
its reader waits for the first token and reads the rest as it arrives. Chosen by simulation. For a plain
answer, all of it counts."""
SLOW = 3.0
"""An endpoint is slow if its median time to first token exceeds the median of its peers by this factor."""
MOST_RANKINGS = 256
"""Maximum number of rankings that are kept, for up to `FRESH_S`."""
SIGNIFICANT_BITS = 4
"""Of the length of a prompt, when candidates are ranked: it is at most a sixteenth off."""
SLOW_SUCCESS = 0.5
"""The maximum success rate with which a slow endpoint is ranked."""
WORSE_SUCCESS = 0.9
"""The maximum success rate with which an endpoint is ranked that got worse than its own past: low enough that
another one is preferred, high enough that it is still called, so that its recovery is seen."""


def availability(lanes: Iterable[Lane], now: float) -> list[Choice]:
    """The choices with only their availability."""
    choices = []
    for lane in lanes:
        blocked_by, wait_s = lane.blocked(now)
        choices.append(Choice(lane.candidate, wait_s, blocked_by))
    return choices


class SharedRanking:
    """A ranking that several requests share, and the draws that they have made."""

    __slots__ = ("_draw", "_ranking")

    def __init__(self, ranking: Ranking) -> None:
        self._ranking = ranking
        choices, weights = ranking.choices, ranking.weights
        few = weights and len(choices) <= MOST_DRAWN
        self._draw = Draw([*zip(choices, weights, strict=True)]) if few else None

    def plan(self, order: Order, random: Random, *, hedge: bool) -> Plan:
        """The plan of one request; `order` and `hedge` are always the same."""
        if self._draw is None:
            return Plan(choices=tuple(self._ranking.order(random)), order=order, hedge=hedge)
        draw = self._draw.finish(random)
        if draw.plan is None:
            draw.plan = Plan(choices=draw.choices, order=order, hedge=hedge)
        return draw.plan


class Peers:
    """The candidates that are compared, and their figures at a moment."""

    __slots__ = ("_at", "_figures", "_output", "_rankings", "_speed", "lanes")

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = lanes
        self._at = float("-inf")
        self._figures: list[tuple[Lane, View, bool, float]] = []
        """Each lane with its figures, whether it is slow, and the success rate by which it is ranked."""
        self._output: float | None = None
        """The usual number of completion tokens; the same for all, so no candidate appears cheap because of
        the requests it happened to serve."""
        self._rankings: dict[tuple[Order, int, float, bool], SharedRanking] = {}
        """By order, prompt tokens, expected completion tokens, and whether the answer is streamed."""
        self._speed: float | None = None
        """The usual speed, for candidates whose speed is unknown."""

    def assess(
        self, facts: RequestFacts, homes: Sequence[Home], prices: PriceList, now: float, wall_clock: WallClock
    ) -> list[Choice]:
        """The choices with all their figures."""
        if now - self._at >= FRESH_S:
            self._look(now)
        prompt = facts.input_tokens
        output = expected_output(self._output, facts.max_output, facts.choices)
        writes = False
        for home in homes:
            writes = writes or home.writes
        choices = []
        for lane, view, slow, success in self._figures:
            blocked_by, wait_s = (None, 0.0) if lane.endpoint.clean else lane.blocked(now)
            cached = _cached(lane, homes, prompt) if homes else 0
            card = lane.card(prices, prompt, now, wall_clock)
            choices.append(
                Choice(
                    lane.candidate,
                    wait_s,
                    blocked_by,
                    card.cost(prompt, cached, output, writes) if card is not None else None,
                    view.ttft_s,
                    view.tokens_per_s,
                    self._seconds(view, facts, output),
                    success,
                    cached,
                    slow,
                )
            )
        return choices

    def ranking(
        self,
        order: Order,
        facts: RequestFacts,
        settings: Settings,
        prices: PriceList,
        now: float,
        wall_clock: WallClock,
    ) -> SharedRanking:
        """The ranking of the candidates for requests like this one, of a conversation that is cached nowhere.
        It is kept until the figures are looked at again, so all of them must be able to serve; the length of
        the prompt is rounded, by less than an estimate is wrong.
        """
        if now - self._at >= FRESH_S:
            self._look(now)
        prompt = _rounded(facts.input_tokens)
        output = expected_output(self._output, facts.max_output, facts.choices)
        key = order, prompt, output, facts.stream
        ranking = self._rankings.get(key)
        if ranking is None:
            if len(self._rankings) >= MOST_RANKINGS:
                self._rankings.clear()
            facts = structs.replace(facts, input_tokens=prompt)
            choices = self.assess(facts, (), prices, now, wall_clock)
            ranking = self._rankings[key] = SharedRanking(ORDERS[order](choices, settings))
        return ranking

    def expected_output(self, max_output: int | None, choices: int, now: float) -> float:
        """The completion tokens to expect, by earlier answers."""
        if now - self._at >= FRESH_S:
            self._look(now)
        return expected_output(self._output, max_output, choices)

    def _look(self, now: float) -> None:
        """Compare all figures."""
        self._at = now
        self._rankings.clear()
        views = [lane.endpoint.figures.view(now) for lane in self.lanes]
        self._figures = []
        for lane, view in zip(self.lanes, views, strict=True):
            slow = _is_slow(view, [other for other in views if other is not view])
            most = SLOW_SUCCESS if slow else WORSE_SUCCESS if lane.endpoint.got_worse else 1.0
            self._figures.append((lane, view, slow, min(view.success, most)))
        outputs = [view.output_tokens for view in views if view.output_tokens is not None]
        speeds = [view.tokens_per_s for view in views if view.tokens_per_s]
        self._output = median(outputs) if outputs else None
        self._speed = median(speeds) if speeds else None

    def _seconds(self, view: View, facts: RequestFacts, output: float) -> float | None:
        """The time by which a candidate is ranked, in seconds."""
        if facts.stream:
            share = STREAM_SHARE
        elif view.answer_s is not None:
            return view.answer_s
        else:
            share = 1.0
        if view.ttft_s is None:
            return None
        speed = view.tokens_per_s or self._speed
        return view.ttft_s + share * output / speed if speed else view.ttft_s


def _cached(lane: Lane, homes: Sequence[Home], prompt: int) -> int:
    """The prompt tokens that an endpoint's cache is expected to contain."""
    endpoint, cached = lane.endpoint, 0
    for home in homes:
        if home.model == endpoint.model and home.service == endpoint.service:
            cached = max(cached, min(home.tokens, prompt))
    return cached


def _is_slow(view: View, others: Sequence[View]) -> bool:
    if view.ttft_p50_s is None:
        return False
    peers = [other.ttft_p50_s for other in others if other.ttft_p50_s is not None]
    return bool(peers) and view.ttft_p50_s > SLOW * median(peers)


def _rounded(tokens: int) -> int:
    """A number of tokens with only its leading bits: the middle of all numbers that begin with them."""
    rest = tokens.bit_length() - SIGNIFICANT_BITS
    return tokens if rest <= 0 else (tokens >> rest << rest) + (1 << rest >> 1)
