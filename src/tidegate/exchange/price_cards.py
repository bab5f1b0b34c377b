"""What answers cost where no accounts are kept, and what prompt caches save: for figures, not for bills."""

from collections.abc import Sequence
from time import time

from tidegate.catalog import Tiered
from tidegate.money import NANO, Found, Terms
from tidegate.protocols.contract import Tally
from tidegate.protocols.usage import Usage
from tidegate.providers import Candidate
from tidegate.routing.cost import Card, card_of

from .tariff import Tariff

__all__ = ["PriceCards"]

MOST_KEPT = 4096


class PriceCards:
    """The prices of text by a tariff, as numbers: a bill takes ten times as long."""

    def __init__(self, tariff: Tariff) -> None:
        self._tariff = tariff
        self._cards: dict[int, tuple[Found, Card | None]] = {}
        """By the identity of the prices that they are made of, which the tariff keeps."""

    def cost(self, candidate: Candidate, served: Tally, usage: Usage) -> int | None:
        """What an answer costs, in nano; None where that is not known."""
        card = self._card(candidate, served, usage) if _is_plain(served, usage) else None
        if card is None or usage.input is None or usage.output is None:
            bill = self._tariff.bill(candidate, served, served.billed or usage, time())
            return bill.total if bill is not None else None
        usd = (
            usage.input * card.input
            + (usage.cache_read or 0) * card.cache_read
            + (usage.cache_write or 0) * card.cache_write
            + (usage.cache_write_1h or 0) * card.cache_write_1h
            + usage.output * card.output
            + card.request
        )
        return round(usd * NANO)

    def add_up(
        self, candidate: Candidate, served: Sequence[Tally], usages: Sequence[Usage], total: Usage
    ) -> tuple[int, int, int, int]:
        """What several answers cost, how many of them have no known price, and what a prompt cache has saved
        and cost (see `cache_effect`). All of them were served by the same terms, and have a cost, images or
        other tokens to bill of their own, or none of them has. `total` is their usage added up.
        """
        first = served[0]
        plain = _is_plain(first, total)
        if plain and not self._found(candidate, first).rates and all(map(_has_text, usages)):
            return 0, len(usages), 0, 0
        card = self._card(candidate, first, total) if plain else None
        if card is None or self._is_tiered(candidate, first) or not all(map(_is_complete, usages)):
            return self._add_up_each(candidate, served, usages)
        written, hour = total.cache_write or 0, total.cache_write_1h or 0
        read = total.cache_read or 0
        usd = (total.input or 0) * card.input + read * card.cache_read + written * card.cache_write
        usd += hour * card.cache_write_1h + (total.output or 0) * card.output + len(usages) * card.request
        discount = read * (card.input - card.cache_read)
        premium = written * (card.cache_write - card.input) + hour * (card.cache_write_1h - card.input)
        return round(usd * NANO), 0, max(0, round(discount * NANO)), max(0, round(premium * NANO))

    def _add_up_each(
        self, candidate: Candidate, served: Sequence[Tally], usages: Sequence[Usage]
    ) -> tuple[int, int, int, int]:
        total = unpriced = saved = paid = 0
        for tally, usage in zip(served, usages, strict=True):
            cost = self.cost(candidate, tally, usage)
            total, unpriced = (total, unpriced + 1) if cost is None else (total + cost, unpriced)
            discount, premium = self.cache_effect(candidate, tally, usage)
            saved, paid = saved + discount, paid + premium
        return total, unpriced, saved, paid

    def _is_tiered(self, candidate: Candidate, served: Tally) -> bool:
        """Whether a price depends on the length of the prompt."""
        found = self._found(candidate, served)
        return any(isinstance(rate, Tiered) for rate in found.rates.values())

    def cache_effect(self, candidate: Candidate, served: Tally, usage: Usage) -> tuple[int, int]:
        """What reading from a prompt cache has saved, and what writing to it has cost on top, in nano."""
        written, hour = usage.cache_write or 0, usage.cache_write_1h or 0
        if not usage.cache_read and not written and not hour:
            return 0, 0
        card = self._card(candidate, served, usage)
        if card is None:
            return 0, 0
        discount = (usage.cache_read or 0) * (card.input - card.cache_read)
        premium = written * (card.cache_write - card.input) + hour * (card.cache_write_1h - card.input)
        return max(0, round(discount * NANO)), max(0, round(premium * NANO))

    def _card(self, candidate: Candidate, served: Tally, usage: Usage) -> Card | None:
        """The prices of text, in USD per token; None if they are unknown."""
        found = self._found(candidate, served)
        kept = self._cards.get(id(found))
        if kept is not None and kept[0] is found:
            return kept[1]
        card = card_of(found.rates, usage.prompt_tokens or 0, writes=usage.completion_tokens != 0)
        if not any(isinstance(rate, Tiered) for rate in found.rates.values()):
            if len(self._cards) >= MOST_KEPT:
                self._cards.clear()
            self._cards[id(found)] = found, card
        return card

    def _found(self, candidate: Candidate, served: Tally) -> Found:
        terms = Terms(served.service_tier, served.speed, served.inference_geo, served.search_context_size)
        return self._tariff.find(candidate.service.name, candidate.model, terms)


def _is_complete(usage: Usage) -> bool:
    """Whether it has what its price needs."""
    return usage.input is not None and usage.output is not None


def _has_text(usage: Usage) -> bool:
    """Whether it has anything that would need a price."""
    return bool(usage.input or usage.output)


def _is_plain(served: Tally, usage: Usage) -> bool:
    """Whether an answer has only tokens of text, at the usual prices."""
    if served.images or served.billed is not None or served.provider_cost is not None:
        return False
    others = (
        usage.reasoning, usage.input_audio, usage.input_image, usage.output_audio, usage.output_image,
        usage.searches,
    )  # fmt: skip
    return not any(others)
