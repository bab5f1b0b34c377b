"""Collects the answers that need no look at each of them, for the figures: whole, at the first attempt, with
usage. A tenth of a second later they are added up together, by model and caller.
"""

from time import time
from typing import NamedTuple

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


class Group(NamedTuple):
    """Answers of one candidate to one caller."""

    candidate: Candidate
    door: str
    user: str | None
    key: str | None
    tool_calls: bool
    tallies: list[Tally]
    totals_ms: list[float]
    ttfts_ms: list[float]
    generation_s: list[float]
    """For each answer, from its first token to its end; for a plain answer, from the request on."""
    costs: list[int | None] | None
    """What was booked for each answer, in nano; None where nothing was booked."""


class PlainAnswers:
    """The answers since the last time they were added up. A reload makes a new one; what the old one has is
    still added up.
    """

    def __init__(self, figures: Keeper, names: ModelNames, cards: PriceCards) -> None:
        self._figures, self._names, self._cards = figures, names, cards
        self._groups: dict[tuple[int, str, str | None, str | None, bool, bool], Group] = {}

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
        calls = tally.finish == "tool_calls"
        key = (id(candidate), record.door, caller.user, caller.key, calls, booked)
        group = self._groups.get(key)
        if group is None:
            if not self._groups:
                self._figures.defer(self.count)
            costs: list[int | None] | None = [] if booked else None
            group = Group(candidate, record.door, caller.user, caller.key, calls, [], [], [], [], costs)
            self._groups[key] = group
        group.tallies.append(tally)
        group.totals_ms.append(record.total_ms)
        if record.stream:
            group.ttfts_ms.append(record.first_byte_ms or 0.0)
        group.generation_s.append(generation_s)
        if group.costs is not None:
            group.costs.append(record.cost)

    def count(self) -> None:
        """Add up what was collected."""
        groups, self._groups = self._groups, {}
        at = int(time() * 1000)
        for group in groups.values():
            self._figures.add_answers(self._sum_up(group, at))

    def _sum_up(self, group: Group, at: int) -> Answers:
        candidate, tallies = group.candidate, group.tallies
        usages = [tally.usage or NO_USAGE for tally in tallies]
        total = _added(usages)
        cost, unpriced, discount, premium = self._cards.add_up(candidate, tallies, usages, total)
        if group.costs is not None:
            cost, unpriced = sum(filter(None, group.costs)), group.costs.count(None)
        generated, generated_s = 0, 0.0
        for usage, elapsed in zip(usages, group.generation_s, strict=True):
            if elapsed >= LEAST_GENERATION_S:
                generated += usage.completion_tokens or 0
                generated_s += elapsed
        return Answers(
            provider=candidate.service.name, model=self._names.of(candidate), door=group.door, at=at,
            user=group.user, key=group.key, totals_ms=group.totals_ms, ttfts_ms=group.ttfts_ms,
            input=_sum(total.input, total.input_audio, total.input_image),
            cache_read=_sum(total.cache_read),
            cache_write=_sum(total.cache_write, total.cache_write_1h),
            output=_sum(total.output, total.output_audio, total.output_image),
            reasoning=_sum(total.reasoning),
            cost=cost, unpriced=unpriced, discount=discount, premium=premium,
            generated=generated, generated_ms=generated_s * 1e3,
            tool_calls=len(tallies) if group.tool_calls else 0,
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
