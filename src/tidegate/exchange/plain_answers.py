"""Collects the answers that need no look at each of them, for the figures: whole, at the first attempt, with
usage. A tenth of a second later they are added up together, by model and caller.
"""

from time import time

from msgspec import structs

from tidegate.accounts import Caller
from tidegate.figures import Answers, Keeper
from tidegate.observe import Record
from tidegate.protocols.contract import Tally
from tidegate.protocols.usage import Usage
from tidegate.providers import Candidate

from .model_names import ModelNames
from .price_cards import PriceCards

__all__ = ["LEAST_GENERATION_S", "PlainAnswers"]

LEAST_GENERATION_S = 0.01
"""The shortest generation whose speed is measured, in seconds: what is faster arrived at once."""


Answer = tuple[Tally, float, float | None, float, int | None]
"""What is added up of an answer: its tally, the milliseconds to its end and to the first byte if it is
a stream, the seconds from there to its end (of a plain answer, from the request on), and its booked cost in
nano (10⁻⁹ USD).
"""
Kind = tuple[int, str, str | None, str | None, bool, bool]
"""What answers have in common that are added up together: the id of their candidate, the door, the caller's
user and key, and whether they end in tool calls and are booked.
"""


class PlainAnswers:
    """The answers since the last time they were added up. A reload makes a new one; what the old one has is
    still added up.
    """

    def __init__(self, figures: Keeper, names: ModelNames, cards: PriceCards) -> None:
        self._figures, self._names, self._cards = figures, names, cards
        self._kinds: dict[Kind, tuple[Candidate, list[Answer]]] = {}

    def add(
        self,
        candidate: Candidate,
        tally: Tally,
        record: Record,
        caller: Caller,
        generation_s: float,
        *,
        booked: bool = False,
    ) -> None:
        """Collect an answer whose generation took so many seconds. Where it is `booked`, its record says what
        it costs.
        """
        kind = id(candidate), record.door, caller.user, caller.key, tally.finish == "tool_calls", booked
        known = self._kinds.get(kind)
        if known is None:
            if not self._kinds:
                self._figures.defer(self.count)
            known = self._kinds[kind] = candidate, []
        ttft_ms = record.first_byte_ms if record.stream else None
        known[1].append((tally, record.total_ms, ttft_ms, generation_s, record.cost))

    def count(self) -> None:
        """Add up what was collected."""
        kinds, self._kinds = self._kinds, {}
        at = int(time() * 1000)
        for kind, (candidate, answers) in kinds.items():
            self._figures.add_answers(self._add_up(kind, candidate, answers, at))

    def _add_up(self, kind: Kind, candidate: Candidate, answers: list[Answer], at: int) -> Answers:
        _, door, user, key, calls, booked = kind
        tallies, totals_ms, ttfts_ms, elapsed_s, costs = zip(*answers, strict=True)
        usages = [tally.usage or NO_USAGE for tally in tallies]
        total = _added(usages)
        cost, unpriced, discount, premium = self._cards.add_up(candidate, tallies, usages, total)
        if booked:
            cost, unpriced = sum(filter(None, costs)), costs.count(None)
        generated, generated_s = 0, 0.0
        for usage, elapsed in zip(usages, elapsed_s, strict=True):
            if elapsed >= LEAST_GENERATION_S:
                generated += usage.completion_tokens or 0
                generated_s += elapsed
        return Answers(
            provider=candidate.service.name, model=self._names.of(candidate), door=door, at=at,
            user=user, key=key,
            totals_ms=totals_ms, ttfts_ms=[ttft for ttft in ttfts_ms if ttft is not None],
            input=_sum(total.input, total.input_audio, total.input_image),
            cache_read=_sum(total.cache_read),
            cache_write=_sum(total.cache_write, total.cache_write_1h),
            output=_sum(total.output, total.output_audio, total.output_image),
            reasoning=_sum(total.reasoning),
            cost=cost, unpriced=unpriced, discount=discount, premium=premium,
            generated=generated, generated_ms=generated_s * 1e3,
            tool_calls=len(answers) if calls else 0,
        )  # fmt: skip


NO_USAGE = Usage()


def _added(usages: list[Usage]) -> Usage:
    """The classes of many answers added up, by columns; those that nobody reported are 0."""
    columns = zip(*map(structs.astuple, usages), strict=True)
    return Usage(
        **dict(zip(Usage.__struct_fields__, (sum(filter(None, one)) for one in columns), strict=True))
    )


def _sum(*counts: int | None) -> int:
    return sum(filter(None, counts))
