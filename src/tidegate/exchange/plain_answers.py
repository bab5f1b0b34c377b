"""Collects the answers that need no look at each of them, for the figures: whole, at the first attempt, with
usage. A tenth of a second later they are added up together, by model and caller.
"""

from collections.abc import Sequence
from time import time

from msgspec import structs

from tidegate.accounts import Caller
from tidegate.figures import Answered, Answers, Keeper
from tidegate.observe import Record
from tidegate.protocols.contract import Tally
from tidegate.protocols.usage import Usage
from tidegate.providers import Candidate

from .model_names import ModelNames
from .price_cards import PriceCards

__all__ = ["LEAST_GENERATION_S", "PlainAnswers"]

LEAST_GENERATION_S = 0.01
"""The shortest generation whose speed is measured, in seconds: what is faster arrived at once."""


Answer = tuple[Tally, Record, float]
"""What is added up of an answer: its tally, its record, and the seconds that its generation took: of a stream
from the first byte on, of a plain answer from the request on.
"""
Kind = tuple[object, ...]
"""What answers have in common that are added up together: their candidate (by its id), door and caller,
whether they end in tool calls, and the terms by which they were served.
"""
Booked = tuple[str, str | None, str | None, str, str]
"""The same of those that are booked: their door, user, key, provider and model."""


class PlainAnswers:
    """The answers since the last time they were added up. A reload makes a new one; what the old one has is
    still added up.
    """

    def __init__(self, figures: Keeper, names: ModelNames, cards: PriceCards) -> None:
        self._figures, self._names, self._cards = figures, names, cards
        self._kinds: dict[Kind, tuple[Candidate, Caller, list[Answer]]] = {}
        self._booked: dict[Booked, list[Answered]] = {}

    def add(
        self,
        candidate: Candidate,
        tally: Tally,
        record: Record,
        caller: Caller,
        generation_s: float,
    ) -> None:
        """Collect an answer whose generation took so many seconds."""
        kind = (
            id(candidate), record.door, caller.user, caller.key, tally.finish == "tool_calls",
            tally.service_tier, tally.speed, tally.inference_geo, tally.search_context_size, tally.images,
            tally.provider_cost is None, tally.billed is None,
        )  # fmt: skip
        known = self._kinds.get(kind)
        if known is None:
            self._defer()
            known = self._kinds[kind] = candidate, caller, []
        known[2].append((tally, record, generation_s))

    def add_booked(self, answered: Answered, door: str, caller: Caller) -> None:
        """Collect an answer that was taken apart when it was booked."""
        kind = door, caller.user, caller.key, answered.provider, answered.model
        known = self._booked.get(kind)
        if known is None:
            self._defer()
            known = self._booked[kind] = []
        known.append(answered)

    def _defer(self) -> None:
        if not self._kinds and not self._booked:
            self._figures.defer(self.count)

    def count(self) -> None:
        """Add up what was collected."""
        kinds, self._kinds = self._kinds, {}
        booked, self._booked = self._booked, {}
        at = int(time() * 1000)
        for candidate, caller, answers in kinds.values():
            self._figures.add_answers(self._add_up(candidate, caller, answers, at))
        for (door, user, key, _, _), answered in booked.items():
            self._figures.add_answers(Answers.of(answered, door, at, user, key))

    def _add_up(self, candidate: Candidate, caller: Caller, answers: list[Answer], at: int) -> Answers:
        tallies: Sequence[Tally]
        records: Sequence[Record]
        tallies, records, elapsed_s = zip(*answers, strict=True)
        usages = [tally.usage or NO_USAGE for tally in tallies]
        total = _added(usages)
        cost, unpriced, discount, premium = self._cards.add_up(candidate, tallies, usages, total)
        generated, generated_s = 0, 0.0
        for usage, elapsed in zip(usages, elapsed_s, strict=True):
            if elapsed >= LEAST_GENERATION_S:
                generated += usage.completion_tokens or 0
                generated_s += elapsed
        ttfts_ms = [one.first_byte_ms for one in records if one.stream and one.first_byte_ms is not None]
        return Answers(
            provider=candidate.service.name, model=self._names.of(candidate), door=records[0].door, at=at,
            user=caller.user, key=caller.key,
            totals_ms=[record.total_ms for record in records], ttfts_ms=ttfts_ms,
            input=_sum(total.input, total.input_audio, total.input_image),
            cache_read=_sum(total.cache_read),
            cache_write=_sum(total.cache_write, total.cache_write_1h),
            output=_sum(total.output, total.output_audio, total.output_image),
            reasoning=_sum(total.reasoning),
            cost=cost, unpriced=unpriced, discount=discount, premium=premium,
            generated=generated, generated_ms=generated_s * 1e3,
            tool_calls=len(answers) if tallies[0].finish == "tool_calls" else 0,
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
