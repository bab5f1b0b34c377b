"""The figures of the candidates of one request, side by side."""

from collections.abc import Iterable, Sequence

from tidegate.money.pricing import PriceList

from .affinity import Home
from .cost import expected_output
from .credentials import Wall
from .endpoint import Lane
from .facts import RequestFacts
from .orders import median
from .plan import Choice

__all__ = ["STREAM_SHARE", "assess", "availability"]

STREAM_SHARE = 0.1
"""How much of the expected time of generation counts for a stream, beside the time to its first token: its
reader waits for the first token and reads along with the rest. Chosen by simulation.
A plain answer is waited for as a whole."""
SLOW = 3.0
"""Above so many times the median of its peers' median times to first token, an endpoint is slow."""
SLOW_SUCCESS = 0.5
"""The rate of success that a slow endpoint counts with, at most."""


def availability(lanes: Iterable[Lane], now: float) -> list[Choice]:
    """The choices with nothing but whether they can serve now."""
    choices = []
    for lane in lanes:
        closed_by, wait_s = lane.closed(now)
        choices.append(Choice(lane.candidate, wait_s, closed_by))
    return choices


def assess(
    lanes: Sequence[Lane],
    facts: RequestFacts,
    homes: Sequence[Home],
    prices: PriceList,
    now: float,
    wall: Wall,
) -> list[Choice]:
    """The choices with all their figures."""
    choices = availability(lanes, now)
    _set_times(choices, lanes, facts, now)
    _set_costs(choices, lanes, facts, homes, prices, now, wall)
    _set_success(choices, lanes, now)
    return choices


def _set_times(choices: Sequence[Choice], lanes: Sequence[Lane], facts: RequestFacts, now: float) -> None:
    """The expected times. Where a speed is not known, the median of the others stands in for it."""
    speeds = []
    for choice, lane in zip(choices, lanes, strict=True):
        figures = lane.endpoint.figures
        choice.ttft_s = figures.ttft_s(now)
        speed = choice.tokens_per_s = figures.tokens_per_s(now)
        if speed:
            speeds.append(speed)
    usual = median(speeds) if speeds else None
    output = _expected_output(lanes, facts, now)
    for choice, lane in zip(choices, lanes, strict=True):
        if not facts.stream:
            choice.seconds = lane.endpoint.figures.answer_s(now)
            if choice.seconds is not None:
                continue
        if choice.ttft_s is not None:
            speed = choice.tokens_per_s or usual
            share = STREAM_SHARE if facts.stream else 1.0
            choice.seconds = choice.ttft_s + (share * output / speed if speed else 0.0)


def _set_costs(
    choices: Sequence[Choice],
    lanes: Sequence[Lane],
    facts: RequestFacts,
    homes: Sequence[Home],
    prices: PriceList,
    now: float,
    wall: Wall,
) -> None:
    """The expected costs. Where the client caches its prompts for money, whoever does not hold a prompt
    writes it anew.
    """
    output = _expected_output(lanes, facts, now)
    prompt = facts.input_tokens
    writes = False
    for home in homes:
        writes = writes or home.writes
    for choice, lane in zip(choices, lanes, strict=True):
        for home in homes:
            endpoint = lane.endpoint
            if (
                home.model == endpoint.model
                and home.service == endpoint.service
                and home.tokens > choice.cached_tokens
            ):
                choice.cached_tokens = min(home.tokens, prompt)
        card = lane.card(prices, prompt, now, wall)
        if card is not None:
            choice.cost = card.cost(prompt, choice.cached_tokens, output, writes=writes)


def _set_success(choices: Sequence[Choice], lanes: Sequence[Lane], now: float) -> None:
    """The rates of success; a slow endpoint counts as half successful."""
    medians = [lane.endpoint.figures.p50(now) for lane in lanes]
    for place, (choice, lane) in enumerate(zip(choices, lanes, strict=True)):
        choice.success = lane.endpoint.figures.success(now)
        mine = medians[place]
        if mine is None:
            continue
        peers = [other for at, other in enumerate(medians) if other is not None and at != place]
        if peers and mine > SLOW * median(peers):
            choice.slow = True
            choice.success = min(choice.success, SLOW_SUCCESS)


def _expected_output(lanes: Sequence[Lane], facts: RequestFacts, now: float) -> float:
    """The completion tokens to expect; the same for all, so that nobody is cheap by the requests it has
    had.
    """
    known = [one for lane in lanes if (one := lane.endpoint.figures.output_tokens(now)) is not None]
    return expected_output(median(known) if known else None, facts.max_output, facts.choices)
